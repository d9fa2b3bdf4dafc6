"""Several processes on one database: what one does while another is held up, and what becomes of what nobody finished."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.core.model import Cause, DiscordUserId, ManualGrant
from bot.store.records import NudgeKind
from bot.sync import Engine
from tests.sync.doubles import GOLD_TIER
from tests.sync.test_engine import running
from tests.sync.world import ANN, BOB, CAT, DAY, GOLD, GUILD, MINUTE, SILVER, World, patron_of
from tests.waiting import until

AFTER_THE_LEASE = timedelta(seconds=40)


class Held:
    """A change of a role that is on its way to Discord for a long time."""

    def __init__(self, world: World) -> None:
        self.began = asyncio.Event()
        self._go = asyncio.Event()
        world.guilds.under_way = self._wait
        self._world = world

    async def _wait(self) -> None:
        # Only the first is held up; those of the other process pass it.
        self._world.guilds.under_way = None
        self.began.set()
        await self._go.wait()

    def arrives(self) -> None:
        self._go.set()


async def _works_until_held(world: World, engine: Engine) -> tuple[Held, "asyncio.Task[None]"]:
    held = Held(world)
    working = asyncio.create_task(engine.drain())
    await held.began.wait()
    # The process stands still: nobody keeps its claims alive.
    world.clock.move(AFTER_THE_LEASE)
    return held, working


async def test_grant_that_arrives_after_its_owner_unlinked_is_taken_back(world: World) -> None:
    world.patreon.pledge(patron_of(ANN))
    world.guilds.members[GUILD][ANN] = set()
    await world.stores_link(ANN)
    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.LINKED, world.clock())
    held, working = await _works_until_held(world, world.new_engine())

    other = world.new_engine()
    async with world.store.write() as t:
        await t.links.erase(ANN)
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.UNLINKED, world.clock())
    await other.drain()
    held.arrives()
    await working
    await other.drain()

    assert world.roles(ANN) == set()
    assert await world.ledger(ANN) == {}


async def test_revocation_that_arrives_after_a_new_pledge_is_put_right(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN, settle=False)
    held, working = await _works_until_held(world, world.new_engine())

    other = world.new_engine()
    world.patreon.pledge(patron_of(ANN))
    await world.hears(ANN, settle=False)
    await other.drain()
    held.arrives()
    await working
    await other.drain()

    assert world.roles(ANN) == {SILVER}


async def test_one_persons_nudges_are_worked_on_one_after_the_other(world: World) -> None:
    world.patreon.pledge(patron_of(ANN))
    world.guilds.members[GUILD][ANN] = set()
    await world.stores_link(ANN)
    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.LINKED, world.clock())
    held = Held(world)
    working = asyncio.create_task(world.new_engine().drain())
    await held.began.wait()

    await world.hears(ANN, settle=False)
    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.JOINED, world.clock())
    await world.new_engine().drain()
    assert world.guilds.changes == []
    held.arrives()
    await working

    assert [call[0] for call in world.guilds.changes] == ["grant"]


async def test_nudge_whose_end_could_not_be_stored_is_claimed_anew(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    async with running(world):
        await world.hears(ANN, settle=False)
        await until(lambda: world.roles(ANN) == {GOLD})
    async with world.store.write() as t:
        # As it is when the database went away at that moment: claimed by an engine that does not work on it.
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.AUDIT, world.clock())
        [left] = await t.nudges.claim("x", world.clock(), world.clock() + AFTER_THE_LEASE, 1, NudgeKind.USER)
    assert left.holder == "x"

    async with running(world):
        for _ in range(10):
            world.clock.move(timedelta(seconds=10))
            await asyncio.sleep(0.03)

    assert await world.pending() == 0


async def test_join_is_not_behind_the_webhooks_that_came_after_it(world: World) -> None:
    world.settings = replace(world.settings, people_at_once=1, single_reads=1000, list_spacing=DAY)
    world.engine = world.new_engine()
    users = [DiscordUserId(700 + number) for number in range(30)]
    world.patreon.pledge(patron_of(ANN))
    await world.links(ANN)
    for user in users:
        world.patreon.pledge(patron_of(user))
        world.guilds.members[GUILD][user] = set()
        await world.stores_link(user)
    world.guilds.members[GUILD][ANN] = set()
    await world.engine.members.joined(GUILD, ANN)
    world.clock.move(timedelta(seconds=1))
    await world.hears(*users, settle=False)
    world.forget_calls()

    await world.settle()

    assert world.guilds.changes[0][1] == ANN


async def test_what_creators_asked_for_is_not_behind_the_backlog_of_a_refresh(world: World) -> None:
    world.settings = replace(world.settings, people_at_once=1)
    world.engine = world.new_engine()
    await world.is_patron(ANN)
    users = [DiscordUserId(700 + number) for number in range(30)]
    for user in users:
        world.guilds.members[GUILD][user] = set()
        await world.stores_link(user)
        async with world.store.write() as t:
            await t.memberships.save(world.patreon.pledge(patron_of(user)), None)
            await t.presence.put(GUILD, user, present=True, seen_at=world.clock())
    async with world.store.write() as t:
        await t.nudges.add_many(NudgeKind.USER, map(str, users), Cause.REFRESH, world.clock())
        await t.manual.add(ManualGrant(GUILD, ANN, GOLD, "won a contest", CAT, world.clock()))
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.RULES, world.clock())
    world.forget_calls()

    await world.settle()

    assert world.guilds.changes[0][1] == ANN


async def test_those_who_wait_for_a_list_cost_one_list_and_few_looks(world: World) -> None:
    users = [DiscordUserId(2000 + number) for number in range(20)]
    await world.is_patron(*users)
    world.clock.move(10 * MINUTE)
    world.forget_calls()
    for user in users:
        world.patreon.pledge(patron_of(user), 1000, GOLD_TIER)

    await world.hears(*users)
    for _ in range(12):
        world.clock.move(timedelta(seconds=5))
        await world.settle()

    assert world.patreon.calls["list_page"] == 1
    assert world.patreon.calls["one"] <= 2
    assert all(GOLD in world.roles(user) for user in users)
    assert await world.pending() == 0
