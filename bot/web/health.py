"""What machines ask: alive, ready, numbers. Each answer is small, says nothing of anybody, and is never a page.

What "ready" means is decided by the parts, which hand in a probe each; here they are only asked.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from bot.errors import StoreError
from bot.metrics import CONTENT_TYPE, Metrics


@dataclass(frozen=True, slots=True)
class Health:
    """One part's answer. ``detail`` is for the operator: a word or an instant, no ids."""

    ready: bool
    detail: str


Probe = Callable[[], Awaitable[Health]]


class HealthRoutes:
    """``/healthz`` is alive while the loop turns; ``/readyz`` asks every probe; ``/metrics`` shows the numbers."""

    def __init__(self, probes: Mapping[str, Probe], metrics: Metrics, set_gauges: Callable[[], Awaitable[None]]) -> None:
        """Take one probe a part, by the name it shall have in the answer, and what brings the gauges up to date."""
        self._probes = probes
        self._metrics = metrics
        self._set_gauges = set_gauges

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Say what is served where."""
        return [
            web.get("/healthz", self.alive),
            web.get("/readyz", self.ready),
            web.get("/metrics", self.numbers),
        ]

    async def alive(self, _request: web.Request) -> web.Response:
        """Answer at all."""
        return web.Response(text="ok\n")

    async def ready(self, _request: web.Request) -> web.Response:
        """Answer 200 when every part is ready, else 503, and each part's word in both cases."""
        answers = {name: await probe() for name, probe in self._probes.items()}
        ready = all(answer.ready for answer in answers.values())
        return web.json_response(
            {name: {"ready": answer.ready, "detail": answer.detail} for name, answer in answers.items()},
            status=web.HTTPOk.status_code if ready else web.HTTPServiceUnavailable.status_code,
        )

    async def numbers(self, _request: web.Request) -> web.Response:
        """Give Prometheus its page, with older gauges when the database does not answer."""
        with suppress(StoreError):
            await self._set_gauges()
        # aiohttp refuses a charset in ``content_type``; the header takes it.
        return web.Response(body=self._metrics.render(), headers={"Content-Type": CONTENT_TYPE})
