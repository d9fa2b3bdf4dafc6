"""The connection to Discord: which trouble is waited out, and which ends with a sentence for the operator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from bot.discord_bot import DiscordSettings
from bot.discord_bot.bot import LONGEST_PAUSE
from bot.errors import ConfigError
from bot.gateway import Gateway
from sandbox.discord.faults import Fault
from sandbox.discord.server import DiscordServer
from tests.sandbox.discord_life import TOKEN, Town, build_town
from tests.waiting import PATIENCE, until


class NoFacts:
    """Remembers nothing."""

    async def get(self, _key: str) -> str | None:
        return None

    async def set(self, _key: str, _value: str) -> None:
        pass


@pytest.fixture
def town() -> Town:
    return build_town()


@pytest.fixture
async def server(town: Town) -> AsyncIterator[DiscordServer]:
    async with DiscordServer(town.world).serve() as serving:
        yield serving


async def at_once() -> AsyncIterator[None]:
    """Give turns without a pause."""
    while True:
        yield
        await asyncio.sleep(0)


@asynccontextmanager
async def connecting(server: DiscordServer) -> AsyncIterator[tuple[Gateway, "asyncio.Task[None]"]]:
    gateway = Gateway(DiscordSettings(server.api_url, server.gateway_url, 0.01), NoFacts(), TOKEN)
    async with gateway.bot:
        task = asyncio.create_task(gateway.run(at_once()))
        try:
            yield gateway, task
        finally:
            task.cancel()
            await asyncio.wait([task])


async def ready(gateway: Gateway, task: "asyncio.Task[None]") -> None:
    await until(lambda: gateway.bot.gateway_ready or task.done(), "the gateway")
    if task.done():
        task.result()


async def problem(task: "asyncio.Task[None]") -> tuple[str, str]:
    """Wait for the one problem the connection ends with."""
    with pytest.raises(ConfigError) as caught:
        await asyncio.wait_for(task, PATIENCE)
    ((key, sentence),) = caught.value.problems
    return key, sentence


@pytest.mark.parametrize(
    ("code", "key", "words"),
    [
        (4004, "discord.token", "reset"),
        (4010, "discord", "shards"),
        (4011, "discord", "shards"),
        (4012, "discord", "Update the bot"),
        (4013, "discord", "Update the bot"),
        (4014, "discord.token", "Server Members intent"),
    ],
)
async def test_a_close_that_waiting_cannot_mend_ends_with_one_sentence(
    server: DiscordServer, code: int, key: str, words: str
) -> None:
    server.gateway.turn_away = code
    async with connecting(server) as (_, task):
        said = await problem(task)
    assert said[0] == key
    assert words in said[1]


@pytest.mark.parametrize("code", [1000, 1001, 1006, 4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009])
async def test_any_other_close_is_followed_by_a_new_connection(server: DiscordServer, code: int) -> None:
    async with connecting(server) as (gateway, task):
        await ready(gateway, task)
        before = server.gateway.resumes + server.gateway.identifies
        # 1006 is no code to send: it is what the other side sees of a connection that was cut.
        await server.gateway.drop(code=1001 if code == 1006 else code)
        await until(lambda: server.gateway.resumes + server.gateway.identifies > before, "a new connection")
        await ready(gateway, task)


async def test_a_token_reset_while_the_bot_runs_ends_it_with_one_sentence(server: DiscordServer, town: Town) -> None:
    async with connecting(server) as (gateway, task):
        await ready(gateway, task)
        await server.gateway.reset_token(town.bot_id, "another token")
        assert "reset" in (await problem(task))[1]


async def test_a_token_that_only_the_api_refuses_ends_it_as_well(server: DiscordServer, town: Town) -> None:
    async with connecting(server) as (gateway, task):
        await ready(gateway, task)
        town.world.bots[town.bot_id].token = "another token"
        # Whichever call it is that is refused: here one of a command.
        with pytest.raises(Exception, match="401"):
            await gateway.bot.fetch_user(town.ann.id)
        assert "reset" in (await problem(task))[1]


async def test_a_single_refusal_of_the_token_is_asked_about_and_forgiven(server: DiscordServer, town: Town) -> None:
    async with connecting(server) as (gateway, task):
        await ready(gateway, task)
        asked = server.calls["GET /oauth2/applications/@me"]
        server.faults.add(Fault("GET /users/*", status=401))
        with pytest.raises(Exception, match="401"):
            await gateway.bot.fetch_user(town.ann.id)
        await until(lambda: server.calls["GET /oauth2/applications/@me"] > asked, "the question")
        await gateway.bot.fetch_user(town.ann.id)
        assert not task.done()


@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("route", ["GET /users/@me", "GET /oauth2/applications/@me"])
async def test_a_page_of_something_in_front_of_discord_is_an_outage(server: DiscordServer, route: str, status: int) -> None:
    server.faults.add(Fault(route, times=3, status=status, html=True))
    with capture_logs() as logged:
        async with connecting(server) as (gateway, task):
            await ready(gateway, task)
    assert [entry["event"] for entry in logged].count("discord_not_reached") == 3
    assert server.faults.active == ()


async def test_a_gateway_that_was_shut_for_a_while_is_found_again(server: DiscordServer) -> None:
    async with connecting(server) as (gateway, task):
        await ready(gateway, task)
        server.gateway.shut = True
        identified = server.gateway.identifies
        await server.gateway.drop(resumable=False)
        await until(lambda: not gateway.bot.gateway_ready, "the loss")
        server.gateway.shut = False
        await until(lambda: server.gateway.identifies > identified, "a new session")
        await ready(gateway, task)


async def test_no_pause_between_attempts_to_reconnect_grows_beyond_its_bound(server: DiscordServer) -> None:
    async with connecting(server) as (gateway, task):
        await ready(gateway, task)
        for shard in gateway.bot.shards.values():
            # An outage of many minutes is too long for a test: these are the pauses discord.py would make in it.
            pauses = [shard._parent._backoff.delay() for _ in range(200)]
            assert max(pauses) <= LONGEST_PAUSE < 30
