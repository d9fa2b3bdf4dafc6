"""The real bot beside a stand: its store filled with links, started by its composition root, watched until it is idle.

Nothing of the bot is replaced but its clock, which can be moved. What is measured is the business of the scenarios.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bench.remote import Verb
from bot.app import App, open_app
from bot.config import Config, load_config
from bot.core.model import Campaign, CampaignId, Cause, Condition, ConditionKind, GuildId, RoleId, TierId
from bot.store import open_store
from bot.store.engine import open_sync_engine
from bot.store.records import NudgeKind
from bot.store.schema import links

PATREON_READS = ("/campaigns/{campaign}/members", "/members/{member}", "/identity", "/pledges")
_READY_WITHIN = 60.0
_PIECE = 1000
_SOON, _STEP = timedelta(minutes=2), timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Counts:
    """What the two simulators were asked: ``reads`` of memberships, ``calls`` about roles and members, ``other`` Patreon."""

    reads: int
    calls: int
    other: int
    refused: int


class Place:
    """One stand, one database, and a bot that may be started any number of times."""

    def __init__(self, stand: Verb, folder: Path, *, hurry: bool = False) -> None:
        """Take a stand and a folder for the database; in a ``hurry`` the clock is moved to what is due next."""
        self.stand = stand
        self._hurry = hurry
        self._url = f"sqlite:///{folder / 'bench.db'}"
        self._offset = timedelta()
        self._app: App | None = None
        self._config: Config | None = None
        self.campaign = CampaignId("")

    def now(self) -> datetime:
        """Tell the bot's time."""
        return datetime.now(UTC) + self._offset

    async def move(self, span: timedelta) -> None:
        """Let time pass for the bot and for its world."""
        self._offset += span
        await self.stand("move", span.total_seconds())

    async def fill(
        self, members: int, *, linked: int | None = None, joined: int | None = None, guild: int, furnished: bool = False
    ) -> None:
        """Make the campaign and the guild, and store a link for the first ``linked`` patrons, and a rule for each tier.

        ``joined``: how many of the members are in the guild. ``furnished``: they have all roles from before the bot.
        """
        people = await self.stand("fill", members, members if joined is None else joined, guild, int(furnished))
        environment = {"SYNC_REFRESH_MINUTES": str(7 * 24 * 60)} | await self.stand("environment", self._url)
        self._config = load_config(None, environment)
        await self._store_rules(people)
        wanted = members if linked is None else linked
        for start in range(0, wanted, _PIECE):
            pairs = await self.stand("people", start, min(start + _PIECE, wanted))
            await asyncio.to_thread(self._store_links, pairs)

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[App]:
        """Run the bot while the block runs; it is connected to Discord when the block begins."""
        if self._config is None:
            raise RuntimeError("fill the place first")
        async with open_app(self._config, now=self.now, guild_ready_timeout=0.1) as app:
            self._app = app
            async with asyncio.timeout(_READY_WITHIN):
                while app.worker is None or not app.worker.is_ready():  # noqa: ASYNC110 # the bot is left as it is
                    await asyncio.sleep(0.02)
            try:
                yield app
            finally:
                self._app = None

    async def first_run(self) -> None:
        """Wait until the first list, the first audit and all that follows from them are over."""
        while not await self._has_begun():  # noqa: ASYNC110 # only the store knows
            await asyncio.sleep(0.1)
        await self.idle()

    async def refresh(self) -> None:
        """Let a refresh be due, a minute after whatever came before, and wait for its end and all that follows."""
        await self.move(timedelta(minutes=1))
        async with self.app.store.write() as t:
            await t.nudges.add(NudgeKind.CAMPAIGN, self.campaign, Cause.REFRESH, self.now())
        self._wake()
        await self.idle()

    async def heard(self) -> None:
        """Wait until the webhooks that are under way have arrived and been dealt with."""
        await self.stand("delivered")
        await self.idle()

    async def idle(self) -> None:
        """Wait until nothing is left to do that is due soon."""
        quiet = 0
        while quiet < 2:  # noqa: PLR2004 # a second look, for what one nudge leaves to the next
            await asyncio.sleep(0.1)
            async with self.app.store.read() as t:
                due = await t.nudges.pending(due_by=self.now() + _SOON)
                now = await t.nudges.pending(due_by=self.now())
            if self._hurry and due and not now:
                await self.move(_STEP)
            quiet = 0 if due else quiet + 1

    async def counts(self) -> Counts:
        """Give what was asked since the last time, and begin to count anew."""
        found: dict[str, int] = await self.stand("counts")
        await self.stand("forget")
        patreon = {route: count for route, count in found.items() if route.startswith("patreon ")}
        reads = sum(count for route, count in patreon.items() if _is_read(route))
        calls = sum(count for route, count in found.items() if route.startswith("discord ") and "/members" in route)
        return Counts(reads, calls, sum(patreon.values()) - reads, found["refused"])

    @property
    def app(self) -> App:
        """The running bot."""
        if self._app is None:
            raise RuntimeError("the bot is not running")
        return self._app

    def _wake(self) -> None:
        if self.app.worker is not None:
            self.app.worker.wake()

    async def _has_begun(self) -> bool:
        async with self.app.store.read() as t:
            state = await t.campaigns.state(self.campaign)
            audited = [settings.audited_at for settings in await t.guilds.all()]
        return state is not None and state.refreshed_at is not None and bool(audited) and all(audited)

    async def _store_rules(self, people: dict[str, Any]) -> None:
        if self._config is None:
            raise RuntimeError("the bot has no configuration yet")
        self.campaign, guild = CampaignId(people["campaign"]), GuildId(people["guild"])
        keys = [key.get_secret_value() for key in self._config.secret_keys]
        store = await open_store(self._url, keys)
        page = Campaign(self.campaign, None, "Bench", "", "USD", is_monthly=True, tiers=())
        async with store.write() as t:
            await t.campaigns.save(page, self.now())
            for tier, role, cents in people["rules"]:
                condition = Condition(ConditionKind.TIER, tier=TierId(tier))
                await t.rules.add(guild, self.campaign, RoleId(role), condition, worth_cents=cents)
        await store.close()

    def _store_links(self, pairs: list[tuple[int, str]]) -> None:
        engine = open_sync_engine(self._url)
        with engine.begin() as connection:
            rows = [{"user_id": user, "patron_id": patron, "linked_at": self.now()} for user, patron in pairs]
            connection.execute(insert(links), rows)
        engine.dispose()


def _is_read(route: str) -> bool:
    return route.startswith("patreon GET") and any(route.endswith(read) for read in PATREON_READS)
