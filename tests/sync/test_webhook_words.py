"""A webhook's word: it makes the bot ask, gives nothing by itself, and counts alone only while Patreon does not answer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import CampaignId, DiscordUserId, Membership, MembershipId
from bot.errors import PatreonUnavailable
from bot.store.records import NudgeKind
from tests.sync.doubles import GOLD_TIER
from tests.sync.world import ANN, BOB, DAY, GOLD, GUILD, MINUTE, SILVER, World, patron_of

CROWD = tuple(DiscordUserId(1000 + number) for number in range(4))
SECOND = timedelta(seconds=1)


@pytest.fixture
async def gone(world: World) -> World:
    """Return a world in which Ann cancelled long ago and has no role."""
    await world.is_patron(ANN, BOB)
    world.patreon.cancel(patron_of(ANN))
    await world.refreshes()
    await world.refreshes()
    assert world.roles(ANN) == set()
    return world


async def _posts_an_old_body(world: World) -> None:
    """Post what Patreon once said of Ann, who is no patron any more."""
    now = world.patreon.memberships[patron_of(ANN)]
    body = replace(world.patreon.pledge(patron_of(ANN), paid_through=world.clock() + 300 * DAY))
    told = world.patreon.webhook(body.patron)
    world.patreon.memberships[patron_of(ANN)] = now
    await world.hears_reading(told)
    await world.settle()


async def _ann_waits(world: World) -> bool:
    async with world.store.read() as t:
        return await t.nudges.load(NudgeKind.USER, str(ANN)) is not None


async def test_an_old_body_posted_again_gives_nothing(gone: World) -> None:
    await _posts_an_old_body(gone)

    assert [call for call in gone.guilds.calls if call[:2] == ("grant", ANN)][1:] == []
    assert gone.roles(ANN) == set()


async def test_what_an_old_body_said_is_not_inherited_by_the_readings_after_it(gone: World) -> None:
    await _posts_an_old_body(gone)
    await gone.refreshes()
    await gone.refreshes()

    assert gone.roles(ANN) == set()
    async with gone.store.read() as t:
        stored = await t.memberships.load(patron_of(ANN), gone.patreon.memberships[patron_of(ANN)].campaign)
    assert stored is not None
    assert stored.paid_through is None


async def test_a_word_counts_alone_while_patreon_does_not_answer(gone: World) -> None:
    gone.patreon.fault = PatreonUnavailable("down")

    await _posts_an_old_body(gone)

    assert gone.roles(ANN) == {SILVER}


async def test_the_first_answer_that_contradicts_a_word_takes_what_it_gave(gone: World) -> None:
    gone.patreon.fault = PatreonUnavailable("down")
    await _posts_an_old_body(gone)
    gone.patreon.fault = None
    before = gone.patreon.reads

    gone.clock.move(MINUTE)
    await gone.settle()

    assert gone.roles(ANN) == set()
    assert gone.patreon.reads == before + 1


async def test_an_answer_that_agrees_keeps_what_a_word_gave(gone: World) -> None:
    gone.patreon.pledge(patron_of(ANN))
    gone.patreon.fault = PatreonUnavailable("down")
    await gone.hears(ANN)
    gone.patreon.fault = None

    gone.clock.move(MINUTE)
    await gone.settle()
    gone.patreon.cancel(patron_of(ANN))
    await gone.refreshes()

    assert gone.roles(ANN) == {SILVER}, "one list is a first reading again"


async def test_a_flood_of_words_counts_alone_when_the_list_that_should_prove_them_fails(world: World) -> None:
    await world.is_patron(*CROWD)
    for user in CROWD:
        world.patreon.pledge(patron_of(user), 1000, GOLD_TIER)
    world.patreon.fault = PatreonUnavailable("down")

    await world.hears(*CROWD)
    for _ in range(3):
        world.clock.move(MINUTE)
        await world.settle()

    assert [GOLD in world.roles(user) for user in CROWD] == [True] * len(CROWD)


async def test_patreon_is_asked_again_after_ten_seconds_and_a_minute_when_it_says_less_than_a_webhook(world: World) -> None:
    await world.is_patron(ANN, BOB)
    lagging = world.patreon.memberships[patron_of(ANN)]
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    told = world.patreon.webhook(patron_of(ANN))
    world.patreon.memberships[patron_of(ANN)] = lagging

    await world.hears_reading(told)
    await world.settle()
    world.clock.move(11 * SECOND)
    await world.settle()
    assert world.roles(ANN) == {SILVER}

    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    world.clock.move(51 * SECOND)
    await world.settle()

    assert GOLD in world.roles(ANN)
    assert not await _ann_waits(world)


async def test_a_pass_over_the_guild_between_a_webhook_and_its_answer_costs_no_further_reading(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    answers = world.patreon.fetch_membership

    async def meanwhile(campaign: CampaignId, membership: MembershipId) -> Membership | None:
        async with world.store.write() as t:
            await t.doubts.replace(GUILD, ANN, [])
        return await answers(campaign, membership)

    world.patreon.fetch_membership = meanwhile  # type: ignore[method-assign, assignment] # what happens while Patreon thinks
    await world.hears(ANN)

    assert world.roles(ANN) == {GOLD}


async def test_an_answer_that_goes_on_saying_less_is_believed_after_a_minute(gone: World) -> None:
    before = gone.patreon.reads
    await _posts_an_old_body(gone)

    for _ in range(10):
        gone.clock.move(MINUTE)
        await gone.settle()

    assert gone.patreon.reads == before + 3
    assert not await _ann_waits(gone)
