"""Calendar months."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.months import month_end, months_later, whole_months

INSTANTS = st.datetimes(datetime(2013, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}Z")


@pytest.mark.parametrize(
    ("since", "months", "later"),
    [
        ("2024-01-31T10:30", 0, "2024-01-31T10:30"),
        ("2024-01-31T10:30", 1, "2024-02-29T10:30"),
        ("2023-01-31T10:30", 1, "2023-02-28T10:30"),
        ("2024-01-31T10:30", 2, "2024-03-31T10:30"),
        ("2024-11-15T10:30", 1, "2024-12-15T10:30"),
        ("2024-11-15T10:30", 2, "2025-01-15T10:30"),
        ("2024-12-15T10:30", 24, "2026-12-15T10:30"),
        ("9998-12-15T10:30", 12, "9999-12-15T10:30"),
    ],
)
def test_months_are_added_by_the_calendar(since: str, months: int, later: str) -> None:
    assert months_later(at(since), months) == at(later)


def test_an_anniversary_past_the_calendars_end_is_the_calendars_end() -> None:
    assert months_later(at("2024-01-01T00:00"), 12 * 9000) == datetime.max.replace(tzinfo=UTC)
    assert months_later(at("9999-12-15T10:30"), 1) == datetime.max.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "now", "months"),
    [
        ("2024-01-15T10:30", "2024-02-15T10:29", 0),
        ("2024-01-15T10:30", "2024-02-15T10:30", 1),
        ("2024-01-31T10:30", "2024-02-29T10:29", 0),
        ("2024-01-31T10:30", "2024-02-29T10:30", 1),
        ("2022-12-15T10:30", "2024-01-15T10:30", 13),
        ("2022-12-15T10:30", "2024-01-15T10:29", 12),
        ("2024-02-15T10:30", "2024-02-15T10:29", 0),
        ("2024-02-15T10:30", "2023-01-01T00:00", 0),
    ],
)
def test_a_month_counts_when_it_is_over(since: str, now: str, months: int) -> None:
    assert whole_months(at(since), at(now)) == months


@given(since=INSTANTS, months=st.integers(0, 600))
def test_an_anniversary_is_the_first_instant_its_month_counts(since: datetime, months: int) -> None:
    assert whole_months(since, months_later(since, months)) >= months


@pytest.mark.parametrize(
    ("instant", "end"),
    [
        ("2024-02-10T12:00:01.5", "2024-03-01T00:00"),
        ("2024-12-31T23:59", "2025-01-01T00:00"),
        ("2024-03-01T00:00", "2024-04-01T00:00"),
    ],
)
def test_a_month_ends_at_the_next_ones_first_midnight(instant: str, end: str) -> None:
    assert month_end(at(instant)) == at(end)
