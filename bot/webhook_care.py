"""Keeps the webhook of a campaign registered at Patreon and running (API version 2).

Patreon stops sending after failures until it is told to go on, and says so nowhere but here. Taking what it sends is
``bot.web``'s; nothing is decided from it here.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Protocol

import structlog
from yarl import URL

from bot.core.model import CampaignId
from bot.patreon.answers import RegisteredWebhook
from bot.patreon.v2_webhooks import TRIGGERS
from bot.store import Store
from bot.store.records import WebhookRecord

log = structlog.get_logger(__name__)

TURN = timedelta(minutes=2)
"""Longer than looking after a webhook takes; a process that died over it is waited for no longer."""

_DOORS = "web_doors"
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


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


def is_reachable(public_url: str) -> bool:
    """Say whether Patreon would call an address: by https only, but for a simulated one on the same machine."""
    url = URL(public_url)
    return url.scheme == "https" or url.host in _LOOPBACK


async def open_doors(store: Store, public_url: str) -> None:
    """Remember that a process serves the web doors at an address, for the one that looks after the webhook."""
    async with store.write() as t:
        await t.facts.set(_DOORS, public_url)


async def has_doors(store: Store, public_url: str) -> bool:
    """Say whether any process ever served the web doors at an address; what nobody takes shall not be sent."""
    async with store.read() as t:
        return await t.facts.get(_DOORS) == public_url


async def take_turn(store: Store, campaign: CampaignId, now: datetime) -> bool:
    """Begin to look after the webhook, unless another process does: two that find none would each register one."""
    async with store.write() as t:
        return await t.facts.take_turn(_turn(campaign), now, now + TURN)


async def end_turn(store: Store, campaign: CampaignId) -> None:
    """Let another process look after the webhook next."""
    async with store.write() as t:
        await t.facts.drop(_turn(campaign))


async def tend_webhook(store: Store, patreon: Patreon, campaign: CampaignId, uri: str) -> Care:
    """Make sure that Patreon sends the campaign's events to ``uri``, with a secret that is stored.

    Raises:
        PatreonError: Patreon did not answer, or the creator's token may not do this.

    """
    ours = [hook for hook in await patreon.list_webhooks() if _is_ours(hook, campaign, uri)]
    async with store.read() as t:
        record = await t.webhooks.load(campaign)
    known = None if record is None else record.webhook
    found = next((hook for hook in ours if hook.webhook == known), next(iter(ours), None))
    for hook in ours:
        if hook is not found and hook.campaign == campaign:
            # Everything would be told twice, once of it with a secret that is not known here.
            await patreon.delete_webhook(hook.webhook)
            log.warning("webhook_doubled", webhook=hook.webhook)
    if found is None:
        return await _create(store, patreon, campaign, uri)
    secret = found.secret or (record.secret if record is not None and record.webhook == found.webhook else None)
    if secret is None:
        # Without its secret nothing it sends can be believed, and Patreon shows a secret once.
        await patreon.delete_webhook(found.webhook)
        return await _create(store, patreon, campaign, uri)
    mended, care = await _mend(patreon, found)
    await _save(store, campaign, mended, secret)
    return care


def _turn(campaign: CampaignId) -> str:
    return f"webhook_turn:{campaign}"


def _is_ours(hook: RegisteredWebhook, campaign: CampaignId, uri: str) -> bool:
    return hook.uri == uri and hook.campaign in (None, campaign)


async def _mend(patreon: Patreon, found: RegisteredWebhook) -> tuple[RegisteredWebhook, Care]:
    """Start it again when it is paused, and ask for what it does not tell; whatever else it tells stays."""
    missing = [trigger for trigger in TRIGGERS if trigger not in found.triggers]
    if not found.paused and not missing:
        return found, Care.FINE
    triggers = (*found.triggers, *missing) if missing else None
    mended = await patreon.change_webhook(found.webhook, triggers=triggers, paused=False if found.paused else None)
    if not found.paused:
        log.info("webhook_mended", webhook=found.webhook)
        return mended, Care.MENDED
    log.warning("webhook_unpaused", webhook=found.webhook, failures=found.failures)
    return mended, Care.UNPAUSED


async def _create(store: Store, patreon: Patreon, campaign: CampaignId, uri: str) -> Care:
    created = await patreon.create_webhook(campaign, uri)
    if created.secret is not None:
        await _save(store, campaign, created, created.secret)
    log.info("webhook_created", campaign=campaign)
    return Care.CREATED


async def _save(store: Store, campaign: CampaignId, hook: RegisteredWebhook, secret: str) -> None:
    """Store how it is and its secret; the one before goes on verifying what is on its way."""
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
                previous_secret=None if old is None else old.previous_secret if old.secret == secret else old.secret,
                received_at=old.received_at if old is not None else None,
            )
        )
