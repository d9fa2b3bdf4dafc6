"""The engine as a process: it wakes, polls, keeps its leases, stops in time, and never dies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

from bot.core.model import Cause, DiscordUserId
from bot.store.records import NudgeKind
from bot.sync import Engine
from tests.sync.doubles import GOLD_TIER
from tests.sync.world import ANN, GOLD, GUILD, SILVER, World, patron_of
from tests.waiting import until


def short_sleep(_: float) -> Awaitable[None]:
    """Wait for a turn of the loop or two instead of a second."""
    return asyncio.sleep(0.01)


@asynccontextmanager
async def running(world: World, engine: Engine | None = None) -> AsyncIterator[Engine]:
    """Run an engine while the block runs."""
    made = engine or Engine(
        world.store, world.patreon, world.guilds, now=world.clock, sleep=short_sleep, settings=world.settings
    )
    stop = asyncio.Event()
    task = asyncio.create_task(made.run(stop))
    try:
        yield made
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


async def test_row_written_by_another_process_is_found_by_the_poll(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)

    async with running(world):
        await world.hears(ANN, settle=False)
        await until(lambda: world.roles(ANN) == {GOLD})


async def test_wake_is_enough_where_nobody_polls(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)

    async def for_ever(_: float) -> None:
        await asyncio.Event().wait()

    engine = Engine(world.store, world.patreon, world.guilds, now=world.clock, sleep=for_ever, settings=world.settings)
    async with running(world, engine):
        await asyncio.sleep(0.02)
        await world.hears(ANN, settle=False)
        engine.wake()
        await until(lambda: world.roles(ANN) == {GOLD})


async def test_two_engines_share_the_work_and_do_none_of_it_twice(world: World) -> None:
    users = [DiscordUserId(500 + number) for number in range(30)]
    for user in users:
        world.guilds.members[GUILD][user] = set()
        world.patreon.pledge(patron_of(user))
        await world.stores_link(user)

    async with running(world), running(world):
        async with world.store.write() as t:
            await t.nudges.add_many(NudgeKind.USER, map(str, users), Cause.LINKED, world.clock())
        await until(lambda: all(SILVER in world.roles(user) for user in users))

    assert len(world.guilds.changes) == len(users)


async def test_stop_finishes_what_is_in_hand_and_leaves_the_rest(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    stop = asyncio.Event()
    # The stop comes in the middle: between the grant and the revocation of one person.
    world.guilds.after_call = stop.set
    engine = Engine(world.store, world.patreon, world.guilds, now=world.clock, sleep=short_sleep, settings=world.settings)
    await world.hears(ANN, settle=False)

    await asyncio.wait_for(engine.run(stop), 30)

    async with world.store.read() as t:
        left = await t.nudges.load(NudgeKind.USER, str(ANN))
    assert GOLD in world.roles(ANN)
    assert left is None or left.holder is None
