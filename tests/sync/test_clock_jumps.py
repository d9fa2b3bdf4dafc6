"""A clock that jumps forward and back, or only back: what happens next comes true as if it had not."""

from datetime import timedelta

import pytest

from bot.core.model import Cause
from bot.store.records import NudgeKind
from bot.sync.jumps import JUMPED
from tests.sync.doubles import CAMPAIGN, GOLD_TIER
from tests.sync.world import ANN, BOB, DAY, GOLD, GUILD, HOUR, MINUTE, SILVER, World, patron_of

YEAR = 365 * DAY
SPANS = pytest.mark.parametrize("span", [HOUR, DAY, YEAR], ids=["hour", "day", "year"])


@SPANS
async def test_after_a_clock_jumped_forward_and_back_up_down_and_out_come_true(world: World, span: timedelta) -> None:
    await world.is_patron(ANN, BOB)

    world.clock.jump(span)
    await world.settle()
    await world.refreshes()
    await world.audits()
    world.clock.jump(-span)

    await _up_down_and_out(world)


@SPANS
async def test_after_a_clock_jumped_back_up_down_and_out_come_true(world: World, span: timedelta) -> None:
    await world.is_patron(ANN, BOB)

    world.clock.jump(-span)

    await _up_down_and_out(world)


async def test_a_restart_with_a_clock_behind_what_is_stored_loses_nothing(world: World) -> None:
    await world.is_patron(ANN, BOB)

    world.clock.jump(-YEAR)
    world.engine = world.new_engine()

    await _up_down_and_out(world)


async def _up_down_and_out(world: World) -> None:
    """Let Ann upgrade, downgrade and cancel, each told by a webhook; and Bob cancel, which only lists tell."""
    await world.settle()
    world.clock.move(MINUTE)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    await world.hears(ANN)
    assert world.roles(ANN) == {GOLD}

    world.clock.move(MINUTE)
    world.patreon.pledge(patron_of(ANN))
    await world.hears(ANN)
    assert world.roles(ANN) == {SILVER}

    world.clock.move(MINUTE)
    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN)
    assert world.roles(ANN) == set()

    world.patreon.cancel(patron_of(BOB))
    for _ in range(2):
        # Within its interval and a little more the refresh is due, whatever was planned before.
        world.clock.move(world.settings.refresh_every * 1.25)
        await world.settle()
    assert world.roles(BOB) == set()
    async with world.store.read() as t:
        state = await t.campaigns.state(CAMPAIGN)
    assert state is not None
    assert state.refreshed_at is not None
    assert timedelta() <= world.clock() - state.refreshed_at <= world.settings.refresh_every


async def test_who_leaves_after_a_jump_back_is_seen_to_have_left(world: World) -> None:
    await world.is_patron(ANN)
    world.clock.jump(-DAY)
    await world.settle()
    world.clock.move(MINUTE)

    await world.leaves(ANN)

    async with world.store.read() as t:
        assert await t.presence.present(GUILD, ANN) is False


async def test_what_another_machine_wrote_with_a_clock_ahead_is_brought_back_within_the_hour(world: World) -> None:
    await world.is_patron(ANN)
    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock() + YEAR)

    world.clock.move(HOUR)
    await world.settle()

    assert GOLD in world.roles(ANN)
    async with world.store.read() as t:
        assert await t.facts.get(JUMPED) is not None


async def test_nothing_is_brought_back_while_no_clock_jumps(world: World) -> None:
    await world.is_patron(ANN)
    await world.later(2 * DAY)

    async with world.store.read() as t:
        assert await t.facts.get(JUMPED) is None
