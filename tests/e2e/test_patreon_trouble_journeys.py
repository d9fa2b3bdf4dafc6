"""Journeys through bad days of Patreon: nobody loses a role, and the bot says why nothing happens."""

import asyncio
from datetime import timedelta

import pytest

from bot.core.model import CREATOR, PatronId, patron_owner
from sandbox.stage import Stage
from sandbox.world.examples import crowd, small_world
from sandbox.world.patreon_faults import Fault
from sandbox.world.patreon_oauth import Pair
from tests.e2e.theatre import Theatre, theatre


@pytest.fixture
async def ann(house: Theatre) -> Theatre:
    """Give a house with a staff channel in which Ann is linked and has her role."""
    await house.staff_channel()
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    await house.calm()
    return house


def pairs_of(house: Theatre, name: str) -> list[Pair]:
    """Return every pair of tokens an account was ever given."""
    account = house.world.patreon.account(name)
    return [pair for pair in house.world.patreon.oauth.pairs if pair.account is account]


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.HTML_PAGE, Fault.GONE])
@pytest.mark.parametrize("api_version", [2])
async def test_when_patreon_is_away_the_asker_and_the_staff_are_told_until_it_is_back(ann: Theatre, fault: Fault) -> None:
    ann.world.patreon.cancel("Ann")
    ann.world.patreon.faults.add(fault)

    asked = await ann.command("Clara", "sync now")
    await asked.wait_for(lambda message: "counts for nothing" in message.content)
    ann.world.clock.move(timedelta(minutes=20))

    told = await ann.until_staff("no usable answer")
    assert "Nobody loses a role" in told.content
    assert "count against nobody" in (await ann.command("Clara", "sync status")).text
    assert ann.roles("Ann") == {"Silver"}

    ann.world.patreon.faults.clear()
    await ann.command("Clara", "sync now")
    await ann.until_staff("Patreon answers again")


@pytest.mark.parametrize("api_version", [1])
async def test_version_1_switched_off_is_told_at_once_with_what_to_set(ann: Theatre) -> None:
    ann.world.patreon.faults.add(Fault.GONE)

    await ann.command("Clara", "sync now")

    await ann.until_staff("PATREON_API_VERSION=2")
    assert "PATREON_API_VERSION=2" in (await ann.command("Clara", "doctor")).text
    assert "version 1 of Patreon" in (await ann.command("Clara", "sync status")).text
    assert ann.roles("Ann") == {"Silver"}


async def test_a_list_that_lost_everybody_is_not_believed_and_the_staff_are_told(ann: Theatre) -> None:
    crowd(ann.world, 20)
    await ann.refresh()
    ann.world.patreon.faults.add(Fault.EMPTY_LIST)

    await ann.refresh()
    await ann.refresh()

    assert ann.roles("Ann") == {"Silver"}
    await ann.until_staff("no usable answer")
    shown = await ann.command("Ann", "membership")
    assert "Silver" in shown.text


@pytest.mark.parametrize("api_version", [2])
async def test_a_list_without_any_tier_is_not_believed(ann: Theatre) -> None:
    crowd(ann.world, 20)
    await ann.refresh()
    ann.world.patreon.faults.add(Fault.TIERS_EMPTY)

    await ann.refresh()
    await ann.refresh()

    assert ann.roles("Ann") == {"Silver"}


@pytest.mark.parametrize("api_version", [1])
async def test_a_list_with_a_page_missing_takes_no_role(ann: Theatre) -> None:
    """Version 1 has a hundred to a page; Ann is in one of three pages, and each is left out once."""
    crowd(ann.world, 250)
    await ann.refresh()

    for skip in (0, 1):
        ann.world.patreon.faults.clear()
        ann.world.patreon.faults.add(Fault.PAGE_MISSING, skip=skip)
        await ann.refresh()
        await ann.refresh()

    assert ann.roles("Ann") == {"Silver"}


async def test_many_reasons_to_ask_at_once_renew_an_expired_pair_once_and_it_is_stored(ann: Theatre) -> None:
    ann.world.patreon.hooks.enabled = False
    ann.world.clock.move(ann.world.patreon.oauth.lifetime)
    ann.world.patreon.hooks.enabled = True
    ann.world.patreon.change_pledge("Ann", tier="Gold")

    asks = [ann.command("Ann", "membership"), ann.command("Clara", "sync now", member=str(ann.user("Ann")))]
    await asyncio.gather(*asks, ann.command("Clara", "sync now"))
    await ann.until_roles("Ann", "Gold")
    await ann.calm()

    patron = PatronId(ann.world.patreon.account("Ann").id)
    async with ann.app.store.read() as t:
        stored = {"Ann": await t.tokens.load(patron_owner(patron)), "Clara": await t.tokens.load(CREATOR)}
    for name, record in stored.items():
        pairs = pairs_of(ann, name)
        assert len(pairs) <= 2, name
        assert record is not None
        assert record.tokens.access == pairs[-1].access
        assert record.tokens.refresh == pairs[-1].refresh
    assert len(pairs_of(ann, "Clara")) == 2


@pytest.mark.parametrize("api_version", [2])
async def test_a_creators_pair_that_died_is_told_and_takes_no_role(ann: Theatre) -> None:
    ann.world.patreon.oauth.revoke(ann.world.patreon.account("Clara"))

    await ann.command("Clara", "sync now")

    await ann.until_staff("no longer accepts the creator's token")
    assert "refuses the creator's token" in (await ann.command("Clara", "doctor")).text
    assert ann.roles("Ann") == {"Silver"}


async def test_a_webhook_patreon_paused_is_started_again_and_the_staff_are_told_once(sqlite_url: str) -> None:
    async with theatre(sqlite_url, PATREON_WEBHOOK_SECRET="") as house:
        await house.staff_channel()
        await house.rules()
        hook = next(iter(house.world.patreon.hooks.webhooks.values()))
        for _ in range(2):
            hook.paused = True
            while hook.paused:
                await house.wait(hours=1)
        await house.until_staff("had paused its webhook")
        await house.calm()
        assert "Patreon paused its webhook" not in (await house.command("Clara", "doctor")).text
        assert len([message for message in house.staff() if "had paused its webhook" in message.content]) == 1


async def test_a_creators_pair_that_is_dead_at_the_start_is_told_once(sqlite_url: str) -> None:
    stage = Stage(small_world())
    async with stage.serve():
        house = Theatre(stage, sqlite_url)
        async with house.bot():
            await house.rules()
            await house.staff_channel()
        house.world.patreon.oauth.revoke(house.world.patreon.account("Clara"))
        for _ in range(2):
            async with house.bot():
                await house.until_staff("no longer accepts the creator's token")
                await house.wait(minutes=40)
        assert len([message for message in house.staff() if "no longer accepts" in message.content]) == 1
