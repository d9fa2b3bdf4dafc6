"""Keeps the webhook of a campaign registered at Patreon and running (API version 2).

Patreon stops sending after failures until it is told to go on, and says so nowhere but here. Taking what it sends is
``bot.web``'s; nothing is decided from it here.
"""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Protocol

import structlog

from bot.core.model import CampaignId
from bot.patreon.answers import RegisteredWebhook
from bot.store import Store
from bot.store.records import WebhookRecord

log = structlog.get_logger(__name__)

TRIGGERS = (
    "members:create",
    "members:update",
    "members:delete",
    "members:pledge:create",
    "members:pledge:update",
    "members:pledge:delete",
)
"""Everything Patreon tells about memberships."""


class Patreon(Protocol):
    """What the care needs of Patreon; the creator's pair and its scope ``w:campaigns.webhook``."""

    async def list_webhooks(self) -> Sequence[RegisteredWebhook]:
        """List the webhooks of our client."""

    async def create_webhook(self, campaign: CampaignId, uri: str) -> RegisteredWebhook:
        """Register one for everything about memberships; the answer carries its secret."""

    async def change_webhook(
        self, webhook: str, *, triggers: Iterable[str] | None = None, paused: bool | None = None
    ) -> RegisteredWebhook:
        """Change one; un-pausing makes Patreon send what waits."""

    async def delete_webhook(self, webhook: str) -> None:
        """Remove one; one that is gone already is no failure."""


class Care(Enum):
    """What was found and done."""

    FINE = "fine"
    CREATED = "created"
    UNPAUSED = "unpaused"
    MENDED = "mended"


async def tend_webhook(store: Store, patreon: Patreon, campaign: CampaignId, uri: str) -> Care:
    """Make sure that Patreon sends the campaign's events to ``uri``, with a secret that is stored.

    Raises:
        PatreonError: Patreon did not answer, or the creator's token may not do this.

    """
    found = next((hook for hook in await patreon.list_webhooks() if hook.uri == uri), None)
    async with store.read() as t:
        record = await t.webhooks.load(campaign)
    if found is None:
        return await _create(store, patreon, campaign, uri)
    if record is None or record.webhook != found.webhook:
        if found.secret is None:
            # Without its secret nothing it sends can be believed, and Patreon shows a secret once.
            await patreon.delete_webhook(found.webhook)
            return await _create(store, patreon, campaign, uri)
        await _save(store, campaign, found, found.secret)
    if found.paused:
        found = await patreon.change_webhook(found.webhook, paused=False)
        log.warning("webhook_unpaused", campaign=campaign, failures=found.failures)
        return Care.UNPAUSED
    if set(found.triggers) < set(TRIGGERS):
        await patreon.change_webhook(found.webhook, triggers=TRIGGERS)
        log.info("webhook_mended", campaign=campaign)
        return Care.MENDED
    return Care.FINE


async def _create(store: Store, patreon: Patreon, campaign: CampaignId, uri: str) -> Care:
    created = await patreon.create_webhook(campaign, uri)
    if created.secret is not None:
        await _save(store, campaign, created, created.secret)
    log.info("webhook_created", campaign=campaign)
    return Care.CREATED


async def _save(store: Store, campaign: CampaignId, hook: RegisteredWebhook, secret: str) -> None:
    """Store the secret; the one before goes on verifying what is on its way."""
    async with store.write() as t:
        old = await t.webhooks.load(campaign)
        await t.webhooks.save(
            WebhookRecord(
                webhook=hook.webhook,
                campaign=campaign,
                uri=hook.uri,
                secret=secret,
                triggers=frozenset(hook.triggers),
                paused=hook.paused,
                previous_secret=old.secret if old is not None and old.secret != secret else None,
                received_at=old.received_at if old is not None else None,
            )
        )
