"""Journeys through bad days of Discord: ranks that are too low, connections that break, events that are lost."""

from datetime import timedelta

import pytest

from tests.e2e.theatre import Theatre

pytestmark = pytest.mark.parametrize("api_version", [2])


def sink(house: Theatre) -> int:
    """Put the bot's own role below all others; return its id."""
    bot = next(iter(house.world.discord.bots.values()))
    role = house.world.discord.bot_role(house.guild.id, bot.id)
    house.world.discord.move_role(house.guild.id, role.id, 1)
    return role.id


async def test_a_bot_whose_role_is_too_low_says_what_to_do_and_does_not_hammer(house: Theatre) -> None:
    await house.staff_channel()
    own = sink(house)
    interaction, _ = await house.link("Ann")

    told = await house.until_staff("drag my role above it")
    assert "Silver" in told.content
    await interaction.wait_for(lambda message: "the server's team has been told" in message.content)
    for _ in range(3):
        await house.refresh()
    assert house.role_calls() == 0
    assert len([message for message in house.staff() if "drag my role" in message.content]) == 1
    assert "drag my role above it" in (await house.command("Clara", "doctor")).text

    house.world.discord.move_role(house.guild.id, own, len(house.guild.roles) - 1)

    await house.until_roles("Ann", "Silver")
    assert house.role_calls() == 1


async def test_a_role_that_is_above_the_bot_gets_no_rule_in_the_first_place(house: Theatre) -> None:
    sink(house)

    asked = await house.command("Clara", "roles add", role=str(house.role("Gold")), when="paying")

    assert "drag my role above it" in asked.text


async def test_a_dropped_connection_resumes_and_what_happened_meanwhile_is_made_up(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    identified = house.stage.discord.gateway.identifies

    await house.stage.discord.gateway.drop()
    house.world.discord.leave(house.guild.id, house.user("Ann"))
    house.world.discord.join(house.guild.id, house.user("Ann"))

    await house.until_roles("Ann", "Silver")
    gateway = house.stage.discord.gateway
    assert (gateway.resumes, gateway.identifies) == (1, identified)


async def test_what_was_lost_with_a_session_is_put_right_at_the_start_of_the_next(house: Theatre) -> None:
    house.world.patreon.pledge("Ben", tier="Gold")
    for name, role in (("Ann", "Silver"), ("Ben", "Gold")):
        await house.link(name)
        await house.until_roles(name, role)
    gateway, discord, guild = house.stage.discord.gateway, house.world.discord, house.guild.id
    reads = {route: count for route, count in house.stage.discord.calls.items() if "GET" in route and "/members" in route}

    await gateway.drop(resumable=False)
    discord.leave(guild, house.user("Ann"))
    discord.join(guild, house.user("Ann"))
    discord.set_roles(guild, house.user("Ben"), [])

    # No clock is moved: what Discord's own list of members says counts.
    await house.until_roles("Ann", "Silver")
    await house.until_roles("Ben", "Gold")
    told = house.stage.discord.calls.items()
    assert {route: count for route, count in told if "GET" in route and "/members" in route} == reads


async def test_a_role_that_was_lost_unheard_is_back_once_its_holder_uses_a_command(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    await house.calm()
    # An event that nobody was sent.
    house.guild.members.put(house.user("Ann"), ())
    house.world.clock.move(timedelta(minutes=1))

    await house.command("Ann", "membership")

    await house.until_roles("Ann", "Silver")


async def test_whoever_has_to_accept_the_rules_is_told_so_and_has_the_role_once_they_have(house: Theatre) -> None:
    world, guild = house.world.discord, house.guild
    guild.screens = True
    world.leave(guild.id, house.user("Ann"))
    world.join(guild.id, house.user("Ann"))

    interaction, _ = await house.link("Ann")

    await interaction.wait_for(lambda message: "Accept this server's rules first" in message.content)
    assert "rules are accepted" in (await house.command("Ann", "membership")).text
    assert (house.roles("Ann"), house.role_calls()) == (set(), 0)
    world.accept_rules(guild.id, house.user("Ann"))
    await house.until_roles("Ann", "Silver")


async def test_an_outage_of_the_guild_is_waited_out(house: Theatre) -> None:
    house.world.discord.take_down(house.guild.id)
    house.world.patreon.pledge("Ben", tier="Gold")
    house.world.discord.bring_back(house.guild.id)

    await house.link("Ben")

    await house.until_roles("Ben", "Gold")
