"""Campaigns and their tiers, read anew when somebody is about to pick one."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bot.core.model import Campaign, Cause, Tier, TierId
from bot.errors import PatreonUnavailable
from bot.store.records import CampaignState
from tests.sync.doubles import CAMPAIGN, a_campaign
from tests.sync.world import MINUTE, World

BRASS = Tier(TierId("brass"), "Brass", 300)


async def _stored(world: World) -> CampaignState:
    async with world.store.read() as t:
        state = await t.campaigns.state(CAMPAIGN)
    assert state is not None
    return state


async def _titles(world: World) -> set[str]:
    return {tier.title for tier in (await _stored(world)).campaign.tiers}


def _with_brass() -> Campaign:
    return replace(a_campaign(), tiers=(*a_campaign().tiers, BRASS))


async def test_a_sync_that_somebody_asks_for_reads_the_tiers_anew_and_a_regular_one_does_not(world: World) -> None:
    world.patreon.campaign = _with_brass()

    await world.refreshes()
    assert "Brass" not in await _titles(world)
    await world.refreshes(Cause.MANUAL)

    assert "Brass" in await _titles(world)


async def test_tiers_are_read_anew_when_they_are_older_than_five_minutes(world: World) -> None:
    world.patreon.campaign = _with_brass()
    fresh_until = (await _stored(world)).fetched_at + timedelta(minutes=5)

    world.clock.move(fresh_until - world.clock())
    await world.engine.descriptions.freshen([await _stored(world)])
    assert world.patreon.calls["campaign"] == 0
    world.clock.move(timedelta(seconds=1))
    await world.engine.descriptions.freshen([await _stored(world)])

    assert "Brass" in await _titles(world)
    assert (await _stored(world)).fetched_at == world.clock()


async def test_nobody_waits_for_a_slow_patreon_and_its_answer_is_stored_all_the_same(world: World) -> None:
    world.patreon.campaign = _with_brass()
    world.patreon.described = asyncio.Event()
    world.clock.move(10 * MINUTE)

    await world.engine.descriptions.freshen([await _stored(world)], wait=0)
    await world.engine.descriptions.freshen([await _stored(world)], wait=0)
    assert "Brass" not in await _titles(world)
    world.patreon.described.set()
    await world.engine.descriptions.freshen([await _stored(world)], wait=60)

    assert "Brass" in await _titles(world)
    assert world.patreon.calls["campaign"] == 1


async def test_a_patreon_that_fails_is_asked_once_a_minute_and_the_tiers_stand(world: World) -> None:
    world.patreon.fault = PatreonUnavailable("down")
    world.clock.move(10 * MINUTE)

    for _ in range(3):
        await world.engine.descriptions.freshen([await _stored(world)])
    assert world.patreon.calls["campaign"] == 1
    assert await _titles(world) == {"Silver", "Gold"}
    world.patreon.fault = None
    world.clock.move(MINUTE)
    await world.engine.descriptions.freshen([await _stored(world)])

    assert world.patreon.calls["campaign"] == 2
    assert (await _stored(world)).fetched_at == world.clock()


async def test_what_is_read_behind_ends_with_the_engine(world: World) -> None:
    world.patreon.described = asyncio.Event()
    world.clock.move(10 * MINUTE)
    await world.engine.descriptions.freshen([await _stored(world)], wait=0)

    await world.engine.descriptions.close()

    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("describe")]
