"""Lanes: stored nudges, claimed with a lease, worked on side by side, finished or put off. Nothing about what they mean.

A lane never dies, never drops a nudge and never spins on one: whatever its work raises becomes a later due instant, at
growing intervals. A nudge that was merged with another while in hand stays and runs again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import structlog

from bot.errors import BotError, PatreonError, RateLimited
from bot.store.records import Nudge, NudgeKind
from bot.sync.parts import Parts
from bot.sync.reports import NudgeStuck

log = structlog.get_logger(__name__)

# Does the work of one nudge; an instant means "not yet, come back then", which is no failure.
Work = Callable[[Nudge], Awaitable[datetime | None]]


class Stopping(BotError):
    """The engine stops: long work ends at its next step and is left for the next start. Never leaves the engine."""


class Lane:
    """One queue: nudges of a kind, at most ``width`` in hand; ``urgent`` takes only those somebody waits for."""

    def __init__(self, parts: Parts, holder: str, kind: NudgeKind, work: Work, *, width: int, urgent: bool = False) -> None:
        self._parts = parts
        self._holder = holder
        self._kind = kind
        self._work = work
        self._width = width
        self._urgent = urgent
        self._in_hand: dict[asyncio.Task[None], Nudge] = {}
        self._told: set[str] = set()
        self._signal = asyncio.Event()
        self._short = False

    @property
    def in_hand(self) -> list[Nudge]:
        """The nudges that are being worked on."""
        return list(self._in_hand.values())

    def wake(self) -> None:
        """Say that there may be something to claim."""
        self._signal.set()

    async def woken(self) -> None:
        """Wait for ``wake``, or for the end of something in hand that left more to do."""
        await self._signal.wait()
        self._signal.clear()

    async def fill(self) -> int:
        """Claim what is due while there is room; returns how many were claimed."""
        room = self._width - len(self._in_hand)
        if room <= 0:
            return 0
        now = self._parts.now()
        until = now + self._parts.settings.lease
        async with self._parts.store.write() as t:
            claimed = await t.nudges.claim(self._holder, now, until, room, self._kind, urgent=self._urgent)
        for nudge in claimed:
            task = asyncio.create_task(self._one(nudge))
            self._in_hand[task] = nudge
            task.add_done_callback(self._done)
        return len(claimed)

    async def rest(self, within: timedelta | None = None) -> None:
        """Wait for what is in hand; what takes longer than ``within`` is given up, which is as harmless as a kill."""
        if not self._in_hand:
            return
        _, late = await asyncio.wait(set(self._in_hand), timeout=within.total_seconds() if within else None)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _done(self, task: asyncio.Task[None]) -> None:
        was_full = len(self._in_hand) >= self._width
        del self._in_hand[task]
        # A full lane left something unclaimed, perhaps; claiming anew for each single end would cost more than it gains.
        self._short |= was_full
        if self._short and len(self._in_hand) <= self._width * 3 // 4:
            self._short = False
            self.wake()

    async def _one(self, nudge: Nudge) -> None:
        try:
            await self._settled(nudge, await self._work(nudge))
        except Stopping:
            return  # the engine gives everything it holds back when it has stopped
        except RateLimited as limited:
            await self._safely(self._settled(nudge, self._parts.now() + limited.retry_after), nudge)
        except Exception as error:  # noqa: BLE001 - whatever it was, the nudge comes back and the lane goes on
            await self._safely(self._failed(nudge, error), nudge)

    async def _settled(self, nudge: Nudge, later: datetime | None) -> None:
        self._told.discard(nudge.key)
        async with self._parts.store.write() as t:
            if later is not None:
                await t.nudges.postpone(nudge, later)
            elif not await t.nudges.finish(nudge):
                self.wake()

    async def _failed(self, nudge: Nudge, error: Exception) -> None:
        attempts = nudge.attempts + 1
        ids = {"kind": nudge.kind.value, "key": nudge.key, "attempts": attempts, "error": type(error).__name__}
        if not isinstance(error, BotError):
            log.error("nudge_failed_unexpectedly", exc_info=error, **ids)
        elif attempts == 1:
            log.warning("nudge_failed", why=str(error), **ids)
        due_at = self._parts.now() + self._back_off(attempts)
        async with self._parts.store.write() as t:
            await t.nudges.postpone(nudge, due_at, type(error).__name__)
        # That Patreon is gone is told once for a campaign, not once for each patron who waits.
        stuck = attempts >= self._parts.settings.report_after and not isinstance(error, PatreonError)
        if stuck and nudge.key not in self._told:
            self._told.add(nudge.key)
            await self._parts.tell(NudgeStuck(nudge.kind, nudge.key, attempts, type(error).__name__))

    def _back_off(self, attempts: int) -> timedelta:
        settings = self._parts.settings
        # Capped before it is multiplied: a power of a long row of failures would not fit a timedelta.
        return min(settings.retry_first * int(2 ** min(attempts - 1, 20)), settings.retry_cap)

    async def _safely(self, step: Awaitable[None], nudge: Nudge) -> None:
        """Record how it ended; when even that fails (the database is gone), the claim runs out and it is claimed anew.

        It is not in hand any more, so nobody keeps its claim alive.
        """
        try:
            await step
        except Exception as error:  # noqa: BLE001 - see above
            log.warning("nudge_not_put_off", kind=nudge.kind.value, key=nudge.key, error=type(error).__name__)
