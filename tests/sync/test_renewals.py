"""Pairs renewed ahead of their end, and who is told of one that is dead."""

import pytest

from bot.core.model import CREATOR, patron_owner
from bot.errors import PatreonUnavailable
from bot.sync.reports import CreatorTokenFailing, LinkBroken
from tests.sync.doubles import REVOKED
from tests.sync.world import ANN, BOB, CAT, DAY, HOUR, MINUTE, World, patron_of


async def test_creators_pair_that_somebody_else_found_dead_is_told_once_over_restarts(world: World) -> None:
    await world.is_patron(ANN)
    await world.breaks(CREATOR)

    for _ in range(3):
        world.engine = world.new_engine()
        await world.later(DAY)

    assert [report.broken for report in world.heard(CreatorTokenFailing)] == [True]


async def test_creator_who_was_warned_that_the_pair_will_end_is_told_once_more_that_it_is_dead(world: World) -> None:
    world.patreon.renewal_fault = PatreonUnavailable("down")
    await world.later(30 * DAY)
    world.clock.move(MINUTE)
    await world.breaks(CREATOR)

    await world.later(DAY)

    assert [report.broken for report in world.heard(CreatorTokenFailing)] == [False, True]


async def test_creator_with_a_new_pair_is_told_anew_when_that_dies(world: World) -> None:
    for _ in range(2):
        async with world.store.write() as t:
            await t.tokens.save(CREATOR, world.tokens())
        await world.breaks(CREATOR)
        await world.later(DAY)

    assert [report.broken for report in world.heard(CreatorTokenFailing)] == [True, True]


async def test_refusal_of_a_pair_that_was_replaced_meanwhile_breaks_and_tells_nothing(bare: World) -> None:
    await bare.set_up()
    await bare.is_patron(ANN)
    bare.patreon.when_revoked = None
    bare.patreon.renewal_fault = REVOKED

    await bare.later(30 * DAY)

    assert bare.heard(CreatorTokenFailing) == []
    assert bare.heard(LinkBroken) == []
    async with bare.store.read() as t:
        link = await t.links.load(ANN)
    assert link is not None
    assert link.broken_since is None


@pytest.mark.parametrize("stored", [True, False])
async def test_creator_whose_pair_works_or_is_not_there_is_told_nothing(bare: World, stored: bool) -> None:
    await bare.set_up(creator=stored)

    await bare.later(DAY)

    assert bare.heard(CreatorTokenFailing) == []


async def test_a_broken_pair_is_tried_once_a_day_whoever_it_belongs_to(world: World) -> None:
    await world.is_patron(ANN)
    owners = [CREATOR, patron_owner(patron_of(ANN))]
    for owner in owners:
        await world.breaks(owner)
    world.patreon.renewal_fault = REVOKED

    for hour in range(80):
        if hour % 10 == 0:
            world.engine = world.new_engine()
        world.clock.move(HOUR)
        await world.settle()

    assert [world.patreon.renewed.count(owner) for owner in owners] == [3, 3]
    assert [report.broken for report in world.heard(CreatorTokenFailing)] == [True]


async def test_many_broken_pairs_are_tried_one_after_the_other(world: World) -> None:
    for user in (ANN, BOB, CAT):
        await world.is_patron(user)
        await world.breaks(patron_owner(patron_of(user)))
    world.patreon.renewal_fault = REVOKED
    world.clock.move(DAY)

    tried = []
    for _ in range(4):
        before = len(world.patreon.renewed)
        await world.engine.drain()
        tried.append(len(world.patreon.renewed) - before)

    assert tried == [1, 1, 1, 0]
