"""Whether this process can do its work: the database, the gateway, the last refresh; and the gauges read from rows.

Asked by machines a few times a minute, so each costs a few small reads. What follows from an answer is the platform's.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.campaigns import configured_campaign
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
        """Say when the campaign was last read to its end; not yet is fine, since a first start may be a minute old."""
        try:
            refreshed_at = await self._refreshed_at()
        except StoreError:
            return Health(ready=False, detail="not known")
        if refreshed_at is None:
            return Health(ready=True, detail="none yet")
        # One that lies ahead is of a clock that was wrong, and tells nothing.
        ready = abs(self._now() - refreshed_at) <= self._patience
        return Health(ready=ready, detail=refreshed_at.isoformat(timespec="seconds"))

    async def set_gauges(self) -> None:
        """Read what /metrics shows of the rows."""
        await self._store.check()
        async with self._store.read() as t:
            self._metrics.linked.set(await t.links.count())
            self._metrics.pending.set(await t.nudges.pending())
        refreshed_at = await self._refreshed_at()
        if refreshed_at is not None:
            self._metrics.refreshed_at.set(refreshed_at.timestamp())

    async def _refreshed_at(self) -> datetime | None:
        """Ask about the campaign that is served now; one that was served before is nobody's care any more."""
        await self._store.check()
        campaign = await configured_campaign(self._store)
        if campaign is None:
            return None
        async with self._store.read() as t:
            state = await t.campaigns.state(campaign)
        return None if state is None else state.refreshed_at
