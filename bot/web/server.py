"""The web application put together, and the socket it listens on.

Which routes exist is said by the route classes; limits and headers that hold for all of them are here.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from bot.web.pages import PAGES, Pages, add_headers, guard, style_sheet

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


@asynccontextmanager
async def serving(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Listen while the block runs and give the port, which is chosen by the system when ``port`` is 0.

    Raises:
        OSError: the address is taken or not ours.

    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_WITHIN)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        listening = int(runner.addresses[0][1])
        log.info("web_listening", port=listening)
        yield listening
    finally:
        await runner.cleanup()


async def _privacy(request: web.Request) -> web.Response:
    return request.app[PAGES].show("privacy.html")
