"""The bot in a real process, killed with SIGKILL at random moments: what it leaves is taken up, and nothing is lost.

It dies among webhooks, lists, renewals and role changes, in the middle of a call more often than not. Its world goes on
without it. Time passes quickly for all of them, so that leases and retries of one life end in the next.
"""

import asyncio
import json
import os
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from yarl import URL

from bot.core.model import (
    CREATOR,
    Campaign,
    CampaignId,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    GuildId,
    Holding,
    Link,
    Origin,
    PatronId,
    Policy,
    RoleId,
    TierId,
    TokenOwner,
    Tokens,
    patron_owner,
)
from bot.store import Store, open_store
from bot.store.records import NudgeKind
from bot.vault import seed_creator
from sandbox.stage import Stage, free_port
from sandbox.world.clock import Clock
from sandbox.world.examples import TIERS, crowd, small_world
from sandbox.world.patreon_model import Membership
from sandbox.world.patreon_oauth import Pair
from tests.e2e.mother import EPOCH, SPEED, WITHOUT_DOORS, QuickTime
from tests.e2e.wire import Wire
from tests.waiting import until_found

NEVER = datetime.max.replace(tzinfo=UTC)
KILLS = 25
"""On each of the two databases."""
PEOPLE = 20
FURNISHED = 3
"""So many had the role of the first tier before any of this began."""
LONG_LIVED = 15
"""So many have pairs that need no renewal."""


@dataclass(frozen=True, slots=True)
class Person:
    """A linked patron who is in the guild."""

    user: DiscordUserId
    membership: Membership
    had: frozenset[str]

    @property
    def owner(self) -> TokenOwner:
        return patron_owner(PatronId(self.membership.account.id))

    @property
    def earned(self) -> frozenset[str]:
        """The role of the pledge of this moment."""
        assert self.membership.tier is not None
        return frozenset({self.membership.tier.title})


class Town:
    """The world that outlives the bot, the people in it, and the bot's store to look into."""

    def __init__(self, stage: Stage, store: Store, mother: Process) -> None:
        self.stage = stage
        self.world = stage.world
        self.store = store
        self.wire = Wire(self.kill)
        self.people: list[Person] = []
        self.environment: dict[str, str] = {}
        self._mother = mother
        self._bots: list[int] = []

    @property
    def alive(self) -> bool:
        return bool(self._bots)

    async def start(self, **more: str) -> None:
        """Start the bot, beside those that live."""
        assert self._mother.stdin is not None
        assert self._mother.stdout is not None
        self._mother.stdin.write(json.dumps({**self.environment, **more}).encode() + b"\n")
        await self._mother.stdin.drain()
        self._bots.append(int(await self._mother.stdout.readline()))

    def kill(self) -> None:
        """Kill the bot that was started first, if one lives."""
        if self._bots:
            os.kill(self._bots.pop(0), signal.SIGKILL)

    def end(self) -> None:
        """Kill all that live."""
        while self.alive:
            self.kill()

    def role_calls(self) -> int:
        """Count the roles that were given and taken, or tried to."""
        calls = self.stage.discord.calls.items()
        return sum(count for route, count in calls if route.startswith(("PUT", "DELETE")) and "/roles/" in route)

    async def something_happens(self, chance: random.Random) -> None:
        """Let a few patrons change their tiers, of which webhooks tell; now and then let a refresh be due."""
        for person in chance.sample(self.people, 3):
            other = chance.choice([title for title in TIERS if title not in person.earned])
            self.world.patreon.change_pledge(person.membership.account, tier=other)
        if chance.random() < 0.3:
            await self.refresh()

    async def refresh(self) -> None:
        async with self.store.write() as t:
            campaign = CampaignId(self.world.patreon.campaign().id)
            await t.nudges.add(NudgeKind.CAMPAIGN, campaign, Cause.REFRESH, self.world.clock.now())

    async def lives_and_dies(self, chance: random.Random) -> None:
        """Start the bot and kill it: at some piece on the wire, or when none came for a while."""
        self.wire.doom(chance.randrange(10, 120), unheard=chance.random() < 0.5)
        await self.start()
        await asyncio.sleep(chance.random() * 0.3)
        await self.something_happens(chance)
        passed, quiet = self.wire.passed, 0
        while self.alive and quiet < 20:
            await asyncio.sleep(0.01)
            quiet = quiet + 1 if self.wire.passed == passed else 0
            passed = self.wire.passed
        self.wire.spare()
        self.kill()

    async def is_left_alone(self, chance: random.Random) -> None:
        """Let the bot work to the end of all there is to do, then stop it."""
        await self.start()
        # Patreon stopped sending to the dead; the bot looks after that at its start, and then after an hour.
        await until_found(self.is_told, "a running webhook")
        # A delivery that arrives makes Patreon send what it could not deliver to the dead.
        await self.something_happens(chance)
        await until_found(self.is_at_rest, "rest")
        self.kill()

    async def is_told(self) -> bool:
        hooks = self.world.patreon.hooks.webhooks.values()
        return bool(hooks) and not any(hook.paused for hook in hooks)

    async def is_at_rest(self) -> bool:
        if self.world.patreon.hooks.waiting:
            return False
        async with self.store.read() as t:
            if await t.nudges.pending() or await t.ledger.unseen([GuildId(self.stage.guild.id)], NEVER):
                return False
            pairs = {owner: await t.tokens.load(owner) for owner in self.owners()}
        # Not at rest before the first list either.
        has_begun = bool(self.world.patreon.requests["GET /oauth2/v2/campaigns/{campaign}/members"])
        return has_begun and all(
            pair is not None and pair.tokens.refresh == self.newest(owner).refresh for owner, pair in pairs.items()
        )

    def owners(self) -> list[TokenOwner]:
        return [CREATOR, *(person.owner for person in self.people)]

    def newest(self, owner: TokenOwner) -> Pair:
        """Give the pair Patreon gave last."""
        accounts = {person.owner: person.membership.account for person in self.people}
        account = accounts.get(owner) or self.world.patreon.account("Clara")
        return next(pair for pair in reversed(self.world.patreon.oauth.pairs) if pair.account is account)

    def roles(self, person: Person) -> set[str]:
        return self.world.discord.role_names_of(self.stage.guild.id, person.user)


@asynccontextmanager
async def _mother() -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.e2e.mother", stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.kill()
        await process.wait()


def _build_stage(time: QuickTime) -> Stage:
    world = small_world(client_version=2, clock=Clock(time))
    crowd(world, PEOPLE)
    world.patreon.oauth.repeats_renewals = True
    stage = Stage(world)
    stage.discord.limits.lift()
    return stage


def _settle_people(town: Town) -> None:
    """Let the crowd join the guild, some of them with a role from before."""
    first = next(iter(TIERS))
    role = next(role.id for role in town.stage.guild.roles.values() if role.name == first)
    for number, membership in enumerate(town.world.patreon.campaign().memberships[-PEOPLE:]):
        had = frozenset({first} if number < FURNISHED else ())
        user = town.world.discord.add_user(f"patron{number}").id
        town.world.discord.join(town.stage.guild.id, user, roles=[role] if had else [])
        town.people.append(Person(DiscordUserId(user), membership, had))


async def _store_people(town: Town) -> None:
    """Store the links and pairs of everybody, and a rule for each tier; nothing of it was looked at yet."""
    patreon, guild = town.world.patreon, GuildId(town.stage.guild.id)
    page = patreon.campaign()
    campaign = CampaignId(page.id)
    client = next(iter(patreon.oauth.clients.values()))
    roles = {role.name: RoleId(role.id) for role in town.stage.guild.roles.values()}
    now = town.world.clock.now()
    portal = patreon.oauth.creator_pair(client)
    await seed_creator(town.store, portal.access, portal.refresh, now)
    async with town.store.write() as t:
        # The portal tells no end of its pair; this one is known to end soon, and is renewed at once.
        await t.tokens.save(CREATOR, Tokens(portal.access, portal.refresh, now + timedelta(days=1)), worked=True)
        await t.guilds.choose(guild, Policy(), Policy(brake_percent=100, brake_count=1_000))
        await t.campaigns.save(Campaign(campaign, None, "", "", "USD", is_monthly=True, tiers=()), now)
        for title, cents in TIERS.items():
            condition = Condition(ConditionKind.TIER, tier=TierId(patreon.tier(title, page).id))
            await t.rules.add(guild, campaign, roles[title], condition, worth_cents=cents)
        for number, person in enumerate(town.people):
            if number == LONG_LIVED:
                # Shorter than what is renewed ahead, so that each start of the bot renews these pairs and the creator's.
                patreon.oauth.lifetime = timedelta(days=1)
            account, uri = person.membership.account, client.redirect_uris[0]
            code = patreon.oauth.consent(account, client, uri, frozenset({"identity"}))
            pair = patreon.oauth.exchange(client, code.value, uri)
            await t.links.save(Link(person.user, PatronId(account.id), now))
            await t.tokens.save(person.owner, Tokens(pair.access, pair.refresh, pair.expires_at), worked=True)


@pytest.fixture
def speed() -> int:
    """Say how many times as fast as real time the world's time passes."""
    return 20


@pytest.fixture
async def town(database_url: str, speed: int) -> AsyncIterator[Town]:
    epoch = datetime.now(UTC)
    stage = _build_stage(QuickTime(epoch, speed))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(stage.serve())
        mother = await stack.enter_async_context(_mother())
        environment = stage.environment(free_port(), database_url)
        store = await open_store(database_url, [environment["SECRET_KEYS"]])
        stack.push_async_callback(store.close)
        town = Town(stage, store, mother)
        for key in ("DISCORD_API_URL", "DISCORD_GATEWAY_URL", "PATREON_API_URL", "WEB_PUBLIC_URL"):
            address = URL(environment[key])
            assert address.port is not None
            relayed = await stack.enter_async_context(town.wire.relay(address.port))
            environment[key] = str(address.with_port(relayed))
        town.environment = {
            **environment,
            EPOCH: epoch.isoformat(),
            SPEED: str(speed),
            "SYNC_REFRESH_MINUTES": str(7 * 24 * 60),
        }
        _settle_people(town)
        await _store_people(town)
        try:
            yield town
        finally:
            town.end()


@pytest.mark.timeout(600)
async def test_killed_again_and_again_it_ends_where_an_undisturbed_run_ends(town: Town) -> None:
    chance = random.Random(20260301)  # noqa: S311 # the same changes in each run
    for _ in range(KILLS):
        await town.lives_and_dies(chance)
    await town.is_left_alone(chance)
    await _is_as_if_nothing_had_happened(town)


# Slow enough that no process stands still for longer than its claims last, however busy the machine is.
@pytest.mark.parametrize("speed", [4])
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_two_processes_do_nothing_twice_and_one_goes_on_alone(town: Town) -> None:
    await town.start()
    await town.start(**{WITHOUT_DOORS: "1"})
    await until_found(town.is_at_rest, "rest")
    assert len(town.world.patreon.hooks.webhooks) == 1
    first = _given(town)
    assert town.role_calls() == first

    for person in town.people:
        town.world.patreon.change_pledge(person.membership.account, tier=_next_tier(person))
    await until_found(town.is_at_rest, "rest")
    await _is_as_if_nothing_had_happened(town)
    second = _given(town)
    assert town.role_calls() == first + second + first, "each role of the first tiers was taken once"

    town.kill()
    await town.refresh()
    await until_found(town.is_at_rest, "rest")
    assert town.role_calls() == first + second + first


def _given(town: Town) -> int:
    """Count those who owe a role to their pledge and not to whoever gave it before."""
    return sum(not person.earned <= person.had for person in town.people)


def _next_tier(person: Person) -> str:
    titles = list(TIERS)
    return titles[(titles.index(next(iter(person.earned))) + 1) % len(titles)]


async def _is_as_if_nothing_had_happened(town: Town) -> None:
    """Compare roles, ledger and pairs with what an undisturbed run comes to; every webhook was taken, none in vain."""
    guild = GuildId(town.stage.guild.id)
    names = {role.id: role.name for role in town.stage.guild.roles.values()}
    assert {person.user: town.roles(person) for person in town.people} == {
        person.user: {*person.earned, *person.had} for person in town.people
    }
    assert all(delivery.delivered for delivery in town.world.patreon.hooks.log)
    async with town.store.read() as t:
        for person in town.people:
            ledger = await t.ledger.of(guild, person.user)
            found = {names[role]: (grant.origin, grant.holding) for role, grant in ledger.items()}
            assert found == {
                role: (Origin.FOUND if role in person.had else Origin.OURS, Holding.HELD)
                for role in person.earned | person.had
            }
        for owner in town.owners():
            pair = await t.tokens.load(owner)
            assert pair is not None
            assert pair.broken_since is None
