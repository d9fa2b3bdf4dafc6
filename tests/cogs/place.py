"""A guild with the real bot in it: unmodified discord.py over sockets, the real store, the real engine.

Only Patreon is a double here: what memberships there are is set by hand. The bot with the real client against the
sandbox's Patreon is tests/e2e's.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from discord.ext import commands

from bot.core.model import (
    CREATOR,
    Cause,
    DiscordUserId,
    Grant,
    GuildId,
    Link,
    Origin,
    PatronId,
    RoleId,
    TierId,
    Tokens,
    patron_owner,
)
from bot.creators import Campaigns, ManualGrants, Patrons, Rules, Settings, Syncs
from bot.discord_bot import DiscordSettings, PatronRolesBot, UseCases
from bot.guilds import Guilds
from bot.linking import Linking, PersonalData
from bot.store import Store, Tables
from bot.sync import Engine, EngineSettings, Previews
from bot.sync.cases import audited_key
from sandbox.discord.interaction import Interaction
from sandbox.discord.server import DiscordServer
from sandbox.world.clock import Clock
from sandbox.world.guild_records import Message, Permission
from tests.cogs.shelf import CAMPAIGN, GOLD_TIER, Shelf, build_campaign
from tests.sandbox.discord_life import TOKEN, Town, build_town
from tests.waiting import PATIENCE, until, until_found

STAFF = Permission.MANAGE_ROLES | Permission.MANAGE_GUILD


@dataclass
class Place:
    """What a test holds in its hand. The town's owner is the creator; Ann is a member; Mod may manage roles."""

    town: Town
    server: DiscordServer
    store: Store
    patreon: Shelf
    bot: PatronRolesBot
    engine: Engine
    use_cases: UseCases
    mod: int

    @property
    def guild(self) -> GuildId:
        return GuildId(self.town.guild.id)

    @property
    def ann(self) -> DiscordUserId:
        return DiscordUserId(self.town.ann.id)

    @property
    def gold(self) -> RoleId:
        return RoleId(self.town.gold.id)

    @property
    def silver(self) -> RoleId:
        return RoleId(self.town.silver.id)

    @property
    def now(self) -> datetime:
        return self.patreon.now()

    async def type(self, command: str, user: int | None = None, **options: Any) -> Interaction:
        """Type a command in the guild, as the creator unless somebody else is named."""
        who = self.town.owner.id if user is None else user
        return await self.server.run_command(who, command, options, guild=self.guild)

    async def answer(self, command: str, user: int | None = None, **options: Any) -> Message:
        """Type a command and give its answer once it no longer says "thinking"."""
        return await (await self.type(command, user, **options)).settled()

    async def press(self, message: Message, button: str, user: int | None = None) -> Interaction:
        """Press a button, as the creator unless somebody else is named."""
        return await self.server.press(message, button, self.town.owner.id if user is None else user)

    def helper(self, *, permissions: int = 0, channel: int = 0) -> int:
        """Let somebody come who ranks above Gold, with these permissions in the guild and more in its first channel."""
        world, guild = self.town.world, self.guild
        user, role = world.add_user("helper"), world.add_role(guild, "Helpers", permissions=permissions)
        world.move_role(guild, role.id, len(self.town.guild.roles) - 2)
        world.join(guild, user.id, roles=[role.id])
        world.overwrite(next(iter(self.town.guild.channels)), role.id, allow=channel)
        return user.id

    async def link(self, user: int, patron: str, tier: TierId | None = GOLD_TIER) -> PatronId:
        """Let somebody be linked and pledged, as though it had been so for long."""
        number, who = PatronId(patron), DiscordUserId(user)
        membership = self.patreon.pledge(number, tier)
        async with self.store.write() as t:
            await t.links.save(Link(who, number, self.now))
            await t.tokens.save(patron_owner(number), Tokens("a", "b", self.now + timedelta(days=30)), worked=True)
            await t.memberships.save(membership, due_at=None)
            await t.presence.put(self.guild, who, present=True, seen_at=self.now)
        return number

    async def give(self, user: int, role: RoleId, origin: Origin = Origin.OURS) -> None:
        """Let somebody have a role, and the ledger know whose doing it is."""
        self.town.world.give_role(self.guild, user, role)
        async with self.store.write() as t:
            await t.ledger.put_many([Grant(self.guild, DiscordUserId(user), role, origin, self.now, Cause.LINKED)])

    async def until(self, condition: Callable[[Tables], Awaitable[object]]) -> None:
        """Wait until something is stored."""

        async def ask() -> object:
            async with self.store.read() as t:
                return await condition(t)

        await until_found(ask)

    async def has(self, user: int, *roles: str) -> None:
        """Wait until somebody has exactly these roles."""
        await until(lambda: self.town.world.role_names_of(self.guild, user) == set(roles), f"{user} with {roles}")


@dataclass(frozen=True)
class Site:
    """A town with its Discord, and what outlives a restart of the bot."""

    store: Store
    server: DiscordServer
    town: Town
    patreon: Shelf
    mod: int


@asynccontextmanager
async def open_site(store: Store) -> AsyncIterator[Site]:
    """Found a town with a creator, a moderator above Silver and below Gold, and Ann; no bot runs yet."""
    clock = Clock()
    town = build_town(clock=clock)
    mod = town.world.add_user("mod")
    mods = town.world.add_role(town.guild.id, "Mods", permissions=STAFF)
    town.world.move_role(town.guild.id, mods.id, 2)
    town.world.join(town.guild.id, mod.id, roles=[mods.id])
    async with store.write() as t:
        await t.campaigns.save(build_campaign(), clock(), owner=CREATOR)
        # Who had which role before us is known, so roles move at once.
        await t.guilds.audited(GuildId(town.guild.id), clock())
        await t.facts.set(audited_key(GuildId(town.guild.id)), f"{town.gold.id} {town.silver.id}")
        await t.tokens.save(CREATOR, Tokens("c", "d", clock() + timedelta(days=30)), worked=True)
    async with DiscordServer(town.world).serve() as server:
        yield Site(store, server, town, Shelf(clock), mod.id)


class Naps:
    """The engine's sleep. ``still`` waits until all of its loops sleep, so that none is stopped inside the database."""

    def __init__(self, loops: int = 4) -> None:
        self._loops = loops
        self._asleep = 0
        self._over = False

    async def nap(self, seconds: float) -> None:
        self._asleep += 1
        try:
            await asyncio.sleep(seconds)
            if self._over:
                await asyncio.Event().wait()
        finally:
            self._asleep -= 1

    async def still(self) -> None:
        self._over = True
        await until(lambda: self._asleep >= self._loops, "sleep of every loop")
        await asyncio.sleep(0.03)


@asynccontextmanager
async def open_place(site: Site, *, served: bool = True, cogs: Sequence[commands.Cog] = ()) -> AsyncIterator[Place]:
    """Run the bot in a town until the block ends; ``served``: the configuration names the guild; ``cogs``: more of them."""
    settings = DiscordSettings(site.server.api_url, site.server.gateway_url, guild_ready_timeout=0.01)
    bot = PatronRolesBot(settings, StoredFacts(site.store))
    guilds = Guilds(bot)
    quick = timedelta(seconds=0.1)
    naps = Naps()
    engine = Engine(
        site.store,
        site.patreon,
        guilds,
        now=site.patreon.now,
        sleep=naps.nap,
        settings=EngineSettings(frozenset({CAMPAIGN}), poll_every=quick, tick_every=quick),
        listeners=[bot.hear],
    )
    named = frozenset({GuildId(site.town.guild.id)} if served else ())
    use_cases = assemble(site.store, site.patreon, guilds, engine, served=named)
    stop = asyncio.Event()
    async with bot:
        await bot.furnish(use_cases)
        for cog in cogs:
            await bot.add_cog(cog)
        gateway = asyncio.create_task(bot.start(TOKEN))
        await asyncio.wait_for(bot.wait_until_ready(), PATIENCE)
        working = asyncio.create_task(engine.run(stop))
        place = Place(site.town, site.server, site.store, site.patreon, bot, engine, use_cases, site.mod)
        try:
            # What a start does by itself is over before a test begins: names of roles, and the first refresh.
            await place.until(lambda t: t.guilds.role_names(place.guild))
            await place.until(_refreshed)
            yield place
        finally:
            await naps.still()
            stop.set()
            await working
            await bot.close()
            await gateway


def assemble(store: Store, patreon: Shelf, guilds: Guilds, engine: Engine, *, served: frozenset[GuildId]) -> UseCases:
    """Build every use case, as the composition root does."""
    now, wake = patreon.now, engine.wake
    previews = Previews(store, guilds, now=now)
    campaigns = Campaigns(store, served=served)
    linking = Linking(store, patreon, public_url="https://bot.test", now=now, wake=wake, name_of=_no_name)
    return UseCases(
        linking=linking,
        personal=PersonalData(store, now=now, wake=wake),
        campaigns=campaigns,
        rules=Rules(store, campaigns, previews, now=now, wake=wake),
        settings=Settings(store, campaigns, previews, now=now, wake=wake),
        patrons=Patrons(store, campaigns, now=now),
        manual=ManualGrants(store, now=now, wake=wake),
        syncs=Syncs(store, campaigns, now=now, wake=wake),
        previews=previews,
        engine=engine,
        guilds=guilds,
        now=now,
    )


class StoredFacts:
    """The store's facts, each call a transaction of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, key: str) -> str | None:
        async with self._store.read() as t:
            return await t.facts.get(key)

    async def set(self, key: str, value: str) -> None:
        async with self._store.write() as t:
            await t.facts.set(key, value)


async def _refreshed(t: Tables) -> bool:
    state = await t.campaigns.state(CAMPAIGN)
    return state is not None and state.refreshed_at is not None and await t.nudges.pending() == 0


async def _no_name(_user: DiscordUserId) -> str | None:
    return None
