"""The brake over many people, processes and answers: what counts, what a question covers, and when it settles itself."""

import asyncio

from bot.core.model import Cause, DiscordUserId, ManualGrant, RoleId
from bot.store.records import NudgeKind
from bot.sync.reports import BrakeHeld
from tests.sync.doubles import GOLD_TIER, SILVER_TIER
from tests.sync.world import CAT, DAY, GOLD, GUILD, MINUTE, SILVER, World, patron_of
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


async def test_one_patron_who_moves_between_tiers_all_day_trips_no_brake(world: World) -> None:
    await world.is_patron(*CROWD)

    for step in range(8):
        world.patreon.pledge(patron_of(CROWD[0]), *((1000, GOLD_TIER) if step % 2 else (500, SILVER_TIER)))
        await world.hears(CROWD[0])
        world.clock.move(MINUTE)
        await world.refreshes()

    assert world.heard(BrakeHeld) == []
    assert world.roles(CROWD[0]) == {GOLD}


async def test_many_who_move_to_another_tier_at_once_are_not_held_and_those_who_lose_are(world: World) -> None:
    await world.is_patron(*CROWD)
    for user in CROWD[:10]:
        world.patreon.pledge(patron_of(user), 1000, GOLD_TIER)
    for user in CROWD[10:]:
        world.patreon.cancel(patron_of(user))

    await world.refreshes()
    await world.refreshes()

    assert all(world.roles(user) == {GOLD} for user in CROWD[:10])
    assert all(world.roles(user) == {SILVER} for user in CROWD[10:])
    assert world.heard(BrakeHeld)[-1].held == 10


async def test_somebody_who_loses_several_roles_counts_once(world: World) -> None:
    extra = [RoleId(20 + number) for number in range(6)]
    async with world.store.write() as t:
        silver = (await t.rules.of_guild(GUILD))[0]
        for role in extra:
            await t.rules.add(GUILD, silver.campaign, role, silver.condition)
    await world.changes_rules()
    await world.is_patron(CROWD[0])
    assert world.roles(CROWD[0]) == {SILVER, *extra}

    await _loses_one_by_one(world, CROWD[0])

    assert world.roles(CROWD[0]) == set()
    assert world.heard(BrakeHeld) == []


async def test_roles_given_by_hand_that_end_together_are_not_held(world: World) -> None:
    end = world.clock() + DAY
    for user in CROWD:
        world.guilds.members[GUILD][user] = set()
        async with world.store.write() as t:
            await t.presence.put(GUILD, user, present=True, seen_at=world.clock())
            await t.manual.add(ManualGrant(GUILD, user, GOLD, "a guest", CAT, world.clock(), end))
            await t.nudges.add(NudgeKind.USER, str(user), Cause.MANUAL, world.clock())
    await world.settle()
    await world.stores_link(CROWD[0])
    assert all(world.roles(user) == {GOLD} for user in CROWD)

    await world.later(2 * DAY)

    assert not any(world.roles(user) for user in CROWD)
    assert world.heard(BrakeHeld) == []
    assert {reason.partition(": ")[2] for reason in world.guilds.reasons[-len(CROWD) :]} == {
        "the grant by hand through the bot ended"
    }


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
