"""What is shown before it happens: explain, simulate, and the effect of a change of rules or settings."""

from dataclasses import replace

from bot.core.model import Cause, Condition, ConditionKind, DiscordUserId, Policy, Reason, RoleId, RoleRule
from bot.core.prospect import Effect, Move
from bot.store.records import LogAction
from bot.sync import Previews
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
