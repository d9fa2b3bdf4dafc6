"""The page's HTTP server: its files, its state, a stream that says "look again", and one route for each kind of act."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.console.acts import Acts, Refused
from sandbox.console.scene import Scene
from sandbox.console.weather import Weather
from sandbox.discord.interaction import NoAnswer, NotPossible
from sandbox.discord.server import DiscordServer
from sandbox.world import World
from sandbox.world.guild_records import Guild, Json, Unknown

_STATIC = Path(__file__).parent / "static"
_HEARTBEAT_SECONDS = 15.0
_LULL_SECONDS = 0.05
"""Changes come in bursts; one look afterwards shows them all."""

Act = Callable[[Json], Awaitable[Json]]


class Console:
    """Serves the page for one guild of the world; ``url`` is where, once it serves."""

    def __init__(self, world: World, discord: DiscordServer, guild: Guild) -> None:
        self._world = world
        weather = Weather(world.patreon.faults)
        self._acts = Acts(world, discord, guild, weather)
        self._scene = Scene(world, discord, guild, weather)
        self.url = ""

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator["Console"]:
        """Listen on the loopback (``port`` 0: any free one) until the block ends."""
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            with self._acts.watching():
                yield self
        finally:
            await runner.cleanup()

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[_same_origin])
        app.router.add_get("/", self._page)
        app.router.add_get("/state", self._state)
        app.router.add_get("/events", self._events)
        app.router.add_static("/static", _STATIC)
        for name, act in self._acts.by_name().items():
            app.router.add_post(f"/{name}", _route(act))
        return app

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(_STATIC / "index.html")

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(
            self._scene.draw(self._acts.messages, self._acts.asked), headers={"Cache-Control": "no-store"}
        )

    async def _events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        queue = self._world.timeline.subscribe()
        try:
            while True:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(queue.get(), _HEARTBEAT_SECONDS)
                await asyncio.sleep(_LULL_SECONDS)
                while not queue.empty():
                    queue.get_nowait()
                await response.write(b"data: look\n\n")
        except ConnectionResetError:
            return response
        finally:
            self._world.timeline.unsubscribe(queue)


def _route(act: Act) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        asked: Any = await request.json()
        try:
            return web.json_response(await act(asked))
        except (Refused, NotPossible, NoAnswer, Unknown, LookupError, ValueError) as error:
            return web.json_response({"error": str(error)})

    return handle


@web.middleware
async def _same_origin(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Let only this page act: another site's page in the same browser could otherwise post here."""
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin is not None and origin != f"http://{request.host}":
        raise web.HTTPForbidden
    return await handler(request)
