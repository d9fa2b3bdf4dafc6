"""Plays a history against the real thing: the assembled bot, over sockets, with its database, beside both simulators.

Steps that make no sense where they stand are passed over, so that any part
of a history is a history.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from bot.core.model import DiscordUserId, GuildId
from bot.errors import StoreError
from bot.store import Store
from sandbox.discord.interaction import NoAnswer
from sandbox.stage import Stage
from tests.e2e.theatre import Theatre
from tests.failures.acts import Acts
from tests.failures.line import Line
from tests.failures.machine import Machine
from tests.failures.model import Model
from tests.failures.steps import Step
from tests.failures.town import OTHERS, PEOPLE, ROLES
from tests.failures.troubles import End
from tests.failures.watch import Watch

_FINE = 10.0
"""Seconds that are lived through one by one before a long wait leaps."""

SETTLED_AFTER = 90.0
"""Seconds after which a request that nobody answered is over."""

_MOMENT = 1e-6
"""Seconds below which a float knows no time."""

_AT_MOST = 6
"""Leaps in one wait."""


Leap = Callable[[float], Awaitable[None]]
"""Lets so many seconds pass at once, or as they are where that is not possible."""


class Player(Theatre):
    """One town, one database, and the bot that comes and goes.

    ``leap`` lets a long time pass; ``refresh`` is the bot's interval in minutes, ``line`` the way to a database server.
    ``hurt_at`` is when the last thing ended that the bot has to recover from.
    """

    def __init__(
        self, stage: Stage, database_url: str, machine: Machine, leap: Leap, *, refresh: int, line: Line | None = None
    ) -> None:
        super().__init__(stage, database_url)
        self.machine = machine
        self.leap = leap
        self.environment["SYNC_REFRESH_MINUTES"] = str(refresh)
        self.refresh_every = timedelta(minutes=refresh)
        self.loop = asyncio.get_running_loop()
        self.line = line
        self.skew = timedelta()
        self.model = Model(stage.world)
        self.watch = Watch(self)
        self.acts = Acts(self)
        self.hurt_at = 0.0
        self._ends: list[tuple[float, End]] = []
        self._doing: asyncio.Task[None] | None = None

    # --- the process ----------------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """What the bot has stored; NoAnswer where no process lives."""
        if self.machine.store is None:
            raise NoAnswer("no process")
        return self.machine.store

    @property
    def up(self) -> bool:
        """Whether a process lives."""
        return self.machine.store is not None

    @property
    def connected(self) -> bool:
        """Whether Discord has the process on the line."""
        return self.up and any(session.connected for session in self.stage.discord.gateway.sessions)

    @property
    def troubled(self) -> bool:
        """Whether anything around the bot is not as it should be."""
        return bool(self._ends) or self.skew != timedelta()

    def bot_now(self) -> datetime:
        """Return the time as the bot's machine believes it is."""
        return self.world.clock.now() + self.skew

    async def start(self) -> None:
        """Start a process where there is none."""
        if not self.up:
            self.hurt_at = self.loop.time()
            await self.machine.start(self.environment, self.bot_now)

    # --- playing --------------------------------------------------------------------------------------------------------

    async def play(self, step: Step) -> None:
        """Let one step happen. A kill comes in the midst of the step before it, others when that is over."""
        if step.verb == "kill":
            for _ in range(int(step.words[0])):
                await asyncio.sleep(0)
            await self.machine.kill()
            await self._done()
            return
        await self._done()
        self._doing = asyncio.create_task(self.acts.do(step))
        # What a step begins has begun when the next one comes.
        await asyncio.sleep(0)

    async def finish(self) -> None:
        """Wait for the last step, end every trouble, set the clock right and have a process live."""
        await self._done()
        if self.troubled or not self.up:
            self.hurt_at = self.loop.time()
        for _, end in self._ends:
            end()
        self._ends.clear()
        self.skew = timedelta()
        await self.start()

    async def _done(self) -> None:
        if self._doing is not None:
            await self._doing
            self._doing = None
        self.machine.look()
        self.watch.look()

    # --- time -----------------------------------------------------------------------------------------------------------

    async def pass_time(self, seconds: float) -> None:
        """Let time pass: the first moments as they are, the rest in leaps, each to the next end of a trouble at most."""
        end = self.loop.time() + seconds
        await self.quiet()
        fine = self.loop.time() + _FINE
        leap = max(60.0, seconds / _AT_MOST)
        while (left := end - self.loop.time()) > _MOMENT:
            until_change = min((at for at, _ in self._ends), default=end) - self.loop.time()
            span = max(min(left, until_change), 0.0)
            if self.loop.time() < fine or span <= _FINE:
                await self.live(min(span, _FINE))
            else:
                await self.leap(max(0.0, min(span, leap, end - self.loop.time())))
                self.world.patreon.settle()
                await self.quiet()
            self._end_troubles()
            self.machine.look()
            await self._look_into_it()
            self.watch.look()

    async def live(self, seconds: float) -> None:
        """Let time pass without any leap."""
        end = self.loop.time() + seconds
        while (left := end - self.loop.time()) > _MOMENT:
            # discord.py's own heartbeats come from a thread, in the time of the machine.
            self.stage.discord.gateway.ask_for_heartbeats()
            await asyncio.sleep(min(left, _FINE))

    async def quiet(self, seconds: float = 6.0) -> None:
        """Wait until nothing is left to do now; no longer than it takes to see that something else stands in the way."""
        end, pause = self.loop.time() + seconds, 0.02
        calm = 0
        while calm < 2 and self.loop.time() < end:
            await asyncio.sleep(pause)
            calm = calm + 1 if await self._rests() else 0
            pause = min(pause * 1.5, 1.0) if not calm else pause

    async def _rests(self) -> bool:
        hooks, now = self.world.patreon.hooks, self.world.clock.now()
        if hooks.due(now) is not None:
            return False
        if not self.up:
            return True
        try:
            return await self._idle()
        except StoreError:
            return False

    async def _idle(self) -> bool:
        now = self.bot_now()
        async with self.store.read() as t:
            planned = [state.next_refresh_at for state in await t.campaigns.load_all()]
            due = any(at is not None and at <= now for at in planned)
            return not (due or await t.nudges.pending(now) or await t.memberships.due(now, 1))

    def begin(self, trouble: End, seconds: float) -> None:
        """Let a trouble that has begun end after so long."""
        self._ends.append((self.loop.time() + seconds, trouble))

    def _end_troubles(self) -> None:
        now = self.loop.time()
        for _, end in [each for each in self._ends if each[0] <= now]:
            self.hurt_at = now
            end()
        self._ends = [each for each in self._ends if each[0] > now]

    async def _look_into_it(self) -> None:
        """See what came of what nobody answered, once it can only have come about or not."""
        if self.model.unsure and self.up and self.loop.time() - self.acts.asked_at > SETTLED_AFTER:
            with suppress(StoreError):
                await self.learn()

    async def learn(self) -> None:
        """See what came of requests that nobody answered."""
        accounts = {account.id: account.first_name for account in self.world.patreon.accounts.values()}
        guild = GuildId(self.guild.id)
        async with self.store.read() as t:
            links = {name: await t.links.load(DiscordUserId(self.user(name))) for name in (*PEOPLE, *OTHERS)}
            rules = await t.rules.of_guild(guild)
            policy = (await t.guilds.load(guild)).policy
        names = {self.role(name): name for name in ROLES}
        known = {user: accounts[link.patron] for user, link in links.items() if link is not None}
        if not self.model.unsure:
            if known != self.model.links:
                self.watch.blame(f"linked are {known}, and not {self.model.links}")
            if {names[rule.role] for rule in rules} != self.model.rules:
                found = sorted(names[rule.role] for rule in rules)
                self.watch.blame(f"rules are {found}, and not {sorted(self.model.rules)}")
        self.model.learn(known, [names[rule.role] for rule in rules])
        stopped = {"paused": policy.paused, "shadowed": policy.shadow}
        self.watch.stopped = {how: self.world.clock.now() for how, holds in stopped.items() if holds}
