"""Interactions from press to last edit, answered by an unmodified discord.py bot: messages, components, forms, limits."""

import asyncio
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import discord
import pytest
from discord import app_commands, ui

from sandbox.discord.components import find, text_of
from sandbox.discord.interaction import Interaction, NoAnswer, NotPossible
from sandbox.discord.server import DiscordServer
from sandbox.world.clock import Clock
from sandbox.world.guild_records import Message, Permission
from tests.sandbox.discord_life import DiscordBot, Town, build_town, running
from tests.waiting import until


class Form(ui.Modal, title="Tell us"):
    """One field of every kind the bot could use."""

    name: ui.TextInput["Form"] = ui.TextInput(label="Name", max_length=10)
    roles: ui.Label["Form"] = ui.Label(text="Roles", component=ui.RoleSelect(min_values=0, max_values=2, required=False))
    size: ui.Label["Form"] = ui.Label(
        text="Size",
        component=ui.RadioGroup(options=[discord.RadioGroupOption(label="Big", value="b")], required=False),
    )
    sure: ui.Label["Form"] = ui.Label(text="Sure", component=ui.Checkbox())
    file: ui.Label["Form"] = ui.Label(text="File", component=ui.FileUpload(required=False, min_values=0))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        roles, size, sure, file = (label.component for label in (self.roles, self.size, self.sure, self.file))
        assert isinstance(roles, ui.RoleSelect)
        assert isinstance(size, ui.RadioGroup)
        assert isinstance(sure, ui.Checkbox)
        assert isinstance(file, ui.FileUpload)
        read = [(await upload.read()).decode() for upload in file.values]
        text = f"{self.name.value} {[role.name for role in roles.values]} {size.value} {sure.value} {read}"
        await interaction.response.send_message(text, ephemeral=True)


class Panel(ui.View):
    """Buttons and selects."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.add_item(ui.Button(label="Site", url="https://example.org/"))
        self.add_item(ui.Button(label="Silent", custom_id="silent"))

    @ui.button(label="Go", custom_id="go")
    async def go(self, interaction: discord.Interaction[Any], button: ui.Button["Panel"]) -> None:
        button.disabled = True
        await interaction.response.edit_message(content="gone", view=self)

    @ui.button(label="Form", custom_id="form")
    async def form(self, interaction: discord.Interaction[Any], _: ui.Button["Panel"]) -> None:
        await interaction.response.send_modal(Form())

    @ui.button(label="Later", custom_id="later")
    async def later(self, interaction: discord.Interaction[Any], _: ui.Button["Panel"]) -> None:
        await interaction.response.defer()
        await interaction.edit_original_response(content="later it was", view=None)

    @ui.select(cls=ui.RoleSelect, custom_id="roles", max_values=2)
    async def roles(self, interaction: discord.Interaction[Any], select: ui.RoleSelect["Panel"]) -> None:
        await interaction.response.send_message(", ".join(role.name for role in select.values))

    @ui.select(custom_id="tiers", options=[discord.SelectOption(label="Gold", value="g")])
    async def tiers(self, interaction: discord.Interaction[Any], select: ui.Select["Panel"]) -> None:
        await interaction.response.send_message(select.values[0])


class Cards(ui.LayoutView):
    """A message of components only."""

    text: ui.TextDisplay["Cards"] = ui.TextDisplay("Your roles")
    box: ui.Container["Cards"] = ui.Container(
        ui.Section("Gold", accessory=ui.Button(label="Why", custom_id="why")), ui.Separator()
    )


class AnsweringBot(DiscordBot):
    """Answers in every way there is."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: list[discord.HTTPException] = []
        self.kept: list[discord.Interaction[Any]] = []
        self.add_commands()
        self.tree.error(self.note_failure)

    async def note_failure(self, _: discord.Interaction[Any], error: app_commands.AppCommandError) -> None:
        cause = error.__cause__ or error
        assert isinstance(cause, discord.HTTPException)
        self.failures.append(cause)

    def add_commands(self) -> None:  # noqa: C901 # one short answer after the other
        @self.tree.command(description="Answers at once")
        async def now(interaction: discord.Interaction, secret: bool = True) -> None:
            self.kept.append(interaction)
            answer = await interaction.response.send_message(
                "hello",
                embed=discord.Embed(title="T", description="D").add_field(name="N", value="V").set_footer(text="F"),
                view=Panel(),
                ephemeral=secret,
            )
            assert answer.message_id is not None

        @self.tree.command(description="Thinks first")
        async def think(interaction: discord.Interaction) -> None:
            await interaction.response.defer(ephemeral=True, thinking=True)
            await interaction.edit_original_response(content="one")
            await interaction.edit_original_response(content="two")
            extra = await interaction.followup.send("three", ephemeral=True, wait=True)
            await extra.edit(content="four")

        @self.tree.command(description="Thinks, then follows up")
        async def follow(interaction: discord.Interaction) -> None:
            await interaction.response.defer(thinking=True)
            await interaction.followup.send("first")
            await interaction.followup.send("second")
            await interaction.delete_original_response()

        @self.tree.command(description="Shows cards")
        async def cards(interaction: discord.Interaction) -> None:
            await interaction.response.send_message(view=Cards())

        @self.tree.command(description="Never answers")
        async def never(interaction: discord.Interaction) -> None:
            self.kept.append(interaction)

        @self.tree.command(description="Sends a file")
        async def export(interaction: discord.Interaction) -> None:
            await interaction.response.send_message(file=discord.File(io.BytesIO(b"a,b"), "patrons.csv"))

        @self.tree.command(description="Answers too much")
        async def long(interaction: discord.Interaction) -> None:
            await interaction.response.send_message("x" * 2001)

        @self.tree.command(description="Completes")
        async def pick(interaction: discord.Interaction, tier: str, role: discord.Role | None = None) -> None:
            await interaction.response.send_message(tier)

        @pick.autocomplete("tier")
        async def complete(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
            if current == "silence":
                self.kept.append(interaction)
                await asyncio.Event().wait()
            if current == "many":
                return [app_commands.Choice(name=str(n), value=str(n)) for n in range(26)]
            return [app_commands.Choice(name=f"{current} for {interaction.namespace.role}", value=current)]

    async def setup_hook(self) -> None:
        self.add_view(Panel())
        await self.tree.sync()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def town(clock: Clock) -> Town:
    return build_town(clock=clock)


@pytest.fixture
async def server(town: Town) -> AsyncIterator[DiscordServer]:
    async with DiscordServer(town.world).serve() as server:
        yield server


@pytest.fixture
async def bot(server: DiscordServer) -> AsyncIterator[AnsweringBot]:
    bot = AnsweringBot()
    async with running(bot, server):
        yield bot


async def run(server: DiscordServer, town: Town, command: str, **options: Any) -> Interaction:
    return await server.run_command(town.ann.id, command, options, guild=town.guild.id)


async def panel(server: DiscordServer, town: Town) -> Message:
    message = await (await run(server, town, "now")).response()
    assert message is not None
    return message


async def test_an_ephemeral_answer_is_seen_by_one_and_stored_nowhere(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    interaction = await run(server, town, "now")
    message = await interaction.response()
    assert message is not None
    assert (interaction.ephemeral, message.only_for, interaction.deferred) == (True, town.ann.id, False)
    assert text_of(message) == "hello\nT\nD\nN\nV\nF"
    assert town.world.history(message.channel_id) == []


async def test_a_public_answer_is_in_the_channel_with_its_origin(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    interaction = await run(server, town, "now", secret=False)
    message = await interaction.response()
    assert message is not None
    assert town.world.history(message.channel_id) == [message]
    assert message.interaction is not None
    assert message.interaction["id"] == str(interaction.id)
    assert message.interaction["user"]["username"] == "ann"


async def test_thinking_then_edits_then_a_followup(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    interaction = await run(server, town, "think")
    assert await interaction.response() is interaction.original
    assert (interaction.deferred, interaction.ephemeral) == (True, True)
    await interaction.wait_for(lambda message: message.content == "four")
    assert interaction.text == "two\nfour"
    states = [(state.content, state.loading) for state in interaction.snapshots]
    assert states == [("", True), ("one", False), ("two", False), ("three", False), ("four", False)]
    assert (await interaction.settled()).edited_at is not None


async def test_the_first_followup_takes_the_place_of_thinking(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    interaction = await run(server, town, "follow")
    await interaction.wait_for(lambda message: message.content == "second")
    await interaction.wait_for(lambda _: interaction.messages[0].content == "second")
    assert [message.content for message in interaction.messages] == ["second"]
    assert [state.content for state in interaction.snapshots] == ["", "first", "second"]
    assert [m.content for m in town.world.history(next(iter(town.guild.channels)))] == ["second"]


async def test_a_button_changes_its_message_and_is_disabled_then(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    message = await panel(server, town)
    pressed = await server.press(message, "Go", town.ann.id)
    assert await pressed.response() is message
    assert (message.content, find(message.components, "go")["disabled"]) == ("gone", True)
    with pytest.raises(NotPossible, match="disabled"):
        await server.press(message, "go", town.ann.id)


async def test_a_deferred_press_is_edited_later(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    message = await panel(server, town)
    pressed = await server.press(message, "later", town.ann.id)
    assert await pressed.wait_for(lambda m: m.content == "later it was") is message
    assert pressed.deferred
    assert message.components == []


async def test_selects_carry_values_and_resolved_roles(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    message = await panel(server, town)
    chosen = await server.select(message, "roles", [town.gold.id, town.silver.id], town.ann.id)
    assert (await chosen.settled()).content == "Gold, Silver"
    tier = await server.select(message, "tiers", ["g"], town.ann.id)
    assert (await tier.settled()).content == "g"


async def test_what_a_person_cannot_do_never_reaches_the_bot(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    message = await panel(server, town)
    started = len(town.world.timeline.of("discord.interaction"))
    for attempt in (
        server.press(message, "nothing", town.ann.id),
        server.press(message, "Site", town.ann.id),
        server.press(message, "roles", town.ann.id),
        server.press(message, "go", town.owner.id),
        server.select(message, "go", ["g"], town.ann.id),
        server.select(message, "tiers", ["other"], town.ann.id),
        server.select(message, "tiers", [], town.ann.id),
        server.select(message, "roles", [5], town.ann.id),
        server.submit(await run(server, town, "never"), {}),
    ):
        with pytest.raises(NotPossible):
            await attempt
    assert len(town.world.timeline.of("discord.interaction")) == started + 1


async def test_a_message_in_a_channel_one_does_not_see_cannot_be_pressed(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    message = await (await run(server, town, "now", secret=False)).response()
    assert message is not None
    town.world.overwrite(message.channel_id, town.guild.id, deny=Permission.VIEW_CHANNEL)
    with pytest.raises(NotPossible, match="does not see this message"):
        await server.press(message, "go", town.ann.id)


async def test_a_form_is_opened_filled_in_and_sent(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    pressed = await server.press(await panel(server, town), "form", town.ann.id)
    assert await pressed.response() is None
    assert pressed.modal is not None
    assert pressed.modal["title"] == "Tell us"
    filled: dict[str, Any] = {"Name": "bob", "Roles": [town.gold.id], "Size": "b", "Sure": True}
    filled["File"] = [("x.txt", b"text")]
    sent = await server.submit(pressed, filled)
    assert (await sent.settled()).content == "bob ['Gold'] b True ['text']"
    again = await server.press(await panel(server, town), "form", town.ann.id)
    await again.response()
    empty = await server.submit(again, {"Name": "eve"})
    assert (await empty.settled()).content == "eve [] None False []"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"Name": "much too long a name"},
        {"Name": "x", "Age": "3"},
        {"Name": "x", "Size": "small"},
        {"Name": "x", "Roles": [5]},
    ],
)
async def test_a_form_that_is_filled_in_wrongly_is_not_sent(
    town: Town, server: DiscordServer, bot: AnsweringBot, values: dict[str, Any]
) -> None:
    pressed = await server.press(await panel(server, town), "form", town.ann.id)
    await pressed.response()
    with pytest.raises(NotPossible):
        await server.submit(pressed, values)


async def test_components_v2_are_kept_with_discords_defaults(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    message = await (await run(server, town, "cards")).response()
    assert message is not None
    assert text_of(message) == "Your roles\nGold"
    assert message.flags & 1 << 15
    container = message.components[1]
    assert (container["spoiler"], container["components"][1]["spacing"]) == (False, 1)
    assert find(message.components, "Why")["custom_id"] == "why"


async def test_a_file_in_an_answer_can_be_downloaded(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    message = await (await run(server, town, "export")).response()
    assert message is not None
    [attachment] = message.attachments
    assert (attachment.filename, attachment.data) == ("patrons.csv", b"a,b")
    url = f"{server.base_url}/attachments/{message.channel_id}/{attachment.id}/patrons.csv"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as response:
            assert (response.status, await response.read()) == (200, b"a,b")
        async with session.get(url.replace(str(attachment.id), "5")) as response:
            assert response.status == 404


async def test_autocompletion_knows_the_other_options(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    guild = town.guild.id
    choices = await server.autocomplete(town.ann.id, "pick", "tier", "go", {"role": town.gold.id}, guild=guild)
    assert [choice["value"] for choice in choices] == ["go"]
    assert str(town.gold.id) in choices[0]["name"] or "Gold" in choices[0]["name"]
    with pytest.raises(NotPossible, match="autocompletion"):
        await server.autocomplete(town.ann.id, "pick", "role", "go", guild=guild)


async def test_a_bot_that_says_nothing_fails_after_its_time_and_cannot_answer_then(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    server.interactions.answer_seconds = 0.03
    interaction = await run(server, town, "never")
    with pytest.raises(NoAnswer, match="did not respond"):
        await interaction.response()
    with pytest.raises(NoAnswer, match="did not respond"):
        await interaction.wait_for(lambda _: True)
    with pytest.raises(discord.NotFound) as late:
        await bot.kept[0].response.send_message("sorry")
    assert late.value.code == 10062
    with pytest.raises(NoAnswer):
        await server.autocomplete(town.ann.id, "pick", "tier", "silence", guild=town.guild.id)


async def test_without_a_connected_bot_an_interaction_fails_at_once(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    await bot.close()
    interaction = await run(server, town, "now")
    assert interaction.error == "The application did not respond"


async def test_waiting_for_what_never_comes_tells_what_there_was(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    interaction = await run(server, town, "now")
    with pytest.raises(NoAnswer, match="hello"):
        await interaction.wait_for(lambda message: message.content == "goodbye", timeout=0.02)


async def test_a_token_dies_after_fifteen_minutes_of_the_worlds_clock(
    clock: Clock, town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    await panel(server, town)
    clock.move(timedelta(minutes=14))
    await bot.kept[0].edit_original_response(content="still here")
    clock.move(timedelta(minutes=2))
    with pytest.raises(discord.HTTPException) as dead:
        await bot.kept[0].edit_original_response(content="too late")
    assert (dead.value.status, dead.value.code) == (401, 50027)


async def test_a_second_first_answer_is_refused(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    interaction = await run(server, town, "now")
    await interaction.response()
    url = f"{server.api_url}/interactions/{interaction.id}/{interaction.token}/callback"
    async with aiohttp.ClientSession() as session, session.post(url, json={"type": 4, "data": {"content": "x"}}) as again:
        assert (again.status, (await again.json())["code"]) == (400, 40060)


async def test_an_answer_discord_does_not_take_is_no_answer(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    interaction = await run(server, town, "long")
    await until(lambda: bool(bot.failures))
    assert not interaction.answered
    assert [(failure.status, failure.code) for failure in bot.failures] == [(400, 50035)]
    assert interaction.messages == []


@pytest.mark.parametrize(
    "body",
    [{}, {"type": 99}, {"type": 7}, {"type": 8, "data": {"choices": []}}, {"type": 9, "data": {"title": ""}}, {"type": 4}],
)
async def test_an_answer_that_does_not_fit_is_refused(
    town: Town, server: DiscordServer, bot: AnsweringBot, body: dict[str, Any]
) -> None:
    interaction = await run(server, town, "never")
    url = f"{server.api_url}/interactions/{interaction.id}/{interaction.token}/callback"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        assert response.status == 400
    assert not interaction.answered


async def test_an_update_discord_does_not_take_changes_nothing(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    message = await panel(server, town)
    pressed = await server.press(message, "silent", town.ann.id)
    url = f"{server.api_url}/interactions/{pressed.id}/{pressed.token}/callback"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json={"type": 7, "data": {"content": "x" * 2001}}) as refused:
            assert refused.status == 400
        assert not pressed.answered
        async with session.post(url, json={"type": 7, "data": {"content": "short"}}) as taken:
            assert taken.status == 204
    assert (await pressed.response(), message.content) == (message, "short")


async def test_only_the_interactions_own_messages_can_be_reached(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    interaction = await run(server, town, "now")
    message = await interaction.response()
    assert message is not None
    url = f"{server.api_url}/webhooks/{town.bot_id}/{interaction.token}/messages/"
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{url}{message.id}") as found:
            assert (found.status, (await found.json())["content"]) == (200, "hello")
        async with session.patch(f"{url}5", json={"content": "x"}) as other:
            assert (other.status, (await other.json())["code"]) == (404, 10008)
        async with session.delete(f"{url}@original") as gone:
            assert gone.status == 204
        async with session.get(f"{url}@original") as missing:
            assert missing.status == 404
    assert interaction.messages == []
    with pytest.raises(NotPossible, match="does not see this message"):
        await server.press(message, "go", town.ann.id)


async def test_too_many_choices_are_refused(town: Town, server: DiscordServer, bot: AnsweringBot) -> None:
    asking = asyncio.create_task(server.autocomplete(town.ann.id, "pick", "tier", "many", guild=town.guild.id))
    callback = "POST /interactions/{interaction_id}/{token}/callback"
    await until(lambda: server.rest.statuses[callback, 400] == 1)
    assert not asking.done()
    asking.cancel()


async def test_nothing_can_be_said_before_the_first_answer_or_with_a_wrong_token(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    interaction = await run(server, town, "never")
    async with aiohttp.ClientSession() as session:
        for token in (interaction.token, "wrong"):
            url = f"{server.api_url}/webhooks/{town.bot_id}/{token}"
            async with session.post(url, json={"content": "x"}) as response:
                assert (response.status, (await response.json())["code"]) == (404, 10015)
        url = f"{server.api_url}/interactions/{interaction.id}/wrong/callback"
        async with session.post(url, json={"type": 4, "data": {"content": "x"}}) as response:
            assert (response.status, (await response.json())["code"]) == (404, 10062)


async def test_the_time_line_tells_interactions_and_answers_without_their_words(
    town: Town, server: DiscordServer, bot: AnsweringBot
) -> None:
    interaction = await run(server, town, "now")
    await interaction.response()
    texts = [entry.text for entry in town.world.timeline.of("discord")]
    assert "ann: /now" in texts
    assert "Patron Roles answered: /now" in texts
    assert interaction.token not in repr(town.world.timeline.entries)
