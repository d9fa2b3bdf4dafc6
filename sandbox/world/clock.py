"""The world's clock: real time plus an offset that a test or the page moves. Who waits subscribes, or sleeps on it."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Subscriber = Callable[[datetime], None]


def real_now() -> datetime:
    """Return the machine's time, aware UTC."""
    return datetime.now(UTC)


class Clock:
    """Tells one time to both simulators and to the bot beside them; it only ever goes forward.

    ``source`` is the time underneath; a test that wants it to stand still hands in its own. A world with a past begins
    ``behind`` real time and moves up to it. An instance is callable, so it fits wherever a ``Callable[[], datetime]`` is
    asked for.
    """

    def __init__(self, source: Callable[[], datetime] = real_now, *, behind: timedelta = timedelta(0)) -> None:
        self._source = source
        self._offset = -behind
        self._subscribers: list[Subscriber] = []

    @property
    def offset(self) -> timedelta:
        """How far the world is ahead of real time."""
        return self._offset

    def now(self) -> datetime:
        """Return the world's time, aware UTC."""
        return self._source() + self._offset

    __call__ = now

    def move(self, span: timedelta) -> datetime:
        """Go forward by ``span``, tell every subscriber once, return the new time. ValueError for a negative span."""
        if span < timedelta(0):
            raise ValueError("the world's clock only goes forward")
        self._offset += span
        now = self.now()
        for subscriber in tuple(self._subscribers):
            subscriber(now)
        return now

    async def sleep(self, seconds: float) -> None:
        """Return once the world's time is ``seconds`` later, be it that real time has passed or that the clock was moved.

        Who keeps looking at the clock by sleeping, as the bot does, sees a move at once and not seconds later.
        """
        until = self.now() + timedelta(seconds=seconds)
        moved = asyncio.Event()
        unsubscribe = self.subscribe(lambda _now: moved.set())
        try:
            await asyncio.sleep(0)
            while (left := (until - self.now()).total_seconds()) > 0:
                moved.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(moved.wait(), left)
        finally:
            unsubscribe()

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Call ``subscriber(now)`` after each move, in order of subscription; the answer ends the subscription."""
        self._subscribers.append(subscriber)

        def unsubscribe() -> None:
            if subscriber in self._subscribers:
                self._subscribers.remove(subscriber)

        return unsubscribe
