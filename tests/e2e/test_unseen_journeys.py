"""Journeys through changes that Discord confirmed and lost, other bots' old lists, and servers that ask two factors."""

import pytest

from sandbox.discord.faults import Fault
from tests.e2e.theatre import Theatre

pytestmark = pytest.mark.parametrize("api_version", [2])

_GIVE, _TAKE = "PUT /guilds/*/roles/*", "DELETE /guilds/*/roles/*"


async def test_changes_that_discord_confirmed_and_lost_are_made_good_within_minutes(house: Theatre) -> None:
    faults = house.stage.discord.faults
    faults.add(Fault(_GIVE, lost=True))
    await house.link("Ann")
    await house.calm()
    assert house.roles("Ann") == set()
    assert "being given" in (await house.command("Clara", "patrons explain", member=str(house.user("Ann")))).text
    assert "Being given at Discord: **Silver**" in (await house.command("Ann", "membership")).text
    await house.wait(minutes=2)
    await house.until_roles("Ann", "Silver")

    faults.add(Fault(_TAKE, lost=True))
    unlinking = await house.command("Ann", "unlink")
    await house.press(unlinking, "Unlink")
    await house.calm()
    assert house.roles("Ann") == {"Silver"}
    await house.wait(minutes=2)

    await house.until_roles("Ann")
    assert house.role_calls() == 4


async def test_old_list_of_another_bot_does_not_bring_a_role_back(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    house.stage.discord.faults.add(Fault(_TAKE, stale=True))
    house.world.patreon.change_pledge("Ann", tier="Gold")
    await house.calm()
    await house.wait(minutes=2)

    await house.until_roles("Ann", "Gold")


async def test_server_that_asks_two_factors_is_found_out_and_served_once_it_no_longer_does(house: Theatre) -> None:
    await house.staff_channel()
    bot = next(iter(house.world.discord.bots.values()))
    bot.owner_two_factor = False
    house.world.discord.require_two_factor(house.guild.id)
    await house.link("Ann")

    await house.until_staff("two-factor authentication")
    assert "two-factor authentication" in (await house.command("Clara", "doctor")).text
    assert house.roles("Ann") == set()
    house.world.discord.require_two_factor(house.guild.id, on=False)

    await house.until_roles("Ann", "Silver")


async def test_one_refused_call_keeps_nobody_without_a_role_for_good(house: Theatre) -> None:
    house.stage.discord.faults.add(Fault(_GIVE, status=403))
    await house.link("Ann")
    await house.calm()
    assert house.roles("Ann") == set()

    await house.wait(days=1, hours=1)

    await house.until_roles("Ann", "Silver")
