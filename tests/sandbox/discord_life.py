"""A small Discord with an unmodified discord.py bot in it, for the tests of the simulator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import discord
import yarl
from discord.ext import commands

from sandbox.discord.server import DiscordServer
from sandbox.world.clock import Clock
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_records import BOT_PERMISSIONS, Guild, Permission, Role, User
from sandbox.world.timeline import Timeline
from tests.waiting import PATIENCE

TOKEN = "sandbox-token"
INTENTS = discord.Intents(guilds=True, members=True)


class DiscordBot(commands.Bot):
    """A bot as the product runs it: no member cache, no chunking, no message cache."""

    def __init__(self, intents: discord.Intents = INTENTS, *, heartbeat_timeout: float = 60.0) -> None:
        super().__init__(
            "!",
            intents=intents,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            guild_ready_timeout=0.01,
            heartbeat_timeout=heartbeat_timeout,
        )
        self.heard: asyncio.Queue[object] = asyncio.Queue()
        self.resumed = asyncio.Event()

    async def on_member_join(self, member: discord.Member) -> None:
        self.heard.put_nowait(("joined", member.id))

    async def on_raw_member_remove(self, event: discord.RawMemberRemoveEvent) -> None:
        self.heard.put_nowait(("left", event.user.id))

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        self.heard.put_nowait(("unavailable", guild.id))

    async def on_guild_available(self, guild: discord.Guild) -> None:
        self.heard.put_nowait(("available", guild.id))

    async def on_resumed(self) -> None:
        self.resumed.set()


@dataclass
class Town:
    """A guild with its owner, one member, the roles Gold and Silver (Gold above Silver) and a bot ranking above both."""

    world: DiscordWorld
    guild: Guild
    owner: User
    ann: User
    gold: Role
    silver: Role
    bot_id: int


def build_town(*, clock: Clock | None = None, permissions: int = BOT_PERMISSIONS | Permission.VIEW_AUDIT_LOG) -> Town:
    """Return a town nobody has looked at yet."""
    clock = clock or Clock()
    world = DiscordWorld(clock, Timeline(clock))
    owner, ann = world.add_user("cat"), world.add_user("ann")
    guild = world.add_guild("Workshop", owner=owner.id)
    gold, silver = world.add_role(guild.id, "Gold"), world.add_role(guild.id, "Silver")
    bot = world.add_bot("Patron Roles", TOKEN)
    world.invite(bot.id, guild.id, permissions=permissions)
    world.join(guild.id, ann.id)
    return Town(world, guild, owner, ann, gold, silver, bot.id)


@asynccontextmanager
async def running(bot: commands.Bot, server: DiscordServer) -> AsyncIterator[None]:
    """Run ``bot`` against ``server`` until the block ends, as soon as it is ready."""
    discord.http.Route.BASE = server.api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)
    async with bot:
        task = asyncio.create_task(bot.start(TOKEN))
        ready = asyncio.create_task(bot.wait_until_ready())
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
        if task.done():
            ready.cancel()
            task.result()
        if isinstance(bot, DiscordBot):
            for _ in bot.guilds:
                await asyncio.wait_for(bot.heard.get(), PATIENCE)  # those that became available while the bot got ready
        try:
            yield
        finally:
            await bot.close()
            await task
