"""Delivers webhooks over HTTP on the world's clock, signed and in order. When to retry or pause is the world's to say."""

import asyncio
from collections.abc import Callable

import aiohttp

from sandbox.patreon import bodies
from sandbox.world import PatreonWorld
from sandbox.world.patreon_hooks import Delivery, Webhook
from sandbox.world.patreon_registry import Happened


class Sender:
    """Turns what happens at Patreon into deliveries, and sends what is due while :meth:`run` runs, one after the other."""

    def __init__(self, patreon: PatreonWorld, *, timeout: float = 10.0) -> None:
        self._patreon = patreon
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._unsubscribe: Callable[[], None] | None = None
        patreon.subscribe(self._happened)

    def test(self, webhook: Webhook, trigger: str) -> Delivery:
        """Press the portal's test button: a body about nobody, with ``data.id`` null."""
        return self._queue(webhook, trigger, bodies.button(self._patreon, trigger, webhook.campaign))

    def again(self, delivery: Delivery) -> Delivery:
        """Deliver the very same bytes once more, as a retry does whose first answer was lost."""
        return self._queue(delivery.webhook, delivery.trigger, delivery.body)

    async def settled(self) -> None:
        """Wait until nothing is due at the world's present moment."""
        self._wake.set()
        self._idle.clear()
        await self._idle.wait()

    async def run(self) -> None:
        """Send until cancelled; between two deliveries wait for the next one's moment, a move of the clock, or news."""
        self._unsubscribe = self._patreon.clock.subscribe(lambda _now: self._wake.set())
        try:
            async with aiohttp.ClientSession(timeout=self._timeout) as session:
                while True:
                    delivery = self._patreon.hooks.due(self._patreon.clock.now())
                    if delivery is not None:
                        await self._send(session, delivery)
                    else:
                        self._idle.set()
                        await self._rest()
        finally:
            self._unsubscribe()

    async def _rest(self) -> None:
        next_at = self._patreon.hooks.next_at()
        seconds = (next_at - self._patreon.clock.now()).total_seconds() if next_at is not None else None
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _send(self, session: aiohttp.ClientSession, delivery: Delivery) -> None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Patreon HTTP Robot",
            "X-Patreon-Event": delivery.trigger,
            "X-Patreon-Signature": bodies.sign(delivery.body, delivery.webhook.secret),
        }
        try:
            async with session.post(
                delivery.webhook.uri, data=delivery.body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError):
            status = 0
        self._note(delivery, status)

    def _note(self, delivery: Delivery, status: int) -> None:
        hooks, now = self._patreon.hooks, self._patreon.clock.now()
        if 200 <= status < 300:  # noqa: PLR2004 # the range of success
            hooks.succeeded(delivery, status, now)
        else:
            hooks.failed(delivery, status, now)
        answer = str(status) if status else "no answer"
        self._patreon.timeline.add(
            "patreon.webhook",
            f"{delivery.trigger} delivered: {answer}" if delivery.delivered else f"{delivery.trigger} not taken: {answer}",
            delivery=delivery.number,
            webhook=delivery.webhook.id,
            status=status,
            attempt=len(delivery.answers),
            paused=delivery.webhook.paused,
        )

    def _happened(self, happened: Happened) -> None:
        hooks = self._patreon.hooks
        wanted = hooks.listening(happened.membership.campaign, happened.trigger) if hooks.enabled else []
        if wanted:
            body = bodies.event(self._patreon, happened.trigger, happened.membership)
            for webhook in wanted:
                self._queue(webhook, happened.trigger, body)

    def _queue(self, webhook: Webhook, trigger: str, body: bytes) -> Delivery:
        delivery = self._patreon.hooks.queue(webhook, trigger, body, self._patreon.clock.now())
        self._wake.set()
        return delivery
