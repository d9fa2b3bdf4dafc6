"""Both simulators served together, and the environment in which the real bot finds them. It never imports the bot.

The demo, the journeys of the tests, the benchmarks and ``python -m sandbox serve`` all stand on this stage.
"""

import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.discord.server import DiscordServer
from sandbox.patreon.server import PatreonServer
from sandbox.world import World
from sandbox.world.examples import BOT_TOKEN
from sandbox.world.guild_records import Guild
from sandbox.world.patreon_hooks import V1_TRIGGERS, V2_TRIGGERS, Webhook

_V1 = 1


def free_port() -> int:
    """Return a port of the loopback that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Stage:
    """A world on sockets. The first guild, client and campaign of the world are those the bot works for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.discord = DiscordServer(world.discord)
        self.patreon = PatreonServer(world)

    @property
    def guild(self) -> Guild:
        """The world's first guild."""
        return next(iter(self.world.discord.guilds.values()))

    @asynccontextmanager
    async def serve(self, *, discord_port: int = 0, patreon_port: int = 0) -> AsyncIterator["Stage"]:
        """Serve both on the loopback until the block ends; port 0 stands for any that is free."""
        async with self.discord.serve(discord_port), self.patreon.serve(patreon_port):
            yield self

    def environment(self, web_port: int, database_url: str, *, api_version: int = 2) -> dict[str, str]:
        """Return the variables that point the bot at this stage, its web doors at ``web_port``.

        The client's redirect URI becomes that of the bot; a webhook secret is there once :meth:`hook_up` was called.
        """
        client = next(iter(self.world.patreon.oauth.clients.values()))
        pair = self.world.patreon.oauth.creator_pair(client)
        public_url = f"http://127.0.0.1:{web_port}"
        client.redirect_uris = [f"{public_url}/oauth/redirect"]
        found = {
            "DISCORD_TOKEN": BOT_TOKEN,
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_GATEWAY_URL": self.discord.gateway_url,
            "DISCORD_GUILD_IDS": str(self.guild.id),
            "PATREON_API_VERSION": str(api_version),
            "PATREON_SITE_URL": self.patreon.site_url,
            "PATREON_API_URL": self.patreon.api_url,
            "PATREON_CLIENT_ID": client.id,
            "PATREON_CLIENT_SECRET": client.secret,
            "PATREON_CREATOR_ACCESS_TOKEN": pair.access,
            "PATREON_CREATOR_REFRESH_TOKEN": pair.refresh,
            "WEB_PUBLIC_URL": public_url,
            "WEB_HOST": "127.0.0.1",
            "WEB_PORT": str(web_port),
            "DATABASE_URL": database_url,
            "SECRET_KEYS": secrets.token_urlsafe(32),
        }
        hook = next(iter(self.world.patreon.hooks.webhooks.values()), None)
        return found | ({"PATREON_WEBHOOK_SECRET": hook.secret} if hook is not None else {})

    def hook_up(self, web_port: int, *, api_version: int = 2) -> Webhook:
        """Set up the campaign's webhook as a creator does in Patreon's portal, to the bot's doors at ``web_port``."""
        client = next(iter(self.world.patreon.oauth.clients.values()))
        triggers = V1_TRIGGERS if api_version == _V1 else [name for name in V2_TRIGGERS if name.startswith("members")]
        uri = f"http://127.0.0.1:{web_port}/webhooks/patreon"
        return self.world.patreon.hooks.register(client, self.world.patreon.campaign(), uri, triggers)
