"""What counts as a reading, and how many are needed: over lists, webhooks, single reads, outages, pauses and time."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import (
    Campaign,
    CampaignId,
    Cause,
    Charge,
    Condition,
    ConditionKind,
    DiscordUserId,
    GuildId,
    Membership,
    MembershipId,
    PatronStatus,
    Policy,
    Source,
)
from bot.core.months import month_end
from bot.core.readings import ended
from bot.errors import NotThere, PatreonUnavailable, RequestRefused
from bot.store.codec import digest
from bot.store.records import NudgeKind
from bot.sync.apply import Order
from bot.sync.brake import Brake
from bot.sync.carrier import Carrier
from bot.sync.cases import Word
from bot.sync.parts import Parts
from bot.sync.settle import Settler
from tests.sync.doubles import CAMPAIGN, GOLD_TIER, SILVER_TIER
from tests.sync.world import ANN, BOB, DAY, GOLD, GUILD, HOUR, MINUTE, SILVER, World, patron_of

CROWD = tuple(DiscordUserId(1000 + number) for number in range(20))
OTHER = CampaignId("200")


def _blank(membership: Membership) -> Membership:
    return replace(
        membership,
        status=PatronStatus.FORMER,
        charge=Charge.DELETED,
        amount_cents=0,
        tiers=frozenset(),
        tier_cents=None,
    )


# --- two readings


async def test_two_webhooks_about_one_event_take_nothing_while_patreon_cannot_be_asked(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.fault = PatreonUnavailable("down")

    for _ in range(2):
        world.clock.move(timedelta(seconds=1))
        await world.hears_reading(_blank(world.patreon.webhook(patron_of(ANN))))
        await world.settle()
    assert world.roles(ANN) == {SILVER}

    world.patreon.fault = None
    world.patreon.cancel(patron_of(ANN))
    await world.later(HOUR)
    assert world.roles(ANN) == set()


async def test_webhook_that_is_older_than_the_list_that_told_of_it_first_still_has_its_doubt_read(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.clock.move(MINUTE)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    await world.hears(ANN, settle=False)
    # A list is stored before anybody has looked at the webhook, as it is when a process dies in between.
    told = replace(world.patreon.memberships[patron_of(ANN)], observed_at=world.clock.move(MINUTE), source=Source.LIST)
    async with world.store.write() as t:
        told = replace(told, serial=await t.serials.take())
        await t.memberships.save(told, None, digest=digest(told))
        await t.campaigns.refreshed(CAMPAIGN, world.clock(), 2, serial=told.serial)

    await world.settle()

    assert world.roles(ANN) == {GOLD}


async def test_list_that_overtakes_a_stored_webhook_is_the_second_reading_of_the_two(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))
    async with world.store.write() as t:
        told = replace(world.patreon.webhook(patron_of(ANN)), serial=await t.serials.take())
        # Nobody could work on it for a while.
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.WEBHOOK, world.clock() + 2 * MINUTE, reading=told)
    await world.refreshes()
    assert world.roles(ANN) == {SILVER}
    reads = world.patreon.reads

    world.clock.move(2 * MINUTE)
    await world.settle()

    assert world.roles(ANN) == set()
    assert world.patreon.reads == reads


async def test_list_in_which_somebodys_row_cannot_be_read_is_no_second_reading_of_them(world: World) -> None:
    await world.is_patron(ANN, BOB)
    good = world.patreon.memberships[patron_of(ANN)]
    world.patreon.cancel(patron_of(ANN))
    await world.refreshes()

    world.patreon.memberships[patron_of(ANN)] = good
    world.patreon.unreadable = frozenset({patron_of(ANN)})
    await world.refreshes()
    assert world.roles(ANN) == {SILVER}

    world.patreon.cancel(patron_of(ANN))
    world.patreon.unreadable = frozenset({"mp101"})
    await world.refreshes()
    assert world.roles(ANN) == {SILVER}
    world.patreon.unreadable = frozenset()
    await world.refreshes()
    assert world.roles(ANN) == set()


async def test_reading_made_while_a_guild_was_paused_is_a_first_one_when_it_goes_on(world: World) -> None:
    await world.is_patron(ANN, BOB)
    await _sets(world, Policy(paused=True))
    world.patreon.cancel(patron_of(ANN))
    await world.refreshes()

    await _sets(world, Policy())
    assert world.roles(ANN) == {SILVER}

    await world.later(2 * MINUTE)
    assert world.roles(ANN) == set()


async def test_reading_that_was_taken_back_while_a_guild_was_paused_is_forgotten(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))
    await world.refreshes()
    await _sets(world, Policy(paused=True))
    world.patreon.pledge(patron_of(ANN))
    await world.refreshes()
    world.patreon.cancel(patron_of(ANN))
    await _sets(world, Policy())

    await world.refreshes()

    assert world.roles(ANN) == {SILVER}


async def test_rule_saved_after_the_end_of_a_grace_does_not_make_up_for_the_reading_it_waits_for(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.decline(patron_of(ANN))
    await world.hears(ANN)
    world.clock.move(7 * DAY - HOUR)
    await world.settle()
    # Paid in the last hour, and no webhook came.
    world.patreon.pledge(patron_of(ANN))
    world.clock.move(2 * HOUR)

    await world.changes_rules()

    assert world.roles(ANN) == {SILVER}


# --- a change of rules


async def _loses_silver_by_a_change(world: World) -> None:
    """Remove the rule that gave Ann her role, while another goes on giving it to others; all that needs no time is done."""
    async with world.store.write() as t:
        rule = await t.rules.add(GUILD, CAMPAIGN, SILVER, Condition(ConditionKind.PAYING))
    world.patreon.pledge(patron_of(ANN), 300, None)
    world.guilds.members[GUILD][ANN] = set()
    await world.links(ANN)
    assert world.roles(ANN) == {SILVER}
    await world.refreshes()
    world.forget_calls()
    async with world.store.write() as t:
        await t.rules.remove(rule.rule)
    await world.changes_rules()


async def test_change_of_rules_needs_one_list_which_is_read_at_once(world: World) -> None:
    await _loses_silver_by_a_change(world)

    assert world.roles(ANN) == set()
    assert world.patreon.reads == world.patreon.calls["list_page"] == 1


async def test_change_of_rules_without_a_list_to_read_needs_one_answer_about_each(bare: World) -> None:
    await bare.set_up(creator=False)
    await _loses_silver_by_a_change(bare)

    assert bare.roles(ANN) == set()
    assert bare.patreon.reads == bare.patreon.calls["own"] == 1


async def test_change_of_rules_takes_nothing_while_patreon_is_away(world: World) -> None:
    await world.is_patron(BOB)
    async with world.store.write() as t:
        await t.rules.add(GUILD, CAMPAIGN, SILVER, Condition(ConditionKind.AMOUNT, 700), worth_cents=700)
        await t.rules.remove((await t.rules.of_guild(GUILD))[0].rule)
    world.patreon.fault = PatreonUnavailable("down")
    await world.changes_rules()
    await world.later(HOUR)
    assert world.roles(BOB) == {SILVER}

    world.patreon.fault = None
    await world.later(HOUR)
    assert world.roles(BOB) == set()


async def test_change_of_rules_takes_nothing_that_the_list_read_for_it_gives_again(world: World) -> None:
    await world.is_patron(BOB)
    world.patreon.pledge(patron_of(BOB), 700, tier_cents=500)
    async with world.store.write() as t:
        await t.rules.add(GUILD, CAMPAIGN, SILVER, Condition(ConditionKind.AMOUNT, 700), worth_cents=700)
        await t.rules.remove((await t.rules.of_guild(GUILD))[0].rule)

    await world.changes_rules()

    assert world.patreon.calls["list_page"] == 1
    assert world.roles(BOB) == {SILVER}


async def _sets(world: World, policy: Policy) -> None:
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, (await t.guilds.load(GUILD)).policy, policy)
        await t.nudges.add(NudgeKind.GUILD, str(GUILD), Cause.RULES, world.clock())
    await world.settle()


# --- what a list says by saying nothing new


async def test_paid_time_is_counted_from_the_last_list_that_showed_the_pledge(world: World) -> None:
    await world.is_patron(ANN, BOB)
    await world.later(70 * DAY)
    del world.patreon.memberships[patron_of(ANN)]

    await world.refreshes()
    await world.refreshes()
    assert world.roles(ANN) == {SILVER}

    await world.later(24 * DAY)
    assert world.roles(ANN) == set()


async def test_paid_time_is_counted_so_too_when_one_patron_is_read_alone(world: World) -> None:
    await world.is_patron(ANN, BOB)
    await world.later(70 * DAY)
    del world.patreon.memberships[patron_of(ANN)]

    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock())
    await world.settle()
    await world.refreshes()

    assert world.roles(ANN) == {SILVER}


async def test_lists_and_single_reads_agree_about_who_cancelled_and_is_still_listed(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.pledge(patron_of(ANN), paid_through=world.clock() + 10 * DAY)
    await world.refreshes()
    # Patreon names no date any more, and goes on listing the tier.
    world.patreon.pledge(patron_of(ANN), status=PatronStatus.FORMER, paid_through=None)
    await world.refreshes()
    # Only lists can be read.
    world.patreon.one_fault = world.patreon.own_faults[patron_of(ANN)] = PatreonUnavailable("down")

    world.clock.move(11 * DAY)
    for _ in range(4):
        await world.refreshes()

    assert world.roles(ANN) == {SILVER}


async def test_role_of_two_campaigns_goes_from_somebody_only_one_of_them_ever_listed(world: World) -> None:
    await world.is_patron(ANN, BOB)
    await _another_campaign_gives_silver(world)
    world.patreon.cancel(patron_of(ANN))

    for _ in range(3):
        await world.refreshes()
        await _is_listed_without_ann(world, unreadable=1)
    assert world.roles(ANN) == {SILVER}

    for _ in range(2):
        await _is_listed_without_ann(world)
        await world.refreshes()
    assert world.roles(ANN) == set()


async def _another_campaign_gives_silver(world: World) -> None:
    page = Campaign(OTHER, None, "Other page", "", "USD", is_monthly=True, tiers=())
    async with world.store.write() as t:
        await t.campaigns.save(page, world.clock())
        await t.campaigns.schedule(OTHER, world.clock() + 900 * DAY)
        await t.rules.add(GUILD, OTHER, SILVER, Condition(ConditionKind.PAYING))
    await _is_listed_without_ann(world, unreadable=1)
    await world.changes_rules()


async def _is_listed_without_ann(world: World, unreadable: int = 0) -> None:
    async with world.store.write() as t:
        await t.campaigns.refreshed(OTHER, world.clock.move(MINUTE), 10, unreadable, serial=await t.serials.take())
        # As a refresh does that is the first to be read whole.
        await t.nudges.add(NudgeKind.GUILD, str(GUILD), Cause.REFRESH, world.clock())


# --- after an outage


async def test_grace_that_ended_in_an_outage_is_looked_at_when_patreon_is_back(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.decline(patron_of(ANN))
    await world.hears(ANN)
    world.patreon.fault = PatreonUnavailable("down")
    await world.later(9 * DAY)
    assert world.roles(ANN) == {SILVER}

    world.patreon.fault = None
    await world.later(2 * DAY)

    assert world.roles(ANN) == set()


async def test_cancellation_heard_while_the_list_could_not_be_believed_is_followed_afterwards(world: World) -> None:
    await world.is_patron(*CROWD)
    await world.refreshes()
    saved = dict(world.patreon.memberships)
    world.patreon.memberships.clear()
    await world.refreshes()
    world.patreon.memberships.update(saved)
    world.patreon.cancel(patron_of(CROWD[0]))
    world.clock.move(MINUTE)
    await world.hears(CROWD[0])
    assert world.roles(CROWD[0]) == {SILVER}

    for _ in range(3):
        await world.refreshes()

    assert world.roles(CROWD[0]) == set()


async def test_list_that_could_not_be_believed_is_taken_back_by_a_list_alone(world: World) -> None:
    await world.is_patron(*CROWD)
    await world.refreshes()
    saved = dict(world.patreon.memberships)
    world.patreon.memberships.clear()
    await world.refreshes()
    world.patreon.fault = PatreonUnavailable("down")
    world.clock.move(20 * MINUTE)
    await world.refreshes()
    world.patreon.fault = None
    world.patreon.memberships[patron_of(CROWD[0])] = saved[patron_of(CROWD[0])]
    world.patreon.pledge(patron_of(CROWD[0]), 600)

    world.clock.move(timedelta(seconds=1))
    await world.hears(CROWD[0])

    async with world.store.read() as t:
        state = await t.campaigns.state(CAMPAIGN)
    assert state is not None
    assert state.frozen_since is not None


# --- what happens in between


class _Interrupted(Carrier):
    """Carries out, but something else happens between the look at a person and the writing down of what follows."""

    meanwhile: Callable[[], Awaitable[None]]

    async def carry(self, guild: GuildId, user: DiscordUserId, cause: Cause, word: Word, *, answer: bool) -> Order:
        await self.meanwhile()
        return await super().carry(guild, user, cause, word, answer=answer)


async def test_what_was_stored_after_a_look_at_a_person_counts_in_what_is_done(world: World) -> None:
    world.guilds.members[GUILD][ANN] = set()
    await world.stores_link(ANN)
    pledge = world.patreon.pledge(patron_of(ANN))
    async with world.store.write() as t:
        await t.memberships.save(pledge, None)
        await t.presence.put(GUILD, ANN, present=True, seen_at=world.clock())

    async def a_list_is_stored() -> None:
        async with world.store.write() as t:
            again = replace(_blank(pledge), observed_at=world.clock.move(MINUTE), serial=await t.serials.take())
            await t.memberships.save(again, None)

    parts = Parts(world.store, world.patreon, world.guilds, world.clock, world.settings, [], world.clock.steady)
    carrier = _Interrupted(parts, Brake(parts))
    carrier.meanwhile = a_list_is_stored
    await Settler(parts, carrier).settle(ANN, Cause.JOINED)

    assert world.roles(ANN) == set()
    assert await world.ledger(ANN) == {}


# --- what a delete says


async def _v1_patron(world: World) -> Membership:
    """Let Ann be a patron as version 1 has them, without a membership id, in a guild that keeps no paid time."""
    world.patreon.pledge(patron_of(ANN), membership=None, since=None)
    world.guilds.members[GUILD].setdefault(ANN, set())
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, Policy(), Policy(keep_paid_through=False))
    await world.links(ANN)
    assert world.roles(ANN) == {SILVER}
    world.clock.move(MINUTE)
    return ended(world.patreon.webhook(patron_of(ANN)))


async def test_a_deleted_pledge_of_version_1_and_the_fetch_that_agrees_take_the_role(world: World) -> None:
    told = await _v1_patron(world)
    del world.patreon.memberships[patron_of(ANN)]

    await world.hears_reading(told)
    await world.settle()

    assert world.roles(ANN) == set()
    assert world.patreon.calls["list_page"] == 0


async def test_a_delete_that_the_fetch_contradicts_takes_nothing(world: World) -> None:
    told = await _v1_patron(world)

    await world.hears_reading(told)
    await world.settle()
    await world.refreshes()

    assert world.roles(ANN) == {SILVER}


async def test_a_delete_alone_takes_nothing_however_often_it_comes(world: World) -> None:
    told = await _v1_patron(world)
    world.patreon.fault = PatreonUnavailable("down")

    for _ in range(3):
        world.clock.move(MINUTE)
        await world.hears_reading(replace(told, observed_at=world.clock()))
        await world.settle()

    assert world.roles(ANN) == {SILVER}


async def test_a_pledge_unchanged_for_months_and_then_deleted_is_paid_to_the_end_of_this_month(world: World) -> None:
    told = await _v1_patron(world)
    await world.later(70 * DAY)
    del world.patreon.memberships[patron_of(ANN)]

    await world.hears_reading(replace(told, observed_at=world.clock()))
    async with world.store.read() as t:
        heard = await t.memberships.load(patron_of(ANN), CAMPAIGN)
    await world.settle()
    async with world.store.read() as t:
        kept = await t.memberships.load(patron_of(ANN), CAMPAIGN)

    assert heard is not None
    assert heard.paid_through is None
    assert kept is not None
    assert kept.paid_through == month_end(world.clock())


# --- what was paid for, of whom no answer shows it


async def _cancelled_before(world: World) -> MembershipId:
    """Let Ann, who cancelled with a month paid for, be a member of the guild who has not linked yet."""
    said = world.patreon.pledge(
        patron_of(ANN), 0, None, status=PatronStatus.FORMER, tier_cents=None, paid_through=world.clock() + 20 * DAY
    )
    world.guilds.members[GUILD].setdefault(ANN, set())
    assert said.membership is not None
    return said.membership


async def test_who_had_cancelled_before_linking_has_the_role_of_the_tier_they_paid_for(world: World) -> None:
    world.patreon.paid_tiers[await _cancelled_before(world)] = SILVER_TIER

    await world.links(ANN)
    assert world.roles(ANN) == {SILVER}
    await world.refreshes()
    await world.hears(ANN)

    assert world.roles(ANN) == {SILVER}
    assert world.patreon.calls["history"] == 1


async def test_the_role_that_the_history_gave_ends_with_the_paid_time(world: World) -> None:
    world.patreon.paid_tiers[await _cancelled_before(world)] = SILVER_TIER
    await world.links(ANN)

    await world.later(22 * DAY)

    assert world.roles(ANN) == set()


@pytest.mark.parametrize("fault", [None, RequestRefused("unknown include"), NotThere("no such member")])
async def test_a_history_that_names_nothing_is_not_asked_again(world: World, fault: Exception | None) -> None:
    await _cancelled_before(world)
    world.patreon.history_fault = fault

    await world.links(ANN)
    await world.hears(ANN)

    assert world.patreon.calls["history"] == 1
    assert world.roles(ANN) == set()


async def test_a_history_that_times_out_keeps_nobody_from_their_roles_and_is_asked_again(world: World) -> None:
    world.patreon.paid_tiers[await _cancelled_before(world)] = SILVER_TIER
    world.patreon.history_fault = PatreonUnavailable("504")
    async with world.store.write() as t:
        await t.rules.add(GUILD, CAMPAIGN, GOLD, Condition(ConditionKind.PAYING))

    await world.links(ANN)
    assert world.roles(ANN) == {GOLD}
    world.patreon.history_fault = None
    await world.hears(ANN)

    assert world.roles(ANN) == {GOLD, SILVER}
