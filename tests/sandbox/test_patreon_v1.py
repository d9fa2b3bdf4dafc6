"""API v1 of the simulated Patreon, as its documentation has it: users, campaigns, pledges, paging, includes, scopes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from sandbox.world.examples import crowd, small_world
from tests.sandbox.patreon_life import ALL_V1, Answer, Life, living, query_of, sample


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with living() as one:
        yield one


def types(answer: Answer) -> set[str]:
    return {one["type"] for one in answer.json.get("included", [])}


def one_of(answer: Answer, kind: str) -> Any:
    return next(one for one in answer.json["included"] if one["type"] == kind)


def pledges_path(life: Life) -> str:
    return f"/oauth2/api/campaigns/{life.world.patreon.campaign().id}/pledges"


async def current_user(life: Life, who: str, scope: str = ALL_V1, **query: str) -> Answer:
    return await life.get("/oauth2/api/current_user", token=await life.token_of(who, scope), **query)


async def test_the_documented_way_finds_the_pledge_to_a_creator(life: Life) -> None:
    clara = life.world.patreon.account("Clara")
    answer = await current_user(life, "Ann")
    [pledge] = [
        one
        for one in answer.json["included"]
        if one["type"] == "pledge" and one["relationships"]["creator"]["data"]["id"] == clara.id
    ]
    assert pledge["attributes"]["amount_cents"] == 500
    assert pledge["relationships"]["patron"]["data"]["id"] == answer.json["data"]["id"]
    [campaign] = [
        one
        for one in answer.json["included"]
        if one["type"] == "campaign" and one["relationships"]["creator"]["data"]["id"] == clara.id
    ]
    assert campaign["id"] == life.world.patreon.campaign().id


async def test_current_user_lists_the_pledges_to_every_creator(life: Life) -> None:
    life.world.patreon.pledge("Ann", "dan", tier="Choir")
    answer = await current_user(life, "Ann")
    assert len(answer.json["data"]["relationships"]["pledges"]["data"]) == 2


async def test_current_user_without_a_pledge_has_none(life: Life) -> None:
    answer = await current_user(life, "Ben")
    assert answer.json["data"]["relationships"]["pledges"]["data"] == []
    assert "included" not in answer.json


async def test_pledges_are_told_to_who_may_see_them(life: Life) -> None:
    answer = await current_user(life, "Ann", "users")
    assert answer.status == 200
    assert "included" not in answer.json
    assert (await current_user(life, "Ben", "my-campaign")).status == 403


async def test_the_creators_token_tells_the_creator_not_a_patron(life: Life) -> None:
    answer = await life.get("/oauth2/api/current_user")
    assert answer.json["data"]["id"] == life.world.patreon.account("Clara").id


async def test_an_amount_is_told_in_the_patrons_own_currency(life: Life) -> None:
    life.world.patreon.account("Ann").currency = "EUR"
    answer = await life.get(pledges_path(life), fields__pledge="amount_cents,currency")
    assert answer.json["data"][0]["attributes"] == {"amount_cents": 460, "currency": "EUR"}


async def test_a_declined_pledge_stays_in_the_list_and_says_since_when(life: Life) -> None:
    life.world.patreon.decline("Ann")
    answer = await life.get(pledges_path(life))
    assert answer.json["data"][0]["attributes"]["declined_since"] is not None


async def test_a_cancelled_pledge_vanishes_at_once_although_it_is_paid_for(life: Life) -> None:
    ann = life.world.patreon.cancel("Ann", at_once=False)
    assert ann.entitled
    assert (await life.get(pledges_path(life))).json["data"] == []
    assert (await current_user(life, "Ann")).json["data"]["relationships"]["pledges"]["data"] == []


async def test_gifts_and_free_members_are_unknown_to_v1(life: Life) -> None:
    life.world.patreon.join_free("Ben")
    life.world.patreon.gift("Finn", "Gold")
    answer = await life.get(pledges_path(life))
    assert answer.json["meta"] == {"count": 1}


async def test_pages_lead_through_all_pledges_and_repeat_the_boundary_row(life: Life) -> None:
    crowd(life.world, 24)
    answer = await life.get(pledges_path(life), page__count="10")
    pages = [[row["id"] for row in answer.json["data"]]]
    while "next" in answer.json["links"]:
        answer = await life.ask("GET", answer.json["links"]["next"], token=life.creator)
        pages.append([row["id"] for row in answer.json["data"]])
    assert [len(page) for page in pages] == [10, 10, 7]
    assert pages[1][0] == pages[0][-1]
    assert len({number for page in pages for number in page}) == 25
    assert answer.json["meta"] == {"count": 25}
    assert query_of(answer.json["links"]["first"]) == {"page[count]": "10", "sort": "created"}


@pytest.mark.parametrize("sort", ["created", "-created", "updated", "-updated"])
@pytest.mark.parametrize("count", [1, 2])
async def test_pages_lead_through_pledges_of_one_instant(life: Life, count: int, sort: str) -> None:
    crowd(life.world, 2)
    at = life.world.clock.now()
    for membership in life.world.patreon.campaign().memberships:
        membership.pledged_at = membership.updated_at = at
    life.world.patreon.campaign().revision += 1
    url: str | None = f"{pledges_path(life)}?page%5Bcount%5D={count}&sort={sort}"
    seen: set[str] = set()
    pages = 0
    while url is not None and pages < 10:
        answer = await life.ask("GET", url, token=life.creator)
        seen |= {row["id"] for row in answer.json["data"]}
        url, pages = answer.json["links"].get("next"), pages + 1
    assert (len(seen), url) == (3, None)


async def test_without_a_token_every_campaign_is_401_whether_there_is_one_or_not(life: Life) -> None:
    for path in (pledges_path(life), "/oauth2/api/campaigns/999/pledges", "/oauth2/v2/campaigns/999/members"):
        assert (await life.ask("GET", path)).status == 401


async def test_default_includes_can_be_switched_off_altogether(life: Life) -> None:
    for path in ("/oauth2/api/current_user", "/oauth2/api/current_user/campaigns", pledges_path(life)):
        answer = await life.get(path, **{"json-api-use-default-includes": "false"})
        assert "included" not in answer.json


async def test_pledges_are_sorted_as_asked(life: Life) -> None:
    crowd(life.world, 3)
    life.world.patreon.change_pledge(life.world.patreon.campaign().memberships[-1].account, tier="Gold")
    oldest = [row["attributes"]["created_at"] for row in (await life.get(pledges_path(life))).json["data"]]
    newest = [row["attributes"]["created_at"] for row in (await life.get(pledges_path(life), sort="-created")).json["data"]]
    assert oldest == sorted(oldest)
    assert newest == oldest[::-1]
    updated = await life.get(pledges_path(life), sort="-updated")
    changed = life.world.patreon.campaign().memberships[-1]
    assert updated.json["data"][0]["relationships"]["patron"]["data"]["id"] == changed.account.id
    assert (await life.get(pledges_path(life), sort="size")).status == 400


async def test_descending_pages_follow_their_cursor_too(life: Life) -> None:
    crowd(life.world, 6)
    first = await life.get(pledges_path(life), sort="-created", page__count="4")
    second = await life.ask("GET", first.json["links"]["next"], token=life.creator)
    assert second.json["data"][0]["id"] == first.json["data"][-1]["id"]
    assert len({row["id"] for row in first.json["data"] + second.json["data"]}) == 7


@pytest.mark.parametrize(
    "cursor", ["2017-11-10T00:12:57.670910+00:00", "2017-11-10T00:12:57.670910 00:00", "2017-11-10T00:12:57"]
)
async def test_a_cursor_is_a_timestamp_however_it_is_written(life: Life, cursor: str) -> None:
    answer = await life.get(pledges_path(life), page__cursor=cursor)
    assert len(answer.json["data"]) == 1
    assert (await life.get(pledges_path(life), page__cursor="soon")).status == 400


async def test_another_creators_pledges_are_forbidden(life: Life) -> None:
    dan = life.world.patreon.campaign("dan")
    answer = await life.get(f"/oauth2/api/campaigns/{dan.id}/pledges")
    assert answer.status == 403
    assert (await life.get("/oauth2/api/campaigns/1/pledges")).status == 404


async def test_a_v2_client_is_turned_away_as_recorded() -> None:
    async with living(small_world(client_version=2)) as new:
        answer = await new.get("/oauth2/api/current_user")
        expected = sample("errors/403_oauth_client_view_forbidden.json")["body"]["errors"][0]
        assert answer.status == 403
        assert (answer.error["code"], answer.error["code_name"]) == (expected["code"], expected["code_name"])


async def test_an_unauthorized_answer_has_the_recorded_shape(life: Life) -> None:
    answer = await life.get("/oauth2/api/current_user", token="wrong")
    assert answer.status == 401
    assert answer.error.keys() == sample("errors/v1_error_go.json")["errors"][0].keys()


@pytest.mark.parametrize("name", ["include", "includes"])
async def test_includes_may_be_spelt_both_ways(life: Life, name: str) -> None:
    answer = await life.get(pledges_path(life), **{name: "reward.null"})
    assert types(answer) == {"reward"}
    assert {"creator", "patron", "reward", "address"} == answer.json["data"][0]["relationships"].keys()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, {"campaign", "goal", "reward", "user"}),
        ({"include": "null"}, set()),
        ({"include": "patron.null"}, {"user"}),
        ({"include": "patron"}, {"user"}),
        ({"include": "creator"}, {"campaign", "goal", "reward", "user"}),
        ({"include": "creator.campaign", "json-api-use-default-includes": "false"}, {"campaign", "user"}),
        ({"include": "reward", "json-api-use-default-includes": "false"}, {"reward"}),
        ({"include": "nonsense"}, set()),
    ],
)
async def test_includes_follow_each_types_own_tree_unless_told_otherwise(
    life: Life, query: dict[str, str], expected: set[str]
) -> None:
    assert types(await life.get(pledges_path(life), **query)) == expected


async def test_the_documented_default_may_be_asked_for_on_a_user(life: Life) -> None:
    answer = await current_user(life, "Ann", includes="rewards,creator,goals,pledge")
    assert answer.status == 200
    assert one_of(answer, "pledge")["attributes"]["amount_cents"] == 500


async def test_a_row_of_the_answer_is_not_included_a_second_time(life: Life) -> None:
    answer = await current_user(life, "Ann")
    assert answer.json["data"]["id"] not in [one["id"] for one in answer.json["included"] if one["type"] == "user"]
    keys = [(one["type"], one["id"]) for one in answer.json["included"]]
    assert len(keys) == len(set(keys))


async def test_asking_for_fields_drops_the_defaults(life: Life) -> None:
    optional = "total_historical_amount_cents,is_paused,status,has_shipping_address,outstanding_payment_amount_cents"
    answer = await life.get(pledges_path(life), fields__pledge=optional, fields__user="null", include="patron")
    assert answer.json["data"][0]["attributes"] == {
        "total_historical_amount_cents": 500,
        "is_paused": False,
        "status": "valid",
        "has_shipping_address": False,
        "outstanding_payment_amount_cents": 0,
    }
    assert one_of(answer, "user")["attributes"] == {}


async def test_campaigns_hold_the_first_twenty_pledges_and_a_link_to_the_next(life: Life) -> None:
    few = await life.get("/oauth2/api/current_user/campaigns")
    assert few.json["data"][0]["relationships"]["pledges"]["links"].keys() == {"first"}
    crowd(life.world, 29)
    many = (await life.get("/oauth2/api/current_user/campaigns")).json["data"][0]["relationships"]["pledges"]
    assert len(many["data"]) == 20
    following = await life.ask("GET", many["links"]["next"], token=life.creator)
    assert following.status == 200
    seen = {one["id"] for one in many["data"] + following.json["data"]}
    assert len(seen) == 30


async def test_campaigns_may_be_asked_for_without_pledges(life: Life) -> None:
    answer = await life.get("/oauth2/api/current_user/campaigns", include="rewards")
    assert "pledges" not in answer.json["data"][0]["relationships"]
    assert types(answer) == {"reward"}


async def test_rewards_begin_with_the_two_nobody_set_up_and_know_no_free_tier(life: Life) -> None:
    answer = await life.get("/oauth2/api/current_user/campaigns", include="rewards")
    rewards = [(one["id"], one["attributes"].get("title")) for one in answer.json["included"]]
    assert rewards[:2] == [("-1", None), ("0", None)]
    assert [title for _, title in rewards[2:]] == ["Bronze", "Silver", "Gold"]


async def test_a_patron_has_no_campaign(life: Life) -> None:
    token = await life.token_of("Ann", ALL_V1)
    assert (await life.get("/oauth2/api/current_user/campaigns", token=token)).json == {"data": []}


async def test_a_pledge_to_a_deleted_reward_has_no_reward(life: Life) -> None:
    life.world.patreon.delete_tier("Silver")
    answer = await life.get(pledges_path(life))
    assert answer.json["data"][0]["relationships"]["reward"] == {"data": None}


async def test_both_of_the_documented_hosts_are_served(life: Life) -> None:
    answer = await life.ask("GET", f"{life.server.site_url}{pledges_path(life)}?page%5Bcount%5D=5", token=life.creator)
    assert answer.json["links"]["first"].startswith(f"{life.server.site_url}/oauth2/api/campaigns/")


async def test_a_year_passes_and_v1_still_lists_who_pays(life: Life) -> None:
    life.world.clock.move(timedelta(days=365))
    refresh = life.world.patreon.oauth.creator_pair(life.client).refresh
    token = (await life.renew(refresh)).json["access_token"]
    answer = await life.get(pledges_path(life), token=token, fields__pledge="total_historical_amount_cents")
    assert answer.json["data"][0]["attributes"]["total_historical_amount_cents"] == 13 * 500
