"""Patreon's webhook: the signature over the raw bytes, then the body, then a row on disk, then 200 (law 7).

A plain 200 is also the answer to what does not concern us (Patreon's test button, somebody who is not linked, an event we
do not know): anything else makes Patreon repeat it and in the end pause the webhook. Nothing is fetched here and no role
changes here; the row makes the engine look.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog
from aiohttp import web

from bot.core.model import CampaignId, Cause, PatronId
from bot.errors import WebhookRejected
from bot.metrics import Metrics
from bot.patreon import webhook
from bot.patreon.answers import WebhookNotice
from bot.store import Store
from bot.store.records import NudgeKind

log = structlog.get_logger(__name__)


class HookRoutes:
    """Takes what Patreon sends for the configured campaign and for connected ones."""

    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        *,
        secrets: Sequence[str],
        configured: Callable[[], Awaitable[CampaignId | None]],
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        """``secrets`` are the configured ones; ``configured`` names the configured campaign once it is known."""
        self._store = store
        self._metrics = metrics
        self._secrets = tuple(secrets)
        self._configured = configured
        self._now = now
        self._wake = wake

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Say what is served where."""
        return [
            web.post("/webhooks/patreon", self.receive),
            web.post("/webhooks/patreon/{campaign}", self.receive),
        ]

    async def receive(self, request: web.Request) -> web.Response:
        """Answer 200 once the row is stored, 401 for the signature, 400 for the body, 503 while there is no secret."""
        try:
            outcome = await self._receive(request)
        except WebhookRejected as error:
            log.warning("webhook_rejected", status=error.status, detail=str(error))
            self._metrics.webhooks.labels("rejected").inc()
            return web.Response(status=error.status, text=f"{error}\n")
        self._metrics.webhooks.labels(outcome).inc()
        return web.Response(text="ok\n")

    async def _receive(self, request: web.Request) -> str:
        named = request.match_info.get("campaign")
        campaign = CampaignId(named) if named else await self._configured()
        secrets = await self._secrets_of(campaign, configured=named is None)
        body = await request.read()
        webhook.verify(body, request.headers.get("X-Patreon-Signature"), secrets)
        async with self._store.read() as t:
            currencies = await t.campaigns.currencies()
        notice = webhook.parse(request.headers.get("X-Patreon-Event", ""), body, self._now(), currencies)
        if notice.patron is None:
            log.info("webhook_ignored", trigger=notice.trigger, why="names nobody")
            return "ignored"
        if campaign is not None and notice.campaign not in (None, campaign):
            log.info("webhook_ignored", trigger=notice.trigger, why="another campaign")
            return "ignored"
        return await self._keep(notice, notice.patron, campaign, body)

    async def _secrets_of(self, campaign: CampaignId | None, *, configured: bool) -> list[str]:
        """Gather what may sign: the registered webhook's secret, the one before it, and the configured ones."""
        secrets = list(self._secrets) if configured else []
        if campaign is not None:
            async with self._store.read() as t:
                record = await t.webhooks.load(campaign)
            if record is not None:
                secrets += [secret for secret in (record.secret, record.previous_secret) if secret]
        if not secrets:
            raise WebhookRejected(web.HTTPServiceUnavailable.status_code, "no webhook secret is known")
        return secrets

    async def _keep(self, notice: WebhookNotice, patron: PatronId, campaign: CampaignId | None, body: bytes) -> str:
        """Store the nudge with the reading, if the patron is linked; wake the engine after it is on disk.

        A body that was delivered before only makes the engine ask Patreon: what it says may be long over.
        """
        now = self._now()
        async with self._store.write() as t:
            if campaign is not None:
                await t.webhooks.received(campaign, now)
            said = notice.membership if await t.webhooks.is_first(body, now) else None
            link = await t.links.load_of_patron(patron)
            if link is not None:
                reading = said and replace(said, serial=await t.serials.take())
                await t.nudges.add(NudgeKind.USER, str(link.user), Cause.WEBHOOK, now, reading=reading)
        if link is None:
            log.info("webhook_ignored", trigger=notice.trigger, why="not linked", patron=patron)
            return "not_linked"
        log.info("webhook_stored", trigger=notice.trigger, patron=patron, campaign=notice.campaign)
        self._wake()
        return "stored"
