"""Whether this process can do its work: the database, the gateway, the last refresh; and the gauges read from rows.

Asked by machines a few times a minute, so each answer costs one small read. What follows from an answer is the platform's.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.errors import StoreError
from bot.metrics import Metrics
from bot.store import Store
from bot.web.health import Health, Probe

MISSED = 3
"""So many refreshes may be missed before the process counts as not ready."""


class Readiness:
    """The probes of ``/readyz``. ``gateway_ready`` is None in a process without a gateway."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        *,
        now: Callable[[], datetime],
        refresh_every: timedelta,
        gateway_ready: Callable[[], bool] | None,
    ) -> None:
        """Take what is asked; nothing is asked before a request comes."""
        self._store = store
        self._metrics = metrics
        self._now = now
        self._patience = refresh_every * MISSED
        self._gateway_ready = gateway_ready

    def probes(self) -> dict[str, Probe]:
        """Name the probes of this process."""
        there: dict[str, Probe] = {"database": self.database, "refresh": self.refresh}
        if self._gateway_ready is not None:
            there["gateway"] = self.gateway
        return there

    async def database(self) -> Health:
        """Ask the database the smallest question, and set the gauges on the way."""
        try:
            await self.set_gauges()
        except StoreError:
            return Health(ready=False, detail="does not answer")
        return Health(ready=True, detail="answers")

    async def gateway(self) -> Health:
        """Say whether Discord has told us of its guilds."""
        ready = self._gateway_ready is not None and self._gateway_ready()
        return Health(ready=ready, detail="connected" if ready else "not connected")

    async def refresh(self) -> Health:
        """Say when a campaign was last read to its end; none yet is fine, since a first start may be a minute old."""
        try:
            refreshed = await self._refreshed()
        except StoreError:
            return Health(ready=False, detail="not known")
        if not refreshed:
            return Health(ready=True, detail="none yet")
        oldest = min(refreshed)
        return Health(ready=self._now() - oldest <= self._patience, detail=oldest.isoformat(timespec="seconds"))

    async def set_gauges(self) -> None:
        """Read what /metrics shows of the rows."""
        await self._store.check()
        async with self._store.read() as t:
            self._metrics.linked.set(await t.links.count())
            self._metrics.pending.set(await t.nudges.pending())
        refreshed = await self._refreshed()
        if refreshed:
            self._metrics.refreshed_at.set(min(refreshed).timestamp())

    async def _refreshed(self) -> list[datetime]:
        await self._store.check()
        async with self._store.read() as t:
            return [state.refreshed_at for state in await t.campaigns.load_all() if state.refreshed_at is not None]
