"""Attempts to link: each step once, in time, by whoever holds its token."""

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from bot.errors import LinkError, LinkProblem
from bot.store import Store, Tables
from bot.store.records import AttemptStage, LinkAttempt, fingerprint
from tests.store.makers import ANN, BOB, DAY, HOUR, NOW, attempt, patron, tokens

KEY = fingerprint("start-token")
STATE = fingerprint("oauth-state")
CONFIRM = fingerprint("confirm-token")


async def _walk(t: Tables, stage: AttemptStage) -> LinkAttempt:
    """Bring a new attempt as far as ``stage``."""
    await t.attempts.add(attempt())
    if stage is not AttemptStage.STARTED:
        await t.attempts.take_start(KEY, STATE, NOW)
    if stage in {AttemptStage.EXCHANGING, AttemptStage.CONFIRMING, AttemptStage.DONE}:
        await t.attempts.take_state(STATE, NOW)
    if stage in {AttemptStage.CONFIRMING, AttemptStage.DONE}:
        await t.attempts.ask(KEY, CONFIRM, NOW, patron=patron(1), patron_name="Ann Patron", tokens=tokens())
    if stage is AttemptStage.DONE:
        await t.attempts.take_confirm(CONFIRM, NOW)
    reached = await t.attempts.load_latest(ANN)
    assert reached is not None
    assert reached.stage is stage
    return reached


async def test_an_attempt_is_walked_from_its_start_to_its_end(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.attempts.add(attempt())
        assert await t.attempts.load_latest(ANN) == attempt()
    async with any_store.write() as t:
        away = await t.attempts.take_start(KEY, STATE, NOW)
        assert away == replace(attempt(), stage=AttemptStage.AUTHORIZING, state_hash=STATE)
    async with any_store.write() as t:
        back = await t.attempts.take_state(STATE, NOW)
        assert back == replace(away, stage=AttemptStage.EXCHANGING)
    async with any_store.write() as t:
        await t.attempts.keep(KEY, tokens())
        assert await t.attempts.load_latest(ANN) == replace(back, tokens=tokens())
    async with any_store.write() as t:
        asked = await t.attempts.ask(KEY, CONFIRM, NOW, patron=patron(1), patron_name="Ann Patron", tokens=tokens())
        assert (asked.patron, asked.patron_name, asked.tokens) == (patron(1), "Ann Patron", tokens())
    async with any_store.write() as t:
        done = await t.attempts.take_confirm(CONFIRM, NOW)
        assert done == replace(asked, stage=AttemptStage.DONE)


async def test_a_finished_attempt_forgets_the_name_and_the_tokens(any_store: Store) -> None:
    async with any_store.write() as t:
        done = await _walk(t, AttemptStage.DONE)
    assert (done.patron, done.patron_name, done.tokens) == (patron(1), None, None)
    assert done.interaction_token == "discord-interaction-token"


async def test_a_refused_attempt_forgets_them_too_and_goes_no_further(any_store: Store) -> None:
    async with any_store.write() as t:
        await _walk(t, AttemptStage.CONFIRMING)
        await t.attempts.refuse(KEY)
        refused = await t.attempts.load_latest(ANN)
        assert refused is not None
        assert (refused.stage, refused.patron_name, refused.tokens) == (AttemptStage.REFUSED, None, None)
        with pytest.raises(LinkError) as caught:
            await t.attempts.take_confirm(CONFIRM, NOW)
    assert caught.value.problem is LinkProblem.USED


async def test_a_pair_that_comes_too_late_is_not_kept(any_store: Store) -> None:
    async with any_store.write() as t:
        done = await _walk(t, AttemptStage.DONE)
        await t.attempts.keep(KEY, tokens())
        assert await t.attempts.load_latest(ANN) == done


async def test_what_is_done_cannot_be_refused_any_more(any_store: Store) -> None:
    async with any_store.write() as t:
        await _walk(t, AttemptStage.DONE)
        await t.attempts.refuse(KEY)
        kept = await t.attempts.load_latest(ANN)
    assert kept is not None
    assert kept.stage is AttemptStage.DONE


async def test_opening_the_link_again_replaces_the_unused_state(any_store: Store) -> None:
    second = fingerprint("second-state")
    async with any_store.write() as t:
        await _walk(t, AttemptStage.AUTHORIZING)
        await t.attempts.take_start(KEY, second, NOW)
        with pytest.raises(LinkError) as caught:
            await t.attempts.take_state(STATE, NOW)
        assert caught.value.problem is LinkProblem.FORGED
        assert (await t.attempts.take_state(second, NOW)).user == ANN


@pytest.mark.parametrize("stage", [AttemptStage.EXCHANGING, AttemptStage.CONFIRMING, AttemptStage.DONE])
async def test_a_start_link_is_used_up_once_the_person_came_back(any_store: Store, stage: AttemptStage) -> None:
    async with any_store.write() as t:
        await _walk(t, stage)
        with pytest.raises(LinkError) as caught:
            await t.attempts.take_start(KEY, fingerprint("another"), NOW)
    assert caught.value.problem is LinkProblem.USED


async def test_a_state_works_once_even_when_used_many_times_at_once(any_store: Store) -> None:
    async with any_store.write() as t:
        await _walk(t, AttemptStage.AUTHORIZING)

    async def use() -> LinkProblem | None:
        try:
            async with any_store.write() as t:
                await t.attempts.take_state(STATE, NOW)
        except LinkError as error:
            return error.problem
        return None

    outcomes = await asyncio.gather(*(use() for _ in range(6)))
    assert sorted(map(str, outcomes)) == sorted(["None", *[str(LinkProblem.USED)] * 5])


async def test_a_confirmation_works_once(any_store: Store) -> None:
    async with any_store.write() as t:
        await _walk(t, AttemptStage.DONE)
        with pytest.raises(LinkError) as caught:
            await t.attempts.take_confirm(CONFIRM, NOW)
    assert caught.value.problem is LinkProblem.USED


@pytest.mark.parametrize("now", [NOW, NOW + HOUR])
async def test_an_unknown_token_is_forged(any_store: Store, now: datetime) -> None:
    async with any_store.write() as t:
        await _walk(t, AttemptStage.CONFIRMING)
        for step in (
            t.attempts.take_start(fingerprint("wrong"), fingerprint("new"), now),
            t.attempts.take_state(fingerprint("wrong"), now),
            t.attempts.take_confirm(fingerprint("wrong"), now),
        ):
            with pytest.raises(LinkError) as caught:
                await step
            assert caught.value.problem is LinkProblem.FORGED


async def test_the_token_itself_opens_nothing_only_its_fingerprint_does(any_store: Store) -> None:
    async with any_store.write() as t:
        await _walk(t, AttemptStage.AUTHORIZING)
        with pytest.raises(LinkError):
            await t.attempts.take_state("oauth-state", NOW)


async def test_every_step_ends_with_the_time_allowed(any_store: Store) -> None:
    end = attempt().expires_at
    async with any_store.write() as t:
        await _walk(t, AttemptStage.AUTHORIZING)
        for step in (t.attempts.take_start(KEY, STATE, end), t.attempts.take_state(STATE, end)):
            with pytest.raises(LinkError) as caught:
                await step
            assert caught.value.problem is LinkProblem.EXPIRED
        await t.attempts.take_state(STATE, NOW)
        with pytest.raises(LinkError) as caught:
            await t.attempts.ask(KEY, CONFIRM, end, patron=patron(1), patron_name="Ann", tokens=tokens())
        assert caught.value.problem is LinkProblem.EXPIRED


async def test_an_attempt_is_found_by_its_confirming_form_without_using_it_up(any_store: Store) -> None:
    async with any_store.write() as t:
        asked = await _walk(t, AttemptStage.CONFIRMING)
        assert await t.attempts.load_by_confirm(CONFIRM) == asked
        assert await t.attempts.load_by_confirm(STATE) is None
        assert (await t.attempts.take_confirm(CONFIRM, NOW)).user == ANN


async def test_the_latest_attempt_of_a_user_is_found(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.attempts.add(attempt("older"))
        await t.attempts.add(replace(attempt("newer"), created_at=NOW + HOUR))
        await t.attempts.add(replace(attempt("other", BOB), created_at=NOW + DAY))
        latest = await t.attempts.load_latest(ANN)
    assert latest is not None
    assert latest.key == fingerprint("newer")


async def test_purging_takes_what_is_over_and_nothing_else(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.attempts.add(attempt("over"))
        await t.attempts.add(replace(attempt("alive", BOB), expires_at=NOW + DAY))
        assert await t.attempts.purge(NOW + HOUR) == 1
        assert await t.attempts.load_latest(ANN) is None
        assert await t.attempts.load_latest(BOB) is not None


async def test_an_attempt_shows_no_secret(any_store: Store) -> None:
    async with any_store.write() as t:
        shown = repr(await _walk(t, AttemptStage.CONFIRMING))
    for secret in ("Ann Patron", "access-first", "refresh-first", "discord-interaction-token"):
        assert secret not in shown


async def test_an_attempt_given_back_goes_on_with_the_same_state_and_its_pair(any_store: Store) -> None:
    async with any_store.write() as t:
        await _walk(t, AttemptStage.EXCHANGING)
        await t.attempts.keep(KEY, tokens())
        await t.attempts.give_back(KEY)
        assert (await t.attempts.take_state(STATE, NOW)).tokens == tokens()
        await t.attempts.give_back(KEY)
        assert (await t.attempts.take_start(KEY, STATE, NOW)).tokens is None, "another account may sign in"


@pytest.mark.parametrize("stage", [AttemptStage.CONFIRMING, AttemptStage.DONE])
async def test_what_is_not_under_way_at_patreon_is_not_given_back(any_store: Store, stage: AttemptStage) -> None:
    async with any_store.write() as t:
        walked = await _walk(t, stage)
        await t.attempts.give_back(KEY)
        assert await t.attempts.load_latest(ANN) == walked


async def test_refused_codes_are_counted_for_their_user_in_the_time_asked_for(any_store: Store) -> None:
    async with any_store.write() as t:
        await _walk(t, AttemptStage.EXCHANGING)
        await t.attempts.keep(KEY, tokens())
        await t.attempts.refuse_code(KEY, NOW)
        refused = await t.attempts.load_latest(ANN)
        counts = [await t.attempts.refused_codes(ANN, since, NOW) for since in (NOW - HOUR, NOW + HOUR)]
        assert await t.attempts.refused_codes(ANN, NOW - DAY, NOW - HOUR) == 0, "a clock that was ahead counted it"
        assert await t.attempts.refused_codes(BOB, NOW - HOUR, NOW) == 0
    assert counts == [1, 0]
    assert refused is not None
    assert (refused.stage, refused.tokens) == (AttemptStage.REFUSED, None)
