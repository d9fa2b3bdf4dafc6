"""Version 2's identity and campaigns: what their answers become."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.core.model import (
    Campaign,
    CampaignId,
    Charge,
    Membership,
    MembershipId,
    PatronId,
    PatronStatus,
    RoleId,
    Tier,
    TierId,
)
from bot.errors import UnexpectedAnswer
from bot.patreon.v2 import V2Dialect
from tests.patreon.samples import NOW, another, dump, identity, member_body

CAMPAIGN = CampaignId("8290127")
PAYING = Membership(
    patron=PatronId("642344"),
    campaign=CAMPAIGN,
    status=PatronStatus.ACTIVE,
    observed_at=NOW,
    charge=Charge.PAID,
    amount_cents=500,
    will_pay_cents=500,
    tiers=frozenset({TierId("8348592")}),
    tier_cents=500,
    paid_through=datetime(2024, 3, 1, tzinfo=UTC),
    lifetime_cents=5000,
    since=datetime(2022, 3, 7, 7, 34, 51, 725000, UTC),
    membership=MembershipId("c8f779ff-0f41-4326-8142-6c475f38e7e4"),
)


def test_identity_chooses_the_membership_by_campaign_and_never_by_position() -> None:
    other = another(member_body({"currently_entitled_amount_cents": 9900}), "m2", "642344")
    other["data"]["relationships"]["campaign"]["data"]["id"] = "999"
    found = V2Dialect().parse_identity(dump(identity("642344", other, member_body())), NOW)
    assert found.complete
    assert found.membership_of(CAMPAIGN) == PAYING
    assert found.membership_of(CampaignId("1")) is None


def test_identity_of_somebody_without_memberships() -> None:
    answer = identity("642344", name="A\x00nn")
    del answer["included"]
    found = V2Dialect().parse_identity(dump(answer), NOW)
    assert (found.patron, found.full_name, found.memberships, found.complete) == ("642344", "Ann", (), True)
    assert "Ann" not in repr(found)


def test_identity_of_a_creator_names_their_campaign() -> None:
    answer = identity("642344")
    answer["data"]["relationships"]["campaign"] = {"data": {"type": "campaign", "id": "8290127"}}
    assert V2Dialect().parse_identity(dump(answer), NOW).campaigns_owned == {"8290127"}


@pytest.mark.parametrize("fault", ["not included", "without campaign", "unreadable", "not a member", "wrong shape"])
def test_identity_with_a_membership_that_cannot_be_read_is_not_complete(fault: str) -> None:
    answer = identity("642344", member_body())
    member = answer["included"][0]
    if fault == "not included":
        answer["included"] = answer["included"][1:]
    elif fault == "without campaign":
        del member["relationships"]["campaign"]
    elif fault == "unreadable":
        member["attributes"] = {}
    elif fault == "wrong shape":
        member["attributes"]["is_gifted"] = "yes"
    else:
        answer["data"]["relationships"]["memberships"]["data"][0]["type"] = member["type"] = "tier"
    found = V2Dialect().parse_identity(dump(answer), NOW)
    assert (found.memberships, found.complete) == ((), False)


@pytest.mark.parametrize("fault", ["no user", "no id", "not asked", "one member", "a list"])
def test_identity_that_lists_no_memberships_raises(fault: str) -> None:
    answer = identity("642344")
    if fault == "no user":
        answer["data"]["type"] = "campaign"
    elif fault == "no id":
        answer["data"]["id"] = None
    elif fault == "not asked":
        del answer["data"]["relationships"]
    elif fault == "one member":
        answer["data"]["relationships"]["memberships"]["data"] = None
    else:
        answer["data"] = [answer["data"]]
    with pytest.raises(UnexpectedAnswer):
        V2Dialect().parse_identity(dump(answer), NOW)


def campaign_answer(**attributes: Any) -> Any:
    tier = {"title": "VIP", "amount_cents": 500, "published": True, "discord_role_ids": ["947148212534386738", "x"]}
    return {
        "data": {
            "type": "campaign",
            "id": "8290127",
            "attributes": {
                "name": "Clara paints",
                "url": "https://p/clara",
                "currency": "USD",
                "is_monthly": True,
                **attributes,
            },
            "relationships": {
                "creator": {"data": {"type": "user", "id": "69307539"}},
                "tiers": {
                    "data": [{"type": "tier", "id": "1"}, {"type": "tier", "id": "gone"}, {"type": "tier", "id": "2"}]
                },
            },
        },
        "included": [{"type": "tier", "id": "1", "attributes": tier}, {"type": "tier", "id": "2"}],
    }


def test_a_campaign_and_its_tiers() -> None:
    tiers = (Tier(TierId("1"), "VIP", 500, discord_roles=(RoleId(947148212534386738),)), Tier(TierId("2"), "", 0))
    expected = Campaign(
        CAMPAIGN, PatronId("69307539"), "Clara paints", "https://p/clara", "USD", is_monthly=True, tiers=tiers
    )
    answer = campaign_answer()
    assert V2Dialect().parse_campaigns(dump(answer)) == (expected,)
    answer["data"] = [answer["data"]]
    assert V2Dialect().parse_campaigns(dump(answer)) == (expected,)


def test_a_campaign_of_before_it_had_a_name() -> None:
    answer = campaign_answer(name=None, vanity="clara", is_monthly=False, url=None)
    del answer["data"]["relationships"]["creator"]
    found = V2Dialect().parse_campaigns(dump(answer))[0]
    assert (found.name, found.url, found.creator, found.is_monthly) == ("clara", "", None, False)


@pytest.mark.parametrize("fault", [{"type": "user"}, {"id": None}, {"attributes": {"is_monthly": "perhaps"}}])
def test_what_is_no_campaign_raises(fault: dict[str, Any]) -> None:
    answer = campaign_answer()
    answer["data"].update(fault)
    with pytest.raises(UnexpectedAnswer):
        V2Dialect().parse_campaigns(dump(answer))
