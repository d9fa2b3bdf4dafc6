"""The bot as a whole, opened as the command line opens it, between two simulators on sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from bot.app import App, open_app, webhook_secrets
from bot.config import Config, load_config
from bot.core.model import CREATOR, Cause, DiscordUserId, GuildId, RoleId
from bot.errors import ConfigError, StoreError
from bot.store import Store
from bot.store.records import LogAction, LogEntry
from sandbox.stage import Stage, free_port
from sandbox.world.examples import small_world
from sandbox.world.patreon_faults import Fault
from tests.waiting import PATIENCE, until_found


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage(small_world())
    async with made.serve():
        yield made


Configure = Callable[..., Config]


@pytest.fixture
def configure(stage: Stage, tmp_path: Path) -> Configure:
    port = free_port()
    environment = stage.environment(port, f"sqlite:///{tmp_path}/bot.db")

    def make(**changes: str) -> Config:
        return load_config(None, environment | changes)

    return make


async def settled(store: Store) -> str:
    """Wait until the bot knows its campaign."""

    async def ask() -> str | None:
        async with store.read() as t:
            return await t.facts.get("configured_campaign")

    return await until_found(ask)


async def get(app: App, path: str) -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{app.port}{path}") as answer,
    ):
        return answer.status, await answer.text()


async def until_ready(app: App) -> str:
    async def ask() -> str | None:
        status, text = await get(app, "/readyz")
        return text if status == 200 else None

    return await until_found(ask)


async def test_one_process_serves_doors_gateway_and_engine_and_stops(configure: Configure, stage: Stage) -> None:
    stop = asyncio.Event()
    async with open_app(configure()) as app:
        assert "gateway" in await until_ready(app)
        assert await settled(app.store) == stage.world.patreon.campaign().id
        stop.set()
        await app.run_until(stop)

    assert app.worker is not None
    assert app.worker.task.done()
    with pytest.raises(aiohttp.ClientConnectionError):
        await get(app, "/healthz")


async def test_the_doors_alone_need_neither_discord_nor_patreon(configure: Configure, stage: Stage) -> None:
    stage.world.patreon.faults.add(Fault.SERVER_ERROR)
    async with open_app(configure(), worker=False) as app:
        assert await get(app, "/healthz") == (200, "ok\n")
        status, text = await get(app, "/readyz")

    assert status == 200
    assert "gateway" not in text


async def test_a_worker_alone_opens_no_port(configure: Configure) -> None:
    async with open_app(configure(), web=False) as app:
        assert app.port is None
        assert await settled(app.store)


async def test_a_worker_forgets_what_was_kept_long_enough(configure: Configure) -> None:
    async with open_app(configure(), web=False, sleep=soon) as app:
        async with app.store.write() as t:
            long_ago = datetime(2020, 1, 1, tzinfo=UTC)
            user, guild = DiscordUserId(1), GuildId(2)
            await t.log.add([LogEntry(guild, user, RoleId(3), LogAction.GRANTED, Cause.REFRESH, long_ago)])

        async def forgotten() -> bool:
            async with app.store.read() as t:
                return not await t.log.of(guild, user)

        await until_found(forgotten)


async def test_the_doors_listen_while_patreon_is_down_and_the_campaign_is_settled_when_it_is_back(
    configure: Configure, stage: Stage
) -> None:
    stage.world.patreon.faults.add(Fault.SERVER_ERROR)
    async with open_app(configure(), sleep=soon) as app:
        assert (await get(app, "/healthz"))[0] == 200
        stage.world.patreon.faults.clear()
        assert await settled(app.store)


async def soon(_seconds: float) -> None:
    await asyncio.sleep(0.02)


async def test_a_stop_is_heard_while_patreon_is_down(configure: Configure, stage: Stage) -> None:
    stage.world.patreon.faults.add(Fault.SERVER_ERROR)
    async with asyncio.timeout(PATIENCE), open_app(configure(), web=False) as app:
        await asyncio.sleep(0.02)

    assert app.worker is not None
    assert app.worker.task.done()


async def test_a_configured_campaign_of_somebody_else_ends_the_bot_with_the_key(configure: Configure) -> None:
    async with open_app(configure(PATREON_CAMPAIGN_ID="404"), web=False) as app:
        with pytest.raises(ConfigError) as caught:
            async with asyncio.timeout(PATIENCE):
                await app.run_until(asyncio.Event())

    assert [key for key, _ in caught.value.problems] == ["patreon.campaign_id"]


async def test_a_token_that_discord_refuses_ends_the_bot_with_the_key(configure: Configure) -> None:
    async with open_app(configure(DISCORD_TOKEN="wrong-token-of-the-test"), web=False) as app:
        with pytest.raises(ConfigError) as caught:
            async with asyncio.timeout(PATIENCE):
                await app.run_until(asyncio.Event())

    assert [key for key, _ in caught.value.problems] == ["discord.token"]


async def test_the_stored_pair_of_the_creator_wins_until_another_is_configured(configure: Configure) -> None:
    async with open_app(configure(), web=False, worker=False) as app, app.store.write() as t:
        first = await t.tokens.load(CREATOR)
        assert first is not None
        await t.tokens.save(CREATOR, type(first.tokens)("renewed", "renewed-too", first.tokens.expires_at))
    async with open_app(configure(), web=False, worker=False) as app, app.store.read() as t:
        again = await t.tokens.load(CREATOR)
        assert again is not None
        assert again.tokens.access == "renewed"
    pasted = configure(PATREON_CREATOR_ACCESS_TOKEN="pasted", PATREON_CREATOR_REFRESH_TOKEN="pasted-too")
    async with open_app(pasted, web=False, worker=False) as app, app.store.read() as t:
        pair = await t.tokens.load(CREATOR)
        assert pair is not None
        assert pair.tokens.access == "pasted"


async def test_a_key_that_does_not_fit_the_database_is_found_at_the_start(configure: Configure) -> None:
    async with open_app(configure(), web=False, worker=False):
        pass

    with pytest.raises(StoreError, match="secret_keys"):
        async with open_app(configure(SECRET_KEYS="another-key-of-at-least-32-characters"), web=False, worker=False):
            pass


async def test_a_port_that_is_taken_is_said_before_anything_runs(configure: Configure) -> None:
    async with open_app(configure(), worker=False):
        with pytest.raises(OSError, match="address"):
            async with open_app(configure(), worker=False):
                pass


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"PATREON_API_VERSION": "2", "PATREON_WEBHOOK_SECRET": ""}, []),
        ({"PATREON_API_VERSION": "1", "PATREON_WEBHOOK_SECRET": "", "PATREON_CLIENT_SECRET": "client"}, ["client"]),
        ({"PATREON_API_VERSION": "1", "PATREON_WEBHOOK_SECRET": "own"}, ["own"]),
    ],
)
def test_version_1_signs_webhooks_with_the_client_secret_unless_told_otherwise(
    configure: Configure, changes: dict[str, str], expected: list[str]
) -> None:
    assert webhook_secrets(configure(**changes)) == expected
