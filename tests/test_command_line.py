"""The command line as somebody types it: exit codes, what is printed, and signals."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.config import config_keys
from sandbox.stage import Stage, free_port
from sandbox.world.examples import small_world
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def _nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for names in config_keys().values():
        for name in names:
            monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("command", [[], ["run"], ["web"], ["worker"], ["check"], ["migrate"]])
def test_every_command_lists_all_that_is_missing_and_exits_2(command: list[str]) -> None:
    result = CliRunner().invoke(cli, command)

    assert result.exit_code == 2
    for key in ("discord.token", "patreon.client_id", "web.public_url", "secret_keys"):
        assert f"{key}: is missing" in result.output


def test_a_file_named_before_or_after_the_command_is_read(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{", encoding="utf-8")

    for arguments in (["--config", "mine.json", "check"], ["check", "--config", "mine.json"]):
        assert "is not JSON" in CliRunner().invoke(cli, arguments).output


def test_an_unknown_command_exits_2() -> None:
    assert CliRunner().invoke(cli, ["fly"]).exit_code == 2


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    stage = Stage(small_world())
    async with stage.serve():
        found = stage.environment(free_port(), f"sqlite:///{tmp_path}/bot.db")
        yield {**os.environ, **found, "PYTHONPATH": str(ROOT), "LOG_FORMAT": "json"}


async def start(command: str, environment: dict[str, str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        command,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def finish(process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    return output.decode()


async def test_check_of_a_good_set_up_exits_0(environment: dict[str, str]) -> None:
    process = await start("check", environment)
    output = await finish(process)

    assert process.returncode == 0, output
    assert "roles can be given and taken" in output


async def test_check_of_a_bad_token_exits_1_and_says_where_to_get_one(environment: dict[str, str]) -> None:
    process = await start("check", environment | {"DISCORD_TOKEN": "wrong-token-of-the-test"})
    output = await finish(process)

    assert process.returncode == 1
    assert "developer portal" in output
    assert "wrong-token-of-the-test" not in output


async def test_migrate_makes_the_database_and_exits_0(environment: dict[str, str], tmp_path: Path) -> None:
    process = await start("migrate", environment)
    output = await finish(process)

    assert process.returncode == 0, output
    assert (tmp_path / "bot.db").exists()


async def test_sigterm_ends_a_running_bot_with_0_and_no_secret_was_logged(environment: dict[str, str]) -> None:
    process = await start("run", environment)
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(PATIENCE):
        while "gateway_ready" not in seen:
            line = (await process.stdout.readline()).decode()
            assert line, seen
            seen += line
    process.send_signal(signal.SIGTERM)
    seen += await finish(process)

    assert process.returncode == 0, seen
    assert '"event": "stopped"' in seen
    secrets = [value for key, value in environment.items() if key.startswith(("PATREON_C", "DISCORD_TOKEN", "SECRET"))]
    assert not [value for value in secrets if len(value) > 16 and value in seen]


async def test_a_failure_is_one_line_without_a_traceback_and_exits_1(environment: dict[str, str]) -> None:
    process = await start("migrate", environment | {"DATABASE_URL": "sqlite:////proc/nowhere/bot.db"})
    output = await finish(process)

    assert process.returncode == 1
    assert "Traceback" not in output
    assert "StoreError" in output


async def test_a_bot_whose_tables_are_gone_ends_with_one_sentence_and_1(environment: dict[str, str], tmp_path: Path) -> None:
    process = await start("run", environment)
    assert process.stdout is not None
    seen = ""
    async with asyncio.timeout(PATIENCE):
        while "gateway_ready" not in seen:
            line = (await process.stdout.readline()).decode()
            assert line, seen
            seen += line
    await asyncio.to_thread(drop_a_table, tmp_path / "bot.db")
    seen += await finish(process)

    assert process.returncode == 1, seen
    (last,) = [line for line in seen.splitlines() if '"event": "failed"' in line]
    assert "has lost the bot's tables" in last
    assert "Traceback" not in seen


def drop_a_table(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=PATIENCE)) as database:
        database.execute("DROP TABLE nudges")
        database.commit()
