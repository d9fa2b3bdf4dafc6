"""Journeys in which the bot is stopped and started again, inside this process."""

from collections.abc import AsyncIterator

import pytest

from sandbox.stage import Stage
from sandbox.world.examples import small_world
from tests.e2e.theatre import Theatre, link_of


@pytest.fixture
async def house(sqlite_url: str, api_version: int) -> AsyncIterator[Theatre]:
    """Give a house that ran once: Ann is linked and has her role, and the bot is stopped."""
    stage = Stage(small_world())
    async with stage.serve():
        house = Theatre(stage, sqlite_url, api_version=api_version)
        async with house.bot():
            await house.rules()
            await house.link("Ann")
            await house.until_roles("Ann", "Silver")
            await house.calm()
        yield house


async def test_what_changed_while_the_bot_was_down_is_made_up(house: Theatre) -> None:
    house.world.patreon.change_pledge("Ann", tier="Gold")
    await house.stage.patreon.sender.settled()

    async with house.bot():
        await house.wait(minutes=40)
        await house.until_roles("Ann", "Gold")

    assert all(delivery.delivered for delivery in house.world.patreon.hooks.log)


@pytest.mark.parametrize("api_version", [2])
async def test_a_restart_in_which_nothing_changed_reads_no_member_and_moves_no_role(house: Theatre) -> None:
    before = house.stage.discord.calls.copy()

    async with house.bot():
        await house.calm()
        await house.command("Ann", "membership")

    made = house.stage.discord.calls - before
    assert not [route for route in made if "/members" in route or "/commands" in route], made


@pytest.mark.parametrize("api_version", [2])
async def test_a_question_nobody_answered_before_the_bot_stopped_is_closed_and_changes_nothing(house: Theatre) -> None:
    async with house.bot():
        asked = await house.command("Ann", "unlink")

    await asked.wait_for(lambda message: not message.components and "nothing was changed" in message.content)
    async with house.bot():
        await house.calm()
        assert house.roles("Ann") == {"Silver"}


@pytest.mark.parametrize("api_version", [2])
async def test_a_link_begun_before_a_restart_is_finished_after_it(house: Theatre) -> None:
    house.world.patreon.pledge("Ben", tier="Gold")
    async with house.bot():
        asked = await house.command("Ben", "link")
    async with house.bot():
        await house.confirm(await house.follow(link_of(asked), "Ben"))
        await house.until_roles("Ben", "Gold")
