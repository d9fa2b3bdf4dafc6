"""Version 1: what its calls ask for, and what its answers become."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.core.model import CampaignId, Charge, Membership, PatronStatus, RoleId, Source
from bot.errors import IncompleteList, UnexpectedAnswer
from bot.patreon.paging import ListReading
from bot.patreon.v1 import ESSENTIAL, V1Dialect
from tests.patreon.samples import NOW, dump, pledge_body, raw, sample

CAMPAIGN = CampaignId("70261")


def parsed(attributes: dict[str, Any] | None = None, **relations: str | None) -> Membership:
    page = V1Dialect().parse_list(dump(pledge_body(attributes, **relations)), CAMPAIGN, NOW)
    (found,) = page.rows.values()
    assert found is not None
    return found


def in_currency(pledge: str, campaign: str | None, reward: str | None = "1408001") -> Membership:
    page = pledge_body({"currency": pledge, "amount_cents": 470, "total_historical_amount_cents": 940}, reward=reward)
    for side in page["included"]:
        if side["type"] == "campaign" and side["id"] == CAMPAIGN:
            side["attributes"]["currency"] = campaign
    (found,) = V1Dialect().parse_list(dump(page), CAMPAIGN, NOW).rows.values()
    assert found is not None
    return found


def test_the_recorded_first_page() -> None:
    page = V1Dialect().parse_list(raw("v1/pledges_page_1.json"), CAMPAIGN, NOW)
    assert (len(page.rows), page.total, page.unreadable) == (10, 12, set())
    assert page.cursor == "2017-11-10T00:12:57.670910+00:00"
    third, declined = page.rows["6022939"], page.rows["8754529"]
    assert third is not None
    assert declined is not None
    assert (third.patron, third.tier_cents, third.amount_cents) == ("899902", 100, 100)
    assert third.tiers == {"1408001"}
    assert (third.status, third.charge, third.source) == (PatronStatus.ACTIVE, Charge.NONE, Source.LIST)
    assert third.since == datetime(2017, 5, 25, 22, 32, 30, 623472, UTC)
    assert (declined.status, declined.charge) == (PatronStatus.DECLINED, Charge.DECLINED)
    assert declined.declined_since == datetime(2018, 2, 2, 0, 28, tzinfo=UTC)
    assert declined.tiers == frozenset()


def test_the_recorded_pages_do_not_add_up_to_their_own_count() -> None:
    reading = ListReading()
    reading.take(V1Dialect().parse_list(raw("v1/pledges_page_1.json"), CAMPAIGN, NOW))
    with pytest.raises(IncompleteList, match="11 rows and says 12"):
        reading.take(V1Dialect().parse_list(raw("v1/pledges_page_2.json"), CAMPAIGN, NOW))


def test_the_recorded_current_user_pledges_to_five_creators() -> None:
    found = V1Dialect().parse_identity(raw("v1/current_user.json"), NOW)
    assert (found.patron, found.full_name, found.complete) == ("32187", "Sample Person 2", True)
    amounts = {one.campaign: (one.amount_cents, one.tiers) for one in found.memberships}
    assert amounts == {
        "71481": (100, frozenset()),
        "499077": (200, {"1188921"}),
        "99664": (500, {"1070038"}),
        "761889": (100, frozenset()),
        "682690": (100, {"2044993"}),
    }
    assert found.membership_of(CAMPAIGN) is None


def test_the_recorded_campaign_leaves_out_the_rewards_every_campaign_has() -> None:
    (found,) = V1Dialect().parse_campaigns(raw("v1/campaigns.json"))
    assert (found.campaign, found.creator, found.is_monthly, found.currency) == ("70261", "32187", False, None)
    assert found.name == "an unforgettable high school experience"
    assert len(found.tiers) == 8
    assert found.tiers[0].discord_roles == (RoleId(215204880011231233),)
    assert not found.tiers[0].published


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, (PatronStatus.ACTIVE, Charge.NONE)),
        ("valid", (PatronStatus.ACTIVE, Charge.NONE)),
        ("queued", (PatronStatus.ACTIVE, Charge.PENDING)),
        ("pending", (PatronStatus.ACTIVE, Charge.PENDING)),
        ("fraud", (PatronStatus.ACTIVE, Charge.FRAUD)),
        ("declined", (PatronStatus.DECLINED, Charge.DECLINED)),
        ("disabled", (PatronStatus.FORMER, Charge.NONE)),
    ],
)
def test_each_documented_state_of_a_pledge(status: str | None, expected: tuple[PatronStatus, Charge]) -> None:
    found = parsed({"status": status})
    assert (found.status, found.charge) == expected


def test_a_disabled_pledge_gives_nothing_any_more_and_tells_what_was() -> None:
    found, valid = parsed({"status": "disabled"}, reward="1408001"), parsed({"status": "valid"}, reward="1408001")
    assert (found.amount_cents, found.tiers, found.tier_cents) == (0, frozenset(), None)
    assert (found.since, found.patron, found.lifetime_cents) == (valid.since, valid.patron, valid.lifetime_cents)
    assert valid.tiers == {"1408001"}


def test_an_amount_in_the_campaigns_currency_counts() -> None:
    found = in_currency("EUR", "EUR")
    assert (found.amount_cents, found.currency, found.lifetime_cents) == (470, "EUR", 940)


@pytest.mark.parametrize("campaign", ["USD", None])
def test_an_amount_in_another_currency_is_judged_by_its_reward_alone(campaign: str | None) -> None:
    found = in_currency("EUR", campaign)
    assert (found.amount_cents, found.tier_cents, found.lifetime_cents) == (None, 100, None)
    assert in_currency("EUR", campaign, reward=None).tier_cents is None


def test_an_amount_without_a_currency_counts_only_where_nobody_speaks_of_one() -> None:
    assert parsed().amount_cents == 100
    page = pledge_body(reward="1408001")
    for side in page["included"]:
        if side["type"] == "campaign" and side["id"] == CAMPAIGN:
            side["attributes"]["currency"] = "USD"
    (found,) = V1Dialect().parse_list(dump(page), CAMPAIGN, NOW).rows.values()
    assert found is not None
    assert (found.amount_cents, found.tier_cents) == (None, 100)


@pytest.mark.parametrize(
    ("pledge", "stored", "cents"),
    [
        ("EUR", {CAMPAIGN: "EUR"}, 470),
        ("EUR", {CAMPAIGN: "USD"}, None),
        ("EUR", {CampaignId("1"): "EUR"}, None),
        ("EUR", {}, None),
    ],
)
def test_an_answer_that_names_no_currency_of_the_campaign_is_compared_with_the_stored_one(
    pledge: str, stored: dict[CampaignId, str], cents: int | None
) -> None:
    page = pledge_body({"currency": pledge, "amount_cents": 470})
    page["included"] = []
    (found,) = V1Dialect().parse_list(dump(page), CAMPAIGN, NOW, stored).rows.values()
    assert found is not None
    assert (found.amount_cents, found.currency) == (cents, "EUR")


def test_what_the_answer_says_of_the_currency_outweighs_what_is_stored() -> None:
    page = pledge_body({"currency": "EUR", "amount_cents": 470})
    for side in page["included"]:
        if side["type"] == "campaign" and side["id"] == CAMPAIGN:
            side["attributes"]["currency"] = "EUR"
    (found,) = V1Dialect().parse_list(dump(page), CAMPAIGN, NOW, {CAMPAIGN: "USD"}).rows.values()
    assert found is not None
    assert found.amount_cents == 470


def test_a_pledge_of_the_time_without_currencies_counts_whatever_is_stored() -> None:
    page = pledge_body()
    page["included"] = []
    (found,) = V1Dialect().parse_list(dump(page), CAMPAIGN, NOW, {CAMPAIGN: "EUR"}).rows.values()
    assert found is not None
    assert found.amount_cents == 100


def test_a_reward_tells_the_campaigns_currency_too() -> None:
    page = pledge_body({"currency": "EUR", "amount_cents": 470}, reward="1408001")
    for side in page["included"]:
        if side["type"] == "reward" and side["id"] == "1408001":
            side["attributes"]["currency"] = "EUR"
    (found,) = V1Dialect().parse_list(dump(page), CAMPAIGN, NOW).rows.values()
    assert found is not None
    assert found.amount_cents == 470


@pytest.mark.parametrize("reward", [None, "-1", "0"])
def test_a_pledge_to_no_reward_has_no_tier(reward: str | None) -> None:
    assert parsed(reward=reward).tiers == frozenset()
    assert parsed(reward=reward).tier_cents is None


def test_a_page_keeps_its_good_rows_and_names_the_others() -> None:
    page = sample("v1/pledges_page_1.json")
    rows = page["data"]
    rows[0]["attributes"]["amount_cents"] = "a lot"
    del rows[1]["attributes"]["declined_since"]
    rows[2]["relationships"]["patron"] = {"data": None}
    rows[3]["attributes"]["status"] = "hibernating"
    rows[4]["attributes"]["created_at"] = "long ago"
    del rows[5]["attributes"]
    rows[6]["attributes"]["amount_cents"] = "a lot"
    del rows[6]["relationships"]
    found = V1Dialect().parse_list(dump(page), CAMPAIGN, NOW)
    assert found.unreadable == {"488533", "3020451", "6022939", "2583263", "767526", "911560", "8594382"}
    assert len(found.rows) == 10
    assert sum(1 for one in found.rows.values() if one) == 3


def test_a_page_that_is_no_list_raises() -> None:
    for body in (b'{"data": {}}', b'{"errors": []}', b"[]"):
        with pytest.raises(UnexpectedAnswer):
            V1Dialect().parse_list(body, CAMPAIGN, NOW)


def test_pages_are_asked_for_oldest_first() -> None:
    first = dict(V1Dialect().list_call(CAMPAIGN, None).query)
    later = dict(V1Dialect().list_call(CAMPAIGN, "2017-11-10T00:12:57+00:00").query)
    assert (first["sort"], later["sort"]) == ("created", "created")
    assert "page[cursor]" not in first
    assert later["page[cursor]"] == "2017-11-10T00:12:57+00:00"
    assert later["page[count]"] == "100"
    assert V1Dialect().list_call(CampaignId("a/b"), None).path == "/oauth2/api/campaigns/a%2Fb/pledges"


def test_asking_for_optional_attributes_names_the_default_ones_as_well() -> None:
    asked = set(dict(V1Dialect().list_call(CAMPAIGN, None).query)["fields[pledge]"].split(","))
    assert {"amount_cents", "created_at", "declined_since", "patron_pays_fees", "pledge_cap_cents", "status"} <= asked
    assert dict(V1Dialect().identity_call().query)["fields[pledge]"]
    fields = V1Dialect().fields
    before = fields.query("pledge")
    for essential in ESSENTIAL:
        fields.drop(*essential.split("."))
    assert fields.query("pledge") == before


def test_v1_has_no_call_for_one_campaign() -> None:
    assert V1Dialect().campaign_call(CAMPAIGN) == V1Dialect().campaigns_call()
    assert V1Dialect().campaigns_call().path == "/oauth2/api/current_user/campaigns"


def test_no_pledge_is_a_positive_answer() -> None:
    answer = sample("v1/current_user.json")
    answer["included"] = []
    answer["data"]["relationships"]["pledges"]["data"] = []
    assert V1Dialect().parse_identity(dump(answer), NOW).complete
    del answer["data"]["relationships"], answer["included"]
    found = V1Dialect().parse_identity(dump(answer), NOW)
    assert (found.memberships, found.complete) == ((), True)


@pytest.mark.parametrize("fault", ["not included", "no creator", "wrong shape", "no state"])
def test_a_pledge_that_cannot_be_read_makes_the_answer_incomplete(fault: str) -> None:
    answer = sample("v1/current_user.json")
    pledge = next(side for side in answer["included"] if side["type"] == "pledge")
    if fault == "not included":
        answer["included"].remove(pledge)
    elif fault == "no creator":
        del pledge["relationships"]["creator"]
    elif fault == "wrong shape":
        pledge["attributes"]["amount_cents"] = "a lot"
    else:
        del pledge["attributes"]["declined_since"]
    found = V1Dialect().parse_identity(dump(answer), NOW)
    assert (len(found.memberships), found.complete) == (4, False)


def test_pledges_of_others_are_not_the_users() -> None:
    answer = sample("v1/current_user.json")
    for side in answer["included"]:
        if side["type"] == "pledge":
            side["relationships"]["patron"]["data"]["id"] = "4711"
    assert V1Dialect().parse_identity(dump(answer), NOW).memberships == ()


def test_a_creator_is_known_by_their_campaign() -> None:
    answer = sample("v1/current_user.json")
    answer["data"]["relationships"]["campaign"] = {"data": {"type": "campaign", "id": "1"}}
    own = {"type": "campaign", "id": "2", "relationships": {"creator": {"data": {"type": "user", "id": "32187"}}}}
    answer["included"] += [own, {"type": "campaign", "id": "3"}]
    assert V1Dialect().parse_identity(dump(answer), NOW).campaigns_owned == {"1", "2"}


@pytest.mark.parametrize("change", [{"type": "campaign"}, {"id": None}])
def test_what_is_no_user_or_campaign_raises(change: dict[str, Any]) -> None:
    answer = sample("v1/current_user.json")
    answer["data"].update(change)
    with pytest.raises(UnexpectedAnswer):
        V1Dialect().parse_identity(dump(answer), NOW)
    page = sample("v1/campaigns.json")
    page["data"][0].update({"type": "user"} if "type" in change else change)
    with pytest.raises(UnexpectedAnswer):
        V1Dialect().parse_campaigns(dump(page))


def test_a_campaign_without_a_creator_is_still_a_campaign() -> None:
    page = sample("v1/campaigns.json")
    del page["data"][0]["relationships"]["creator"]
    page["data"][0]["attributes"].update({"name": "Clara paints", "currency": "EUR", "is_monthly": None})
    (found,) = V1Dialect().parse_campaigns(dump(page))
    assert (found.creator, found.name, found.currency, found.is_monthly) == (None, "Clara paints", "EUR", True)


def test_a_pledge_finds_its_campaign_by_itself_its_creator_or_its_reward() -> None:
    answer = sample("v1/current_user.json")
    pledges = [side for side in answer["included"] if side["type"] == "pledge"]
    pledges[0]["relationships"]["campaign"] = {"data": {"type": "campaign", "id": "stated"}}
    del pledges[1]["relationships"]["creator"]
    for side in answer["included"]:
        if side["type"] == "campaign":
            side.pop("relationships")
    found = V1Dialect().parse_identity(dump(answer), NOW)
    assert [one.campaign for one in found.memberships] == ["stated", "499077", "99664", "761889", "682690"]


def test_included_resources_without_an_id_are_passed_over() -> None:
    page = pledge_body(reward="1408001")
    page["included"].append({"type": "reward", "id": None, "attributes": {"amount_cents": 5}})
    page["included"].append({"type": "reward", "id": "unpriced"})
    (found,) = V1Dialect().parse_list(dump(page), CAMPAIGN, NOW).rows.values()
    assert found is not None
    assert found.tier_cents == 100
