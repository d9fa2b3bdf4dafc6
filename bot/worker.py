"""The half of the bot that changes roles: gateway, engine, and the care of the webhook, started and stopped as one.

Assembled here, apart from ``bot.app``, so that a process can do without it. Nothing is decided here but the order: the
campaign is settled first, since engine and commands need to know it; the engine stops first, since it needs the gateway.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from bot.campaigns import known_campaign, settle_campaign
from bot.clock import Clock
from bot.config import Config
from bot.core.model import CampaignId, GuildId
from bot.creators import Campaigns, ManualGrants, Patrons, Rules, Settings, Syncs
from bot.discord_bot import DiscordSettings, UseCases
from bot.errors import PatreonError, StoreError
from bot.gateway import Gateway
from bot.guilds import Guilds
from bot.linking import Linking, PersonalData
from bot.metrics import Metrics
from bot.patreon.client import PatreonClient
from bot.stopping import unless
from bot.store import Store
from bot.sync import Engine, EngineSettings, Previews
from bot.sync.reports import PatronSynced, Report, WebhookUnpaused
from bot.webhook_care import TURN, Care, end_turn, has_doors, is_reachable, take_turn, tend_webhook

log = structlog.get_logger(__name__)

FIRST_RETRY, LAST_RETRY = timedelta(seconds=5), timedelta(minutes=5)
LAST_RETRY_DISCORD = timedelta(seconds=20)
"""With the 30 s that an attempt to connect may take, the bot is back within a minute after Discord is."""
TEND_EVERY = timedelta(hours=1)
TIDY_EVERY = timedelta(minutes=1)
STOP_WITHIN = timedelta(seconds=10)
"""What the engine has in hand may take so long when the bot stops; the commands and pages in hand follow, 20 s in all."""

GUILD_READY_TIMEOUT = 2.0
"""Seconds of silence after which Discord has told about all guilds there are; discord.py's own default."""

Result = TypeVar("Result")


class Facts:
    """The store's facts as the Discord bot wants them: each call a transaction of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, key: str) -> str | None:
        """Give what was set last; None when nothing was."""
        async with self._store.read() as t:
            return await t.facts.get(key)

    async def set(self, key: str, value: str) -> None:
        """Remember."""
        async with self._store.write() as t:
            await t.facts.set(key, value)


class Worker:
    """One gateway and one engine. ``task`` runs while the worker does, and ends only by a stop or a failure."""

    task: asyncio.Task[None]

    def __init__(
        self,
        config: Config,
        store: Store,
        patreon: PatreonClient,
        metrics: Metrics,
        *,
        clock: Clock,
        sleep: Callable[[float], Coroutine[Any, Any, None]],
        guild_ready_timeout: float = GUILD_READY_TIMEOUT,
    ) -> None:
        """Build the gateway's client; nothing is sent before ``running``."""
        self._config = config
        self._store = store
        self._patreon = patreon
        self._metrics = metrics
        self._clock = clock
        self._now = clock.now
        self._sleep = sleep
        self._stop = asyncio.Event()
        self._engine: Engine | None = None
        settings = DiscordSettings(config.discord.api_url, config.discord.gateway_url, guild_ready_timeout)
        self._gateway = Gateway(
            settings, Facts(store), config.discord.token.get_secret_value(), partial(clock.hear, first_only=True)
        )
        self.bot = self._gateway.bot

    def wake(self) -> None:
        """Tell the engine that a row waits; before it runs there is nobody to tell, and it looks at rows when it starts."""
        if self._engine is not None:
            self._engine.wake()

    def is_ready(self) -> bool:
        """Say whether Discord has told us about our guilds."""
        return self.bot.gateway_ready

    @asynccontextmanager
    async def running(self, linking: Linking, personal: PersonalData) -> AsyncIterator[None]:
        """Run while the block runs, then let the engine finish what is in hand."""
        self.task = asyncio.create_task(self._run(linking, personal), name="worker")
        try:
            yield
        finally:
            self._stop.set()
            # Side by side: when Patreon hangs, it does so for both, and the time to stop is short.
            await asyncio.gather(asyncio.wait([self.task]), self._patreon.settle())

    async def _run(self, linking: Linking, personal: PersonalData) -> None:
        campaign = await self._settle()
        if campaign is None:
            return
        engine, use_cases = self._assemble(campaign, linking, personal)
        self._engine = engine
        async with self.bot:
            await self.bot.furnish(use_cases)
            working = asyncio.create_task(engine.run(self._stop), name="engine")
            tending = asyncio.create_task(self._tend(campaign), name="webhook")
            tidying = asyncio.create_task(self._tidy(linking, personal), name="tidying")
            gateway = asyncio.create_task(self._gateway.run(self._tries(LAST_RETRY_DISCORD)), name="gateway")
            inner = [working, tending, tidying]
            await asyncio.wait([*inner, gateway], return_when=asyncio.FIRST_COMPLETED)
            # Whichever ended, the bot is of no use without it. The engine needs the gateway to finish what is in hand.
            died = gateway.done()
            self._stop.set()
            await asyncio.wait(inner)
            gateway.cancel()
            await asyncio.wait([gateway])
        for task in [gateway, *inner] if died else inner:
            task.result()

    async def _settle(self) -> CampaignId | None:
        """Ask which campaign it is until Patreon answers; one that is known from before will do. None: stopped before."""
        wanted = self._config.patreon.campaign_id
        async for _ in self._tries(LAST_RETRY):
            try:
                return await self._unless_stopped(settle_campaign(self._store, self._patreon, wanted, self._now))
            except PatreonError as error:
                log.warning("campaign_not_asked", error=type(error).__name__, detail=str(error))
                if known := await known_campaign(self._store, wanted):
                    return known
        return None

    async def _tries(self, longest: timedelta) -> AsyncIterator[None]:
        """Yield at once, then after pauses that grow up to ``longest``, until the worker stops."""
        pause = FIRST_RETRY
        while not self._stop.is_set():
            yield
            await self._unless_stopped(self._sleep(pause.total_seconds()))
            pause = min(pause * 2, longest)

    def _assemble(self, campaign: CampaignId, linking: Linking, personal: PersonalData) -> tuple[Engine, UseCases]:
        """Build engine and use cases around the gateway's client."""
        store, now = self._store, self._now
        guilds = Guilds(self.bot)
        settings = EngineSettings(
            campaigns=frozenset({campaign}),
            refresh_every=timedelta(minutes=self._config.sync.refresh_minutes),
            stop_within=STOP_WITHIN,
        )
        engine = Engine(
            store,
            self._patreon,
            guilds,
            now=now,
            sleep=self._sleep,
            steady=self._clock.steady,
            settings=settings,
            listeners=[self._tell],
        )
        previews = Previews(store, guilds, now=now)
        campaigns = Campaigns(store, served=frozenset(map(GuildId, self._config.discord.guild_ids)))
        return engine, UseCases(
            linking=linking,
            personal=personal,
            campaigns=campaigns,
            rules=Rules(store, campaigns, previews, now=now, wake=self.wake),
            settings=Settings(store, campaigns, previews, now=now, wake=self.wake),
            patrons=Patrons(store, campaigns, now=now),
            manual=ManualGrants(store, now=now, wake=self.wake),
            syncs=Syncs(store, campaigns, now=now, wake=self.wake),
            previews=previews,
            engine=engine,
            guilds=guilds,
            now=now,
            clock_ahead=self._clock.ahead,
        )

    async def _tend(self, campaign: CampaignId) -> None:
        """Look after the webhook for as long as the worker runs; its failures are logged and never end it."""
        section, public_url = self._config.patreon, self._config.web.public_url
        if section.api_version == 1 or section.webhook_secret is not None or not is_reachable(public_url):
            await self._stop.wait()
        last: Care | None = None
        while not self._stop.is_set():
            pause = TEND_EVERY
            try:
                if not await has_doors(self._store, public_url):
                    # The process that serves them may start after this one.
                    pause = TIDY_EVERY
                elif not await take_turn(self._store, campaign, self._now()):
                    pause = TURN
                else:
                    last = await self._tend_once(campaign, last)
            except (PatreonError, StoreError) as error:
                log.warning("webhook_not_tended", error=type(error).__name__, detail=str(error))
            await self._unless_stopped(self._sleep(pause.total_seconds()))

    async def _tend_once(self, campaign: CampaignId, last: Care | None) -> Care | None:
        try:
            care = await self._unless_stopped(tend_webhook(self._store, self._patreon, campaign, self._config.webhook_uri))
        finally:
            await end_turn(self._store, campaign)
        if care is Care.UNPAUSED and last is not Care.UNPAUSED:
            await self._tell(WebhookUnpaused(campaign))
        return care

    async def _tidy(self, linking: Linking, personal: PersonalData) -> None:
        """Let what is no longer needed be forgotten and erasures end, for as long as the worker runs."""
        while not self._stop.is_set():
            try:
                await linking.tidy()
                await personal.tidy()
                async with self._store.write() as t:
                    await t.tidy(self._now())
            except StoreError as error:
                log.warning("not_tidied", detail=str(error))
            await self._unless_stopped(self._sleep(TIDY_EVERY.total_seconds()))

    async def _unless_stopped(self, work: Coroutine[Any, Any, Result]) -> Result | None:
        """Do something that may take long, but drop it when the worker stops; None then."""
        return await unless(self._stop, work)

    async def _tell(self, report: Report) -> None:
        """Pass a report on to the cogs, and count it."""
        await self.bot.hear(report)
        self._metrics.reports.labels(type(report).__name__).inc()
        if isinstance(report, PatronSynced) and not report.shadow:
            self._metrics.role_changes.labels("granted").inc(len(report.change.grant))
            self._metrics.role_changes.labels("revoked").inc(len(report.change.revoke))
