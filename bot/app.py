"""The composition root: builds every part, starts them in order, stops them in the opposite one.

The only module that knows who is who; whatever decides something belongs into a part. The web doors listen before
anything is asked of Patreon or Discord, so that a platform sees the port open and a webhook is stored while both are slow.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import aiohttp
import structlog
from aiohttp.web import AbstractRouteDef

from bot.campaigns import configured_campaign, stored_currencies
from bot.clock import Clock
from bot.config import Config
from bot.core.model import Policy
from bot.linking import Linking, PersonalData
from bot.metrics import Metrics
from bot.patreon.client import PatreonClient
from bot.patreon.settings import PatreonSettings
from bot.store import Store, migrate, open_store
from bot.vault import StoreVault, seed_creator
from bot.web.health import HealthRoutes
from bot.web.hooks import HookRoutes
from bot.web.links import LinkRoutes
from bot.web.names import DiscordNames
from bot.web.readiness import Readiness
from bot.web.server import build_web, serving
from bot.webhook_care import open_doors
from bot.worker import GUILD_READY_TIMEOUT, Worker

log = structlog.get_logger(__name__)

Now = Callable[[], datetime]
Sleep = Callable[[float], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class App:
    """The running parts. ``port`` is where the web doors listen, ``worker`` the gateway and the engine, where wanted."""

    config: Config
    store: Store
    metrics: Metrics
    worker: Worker | None
    port: int | None

    async def run_until(self, stop: asyncio.Event) -> None:
        """Wait until somebody asks to stop; raise what the worker died of, or TablesGone, should that come before."""
        waiting = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {waiting, self.store.gone}
        if self.worker is not None:
            ends.add(self.worker.task)
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self.store.gone.done():
            raise self.store.gone.result()
        if self.worker is not None and self.worker.task.done():
            self.worker.task.result()


@asynccontextmanager
async def open_app(
    config: Config,
    *,
    web: bool = True,
    worker: bool = True,
    now: Now | None = None,
    sleep: Sleep = asyncio.sleep,
    guild_ready_timeout: float = GUILD_READY_TIMEOUT,
) -> AsyncIterator[App]:
    """Run the bot while the block runs; on its end every part finishes what is in hand, the engine first.

    ``now``: a time of the caller's own; None: this machine's, held against what Patreon and Discord say.
    ``guild_ready_timeout``: seconds of silence after which Discord has told about all guilds there are.

    Raises:
        StoreError: the database cannot be opened, or none of the keys fits.
        OSError: the web address cannot be had.

    """
    clock = Clock() if now is None else Clock.going_by(now)
    now = clock.now
    async with AsyncExitStack() as stack:
        store = await _open_store(config)
        stack.push_async_callback(store.close)
        await _seed(config, store, now)
        patreon = await stack.enter_async_context(
            PatreonClient(
                patreon_settings(config),
                StoreVault(store),
                now=now,
                sleep=sleep,
                hear=clock.hear,
                currencies=partial(stored_currencies, store),
            )
        )
        session = await stack.enter_async_context(aiohttp.ClientSession())
        metrics = Metrics()
        part = None
        if worker:
            part = Worker(config, store, patreon, metrics, clock=clock, sleep=sleep, guild_ready_timeout=guild_ready_timeout)
        names = DiscordNames(config.discord.api_url, config.discord.token.get_secret_value(), session)
        wake = part.wake if part is not None else _nobody_here
        linking = Linking(store, patreon, public_url=config.web.public_url, now=now, wake=wake, name_of=names.name_of)
        port = None
        if web:
            routes = _routes(config, store, linking, metrics=metrics, worker=part, now=now)
            port = await stack.enter_async_context(_doors(config, store, routes))
        if part is not None:
            await stack.enter_async_context(part.running(linking, PersonalData(store, now=now, wake=wake)))
        yield App(config, store, metrics, part, port)


async def _open_store(config: Config) -> Store:
    keys = [key.get_secret_value() for key in config.secret_keys]
    return await open_store(config.database_url, keys, policy=default_policy(config))


async def migrate_database(config: Config) -> None:
    """Bring the database to this version's shape and nothing else; raises StoreError."""
    await migrate(config.database_url)


def patreon_settings(config: Config) -> PatreonSettings:
    """Say what the client has to know about its registration at Patreon."""
    section = config.patreon
    return PatreonSettings(
        client_id=section.client_id,
        client_secret=section.client_secret.get_secret_value(),
        redirect_uri=config.redirect_uri,
        api_version=section.api_version,
        site_url=section.site_url,
        api_url=section.api_url,
    )


def default_policy(config: Config) -> Policy:
    """Say how a guild is treated that has saved no settings of its own."""
    return Policy(declined_grace=timedelta(days=config.sync.declined_grace_days))


def webhook_secrets(config: Config) -> list[str]:
    """Give the configured secrets a webhook may be signed with; version 1 signs with the client secret by default."""
    section = config.patreon
    if section.webhook_secret is not None:
        return [section.webhook_secret.get_secret_value()]
    return [section.client_secret.get_secret_value()] if section.api_version == 1 else []


async def _seed(config: Config, store: Store, now: Now) -> None:
    section = config.patreon
    access, refresh = section.creator_access_token, section.creator_refresh_token
    if await seed_creator(store, access.get_secret_value(), refresh.get_secret_value(), now()):
        log.info("creator_tokens_taken", source="configuration")


@asynccontextmanager
async def _doors(config: Config, store: Store, routes: list[AbstractRouteDef]) -> AsyncIterator[int]:
    """Serve the web doors, known to every process, and give their port."""
    async with serving(await build_web(routes), config.web.host, config.web.port) as port:
        await open_doors(store, config.web.public_url)
        yield port


def _routes(
    config: Config, store: Store, linking: Linking, *, metrics: Metrics, worker: Worker | None, now: Now
) -> list[AbstractRouteDef]:
    """Build every route of the web doors."""
    readiness = Readiness(
        store,
        metrics,
        now=now,
        refresh_every=timedelta(minutes=config.sync.refresh_minutes),
        gateway_ready=worker.is_ready if worker is not None else None,
    )
    hooks = HookRoutes(
        store,
        metrics,
        secrets=webhook_secrets(config),
        configured=partial(configured_campaign, store),
        now=now,
        wake=worker.wake if worker is not None else _nobody_here,
    )
    health = HealthRoutes(readiness.probes(), metrics, readiness.set_gauges)
    return [*LinkRoutes(linking, metrics).routes(), *hooks.routes(), *health.routes()]


def _nobody_here() -> None:
    """Stand in for the engine's wake where another process works; it looks at the rows once a second."""
