"""What is shown before it happens: explain, simulate, and the effect of a change of rules or settings."""

from dataclasses import replace

import pytest

from bot.core.model import (
    Block,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    Policy,
    Reason,
    RoleId,
    RoleRule,
)
from bot.core.prospect import Effect, Held, Move
from bot.store.records import LogAction, NudgeKind
from bot.sync import Previews
from bot.sync.reports import BrakeHeld, PatronSynced
from tests.sync.doubles import CAMPAIGN, GOLD_TIER
from tests.sync.world import ANN, BOB, CAT, GOLD, GUILD, SILVER, World, patron_of

EXTRA = RoleId(13)
CROWD = tuple(DiscordUserId(1000 + number) for number in range(8))


def previews(world: World) -> Previews:
    return Previews(world.store, world.guilds, now=world.clock)


async def test_explain_gives_data_decision_ledger_and_log(world: World) -> None:
    await world.is_patron(ANN)

    found = await previews(world).explain(GUILD, ANN)

    assert found.decision.desired == {SILVER}
    assert found.decision.entitlements[CAMPAIGN].reason is Reason.PAID
    assert found.memberships[CAMPAIGN].amount_cents == 500
    assert found.ledger.keys() == {SILVER}
    assert [entry.action for entry in found.log] == [LogAction.GRANTED]


async def test_explain_answers_about_somebody_who_is_not_linked(world: World) -> None:
    found = await previews(world).explain(GUILD, BOB)

    assert found.link is None
    assert found.decision.desired == frozenset()


async def test_data_that_a_quiet_list_confirmed_is_as_old_as_that_list(world: World) -> None:
    await world.is_patron(ANN)
    await world.refreshes()
    before = (await previews(world).explain(GUILD, ANN)).memberships[CAMPAIGN].observed_at

    await world.refreshes()

    assert (await previews(world).explain(GUILD, ANN)).memberships[CAMPAIGN].observed_at > before


async def test_simulate_shows_the_outcome_for_somebody_who_is_no_patron_and_touches_nothing(world: World) -> None:
    imagined = replace(world.patreon.pledge(patron_of(CAT), 1000, GOLD_TIER))

    prospect = await previews(world).simulate(GUILD, CAT, imagined)

    assert prospect.gets == {GOLD}
    assert world.guilds.calls == []
    assert await world.pending() == 0


async def test_rule_change_counts_what_it_would_give(world: World) -> None:
    await world.is_patron(ANN, BOB)
    rule = RoleRule(99, GUILD, CAMPAIGN, EXTRA, Condition(ConditionKind.PAYING))

    effect = await previews(world).rule_change(GUILD, (*await world.rules(), rule), Policy())

    assert effect == Effect(gets=(Move(EXTRA, 2, (ANN, BOB)),))


async def test_rule_change_counts_what_it_would_take_and_the_same_happens(world: World) -> None:
    await world.is_patron(ANN, BOB)
    after = tuple(rule for rule in await world.rules() if rule.role != SILVER)

    effect = await previews(world).rule_change(GUILD, after, Policy())
    assert effect == Effect(loses=(Move(SILVER, 2, (ANN, BOB)),))

    async with world.store.write() as t:
        await t.rules.remove(next(rule.rule for rule in await t.rules.of_guild(GUILD) if rule.role == SILVER))
    await world.changes_rules()
    assert world.roles(ANN) == world.roles(BOB) == set()


async def test_rule_change_says_what_the_brake_would_hold(world: World) -> None:
    await world.is_patron(*CROWD)

    effect = await previews(world).rule_change(GUILD, (), Policy())

    assert effect == Effect(loses=(Move(SILVER, 8, CROWD),), holds=8)


async def test_rule_change_speaks_for_nobody_about_whom_a_reading_is_in_doubt(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))
    await world.refreshes(Cause.REFRESH)

    await world.changes_rules()

    assert world.roles(ANN) == {SILVER}


async def _sets(world: World, **changes: object) -> Policy:
    """Store settings without anybody looking at what follows."""
    async with world.store.write() as t:
        before = (await t.guilds.load(GUILD)).policy
        after = replace(before, **changes)  # type: ignore[arg-type] # fields of a policy
        await t.guilds.choose(GUILD, before, after)
    return after


async def test_what_shadow_mode_reports_leaves_out_what_the_staff_keep_and_what_is_out_of_reach(world: World) -> None:
    held = await _asked_about_everybody(world)
    await world.engine.decide(GUILD, held.run, CAT, approved=False)
    await world.settle()
    await _sets(world, shadow=True)
    world.guilds.blocks[GOLD] = Block.RANK
    world.patreon.pledge(patron_of(CROWD[0]), 1000, GOLD_TIER)
    world.forget_calls()

    await world.hears(CROWD[0])
    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(CROWD[0]), Cause.MANUAL, world.clock())
    await world.settle()

    report = world.heard(PatronSynced)[-1]
    assert not report.change
    assert (set(report.held), set(report.blocked)) == ({SILVER}, {GOLD})
    async with world.store.read() as t:
        assert LogAction.SHADOWED not in {entry.action for entry in await t.log.of(GUILD, CROWD[0])}


@pytest.mark.parametrize("still", [{"shadow": True}, {"paused": True}])
async def test_going_live_previews_all_that_follows_and_just_that_happens(world: World, still: dict[str, bool]) -> None:
    await world.is_patron(ANN)
    await _sets(world, **still)
    await world.is_patron(BOB)
    await world.is_patron(CAT, cents=1000, tier_id=GOLD_TIER)
    world.patreon.cancel(patron_of(ANN))
    await world.refreshes()

    effect = await previews(world).rule_change(GUILD, await world.rules(), Policy())

    gets = (Move(SILVER, 1, (BOB,)), Move(GOLD, 1, (CAT,)))
    assert effect == Effect(gets, loses=(Move(SILVER, 1, (ANN,)),))
    await _sets(world, **dict.fromkeys(still, False))
    await world.changes_rules()
    await world.refreshes()
    assert (world.roles(ANN), world.roles(BOB), world.roles(CAT)) == (set(), {SILVER}, {GOLD})
    assert await previews(world).outlook(GUILD) == Effect()


async def test_a_change_made_while_nothing_moves_previews_what_it_alone_would_do(world: World) -> None:
    await _sets(world, shadow=True)
    await world.is_patron(ANN, BOB)
    rule = RoleRule(99, GUILD, CAMPAIGN, EXTRA, Condition(ConditionKind.PAYING))

    effect = await previews(world).rule_change(GUILD, (*await world.rules(), rule), Policy(shadow=True))

    assert effect == Effect(gets=(Move(EXTRA, 2, (ANN, BOB)),), shadow=True)


async def _asked_about_everybody(world: World) -> BrakeHeld:
    """Let eight people lose their roles at once, which the brake holds."""
    await world.is_patron(*CROWD)
    for user in CROWD:
        world.patreon.pledge(patron_of(user), 300, None)
    await world.refreshes()
    await world.refreshes()
    [held] = world.heard(BrakeHeld)
    return held


async def test_what_the_brake_holds_is_not_announced_as_lost(world: World) -> None:
    await _asked_about_everybody(world)

    assert await previews(world).outlook(GUILD) == Effect(held=8)
    found = await previews(world).explain(GUILD, CROWD[0])
    assert found.prospect.held == {SILVER}
    assert not found.prospect.loses


async def test_what_the_staff_keep_is_never_announced_as_lost_again(world: World) -> None:
    held = await _asked_about_everybody(world)
    await world.engine.decide(GUILD, held.run, CAT, approved=False)
    await world.settle()
    await world.refreshes()

    assert await previews(world).outlook(GUILD) == Effect(kept=8)
    found = await previews(world).explain(GUILD, CROWD[0])
    assert found.prospect.kept == world.roles(CROWD[0]) == {SILVER}
    assert found.held == {SILVER: Held(approved=False, decided_by=CAT, decided_at=found.held[SILVER].decided_at)}


async def test_a_role_out_of_reach_is_announced_neither_as_given_nor_as_taken(world: World) -> None:
    world.guilds.blocks[SILVER] = Block.RANK
    await world.is_patron(ANN)

    assert await previews(world).outlook(GUILD) == Effect(blocked=frozenset({SILVER}))
    assert (await previews(world).explain(GUILD, ANN)).prospect.blocked == {SILVER}


async def test_of_many_people_the_first_are_named(world: World) -> None:
    many = tuple(DiscordUserId(2000 + number) for number in range(14))
    await world.is_patron(*many)
    rule = RoleRule(99, GUILD, CAMPAIGN, EXTRA, Condition(ConditionKind.PAYING))

    effect = await previews(world).rule_change(GUILD, (*await world.rules(), rule), Policy())

    assert effect.gets == (Move(EXTRA, 14, many[:10]),)
