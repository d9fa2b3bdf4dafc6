"""The simulated Patreon as an HTTP server: both hosts' paths on one port, and the webhooks' sender beside it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from sandbox.patreon import oauth, pages, v1, v2, v2_posts, v2_webhooks
from sandbox.patreon.guard import guard
from sandbox.patreon.sender import Sender
from sandbox.world import World
from sandbox.world.patreon_model import Account


class PatreonServer:
    """Serves ``world.patreon``. What happens in the world while it does not serve is delivered once it does.

    ``site_url`` stands for www.patreon.com, ``api_url`` for www.patreon.com/api; ``site_url`` as API address works like
    the api.patreon.com of the v1 documentation.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.sender = Sender(world.patreon)
        self.site_url = ""

    @property
    def api_url(self) -> str:
        """The address to hand out as PATREON_API_URL."""
        return f"{self.site_url}/api"

    @asynccontextmanager
    async def serve(self, port: int = 0, host: str = "127.0.0.1") -> AsyncIterator["PatreonServer"]:
        """Serve on ``port`` (0: any that is free) until the block ends."""
        runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        sending = None
        try:
            site = web.TCPSite(runner, host, port)
            await site.start()
            bound = runner.addresses[0]
            self.site_url = self.world.patreon.site_url = f"http://{host}:{bound[1]}"
            sending = asyncio.create_task(self.sender.run(), name="patreon-webhooks")
            yield self
        finally:
            if sending is not None:
                sending.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await sending
            await runner.cleanup()

    async def consent(self, authorize_url: str, who: Account | str, *, allow: bool = True) -> str:
        """Do what a browser and a person do at ``authorize_url`` and return the address Patreon then redirects to."""
        account = self.world.patreon.account(who)
        form = {"account": account.id, "decision": "allow" if allow else "deny"}
        async with (
            aiohttp.ClientSession() as browser,
            browser.post(URL(authorize_url, encoded=True), data=form, allow_redirects=False) as response,
        ):
            location = response.headers.get("Location", "")
            if not urlsplit(location).scheme:
                return f"{self.site_url}{location}"
            return location

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[guard(self.world.patreon)])
        for prefix in ("/api/oauth2", "/oauth2"):
            app.add_routes(oauth.routes(prefix))
            app.add_routes(v1.routes(f"{prefix}/api"))
            app.add_routes(v2.routes(f"{prefix}/v2"))
            app.add_routes(v2_posts.routes(f"{prefix}/v2"))
            app.add_routes(v2_webhooks.routes(f"{prefix}/v2"))
        app.add_routes(pages.routes(self.world.patreon))
        return app
