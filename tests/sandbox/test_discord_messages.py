"""Messages in channels and DMs: who may write, what Discord takes, what a person sees."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest

from sandbox.discord import components, message_forms
from sandbox.discord.errors import ApiError
from sandbox.discord.server import DiscordServer
from sandbox.world.guild_records import BOT_PERMISSIONS, Attachment, Message, MessageFlag, Permission
from tests.sandbox.discord_life import TOKEN, DiscordBot, Town, build_town, running
from tests.waiting import PATIENCE

V2 = MessageFlag.COMPONENTS_V2
BUTTON = {"type": 2, "style": 1, "label": "Go", "custom_id": "go"}
MESSAGE_KEYS = {
    "id",
    "type",
    "channel_id",
    "author",
    "content",
    "timestamp",
    "edited_timestamp",
    "tts",
    "mention_everyone",
    "mentions",
    "mention_roles",
    "attachments",
    "embeds",
    "components",
    "pinned",
    "flags",
}


@pytest.fixture
def town() -> Town:
    return build_town()


@pytest.fixture
async def server(town: Town) -> AsyncIterator[DiscordServer]:
    async with DiscordServer(town.world).serve() as server:
        server.limits.lift()
        yield server


@pytest.fixture
async def bot(server: DiscordServer) -> AsyncIterator[DiscordBot]:
    bot = DiscordBot()
    async with running(bot, server):
        yield bot


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bot {TOKEN}"}) as session:
        yield session


def blank(town: Town) -> Message:
    return Message(1, next(iter(town.guild.channels)), town.bot_id, town.world.clock.now())


def row(*children: dict[str, Any]) -> dict[str, Any]:
    return {"type": 1, "components": list(children)}


def select(**more: Any) -> dict[str, Any]:
    return {"type": 6, "custom_id": "roles"} | more


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"content": "x" * 2001}, "content"),
        ({"embeds": [{"title": "x"}] * 11}, "embeds"),
        ({"embeds": [{"title": "x" * 257}]}, "embeds.0.title"),
        ({"embeds": [{"description": "x" * 4097}]}, "embeds.0.description"),
        ({"embeds": [{"fields": [{"name": "x", "value": "x"}] * 26}]}, "embeds.0.fields"),
        ({"embeds": [{"fields": [{"name": "x", "value": ""}]}]}, "embeds.0.fields.0.value"),
        ({"embeds": [{"fields": [{"name": "x", "value": "x" * 1025}]}]}, "embeds.0.fields.0.value"),
        ({"embeds": [{"description": "x" * 4000}, {"description": "x" * 1990, "footer": {"text": "x" * 11}}]}, "embeds"),
        ({"components": [BUTTON]}, "components.0"),
        ({"components": [row()]}, "components.0.components"),
        ({"components": [row(*({**BUTTON, "custom_id": str(n)} for n in range(6)))]}, "components.0.components"),
        ({"components": [row(select(), select(custom_id="b"))]}, "components.0.components"),
        ({"components": [row(BUTTON), row(BUTTON)]}, "components.1.components.0.custom_id"),
        ({"components": [row({**BUTTON, "custom_id": "x" * 101})]}, "components.0.components.0.custom_id"),
        ({"components": [row({**BUTTON, "custom_id": ""})]}, "components.0.components.0.custom_id"),
        ({"components": [row({"type": 2, "style": 5, "label": "x"})]}, "components.0.components.0.url"),
        ({"components": [row({"type": 2, "style": 1, "custom_id": "x"})]}, "components.0.components.0.label"),
        ({"components": [row({"type": 6})]}, "components.0.components.0.custom_id"),
        ({"components": [row({"type": 3, "custom_id": "x", "options": []})]}, "components.0.components.0.options"),
        ({"components": [{"components": []}]}, "components.0.type"),
        ({"components": [row({**BUTTON, "custom_id": str(n)}) for n in range(6)]}, "components"),
        ({"flags": V2, "components": [{"type": 10, "content": "x"}] * 41}, "components"),
        ({"flags": V2, "components": [{"type": 10, "content": "x" * 2001}] * 2}, "components"),
        ({"flags": V2, "components": [{"type": 10, "content": ""}]}, "components.0.content"),
        ({"flags": V2, "content": "x", "components": [{"type": 10, "content": "x"}]}, "flags"),
    ],
)
def test_a_message_beyond_discords_limits_is_refused_with_the_field(town: Town, form: dict[str, Any], field: str) -> None:
    message = blank(town)
    with pytest.raises(ApiError) as refused:
        message_forms.write(message, form, [])
    assert refused.value.code == 50035
    errors = refused.value.errors
    for part in field.split("."):
        assert errors is not None
        errors = errors[part]
    assert errors is not None
    assert errors["_errors"][0]["message"]
    assert (message.content, message.embeds, message.components) == ("", [], [])


@pytest.mark.parametrize("form", [{}, {"content": None}, {"content": "", "embeds": [], "components": []}])
def test_an_empty_message_is_refused(town: Town, form: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="50006"):
        message_forms.write(blank(town), form, [])


def test_the_largest_message_discord_takes_is_taken(town: Town) -> None:
    rows = [row(*({**BUTTON, "custom_id": f"{n}-{m}"} for m in range(5))) for n in range(5)]
    message_forms.write(blank(town), {"content": "x" * 2000, "components": rows}, [])
    texts = [{"type": 10, "content": "x" * 100} for _ in range(40)]
    message_forms.write(blank(town), {"flags": V2, "components": texts}, [])


def test_an_edit_leaves_what_it_does_not_name(town: Town) -> None:
    message = blank(town)
    files = [Attachment(5, "a.csv", "text/csv", b""), Attachment(6, "b.csv", "text/csv", b"")]
    message_forms.write(message, {"content": "hello", "components": [row(BUTTON)]}, files)
    message_forms.write(message, {"embeds": [{"title": "T"}], "attachments": [{"id": "6"}]}, [])
    assert (message.content, message.embeds) == ("hello", [{"type": "rich", "title": "T"}])
    assert [attachment.filename for attachment in message.attachments] == ["b.csv"]
    message_forms.write(message, {"content": None, "components": None}, [])
    assert (message.content, message.components) == ("", [])


def test_components_v2_cannot_be_taken_off_again(town: Town) -> None:
    message = blank(town)
    message_forms.write(message, {"flags": V2, "components": [{"type": 10, "content": "x"}]}, [])
    with pytest.raises(ApiError):
        message_forms.write(message, {"flags": 0, "content": "plain"}, [])


def test_components_are_numbered_without_clashes_and_found_by_id_or_label() -> None:
    tree = components.complete([row({**BUTTON, "id": 1}, {**BUTTON, "custom_id": "stop", "label": "Stop"})])
    assert [component["id"] for _, component in components.walk(tree)] == [2, 1, 3]
    assert components.find(tree, "Stop") is components.find(tree, "stop")
    with pytest.raises(LookupError, match=r"Go.*Stop"):
        components.find(tree, "other")


async def test_a_message_is_posted_edited_read_and_deleted(town: Town, server: DiscordServer, bot: DiscordBot) -> None:
    channel = bot.guilds[0].text_channels[0]
    message = await channel.send(f"hi <@{town.ann.id}> <@5>", embed=discord.Embed(title="T"))
    assert [user.id for user in message.mentions] == [town.ann.id]
    await message.edit(content="changed")
    [stored] = town.world.history(channel.id)
    assert (stored.content, stored.edited_at is not None, stored.author_id) == ("changed", True, town.bot_id)
    assert (await channel.fetch_message(message.id)).content == "changed"
    assert [m.id async for m in channel.history()] == [message.id]
    await message.delete()
    assert town.world.history(channel.id) == []
    with pytest.raises(discord.NotFound):
        await channel.fetch_message(message.id)


async def test_history_comes_in_pages(town: Town, server: DiscordServer, bot: DiscordBot) -> None:
    channel = bot.guilds[0].text_channels[0]
    sent = [(await channel.send(str(n))).id for n in range(7)]
    assert [m.id async for m in channel.history(limit=3)] == sent[:-4:-1]
    assert [m.id async for m in channel.history(limit=3, oldest_first=True)] == sent[:3]
    assert [m.id async for m in channel.history(before=discord.Object(sent[2]))] == sent[1::-1]


async def test_a_message_has_discords_shape(town: Town, server: DiscordServer, session: aiohttp.ClientSession) -> None:
    url = f"{server.api_url}/channels/{next(iter(town.guild.channels))}/messages"
    async with session.post(url, json={"content": "hi"}) as response:
        message = await response.json()
    assert set(message) == MESSAGE_KEYS
    assert (message["author"]["bot"], message["type"], message["edited_timestamp"]) == (True, 0, None)


async def test_a_channel_the_bot_may_not_see_or_write_in_is_refused(
    town: Town, server: DiscordServer, bot: DiscordBot
) -> None:
    channel = bot.guilds[0].text_channels[0]
    own = town.world.bot_role(town.guild.id, town.bot_id)
    town.world.overwrite(channel.id, own.id, deny=Permission.SEND_MESSAGES)
    with pytest.raises(discord.Forbidden) as mute:
        await channel.send("hi")
    town.world.overwrite(channel.id, own.id, deny=Permission.VIEW_CHANNEL)
    with pytest.raises(discord.Forbidden) as blind:
        await channel.send("hi")
    assert (mute.value.code, blind.value.code) == (50013, 50001)
    assert await bot.guilds[0].fetch_channels() == []


async def test_other_peoples_messages_are_not_the_bots_to_change(
    town: Town, server: DiscordServer, session: aiohttp.ClientSession
) -> None:
    channel = next(iter(town.guild.channels))
    post = Message(town.world.new_id(), channel, town.ann.id, town.world.clock.now(), "mine", guild_id=town.guild.id)
    town.world.post(post)
    url = f"{server.api_url}/channels/{channel}/messages/{post.id}"
    async with session.patch(url, json={"content": "x"}) as response:
        assert (response.status, (await response.json())["code"]) == (403, 50005)
    async with session.delete(url) as response:
        assert (response.status, (await response.json())["code"]) == (403, 50013)
    own = town.world.bot_role(town.guild.id, town.bot_id)
    town.world.set_permissions(town.guild.id, own.id, BOT_PERMISSIONS | Permission.MANAGE_MESSAGES)
    async with session.delete(url) as response:
        assert response.status == 204


async def test_a_dm_reaches_the_user(town: Town, server: DiscordServer, bot: DiscordBot) -> None:
    user = await bot.fetch_user(town.ann.id)
    await user.send("one")
    await user.send("two")
    assert [message.content for message in town.world.dms(town.ann.id)] == ["one", "two"]
    assert server.calls["POST /users/@me/channels"] == 1


async def test_closed_dms_and_strangers_cannot_be_written_to(town: Town, server: DiscordServer, bot: DiscordBot) -> None:
    stranger = town.world.add_user("bob").id
    town.world.close_dms(town.ann.id)
    for user in (town.ann.id, stranger):
        with pytest.raises(discord.Forbidden) as refused:
            await (await bot.fetch_user(user)).send("hi")
        assert refused.value.code == 50007
    town.world.open_dms(town.ann.id)
    await (await bot.fetch_user(town.ann.id)).send("hi")
    assert town.world.dms(stranger) == []


async def test_dms_reach_the_gateway_of_the_bot_they_are_with(town: Town, server: DiscordServer) -> None:
    bot = DiscordBot(discord.Intents(guilds=True, members=True, dm_messages=True, guild_messages=True))
    seen: list[tuple[str, str | None, bool]] = []

    @bot.event
    async def on_message(message: discord.Message) -> None:
        seen.append(("posted", message.content, message.guild is None))

    @bot.event
    async def on_raw_message_edit(event: discord.RawMessageUpdateEvent) -> None:
        seen.append(("edited", event.message.content, event.guild_id is None))

    @bot.event
    async def on_raw_message_delete(event: discord.RawMessageDeleteEvent) -> None:
        seen.append(("deleted", None, event.guild_id is None))
        done.put_nowait(None)

    done: asyncio.Queue[None] = asyncio.Queue()
    other = town.world.add_bot("Other", "other-token")
    town.world.invite(other.id, town.guild.id)
    foreign = town.world.open_dm(other.id, town.ann.id)
    async with running(bot, server):
        await bot.wait_until_ready()
        town.world.post(Message(town.world.new_id(), foreign.id, other.id, town.world.clock.now(), "not for you"))
        for target in (await bot.fetch_user(town.ann.id), bot.guilds[0].text_channels[0]):
            message = await target.send("hi")
            await message.edit(content="there")
            await message.delete()
            await asyncio.wait_for(done.get(), PATIENCE)
    expected = [("posted", "hi"), ("edited", "there"), ("deleted", None)]
    assert seen == [(*what, where) for where in (True, False) for what in expected]


async def test_bots_are_not_written_to_and_dms_are_private(
    town: Town, server: DiscordServer, session: aiohttp.ClientSession
) -> None:
    other = town.world.add_bot("Other", "other-token")
    dm = town.world.open_dm(other.id, town.ann.id)
    async with session.post(f"{server.api_url}/users/@me/channels", json={"recipient_id": str(other.id)}) as response:
        assert (response.status, (await response.json())["code"]) == (403, 50007)
    async with session.get(f"{server.api_url}/channels/{dm.id}") as response:
        assert response.status == 404
    async with session.post(f"{server.api_url}/channels/{next(iter(town.guild.channels))}/typing") as response:
        assert response.status == 204
    town.world.take_down(town.guild.id)
    async with session.get(f"{server.api_url}/channels/{next(iter(town.guild.channels))}") as response:
        assert response.status == 503


async def test_a_person_sees_the_channel_and_their_own_ephemeral_messages(
    town: Town, server: DiscordServer, bot: DiscordBot
) -> None:
    @bot.tree.command(description="Whispers")
    async def whisper(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("psst", ephemeral=True)

    await bot.tree.sync()
    channel = bot.guilds[0].text_channels[0]
    await channel.send("first")
    interaction = await server.run_command(town.ann.id, "whisper", guild=town.guild.id)
    await interaction.response()
    await channel.send("last")
    assert [m.content for m in server.sees(town.ann.id, channel.id)] == ["first", "psst", "last"]
    assert [m.content for m in server.sees(town.owner.id, channel.id)] == ["first", "last"]
    assert server.interactions.get(interaction.id) is interaction


async def test_a_file_can_be_sent_and_read_back(town: Town, server: DiscordServer, bot: DiscordBot) -> None:
    file = discord.File(io.BytesIO(b"tier,role"), "rules of 2026?.csv")
    message = await bot.guilds[0].text_channels[0].send("here", file=file)
    assert message.attachments[0].filename == "rules of 2026?.csv"
    assert await message.attachments[0].read() == b"tier,role"
