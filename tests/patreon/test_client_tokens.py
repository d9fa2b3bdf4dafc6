"""The client's token pairs, against a scripted Patreon over real sockets: renewed once, stored first, broken or not."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model import CREATOR, CampaignId, MembershipId, PatronId, Tokens, patron_owner
from bot.errors import (
    AccessDenied,
    AccessRevoked,
    PatreonUnavailable,
    RateLimited,
)
from bot.patreon.renewal import YOUNG
from tests.patreon.doubles import HTML, START, Bench, bench, json_answer, pair, refusal, token_answer
from tests.patreon.samples import identity, member_body, members_page

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
        made.vault.put(patron_owner(PatronId("32187")), pair("patron"))
        yield made


async def whole_list(made: Bench, campaign: CampaignId = CAMPAIGN) -> list[str]:
    return [one.patron async for page in made.client.read_campaign(campaign) for one in page.memberships]


async def test_an_expired_token_is_renewed_once_and_stored_before_it_is_used(v2: Bench) -> None:
    def needs_new(seen: Any) -> Any:
        if seen.token != "new-access":
            return UNAUTHORIZED
        assert v2.vault.records[patron_owner(ANN)].tokens.access == "new-access", "on disk before use"
        assert v2.vault.records[patron_owner(ANN)].previous == pair("ann"), "kept until the new one has worked"
        return json_answer(identity(ANN))

    v2.fake.on(IDENTITY, needs_new)
    v2.fake.on(TOKEN, token_answer("new"))
    await asyncio.gather(*(v2.client.fetch_own_membership(ANN, CAMPAIGN) for _ in range(10)))
    assert v2.fake.paths().count(TOKEN) == 1
    record = v2.vault.records[patron_owner(ANN)]
    assert (record.previous, record.version) == (None, 2)
    assert v2.vault.journal[0] == "save new-access"
    assert set(v2.vault.journal[1:]) == {"drop before new-access"}
    token_request = next(seen for seen in v2.fake.seen if seen.path == TOKEN)
    assert token_request.form["refresh_token"] == "ann-refresh"


async def test_a_pair_about_to_end_is_renewed_before_the_call(v2: Bench) -> None:
    v2.clock.at = START + timedelta(days=31)
    v2.fake.on(IDENTITY, json_answer(identity(ANN, member_body())))
    v2.fake.on(TOKEN, token_answer("new"))
    await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    assert [seen.token for seen in v2.fake.seen] == ["", "new-access"]


async def test_a_pair_is_renewed_ahead_of_time_when_asked(v2: Bench) -> None:
    v2.fake.on(TOKEN, token_answer("new"))
    await v2.client.renew(CREATOR)
    assert v2.fake.seen == []
    v2.clock.at += timedelta(days=16)
    await v2.client.renew(CREATOR)
    assert v2.vault.records[CREATOR].tokens.access == "new-access"


async def test_two_clients_on_one_vault_renew_once(v2: Bench) -> None:
    v2.fake.on(IDENTITY, lambda seen: json_answer(identity(ANN)) if seen.token == "new-access" else UNAUTHORIZED)
    v2.fake.on(TOKEN, token_answer("new"))

    async def breath(_seconds: float) -> None:
        await asyncio.sleep(0)

    async with v2.another_client(sleep=breath) as one, v2.another_client(sleep=breath) as other:
        await asyncio.gather(
            one.fetch_own_membership(ANN, CAMPAIGN),
            other.fetch_own_membership(ANN, CAMPAIGN),
        )
    assert v2.fake.paths().count(TOKEN) == 1


async def test_a_dead_pair_marks_the_link_broken_and_asks_no_more(v2: Bench) -> None:
    v2.fake.on(IDENTITY, UNAUTHORIZED)
    v2.fake.on(TOKEN, json_answer({"error": "invalid_grant"}, 401))
    for _ in range(3):
        with pytest.raises(AccessRevoked):
            await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    assert v2.vault.records[patron_owner(ANN)].broken_since == START
    assert v2.fake.paths().count(TOKEN) == 1


async def test_a_token_refused_seconds_after_a_renewal_is_given_time_to_become_known(v2: Bench) -> None:
    known_at = START + timedelta(seconds=2)
    v2.fake.on(
        IDENTITY,
        lambda seen: json_answer(identity(ANN)) if "new" in seen.token and v2.clock.at >= known_at else UNAUTHORIZED,
    )
    v2.fake.on(TOKEN, token_answer("new"), json_answer({"error": "invalid_grant"}, 401))
    await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    record = v2.vault.records[patron_owner(ANN)]
    assert (record.version, record.broken_since, record.previous) == (2, None, None)
    assert v2.fake.paths().count(TOKEN) == 1


async def test_an_access_token_that_was_voided_alone_is_replaced_a_minute_after_the_last_renewal(v2: Bench) -> None:
    voided = {"ann-access", "new-access"}
    v2.fake.on(IDENTITY, lambda seen: UNAUTHORIZED if seen.token in voided else json_answer(identity(ANN)))
    v2.fake.on(TOKEN, token_answer("new"), token_answer("newer"))
    with pytest.raises(PatreonUnavailable) as caught:
        await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    assert caught.value.status == 401
    v2.clock.at = START + YOUNG
    await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    record = v2.vault.records[patron_owner(ANN)]
    assert (record.tokens.access, record.broken_since) == ("newer-access", None)


async def test_processes_together_renew_a_pair_that_never_works_once_a_minute_and_ten_times_an_hour(v2: Bench) -> None:
    v2.fake.on(IDENTITY, UNAUTHORIZED)
    v2.fake.on(TOKEN, token_answer("new"))
    renewed_at = []
    async with v2.another_client() as other:
        while v2.clock.at < START + timedelta(hours=1):
            for client in (v2.client, other):
                before = v2.fake.paths().count(TOKEN)
                with pytest.raises(PatreonUnavailable):
                    await client.fetch_own_membership(ANN, CAMPAIGN)
                renewed_at += [v2.clock.at] * (v2.fake.paths().count(TOKEN) - before)
            v2.clock.at += timedelta(seconds=20)
    gaps = [later - sooner for sooner, later in itertools.pairwise(renewed_at)]
    assert len(renewed_at) == 10
    assert min(gaps) >= timedelta(minutes=1)
    assert v2.vault.records[patron_owner(ANN)].broken_since is None


async def test_the_creators_pair_is_read_with_again_after_one_401_and_goes_on_being_renewed_ahead(v2: Bench) -> None:
    v2.fake.on(MEMBERS, UNAUTHORIZED)
    v2.fake.on(IDENTITY, UNAUTHORIZED)
    v2.fake.on(TOKEN, token_answer("new"), token_answer("newer"))
    with pytest.raises(PatreonUnavailable):
        await whole_list(v2)
    v2.fake.on(MEMBERS, json_answer(members_page(member_body())))
    assert await whole_list(v2) == [ANN], "no pause follows"
    assert v2.vault.records[CREATOR].broken_since is None
    v2.clock.at += timedelta(days=16)
    await v2.client.renew(CREATOR)
    assert v2.vault.records[CREATOR].tokens.access == "newer-access"


async def test_a_broken_mark_lifts_itself_at_the_first_success(v2: Bench) -> None:
    v2.vault.put(CREATOR, pair("creator"), broken_since=START, refused_at=START)
    v2.fake.on(MEMBERS, json_answer(members_page(member_body())))
    assert await whole_list(v2) == [ANN]
    assert v2.vault.records[CREATOR].broken_since is None


async def test_a_pair_called_dead_is_tried_once_a_day_and_comes_back_to_life(v2: Bench) -> None:
    owner = patron_owner(ANN)
    v2.fake.on(TOKEN, json_answer({"error": "invalid_grant"}, 401))
    v2.vault.put(owner, pair("ann", days=-1))
    for hours in range(49):
        v2.clock.at = START + timedelta(hours=hours)
        with pytest.raises(AccessRevoked):
            await v2.client.renew(owner)
    assert v2.fake.paths().count(TOKEN) == 3
    assert v2.vault.records[owner].broken_since == START
    v2.fake.on(TOKEN, token_answer("new"))
    v2.clock.at = START + timedelta(hours=72)
    await v2.client.renew(owner)
    assert (v2.vault.records[owner].broken_since, v2.vault.records[owner].tokens.access) == (None, "new-access")


async def test_a_page_that_says_401_breaks_nothing(v2: Bench) -> None:
    v2.fake.on(IDENTITY, replace(HTML, status=401))
    v2.fake.on(TOKEN, token_answer("new"))
    with pytest.raises(PatreonUnavailable):
        await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    assert v2.vault.records[patron_owner(ANN)].broken_since is None


@pytest.mark.parametrize("access", ["abc\n", "abc\r\nX: y", "schlüssel", "a b", ""])
async def test_a_stored_token_that_cannot_be_one_is_renewed(v2: Bench, access: str) -> None:
    v2.vault.put(patron_owner(ANN), replace(pair("ann"), access=access))
    v2.fake.on(IDENTITY, json_answer(identity(ANN, member_body())))
    v2.fake.on(TOKEN, token_answer("new"))
    assert await v2.client.fetch_own_membership(ANN, CAMPAIGN) is not None
    assert [seen.token for seen in v2.fake.seen] == ["", "new-access"]


async def test_a_spare_that_came_after_a_renewal_is_tried(v2: Bench) -> None:
    owner = patron_owner(ANN)
    v2.vault.put(owner, pair("ann", days=0))
    v2.fake.on(IDENTITY, json_answer(identity(ANN, member_body())))
    v2.fake.on(TOKEN, token_answer("new"))
    await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    await v2.vault.save_spare(owner, pair("again"))
    v2.clock.at += YOUNG
    v2.fake.on(
        IDENTITY, lambda seen: UNAUTHORIZED if seen.token == "new-access" else json_answer(identity(ANN, member_body()))
    )
    v2.fake.on(
        TOKEN,
        lambda seen: (
            token_answer("newer")
            if seen.form["refresh_token"] == "again-refresh"
            else json_answer({"error": "invalid_grant"}, 401)
        ),
    )
    assert await v2.client.fetch_own_membership(ANN, CAMPAIGN) is not None
    assert v2.vault.records[owner].broken_since is None


async def test_a_page_that_says_401_voids_no_pair_that_was_just_granted(v2: Bench) -> None:
    v2.fake.on(IDENTITY, replace(HTML, status=401))
    with pytest.raises(PatreonUnavailable):
        await v2.client.fetch_identity(pair("fresh"))


async def test_a_pair_that_was_just_granted_is_given_time_to_become_known(v2: Bench) -> None:
    v2.fake.on(IDENTITY, UNAUTHORIZED, json_answer(identity(ANN)))
    assert (await v2.client.fetch_identity(pair("fresh"))).patron == ANN
    v2.fake.on(IDENTITY, UNAUTHORIZED)
    with pytest.raises(PatreonUnavailable):
        await v2.client.fetch_identity(pair("fresh"))


async def test_a_401_needs_no_code_name_to_be_believed(v2: Bench) -> None:
    no = json_answer({"errors": [{"status": "401", "detail": "no"}]}, 401)
    v2.fake.on(IDENTITY, lambda seen: json_answer(identity(ANN)) if seen.token == "new-access" else no)
    v2.fake.on(TOKEN, token_answer("new"))
    await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    assert v2.fake.paths().count(TOKEN) == 1


async def test_a_401_for_one_call_of_a_living_pair_is_about_a_scope(v2: Bench) -> None:
    v2.fake.on(WEBHOOKS, UNAUTHORIZED)
    v2.fake.on(ONE, UNAUTHORIZED)
    v2.fake.on(IDENTITY, json_answer(identity("1")))
    for _ in range(2):
        with pytest.raises(AccessDenied, match="scope"):
            await v2.client.list_webhooks()
        with pytest.raises(AccessDenied, match="scope"):
            await v2.client.fetch_membership(CAMPAIGN, MEMBER)
    assert TOKEN not in v2.fake.paths()
    assert v2.vault.records[CREATOR].broken_since is None


async def test_a_401_for_one_call_of_a_pair_that_ended_early_is_cured(v2: Bench) -> None:
    v2.fake.on(WEBHOOKS, lambda seen: json_answer({"data": []}) if seen.token == "new-access" else UNAUTHORIZED)
    v2.fake.on(IDENTITY, UNAUTHORIZED)
    v2.fake.on(TOKEN, token_answer("new"))
    assert await v2.client.list_webhooks() == ()


async def test_a_401_for_one_call_condemns_no_pair(v2: Bench) -> None:
    v2.fake.on(WEBHOOKS, UNAUTHORIZED)
    v2.fake.on(IDENTITY, UNAUTHORIZED)
    v2.fake.on(TOKEN, token_answer("new"))
    with pytest.raises(PatreonUnavailable):
        await v2.client.list_webhooks()
    assert v2.vault.records[CREATOR].broken_since is None


async def test_a_list_refused_to_a_pair_that_lives_is_about_a_scope(v2: Bench) -> None:
    v2.fake.on(MEMBERS, UNAUTHORIZED)
    v2.fake.on(IDENTITY, json_answer(identity("1")))
    v2.fake.on(TOKEN, token_answer("new"))
    with pytest.raises(AccessDenied):
        await whole_list(v2)
    assert v2.vault.records[CREATOR].broken_since is None


@pytest.mark.parametrize("answer", [refusal(429, retry_after_seconds=600), refusal(503), HTML, refusal(403)])
async def test_no_other_failure_breaks_a_link(v2: Bench, answer: Any) -> None:
    v2.fake.on(IDENTITY, answer)
    with pytest.raises((RateLimited, PatreonUnavailable, AccessDenied)):
        await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    assert v2.vault.records[patron_owner(ANN)].broken_since is None
    assert TOKEN not in v2.fake.paths()


async def test_the_creator_who_links_as_a_patron_keeps_their_pair(v2: Bench) -> None:
    await v2.vault.save_spare(CREATOR, pair("second"))
    assert v2.vault.records[CREATOR].tokens == pair("creator")
    v2.fake.on(MEMBERS, lambda seen: json_answer(members_page(member_body())) if "new" in seen.token else UNAUTHORIZED)
    v2.fake.on(
        TOKEN,
        lambda seen: (
            token_answer("new")
            if seen.form["refresh_token"] == "second-refresh"
            else json_answer({"error": "invalid_grant"}, 401)
        ),
    )
    assert await whole_list(v2) == [ANN]
    assert v2.vault.records[CREATOR].broken_since is None


async def test_a_renewal_under_way_is_finished_when_the_client_closes() -> None:
    async with bench(2) as made:
        made.vault.put(CREATOR, pair("creator", days=1))
        made.fake.on(TOKEN, token_answer("new"))
        waiting = asyncio.create_task(made.client.renew(CREATOR))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
    assert made.vault.records[CREATOR].tokens.access == "new-access"


async def test_errors_and_reprs_show_no_token(v2: Bench) -> None:
    v2.fake.on(IDENTITY, UNAUTHORIZED)
    v2.fake.on(TOKEN, json_answer({"error": "invalid_grant", "error_description": "ann-refresh"}, 401))
    with pytest.raises(AccessRevoked) as caught:
        await v2.client.fetch_own_membership(ANN, CAMPAIGN)
    told = repr(caught.value) + repr(caught.value.__context__) + repr(v2.client) + repr(v2.vault.records)
    for secret in ("ann-access", "ann-refresh", "top-secret"):
        assert secret not in told
    assert isinstance(v2.vault.records[CREATOR].tokens, Tokens)
