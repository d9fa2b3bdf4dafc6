"""The client as the bot uses it, against a scripted Patreon over real sockets."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from bot.core.model import CREATOR, CampaignId, MembershipId, PatronId, patron_owner
from bot.errors import (
    AccessRevoked,
    IncompleteList,
    NotThere,
    PatreonGone,
    PatreonUnavailable,
    RateLimited,
    RequestRefused,
    UnexpectedAnswer,
    WrongToken,
)
from bot.patreon.wire import Call
from tests.patreon.doubles import Bench, bench, json_answer, pair, refusal, token_answer
from tests.patreon.samples import another, identity, member_body, members_page, pledge_body, sample

ANN, CAMPAIGN = PatronId("642344"), CampaignId("8290127")
MEMBER = MembershipId("c8f779ff-0f41-4326-8142-6c475f38e7e4")
IDENTITY, TOKEN = "/oauth2/v2/identity", "/oauth2/token"
MEMBERS, ONE = f"/oauth2/v2/campaigns/{CAMPAIGN}/members", f"/oauth2/v2/members/{MEMBER}"
WEBHOOKS = "/oauth2/v2/webhooks"
UNAUTHORIZED = refusal(401, "Unauthorized")


@pytest.fixture
async def v2() -> AsyncIterator[Bench]:
    async with bench(2) as made:
        made.vault.put(CREATOR, pair("creator"))
        made.vault.put(patron_owner(ANN), pair("ann"))
        yield made


@pytest.fixture
async def v1() -> AsyncIterator[Bench]:
    async with bench(1) as made:
        made.vault.put(CREATOR, pair("creator"))
        own = replace(pair("patron"), scopes=frozenset({"users", "pledges-to-me"}))
        made.vault.put(patron_owner(PatronId("32187")), own)
        yield made


async def whole_list(made: Bench, campaign: CampaignId = CAMPAIGN) -> list[str]:
    return [one.patron async for page in made.client.read_campaign(campaign) for one in page.memberships]


async def test_a_patron_is_asked_for_no_more_than_their_identity(v2: Bench) -> None:
    assert "scope=identity&" in v2.client.authorize_url("s1")
    assert "scope=identity+identity.memberships&" in v2.client.authorize_url("s1", ["identity", "identity.memberships"])


async def test_v1_asks_for_the_patrons_own_pledges(v1: Bench) -> None:
    assert "scope=users+pledges-to-me&" in v1.client.authorize_url("s1")


async def test_a_code_becomes_a_pair(v2: Bench) -> None:
    v2.fake.on(TOKEN, token_answer("ann"))
    tokens = await v2.client.exchange_code("code-1")
    assert tokens == pair("ann")
    assert v2.fake.seen[0].form["code"] == "code-1"


async def test_a_code_that_is_used_up_says_so(v2: Bench) -> None:
    v2.fake.on(TOKEN, json_answer({"error": "invalid_grant"}, 401))
    with pytest.raises(AccessRevoked):
        await v2.client.exchange_code("code-1")


async def test_right_after_consent_the_pair_need_not_be_stored(v2: Bench) -> None:
    v2.fake.on(IDENTITY, json_answer(identity(ANN, member_body())))
    found = await v2.client.fetch_identity(pair("fresh"))
    assert found.patron == ANN
    assert v2.fake.seen[0].token == "fresh-access"
    v2.fake.on(IDENTITY, UNAUTHORIZED)
    with pytest.raises(PatreonUnavailable):
        await v2.client.fetch_identity(pair("fresh"))
    assert TOKEN not in v2.fake.paths(), "a pair that is not stored is not renewed"


async def test_a_patrons_own_membership_is_read_with_their_own_pair(v2: Bench) -> None:
    v2.fake.on(IDENTITY, json_answer(identity(ANN, member_body())))
    found = await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    assert found is not None
    assert found.amount_cents == 500
    assert v2.fake.seen[0].token == "ann-access"


async def test_none_means_that_patreon_says_there_is_none(v2: Bench) -> None:
    v2.fake.on(IDENTITY, json_answer(identity(ANN)))
    assert await v2.client.fetch_own_membership(ANN, CAMPAIGN) is None
    elsewhere = identity(ANN, member_body())
    elsewhere["included"][0]["relationships"]["campaign"]["data"]["id"] = "999"
    v2.fake.on(IDENTITY, json_answer(elsewhere))
    assert await v2.client.fetch_own_membership(ANN, CAMPAIGN) is None


async def test_a_pair_whose_scopes_nobody_told_is_trusted(v2: Bench) -> None:
    v2.vault.put(patron_owner(ANN), replace(pair("ann"), scopes=frozenset()))
    v2.fake.on(IDENTITY, json_answer(identity(ANN)))
    assert await v2.client.fetch_own_membership(ANN, CAMPAIGN) is None
    assert v2.fake.paths() == [IDENTITY]


async def test_a_membership_that_cannot_be_read_is_not_none(v2: Bench) -> None:
    v2.fake.on(IDENTITY, json_answer(identity(ANN, member_body({"patron_status": "hibernating_patron"}))))
    with pytest.raises(UnexpectedAnswer):
        await v2.client.fetch_own_membership(ANN, CAMPAIGN)


async def test_a_pair_of_somebody_else_names_the_one_that_was_needed(v2: Bench) -> None:
    v2.fake.on(IDENTITY, json_answer(identity("4711", member_body())))
    with pytest.raises(WrongToken, match="the patron's own was needed"):
        await v2.client.fetch_own_membership(ANN, CAMPAIGN)


async def test_one_membership_is_read_with_the_creators_pair(v2: Bench) -> None:
    v2.fake.on(ONE, json_answer(member_body()))
    assert (await v2.client.fetch_membership(CAMPAIGN, MEMBER)).patron == ANN
    assert v2.fake.seen[0].token == "creator-access"
    with pytest.raises(UnexpectedAnswer, match="another campaign"):
        await v2.client.fetch_membership(CampaignId("999"), MEMBER)


async def test_a_member_that_is_not_there_is_not_none(v2: Bench) -> None:
    v2.fake.on(ONE, refusal(404, "NotFound"))
    with pytest.raises(NotThere):
        await v2.client.fetch_membership(CAMPAIGN, MEMBER)


async def test_a_list_is_read_page_by_page(v2: Bench) -> None:
    rows = [another(member_body(), f"m{number}", str(number)) for number in range(4)]
    first, last = members_page(*rows[:2], cursor="next", total=4), members_page(*rows[2:], total=4)
    v2.fake.on(MEMBERS, json_answer(first), json_answer(last))
    pages = [page async for page in v2.client.read_campaign(CAMPAIGN)]
    assert [len(page.memberships) for page in pages] == [2, 2]
    assert {page.total for page in pages} == {4}
    assert [seen.query.get("page[cursor]") for seen in v2.fake.seen] == [None, "next"]


async def test_a_list_that_loses_a_page_raises_in_the_end(v2: Bench) -> None:
    v2.fake.on(MEMBERS, json_answer(members_page(member_body(), total=5)))
    with pytest.raises(IncompleteList):
        await whole_list(v2)


async def test_a_list_whose_second_page_fails_raises(v2: Bench) -> None:
    v2.fake.on(MEMBERS, json_answer(members_page(member_body(), cursor="next", total=2)), refusal(503))
    with pytest.raises(PatreonUnavailable):
        await whole_list(v2)


async def test_a_next_link_to_another_host_is_not_followed_there(v2: Bench) -> None:
    first, last = members_page(member_body()), members_page(another(member_body(), "m2", "4711"))
    del first["meta"], last["meta"]
    first["links"] = {"next": "https://evil.example/steal?page%5Bcursor%5D=abc"}
    v2.fake.on(MEMBERS, json_answer(first), json_answer(last))
    assert await whole_list(v2) == [ANN, "4711"]
    assert [seen.path for seen in v2.fake.seen] == [MEMBERS, MEMBERS]
    assert v2.fake.seen[1].query["page[cursor]"] == "abc"


async def test_somebody_elses_list_says_whose_token_it_needs(v2: Bench) -> None:
    v2.fake.on(MEMBERS, refusal(403, "ViewForbidden"))
    with pytest.raises(WrongToken, match="needs its creator's token") as caught:
        await whole_list(v2)
    assert (caught.value.status, caught.value.code_name) == (403, "ViewForbidden")


async def test_a_field_patreon_took_away_is_dropped_once_and_for_all(v2: Bench) -> None:
    gone = refusal(400, "ParameterInvalidOnType", detail="Invalid parameter for type member: is_gifted")
    v2.fake.on(MEMBERS, gone, json_answer(members_page(member_body())))
    assert await whole_list(v2) == [ANN]
    assert await whole_list(v2) == [ANN]
    asked = ["is_gifted" in seen.query["fields[member]"] for seen in v2.fake.seen]
    assert asked == [True, False, False]


async def test_a_field_we_cannot_do_without_is_not_dropped(v2: Bench) -> None:
    v2.fake.on(MEMBERS, refusal(400, "ParameterInvalidOnType", detail="patron_status of member"))
    with pytest.raises(RequestRefused, match="patron_status"):
        await whole_list(v2)
    assert len(v2.fake.seen) == 1


async def test_a_field_somebody_asked_for_by_hand_is_refused_once(v2: Bench) -> None:
    v2.fake.on(IDENTITY, refusal(400, "ParameterInvalidOnType", detail="full_name of user"))
    with pytest.raises(RequestRefused, match="full_name"):
        await v2.client.ask(patron_owner(ANN), Call("GET", IDENTITY, (("fields[user]", "full_name"),)))
    assert len(v2.fake.seen) == 1


async def test_other_bad_requests_are_not_repeated(v2: Bench) -> None:
    v2.fake.on(MEMBERS, refusal(400, "ParameterInvalid"))
    with pytest.raises(RequestRefused):
        await whole_list(v2)
    assert len(v2.fake.seen) == 1


async def test_campaigns_and_one_campaign(v2: Bench) -> None:
    campaign = {"type": "campaign", "id": CAMPAIGN, "attributes": {"name": "Clara paints"}}
    v2.fake.on("/oauth2/v2/campaigns", json_answer({"data": [campaign]}))
    v2.fake.on(f"/oauth2/v2/campaigns/{CAMPAIGN}", json_answer({"data": campaign}))
    assert [one.name for one in await v2.client.fetch_campaigns()] == ["Clara paints"]
    assert (await v2.client.fetch_campaign(CAMPAIGN)).name == "Clara paints"
    assert [seen.token for seen in v2.fake.seen] == ["creator-access", "creator-access"]
    v2.fake.on("/oauth2/v2/campaigns/999", json_answer({"data": campaign}))
    with pytest.raises(NotThere, match="does not see campaign 999"):
        await v2.client.fetch_campaign(CampaignId("999"))


async def test_webhooks_are_listed_created_changed_and_deleted(v2: Bench) -> None:
    v2.fake.on(WEBHOOKS, json_answer(sample("v2/webhooks_list.json")))
    assert [one.webhook for one in await v2.client.list_webhooks()] == ["2793"]
    v2.fake.on(WEBHOOKS, json_answer(sample("v2/webhook_created.json"), 201))
    made = await v2.client.create_webhook(CAMPAIGN, "https://bot.example/webhooks/patreon")
    assert (made.webhook, made.secret) == ("3955", "sample-webhook-secret")
    v2.fake.on(f"{WEBHOOKS}/3955", json_answer(sample("v2/webhook_created.json")))
    assert not (await v2.client.change_webhook("3955", paused=False, triggers=["members:create"])).paused
    assert b'"uri"' not in v2.fake.seen[-1].body
    await v2.client.delete_webhook("3955")
    await v2.client.delete_webhook("4711")
    assert [seen.method for seen in v2.fake.seen] == ["GET", "POST", "PATCH", "DELETE", "DELETE"]


@pytest.mark.parametrize(
    "more",
    [
        {"meta": {"pagination": {"cursors": {"next": "abc"}, "total": 150}}},
        {"links": {"next": "https://www.patreon.com/api/oauth2/v2/webhooks?page%5Bcursor%5D=abc"}},
    ],
)
async def test_a_short_list_that_has_another_page_counts_for_nothing(v2: Bench, v1: Bench, more: dict[str, Any]) -> None:
    v2.fake.on(WEBHOOKS, json_answer({"data": [], **more}))
    v2.fake.on("/oauth2/v2/campaigns", json_answer({"data": [], **more}))
    v1.fake.on("/oauth2/api/current_user/campaigns", json_answer({"data": [], **more}))
    for call in (v2.client.list_webhooks(), v2.client.fetch_campaigns(), v1.client.fetch_campaigns()):
        with pytest.raises(IncompleteList):
            await call
    lasts: list[dict[str, Any]] = [
        {"meta": {"pagination": {"cursors": {"next": None}}}},
        {"meta": {"pagination": 7}},
        {"links": {}},
    ]
    for last in lasts:
        v2.fake.on(WEBHOOKS, json_answer({"data": [], **last}))
        assert await v2.client.list_webhooks() == ()


async def test_an_empty_answer_about_a_webhook_is_not_understood(v2: Bench) -> None:
    v2.fake.on(WEBHOOKS, json_answer({"data": []}, 201))
    with pytest.raises(UnexpectedAnswer, match="a webhook was expected"):
        await v2.client.create_webhook(CAMPAIGN, "https://bot.example/webhooks/patreon")


async def test_v1_reads_a_patrons_own_pledge(v1: Bench) -> None:
    v1.fake.on("/oauth2/api/current_user", json_answer(sample("v1/current_user.json")))
    found = await v1.client.fetch_own_membership(PatronId("32187"), CampaignId("99664"))
    assert found is not None
    assert found.amount_cents == 500
    assert await v1.client.fetch_own_membership(PatronId("32187"), CAMPAIGN) is None


async def test_v1_reads_all_pledges_oldest_first(v1: Bench) -> None:
    v1.fake.on("/oauth2/api/campaigns/70261/pledges", json_answer(pledge_body()))
    pages = [page async for page in v1.client.read_campaign(CampaignId("70261"))]
    assert [len(page.memberships) for page in pages] == [1]
    assert v1.fake.seen[0].query["sort"] == "created"


async def test_v1_finds_a_campaign_among_the_creators(v1: Bench) -> None:
    v1.fake.on("/oauth2/api/current_user/campaigns", json_answer(sample("v1/campaigns.json")))
    assert len((await v1.client.fetch_campaign(CampaignId("70261"))).tiers) == 8
    with pytest.raises(NotThere):
        await v1.client.fetch_campaign(CAMPAIGN)


async def test_v1_refuses_somebody_elses_campaign(v1: Bench) -> None:
    v1.fake.on("/oauth2/api/campaigns/70261/pledges", refusal(403, "ViewForbidden"))
    with pytest.raises(WrongToken, match="creator's token"):
        await whole_list(v1, CampaignId("70261"))


def _event(
    number: int, at: str | None, payment: str | None, tier: str | int | None, kind: str = "subscription"
) -> dict[str, Any]:
    attributes = {"date": at, "type": kind, "payment_status": payment, "tier_id": tier}
    return {"type": "pledge-event", "id": f"subscription:{number}", "attributes": attributes}


@pytest.mark.parametrize(
    ("events", "tier"),
    [
        ([], None),
        (
            [_event(1, "2024-01-01T00:00:00Z", "Paid", "7"), _event(2, "2024-02-01T00:00:00Z", "Paid", 8)],
            "8",
        ),
        (
            [
                _event(1, "2024-02-01T00:00:00Z", "Paid", "8"),
                _event(2, "2024-01-01T00:00:00Z", "Paid", "7"),
            ],
            "8",
        ),
        ([_event(1, "2024-01-01T00:00:00Z", "Paid", "7"), _event(2, "2024-02-01T00:00:00Z", "Deleted", "8")], "7"),
        ([_event(1, "2024-01-01T00:00:00Z", "Paid", "7"), _event(2, "2024-01-09T00:00:00Z", None, "8")], "7"),
        ([_event(1, "2024-01-01T00:00:00Z", "Paid", None)], None),
        ([_event(1, None, "Paid", "7")], None),
        (
            [_event(1, "2024-01-01T00:00:00Z", "Paid", "7"), _event(2, "2024-01-09T00:00:00Z", None, "8", "pledge_upgrade")],
            "8",
        ),
        (
            [
                _event(1, "2024-01-01T00:00:00Z", "Paid", "8"),
                _event(2, "2024-01-09T00:00:00Z", None, "7", "pledge_downgrade"),
            ],
            "8",
        ),
        ([_event(1, "2024-01-09T00:00:00Z", None, "8", "pledge_upgrade")], None),
    ],
)
async def test_the_history_names_the_tier_of_the_last_payment(v2: Bench, events: list[Any], tier: str | None) -> None:
    body = {"data": {"type": "member", "id": MEMBER, "attributes": {}}, "included": events}
    v2.fake.on(f"/oauth2/v2/members/{MEMBER}", json_answer(body))
    assert await v2.client.fetch_paid_tier(MEMBER) == tier
    assert v2.fake.seen[-1].query["include"] == "pledge_history"
    assert v2.fake.seen[-1].query["fields[pledge-event]"] == "date,type,payment_status,tier_id"


async def test_v1_has_no_history(v1: Bench) -> None:
    with pytest.raises(RequestRefused, match="version 1"):
        await v1.client.fetch_paid_tier(MEMBER)


async def test_v1_compares_amounts_with_the_currency_that_is_stored_of_the_campaign(v1: Bench) -> None:
    campaign = CampaignId("70261")
    page = pledge_body({"currency": "EUR", "amount_cents": 470}, campaign=campaign, patron="32187")
    page["included"] = []
    user = {"type": "user", "id": "32187", "attributes": {}}
    v1.fake.on("/oauth2/api/campaigns/70261/pledges", json_answer(page))
    v1.fake.on("/oauth2/api/current_user", json_answer({"data": user, "included": page["data"]}))

    async def amounts() -> list[int | None]:
        listed = [one.amount_cents async for found in v1.client.read_campaign(campaign) for one in found.memberships]
        own = await v1.client.fetch_own_membership(PatronId("32187"), campaign)
        return [*listed, own.amount_cents if own else 0]

    assert await amounts() == [None, None]
    v1.currencies[campaign] = "EUR"
    assert await amounts() == [470, 470]


@pytest.mark.parametrize("status", [404, 410])
async def test_v1_switched_off_is_one_clear_signal(v1: Bench, status: int) -> None:
    v1.fake.on("/oauth2/api/current_user", refusal(status))
    v1.fake.on("/oauth2/api/current_user/campaigns", refusal(status))
    with pytest.raises(PatreonGone, match="version 1"):
        await v1.client.fetch_own_membership(PatronId("32187"), CAMPAIGN)
    with pytest.raises(PatreonGone, match="version 1"):
        await v1.client.fetch_campaigns()


async def test_v1_has_no_calls_for_one_membership_or_webhooks(v1: Bench) -> None:
    with pytest.raises(RequestRefused, match="one membership"):
        await v1.client.fetch_membership(CAMPAIGN, MEMBER)
    for call in (v1.client.list_webhooks(), v1.client.delete_webhook("1"), v1.client.create_webhook(CAMPAIGN, "https://x")):
        with pytest.raises(RequestRefused, match="webhooks"):
            await call
    assert v1.fake.seen == []


async def test_a_long_wait_for_one_token_stops_no_other(v2: Bench) -> None:
    v2.fake.on(MEMBERS, refusal(429, retry_after_seconds=60))
    v2.fake.on(IDENTITY, json_answer(identity(ANN)))
    with pytest.raises(RateLimited):
        await whole_list(v2)
    assert await v2.client.fetch_own_membership(ANN, CAMPAIGN) is None
