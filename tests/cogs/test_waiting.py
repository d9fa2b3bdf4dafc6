"""Answers that wait for a report: each while it can be edited, and none for good."""

from datetime import timedelta

from bot.discord_bot import Waiting
from tests.conftest import Clock


async def test_an_answer_waits_until_it_ends(clock: Clock) -> None:
    waiting: Waiting[int, list[str]] = Waiting(clock)
    first, second = ["same"], ["same"]
    waiting.add(1, first)
    waiting.add(1, second)
    waiting.end(1, first)
    assert [answer is second for answer in waiting.of(1)] == [True]


async def test_what_never_comes_is_not_waited_for_longer_than_its_answer_can_be_edited(clock: Clock) -> None:
    waiting: Waiting[int, str] = Waiting(clock)
    waiting.add(1, "answer")
    clock.move(timedelta(minutes=14))
    assert waiting.of(1) == []
    waiting.add(2, "answer")
    assert len(waiting) == 1
