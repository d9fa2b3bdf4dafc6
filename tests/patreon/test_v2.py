"""Version 2: what its calls ask for, and what its answers become."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.core.model import (
    CampaignId,
    Charge,
    Membership,
    MembershipId,
    PatronId,
    PatronStatus,
    Source,
    TierId,
)
from bot.errors import UnexpectedAnswer
from bot.patreon.v2 import ESSENTIAL, FIELDS, V2Dialect
from tests.patreon.samples import NOW, another, dump, identity, member_body, members_page, raw

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


def parsed(attributes: dict[str, Any] | None = None, *, tiers: list[str] | None = None) -> Membership:
    return V2Dialect().parse_member(dump(member_body(attributes, tiers=tiers)), NOW)


def test_the_recorded_paying_member() -> None:
    assert parsed() == PAYING


def test_list_identity_and_single_read_agree() -> None:
    body = member_body()
    rows = V2Dialect().parse_list(dump(members_page(body)), CAMPAIGN, NOW).rows
    own = V2Dialect().parse_identity(dump(identity("642344", body)), NOW)
    assert rows == {PAYING.membership: replace(PAYING, source=Source.LIST)}
    assert own.memberships == (PAYING,)


@pytest.mark.parametrize(
    ("cadence", "cents", "a_month"),
    [(1, 500, 500), (12, 6000, 500), (12, 5040, 420), ("12", 6000, 500), (12, 5999, 500), (3, 1000, 333)],
)
def test_amounts_of_a_longer_period_are_divided_by_its_months(cadence: object, cents: int, a_month: int) -> None:
    said = {"pledge_cadence": cadence, "currently_entitled_amount_cents": cents, "will_pay_amount_cents": cents}
    found = parsed(said)
    assert (found.amount_cents, found.will_pay_cents) == (a_month, a_month)


@pytest.mark.parametrize("cadence", [0, -3, 10_000, "often", "", "9" * 5000])
def test_an_amount_for_a_period_that_makes_no_sense_is_unknown(cadence: object) -> None:
    assert parsed({"pledge_cadence": cadence}).amount_cents is None


def test_an_amount_for_a_period_that_is_not_told_is_unknown_and_without_a_period_stands() -> None:
    body = member_body()
    del body["data"]["attributes"]["pledge_cadence"]
    assert V2Dialect().parse_member(dump(body), NOW).amount_cents is None
    assert parsed({"pledge_cadence": None}).amount_cents == 500


def test_an_amount_left_out_is_unknown_and_not_nothing() -> None:
    body = member_body()
    del body["data"]["attributes"]["currently_entitled_amount_cents"]
    assert V2Dialect().parse_member(dump(body), NOW).amount_cents is None
    assert parsed({"currently_entitled_amount_cents": None}).amount_cents is None
    assert parsed({"currently_entitled_amount_cents": 0}).amount_cents == 0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("active_patron", PatronStatus.ACTIVE),
        ("declined_patron", PatronStatus.DECLINED),
        ("former_patron", PatronStatus.FORMER),
        (None, PatronStatus.NONE),
    ],
)
def test_each_status(status: str | None, expected: PatronStatus) -> None:
    assert parsed({"patron_status": status}).status is expected


def test_a_status_nobody_told_of_concludes_nothing() -> None:
    with pytest.raises(UnexpectedAnswer, match="status"):
        parsed({"patron_status": "hibernating_patron"})


@pytest.mark.parametrize(
    ("text", "charge"),
    [
        ("Paid", Charge.PAID),
        ("Declined", Charge.DECLINED),
        ("Deleted", Charge.DELETED),
        ("Pending", Charge.PENDING),
        ("Refunded", Charge.REFUNDED),
        ("Fraud", Charge.FRAUD),
        ("Refunded by Patreon", Charge.REFUNDED),
        ("Other", Charge.OTHER),
        ("Partially Refunded", Charge.PAID),
        ("Free Trial", Charge.TRIAL),
        ("Refund Pending", Charge.PAID),
        ("Refund Declined", Charge.PAID),
        ("Disputed", Charge.OTHER),
        (None, Charge.NONE),
    ],
)
def test_each_documented_charge(text: str | None, charge: Charge) -> None:
    assert parsed({"last_charge_status": text}).charge is charge


def test_a_decline_is_dated_by_the_last_try() -> None:
    said = {"patron_status": "declined_patron", "last_charge_status": "Declined"}
    assert parsed(said).declined_since == datetime(2024, 1, 31, 20, 46, 10, tzinfo=UTC)
    assert parsed({**said, "last_charge_date": "2025-01-01T00:00:00Z"}).declined_since == NOW
    assert parsed({**said, "last_charge_date": None}).declined_since is None
    assert parsed({**said, "last_charge_status": "Fraud"}).declined_since is None
    assert parsed({"last_charge_status": "Declined"}).declined_since is None


@pytest.mark.parametrize(
    ("said", "paid"),
    [
        ({}, True),
        ({"patron_status": "former_patron"}, True),
        ({"patron_status": "former_patron", "last_charge_status": "Deleted"}, False),
        ({"last_charge_status": "Pending"}, False),
        ({"last_charge_status": "Refunded"}, False),
        ({"last_charge_status": None, "is_free_trial": True}, False),
        ({"patron_status": "declined_patron", "last_charge_status": "Declined"}, False),
        ({"patron_status": "declined_patron"}, False),
        ({"next_charge_date": None}, False),
        ({"next_charge_date": "2024-02-10T12:00:00Z"}, False),
    ],
)
def test_paid_time_lasts_to_the_next_charge_when_the_last_one_went_through(said: dict[str, Any], paid: bool) -> None:
    assert (parsed(said).paid_through is not None) is paid


def test_gift_and_trial_are_told_by_themselves_or_by_the_charge() -> None:
    assert parsed({"is_gifted": True}).gifted
    assert not parsed({"is_gifted": None}).gifted
    assert parsed({"is_free_trial": True}).trial
    assert parsed({"is_free_trial": None, "last_charge_status": "Free Trial"}).trial
    assert not parsed({"is_free_trial": False, "last_charge_status": "Free Trial"}).trial


def test_tiers_are_worth_the_dearest_of_those_whose_price_is_known() -> None:
    assert parsed(tiers=[]).tier_cents is None
    assert parsed(tiers=["8348592", "unpriced"]).tier_cents == 500
    assert parsed(tiers=["unpriced"]).tier_cents is None
    assert parsed(tiers=["unpriced"]).tiers == {"unpriced"}


@pytest.mark.parametrize("without", ["patron_status", "tiers", "attributes", "relationships", "user", "campaign", "id"])
def test_a_member_that_does_not_say_what_it_was_asked_concludes_nothing(without: str) -> None:
    body = member_body()
    member = body["data"]
    if without == "patron_status":
        del member["attributes"]["patron_status"]
    elif without == "tiers":
        del member["relationships"]["currently_entitled_tiers"]
    elif without in ("user", "campaign"):
        del member["relationships"][without]
    else:
        del member[without]
    with pytest.raises(UnexpectedAnswer):
        V2Dialect().parse_member(dump(body), NOW)


def test_tiers_that_are_null_are_none() -> None:
    body = member_body()
    body["data"]["relationships"]["currently_entitled_tiers"] = None
    assert V2Dialect().parse_member(dump(body), NOW).tiers == frozenset()


def test_a_page_keeps_its_good_rows_and_names_the_others() -> None:
    good = member_body()
    rows = [good, *(another(good, f"m{number}", f"u{number}") for number in range(5))]
    rows[1]["data"]["attributes"]["currently_entitled_amount_cents"] = "a lot"
    rows[2]["data"]["attributes"]["patron_status"] = "hibernating_patron"
    rows[3]["data"]["attributes"]["pledge_relationship_start"] = "long ago"
    rows[4]["data"]["relationships"]["user"] = {"data": None}
    rows[5]["data"]["relationships"] = {"user": 5}
    page = V2Dialect().parse_list(dump(members_page(*rows[:5])), CAMPAIGN, NOW)
    assert [row for row, found in page.rows.items() if found] == [PAYING.membership]
    assert page.unreadable == {"u0", "u1", "u2", "m3"}
    assert len(page.rows) == page.total == 5
    with pytest.raises(UnexpectedAnswer):
        V2Dialect().parse_list(dump(members_page(*rows)), CAMPAIGN, NOW)


def test_a_broken_row_without_a_user_is_named_by_its_own_id() -> None:
    broken = another(member_body({"currently_entitled_amount_cents": "a lot"}), "m1", "u1")
    del broken["data"]["relationships"]["user"]
    page = V2Dialect().parse_list(dump(members_page(member_body(), broken)), CAMPAIGN, NOW)
    assert page.unreadable == {"m1"}


def test_a_page_of_nothing_but_broken_rows_raises() -> None:
    with pytest.raises(UnexpectedAnswer, match="no row"):
        V2Dialect().parse_list(dump(members_page(member_body({"currently_entitled_amount_cents": "a lot"}))), CAMPAIGN, NOW)


def test_the_recorded_page_without_attributes_reads_nobody_as_anything() -> None:
    page = V2Dialect().parse_list(raw("v2/members_page_min.json"), CampaignId("1"), NOW)
    assert set(page.rows.values()) == {None}
    assert page.unreadable == {"28996815"}
    assert (page.total, page.cursor) == (1, None)


def test_the_next_page_is_found_in_meta_or_in_links() -> None:
    page = members_page(member_body(), cursor="abc")
    assert V2Dialect().parse_list(dump(page), CAMPAIGN, NOW).cursor == "abc"
    del page["meta"]
    page["links"] = {"next": "https://www.patreon.com/api/oauth2/v2/campaigns/1/members?page%5Bcursor%5D=d%3De"}
    found = V2Dialect().parse_list(dump(page), CAMPAIGN, NOW)
    assert (found.cursor, found.total) == ("d=e", None)
    page["meta"] = {"pagination": {"total": 1}}
    page["links"] = {"next": None}
    assert V2Dialect().parse_list(dump(page), CAMPAIGN, NOW).cursor is None


def test_a_page_is_asked_for_with_a_count_and_only_what_is_needed() -> None:
    query = dict(V2Dialect().list_call(CAMPAIGN, "abc").query)
    assert query["page[count]"] == "1000"
    assert query["page[cursor]"] == "abc"
    assert query["include"] == "user,currently_entitled_tiers"
    assert set(query["fields[member]"].split(",")) == set(FIELDS["member"])
    assert "fields[user]" not in query
    assert not {"note", "email"} & set(query["fields[member]"].split(","))
    assert "page[cursor]" not in dict(V2Dialect().list_call(CAMPAIGN, None).query)


def test_ids_cannot_leave_their_place_in_an_address() -> None:
    assert V2Dialect().member_call(MembershipId("../x?y")).path == "/oauth2/v2/members/..%2Fx%3Fy"


def test_every_call_names_the_fields_it_needs() -> None:
    dialect = V2Dialect()
    asked = dict(dialect.identity_call().query)
    assert asked["include"] == "memberships.currently_entitled_tiers,memberships.campaign,campaign"
    assert {"fields[user]", "fields[member]", "fields[tier]"} <= asked.keys()
    assert {"user", "campaign"} <= set(dict(dialect.member_call(MembershipId("1")).query)["include"].split(","))
    assert "discord_role_ids" in dict(dialect.campaign_call(CAMPAIGN).query)["fields[tier]"]
    assert dialect.campaigns_call().path == "/oauth2/v2/campaigns"


def test_a_refused_field_is_asked_for_no_more_unless_it_is_essential() -> None:
    fields = V2Dialect().fields
    for _ in range(2):
        fields.drop("member", "is_gifted")
    left = fields.query(*FIELDS)
    assert "is_gifted" not in dict(left)["fields[member]"]
    for other in ("address.city", *ESSENTIAL):
        fields.drop(*other.split("."))
    assert fields.query(*FIELDS) == left
    assert "is_gifted" in FIELDS["member"], "and only for this client"


def test_a_reading_keeps_the_instant_it_was_made_at() -> None:
    later = NOW + timedelta(days=1)
    assert V2Dialect().parse_member(dump(member_body()), later, Source.WEBHOOK).observed_at == later
