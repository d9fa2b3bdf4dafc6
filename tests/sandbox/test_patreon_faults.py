"""What goes wrong at the simulated Patreon when told to, and its rate limits."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from sandbox.world import Clock
from sandbox.world.examples import crowd, small_world
from sandbox.world.patreon_faults import Fault
from tests.sandbox.patreon_life import ALL_V1, Life, living, sample

IDENTITY = "/oauth2/v2/identity"


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    instant = datetime.now(UTC)
    async with living(small_world(clock=Clock(lambda: instant))) as one:
        yield one


def members_path(life: Life) -> str:
    return f"/oauth2/v2/campaigns/{life.world.patreon.campaign().id}/members"


def pledges_path(life: Life) -> str:
    return f"/oauth2/api/campaigns/{life.world.patreon.campaign().id}/pledges"


@pytest.mark.parametrize(
    ("fault", "status", "is_json"),
    [
        (Fault.RATE_LIMITED, 429, True),
        (Fault.SERVER_ERROR, 503, True),
        (Fault.HTML_PAGE, 503, False),
        (Fault.TOKEN_REVOKED, 401, True),
        (Fault.GONE, 410, True),
        (Fault.FORBIDDEN, 403, True),
    ],
)
async def test_a_fault_spoils_as_many_answers_as_told(life: Life, fault: Fault, status: int, is_json: bool) -> None:
    life.world.patreon.faults.add(fault, times=2)
    answers = [await life.get(IDENTITY) for _ in range(3)]
    assert [answer.status for answer in answers] == [status, status, 200]
    assert (answers[0].json is not None) is is_json


async def test_a_fault_without_a_number_lasts_until_it_is_cleared(life: Life) -> None:
    rule = life.world.patreon.faults.add(Fault.SERVER_ERROR, status=500)
    life.world.patreon.faults.add(Fault.DISCORD_HIDDEN)
    assert [(await life.get(IDENTITY)).status for _ in range(3)] == [500, 500, 500]
    assert rule.met == 3
    life.world.patreon.faults.clear(Fault.SERVER_ERROR)
    assert (await life.get(IDENTITY)).status == 200
    assert len(life.world.patreon.faults.rules) == 1
    life.world.patreon.faults.clear()
    assert life.world.patreon.faults.rules == []


async def test_a_fault_may_be_for_one_path_and_begin_later(life: Life) -> None:
    life.world.patreon.faults.add(Fault.SERVER_ERROR, path=r"/members$", skip=1)
    assert (await life.get(IDENTITY)).status == 200
    assert [(await life.get(members_path(life))).status for _ in range(2)] == [200, 503]
    assert (await life.get(IDENTITY)).status == 200


async def test_a_429_says_how_long_to_wait_as_recorded(life: Life) -> None:
    life.world.patreon.faults.add(Fault.RATE_LIMITED, seconds=9)
    answer = await life.get(IDENTITY)
    expected = sample("errors/429_throttled.json")["body"]["errors"][0]
    assert {**answer.error, "id": expected["id"]} == expected


async def test_the_token_endpoint_fails_too_but_is_not_gone(life: Life) -> None:
    oauth = life.world.patreon.oauth
    life.world.patreon.faults.add(Fault.GONE)
    assert (await life.renew(oauth.creator_pair(life.client).refresh)).status == 200
    life.world.patreon.faults.clear()
    life.world.patreon.faults.add(Fault.TOKEN_REVOKED)
    revoked = await life.renew(oauth.creator_pair(life.client).refresh)
    assert (revoked.status, revoked.json) == (401, {"error": "invalid_grant"})
    life.world.patreon.faults.clear()
    assert (await life.renew(oauth.creator_pair(life.client).refresh)).status == 200


async def test_a_cut_connection_ends_in_the_middle_of_the_answer(life: Life) -> None:
    life.world.patreon.faults.add(Fault.CUT, times=1)
    with pytest.raises(aiohttp.ClientError):
        await life.get(members_path(life))
    assert (await life.get(members_path(life))).status == 200


async def test_half_a_document_comes_with_a_200(life: Life) -> None:
    life.world.patreon.faults.add(Fault.BROKEN_JSON, times=1)
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        await life.get(members_path(life))


async def test_a_slow_answer_outlasts_a_callers_patience(life: Life) -> None:
    life.world.patreon.faults.add(Fault.SLOW, seconds=30, times=1)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(life.get(IDENTITY), 0.03)
    assert (await life.get(IDENTITY)).status == 200


async def test_a_list_can_come_back_empty_in_both_versions(life: Life) -> None:
    life.world.patreon.faults.add(Fault.EMPTY_LIST)
    new = await life.get(members_path(life))
    assert (new.json["data"], new.json["meta"]["pagination"]["total"]) == ([], 0)
    old = await life.get(pledges_path(life))
    assert (old.json["data"], old.json["meta"], "next" in old.json["links"]) == ([], {"count": 0}, False)
    assert (await life.get(IDENTITY)).status == 200


async def test_a_page_can_be_missing_in_the_middle_in_both_versions(life: Life) -> None:
    crowd(life.world, 49)
    for path, total in ((members_path(life), 50), (pledges_path(life), 50)):
        life.world.patreon.faults.add(Fault.PAGE_MISSING, times=1)
        answer = await life.get(path, page__count="10")
        seen = {row["id"] for row in answer.json["data"]}
        while "next" in answer.json.get("links", {}):
            answer = await life.ask("GET", answer.json["links"]["next"], token=life.creator)
            seen |= {row["id"] for row in answer.json["data"]}
        assert total - 10 <= len(seen) < total


async def test_all_tiers_can_be_empty_at_once(life: Life) -> None:
    life.world.patreon.faults.add(Fault.TIERS_EMPTY)
    new = await life.get(
        members_path(life),
        include="currently_entitled_tiers",
        fields__member="currently_entitled_amount_cents,patron_status",
    )
    assert new.json["data"][0]["relationships"]["currently_entitled_tiers"]["data"] == []
    assert new.json["data"][0]["attributes"] == {"currently_entitled_amount_cents": 0, "patron_status": "active_patron"}
    old = await life.get(pledges_path(life))
    assert old.json["data"][0]["relationships"]["reward"]["data"] is None


async def test_all_discord_ids_can_be_null_at_once(life: Life) -> None:
    life.world.patreon.campaign().shows_discord = True
    life.world.patreon.account("Ann").discord_id = "5"
    token = await life.token_of("Ann", ALL_V1)
    before = await life.get("/oauth2/api/current_user", token=token)
    life.world.patreon.faults.add(Fault.DISCORD_HIDDEN)
    after = await life.get("/oauth2/api/current_user", token=token)
    told = [answer.json["data"]["attributes"]["social_connections"]["discord"] for answer in (before, after)]
    assert told == [{"scopes": ["identify"], "user_id": "5"}, None]


async def test_v1_alone_can_be_gone(life: Life) -> None:
    life.world.patreon.faults.add(Fault.GONE, path="/oauth2/api/")
    assert (await life.get("/oauth2/api/current_user")).status == 410
    assert (await life.get(IDENTITY)).status == 200


async def test_pages_of_a_person_have_no_faults(life: Life) -> None:
    life.world.patreon.faults.add(Fault.SERVER_ERROR)
    assert (await life.ask("GET", life.authorize_url())).status == 200


async def test_limits_are_off_unless_switched_on(life: Life) -> None:
    life.world.patreon.limits.token.count = 1
    assert [(await life.get(IDENTITY)).status for _ in range(3)] == [200, 200, 200]


async def test_a_token_has_its_limit_a_minute_and_renewing_does_not_reset_it(life: Life) -> None:
    limits = life.world.patreon.limits
    limits.enabled, limits.token.count = True, 2
    assert [(await life.get(IDENTITY)).status for _ in range(3)] == [200, 200, 429]
    renewed = (await life.renew(life.world.patreon.oauth.creator_pair(life.client).refresh)).json["access_token"]
    limited = await life.get(IDENTITY, token=renewed)
    assert (limited.status, limited.error["code_name"]) == (429, "RequestThrottled")
    assert 1 <= limited.error["retry_after_seconds"] <= 60
    life.world.clock.move(timedelta(seconds=limited.error["retry_after_seconds"]))
    assert (await life.get(IDENTITY, token=renewed)).status == 200


async def test_a_client_has_its_limit_over_all_its_tokens(life: Life) -> None:
    ann = await life.token_of("Ann")
    limits = life.world.patreon.limits
    limits.enabled, limits.client.count = True, 2
    assert (await life.get(IDENTITY)).status == 200
    assert (await life.get(IDENTITY, token=ann)).status == 200
    assert (await life.get(IDENTITY)).status == 429
    assert (await life.renew(life.world.patreon.oauth.creator_pair(life.client).refresh)).status == 429
    life.world.clock.move(timedelta(seconds=2))
    assert (await life.get(IDENTITY)).status == 200


async def test_too_many_bad_requests_shut_the_caller_out_for_half_an_hour(life: Life) -> None:
    limits = life.world.patreon.limits
    limits.enabled, limits.bad.count = True, 3
    for _ in range(3):
        assert (await life.get("/oauth2/v2/nothing")).status == 404
    shut_out = await life.get(IDENTITY)
    assert (shut_out.status, shut_out.json) == (429, sample("errors/429_edge_too_many_bad_requests.json")["body"])
    life.world.clock.move(timedelta(minutes=31))
    assert (await life.get(IDENTITY)).status == 200


async def test_requests_are_counted_however_they_end(life: Life) -> None:
    life.world.patreon.faults.add(Fault.SERVER_ERROR, times=1)
    await life.get(IDENTITY)
    await life.get(IDENTITY)
    await life.get("/oauth2/v2/nothing")
    assert dict(life.world.patreon.requests) == {"GET /oauth2/v2/identity": 2, "GET (unknown)": 1}
