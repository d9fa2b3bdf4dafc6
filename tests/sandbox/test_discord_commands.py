"""Registering commands, seeing them, typing them: what Discord takes, what its client offers, what the bot is told."""

from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
from discord import app_commands

from sandbox.discord.commands import GLOBAL, CommandBook
from sandbox.discord.errors import ApiError
from sandbox.discord.interaction import NotPossible
from sandbox.discord.server import DiscordServer
from sandbox.world.guild_records import Permission
from tests.sandbox.discord_life import DiscordBot, Town, build_town, running

Told = dict[str, Any]


@pytest.fixture
def town() -> Town:
    return build_town()


@pytest.fixture
def book(town: Town) -> CommandBook:
    return CommandBook(town.world)


def command(name: str = "link", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "Does it", "type": 1, **more}


def option(name: str = "tier", kind: int = 3, **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "Which", "type": kind, **more}


def test_a_registered_command_has_discords_shape(book: CommandBook) -> None:
    [registered] = book.replace(7, 9, [command(options=[option()], default_member_permissions=32)])
    assert set(registered) == {
        "id",
        "application_id",
        "guild_id",
        "version",
        "type",
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "default_member_permissions",
        "dm_permission",
        "contexts",
        "integration_types",
        "options",
        "nsfw",
    }
    assert (registered["default_member_permissions"], registered["guild_id"]) == ("32", "9")


def test_replacing_keeps_the_ids_of_what_stays(book: CommandBook) -> None:
    first = {c["name"]: c["id"] for c in book.replace(7, GLOBAL, [command("link"), command("unlink")])}
    second = {c["name"]: c["id"] for c in book.replace(7, GLOBAL, [command("link"), command("privacy")])}
    assert second["link"] == first["link"]
    assert [c["name"] for c in book.of(7)] == ["link", "privacy"]
    assert book.of(7, 9) == []


def test_one_command_can_be_added_changed_and_removed(book: CommandBook) -> None:
    added, fresh = book.add(7, GLOBAL, command())
    again, fresh_again = book.add(7, GLOBAL, command(description="Better"))
    assert (fresh, fresh_again, again["id"]) == (True, False, added["id"])
    changed = book.change(7, GLOBAL, int(added["id"]), {"description": "Best"})
    assert (changed["description"], changed["name"]) == ("Best", "link")
    book.remove(7, GLOBAL, int(added["id"]))
    assert book.of(7) == []


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (command("Link"), "name"),
        (command("two words"), "name"),
        (command("x" * 33), "name"),
        (command(description=""), "description"),
        (command(description="x" * 101), "description"),
        (command(options=[option(f"o{n}") for n in range(26)]), "options"),
        (command(options=[option(), option()]), "options"),
        (command(options=[option("Tier")]), "options.0.name"),
        (command(options=[option("a"), option("b", required=True)]), "options.1.required"),
        (command(options=[option(choices=[{"name": "x", "value": "x"}] * 26)]), "options.0.choices"),
        (command(options=[option(choices=[{"name": "", "value": "x"}])]), "options.0.choices.0.name"),
        (command(options=[option(choices=[{"name": "x", "value": "x"}], autocomplete=True)]), "options.0.autocomplete"),
        (command(options=[option("add", 1, options=[option("Tier")])]), "options.0.options.0.name"),
        (
            command(options=[option(f"o{n}", choices=[{"name": "x" * 100, "value": "x" * 100}] * 4) for n in range(10)]),
            "name",
        ),
        ({"name": "", "type": 2}, "name"),
    ],
)
def test_what_discord_refuses_to_register_is_refused_with_the_field(book: CommandBook, form: Told, field: str) -> None:
    with pytest.raises(ApiError) as refused:
        book.replace(7, GLOBAL, [form])
    assert (refused.value.status, refused.value.code) == (400, 50035)
    errors = refused.value.errors
    for part in f"0.{field}".split("."):
        assert errors is not None
        errors = errors[part]
    assert errors is not None
    assert errors["_errors"]
    assert book.of(7) == []


def test_a_hundred_slash_commands_are_the_most(book: CommandBook) -> None:
    book.replace(7, GLOBAL, [command(f"c{n}") for n in range(100)])
    with pytest.raises(ApiError, match="30032"):
        book.add(7, GLOBAL, command("one-more"))
    book.add(7, GLOBAL, {"name": "Of a user", "type": 2})
    with pytest.raises(ApiError):
        book.replace(7, GLOBAL, [command("same"), command("same")])


class TypedBot(DiscordBot):
    """Takes down what each of its commands was told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Told = {}
        self.add_commands()

    def add_commands(self) -> None:
        group = app_commands.Group(
            name="roles", description="Roles", default_permissions=discord.Permissions(manage_guild=True), guild_only=True
        )
        nested = app_commands.Group(name="rule", description="Rules", parent=group)

        @nested.command(description="Adds")
        @app_commands.choices(kind=[app_commands.Choice(name="By tier", value="tier")])
        async def add(  # noqa: PLR0917 # the signature is the command's
            interaction: discord.Interaction,
            role: discord.Role,
            kind: str,
            cents: app_commands.Range[int, 1, 500] = 5,
            member: discord.Member | None = None,
            channel: discord.TextChannel | None = None,
            ratio: float = 0.5,
            loud: bool = False,
        ) -> None:
            self.told = dict(locals())
            await interaction.response.send_message("done")

        @self.tree.command(description="Everybody's")
        async def link(interaction: discord.Interaction, file: discord.Attachment | None = None) -> None:
            self.told = {"interaction": interaction, "file": await file.read() if file else None}
            await interaction.response.send_message("linked")

        @self.tree.command(description="Administrators'")
        @app_commands.default_permissions()
        async def doctor(interaction: discord.Interaction) -> None:
            await interaction.response.send_message("healthy")

        @self.tree.context_menu(name="Show patron")
        async def show(interaction: discord.Interaction, member: discord.Member) -> None:
            self.told = {"member": member}
            await interaction.response.send_message(member.name)

        @self.tree.context_menu(name="Quote")
        async def quote(interaction: discord.Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(f"> {message.content}")

        self.tree.add_command(group)

    async def setup_hook(self) -> None:
        await self.tree.sync()


@pytest.fixture
async def server(town: Town) -> AsyncIterator[DiscordServer]:
    async with DiscordServer(town.world).serve() as server:
        yield server


@pytest.fixture
async def bot(server: DiscordServer) -> AsyncIterator[TypedBot]:
    bot = TypedBot()
    async with running(bot, server):
        yield bot


def make_staff(town: Town, permission: Permission = Permission.MANAGE_GUILD) -> None:
    town.world.set_permissions(town.guild.id, town.silver.id, permission)
    town.world.give_role(town.guild.id, town.ann.id, town.silver.id)


async def test_options_of_every_type_arrive_as_discord_py_objects(town: Town, server: DiscordServer, bot: TypedBot) -> None:
    make_staff(town)
    channel = next(iter(town.guild.channels))
    options: Told = {
        "role": town.gold.id,
        "kind": "tier",
        "cents": 7,
        "member": town.owner.id,
        "channel": channel,
        "ratio": 2,
        "loud": True,
    }
    interaction = await server.run_command(town.ann.id, "roles rule add", options, guild=town.guild.id)
    assert await interaction.response() is interaction.original
    told = bot.told
    assert (told["role"].name, told["role"].position, told["kind"], told["cents"]) == ("Gold", 2, "tier", 7)
    assert (told["member"].name, told["channel"].name, told["ratio"], told["loud"]) == ("cat", "general", 2, True)
    assert interaction.title == "/roles rule add"


async def test_the_payload_tells_who_asks_and_what_both_may_do(town: Town, server: DiscordServer, bot: TypedBot) -> None:
    make_staff(town)
    await (await server.run_command(town.ann.id, "link", guild=town.guild.id)).response()
    interaction: discord.Interaction = bot.told["interaction"]
    assert isinstance(interaction.user, discord.Member)
    assert interaction.user.id == town.ann.id
    assert interaction.permissions.manage_guild
    assert not interaction.permissions.administrator
    assert interaction.app_permissions.manage_roles
    assert [role.name for role in interaction.user.roles] == ["@everyone", "Silver"]
    assert interaction.guild is not None
    assert (interaction.guild.id, str(interaction.locale)) == (town.guild.id, "en-US")
    assert interaction.context.guild


async def test_a_command_in_a_dm_names_the_user_and_no_guild(town: Town, server: DiscordServer, bot: TypedBot) -> None:
    answer = await (await server.run_command(town.ann.id, "link")).response()
    assert answer is not None
    assert answer.content == "linked"
    interaction: discord.Interaction = bot.told["interaction"]
    assert (interaction.guild_id, interaction.user.id) == (None, town.ann.id)
    assert interaction.context.dm_channel
    assert [message.content for message in town.world.dms(town.ann.id)] == ["linked"]


async def test_a_file_is_uploaded_and_can_be_read(town: Town, server: DiscordServer, bot: TypedBot) -> None:
    options = {"file": ("rules.csv", b"a,b")}
    await (await server.run_command(town.ann.id, "link", options, guild=town.guild.id)).response()
    assert bot.told["file"] == b"a,b"


async def test_context_menus_work_on_users_and_messages(town: Town, server: DiscordServer, bot: TypedBot) -> None:
    shown = await server.run_command(town.owner.id, "Show patron", guild=town.guild.id, target=town.ann.id)
    answer = await shown.response()
    assert answer is not None
    assert (answer.content, bot.told["member"].id) == ("ann", town.ann.id)
    quoted = await server.run_command(town.owner.id, "Quote", guild=town.guild.id, target=answer)
    assert (await quoted.settled()).content == "> ann"


@pytest.mark.parametrize(
    ("permission", "seen"),
    [
        (Permission(0), {"link", "Show patron", "Quote"}),
        (Permission.MANAGE_GUILD, {"link", "Show patron", "Quote", "roles"}),
        (Permission.ADMINISTRATOR, {"link", "Show patron", "Quote", "roles", "doctor"}),
    ],
)
async def test_commands_are_hidden_from_those_without_the_permission(
    town: Town, server: DiscordServer, bot: TypedBot, permission: Permission, seen: set[str]
) -> None:
    make_staff(town, permission)
    assert {c["name"] for c in server.visible_commands(town.ann.id, town.guild.id)} == seen
    if "doctor" not in seen:
        with pytest.raises(NotPossible, match="does not see /doctor"):
            await server.run_command(town.ann.id, "doctor", guild=town.guild.id)


async def test_guild_commands_are_not_for_dms(town: Town, server: DiscordServer, bot: TypedBot) -> None:
    assert {c["name"] for c in server.visible_commands(town.owner.id)} == {"link", "doctor", "Show patron", "Quote"}
    with pytest.raises(NotPossible, match="not for DMs"):
        await server.run_command(town.owner.id, "roles rule add", guild=None)


async def test_a_channel_can_forbid_commands(town: Town, server: DiscordServer, bot: TypedBot) -> None:
    channel = next(iter(town.guild.channels))
    town.world.overwrite(channel, town.guild.id, deny=Permission.USE_APPLICATION_COMMANDS)
    with pytest.raises(NotPossible, match="may not use commands"):
        await server.run_command(town.ann.id, "link", guild=town.guild.id, channel=channel)
    await (await server.run_command(town.owner.id, "link", guild=town.guild.id, channel=channel)).response()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"kind": "tier"}, "'role' is required"),
        ({"role": 5, "kind": "tier"}, "no role 5"),
        ({"role": None, "kind": "money"}, "no choice"),
        ({"role": None, "kind": "tier", "cents": 501}, "bounds"),
        ({"role": None, "kind": "tier", "cents": "many"}, "cannot be entered"),
        ({"role": None, "kind": "tier", "loud": 1}, "cannot be entered"),
        ({"role": None, "kind": "tier", "colour": 1}, "no option colour"),
        ({"role": None, "kind": "tier", "channel": 5}, "no channel 5"),
    ],
)
async def test_the_client_checks_options_before_the_bot_hears_of_them(
    town: Town, server: DiscordServer, bot: TypedBot, options: Told, why: str
) -> None:
    options = {key: town.gold.id if value is None else value for key, value in options.items()}
    with pytest.raises(NotPossible, match=why):
        await server.run_command(town.owner.id, "roles rule add", options, guild=town.guild.id)
    assert bot.told == {}


@pytest.mark.parametrize("name", ["nothing", "roles", "roles rule", "roles rule remove", "link add"])
async def test_only_whole_commands_can_be_run(town: Town, server: DiscordServer, bot: TypedBot, name: str) -> None:
    with pytest.raises(NotPossible):
        await server.run_command(town.owner.id, name, guild=town.guild.id)


async def test_discord_py_registers_changes_and_removes_single_commands(
    town: Town, server: DiscordServer, bot: TypedBot
) -> None:
    [link] = [command for command in await bot.tree.fetch_commands() if command.name == "link"]
    assert (await bot.tree.fetch_command(link.id)).description == "Everybody's"
    edited = await link.edit(description="For all")
    assert (edited.id, edited.description) == (link.id, "For all")
    await edited.delete()
    with pytest.raises(discord.NotFound) as gone:
        await bot.tree.fetch_command(link.id)
    assert gone.value.code == 10063
    await bot.http.upsert_guild_command(town.bot_id, town.guild.id, command("only-here"))
    here = await bot.tree.fetch_commands(guild=town.guild)
    assert [found.name for found in here] == ["only-here"]
    assert [c["name"] for c in server.commands.of(town.bot_id, town.guild.id)] == ["only-here"]


async def test_commands_of_other_applications_and_broken_lists_are_refused(
    town: Town, server: DiscordServer, bot: TypedBot
) -> None:
    server.limits.lift()  # otherwise discord.py waits a minute: the bot has told its commands a moment ago
    with pytest.raises(discord.NotFound):
        await bot.http.get_global_commands(5)
    with pytest.raises(discord.HTTPException) as broken:
        await bot.http.bulk_upsert_global_commands(town.bot_id, {})  # type: ignore[arg-type]
    assert broken.value.code == 50035


async def test_a_command_can_be_kept_out_of_guilds(town: Town, server: DiscordServer) -> None:
    server.commands.replace(town.bot_id, GLOBAL, [command("secret", contexts=[1]), command("link", contexts=[0])])
    assert [c["name"] for c in server.visible_commands(town.ann.id)] == ["secret"]
    assert [c["name"] for c in server.visible_commands(town.ann.id, town.guild.id)] == ["link"]
    with pytest.raises(NotPossible, match="not for guilds"):
        await server.run_command(town.ann.id, "secret", guild=town.guild.id)


async def test_a_bot_that_left_leaves_no_commands_behind(town: Town, server: DiscordServer) -> None:
    server.commands.replace(town.bot_id, GLOBAL, [command()])
    town.world.leave(town.guild.id, town.bot_id)
    assert server.visible_commands(town.ann.id, town.guild.id) == []


async def test_who_sees_no_channel_can_use_no_command(town: Town, server: DiscordServer) -> None:
    server.commands.replace(town.bot_id, GLOBAL, [command()])
    town.world.overwrite(next(iter(town.guild.channels)), town.ann.id, deny=Permission.VIEW_CHANNEL)
    with pytest.raises(NotPossible, match="sees no channel"):
        await server.run_command(town.ann.id, "link", guild=town.guild.id)


async def test_a_guilds_own_command_hides_the_global_one_of_its_name(town: Town, server: DiscordServer) -> None:
    server.commands.replace(town.bot_id, GLOBAL, [command("link")])
    [own] = server.commands.replace(town.bot_id, town.guild.id, [command("link")])
    assert server.commands.find(town.guild.id, "link")[0]["id"] == own["id"]
    interaction = await server.run_command(town.ann.id, "link", guild=town.guild.id)
    assert interaction.data["guild_id"] == str(town.guild.id)
    assert interaction.error is not None
