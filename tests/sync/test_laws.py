"""The laws that keep roles safe: failed and strange answers, two readings, the brake, what is not ours."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import (
    Block,
    Cause,
    DiscordUserId,
    ManualGrant,
    Origin,
    PatronStatus,
    Policy,
    RoleId,
)
from bot.errors import AccessDenied, IncompleteList, PatreonUnavailable, RateLimited, UnexpectedAnswer
from bot.store.records import NudgeKind
from bot.sync.reports import (
    BrakeHeld,
    BrakeReleased,
    CreatorTokenFailing,
    LinkBroken,
    NudgeStuck,
    PatreonBack,
    PatreonGone,
    PatronSynced,
    RefreshEnded,
    RoleIsBlocked,
)
from bot.texts.syncs import PATREON_ASKS_TO_WAIT
from tests.sync.doubles import CAMPAIGN, GOLD_TIER, REVOKED
from tests.sync.world import ANN, BOB, CAT, DAY, GOLD, GUILD, HOUR, MINUTE, SILVER, World, patron_of

CROWD = tuple(DiscordUserId(1000 + number) for number in range(20))


# --- a failed, partial or strange answer changes no role


@pytest.mark.parametrize(
    "fault", [PatreonUnavailable("down"), UnexpectedAnswer("odd"), IncompleteList("cut"), AccessDenied("no")]
)
async def test_refresh_that_fails_changes_no_role(world: World, fault: Exception) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))

    world.patreon.fault = fault
    for _ in range(3):
        await world.refreshes()

    assert world.roles(ANN) == {SILVER}
    assert world.heard(RefreshEnded)[0].report.error == type(fault).__name__


async def test_list_that_breaks_before_its_last_page_counts_for_nothing(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))
    world.patreon.page_size = 1
    world.patreon.fault, world.patreon.break_after_pages = PatreonUnavailable("cut"), 1

    for _ in range(3):
        await world.refreshes()

    assert (world.roles(ANN), world.roles(BOB)) == ({SILVER}, {SILVER})
    async with world.store.read() as t:
        assert await t.doubts.users(GUILD) == []
        known = await t.memberships.load(patron_of(ANN), CAMPAIGN)
        assert known is not None
        assert known.status is PatronStatus.ACTIVE


async def test_row_that_cannot_be_read_takes_nothing_from_its_patron(world: World) -> None:
    await world.is_patron(ANN, BOB)
    await world.refreshes()
    bobs = world.patreon.memberships[patron_of(BOB)].membership
    assert bobs is not None

    world.patreon.unreadable = frozenset({patron_of(ANN), bobs})
    for _ in range(3):
        await world.refreshes()

    assert (world.roles(ANN), world.roles(BOB)) == ({SILVER}, {SILVER})
    async with world.store.read() as t:
        stored = await t.memberships.load_many([patron_of(ANN), patron_of(BOB)])
    assert [each[CAMPAIGN].status for each in stored.values()] == [PatronStatus.ACTIVE, PatronStatus.ACTIVE]


async def test_empty_list_where_it_was_full_before_changes_no_role(world: World) -> None:
    await world.is_patron(*CROWD)
    await world.refreshes()

    world.patreon.memberships.clear()
    for _ in range(3):
        await world.refreshes()

    assert all(world.roles(user) == {SILVER} for user in CROWD)
    assert len(world.heard(PatreonGone)) == 1


async def test_list_that_blanks_every_tier_changes_no_role(world: World) -> None:
    await world.is_patron(*CROWD)
    await world.refreshes()

    for patron, told in world.patreon.memberships.items():
        blank = replace(told, tiers=frozenset(), tier_cents=None, amount_cents=0, status=PatronStatus.FORMER)
        world.patreon.memberships[patron] = blank
    for _ in range(3):
        await world.refreshes()

    assert all(world.roles(user) == {SILVER} for user in CROWD)


async def test_list_that_stays_small_for_a_day_is_believed_and_still_braked(world: World) -> None:
    await world.is_patron(*CROWD)
    await world.refreshes()

    for user in CROWD:
        world.patreon.cancel(patron_of(user))
    await world.later(3 * DAY)

    assert len(world.heard(PatreonGone)) == len(world.heard(PatreonBack)) == 1
    assert all(world.roles(user) == {SILVER} for user in CROWD)
    assert world.heard(BrakeHeld)[-1].held == len(CROWD)


async def test_a_long_wait_that_patreon_asks_for_is_told_like_any_other_silence(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.fault = RateLimited(HOUR)

    await world.refreshes()
    assert [told.why for told in world.heard(PatreonGone)] == [PATREON_ASKS_TO_WAIT]
    await world.later(5 * HOUR)
    world.patreon.fault = None
    await world.later(DAY)

    assert len(world.heard(PatreonGone)) == len(world.heard(PatreonBack)) == 1
    assert world.roles(ANN) == {SILVER}


async def test_a_short_wait_that_patreon_asks_for_is_nobody_s_business(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.fault = RateLimited(MINUTE)
    await world.refreshes()
    world.patreon.fault = None
    await world.later(HOUR)

    assert world.heard(PatreonGone) == []


async def test_patreon_gone_is_told_once_and_so_is_its_return(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.fault = PatreonUnavailable("down")

    await world.refreshes()
    await world.later(DAY)
    assert len(world.heard(PatreonGone)) == 1
    world.patreon.fault = None
    await world.later(DAY)

    assert len(world.heard(PatreonGone)) == len(world.heard(PatreonBack)) == 1
    assert world.roles(ANN) == {SILVER}


async def test_grace_that_ends_while_patreon_is_down_takes_nothing(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.decline(patron_of(ANN))
    await world.hears(ANN)

    world.patreon.fault = PatreonUnavailable("down")
    await world.later(9 * DAY)

    assert world.roles(ANN) == {SILVER}


async def test_webhook_that_grants_is_followed_while_patreon_is_down(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)

    world.patreon.fault = PatreonUnavailable("down")
    await world.hears(ANN)

    assert world.roles(ANN) == {SILVER, GOLD}
    assert await world.pending() == 1


# --- two agreeing readings


async def test_loss_that_a_list_shows_is_carried_out_by_the_next_list(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))

    await world.refreshes()
    assert world.roles(ANN) == {SILVER}
    world.forget_calls()
    await world.refreshes()

    assert world.roles(ANN) == set()
    assert world.patreon.reads == 1


async def test_last_patron_of_a_tier_loses_the_role(world: World) -> None:
    await world.is_patron(ANN)
    await world.refreshes()

    del world.patreon.memberships[patron_of(ANN)]
    await world.refreshes()
    await world.refreshes()
    # v1 drops a cancelled pledge at once, while the month is still paid for.
    assert world.roles(ANN) == {SILVER}

    await world.later(40 * DAY)
    assert world.roles(ANN) == set()


async def test_loss_that_the_next_list_takes_back_is_forgotten(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))
    await world.refreshes()
    world.patreon.pledge(patron_of(ANN))
    await world.refreshes()
    world.patreon.cancel(patron_of(ANN))

    await world.refreshes()

    assert world.roles(ANN) == {SILVER}


async def test_sync_now_that_leaves_doubts_is_confirmed_minutes_later(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))

    await world.refreshes(Cause.MANUAL)
    assert world.roles(ANN) == {SILVER}
    world.clock.move(6 * MINUTE)
    await world.settle()

    assert world.roles(ANN) == set()


async def test_webhook_and_list_agree(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))
    world.patreon.one_fault = PatreonUnavailable("down")
    await world.hears(ANN)
    assert world.roles(ANN) == {SILVER}

    await world.refreshes()

    assert world.roles(ANN) == set()


# --- the brake


async def test_run_that_would_take_many_roles_grants_holds_and_asks(world: World) -> None:
    await world.is_patron(*CROWD)
    for user in CROWD[:9]:
        world.patreon.cancel(patron_of(user))
    await world.refreshes()
    world.patreon.pledge(patron_of(CROWD[19]), 1000, GOLD_TIER)

    await world.refreshes()

    assert all(world.roles(user) == {SILVER} for user in CROWD[:9])
    assert GOLD in world.roles(CROWD[19])
    [held] = world.heard(BrakeHeld)
    assert held.held == 9


async def test_held_revocations_are_asked_about_once(world: World) -> None:
    await _held(world)

    await world.refreshes()
    await world.refreshes()

    assert len(world.heard(BrakeHeld)) == 1


async def test_approved_revocations_are_carried_out(world: World) -> None:
    held = await _held(world)

    assert await world.engine.decide(GUILD, held.run, CAT, approved=True)
    await world.later(5 * MINUTE)

    assert all(world.roles(user) == set() for user in CROWD[:9])
    async with world.store.read() as t:
        assert await t.holds.waiting(GUILD) == []
        assert await t.holds.load(GUILD, held.run) is None


async def test_what_a_change_of_settings_takes_is_read_again_braked_and_goes_when_approved(world: World) -> None:
    await world.is_patron(*CROWD)
    for user in CROWD[:9]:
        world.patreon.memberships[patron_of(user)] = replace(world.patreon.memberships[patron_of(user)], gifted=True)
    await world.refreshes()
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, Policy(), Policy(count_gifts=False))
    world.forget_calls()

    await world.changes_rules()
    [held] = world.heard(BrakeHeld)
    assert world.patreon.calls == {"list_page": 1}
    assert all(world.roles(user) == {SILVER} for user in CROWD[:9])

    assert await world.engine.decide(GUILD, held.run, CAT, approved=True)
    await world.settle()

    assert all(world.roles(user) == set() for user in CROWD[:9])
    assert len(world.heard(BrakeHeld)) == 1


async def test_refused_revocations_stay_refused(world: World) -> None:
    held = await _held(world)

    assert await world.engine.decide(GUILD, held.run, CAT, approved=False)
    await world.refreshes()
    await world.refreshes()

    assert all(world.roles(user) == {SILVER} for user in CROWD[:9])
    assert len(world.heard(BrakeHeld)) == 1


async def test_second_answer_does_not_count(world: World) -> None:
    held = await _held(world)
    await world.engine.decide(GUILD, held.run, CAT, approved=False)

    assert not await world.engine.decide(GUILD, held.run, BOB, approved=True)


async def test_held_revocations_that_are_no_longer_due_vanish(world: World) -> None:
    held = await _held(world)

    for user in CROWD[:9]:
        world.patreon.pledge(patron_of(user))
    await world.refreshes()

    assert world.heard(BrakeReleased) == [BrakeReleased(GUILD, held.run)]
    async with world.store.read() as t:
        assert await t.holds.load(GUILD, held.run) is None


async def test_losses_that_come_one_webhook_at_a_time_are_braked_too(world: World) -> None:
    await world.is_patron(*CROWD)

    for user in CROWD:
        world.patreon.cancel(patron_of(user))
        await world.hears(user)
        await world.later(timedelta(seconds=90))

    lost = [user for user in CROWD if world.roles(user) == set()]
    assert len(lost) == 5
    questions = world.heard(BrakeHeld)
    assert len({question.run for question in questions}) == 1
    assert [question.held for question in questions] == list(range(1, len(CROWD) - 4))


async def test_losses_at_the_same_moment_do_not_slip_past_the_brake(world: World) -> None:
    await world.is_patron(*CROWD)
    for user in CROWD:
        world.patreon.cancel(patron_of(user))

    await world.hears(*CROWD)
    await world.later(5 * MINUTE)

    assert len([user for user in CROWD if world.roles(user) == set()]) <= 5


async def test_what_people_gave_up_themselves_is_never_held(world: World) -> None:
    await world.is_patron(*CROWD)

    for user in CROWD[:9]:
        await world.unlinks(user)

    assert all(world.roles(user) == set() for user in CROWD[:9])


async def _held(world: World) -> BrakeHeld:
    await world.is_patron(*CROWD)
    for user in CROWD[:9]:
        world.patreon.cancel(patron_of(user))
    await world.refreshes()
    await world.refreshes()
    return world.heard(BrakeHeld)[-1]


# --- only what the rules name, only what is ours


async def test_roles_that_no_rule_names_are_never_touched(world: World) -> None:
    other = RoleId(99)
    world.guilds.members[GUILD][ANN] = {other}
    await world.is_patron(ANN)

    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN)
    await world.unlinks(ANN)

    assert world.roles(ANN) == {other}
    assert {call[2] for call in world.guilds.changes} == {SILVER}


async def test_members_who_are_not_linked_are_never_touched(world: World) -> None:
    world.guilds.members[GUILD][BOB] = {SILVER, GOLD}

    await world.audits()
    await world.refreshes()

    assert world.roles(BOB) == {SILVER, GOLD}
    assert await world.ledger(BOB) == {}


async def test_no_role_moves_before_the_first_audit(bare: World) -> None:
    bare.guilds.away.add(GUILD)
    await bare.set_up()
    bare.patreon.pledge(patron_of(ANN))
    bare.guilds.members[GUILD][ANN] = {SILVER}
    await bare.links(ANN)
    assert bare.guilds.calls == []

    bare.guilds.away.clear()
    bare.clock.move(MINUTE)
    await bare.settle()

    assert (await bare.ledger(ANN))[SILVER].origin is Origin.FOUND
    assert bare.guilds.changes == []


async def test_no_role_moves_while_the_first_audit_fails(bare: World) -> None:
    bare.guilds.hidden = True
    await bare.set_up()
    await bare.is_patron(ANN)
    bare.guilds.members[GUILD][BOB] = {SILVER}
    await bare.is_patron(BOB)
    assert bare.guilds.changes == []

    bare.guilds.hidden = False
    await bare.later(HOUR)

    assert bare.roles(ANN) == {SILVER}
    assert (await bare.ledger(BOB))[SILVER].origin is Origin.FOUND


async def test_shadow_mode_tells_and_does_nothing(bare: World) -> None:
    await bare.set_up(policy=Policy(shadow=True))
    await bare.is_patron(ANN)

    assert bare.guilds.changes == []
    assert bare.roles(ANN) == set()
    report = bare.heard(PatronSynced)[-1]
    assert report.shadow
    assert report.change.grant == {SILVER}


async def test_paused_guild_is_left_alone_and_caught_up_later(bare: World) -> None:
    await bare.set_up(policy=Policy(paused=True))
    await bare.is_patron(ANN)
    assert bare.guilds.changes == []

    async with bare.store.write() as t:
        await t.guilds.choose(GUILD, Policy(paused=True), Policy())
    await bare.changes_rules()

    assert bare.roles(ANN) == {SILVER}


# --- blocked roles


async def test_blocked_role_is_told_once_and_not_tried(world: World) -> None:
    world.guilds.blocks[SILVER] = Block.RANK

    await world.is_patron(ANN, BOB)
    world.engine = world.new_engine()
    await world.refreshes()

    assert world.guilds.changes == []
    assert world.heard(RoleIsBlocked) == [RoleIsBlocked(GUILD, SILVER, Block.RANK)]


async def test_blocked_role_is_given_when_the_rank_changes(world: World) -> None:
    world.guilds.blocks[SILVER] = Block.RANK
    await world.is_patron(ANN, BOB)

    del world.guilds.blocks[SILVER]
    await world.engine.members.roles_changed(GUILD)
    await world.settle()

    assert world.roles(ANN) == world.roles(BOB) == {SILVER}


async def test_refusal_nobody_could_foresee_is_told_and_leaves_no_trace(world: World) -> None:
    world.guilds.refused.add(SILVER)

    await world.is_patron(ANN)

    assert world.heard(RoleIsBlocked) == [RoleIsBlocked(GUILD, SILVER, Block.REFUSED)]
    assert await world.ledger(ANN) == {}
    assert await world.pending() == 0


# --- the refresh never dies, nothing is lost


async def test_discord_that_goes_away_is_tried_again_and_nothing_is_lost(world: World) -> None:
    world.guilds.fail_after = 0
    await world.is_patron(ANN)
    assert world.roles(ANN) == set()
    assert await world.pending() == 1

    world.guilds.fail_after = None
    await world.later(MINUTE)

    assert world.roles(ANN) == {SILVER}
    assert await world.pending() == 0


async def test_failure_comes_back_at_growing_intervals_and_in_the_end_is_told(world: World) -> None:
    world.guilds.fail_after = 0
    await world.is_patron(ANN)

    for _ in range(20):
        world.clock.move(timedelta(seconds=5))
        await world.settle()

    assert await world.pending() == 1
    assert [(stuck.kind, stuck.attempts) for stuck in world.heard(NudgeStuck)] == [(NudgeKind.USER, 5)]


async def test_one_patron_who_cannot_be_read_does_not_keep_the_others_waiting(world: World) -> None:
    await world.is_patron(BOB)
    await world.stores_link(ANN)
    world.patreon.own_faults[patron_of(ANN)] = RuntimeError("nobody foresaw this")
    world.patreon.pledge(patron_of(BOB), 1000, GOLD_TIER)
    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock())

    await world.hears(BOB)

    assert world.roles(BOB) == {GOLD}
    assert await world.waits(NudgeKind.USER, ANN)


async def test_listener_that_fails_stops_nothing(world: World) -> None:
    async def broken(_: object) -> None:
        raise RuntimeError("a listener's own trouble")

    world.engine.listen(broken)

    await world.is_patron(ANN)

    assert world.roles(ANN) == {SILVER}


# --- tokens


async def test_pairs_that_end_soon_are_renewed_ahead(world: World) -> None:
    await world.is_patron(ANN)

    await world.later(28 * DAY)

    assert {str(owner) for owner in world.patreon.renewed} == {"creator", f"patron:{patron_of(ANN)}"}


async def test_creator_whose_pair_dies_is_told_once(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.renewal_fault = REVOKED

    await world.later(29 * DAY)

    assert [report.broken for report in world.heard(CreatorTokenFailing)] == [True]
    assert world.roles(ANN) == {SILVER}


async def test_without_a_creators_pair_each_patron_is_read_with_their_own(bare: World) -> None:
    await bare.set_up(creator=False)
    await bare.is_patron(ANN, BOB)
    bare.forget_calls()
    bare.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)

    await bare.later(DAY)

    assert GOLD in bare.roles(ANN)
    assert bare.patreon.calls["list_page"] == 0
    assert bare.patreon.calls["own"] >= 2


async def test_broken_link_keeps_the_role_through_the_grace_and_is_told_once(bare: World) -> None:
    await bare.set_up(creator=False)
    await bare.is_patron(ANN)
    bare.patreon.own_faults[patron_of(ANN)] = REVOKED

    await bare.later(6 * DAY)
    assert bare.roles(ANN) == {SILVER}
    assert [report.user for report in bare.heard(LinkBroken)] == [ANN]

    await bare.later(4 * DAY)
    assert bare.roles(ANN) == set()
    assert len(bare.heard(LinkBroken)) == 1


# --- roles given by hand


async def test_role_given_by_hand_through_the_bot_ends_at_its_time(world: World) -> None:
    world.guilds.members[GUILD][BOB] = set()
    async with world.store.write() as t:
        end = world.clock() + DAY
        await t.presence.put(GUILD, BOB, present=True, seen_at=world.clock())
        await t.manual.add(ManualGrant(GUILD, BOB, GOLD, "won a contest", CAT, world.clock(), end))
        await t.nudges.add(NudgeKind.USER, str(BOB), Cause.MANUAL, world.clock())
    await world.settle()
    assert world.roles(BOB) == {GOLD}

    await world.later(DAY + HOUR)

    assert world.roles(BOB) == set()
    async with world.store.read() as t:
        assert await t.manual.of(GUILD, BOB) == ()


async def test_role_given_by_hand_does_not_wait_for_patreon(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.fault = PatreonUnavailable("down")
    async with world.store.write() as t:
        await t.manual.add(ManualGrant(GUILD, ANN, GOLD, "won a contest", CAT, world.clock()))
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock())

    await world.settle()

    assert world.roles(ANN) == {SILVER, GOLD}


# --- rules


async def test_rule_that_goes_takes_its_role_with_it(world: World) -> None:
    await world.is_patron(ANN)
    rules = await world.rules()
    async with world.store.write() as t:
        await t.rules.remove(next(rule.rule for rule in rules if rule.role == SILVER))

    await world.changes_rules()

    assert world.roles(ANN) == set()


async def test_rule_that_is_made_gives_its_role_to_everybody_it_fits(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.guilds.members[GUILD][CAT] = {GOLD}
    extra = RoleId(13)
    async with world.store.write() as t:
        await t.rules.add(GUILD, CAMPAIGN, extra, (await t.rules.of_guild(GUILD))[0].condition)

    await world.changes_rules()

    assert world.roles(ANN) == world.roles(BOB) == {SILVER, extra}
    assert world.roles(CAT) == {GOLD}
