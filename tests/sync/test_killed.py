"""A real process, killed with SIGKILL at random moments: what it leaves is taken up, and nothing is lost or done wrong."""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.core.model import CREATOR, Cause, DiscordUserId, Holding, Origin, Policy, RoleId, TokenOwner, Tokens, patron_owner
from bot.store import Store, open_store
from bot.store.records import NudgeKind
from tests.conftest import SECRET_KEY, Clock
from tests.sync.doubles import CAMPAIGN, GOLD_TIER, SILVER_TIER
from tests.sync.outside import LIFE, Outside, utcnow
from tests.sync.world import GOLD, GUILD, SILVER, World, patron_of
from tests.waiting import until_found

KILLS = 50
KILLS_BETWEEN_LOOKS = 5
PEOPLE = tuple(DiscordUserId(100 + number) for number in range(24))
# They had the role before any of this began.
BY_HAND = frozenset(PEOPLE[:3])


@dataclass(slots=True)
class Town:
    """The world whose engine gets killed; Discord and Patreon live on in this process."""

    world: World
    outside: Outside
    mother: Process
    url: str
    socket: Path
    engine: int | None = None

    async def start(self) -> None:
        """Start an engine."""
        assert self.mother.stdin is not None
        assert self.mother.stdout is not None
        self.mother.stdin.write(f"{self.url} {self.socket}\n".encode())
        await self.mother.stdin.drain()
        self.engine = int(await self.mother.stdout.readline())

    def kill(self) -> None:
        """Kill the engine that runs, if one does."""
        if self.engine is not None:
            os.kill(self.engine, signal.SIGKILL)
            self.engine = None

    async def something_happens(self, chance: random.Random) -> None:
        """Change a few pledges and send the webhooks; now and then let a refresh be due."""
        for user in chance.sample(PEOPLE, 4):
            patron = patron_of(user)
            chance.choice(
                [
                    lambda p: self.world.patreon.pledge(p, 500, SILVER_TIER),
                    lambda p: self.world.patreon.pledge(p, 1000, GOLD_TIER),
                    self.world.patreon.cancel,
                ]
            )(patron)
            reading = replace(self.world.patreon.memberships[patron], observed_at=utcnow())
            async with self.world.store.write() as t:
                await t.nudges.add(NudgeKind.PATRON, patron, Cause.WEBHOOK, utcnow(), reading=reading)
        if chance.random() < 0.3:
            await self.refresh()

    async def refresh(self) -> None:
        async with self.world.store.write() as t:
            await t.nudges.add(NudgeKind.CAMPAIGN, CAMPAIGN, Cause.REFRESH, utcnow())

    async def dies(self, chance: random.Random) -> None:
        """Kill the engine in the middle of a call: before it had an effect, after, or at any moment near it."""
        self.outside.doom = self.outside.calls + chance.randrange(1, 30)
        self.outside.doom_before = chance.random() < 0.5
        moments = chance.randrange(30, 80)
        for _ in range(moments if chance.random() < 0.3 else 400):
            if self.engine is None:
                break
            await asyncio.sleep(0.01)
        self.outside.doom = None
        self.kill()

    async def is_left_alone(self) -> None:
        """Let an engine work undisturbed to the end, with two lists on top that settle what is in doubt."""
        await self.start()
        await self.at_rest()
        for _ in range(2):
            await self.refresh()
            await self.at_rest()
        await self.renewed()
        self.kill()

    async def renewed(self) -> None:
        """Wait until each pair on disk is the one Patreon gave last."""

        async def all_stored() -> bool:
            async with self.world.store.read() as t:
                pairs = [await t.tokens.load(TokenOwner(owner)) for owner in self.outside.refresh_tokens]
            return [pair and pair.tokens.refresh for pair in pairs] == list(self.outside.refresh_tokens.values())

        await until_found(all_stored, "the pairs Patreon gave last on disk")

    async def at_rest(self) -> None:
        """Wait until nothing is left to do."""

        async def idle() -> bool:
            return await self.world.pending() == 0

        await until_found(idle, "rest")


@asynccontextmanager
async def _mother() -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.sync.killed_child", stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.kill()
        await process.wait()


async def _open_world(store: Store, clock: Clock) -> World:
    """Store people, links and pairs, with nothing of them looked at yet."""
    world = World(store, clock)
    soon = utcnow() + LIFE
    async with store.write() as t:
        await t.guilds.choose(GUILD, Policy(), Policy(brake_percent=100))
        await t.tokens.save(CREATOR, Tokens("access", f"{CREATOR}-1", soon))
    for user in PEOPLE:
        world.patreon.pledge(patron_of(user))
        world.guilds.members[GUILD][user] = {SILVER} if user in BY_HAND else set()
        await world.stores_link(user)
        owner = patron_owner(patron_of(user))
        async with store.write() as t:
            await t.tokens.save(owner, Tokens("access", f"{owner}-1", soon), worked=True)
    return world


@pytest.fixture
async def town(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    store = await open_store(sqlite_url, [SECRET_KEY])
    world = await _open_world(store, Clock(utcnow()))
    async with _mother() as mother:
        town = Town(world, Outside(world), mother, sqlite_url, tmp_path / "outside")
        town.outside.kill = town.kill
        async with town.outside.serve(town.socket):
            try:
                yield town
            finally:
                town.kill()
    await store.close()


@pytest.mark.timeout(600)
async def test_killed_fifty_times_it_ends_where_an_undisturbed_run_ends(town: Town) -> None:
    chance = random.Random(20260301)  # noqa: S311 # the same moments in each run
    world = town.world
    await world.set_up_rules()

    for number in range(1, KILLS + 1):
        await town.something_happens(chance)
        await town.start()
        await town.dies(chance)
        if number % KILLS_BETWEEN_LOOKS == 0:
            await town.is_left_alone()
            await _is_as_if_nothing_had_happened(town)


async def _is_as_if_nothing_had_happened(town: Town) -> None:
    """Compare roles, ledger and pairs with what an undisturbed run comes to."""
    world = town.world
    assert {user: frozenset(world.roles(user)) for user in PEOPLE} == {user: _roles(world, user) for user in PEOPLE}
    for user in PEOPLE:
        entries = {role: (grant.origin, grant.holding) for role, grant in (await world.ledger(user)).items()}
        assert entries == {role: (_origin(user, role), Holding.HELD) for role in _roles(world, user)}
    async with world.store.read() as t:
        for owner in [CREATOR, *(patron_owner(patron_of(user)) for user in PEOPLE)]:
            pair = await t.tokens.load(owner)
            assert pair is not None
            assert pair.broken_since is None
            assert pair.tokens.refresh == town.outside.refresh_tokens[owner]


def _roles(world: World, user: DiscordUserId) -> frozenset[RoleId]:
    """Give what somebody has when all is done: what their last pledge gives, and what they had before us."""
    tiers = world.patreon.memberships[patron_of(user)].tiers
    earned = {role for role, tier in ((SILVER, SILVER_TIER), (GOLD, GOLD_TIER)) if tier in tiers}
    return frozenset(earned | ({SILVER} if user in BY_HAND else set()))


def _origin(user: DiscordUserId, role: RoleId) -> Origin:
    return Origin.FOUND if user in BY_HAND and role == SILVER else Origin.OURS
