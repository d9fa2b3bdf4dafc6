"""The sync engine: builds its parts, runs its lanes, and never dies. What the parts do is in their own modules.

Doors write rows and call ``wake``; in another process nobody hears that, and the poll finds the rows a second later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from bot.core.model import DiscordUserId, GuildId
from bot.errors import BotError
from bot.store.records import NudgeKind
from bot.store.store import Store
from bot.sync.brake import Brake
from bot.sync.bulk import Bulk
from bot.sync.campaigns import Refreshes
from bot.sync.carrier import Carrier
from bot.sync.clock import ClockWork
from bot.sync.describing import Descriptions
from bot.sync.guild_work import GuildWork
from bot.sync.health import Health
from bot.sync.jumps import Jumps
from bot.sync.looks import Looks
from bot.sync.members import Members
from bot.sync.parts import EngineSettings, Parts
from bot.sync.people import People
from bot.sync.ports import Guilds, Patreon
from bot.sync.queue import Lane
from bot.sync.reads import Reads
from bot.sync.renewals import Renewals
from bot.sync.reports import Listener
from bot.sync.settle import Settler

log = structlog.get_logger(__name__)

# Guilds and campaigns worked on at once; each is a long piece of work that mostly waits.
_LONG_AT_ONCE = 4

Step = Callable[[], Awaitable[object]]


class Engine:
    """Turns rows into roles. One to a process; any number of processes share one database."""

    def __init__(
        self,
        store: Store,
        patreon: Patreon,
        guilds: Guilds,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        steady: Callable[[], float] | None = None,
        settings: EngineSettings | None = None,
        listeners: Iterable[Listener] = (),
    ) -> None:
        steady = steady or (lambda: now().timestamp())
        self._parts = Parts(store, patreon, guilds, now, settings or EngineSettings(), list(listeners), steady)
        self._sleep = sleep
        self._holder = uuid4().hex
        self._stopping = False
        parts, stopping = self._parts, self.is_stopping
        health = Health(parts)
        self._brake = Brake(parts)
        bulk = Bulk(parts, self._brake, stopping)
        carrier = Carrier(parts, self._brake)
        self._gate = carrier.gate
        people = People(parts, Settler(parts, carrier), Reads(parts, health))
        self.descriptions = Descriptions(parts)
        refreshes = Refreshes(parts, bulk, health, self.descriptions, stopping)
        guild_work = GuildWork(parts, bulk, stopping)
        width = parts.settings.people_at_once
        self._lanes = (
            Lane(parts, self._holder, NudgeKind.USER, people.person, width=width, urgent=True),
            Lane(parts, self._holder, NudgeKind.USER, people.person, width=width),
            Lane(parts, self._holder, NudgeKind.GUILD, guild_work.guild, width=_LONG_AT_ONCE),
            Lane(parts, self._holder, NudgeKind.MEMBERS, Looks(parts, stopping).members, width=_LONG_AT_ONCE),
            Lane(parts, self._holder, NudgeKind.CAMPAIGN, refreshes.campaign, width=_LONG_AT_ONCE),
        )
        self._clock = ClockWork(parts)
        self._jumps = Jumps(parts)
        self._renewals = Renewals(parts, health)
        self.members = Members(parts, self.wake)

    def is_stopping(self) -> bool:
        """Say whether long work should end at its next step."""
        return self._stopping

    def listen(self, listener: Listener) -> None:
        """Add somebody who is told what happens."""
        self._parts.listeners.append(listener)

    def wake(self) -> None:
        """Say that rows were written: the engine looks at once and not at the next poll."""
        for lane in self._lanes:
            lane.wake()

    async def decide(
        self, guild: GuildId, run: int, by: DiscordUserId, *, approved: bool, seen_at: datetime | None = None
    ) -> bool:
        """Answer the brake's question; false when it was answered before, or is no longer due.

        The answer is about what was held when the question was shown: at ``seen_at``, or else when it was asked.
        """
        decided = await self._brake.decide(guild, run, by, approved=approved, seen_at=seen_at)
        self.wake()
        return decided

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then finish what is in hand and give the rest back."""
        self._stopping = False
        settings = self._parts.settings
        loops = [asyncio.create_task(self._work(lane)) for lane in self._lanes]
        loops += [
            asyncio.create_task(self._each(settings.poll_every, self._poll)),
            asyncio.create_task(self._each(settings.tick_every, self._tick)),
            asyncio.create_task(self._each(settings.tick_every, self._renewals.step)),
            asyncio.create_task(self._each(settings.lease / 3, self._keep)),
        ]
        self.wake()
        try:
            await stop.wait()
        finally:
            self._stopping = True
            for loop in loops[: len(self._lanes)]:
                loop.cancel()
            await asyncio.gather(*(lane.rest(settings.stop_within) for lane in self._lanes))
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self.descriptions.close()
            await self._guarded(self._give_back)

    async def drain(self) -> None:
        """Do everything that is due now, what follows from it included, and return."""
        await self._jumps.look()
        await self._renewals.step()
        while True:
            await self._clock.tick()
            if not await self._is_due() or not any([await lane.fill() for lane in self._lanes]):
                return
            for lane in self._lanes:
                await lane.rest()

    async def _work(self, lane: Lane) -> None:
        while True:
            if not await self._guarded(lane.fill):
                await lane.woken()

    async def _each(self, every: timedelta, step: Step) -> None:
        while True:
            await self._guarded(step)
            await self._sleep(every.total_seconds())

    async def _guarded(self, step: Step) -> object:
        """Take a step; whatever it raises is logged and the loop goes on (a loop that ends is work that stops for good)."""
        try:
            return await step()
        except BotError as error:
            log.warning("engine_step_failed", step=_name(step), error=type(error).__name__, detail=str(error))
            return None
        except Exception:
            log.exception("engine_step_failed", step=_name(step))
            return None

    async def _is_due(self) -> bool:
        async with self._parts.store.read() as t:
            due_at = await t.nudges.next_due()
        return due_at is not None and due_at <= self._parts.now()

    async def _poll(self) -> None:
        if await self._is_due():
            self.wake()
        await self._hurry()

    async def _hurry(self) -> None:
        """Let those through the gate for whom somebody waits by now: their nudge is in hand, so no lane can claim it."""
        if waiting := self._gate.waiting:
            async with self._parts.store.read() as t:
                urgent = await t.nudges.urgent_among(NudgeKind.USER, map(str, waiting))
            self._gate.hurry({DiscordUserId(int(key)) for key in urgent})

    async def _tick(self) -> None:
        await self._jumps.look()
        await self._clock.tick()
        await self._poll()

    async def _keep(self) -> None:
        """Keep what is in hand ours: long work outlives its first lease."""
        held = [nudge for lane in self._lanes for nudge in lane.in_hand]
        if held:
            async with self._parts.store.write() as t:
                await t.nudges.extend(held, self._parts.now() + self._parts.settings.lease)

    async def _give_back(self) -> None:
        async with self._parts.store.write() as t:
            await t.nudges.release(self._holder)


def _name(step: Step) -> str:
    return getattr(step, "__qualname__", str(step))
