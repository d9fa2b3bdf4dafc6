"""The brake over many people, processes and answers: what counts, what a question covers, and when it settles itself."""

import asyncio

from bot.core.model import DiscordUserId
from bot.sync.reports import BrakeHeld
from tests.sync.world import CAT, DAY, GUILD, MINUTE, SILVER, World, patron_of
from tests.waiting import until

CROWD = tuple(DiscordUserId(1000 + number) for number in range(20))


def _lost(world: World) -> list[DiscordUserId]:
    return [user for user in CROWD if not world.roles(user)]


async def _loses_one_by_one(world: World, *users: DiscordUserId) -> None:
    for user in users:
        world.patreon.cancel(patron_of(user))
        await world.hears(user)
        world.clock.move(MINUTE)
        await world.settle()


async def test_answer_speaks_of_what_was_shown_and_the_rest_is_asked_anew(world: World) -> None:
    await world.is_patron(*CROWD)
    await _loses_one_by_one(world, *CROWD[:7])
    question = world.heard(BrakeHeld)[-1]
    assert (len(_lost(world)), question.held) == (5, 2)
    async with world.store.write() as t:
        await t.holds.asked(GUILD, question.run, 1, 2, world.clock())
    world.clock.move(MINUTE)
    await _loses_one_by_one(world, *CROWD[7:12])

    assert await world.engine.decide(GUILD, question.run, CAT, approved=True)
    await world.settle()

    assert len(_lost(world)) == 7
    rest = world.heard(BrakeHeld)[-1]
    assert rest.run != question.run
    assert rest.held == 5
    assert await world.engine.decide(GUILD, rest.run, CAT, approved=True)
    await world.settle()
    assert len(_lost(world)) == 12


async def test_answer_may_name_the_instant_at_which_the_list_was_shown(world: World) -> None:
    await world.is_patron(*CROWD)
    await _loses_one_by_one(world, *CROWD[:9])
    run = world.heard(BrakeHeld)[-1].run

    await world.engine.decide(GUILD, run, CAT, approved=True, seen_at=world.clock())
    await world.settle()

    assert len(_lost(world)) == 9


async def test_two_processes_do_not_take_twice_what_the_brake_lets_pass(world: World) -> None:
    await world.is_patron(*CROWD)
    for user in CROWD:
        world.patreon.cancel(patron_of(user))
    await world.hears(*CROWD, settle=False)
    gate, waiting = asyncio.Event(), []

    async def wait_for_both() -> None:
        waiting.append(1)
        await gate.wait()

    world.guilds.under_way = wait_for_both
    working = [asyncio.create_task(engine.drain()) for engine in (world.new_engine(), world.new_engine())]
    await until(lambda: len(waiting) >= 5)
    gate.set()
    await asyncio.gather(*working)

    assert len(_lost(world)) == 5


async def test_what_was_approved_and_what_people_gave_up_is_not_counted_against_the_next(world: World) -> None:
    await world.is_patron(*CROWD)
    for user in CROWD[:9]:
        world.patreon.cancel(patron_of(user))
    await world.refreshes()
    await world.refreshes()
    await world.engine.decide(GUILD, world.heard(BrakeHeld)[-1].run, CAT, approved=True)
    await world.settle()
    for user in CROWD[9:12]:
        await world.unlinks(user)
    world.forget_calls()

    await _loses_one_by_one(world, CROWD[12])

    assert world.heard(BrakeHeld) == []
    assert not world.roles(CROWD[12])


async def test_role_of_a_removed_rule_stays_held_whatever_a_webhook_says_meanwhile(world: World) -> None:
    await world.is_patron(*CROWD)
    await _loses_its_rule(world)
    [held] = world.heard(BrakeHeld)
    assert held.held == len(CROWD)

    world.patreon.pledge(patron_of(CROWD[0]), 700)
    await world.hears(CROWD[0])
    await world.engine.decide(GUILD, held.run, CAT, approved=True)
    await world.settle()

    assert len(_lost(world)) == len(CROWD)


async def test_question_about_people_who_left_settles_itself(world: World) -> None:
    await world.is_patron(*CROWD)
    await _loses_its_rule(world)

    for user in CROWD[:10]:
        await world.leaves(user)
    for user in CROWD[10:]:
        del world.guilds.members[GUILD][user]
    await world.later(2 * DAY)

    async with world.store.read() as t:
        assert await t.holds.count_waiting(GUILD) == 0


async def _loses_its_rule(world: World) -> None:
    async with world.store.write() as t:
        silver = next(rule for rule in await t.rules.of_guild(GUILD) if rule.role == SILVER)
        await t.rules.remove(silver.rule)
    await world.changes_rules()


async def test_failure_while_something_is_written_down_makes_the_brake_no_tighter(world: World) -> None:
    await world.is_patron(*CROWD)
    world.guilds.fail_after = len(world.guilds.changes)
    await _loses_one_by_one(world, *CROWD[:5])
    world.guilds.fail_after = None

    await world.later(20 * MINUTE)

    assert len(_lost(world)) == 5
    assert await world.pending() == 0
    assert world.heard(BrakeHeld) == []
