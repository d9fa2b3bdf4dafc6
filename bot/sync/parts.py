"""What every part of the engine is handed: its settings and the outside world. No behaviour beyond telling listeners."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from bot.core.model import CampaignId
from bot.store.store import Store
from bot.sync.ports import Guilds, Patreon
from bot.sync.reports import Listener, Report

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How often and how eagerly the engine works.

    ``campaigns`` are those the configuration names; connected ones are in the store. ``confirm_after`` is how soon a
    second list is read when somebody asked for the first and it left doubts. ``list_spacing`` and ``single_reads`` pace
    floods of webhooks: at most one list in that time, and so many single reads a minute. ``retry_first`` doubles up to
    ``retry_cap``; after ``report_after`` failures in a row somebody is told, and after as many lists that failed for
    ``gone_after`` Patreon counts as gone.
    """

    campaigns: frozenset[CampaignId] = field(default_factory=frozenset)
    refresh_every: timedelta = timedelta(minutes=30)
    audit_every: timedelta = timedelta(hours=24)
    confirm_after: timedelta = timedelta(minutes=5)
    poll_every: timedelta = timedelta(seconds=1)
    tick_every: timedelta = timedelta(seconds=5)
    lease: timedelta = timedelta(seconds=30)
    people_at_once: int = 32
    calls_at_once: int = 4
    list_spacing: timedelta = timedelta(seconds=60)
    single_reads: int = 40
    renew_ahead: timedelta = timedelta(days=3)
    retry_first: timedelta = timedelta(seconds=5)
    retry_cap: timedelta = timedelta(minutes=15)
    report_after: int = 5
    gone_after: timedelta = timedelta(minutes=15)
    stop_within: timedelta = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Parts:
    """The store, the two ports, the clocks and the listeners.

    ``now`` is the time, which may be corrected; ``steady`` are seconds that never jump, for pauses within this process.
    """

    store: Store
    patreon: Patreon
    guilds: Guilds
    now: Callable[[], datetime]
    settings: EngineSettings
    listeners: list[Listener]
    steady: Callable[[], float]

    async def tell(self, report: Report) -> None:
        """Tell every listener; one that fails is logged, and neither the others nor the work suffer from it."""
        for listener in self.listeners:
            await _told(listener, report)


async def _told(listener: Callable[[Report], Awaitable[None]], report: Report) -> None:
    try:
        await listener(report)
    except Exception:
        log.exception("listener_failed", report=type(report).__name__)
