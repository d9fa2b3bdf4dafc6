"""The gateway frame by frame, and how an unmodified discord.py lives through its accidents."""

import asyncio
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from sandbox.discord.server import DiscordServer
from tests.sandbox.discord_life import TOKEN, DiscordBot, Town, build_town, running
from tests.waiting import PATIENCE

GUILDS, MEMBERS, MODERATION, MESSAGES, CONTENT = 1, 2, 4, 1 << 9, 1 << 15


class Shard:
    """A gateway client of a few lines."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.sequence = 0
        self.session_id = ""

    async def take(self) -> dict[str, Any]:
        frame: dict[str, Any] = await self.socket.receive_json(timeout=5)
        self.sequence = frame.get("s") or self.sequence
        return frame

    async def event(self) -> tuple[str, Any]:
        frame = await self.take()
        assert frame["op"] == 0
        return frame["t"], frame["d"]

    async def send(self, opcode: int, data: Any) -> None:
        await self.socket.send_json({"op": opcode, "d": data})

    async def identify(self, intents: int = GUILDS | MEMBERS, **more: Any) -> dict[str, Any]:
        await self.send(2, {"token": TOKEN, "intents": intents, "properties": {}, **more})
        name, ready = await self.event()
        assert name == "READY"
        self.session_id = ready["session_id"]
        return dict(ready)

    async def close_code(self) -> int | None:
        while not self.socket.closed:
            await self.socket.receive(timeout=5)
        return self.socket.close_code


@pytest.fixture
def town() -> Town:
    return build_town()


@pytest.fixture
async def server(town: Town) -> AsyncIterator[DiscordServer]:
    async with DiscordServer(town.world).serve() as server:
        yield server


@asynccontextmanager
async def connect(server: DiscordServer, query: str = "?v=10&encoding=json") -> AsyncIterator[Shard]:
    async with aiohttp.ClientSession() as session, session.ws_connect(server.gateway_url + query) as socket:
        shard = Shard(socket)
        hello = await shard.take()
        assert (hello["op"], hello["d"]["heartbeat_interval"]) == (10, 41250)
        yield shard


async def test_identifying_brings_ready_and_then_each_guild(town: Town, server: DiscordServer) -> None:
    async with connect(server) as shard:
        ready = await shard.identify()
        assert ready["guilds"] == [{"id": str(town.guild.id), "unavailable": True}]
        assert ready["resume_gateway_url"] == server.gateway_url
        assert ready["user"]["id"] == ready["application"]["id"] == str(town.bot_id)
        name, guild = await shard.event()
        assert (name, guild["member_count"], guild["large"]) == ("GUILD_CREATE", 3, False)
        assert [member["user"]["id"] for member in guild["members"]] == [str(town.bot_id)]
        assert [channel["name"] for channel in guild["channels"]] == ["general"]
    assert server.gateway.identifies == 1


async def test_an_interaction_has_discords_shape(town: Town, server: DiscordServer) -> None:
    server.commands.replace(town.bot_id, 0, [{"name": "link", "description": "Links"}])
    common = {
        "id",
        "application_id",
        "type",
        "token",
        "version",
        "data",
        "channel_id",
        "channel",
        "locale",
        "entitlements",
        "attachment_size_limit",
        "authorizing_integration_owners",
        "app_permissions",
        "context",
    }
    async with connect(server) as shard:
        await shard.identify(GUILDS)
        await shard.event()
        await server.run_command(town.ann.id, "link", guild=town.guild.id)
        name, in_guild = await shard.event()
        await server.run_command(town.ann.id, "link")
        _, in_dm = await shard.event()
    assert name == "INTERACTION_CREATE"
    assert set(in_guild) == common | {"guild_id", "guild", "guild_locale", "member"}
    assert set(in_dm) == common | {"user"}
    assert in_guild["member"]["user"]["username"] == in_dm["user"]["username"] == "ann"
    assert in_guild["data"] == {"id": in_dm["data"]["id"], "name": "link", "type": 1, "options": []}


async def test_every_copy_of_a_bot_hears_an_interaction(town: Town, server: DiscordServer) -> None:
    server.commands.replace(town.bot_id, 0, [{"name": "link", "description": "Links"}])
    async with connect(server) as one, connect(server) as two:
        for shard in (one, two):
            await shard.identify(0)
        await server.run_command(town.ann.id, "link", guild=town.guild.id)
        assert (await one.event())[1]["id"] == (await two.event())[1]["id"]


async def test_a_heartbeat_is_acknowledged(server: DiscordServer) -> None:
    async with connect(server) as shard:
        await shard.send(1, None)
        assert (await shard.take())["op"] == 11
    assert server.gateway.opcodes == {1: 1}


async def test_the_transport_is_compressed_when_the_client_asks(server: DiscordServer) -> None:
    url = server.gateway_url + "?compress=zlib-stream"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        stream = zlib.decompressobj()
        hello = json.loads(stream.decompress(await socket.receive_bytes(timeout=5)))
        await socket.send_json({"op": 1, "d": None})
        ack = json.loads(stream.decompress(await socket.receive_bytes(timeout=5)))
    assert (hello["op"], ack["op"]) == (10, 11)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("no json", 4002),
        ('{"op": "x"}', 4002),
        ('{"op": 3, "d": {}}', 4003),
        ('{"op": 2, "d": {"token": "wrong"}}', 4004),
        (f'{{"op": 2, "d": {{"token": "{TOKEN}", "shard": [2, 2]}}}}', 4010),
        (f'{{"op": 2, "d": {{"token": "{TOKEN}", "intents": {CONTENT}}}}}', 4014),
    ],
)
async def test_a_wrong_frame_closes_with_discords_code(server: DiscordServer, frame: str, code: int) -> None:
    async with connect(server) as shard:
        await shard.socket.send_str(frame)
        assert await shard.close_code() == code


async def test_identifying_twice_or_inventing_an_opcode_closes(server: DiscordServer) -> None:
    async with connect(server) as shard:
        await shard.identify(0)
        await shard.send(2, {"token": TOKEN})
        assert await shard.close_code() == 4005
    async with connect(server) as shard:
        await shard.identify(0)
        await shard.send(77, None)
        assert await shard.close_code() == 4001


async def test_too_many_frames_in_a_minute_close(server: DiscordServer) -> None:
    async with connect(server) as shard:
        for _ in range(121):
            await shard.send(1, None)
        assert await shard.close_code() == 4008


async def test_intents_decide_what_a_session_hears(town: Town, server: DiscordServer) -> None:
    async with connect(server) as few, connect(server) as many:
        await few.identify(GUILDS)
        await many.identify(GUILDS | MEMBERS | MODERATION)
        await few.event()
        await many.event()
        town.world.give_role(town.guild.id, town.ann.id, town.gold.id, reason="yes")
        town.world.rename_role(town.guild.id, town.gold.id, "Golden")
        name, update = await many.event()
        assert (name, update["roles"], update["guild_id"]) == (
            "GUILD_MEMBER_UPDATE",
            [str(town.gold.id)],
            str(town.guild.id),
        )
        name, entry = await many.event()
        assert (name, entry["reason"]) == ("GUILD_AUDIT_LOG_ENTRY_CREATE", "yes")
        assert (await many.event())[0] == "GUILD_ROLE_UPDATE"
        assert (await few.event())[1]["role"]["name"] == "Golden"


async def test_a_bot_hears_of_its_own_roles_without_the_members_intent(town: Town, server: DiscordServer) -> None:
    async with connect(server) as shard:
        await shard.identify(GUILDS)
        await shard.event()
        town.world.give_role(town.guild.id, town.ann.id, town.gold.id)
        town.world.give_role(town.guild.id, town.bot_id, town.gold.id)
        name, update = await shard.event()
        assert (name, update["user"]["id"]) == ("GUILD_MEMBER_UPDATE", str(town.bot_id))


async def test_members_roles_channels_and_guilds_come_and_go(town: Town, server: DiscordServer) -> None:
    world, guild = town.world, town.guild.id
    async with connect(server) as shard:
        await shard.identify()
        await shard.event()
        bob = world.add_user("bob").id
        world.join(guild, bob)
        world.leave(guild, bob)
        world.delete_role(guild, town.silver.id)
        world.delete_channel(world.add_channel(guild, "staff").id)
        world.take_down(guild)
        world.bring_back(guild)
        world.leave(guild, town.bot_id)
        events = [await shard.event() for _ in range(10)]
    assert [name for name, _ in events] == [
        "GUILD_MEMBER_ADD",
        "GUILD_MEMBER_REMOVE",
        "GUILD_ROLE_UPDATE",
        "GUILD_ROLE_UPDATE",
        "GUILD_ROLE_DELETE",
        "CHANNEL_CREATE",
        "CHANNEL_DELETE",
        "GUILD_DELETE",
        "GUILD_CREATE",
        "GUILD_DELETE",
    ]
    assert events[0][1]["user"]["username"] == "bob"
    assert events[7][1] == {"id": str(guild), "unavailable": True}
    assert events[9][1] == {"id": str(guild)}


async def test_a_guild_that_is_down_is_missing_after_ready(town: Town, server: DiscordServer) -> None:
    town.world.take_down(town.guild.id)
    async with connect(server) as shard:
        assert len((await shard.identify())["guilds"]) == 1
        town.world.bring_back(town.guild.id)
        assert (await shard.event())[0] == "GUILD_CREATE"


async def test_each_shard_hears_its_own_guilds(town: Town, server: DiscordServer) -> None:
    mine = (town.guild.id >> 22) % 2
    async with connect(server) as here, connect(server) as there:
        assert len((await here.identify(shard=[mine, 2]))["guilds"]) == 1
        assert (await there.identify(shard=[1 - mine, 2]))["guilds"] == []
        await here.event()
        town.world.rename_role(town.guild.id, town.gold.id, "Golden")
        assert (await here.event())[0] == "GUILD_ROLE_UPDATE"
        await there.send(1, None)
        assert (await there.take())["op"] == 11


async def test_the_time_line_tells_the_events_somebody_got(town: Town, server: DiscordServer) -> None:
    town.world.give_role(town.guild.id, town.ann.id, town.gold.id)
    assert town.world.timeline.of("discord.event") == []
    async with connect(server) as shard:
        await shard.identify()
        await shard.event()
        town.world.take_role(town.guild.id, town.ann.id, town.gold.id)
        await shard.event()
    texts = [entry.text for entry in town.world.timeline.of("discord.event")]
    assert texts == ["GUILD_MEMBER_UPDATE to Patron Roles"]


async def test_a_resume_replays_what_was_missed_in_order(town: Town, server: DiscordServer) -> None:
    async with connect(server) as shard:
        await shard.identify()
        await shard.event()
        seen = shard.sequence
    for name in ("bob", "eve"):
        town.world.join(town.guild.id, town.world.add_user(name).id)
    async with connect(server) as again:
        await again.send(6, {"token": TOKEN, "session_id": shard.session_id, "seq": seen})
        events = [await again.event() for _ in range(3)]
        town.world.rename_role(town.guild.id, town.gold.id, "Golden")
        assert (await again.event())[0] == "GUILD_ROLE_UPDATE"
    assert [name for name, _ in events] == ["GUILD_MEMBER_ADD", "GUILD_MEMBER_ADD", "RESUMED"]
    assert [data["user"]["username"] for _, data in events[:2]] == ["bob", "eve"]
    assert (server.gateway.identifies, server.gateway.resumes) == (1, 1)


@pytest.mark.parametrize("change", [{"session_id": "other"}, {"token": "wrong"}, {"seq": 999}])
async def test_a_resume_that_does_not_fit_is_an_invalid_session(server: DiscordServer, change: dict[str, Any]) -> None:
    async with connect(server) as shard:
        await shard.identify()
    async with connect(server) as again:
        await again.send(6, {"token": TOKEN, "session_id": shard.session_id, "seq": 1} | change)
        assert await again.take() == {"op": 9, "d": False}


async def test_members_are_asked_for_by_id_with_the_missing_ones_named(town: Town, server: DiscordServer) -> None:
    async with connect(server) as shard:
        await shard.identify(GUILDS)
        await shard.event()
        ids = [str(town.ann.id), "5"]
        await shard.send(8, {"guild_id": str(town.guild.id), "user_ids": ids, "limit": 0, "nonce": "n"})
        name, chunk = await shard.event()
    assert (name, chunk["nonce"], chunk["not_found"]) == ("GUILD_MEMBERS_CHUNK", "n", ["5"])
    assert [member["user"]["username"] for member in chunk["members"]] == ["ann"]
    assert (chunk["chunk_index"], chunk["chunk_count"]) == (0, 1)


async def test_at_most_a_hundred_members_are_found_at_once(town: Town, server: DiscordServer) -> None:
    crowd = town.world.add_members(town.guild.id, 150)
    async with connect(server) as shard:
        await shard.identify(GUILDS)
        await shard.event()
        await shard.send(8, {"guild_id": str(town.guild.id), "user_ids": [str(user) for user in crowd]})
        assert len((await shard.event())[1]["members"]) == 100
        await shard.send(8, {"guild_id": str(town.guild.id), "query": "MEMBER0-14", "limit": 100})
        assert len((await shard.event())[1]["members"]) == 11


async def test_the_whole_list_comes_in_chunks_and_not_again_at_once(town: Town, server: DiscordServer) -> None:
    town.world.add_members(town.guild.id, 2100)
    request = {"guild_id": str(town.guild.id), "query": "", "limit": 0}
    async with connect(server) as shard:
        await shard.identify()
        await shard.event()
        await shard.send(8, request)
        chunks = [(await shard.event())[1] for _ in range(3)]
        await shard.send(8, request)
        name, limited = await shard.event()
    assert [len(chunk["members"]) for chunk in chunks] == [1000, 1000, 103]
    assert {chunk["chunk_count"] for chunk in chunks} == {3}
    assert (name, limited["opcode"], limited["meta"]["guild_id"]) == ("RATE_LIMITED", 8, str(town.guild.id))
    assert 29 < limited["retry_after"] <= 30


async def test_the_whole_list_needs_the_members_intent(town: Town, server: DiscordServer) -> None:
    async with connect(server) as shard:
        await shard.identify(GUILDS)
        await shard.event()
        await shard.send(8, {"guild_id": str(town.guild.id), "query": "", "limit": 0})
        await shard.send(1, None)
        assert (await shard.take())["op"] == 11


async def test_message_content_is_for_its_intent_and_its_author(town: Town, server: DiscordServer) -> None:
    town.world.bots[town.bot_id].content_intent = True
    channel = next(iter(town.guild.channels))
    async with connect(server) as blind, connect(server) as seeing, aiohttp.ClientSession() as session:
        await blind.identify(GUILDS | MESSAGES)
        await seeing.identify(GUILDS | MESSAGES | CONTENT)
        await blind.event()
        await seeing.event()
        other = town.world.add_bot("Other", "other-token")
        town.world.invite(other.id, town.guild.id)
        url = f"{server.api_url}/channels/{channel}/messages"
        async with session.post(url, json={"content": "hi"}, headers={"Authorization": "Bot other-token"}) as response:
            assert response.status == 200
        contents = []
        for shard in (blind, seeing):
            name, data = await shard.event()
            while name != "MESSAGE_CREATE":
                name, data = await shard.event()
            contents.append((data["content"], data["author"]["username"]))
    assert contents == [("", "Other"), ("hi", "Other")]


async def test_discord_py_resumes_after_a_drop_and_hears_what_it_missed(town: Town, server: DiscordServer) -> None:
    bot = DiscordBot()
    async with running(bot, server):
        assert await server.gateway.drop() == 1
        bob = town.world.add_user("bob").id
        town.world.join(town.guild.id, bob)
        await asyncio.wait_for(bot.resumed.wait(), PATIENCE)
        assert await bot.heard.get() == ("joined", bob)
    assert (server.gateway.identifies, server.gateway.resumes) == (1, 1)


async def test_a_lost_session_cannot_be_resumed(server: DiscordServer) -> None:
    # discord.py itself waits five seconds before it identifies anew, so this one speaks for itself.
    async with connect(server) as shard:
        await shard.identify()
        assert await server.gateway.drop(resumable=False) == 1
        assert await shard.close_code() == 4000
    async with connect(server) as again:
        await again.send(6, {"token": TOKEN, "session_id": shard.session_id, "seq": shard.sequence})
        assert await again.take() == {"op": 9, "d": False}
        await again.identify()
    assert (server.gateway.identifies, server.gateway.resumes) == (2, 0)


async def test_a_session_can_be_invalidated_and_stay_resumable_or_not(server: DiscordServer) -> None:
    async with connect(server) as shard:
        await shard.identify(0)
        server.gateway.invalidate(resumable=True)
        assert await shard.take() == {"op": 9, "d": True}
        assert [session.id for session in server.gateway.sessions] == [shard.session_id]
        server.gateway.invalidate()
        assert await shard.take() == {"op": 9, "d": False}
        assert server.gateway.sessions == ()


async def test_discord_py_resumes_when_the_connection_is_dead(server: DiscordServer) -> None:
    server.gateway.heartbeat_ms = 20
    server.gateway.heartbeats_answered = False
    bot = DiscordBot(heartbeat_timeout=0.03)
    async with running(bot, server):
        await asyncio.wait_for(bot.resumed.wait(), PATIENCE)
    assert server.gateway.resumes >= 1
    assert server.gateway.opcodes[1] >= 2


async def test_discord_py_resumes_when_it_is_asked_to_reconnect(server: DiscordServer) -> None:
    bot = DiscordBot()
    async with running(bot, server):
        server.gateway.ask_to_reconnect()
        await asyncio.wait_for(bot.resumed.wait(), PATIENCE)
    assert (server.gateway.identifies, server.gateway.resumes) == (1, 1)


async def test_discord_py_hears_members_and_outages(town: Town, server: DiscordServer) -> None:
    bot = DiscordBot()
    async with running(bot, server):
        bob = town.world.add_user("bob").id
        town.world.join(town.guild.id, bob)
        town.world.leave(town.guild.id, bob)
        town.world.take_down(town.guild.id)
        town.world.bring_back(town.guild.id)
        heard = [await asyncio.wait_for(bot.heard.get(), PATIENCE) for _ in range(4)]
    assert heard == [("joined", bob), ("left", bob), ("unavailable", town.guild.id), ("available", town.guild.id)]


async def test_discord_py_refuses_to_start_without_the_privileged_intent(town: Town, server: DiscordServer) -> None:
    town.world.bots[town.bot_id].members_intent = False
    with pytest.raises(discord.PrivilegedIntentsRequired):
        async with running(DiscordBot(), server):
            pass


async def test_discord_py_refuses_a_wrong_token(town: Town, server: DiscordServer) -> None:
    town.world.bots[town.bot_id].token = "another"
    with pytest.raises(discord.LoginFailure):
        async with running(DiscordBot(), server):
            pass


async def test_discord_py_queries_members_without_a_cache(town: Town, server: DiscordServer) -> None:
    town.world.give_role(town.guild.id, town.ann.id, town.gold.id)
    bot = DiscordBot()
    async with running(bot, server):
        found = await bot.guilds[0].query_members(user_ids=[town.ann.id, 5], cache=False)
    assert [(member.name, {role.name for role in member.roles}) for member in found] == [("ann", {"@everyone", "Gold"})]


async def test_the_server_closes_with_a_bot_still_connected(town: Town) -> None:
    async with DiscordServer(town.world).serve() as server:
        async with aiohttp.ClientSession() as session:
            socket = await session.ws_connect(server.gateway_url)
            await socket.receive_json(timeout=5)
            await server.gateway.close()
            message = await socket.receive(timeout=5)
            assert message.type is aiohttp.WSMsgType.CLOSE
            await socket.close()
        server.gateway.open(server.base_url, server.gateway_url)
