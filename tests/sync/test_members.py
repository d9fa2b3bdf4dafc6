"""Who is in a guild and has what there: joins nobody told of, audits that end early, roles given by others, lost guilds."""

from datetime import datetime, timedelta

from bot.core.model import Cause, Condition, ConditionKind, DiscordUserId, Grant, ManualGrant, Origin, Policy, RoleId
from bot.errors import GuildUnavailable
from bot.store.records import NudgeKind
from bot.sync.cases import audited_key
from bot.sync.reports import PatronSynced, RoleIsBlocked
from tests.sync.doubles import CAMPAIGN, GOLD_TIER, SILVER_TIER
from tests.sync.world import ANN, BOB, CAT, DAY, GOLD, GUILD, HOUR, MINUTE, SILVER, World, patron_of, tier

CROWD = tuple(DiscordUserId(1000 + number) for number in range(20))
EXTRA = RoleId(50)


async def test_whoever_joined_while_nobody_listened_gets_the_role_by_the_audit(world: World) -> None:
    world.patreon.pledge(patron_of(ANN))
    await world.links(ANN)
    world.guilds.members[GUILD][ANN] = set()
    world.clock.move(HOUR)

    await world.audits()

    assert world.roles(ANN) == {SILVER}


async def test_whoever_left_and_came_back_while_nobody_listened_gets_the_role_by_the_audit(world: World) -> None:
    await world.is_patron(ANN)
    await world.leaves(ANN)
    world.clock.move(HOUR)
    world.guilds.members[GUILD][ANN] = set()

    await world.audits()

    assert world.roles(ANN) == {SILVER}


async def test_what_an_audit_found_before_it_was_cut_off_is_put_right(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.clock.move(MINUTE)
    world.guilds.members[GUILD][ANN] = set()
    world.guilds.page_size = 1
    pages: list[int] = []

    async def the_second_fails() -> None:
        pages.append(1)
        if len(pages) == 2:
            raise GuildUnavailable("cut")

    world.guilds.after_page = the_second_fails
    await world.audits()

    assert world.roles(ANN) == {SILVER}


async def test_what_happens_during_the_first_audit_does_not_cost_a_second(bare: World) -> None:
    bare.guilds.members[GUILD] = {ANN: set(), BOB: set()}
    bare.patreon.pledge(patron_of(ANN))
    await bare.stores_link(ANN)

    async def somebody_is_settled() -> None:
        if not await bare.waits(NudgeKind.USER, ANN):
            async with bare.store.write() as t:
                await t.nudges.add(NudgeKind.USER, str(ANN), Cause.JOINED, bare.clock())
            await bare.new_engine().drain()

    bare.guilds.after_page = somebody_is_settled
    await bare.set_up()

    assert [call[0] for call in bare.guilds.looks] == ["page"]
    assert bare.roles(ANN) == {SILVER}


async def test_role_somebody_else_gave_after_a_return_is_not_ours(world: World) -> None:
    await world.is_patron(ANN)
    await world.leaves(ANN)
    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN)
    await world.joins(ANN)
    assert world.roles(ANN) == set()
    world.clock.move(HOUR)

    world.guilds.members[GUILD][ANN] = {SILVER}
    await world.audits()
    for _ in range(3):
        await world.refreshes()

    assert (await world.ledger(ANN))[SILVER].origin is Origin.FOUND
    assert world.roles(ANN) == {SILVER}


async def test_role_a_moderator_took_stays_taken_over_a_return_where_the_guild_wants_that(world: World) -> None:
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, Policy(), Policy(restore_drift=False))
    await world.is_patron(ANN)
    world.clock.move(MINUTE)
    world.guilds.members[GUILD][ANN] = set()
    await world.audits()
    assert world.roles(ANN) == set()

    await world.leaves(ANN)
    await world.joins(ANN)

    assert world.roles(ANN) == set()


async def test_somebody_without_a_link_leaves_no_trace_by_using_a_command(world: World) -> None:
    await world.engine.members.seen(GUILD, ANN, frozenset({SILVER}))

    assert await world.ledger(ANN) == {}
    async with world.store.read() as t:
        assert await t.presence.present(GUILD, ANN) is None


async def test_who_unlinks_leaves_no_trace_in_the_guild(world: World) -> None:
    await world.is_patron(ANN)

    await world.unlinks(ANN)

    assert await world.ledger(ANN) == {}
    async with world.store.read() as t:
        assert await t.presence.present(GUILD, ANN) is None


# --- roles by a creator's hand


async def _is_given(world: World, user: DiscordUserId, role: RoleId) -> None:
    async with world.store.write() as t:
        await t.presence.put(GUILD, user, present=True, seen_at=world.clock())
        await t.manual.add(ManualGrant(GUILD, user, role, "won a contest", CAT, world.clock()))
        await t.nudges.add(NudgeKind.USER, str(user), Cause.MANUAL, world.clock())
    await world.settle()


async def test_role_given_by_hand_is_there_also_in_a_guild_without_rules(bare: World) -> None:
    bare.guilds.members[GUILD][ANN] = set()

    await _is_given(bare, ANN, GOLD)

    assert bare.roles(ANN) == {GOLD}


async def test_role_whose_grant_ended_while_the_guild_was_away_goes_when_it_is_back(world: World) -> None:
    await world.is_patron(ANN)
    await _is_given(world, ANN, EXTRA)
    world.guilds.away.add(GUILD)
    async with world.store.write() as t:
        await t.manual.end(GUILD, ANN, EXTRA)
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock())
    await world.settle()

    world.guilds.away.clear()
    await world.later(MINUTE)

    assert world.roles(ANN) == {SILVER}


async def test_role_given_by_hand_whose_time_is_over_before_it_has_come_goes_again(world: World) -> None:
    async def hours_pass() -> None:
        world.guilds.under_way = None
        world.clock.move(2 * HOUR)

    world.guilds.members[GUILD][ANN] = set()
    world.guilds.under_way = hours_pass
    now = world.clock()
    async with world.store.write() as t:
        await t.manual.add(ManualGrant(GUILD, ANN, EXTRA, "a guest", CAT, now, now + HOUR))
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, now)

    await world.settle()

    assert [call[0] for call in world.guilds.changes] == ["grant", "revoke"]
    assert world.roles(ANN) == set()


async def test_sticky_role_given_by_hand_ends_with_the_grant(world: World) -> None:
    async with world.store.write() as t:
        gold = next(rule for rule in await t.rules.of_guild(GUILD) if rule.role == GOLD)
        await t.rules.add(GUILD, gold.campaign, GOLD, gold.condition, sticky=True)
    await world.is_patron(ANN)
    await _is_given(world, ANN, GOLD)
    assert world.roles(ANN) == {SILVER, GOLD}

    async with world.store.write() as t:
        await t.manual.end(GUILD, ANN, GOLD)
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock())
    await world.settle()
    await world.refreshes()

    assert world.roles(ANN) == {SILVER}


async def test_role_given_by_hand_while_nothing_moved_comes_afterwards_also_to_who_never_linked(world: World) -> None:
    world.guilds.members[GUILD][BOB] = set()
    await _sets(world, Policy(shadow=True))
    await _is_given(world, BOB, GOLD)
    assert world.roles(BOB) == set()

    await _sets(world, Policy())

    assert world.roles(BOB) == {GOLD}


async def _sets(world: World, policy: Policy) -> None:
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, (await t.guilds.load(GUILD)).policy, policy)
    await world.changes_rules()


# --- roles that are earned for good


async def _sticky(world: World, condition: Condition, *, role: RoleId = GOLD) -> int:
    """Make a sticky rule, as the command stores it, and let what follows be done."""
    async with world.store.write() as t:
        made = await t.rules.add(GUILD, CAMPAIGN, role, condition, sticky=True)
    await world.changes_rules()
    return made.rule


async def _earned(world: World, user: DiscordUserId) -> dict[int, datetime]:
    async with world.store.read() as t:
        return await t.earned.of_patron(patron_of(user))


async def _cancels(world: World, user: DiscordUserId) -> None:
    world.patreon.cancel(patron_of(user))
    await world.refreshes()
    await world.refreshes()


async def test_a_role_earned_by_its_own_rule_is_kept_for_good(world: World) -> None:
    sticky = await _sticky(world, Condition(ConditionKind.AMOUNT, 900))
    await world.is_patron(ANN, cents=900)
    earned_at = world.clock()

    await _cancels(world, ANN)
    await world.later(40 * DAY)

    assert world.roles(ANN) == {GOLD}
    assert await _earned(world, ANN) == {sticky: earned_at}


async def test_a_role_that_only_another_rule_gave_ends_though_a_sticky_rule_names_it(world: World) -> None:
    await _sticky(world, Condition(ConditionKind.AMOUNT, 900))
    await world.is_patron(ANN, cents=500, tier_id=GOLD_TIER)
    assert world.roles(ANN) == {GOLD}

    await _cancels(world, ANN)

    assert world.roles(ANN) == set()
    assert await _earned(world, ANN) == {}


async def test_who_has_the_role_already_earns_it_when_its_rule_is_made_sticky(world: World) -> None:
    await world.is_patron(ANN)
    sticky = await _sticky(world, tier(SILVER_TIER), role=SILVER)
    assert list(await _earned(world, ANN)) == [sticky]

    await _cancels(world, ANN)

    assert world.roles(ANN) == {SILVER}


async def test_what_was_earned_ends_with_the_rule(world: World) -> None:
    await world.is_patron(ANN)
    sticky = await _sticky(world, tier(SILVER_TIER), role=SILVER)
    async with world.store.write() as t:
        await t.rules.remove(sticky)
    assert await _earned(world, ANN) == {}
    await _sticky(world, tier(SILVER_TIER), role=SILVER)
    await world.unlinks(ANN)

    assert await _earned(world, ANN) == {}
    assert world.roles(ANN) == set()


# --- roles that were adopted


async def _adopts(world: World, user: DiscordUserId) -> None:
    world.guilds.members[GUILD].setdefault(user, {SILVER})
    async with world.store.write() as t:
        await t.ledger.put_many([Grant(GUILD, user, SILVER, Origin.ADOPTED, world.clock(), Cause.RULES)])
    await world.changes_rules()


async def test_adopted_role_stays_on_those_who_never_linked(world: World) -> None:
    await _adopts(world, BOB)
    await world.later(2 * DAY)
    await world.changes_rules()

    assert world.roles(BOB) == {SILVER}
    assert (await world.ledger(BOB))[SILVER].origin is Origin.ADOPTED


async def test_adopted_role_of_a_patron_becomes_ours_and_that_of_somebody_else_goes(world: World) -> None:
    await world.is_patron(ANN)
    await _adopts(world, BOB)
    await _adopts(world, CAT)
    world.patreon.pledge(patron_of(BOB))
    await world.links(BOB)
    await world.links(CAT)
    for _ in range(2):
        await world.refreshes()

    assert world.roles(BOB) == {SILVER}
    assert (await world.ledger(BOB))[SILVER].origin is Origin.OURS
    assert world.roles(CAT) == set()


# --- roles that may not be touched


async def test_role_that_discord_refused_is_not_tried_for_the_next_person(world: World) -> None:
    world.guilds.refused.add(SILVER)
    await world.is_patron(CROWD[0])
    await world.is_patron(*CROWD[1:])
    assert len(world.guilds.changes) == 1
    assert len(world.heard(RoleIsBlocked)) == 1

    world.guilds.refused.clear()
    await world.engine.members.roles_changed(GUILD)
    await world.settle()

    assert all(world.roles(user) == {SILVER} for user in CROWD)


async def test_role_that_discord_refused_is_tried_again_after_the_next_audit(world: World) -> None:
    world.guilds.refused.add(SILVER)
    await world.is_patron(ANN)
    world.guilds.refused.clear()

    await world.audits()

    assert world.roles(ANN) == {SILVER}


# --- a guild the bot was thrown out of


async def test_guild_the_bot_was_thrown_out_of_asks_for_nothing_and_keeps_nobody_waiting(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.guilds.away.add(GUILD)
    await world.engine.members.guild_left(GUILD)
    world.forget_calls()

    await world.unlinks(ANN)
    world.patreon.cancel(patron_of(BOB))
    await world.later(3 * DAY)

    assert await world.pending() == 0
    assert world.guilds.calls == []
    assert await world.ledger(ANN) == {}


async def test_guild_the_bot_came_back_to_is_put_right(world: World) -> None:
    await world.is_patron(ANN, BOB)
    await world.engine.members.guilds_are(set())
    world.patreon.pledge(patron_of(ANN), 1000, "gold")  # type: ignore[arg-type] # a NewType of str
    await world.refreshes()
    assert world.roles(ANN) == {SILVER}

    await world.engine.members.guilds_are({GUILD})
    await world.settle()
    await world.refreshes()

    assert world.roles(ANN) == {GOLD}


async def test_whoever_waits_in_a_paused_guild_is_told_that_it_is(world: World) -> None:
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, Policy(), Policy(paused=True))

    await world.is_patron(ANN)

    [report] = world.heard(PatronSynced)
    assert report.paused
    assert report.change.grant == {SILVER}
    assert world.roles(ANN) == set()


async def test_somebody_nobody_ever_saw_here_is_looked_at_when_the_guild_is_back(world: World) -> None:
    world.guilds.away.add(GUILD)
    world.guilds.members[GUILD][ANN] = set()
    world.patreon.pledge(patron_of(ANN))
    await world.links(ANN)
    await world.later(2 * MINUTE)
    world.forget_calls()
    world.guilds.away.clear()

    await world.later(3 * MINUTE)

    assert world.roles(ANN) == {SILVER}
    assert world.patreon.calls == {}


async def test_what_was_heard_while_a_guild_was_away_is_done_after_the_audit_that_was_due(world: World) -> None:
    await world.is_patron(ANN)
    world.guilds.away.add(GUILD)
    world.clock.move(25 * HOUR)
    await world.settle()
    world.patreon.pledge(patron_of(ANN), 1000, "gold")  # type: ignore[arg-type] # a NewType of str
    await world.hears(ANN)
    await world.refreshes()
    world.guilds.away.clear()

    await world.later(MINUTE)

    assert world.roles(ANN) == {GOLD}


async def test_guild_that_stays_away_is_asked_for_less_and_less(world: World) -> None:
    world.guilds.away.add(GUILD)
    world.patreon.pledge(patron_of(ANN))
    await world.links(ANN)

    waits = []
    for _ in range(12):
        async with world.store.read() as t:
            nudge = await t.nudges.load(NudgeKind.USER, str(ANN))
        assert nudge is not None
        assert nudge.attempts == 0
        waits.append(nudge.due_at - world.clock())
        world.clock.move(waits[-1])
        await world.settle()

    assert waits[0] == timedelta(seconds=5)
    assert waits == sorted(waits)
    assert waits[-1] == HOUR


async def test_link_in_the_last_moment_of_a_guilds_first_audit_is_not_missed(bare: World) -> None:
    """The other process has looked who linked meanwhile, and not yet written down that the audit is done."""
    bare.guilds.members[GUILD] = {ANN: set()}
    bare.patreon.pledge(patron_of(ANN))
    await bare.set_up_rules()
    now = bare.clock()
    async with bare.store.write() as t:
        await t.nudges.add(NudgeKind.GUILD, str(GUILD), Cause.RULES, now)
        [audit] = await t.nudges.claim("the other", now, now + MINUTE, 1, NudgeKind.GUILD)
    await bare.links(ANN)
    assert bare.roles(ANN) == set()
    async with bare.store.write() as t:
        await t.guilds.audited(GUILD, now)
        await t.facts.set(audited_key(GUILD), f"{SILVER} {GOLD}")
        await t.nudges.finish(audit)

    bare.clock.move(MINUTE)
    await bare.settle()

    assert bare.roles(ANN) == {SILVER}
