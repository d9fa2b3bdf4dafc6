"""What happens to the roles of one person, from link to leaving, and what of it costs a request."""

from dataclasses import replace

import pytest

from bot.core.model import Cause, Charge, Origin, PatronStatus
from bot.errors import AccessDenied, NotThere, PatreonError, PatreonUnavailable, RequestRefused
from bot.store.records import NudgeKind
from bot.sync.reports import PatronSynced
from tests.sync.doubles import GOLD_TIER, SILVER_TIER
from tests.sync.world import ANN, BOB, DAY, GOLD, GUILD, HOUR, MINUTE, SILVER, World, patron_of


async def test_first_link_gives_the_role_and_tells_whoever_waits(world: World) -> None:
    await world.is_patron(ANN)

    assert world.roles(ANN) == {SILVER}
    [report] = world.heard(PatronSynced)
    assert (report.user, report.cause) == (ANN, Cause.LINKED)
    assert report.change.grant == {SILVER}
    assert world.guilds.reasons == ["account linked: tier Silver (paid, rule 1)"]


async def test_first_link_costs_one_read_of_the_patron(world: World) -> None:
    await world.is_patron(ANN)

    assert world.patreon.reads == 1


async def test_link_of_somebody_who_is_no_patron_gives_nothing_and_still_answers(world: World) -> None:
    world.guilds.members[GUILD][ANN] = set()

    await world.links(ANN)
    async with world.store.write() as t:
        await t.presence.put(GUILD, ANN, present=True, seen_at=world.clock())
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.LINKED, world.clock())
    await world.settle()

    assert world.roles(ANN) == set()
    assert world.heard(PatronSynced)[-1].change.grant == frozenset()


async def test_upgrade_changes_the_role_by_webhook_and_one_read(world: World) -> None:
    await world.is_patron(ANN)
    world.forget_calls()

    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    await world.hears(ANN)

    assert world.roles(ANN) == {GOLD}
    assert world.patreon.reads == 1
    assert [call[0] for call in world.guilds.changes] == ["grant", "revoke"]


async def test_second_webhook_of_a_change_that_was_read_meanwhile_costs_nothing(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    await world.hears(ANN)
    world.forget_calls()

    world.clock.move(MINUTE)
    await world.hears(ANN)

    assert world.patreon.calls == {}
    assert world.guilds.calls == []


async def test_webhook_grants_at_once_and_is_confirmed_when_patreon_can_be_asked(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    world.patreon.fault = PatreonUnavailable("down")
    world.clock.move(MINUTE)
    await world.hears(ANN)
    assert world.roles(ANN) == {SILVER, GOLD}

    world.patreon.fault = None
    world.clock.move(MINUTE)
    await world.settle()

    assert world.roles(ANN) == {GOLD}


@pytest.mark.parametrize("refusal", [NotThere("404"), AccessDenied("401"), RequestRefused("version 1 has no call for it")])
async def test_patron_is_asked_where_the_creators_pair_cannot_read_the_one_membership(
    world: World, refusal: PatreonError
) -> None:
    await world.is_patron(ANN)
    world.patreon.one_fault = refusal
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    world.forget_calls()

    await world.hears(ANN)

    assert world.roles(ANN) == {GOLD}
    assert (world.patreon.calls["one"], world.patreon.calls["own"]) == (1, 1)
    assert await world.pending() == 0


async def test_downgrade_changes_the_role(world: World) -> None:
    await world.is_patron(ANN, cents=1000, tier_id=GOLD_TIER)

    world.patreon.pledge(patron_of(ANN), 500, SILVER_TIER)
    await world.hears(ANN)

    assert world.roles(ANN) == {SILVER}


async def test_cancelled_pledge_takes_the_role_by_webhook_and_fetch(world: World) -> None:
    await world.is_patron(ANN)

    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN)

    assert world.roles(ANN) == set()
    assert await world.ledger(ANN) == {}


async def test_webhook_that_the_fetch_contradicts_takes_nothing(world: World) -> None:
    await world.is_patron(ANN)

    told = replace(
        world.patreon.webhook(patron_of(ANN)), status=PatronStatus.FORMER, amount_cents=0, tiers=frozenset(), tier_cents=None
    )
    await world.hears_reading(told)
    await world.settle()

    assert world.roles(ANN) == {SILVER}
    async with world.store.read() as t:
        assert await t.doubts.of_users(GUILD, [ANN]) == {}


async def test_declined_patron_keeps_the_role_through_the_grace_and_then_loses_it(world: World) -> None:
    await world.is_patron(ANN)

    world.patreon.decline(patron_of(ANN))
    await world.hears(ANN)
    await world.later(6 * DAY)
    assert world.roles(ANN) == {SILVER}

    await world.later(1 * DAY + HOUR)
    assert world.roles(ANN) == set()


async def test_declined_patron_who_pays_within_the_grace_keeps_the_role(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.decline(patron_of(ANN))
    await world.hears(ANN)
    await world.later(3 * DAY)

    world.patreon.pledge(patron_of(ANN))
    await world.hears(ANN)
    await world.later(10 * DAY)

    assert world.roles(ANN) == {SILVER}
    assert [call[0] for call in world.guilds.changes] == ["grant"]


async def test_end_of_grace_reads_the_patron_again_before_it_takes_the_role(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.decline(patron_of(ANN))
    await world.hears(ANN)
    world.clock.move(7 * DAY - HOUR)
    await world.settle()
    # Paid in the last hour, and no webhook came.
    world.patreon.pledge(patron_of(ANN), charge=Charge.PAID)
    world.forget_calls()

    world.clock.move(2 * HOUR)
    await world.settle()

    assert world.roles(ANN) == {SILVER}
    assert world.patreon.calls == {"one": 1}


async def test_end_of_grace_that_the_patron_let_pass_takes_the_role_with_one_read(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.decline(patron_of(ANN))
    await world.hears(ANN)
    world.clock.move(7 * DAY - HOUR)
    await world.settle()
    world.forget_calls()

    world.clock.move(2 * HOUR)
    await world.settle()

    assert world.roles(ANN) == set()
    assert world.patreon.calls == {"one": 1}


async def test_unlink_takes_our_roles_at_once_and_forgets_the_ledger(world: World) -> None:
    await world.is_patron(ANN)
    world.forget_calls()

    await world.unlinks(ANN)

    assert world.roles(ANN) == set()
    assert await world.ledger(ANN) == {}
    assert world.patreon.reads == 0
    assert world.guilds.reasons[-1] == "account unlinked: no longer tier Silver (not linked, rule 1)"


async def test_role_given_by_hand_before_linking_stays_when_the_pledge_ends(world: World) -> None:
    world.guilds.members[GUILD][ANN] = {SILVER}
    await world.is_patron(ANN)
    assert (await world.ledger(ANN))[SILVER].origin is Origin.FOUND

    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN)

    assert world.roles(ANN) == {SILVER}
    assert world.guilds.changes == []


async def test_role_given_by_hand_between_a_command_and_the_link_is_not_ours(world: World) -> None:
    world.guilds.members[GUILD][ANN] = set()
    await world.engine.members.seen(GUILD, ANN, frozenset())
    world.guilds.members[GUILD][ANN] = {SILVER}
    world.clock.move(HOUR)

    await world.is_patron(ANN)

    assert (await world.ledger(ANN))[SILVER].origin is Origin.FOUND


async def test_role_given_by_hand_before_linking_stays_when_they_unlink(world: World) -> None:
    world.guilds.members[GUILD][ANN] = {SILVER}
    await world.is_patron(ANN)

    await world.unlinks(ANN)

    assert world.roles(ANN) == {SILVER}


async def test_leaving_and_rejoining_brings_the_roles_back_without_asking_patreon(world: World) -> None:
    await world.is_patron(ANN)
    await world.leaves(ANN)
    world.forget_calls()

    await world.joins(ANN)

    assert world.roles(ANN) == {SILVER}
    assert world.patreon.reads == 0
    assert world.guilds.looks == []


async def test_rejoining_when_nobody_told_of_the_leaving_brings_the_roles_back(world: World) -> None:
    await world.is_patron(ANN)
    del world.guilds.members[GUILD][ANN]

    await world.joins(ANN)

    assert world.roles(ANN) == {SILVER}


async def test_linking_before_joining_gives_the_role_at_the_join(world: World) -> None:
    world.patreon.pledge(patron_of(ANN))
    await world.links(ANN)
    world.forget_calls()

    await world.joins(ANN)

    assert world.roles(ANN) == {SILVER}
    assert world.patreon.reads == 0


async def test_somebody_who_left_is_not_asked_for_at_discord(world: World) -> None:
    await world.is_patron(ANN)
    await world.leaves(ANN)
    world.forget_calls()

    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    await world.hears(ANN)
    await world.refreshes()

    assert world.guilds.calls == []


async def test_same_webhook_ten_times_is_one_piece_of_work(world: World) -> None:
    await world.is_patron(ANN)
    world.forget_calls()
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)

    await world.hears(*[ANN] * 10)

    assert world.roles(ANN) == {GOLD}
    assert world.patreon.reads == 1
    assert len(world.guilds.changes) == 2


async def test_webhook_for_somebody_who_is_not_linked_any_more_costs_no_request(world: World) -> None:
    await world.is_patron(BOB)
    await world.hears(BOB, settle=False)
    world.forget_calls()

    await world.unlinks(BOB)

    assert world.patreon.reads == 0
    assert [call[0] for call in world.guilds.calls] == ["revoke"]
    assert await world.pending() == 0


async def test_webhook_older_than_what_is_known_changes_nothing(world: World) -> None:
    async with world.store.write() as t:
        serial = await t.serials.take()
    await world.is_patron(ANN)
    stale = world.patreon.webhook(patron_of(ANN))
    stale = replace(stale, status=PatronStatus.FORMER, amount_cents=0, tiers=frozenset())

    await world.hears_reading(stale, serial)
    await world.settle()

    async with world.store.read() as t:
        known = await t.memberships.load(patron_of(ANN), stale.campaign)
    assert known is not None
    assert known.status is PatronStatus.ACTIVE
    assert world.roles(ANN) == {SILVER}


async def test_restart_with_nothing_changed_makes_no_call(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.forget_calls()

    world.engine = world.new_engine()
    world.clock.move(MINUTE)
    await world.settle()

    assert world.patreon.calls == {}
    assert world.guilds.calls == []


async def test_refresh_button_reads_the_patron_anew_and_answers(world: World) -> None:
    await world.is_patron(ANN)
    world.forget_calls()

    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock())
    await world.settle()

    assert world.patreon.reads == 1
    assert [report.cause for report in world.heard(PatronSynced)] == [Cause.MANUAL]
