"""What a Discord user is called, asked over a socket; a name is a courtesy, and no answer is one as well."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bot.core.model import DiscordUserId
from bot.web.names import DiscordNames
from sandbox.discord.server import DiscordServer
from sandbox.world.examples import BOT_TOKEN, small_world

USER = DiscordUserId(42)


async def ask(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> str | None:
    app = web.Application()
    app.router.add_get("/api/users/{user}", answer)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        return await DiscordNames(str(server.make_url("/api")), "bot-token", session).name_of(USER)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def test_discord_is_asked_as_the_bot(session: aiohttp.ClientSession) -> None:
    world = small_world()
    server = DiscordServer(world.discord)
    async with server.serve():
        (ann,) = [user for user in world.discord.users.values() if user.name == "ann"]
        names = DiscordNames(server.api_url, BOT_TOKEN, session)

        assert await names.name_of(DiscordUserId(ann.id)) == "Ann (@ann)"
        assert await names.name_of(DiscordUserId(404)) is None
        assert await DiscordNames(server.api_url, "wrong", session).name_of(DiscordUserId(ann.id)) is None


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"username": "ann", "global_name": "Ann"}, "Ann (@ann)"),
        ({"username": "ann", "global_name": None}, "@ann"),
        ({"username": "ann", "global_name": "ann"}, "@ann"),
        ({"username": "ann"}, "@ann"),
        ({"username": "eve", "global_name": "Ann (@ann)\u202e\u200b\n"}, "Ann (@ann) (@eve)"),
        ({"username": "eve", "global_name": "\u200b\u202e"}, "@eve"),
        ({"global_name": "Ann"}, None),
        ([], None),
    ],
)
async def test_both_names_are_shown_where_there_are_two(user: object, expected: str | None) -> None:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bot bot-token"
        return web.json_response(user)

    assert await ask(answer) == expected


async def test_a_page_in_place_of_json_is_no_name() -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    assert await ask(answer) is None


async def test_no_answer_at_all_is_no_name(session: aiohttp.ClientSession) -> None:
    assert await DiscordNames("http://127.0.0.1:1/api", "bot-token", session).name_of(USER) is None
