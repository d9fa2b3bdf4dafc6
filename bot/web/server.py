"""The web application put together, and the socket it listens on.

Which routes exist is said by the route classes; limits and headers that hold for all of them are here.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import structlog
from aiohttp import web

from bot.texts import pages as texts
from bot.web.pages import PAGES, Pages, add_headers, dress, guard, style_sheet

log = structlog.get_logger(__name__)

MAX_BODY = 256 * 1024
"""Bytes; the largest webhook body seen from Patreon has 18 kB. More is answered 413."""

STOP_WITHIN = 3.0
"""Seconds that open requests get to finish when the bot stops."""


async def build_web(routes: Sequence[web.AbstractRouteDef]) -> web.Application:
    """Put pages, limits, headers and the given routes into one application."""
    app = web.Application(middlewares=[guard], client_max_size=MAX_BODY)
    app[PAGES] = await asyncio.to_thread(Pages)  # reads files
    app.on_response_prepare.append(add_headers)
    app.add_routes([web.get("/privacy", _privacy), web.get("/static/style.css", style_sheet), *routes])
    return app


class _Handler(web.RequestHandler):
    """Answers what never becomes a request (no HTTP, or broken HTTP) as all else is answered, and without a word of it."""

    __slots__ = ()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Leave out ``message``, which repeats what was sent; no page, since no browser sends such."""
        answer = super().handle_error(request, status, exc, f"{texts.BAD_REQUEST.title}\n" if message else None)
        dress(answer)
        return answer


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Listen while the block runs and give the port, which is chosen by the system when ``port`` is 0.

    Raises:
        OSError: the address is taken or not ours.

    """
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(app, shutdown_timeout=STOP_WITHIN)
    await runner.setup()
    try:
        # Not by a TCPSite, which takes no handler but aiohttp's own.
        options: dict[str, Any] = {"loop": loop, "access_log": None}
        make = partial(_Handler, cast("web.Server", runner.server), **options)
        server = await loop.create_server(make, host, port)
        try:
            listening = int(server.sockets[0].getsockname()[1])
            log.info("web_listening", port=listening)
            yield listening
        finally:
            server.close()
    finally:
        await runner.cleanup()


async def _privacy(request: web.Request) -> web.Response:
    return request.app[PAGES].show("privacy.html")
