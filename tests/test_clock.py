"""What time it is when this machine's clock is wrong or jumps, and answers say another."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from bot.clock import Clock as TrueClock
from tests.conftest import Clock

HOUR, DAY, YEAR = timedelta(hours=1), timedelta(days=1), timedelta(days=365)
MINUTE = timedelta(minutes=1)


def _headers(clock: Clock) -> dict[str, str]:
    return {"Date": format_datetime(clock.now, usegmt=True)}


@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY, YEAR, -YEAR])
def test_a_clock_that_jumps_is_not_followed_once_an_answer_told_the_time(clock: Clock, jump: timedelta) -> None:
    true = TrueClock(clock, clock.steady)
    true.hear(_headers(clock))
    expected = clock.now

    clock.jump(jump)
    clock.move(MINUTE)
    assert true.now() == expected + MINUTE
    assert true.ahead() == jump

    clock.jump(-jump)
    assert true.now() == expected + MINUTE
    assert not true.ahead()


@pytest.mark.parametrize("wrong", [HOUR, -YEAR])
def test_a_clock_that_was_wrong_from_the_start_is_put_right_by_the_first_answer(clock: Clock, wrong: timedelta) -> None:
    headers, expected = _headers(clock), clock.now
    clock.jump(wrong)
    true = TrueClock(clock, clock.steady)
    assert true.now() == expected + wrong

    true.hear(headers)

    assert true.now() == expected


def test_a_clock_that_is_right_within_minutes_is_followed(clock: Clock) -> None:
    true = TrueClock(clock, clock.steady)
    true.hear(_headers(clock))

    clock.jump(4 * MINUTE)

    assert true.now() == clock.now
    assert not true.ahead()


@pytest.mark.parametrize("headers", [{}, {"Date": "soon"}, {"Date": "Mon, 01 Jan 2001 00:00:00 GMT", "Age": "60"}])
def test_an_answer_that_names_no_instant_of_its_own_tells_nothing(clock: Clock, headers: dict[str, str]) -> None:
    true = TrueClock(clock, clock.steady)

    true.hear(headers)

    assert true.now() == clock.now


def test_discord_tells_the_time_only_until_patreon_has(clock: Clock) -> None:
    true = TrueClock(clock, clock.steady)
    right = _headers(clock)
    clock.jump(YEAR)
    wrong = _headers(clock)

    true.hear(right)
    true.hear(wrong, first_only=True)

    assert true.now() == clock.now - YEAR
