"""The gate before Discord: who waits, who goes first, and that no place is lost."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.core.model import Cause, DiscordUserId, GuildId
from bot.store.records import NudgeKind, is_urgent
from bot.sync.gate import Gate
from tests.sync.test_engine import running
from tests.sync.world import ANN, BOB, CAT, GUILD, SILVER, World, patron_of
from tests.waiting import until

BULK = [cause for cause in Cause if not is_urgent(cause)]
URGENT = [cause for cause in Cause if is_urgent(cause)]
OTHER = GuildId(2)


class Passage:
    """Somebody on the way through a gate, who stays in it until told to leave."""

    def __init__(self, gate: Gate, user: DiscordUserId, cause: Cause = Cause.REFRESH, guild: GuildId = GUILD) -> None:
        self.inside = False
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._pass(gate, user, cause, guild))

    async def _pass(self, gate: Gate, user: DiscordUserId, cause: Cause, guild: GuildId) -> None:
        async with gate.passing(guild, user, cause):
            self.inside = True
            await self._leave.wait()

    async def leave(self) -> None:
        self._leave.set()
        await self.task
        await turns()


async def turns() -> None:
    """Let every task go on as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize("cause", BULK)
async def test_bulk_work_waits_for_a_place_in_the_order_of_arrival(cause: Cause) -> None:
    gate = Gate(1)
    people = [Passage(gate, user, cause) for user in (ANN, BOB, CAT)]
    await turns()

    for place, person in enumerate(people):
        assert [each.inside for each in people] == [number <= place for number in range(3)]
        await person.leave()

    assert gate.waiting == set()


@pytest.mark.parametrize("cause", URGENT)
async def test_urgent_work_never_waits_and_takes_no_place(cause: Cause) -> None:
    gate = Gate(1)
    bulk, urgent = Passage(gate, ANN), Passage(gate, BOB, cause)
    await turns()
    assert (bulk.inside, urgent.inside) == (True, True)

    await urgent.leave()
    waiting = Passage(gate, CAT)
    await turns()
    assert not waiting.inside
    await bulk.leave()
    assert waiting.inside
    await waiting.leave()


async def test_a_busy_guild_keeps_no_other_waiting() -> None:
    gate = Gate(1)
    people = [Passage(gate, ANN), Passage(gate, BOB, guild=OTHER)]
    await turns()
    assert all(person.inside for person in people)
    for person in people:
        await person.leave()


async def test_who_is_hurried_passes_without_a_place_and_leaves_none_behind() -> None:
    gate = Gate(1)
    first, second, third = (Passage(gate, user) for user in (ANN, BOB, CAT))
    await turns()
    assert gate.waiting == {BOB, CAT}

    gate.hurry({CAT})
    await turns()
    assert (second.inside, third.inside) == (False, True)
    await third.leave()
    assert not second.inside
    await first.leave()
    assert second.inside
    await second.leave()


async def test_who_gives_up_waiting_takes_no_place_along() -> None:
    gate = Gate(1)
    async with gate.passing(GUILD, ANN, Cause.REFRESH):
        gone, late, last = (Passage(gate, user) for user in (BOB, CAT, DiscordUserId(4)))
        await turns()
        gone.task.cancel()
        await turns()
    # Its turn has come, and it has not noticed yet.
    late.task.cancel()
    await turns()

    assert (gone.inside, late.inside, last.inside) == (False, False, True)
    await last.leave()


@contextmanager
def first_calls_stand_still(world: World) -> Iterator[asyncio.Event]:
    """Let the first bulk calls of all places be under way until the event is set; later ones arrive at once."""
    goes_on, standing = asyncio.Event(), set[int]()

    async def travel() -> None:
        if len(standing) < world.settings.calls_at_once:
            standing.add(len(standing))
            await goes_on.wait()

    world.guilds.under_way = travel
    try:
        yield goes_on
    finally:
        goes_on.set()


async def test_who_links_while_their_bulk_work_waits_is_not_behind_the_others(world: World) -> None:
    users = [DiscordUserId(700 + number) for number in range(20)]
    for user in users:
        world.guilds.members[GUILD][user] = set()
        await world.stores_link(user)
        async with world.store.write() as t:
            await t.memberships.save(world.patreon.pledge(patron_of(user)), None)
            await t.presence.put(GUILD, user, present=True, seen_at=world.clock())
    with first_calls_stand_still(world) as goes_on:
        async with running(world) as engine:
            async with world.store.write() as t:
                await t.nudges.add_many(NudgeKind.USER, map(str, users), Cause.REFRESH, world.clock())
            await until(lambda: len(engine._gate.waiting) == len(users) - world.settings.calls_at_once)
            hurried = max(engine._gate.waiting)

            async with world.store.write() as t:
                await t.nudges.add(NudgeKind.USER, str(hurried), Cause.LINKED, world.clock())

            await until(lambda: world.roles(hurried) == {SILVER})
            assert [user for user in users if world.roles(user)] == [hurried]
            goes_on.set()
            await until(lambda: all(world.roles(user) == {SILVER} for user in users))
