"""Patreon's webhooks as state: who registered which, what waits, what was delivered. No HTTP, no bodies made here."""

import secrets
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.world.patreon_model import Campaign
from sandbox.world.patreon_oauth import Client

V1_TRIGGERS = ("pledges:create", "pledges:update", "pledges:delete")
V2_TRIGGERS = (
    "members:create",
    "members:update",
    "members:delete",
    "members:pledge:create",
    "members:pledge:update",
    "members:pledge:delete",
    "posts:publish",
    "posts:update",
    "posts:delete",
)
RETRY_AFTER = (
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(days=1),
    timedelta(weeks=1),
)
"""Patreon's newest table of retries; after the last one a delivery waits for a success or for being un-paused."""

PAUSED_AFTER = 3
"""Failures in a row until Patreon pauses a webhook; it documents that it does, not the number."""

_KEPT = 500


@dataclass(slots=True, kw_only=True, eq=False)
class Webhook:
    """A registered address. ``failures`` is v2's ``num_consecutive_times_failed``."""

    id: str
    client: Client
    campaign: Campaign
    uri: str
    secret: str = field(repr=False)
    triggers: tuple[str, ...]
    paused: bool = False
    failures: int = 0
    last_attempted_at: datetime | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """One body for one webhook. ``next_at`` None: waits for the webhook, or is over. ``answers``: statuses, 0 for none."""

    number: int
    webhook: Webhook
    trigger: str
    body: bytes = field(repr=False)
    next_at: datetime | None
    delivered: bool = False
    answers: list[int] = field(default_factory=list)


class Hooks:
    """Every webhook and every delivery that is not done, plus the newest 500 deliveries for who wants to look back."""

    def __init__(self) -> None:
        self.webhooks: dict[str, Webhook] = {}
        self.waiting: list[Delivery] = []
        self.log: deque[Delivery] = deque(maxlen=_KEPT)
        self.enabled = True
        """False: Patreon sends nothing and remembers nothing, as in its days without deliveries."""
        self._ids = 2_000
        self._deliveries = 0

    def register(
        self, client: Client, campaign: Campaign, uri: str, triggers: Sequence[str], secret: str | None = None
    ) -> Webhook:
        """Add a webhook as the portal or the API does. Without ``secret``: v1's is the client's own, v2's a new one."""
        self._ids += 1
        own = client.secret if any(trigger in V1_TRIGGERS for trigger in triggers) else secrets.token_urlsafe(48)
        webhook = Webhook(
            id=str(self._ids),
            client=client,
            campaign=campaign,
            uri=uri,
            secret=secret or own,
            triggers=tuple(triggers),
        )
        self.webhooks[webhook.id] = webhook
        return webhook

    def remove(self, webhook: Webhook) -> None:
        """Forget the webhook and what still waits for it."""
        self.webhooks.pop(webhook.id, None)
        self.waiting = [delivery for delivery in self.waiting if delivery.webhook is not webhook]

    def listening(self, campaign: Campaign, trigger: str) -> list[Webhook]:
        """Return the webhooks of ``campaign`` that want ``trigger``."""
        return [hook for hook in self.webhooks.values() if hook.campaign is campaign and trigger in hook.triggers]

    def queue(self, webhook: Webhook, trigger: str, body: bytes, now: datetime) -> Delivery:
        """Line a body up: to be sent now, or once the webhook is no longer paused."""
        self._deliveries += 1
        next_at = None if webhook.paused else now
        delivery = Delivery(number=self._deliveries, webhook=webhook, trigger=trigger, body=body, next_at=next_at)
        self.waiting.append(delivery)
        self.log.append(delivery)
        return delivery

    def succeeded(self, delivery: Delivery, status: int, now: datetime) -> None:
        """Note a 2xx: the webhook is well again and everything that waited for it goes out."""
        delivery.answers.append(status)
        delivery.delivered, delivery.next_at = True, None
        if delivery in self.waiting:
            self.waiting.remove(delivery)
        delivery.webhook.last_attempted_at = now
        if delivery.webhook.failures or delivery.webhook.paused:
            self.resume(delivery.webhook, now)

    def failed(self, delivery: Delivery, status: int, now: datetime) -> None:
        """Note anything else, or no answer (status 0): try later, and pause the webhook when it keeps failing."""
        webhook = delivery.webhook
        delivery.answers.append(status)
        tries = len(delivery.answers)
        delivery.next_at = now + RETRY_AFTER[tries - 1] if tries <= len(RETRY_AFTER) else None
        webhook.last_attempted_at = now
        webhook.failures += 1
        webhook.paused = webhook.paused or webhook.failures >= PAUSED_AFTER

    def pause(self, webhook: Webhook) -> None:
        """Pause the webhook by hand: nothing more is tried until it is un-paused."""
        webhook.paused = True
        for delivery in self.waiting:
            if delivery.webhook is webhook:
                delivery.next_at = None

    def resume(self, webhook: Webhook, now: datetime) -> None:
        """Un-pause the webhook and send what waits for it, in the order it happened."""
        webhook.paused, webhook.failures = False, 0
        for delivery in self.waiting:
            if delivery.webhook is webhook:
                delivery.next_at = now

    def due(self, now: datetime) -> Delivery | None:
        """Return the oldest delivery whose time has come, or None."""
        return next((item for item in self.waiting if item.next_at is not None and item.next_at <= now), None)

    def next_at(self) -> datetime | None:
        """Return when the next delivery falls due, or None."""
        return min((item.next_at for item in self.waiting if item.next_at is not None), default=None)
