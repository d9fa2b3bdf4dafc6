"""The world's clock and its time line."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.world import Clock, Timeline

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def standing() -> Clock:
    return Clock(lambda: NOON)


def test_time_moves_only_forward() -> None:
    clock = standing()
    assert clock.move(timedelta(days=2)) == clock.now() == NOON + timedelta(days=2)
    with pytest.raises(ValueError, match="forward"):
        clock.move(timedelta(seconds=-1))
    assert clock.offset == timedelta(days=2)


def test_a_world_with_a_past_begins_behind_real_time() -> None:
    clock = Clock(lambda: NOON, behind=timedelta(days=3))
    assert clock() == NOON - timedelta(days=3)
    clock.move(timedelta(days=3))
    assert clock() == NOON


def test_subscribers_hear_of_each_move_until_they_leave() -> None:
    clock = standing()
    heard: list[datetime] = []
    leave = clock.subscribe(heard.append)
    clock.move(timedelta(hours=1))
    leave()
    leave()
    clock.move(timedelta(hours=1))
    assert heard == [NOON + timedelta(hours=1)]


def test_real_time_passes_by_itself() -> None:
    clock = Clock()
    before = clock.now()
    assert clock.now() >= before
    assert before.tzinfo is UTC


def test_entries_are_numbered_and_found_by_kind() -> None:
    timeline = Timeline(standing())
    timeline.add("patreon.call", "GET identity", status=200)
    timeline.add("patreon.webhook", "members:update")
    timeline.add("patreonish", "something else")
    assert [entry.number for entry in timeline.entries] == [1, 2, 3]
    assert [entry.text for entry in timeline.of("patreon")] == ["GET identity", "members:update"]
    assert timeline.of("patreon.call")[0].data == {"status": 200}
    assert timeline.entries[0].at == NOON


def test_a_queue_receives_what_happens_after_it_was_asked_for() -> None:
    timeline = Timeline(standing())
    timeline.add("world", "before")
    queue = timeline.subscribe()
    timeline.add("world", "during")
    timeline.unsubscribe(queue)
    timeline.add("world", "after")
    assert queue.get_nowait().text == "during"
    assert queue.empty()


def test_an_old_time_line_forgets_its_beginning() -> None:
    timeline = Timeline(standing())
    for number in range(6_000):
        timeline.add("world", str(number))
    assert len(timeline.entries) == 5_000
    assert timeline.entries[0].text == "1000"


async def test_who_sleeps_on_the_clock_wakes_when_it_is_moved_far_enough() -> None:
    clock = Clock()
    sleeping = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)

    clock.move(timedelta(minutes=59))
    await asyncio.sleep(0.01)
    assert not sleeping.done()

    clock.move(timedelta(minutes=1))
    await sleeping


async def test_a_sleep_on_the_clock_ends_with_real_time_too_and_leaves_nothing_behind() -> None:
    clock = Clock()

    await clock.sleep(0.01)
    await clock.sleep(0)

    assert not clock._subscribers
