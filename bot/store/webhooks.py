"""Webhooks registered at Patreon, their secrets sealed. Registering and verifying is bot/patreon's business."""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import CampaignId
from bot.store.codec import decode_texts, encode_texts
from bot.store.crypto import Cipher
from bot.store.records import WebhookRecord
from bot.store.schema import webhook_bodies, webhooks
from bot.store.statements import Subject

_c = webhooks.c


class Webhooks(Subject):
    """The stored webhooks, at most one per campaign."""

    def __init__(self, connection: AsyncConnection, cipher: Cipher) -> None:
        super().__init__(connection)
        self._cipher = cipher

    async def load(self, campaign: CampaignId) -> WebhookRecord | None:
        """Load a campaign's webhook; raises StoreError when no configured key opens its secret."""
        row = await self._row(select(webhooks).where(_c.campaign_id == campaign))
        return None if row is None else self._to_record(row)

    async def save(self, record: WebhookRecord) -> None:
        """Store a campaign's webhook in place of the one before."""
        await self._run(delete(webhooks).where(_c.campaign_id == record.campaign, _c.webhook_id != record.webhook))
        values = {
            "webhook_id": record.webhook,
            "campaign_id": record.campaign,
            "uri": record.uri,
            "secret_sealed": self._cipher.seal(record.secret),
            "previous_secret_sealed": self._cipher.seal_optional(record.previous_secret),
            "triggers": encode_texts(sorted(record.triggers)),
            "paused": record.paused,
            "received_at": record.received_at,
        }
        await self._put(webhooks, [values])

    async def received(self, campaign: CampaignId, at: datetime) -> None:
        """Remember when a webhook came in last; it is not paused then."""
        await self._run(update(webhooks).where(_c.campaign_id == campaign).values(received_at=at, paused=False))

    async def is_first(self, body: bytes, at: datetime) -> bool:
        """Return whether a verified body was never delivered before, and remember it.

        Patreon's bodies have no id and no date: whoever kept one can post it again for ever. Only a digest is stored.
        """
        digest = hashlib.blake2b(body, digest_size=16).digest()
        insert = self._insert(webhook_bodies).values(digest=digest, received_at=at).on_conflict_do_nothing()
        return await self._row(insert.returning(webhook_bodies.c.digest)) is not None

    async def forget_bodies(self, before: datetime) -> None:
        """Delete the digests of bodies that came in before an instant."""
        await self._change_many(delete(webhook_bodies).where(webhook_bodies.c.received_at < before))

    def _to_record(self, row: Row[Any]) -> WebhookRecord:
        return WebhookRecord(
            webhook=row.webhook_id,
            campaign=CampaignId(row.campaign_id),
            uri=row.uri,
            secret=self._cipher.open(row.secret_sealed),
            triggers=frozenset(decode_texts(row.triggers)),
            paused=row.paused,
            previous_secret=self._cipher.open_optional(row.previous_secret_sealed),
            received_at=row.received_at,
        )
