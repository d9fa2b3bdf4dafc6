"""What time it is: by this machine's clock while that is right, else by what Patreon and Discord say. Orders nothing.

A Raspberry Pi has no clock of its own, and any clock may be set wrong. Grace, paid time and expiry are instants of the
world, so a clock that is a year ahead would end all of them at once. Every answer over HTTP names its instant in the
``Date`` header (RFC 9110, section 6.6.1): once one was heard, a machine's clock that is further off than TOLERANCE is
not followed, whether it was wrong from the start or jumped later. Between two answers the time since the last counts.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

log = structlog.get_logger(__name__)

Hear = Callable[[Mapping[str, str]], None]
"""Takes the headers of an answer."""

TOLERANCE = timedelta(minutes=5)


def utc_now() -> datetime:
    """Return the time by the machine's clock; the only place in the bot that asks for it."""
    return datetime.now(UTC)


def uptime() -> float:
    """Return seconds that no setting of a clock changes; they count a machine's sleep where the system can tell."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


def deaf(_headers: Mapping[str, str]) -> None:
    """Take headers and leave them, for whoever goes by a time of their own."""


class Clock:
    """The time the whole process goes by."""

    def __init__(
        self, machine: Callable[[], datetime] = utc_now, steady: Callable[[], float] = uptime, *, listens: bool = True
    ) -> None:
        """Take the machine's clock, and seconds that never jump; one that does not listen goes by the machine's alone."""
        self._listens = listens
        self._machine = machine
        self.steady = steady
        self._told: tuple[datetime, float] | None = None
        self._wrong = False

    @classmethod
    def going_by(cls, now: Callable[[], datetime]) -> "Clock":
        """Return a clock for a time of the caller's own, which no answer corrects."""
        return cls(now, lambda: now().timestamp(), listens=False)

    def now(self) -> datetime:
        """Return the time."""
        machine, told = self._machine(), self._by_answers()
        if told is None:
            return machine
        wrong = abs(machine - told) > TOLERANCE
        if wrong is not self._wrong:
            self._wrong = wrong
            ahead = round((machine - told).total_seconds())
            (log.warning if wrong else log.info)("clock_wrong" if wrong else "clock_right", ahead_seconds=ahead)
        return told if wrong else machine

    def ahead(self) -> timedelta:
        """Return how far the machine's clock is ahead (behind: negative); nothing while it is right."""
        machine, now = self._machine(), self.now()
        return machine - now if self._wrong else timedelta()

    def hear(self, headers: Mapping[str, str], *, first_only: bool = False) -> None:
        """Take the instant an answer names; with ``first_only`` (another than Patreon says it) unless one was heard.

        An answer out of a cache (``Age``) names the instant it was made at.
        """
        if not self._listens or (first_only and self._told is not None) or headers.get("Age", "0") != "0":
            return
        try:
            instant = parsedate_to_datetime(headers["Date"])
        except (KeyError, ValueError):
            return
        self._told = (instant if instant.tzinfo else instant.replace(tzinfo=UTC), self.steady())

    def _by_answers(self) -> datetime | None:
        if self._told is None:
            return None
        instant, at = self._told
        return instant + timedelta(seconds=self.steady() - at)
