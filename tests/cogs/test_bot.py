"""The bot itself: commands told once, answers in time, failures in plain words, and a document that knows every command."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.ext import commands
from structlog.testing import capture_logs

from bot.core.model import GuildId
from bot.discord_bot import Option, PatronRolesBot, answers, ask
from bot.errors import (
    GuildUnavailable,
    LinkError,
    LinkProblem,
    PatreonUnavailable,
    RoleBlocked,
    RuleRefused,
    StoreError,
)
from bot.logs import Redactor
from tests.cogs.place import Place, Site, open_place
from tests.waiting import until

COMMANDS = Path(__file__).parents[2] / "docs" / "commands.md"


class Trouble(commands.Cog):
    """A command that fails as it is told, or asks a question."""

    def __init__(self) -> None:
        self.error: Exception = RuntimeError("secret-token-in-a-message")
        self.answers: list[str | None] = []

    @app_commands.command(name="fail", description="Fail")
    async def fail(self, _interaction: discord.Interaction) -> None:
        raise self.error

    @app_commands.command(name="ask", description="Ask")
    async def ask(self, interaction: discord.Interaction) -> None:
        answer = await ask(interaction, "Well?", Option("yes", "Yes"), Option("no", "No"))
        self.answers.append(answer.key if answer else None)


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
async def troubled(site: Site, trouble: Trouble) -> AsyncIterator[Place]:
    """Give a running bot that has the commands of Trouble as well."""
    async with open_place(site, cogs=[trouble]) as opened:
        yield opened


def every_command(bot: PatronRolesBot) -> Iterator[app_commands.Command[Any, ..., Any]]:
    for command in bot.tree.walk_commands():
        if isinstance(command, app_commands.Command):
            yield command


async def test_commands_are_told_to_discord_only_when_they_changed(site: Site) -> None:
    route = "PUT /applications/{application_id}/commands"
    async with open_place(site):
        assert site.server.calls[route] == 1


async def test_commands_of_another_version_are_told_anew(site: Site) -> None:
    async with site.store.write() as t:
        await t.facts.set("discord_commands", "those of another version")
    async with open_place(site):
        assert site.server.calls["PUT /applications/{application_id}/commands"] == 1
        async with site.store.read() as t:
            assert await t.facts.get("discord_commands") != "those of another version"


async def test_every_command_is_deferred_before_anything_slow(place: Place) -> None:
    async with place.store.write():  # nobody else can write now, as on a slow disk
        interaction = await place.type("link", place.ann)
        await interaction.response()
        assert interaction.deferred
        assert interaction.ephemeral
    assert (await interaction.settled()).content.startswith("Press the button")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuleRefused("Pick another tier."), "Pick another tier."),
        (LinkError(LinkProblem.PATRON_TAKEN), "linked to another Discord user"),
        (PatreonUnavailable("503"), "nobody loses a role"),
        (StoreError("gone"), "database does not answer"),
        (GuildUnavailable("gone"), "Try again in a minute"),
        (RoleBlocked("rank"), "/doctor"),
    ],
)
async def test_our_errors_are_told_in_plain_words(troubled: Place, trouble: Trouble, error: Exception, words: str) -> None:
    trouble.error = error
    interaction = await troubled.type("fail")
    message = await interaction.wait_for(lambda answer: words in answer.content)
    assert message.ephemeral


async def test_a_command_discord_shows_in_an_old_form_is_no_fault_of_ours(place: Place) -> None:
    gone = place.bot.tree.remove_command("doctor")
    assert gone is not None
    with capture_logs() as logs:
        interaction = await place.type("doctor")
        await interaction.wait_for(lambda answer: "an old form of this command" in answer.content)
    assert [entry for entry in logs if entry["event"] == "command_failed"] == []


async def test_a_changed_command_is_no_fault_of_ours(troubled: Place, trouble: Trouble) -> None:
    trouble.error = app_commands.CommandSignatureMismatch(trouble.fail)
    interaction = await troubled.type("fail")
    await interaction.wait_for(lambda answer: "an old form of this command" in answer.content)


async def test_a_fault_of_ours_shows_a_code_and_no_secret(troubled: Place) -> None:
    with capture_logs() as logs:
        interaction = await troubled.type("fail")
        message = await interaction.wait_for(lambda answer: "tell the team this code" in answer.content)
    assert "secret-token" not in message.content
    (entry,) = [entry for entry in logs if entry["event"] == "command_failed"]
    # As it is printed: an operator has to find the line by the code that somebody was shown.
    assert Redactor()(None, "error", {"failure": entry["failure"]}) == {"failure": entry["failure"]}
    assert entry["failure"] in message.content


async def test_a_question_is_answered_once(troubled: Place, trouble: Trouble) -> None:
    interaction = await troubled.type("ask")
    question = await interaction.settled()
    pressed = await troubled.press(question, "Yes")
    await pressed.wait_for(lambda answer: not answer.components)
    await until(lambda: trouble.answers == ["yes"], "the answer")


async def test_a_question_that_was_answered_is_not_answered_again(troubled: Place, trouble: Trouble) -> None:
    question = await (await troubled.type("ask")).settled()
    buttons = question.components
    pressed = await troubled.press(question, "Yes")
    await pressed.wait_for(lambda answer: not answer.components)
    question.components = buttons  # as somebody sees them who presses twice in a moment
    again = await troubled.press(question, "No")
    await again.wait_for(lambda answer: "answered already" in answer.content)
    assert question.content == "Well?"
    assert trouble.answers == ["yes"]


async def test_a_button_and_a_menu_from_before_a_restart_say_that_they_are_too_old(site: Site) -> None:
    async with open_place(site) as before:
        panel = await (await before.type("setup")).settled()
    async with open_place(site) as after:
        menu = str(panel.components[0]["components"][0]["custom_id"])
        channel = after.town.world.add_channel(after.guild, "staff").id
        selected = await after.server.select(panel, menu, [channel], after.town.owner.id)
        for used in (await after.press(panel, "Make this rule"), selected):
            await used.wait_for(lambda answer: "Type the command again" in answer.content)


async def test_a_button_whose_time_is_over_says_that_it_is_too_old(place: Place) -> None:
    panel = await (await place.type("setup")).settled()
    answers.end_panels()
    used = await place.press(panel, "Make this rule")
    await used.wait_for(lambda answer: "Type the command again" in answer.content)


async def test_a_bot_that_stops_ends_its_open_questions(site: Site, trouble: Trouble) -> None:
    async with open_place(site, cogs=[trouble]) as place:
        interaction = await place.type("ask")
        await interaction.settled()
    assert trouble.answers == [None]
    assert "nothing was changed" in interaction.text


async def test_names_that_people_chose_never_ping(place: Place) -> None:
    assert place.bot.allowed_mentions is not None
    assert dict(place.bot.allowed_mentions.to_dict()) == {"parse": []}


async def test_the_bot_is_ready_while_it_is_connected(place: Place) -> None:
    assert place.bot.gateway_ready
    await place.bot.close()
    assert not place.bot.gateway_ready


async def test_nothing_is_cached_of_members(place: Place) -> None:
    place.town.world.add_members(place.guild, 50)
    await place.answer("settings")
    guild = place.bot.get_guild(place.guild)
    assert guild is not None
    assert {member.id for member in guild.members} <= {place.town.bot_id}


async def test_every_command_has_a_description_and_is_documented(place: Place) -> None:
    text = await asyncio.to_thread(COMMANDS.read_text, "utf-8")
    for command in every_command(place.bot):
        assert len(command.description) > 10
        assert f"`/{command.qualified_name}" in text
        assert all(parameter.description != "…" for parameter in command.parameters), command.qualified_name
        for parameter in command.parameters:
            assert f"`{parameter.name}`" in text, f"/{command.qualified_name} {parameter.name}"


async def test_patrons_commands_are_for_everybody_and_the_others_are_not(place: Place) -> None:
    for command in place.bot.tree.get_commands():
        everybody = command.name in {"link", "unlink", "membership", "privacy"}
        assert isinstance(command, app_commands.Command | app_commands.Group)
        assert (command.default_permissions is None) == everybody
        assert command.guild_only != everybody


async def test_a_guild_the_bot_is_invited_to_is_noted(place: Place) -> None:
    other = place.town.world.add_guild("Elsewhere", owner=place.town.owner.id)
    place.town.world.invite(place.town.bot_id, other.id)

    async def noted(_t: object) -> bool:
        return (await place.use_cases.settings.load(GuildId(other.id))).joined_at is not None

    await place.until(noted)
