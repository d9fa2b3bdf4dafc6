"""The bot as a whole, opened as the command line opens it, between two simulators on sockets."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import aiohttp
import discord
import pytest
from structlog.testing import capture_logs

from bot.app import App, open_app, webhook_secrets
from bot.config import Config, load_config
from bot.core.model import CREATOR, Cause, DiscordUserId, GuildId, RoleId
from bot.errors import ConfigError, StoreError, TablesGone
from bot.store import Store
from bot.store.records import LogAction, LogEntry
from bot.webhook_care import open_doors
from sandbox.discord.faults import Fault as DiscordFault
from sandbox.discord.server import DiscordServer
from sandbox.stage import Stage, free_port
from sandbox.world.examples import small_world
from sandbox.world.patreon_faults import Fault
from tests.waiting import PATIENCE, until, until_found


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage(small_world())
    async with made.serve():
        yield made


Configure = Callable[..., Config]

# The simulated Discord has told about its guilds long before two seconds of silence are over.
running = partial(open_app, guild_ready_timeout=0.1)


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
    async with running(configure()) as app:
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
    async with running(configure(), worker=False) as app:
        assert await get(app, "/healthz") == (200, "ok\n")
        status, text = await get(app, "/readyz")

    assert status == 200
    assert "gateway" not in text


async def test_a_worker_alone_opens_no_port_and_registers_no_webhook(configure: Configure, stage: Stage) -> None:
    async with running(configure(), web=False, sleep=soon) as app:
        assert app.port is None
        assert await settled(app.store)
        await asyncio.sleep(0.2)
        assert stage.world.patreon.hooks.webhooks == {}
        await open_doors(app.store, configure().web.public_url)
        await until(lambda: bool(stage.world.patreon.hooks.webhooks))


async def test_webhooks_are_left_alone_where_patreon_could_not_reach_them_or_one_was_made_by_hand(
    configure: Configure, stage: Stage
) -> None:
    for changes in ({"WEB_PUBLIC_URL": "http://bot.example"}, {"PATREON_WEBHOOK_SECRET": "own"}):
        async with running(configure(**changes), sleep=soon) as app:
            assert await settled(app.store)
            await asyncio.sleep(0.2)
    assert stage.world.patreon.hooks.webhooks == {}


async def test_a_worker_forgets_what_was_kept_long_enough(configure: Configure) -> None:
    async with running(configure(), web=False, sleep=soon) as app:
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
    async with running(configure(), sleep=soon) as app:
        assert (await get(app, "/healthz"))[0] == 200
        stage.world.patreon.faults.clear()
        assert await settled(app.store)


async def soon(seconds: float) -> None:
    await asyncio.sleep(seconds / 500)


async def test_a_stop_is_heard_while_patreon_is_down(configure: Configure, stage: Stage) -> None:
    stage.world.patreon.faults.add(Fault.SERVER_ERROR)
    async with asyncio.timeout(PATIENCE), running(configure(), web=False) as app:
        await asyncio.sleep(0.02)

    assert app.worker is not None
    assert app.worker.task.done()


async def test_the_doors_stay_open_while_discord_is_down_and_the_gateway_connects_when_it_is_back(
    configure: Configure, stage: Stage
) -> None:
    port = free_port()
    config = configure(
        DISCORD_API_URL=f"http://127.0.0.1:{port}/api/v10", DISCORD_GATEWAY_URL=f"ws://127.0.0.1:{port}/gateway"
    )
    with capture_logs() as logged:
        async with running(config, sleep=soon) as app:
            await until(lambda: [entry["event"] for entry in logged].count("discord_not_reached") > 2)
            assert (await get(app, "/healthz"))[0] == 200
            assert (await get(app, "/readyz"))[0] == 503
            async with DiscordServer(stage.world.discord).serve(port):
                await until_ready(app)


@pytest.mark.parametrize(
    "fault",
    [
        DiscordFault("PUT /applications/*/commands", cut=True, times=2),
        DiscordFault("GET /gateway/bot", status=404),
        DiscordFault("GET /oauth2/applications/@me", status=429, html=True),
    ],
)
async def test_a_start_that_discord_cuts_short_is_tried_again(
    configure: Configure, stage: Stage, fault: DiscordFault
) -> None:
    stage.discord.faults.add(fault)
    async with running(configure(), sleep=soon) as app:
        await until_ready(app)

    assert stage.discord.faults.active == ()


async def test_a_stop_is_heard_while_discord_is_down(configure: Configure) -> None:
    with capture_logs() as logged:
        async with asyncio.timeout(PATIENCE), running(configure(DISCORD_API_URL="http://127.0.0.1:1"), web=False) as app:
            await until(lambda: "discord_not_reached" in [entry["event"] for entry in logged])

    assert app.worker is not None
    assert app.worker.task.done()


async def test_what_discord_will_never_take_ends_the_bot(configure: Configure, stage: Stage) -> None:
    stage.discord.faults.add(DiscordFault("GET /oauth2/applications/@me", status=403))
    async with running(configure(), web=False, sleep=soon) as app:
        with pytest.raises(discord.Forbidden):
            async with asyncio.timeout(PATIENCE):
                await app.run_until(asyncio.Event())


async def test_a_configured_campaign_of_somebody_else_ends_the_bot_with_the_key(configure: Configure) -> None:
    async with running(configure(PATREON_CAMPAIGN_ID="404"), web=False) as app:
        with pytest.raises(ConfigError) as caught:
            async with asyncio.timeout(PATIENCE):
                await app.run_until(asyncio.Event())

    assert [key for key, _ in caught.value.problems] == ["patreon.campaign_id"]


async def test_a_token_that_discord_refuses_ends_the_bot_with_the_key(configure: Configure) -> None:
    async with running(configure(DISCORD_TOKEN="wrong-token-of-the-test"), web=False) as app:
        with pytest.raises(ConfigError) as caught:
            async with asyncio.timeout(PATIENCE):
                await app.run_until(asyncio.Event())

    assert [key for key, _ in caught.value.problems] == ["discord.token"]


async def test_the_stored_pair_of_the_creator_wins_until_another_is_configured(configure: Configure) -> None:
    async with running(configure(), web=False, worker=False) as app, app.store.write() as t:
        first = await t.tokens.load(CREATOR)
        assert first is not None
        await t.tokens.save(CREATOR, type(first.tokens)("renewed", "renewed-too", first.tokens.expires_at))
    async with running(configure(), web=False, worker=False) as app, app.store.read() as t:
        again = await t.tokens.load(CREATOR)
        assert again is not None
        assert again.tokens.access == "renewed"
    pasted = configure(PATREON_CREATOR_ACCESS_TOKEN="pasted", PATREON_CREATOR_REFRESH_TOKEN="pasted-too")
    async with open_app(pasted, web=False, worker=False) as app, app.store.read() as t:
        pair = await t.tokens.load(CREATOR)
        assert pair is not None
        assert pair.tokens.access == "pasted"


async def test_a_key_that_does_not_fit_the_database_is_found_at_the_start(configure: Configure) -> None:
    async with running(configure(), web=False, worker=False):
        pass

    with pytest.raises(StoreError, match="secret_keys"):
        async with running(configure(SECRET_KEYS="another-key-of-at-least-32-characters"), web=False, worker=False):
            pass


async def test_a_port_that_is_taken_is_said_before_anything_runs(configure: Configure) -> None:
    async with running(configure(), worker=False):
        with pytest.raises(OSError, match="address"):
            async with running(configure(), worker=False):
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


@pytest.mark.parametrize("worker", [True, False])
async def test_a_process_whose_tables_are_gone_is_not_ready_and_ends(
    configure: Configure, tmp_path: Path, worker: bool
) -> None:
    async with running(configure(), worker=worker) as app:
        if worker:
            await until_ready(app)
        await asyncio.to_thread(_drop_tables, tmp_path / "bot.db")
        status, _ = await get(app, "/readyz")
        assert status == 503
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(TablesGone):
                await app.run_until(asyncio.Event())


def _drop_tables(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if not name.startswith("sqlite_"):
                database.execute(f"DROP TABLE {name}")
        database.commit()
