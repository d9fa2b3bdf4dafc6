"""The simulated Discord on a socket: REST, gateway and attachments on one port of the loopback, and its people's verbs."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from aiohttp import web

from sandbox.discord.commands import CommandBook
from sandbox.discord.faults import Faults
from sandbox.discord.gateway import Gateway
from sandbox.discord.interactions import Interactions
from sandbox.discord.limits import RateLimits
from sandbox.discord.people import People
from sandbox.discord.rest import Rest
from sandbox.discord.routes_applications import ApplicationRoutes
from sandbox.discord.routes_channels import ChannelRoutes
from sandbox.discord.routes_guilds import GuildRoutes
from sandbox.discord.routes_interactions import InteractionRoutes
from sandbox.world.guild import DiscordWorld

_API = "/api/v10"
_GATEWAY = "/gateway"
_LOOPBACK = "127.0.0.1"


class DiscordServer(People):
    """A Discord that an unmodified bot can live in. What people do are the verbs of :class:`~sandbox.discord.people.People`.

    ``calls`` counts requests by route (``"PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}"``), ``limits.refused``
    the 429s among them, ``gateway.identifies`` and ``gateway.resumes`` the sessions.
    """

    def __init__(self, world: DiscordWorld) -> None:
        self.world = world
        self.rest = Rest(world)
        self.gateway = Gateway(world)
        self.commands = CommandBook(world)
        self.interactions = Interactions(world, self.gateway)
        self._channels = ChannelRoutes(world)
        self._answers = InteractionRoutes(world, self.interactions)
        self.port = 0
        super().__init__(world, self.commands, self.interactions)

    @property
    def limits(self) -> RateLimits:
        """The rate limits."""
        return self.rest.limits

    @property
    def faults(self) -> Faults:
        """The faults on demand."""
        return self.rest.faults

    @property
    def calls(self) -> Counter[str]:
        """How often each route was called."""
        return self.rest.calls

    @property
    def api_url(self) -> str:
        """The address of the REST API."""
        return f"{self.base_url}{_API}"

    @property
    def gateway_url(self) -> str:
        """The address of the gateway."""
        return f"ws://{_LOOPBACK}:{self.port}{_GATEWAY}"

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[Self]:
        """Listen on the loopback (``port`` 0: any free one) until the block ends; then every connection is closed."""
        runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, _LOOPBACK, port)
        try:
            await site.start()
            self._open(runner.addresses[0][1])
            yield self
        finally:
            self.interactions.close()
            await self.gateway.close()
            await runner.cleanup()

    def _open(self, port: int) -> None:
        self.port = port
        self.base_url = f"http://{_LOOPBACK}:{port}"
        for part in (self._channels, self._answers, self.interactions):
            part.base_url = self.base_url
        self.gateway.open(self.base_url, self.gateway_url)

    def _application(self) -> web.Application:
        applications = ApplicationRoutes(self.world, self.gateway, self.commands)
        routes = [
            *GuildRoutes(self.world).routes(),
            *self._answers.routes(),
            *self._channels.routes(),
            *applications.routes(),
        ]
        app = self.rest.application(routes, _API)
        app.router.add_get(_GATEWAY, self.gateway.serve)
        app.router.add_get(_GATEWAY + "/", self.gateway.serve)
        app.router.add_get("/attachments/{channel}/{attachment}/{name}", self._serve_attachment)
        return app

    async def _serve_attachment(self, request: web.Request) -> web.Response:
        number = request.match_info["attachment"]
        attachment = self.world.files.get(int(number)) if number.isdecimal() else None
        if attachment is None:
            raise web.HTTPNotFound
        return web.Response(body=attachment.data, headers={"Content-Type": attachment.content_type})
