"""Nudges merge, are claimed once, and outlive whoever works on them."""

import asyncio
from dataclasses import replace
from itertools import combinations, permutations

import pytest

from bot.core.model import Cause
from bot.store import Store, Tables, open_store
from bot.store.records import CAUSES_BY_STRENGTH, Nudge, NudgeKind, is_urgent, priority
from tests.conftest import SECRET_KEY
from tests.store.makers import DAY, HOUR, NOW, OTHER_PAGE, PAGE, membership, patron

KEY = patron(1)


async def _load(t: Tables, key: str = KEY) -> Nudge:
    nudge = await t.nudges.load(NudgeKind.USER, key)
    assert nudge is not None
    return nudge


async def _claim(t: Tables, holder: str = "me", limit: int = 10) -> list[Nudge]:
    return await t.nudges.claim(holder, NOW, NOW + HOUR, limit, NudgeKind.USER)


def test_every_cause_has_its_strength() -> None:
    assert set(CAUSES_BY_STRENGTH) == set(Cause)
    assert len(CAUSES_BY_STRENGTH) == len(Cause)


async def test_a_nudge_comes_back_as_it_was(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW, reading=membership())
    async with any_store.read() as t:
        expected = Nudge(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW, version=1, readings=(membership(),))
        assert await _load(t) == expected
        assert await t.nudges.load(NudgeKind.GUILD, KEY) is None


@pytest.mark.parametrize("causes", list(permutations([Cause.REFRESH, Cause.WEBHOOK, Cause.UNLINKED])))
async def test_in_whatever_order_they_come_merged_nudges_have_the_strongest_cause(
    store: Store, causes: tuple[Cause, ...]
) -> None:
    async with store.write() as t:
        for cause in causes:
            await t.nudges.add(NudgeKind.USER, KEY, cause, NOW)
        assert (await _load(t)).cause is Cause.UNLINKED
        assert (await _load(t)).version == 3
        assert await t.nudges.pending() == 1


@pytest.mark.parametrize(("one", "other"), list(combinations(Cause, 2)))
async def test_a_merge_is_as_urgent_as_the_more_urgent_of_both_and_so_is_its_cause(
    store: Store, one: Cause, other: Cause
) -> None:
    async with store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, one, NOW)
        await t.nudges.add(NudgeKind.USER, KEY, other, NOW)
        assert priority((await _load(t)).cause) == min(priority(one), priority(other))
        assert bool(await t.nudges.urgent_among(NudgeKind.USER, [KEY])) is (is_urgent(one) or is_urgent(other))


async def test_news_of_a_list_is_not_lost_in_the_audit_that_waits(store: Store) -> None:
    async with store.write() as t:
        await t.nudges.add(NudgeKind.GUILD, KEY, Cause.AUDIT, NOW)
        await t.nudges.add(NudgeKind.GUILD, KEY, Cause.REFRESH, NOW)
        merged = await t.nudges.load(NudgeKind.GUILD, KEY)
    assert merged is not None
    assert merged.cause is Cause.REFRESH


async def test_urgent_ones_are_found_among_others_also_while_they_are_worked_on(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add_many(NudgeKind.USER, ["1", "2", "3"], Cause.REFRESH, NOW)
        assert len(await _claim(t, limit=10)) == 3
        await t.nudges.add_many(NudgeKind.USER, ["2", "4"], Cause.LINKED, NOW)
        assert await t.nudges.urgent_among(NudgeKind.USER, ["1", "2", "3"]) == {"2"}
        assert await t.nudges.urgent_among(NudgeKind.USER, []) == set()


async def test_merged_nudges_are_due_at_the_earliest_instant(any_store: Store) -> None:
    async with any_store.write() as t:
        for due in (NOW + HOUR, NOW, NOW + DAY):
            await t.nudges.add(NudgeKind.USER, KEY, Cause.CLOCK, due)
        assert (await _load(t)).due_at == NOW


async def test_the_last_reading_of_each_campaign_is_kept(any_store: Store) -> None:
    newest = membership(observed_at=NOW - HOUR, serial=3, amount_cents=900)
    elsewhere = membership(campaign=OTHER_PAGE)
    async with any_store.write() as t:
        for reading in (membership(), newest, elsewhere, membership(serial=1)):
            await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW, reading=reading)
        await t.nudges.add(NudgeKind.USER, KEY, Cause.MANUAL, NOW)
        assert (await _load(t)).readings == (elsewhere, newest)


async def test_a_claim_gives_the_readings_of_each_nudge_to_it(any_store: Store) -> None:
    async with any_store.write() as t:
        for number in range(3):
            reading = membership(number) if number else None
            await t.nudges.add(NudgeKind.USER, patron(number), Cause.WEBHOOK, NOW, reading=reading)
        claimed = {nudge.key: nudge.readings for nudge in await _claim(t)}
    assert claimed == {patron(0): (), patron(1): (membership(1),), patron(2): (membership(2),)}


async def test_the_same_webhook_ten_times_at_once_is_one_nudge(any_store: Store) -> None:
    async def hear() -> None:
        async with any_store.write() as t:
            await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW, reading=membership())

    await asyncio.gather(*(hear() for _ in range(10)))
    async with any_store.read() as t:
        nudge = await _load(t)
    assert (nudge.version, nudge.readings) == (10, (membership(),))


async def test_thousands_are_added_and_merged_at_once(any_store: Store) -> None:
    keys = [str(number) for number in range(3000)]
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, "5", Cause.MANUAL, NOW)
        await t.nudges.add_many(NudgeKind.USER, [*keys, "7"], Cause.RULES, NOW + HOUR)
        assert await t.nudges.pending() == 3000
        merged = await t.nudges.load(NudgeKind.USER, "5")
        assert merged == Nudge(NudgeKind.USER, "5", Cause.MANUAL, NOW, version=2)
        await t.nudges.add_many(NudgeKind.USER, [], Cause.RULES, NOW)
        assert await t.nudges.pending() == 3000


async def test_nothing_is_claimed_before_it_is_due(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.CLOCK, NOW + HOUR)
        assert await _claim(t) == []
        assert await t.nudges.next_due() == NOW + HOUR
        assert len(await t.nudges.claim("me", NOW + HOUR, NOW + DAY, 10, NudgeKind.USER)) == 1


async def test_those_somebody_waits_for_come_first_then_the_oldest_due(any_store: Store) -> None:
    wanted = [
        ("a", Cause.WEBHOOK, NOW - HOUR),
        ("b", Cause.LINKED, NOW),
        ("c", Cause.CLOCK, NOW - DAY),
        ("d", Cause.RULES, NOW - HOUR),
        ("e", Cause.REFRESH, NOW - 2 * DAY),
        ("f", Cause.AUDIT, NOW - DAY),
    ]
    async with any_store.write() as t:
        for key, cause, due in reversed(wanted):
            await t.nudges.add(NudgeKind.USER, key, cause, due)
        claimed = [nudge.key for nudge in [*await _claim(t, limit=2), *await _claim(t, limit=10)]]
    assert claimed == [key for key, _, _ in wanted]


async def test_a_webhook_lifts_a_waiting_refresh_to_the_front(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, "long-waiting", Cause.REFRESH, NOW - DAY)
        await t.nudges.add(NudgeKind.USER, KEY, Cause.REFRESH, NOW)
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW)
        assert [nudge.key for nudge in await _claim(t, limit=1)] == [KEY]


async def test_kinds_and_urgent_ones_can_be_claimed_alone(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.CAMPAIGN, PAGE, Cause.CLOCK, NOW)
        await t.nudges.add(NudgeKind.USER, KEY, Cause.REFRESH, NOW)
        await t.nudges.add(NudgeKind.USER, patron(2), Cause.WEBHOOK, NOW)
        assert await t.nudges.pending() == await t.nudges.pending(NOW) == 3
        assert await t.nudges.pending(NOW - HOUR) == 0
        assert await t.nudges.waiting(NudgeKind.USER, Cause.WEBHOOK, at_most=5) == 1
        assert await t.nudges.waiting(NudgeKind.USER, Cause.WEBHOOK, at_most=0) == 0
        urgent = await t.nudges.claim("me", NOW, NOW + HOUR, 10, NudgeKind.USER, urgent=True)
        assert [nudge.key for nudge in urgent] == [patron(2)]
        campaigns = await t.nudges.claim("me", NOW, NOW + HOUR, 10, NudgeKind.CAMPAIGN)
        assert [nudge.key for nudge in campaigns] == [PAGE]
        assert [nudge.key for nudge in await _claim(t)] == [KEY]


async def test_claimants_at_once_share_the_work_without_doing_any_of_it_twice(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add_many(NudgeKind.USER, [patron(number) for number in range(60)], Cause.WEBHOOK, NOW)
    both_are_claiming = asyncio.Barrier(4)

    async def claim(holder: str) -> list[str]:
        await both_are_claiming.wait()
        keys: list[str] = []
        while True:
            async with any_store.write() as t:
                claimed = await _claim(t, holder, limit=4)
            if not claimed:
                return keys
            keys += [nudge.key for nudge in claimed]

    shares = await asyncio.gather(*(claim(f"process-{number}") for number in range(4)))
    everything = [key for share in shares for key in share]
    assert sorted(everything) == [patron(number) for number in range(60)]


async def test_on_postgresql_a_claim_does_not_wait_for_another(postgres_url: str) -> None:
    opened = await open_store(postgres_url, [SECRET_KEY])
    try:
        async with opened.write() as t:
            await t.nudges.add_many(NudgeKind.USER, [patron(1), patron(2)], Cause.WEBHOOK, NOW)
        async with opened.write() as first:
            mine = await _claim(first, "first", limit=1)

            async def second_claim() -> list[Nudge]:
                async with opened.write() as second:
                    return await _claim(second, "second")

            # The first transaction is still open: its row is passed over, not waited for.
            theirs = await asyncio.wait_for(asyncio.create_task(second_claim()), 10)
        assert [nudge.key for nudge in mine] == [patron(1)]
        assert [nudge.key for nudge in theirs] == [patron(2)]
    finally:
        await opened.close()


async def test_what_is_claimed_is_claimed_by_nobody_else_until_the_lease_ends(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW, reading=membership())
        (killed,) = await _claim(t, "killed")
        assert await _claim(t, "other") == []
        assert await t.nudges.next_due() == NOW + HOUR
        (taken_over,) = await t.nudges.claim("other", NOW + HOUR, NOW + DAY, 10, NudgeKind.USER)
        assert taken_over == replace(killed, holder="other")


async def test_a_finished_nudge_is_gone_with_its_readings(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW, reading=membership())
        (nudge,) = await _claim(t)
        assert await t.nudges.finish(nudge)
        assert await t.nudges.pending() == 0
        await t.nudges.add(NudgeKind.USER, KEY, Cause.MANUAL, NOW)
        assert (await _load(t)).readings == ()


async def test_a_nudge_that_arrives_during_the_work_runs_again(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW)
        (nudge,) = await _claim(t)
        await t.nudges.add(NudgeKind.USER, KEY, Cause.MANUAL, NOW, reading=membership())
        assert await _claim(t, "other") == []
        assert not await t.nudges.finish(nudge)
        (again,) = await _claim(t, "other")
        assert (again.version, again.cause, again.readings) == (2, Cause.MANUAL, (membership(),))
        assert await t.nudges.finish(again)
        assert await t.nudges.next_due() is None


async def test_a_lost_claim_can_neither_finish_nor_put_off_nor_extend(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW)
        (late,) = await _claim(t, "late")
        (owned,) = await t.nudges.claim("owner", NOW + HOUR, NOW + DAY, 10, NudgeKind.USER)
        assert not await t.nudges.finish(late)
        await t.nudges.postpone(late, NOW + DAY, "Late")
        await t.nudges.extend([late], NOW + 9 * DAY)
        assert await _load(t) == owned
        assert await t.nudges.next_due() == NOW + DAY
        assert await t.nudges.finish(owned)


async def test_a_nudge_erased_during_the_work_counts_as_finished(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW)
        (nudge,) = await _claim(t)
        await t.nudges.drop(NudgeKind.USER, KEY)
        assert await t.nudges.finish(nudge)


async def test_a_failure_comes_back_later_and_is_counted(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW, reading=membership())
        for attempts in (1, 2):
            (nudge,) = await _claim(t)
            await t.nudges.postpone(nudge, NOW, "PatreonUnavailable")
            failed = await _load(t)
            assert (failed.attempts, failed.last_error, failed.holder) == (attempts, "PatreonUnavailable", None)
            assert failed.readings == (membership(),)
        (nudge,) = await _claim(t)
        await t.nudges.postpone(nudge, NOW + HOUR, "PatreonUnavailable")
        assert await _claim(t) == []


async def test_being_asked_to_wait_is_no_failure(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW)
        (nudge,) = await _claim(t)
        await t.nudges.postpone(nudge, NOW + HOUR)
        waiting = await _load(t)
    assert (waiting.attempts, waiting.last_error, waiting.due_at) == (0, None, NOW + HOUR)


async def test_what_merged_with_a_failing_nudge_is_not_put_off_with_it(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW)
        (nudge,) = await _claim(t)
        await t.nudges.add(NudgeKind.USER, KEY, Cause.MANUAL, NOW)
        await t.nudges.postpone(nudge, NOW + DAY, "PatreonUnavailable")
        assert [each.key for each in await _claim(t)] == [KEY]


async def test_a_success_forgets_the_failures_before_it(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW)
        (nudge,) = await _claim(t)
        await t.nudges.postpone(nudge, NOW, "PatreonUnavailable")
        (nudge,) = await _claim(t)
        await t.nudges.add(NudgeKind.USER, KEY, Cause.WEBHOOK, NOW)
        await t.nudges.finish(nudge)
        assert (await _load(t)).attempts == 0


async def test_a_stopping_process_gives_back_what_it_holds_as_it_was(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add_many(NudgeKind.USER, [patron(1), patron(2)], Cause.WEBHOOK, NOW)
        (kept,) = await _claim(t, "staying", limit=1)
        await _claim(t, "stopping")
        await t.nudges.release("stopping")
        assert [nudge.key for nudge in await _claim(t, "next")] == [patron(2)]
        assert (await _load(t, kept.key)).holder == "staying"


async def test_a_long_work_extends_its_claim(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.nudges.add_many(NudgeKind.USER, [patron(1), patron(2)], Cause.WEBHOOK, NOW)
        nudge, _other = await _claim(t)
        await t.nudges.extend([nudge], NOW + DAY)
        assert [each.key for each in await t.nudges.claim("other", NOW + HOUR, NOW + DAY, 10, NudgeKind.USER)] == [patron(2)]


async def test_urgency_is_that_of_people_who_wait() -> None:
    assert {cause for cause in Cause if priority(cause) == 0} == {
        Cause.UNLINKED,
        Cause.MANUAL,
        Cause.LINKED,
        Cause.JOINED,
        Cause.WEBHOOK,
    }
