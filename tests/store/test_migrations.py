"""Migrations: whole or not at all, one process at a time, and the same tables as schema.py says."""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from alembic import command
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import inspect, text

import bot.store.migrations
from bot.core.model import CampaignId, Charge, Membership, PaidFor, PatronStatus, TierId
from bot.errors import StoreError, TablesGone
from bot.store import migrate, open_store
from bot.store.engine import Engines, open_engines, open_sync_engine
from bot.store.migrate import _FOLDER, _configure, _newest
from bot.store.records import MembershipRow
from bot.store.schema import metadata
from bot.store.serials import Serials
from tests.conftest import SECRET_KEY
from tests.postgres import Postgres
from tests.store.makers import NOW, PAGE, membership

_REPOSITORY = Path(__file__).parents[2]
_NEWEST = _newest(_FOLDER)

Migrations = Callable[[str], Path]


@pytest.fixture
def with_another(tmp_path: Path) -> Migrations:
    """Give a way to copy the migrations and add one more, whose ``upgrade`` runs the given lines."""

    def copy(lines: str) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(Path(bot.store.migrations.__file__).parent, folder)
        head = f'import sqlalchemy as sa\nfrom alembic import op\n\nrevision = "9001"\ndown_revision = "{_NEWEST}"\n\n\n'
        body = "".join(f"    {line}\n" for line in lines.strip().splitlines())
        (folder / "versions" / "9001_another.py").write_text(f"{head}def upgrade():\n{body}")
        return folder

    return copy


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Give a database whose tables may be changed."""
    with postgres.database_of_its_own() as url:
        yield url


@pytest.fixture
def empty_url(database_url: str) -> str:
    """Give the URL of a database without any table."""
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).unlink()
    else:
        _run(database_url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    return database_url


def _run(url: str, *statements: str) -> None:
    engine = open_sync_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _ask(url: str, question: str) -> Sequence[object]:
    engine = open_sync_engine(url)
    with engine.begin() as connection:
        answer = connection.execute(text(question)).scalars().all()
    engine.dispose()
    return answer


def _check_schema(url: str) -> None:
    """Raise CommandError unless the migrations gave exactly the tables of schema.py."""
    engine = open_sync_engine(url)
    try:
        with engine.begin() as connection:
            command.check(_configure(connection, _FOLDER))
    finally:
        engine.dispose()


def _tables(url: str) -> set[str]:
    engine = open_sync_engine(url)
    names = set(inspect(engine).get_table_names())
    engine.dispose()
    return names


def _hold_something(url: str) -> None:
    _run(
        url,
        "INSERT INTO brake_holds (guild_id, run_id, held_at) VALUES (800, 1, 0)",
        "INSERT INTO held_revocations (guild_id, user_id, role_id, run_id, held_at) "
        "VALUES (800, 2, 3, 1, 0), (800, 4, 5, 1, 0)",
    )


def test_the_migrations_give_exactly_the_tables_of_the_schema(database_url: str) -> None:
    _check_schema(database_url)
    assert _tables(database_url) == {*metadata.tables, "alembic_version"}


def test_a_table_that_differs_is_noticed(database_url: str) -> None:
    _run(database_url, "ALTER TABLE facts ADD COLUMN surprise TEXT")
    with pytest.raises(CommandError, match="surprise"):
        _check_schema(database_url)


def test_migrating_again_changes_nothing(empty_url: str) -> None:
    asyncio.run(migrate(empty_url))
    _hold_something(empty_url)
    asyncio.run(migrate(empty_url))
    assert len(_ask(empty_url, "SELECT user_id FROM held_revocations")) == 2


def test_several_tasks_may_migrate_at_once(empty_url: str) -> None:
    async def at_once() -> None:
        await asyncio.gather(*(migrate(empty_url) for _ in range(4)))

    asyncio.run(at_once())
    _check_schema(empty_url)


def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    program = "import asyncio, sys; from bot.store import migrate; asyncio.run(migrate(sys.argv[1]))"
    command = [sys.executable, "-c", program, empty_url]
    environment = {**os.environ, "PYTHONPATH": str(_REPOSITORY)}
    running = [subprocess.Popen(command, env=environment) for _ in range(2)]  # noqa: S603 (our own program)
    assert [process.wait(60) for process in running] == [0, 0]
    _check_schema(empty_url)


def test_a_file_that_another_process_has_just_made_is_waited_for(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "new.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        Timer(0.1, other.rollback).start()
        asyncio.run(migrate(f"sqlite:///{tmp_path}/new.db"))
    _check_schema(f"sqlite:///{tmp_path}/new.db")


def test_a_migration_that_fails_halfway_leaves_nothing(database_url: str, with_another: Migrations) -> None:
    folder = with_another("""
op.create_table("half_way", sa.Column("id", sa.Integer(), primary_key=True))
op.execute("INSERT INTO facts (key, value) VALUES ('half', 'way')")
op.drop_column("facts", "value")
op.execute("INSERT INTO no_such_table VALUES (1)")
""")
    with pytest.raises(StoreError):
        asyncio.run(migrate(database_url, folder=folder))
    _check_schema(database_url)
    assert "half_way" not in _tables(database_url)
    assert "half" not in _ask(database_url, "SELECT key FROM facts")
    assert _ask(database_url, "SELECT version_num FROM alembic_version") == [_NEWEST]


def test_changing_a_table_keeps_the_rows_that_refer_to_it(database_url: str, with_another: Migrations) -> None:
    _hold_something(database_url)
    folder = with_another("""
with op.batch_alter_table("brake_holds") as batch:
    batch.alter_column("held_at", existing_type=sa.BigInteger(), nullable=True)
""")
    asyncio.run(migrate(database_url, folder=folder))
    assert len(_ask(database_url, "SELECT user_id FROM held_revocations")) == 2
    assert _ask(database_url, "SELECT version_num FROM alembic_version") == ["9001"]


def test_a_migration_that_leaves_rows_without_what_they_refer_to_is_taken_back(
    database_url: str, with_another: Migrations
) -> None:
    _hold_something(database_url)
    # On PostgreSQL the rows go with what they refer to; on SQLite foreign keys rest during a migration.
    folder = with_another('op.execute("DELETE FROM brake_holds")')
    if database_url.startswith("sqlite"):
        with pytest.raises(StoreError, match="refer to nothing"):
            asyncio.run(migrate(database_url, folder=folder))
        assert len(_ask(database_url, "SELECT run_id FROM brake_holds")) == 1
    else:
        asyncio.run(migrate(database_url, folder=folder))
        assert _ask(database_url, "SELECT user_id FROM held_revocations") == []


def test_a_database_of_a_newer_version_is_left_alone(database_url: str, with_another: Migrations) -> None:
    asyncio.run(migrate(database_url, folder=with_another("pass")))
    with pytest.raises(StoreError, match="this version"):
        asyncio.run(migrate(database_url))
    assert _ask(database_url, "SELECT version_num FROM alembic_version") == ["9001"]


def test_what_is_stored_keeps_its_order_when_serials_come_and_can_go_back(empty_url: str) -> None:
    _walk(empty_url, "0002")
    _run(
        empty_url,
        "INSERT INTO memberships (campaign_id, patron_id, payload, digest, observed_at) "
        "VALUES ('7', 'ann', '{}', '', 5001), ('7', 'bob', '{}', '', 4000)",
        "INSERT INTO campaigns (campaign_id, payload, fetched_at, owner, refreshed_at) "
        "VALUES ('7', '{}', 0, 'creator', 4500), ('8', '{}', 0, 'creator', NULL)",
        "INSERT INTO doubts (guild_id, user_id, role_id, observed_at, source) VALUES (1, 2, 3, 5001, 'list')",
        "INSERT INTO nudges (kind, key, cause, strength, priority, due_at, version, attempts) "
        "VALUES ('user', '2', 'webhook', 3, 0, 0, 1, 0)",
        "INSERT INTO nudge_readings (kind, key, campaign_id, payload, observed_at) VALUES ('user', '2', '7', '{}', 4900)",
    )

    _walk(empty_url, "0003")

    assert _ask(empty_url, "SELECT serial FROM memberships ORDER BY patron_id") == [5001, 4000]
    assert _ask(empty_url, "SELECT refreshed_serial FROM campaigns ORDER BY campaign_id") == [4500, 0]
    assert _ask(empty_url, "SELECT serial FROM doubts") == [5001]
    assert _ask(empty_url, "SELECT serial FROM nudge_readings") == [4900]
    assert asyncio.run(_take_a_serial(open_engines(empty_url))) > 5001
    _walk(empty_url, "0002")
    assert _ask(empty_url, "SELECT observed_at FROM memberships ORDER BY patron_id") == [5001, 4000]
    [doubted_at] = _ask(empty_url, "SELECT observed_at FROM doubts")
    assert doubted_at > 5001  # type: ignore[operator] # a number
    _walk(empty_url, "0003")


def test_an_upgrade_in_the_middle_of_an_outage_forgets_no_loss(empty_url: str) -> None:
    _walk(empty_url, "0004")
    columns = "guild_id, user_id, role_id, action, cause, at, detail"
    _run(
        empty_url,
        f"INSERT INTO role_log ({columns}) VALUES (1, 2, 3, 'revoked', 'refresh', 50, ''), "  # noqa: S608 - a constant
        "(1, 2, 4, 'revoked', 'refresh', 60, ''), (1, 5, 3, 'revoked', 'unlinked', 60, '')",
    )

    _walk(empty_url, "0005")

    assert _ask(empty_url, "SELECT user_id FROM losses") == [2]
    assert _ask(empty_url, "SELECT lost_at FROM losses") == [60]
    _walk(empty_url, "0004")
    _walk(empty_url, "0005")


async def _take_a_serial(engines: Engines) -> int:
    try:
        async with engines.writing.begin() as connection:
            return await Serials(connection).take()
    finally:
        await engines.dispose()


def _walk(url: str, revision: str) -> None:
    """Bring a database to a revision, be it an older one."""
    engine = open_sync_engine(url)
    with engine.begin() as connection:
        config = _configure(connection, _FOLDER)
        there = MigrationContext.configure(connection).get_current_revision() or ""
        (command.upgrade if there < revision else command.downgrade)(config, revision)
    engine.dispose()


_GRANTED = "INSERT INTO role_log (guild_id, user_id, role_id, action, cause, at, detail) VALUES "


def test_what_was_given_counts_as_earned_only_where_the_sticky_rule_is_known_to_have_given_it(empty_url: str) -> None:
    _walk(empty_url, "0003")
    _run(
        empty_url,
        "INSERT INTO rules (rule_id, guild_id, campaign_id, role_id, kind, threshold, tier_id, group_name, sticky, "
        "worth_cents) VALUES (1, 1, 'c', 10, 'amount', 1, '', '', true, 0), (2, 1, 'c', 10, 'amount', 2, '', '', true, 0), "
        "(3, 1, 'c', 20, 'amount', 3, '', '', true, 0), (4, 1, 'c', 20, 'amount', 4, '', '', false, 0), "
        "(33, 1, 'c', 20, 'amount', 5, '', '', false, 0), (5, 1, 'c', 30, 'amount', 6, '', '', false, 0)",
        "INSERT INTO ledger (guild_id, user_id, role_id, origin, since, cause, holding) "
        "VALUES (1, 7, 10, 'ours', 710, 'linked', 'held'), (1, 7, 20, 'ours', 720, 'linked', 'held'), "
        "(1, 7, 30, 'ours', 730, 'linked', 'held'), (1, 8, 20, 'ours', 820, 'linked', 'held'), "
        "(1, 8, 10, 'found', 810, 'linked', 'held'), (1, 9, 10, 'ours', 910, 'linked', 'held')",
        "INSERT INTO links (user_id, patron_id, linked_at) VALUES (7, 'ann', 0), (8, 'bob', 0)",
        f"{_GRANTED} (1, 7, 20, 'granted', 'linked', 0, 'account linked: at least 5.00 a month (paid, rule 33)')",
        f"{_GRANTED} (1, 8, 20, 'revoked', 'linked', 0, 'account linked: no longer at least 5.00 a month (paid, rule 3)')",
        f"{_GRANTED} (1, 8, 20, 'granted', 'linked', 0, 'account linked: at least 5.00 a month (paid, rule 3)')",
    )

    _walk(empty_url, "0004")

    found = _ask(empty_url, "SELECT patron_id || ' ' || rule_id || ' ' || earned_at FROM earned ORDER BY patron_id, rule_id")
    assert found == ["ann 1 710", "bob 3 820"]
    assert _ask(empty_url, "SELECT key FROM nudges WHERE kind = 'guild' AND cause = 'rules'") == ["1"]
    _walk(empty_url, "0003")
    assert "earned" not in _tables(empty_url)
    _walk(empty_url, "0004")
    assert _ask(empty_url, "SELECT version FROM nudges") == [1]


async def test_a_store_whose_tables_are_gone_says_so_and_remembers_it(database_url: str) -> None:
    opened = await open_store(database_url, [SECRET_KEY])
    try:
        await opened.check()
        assert not opened.gone.done()
        await asyncio.to_thread(_run, database_url, "DROP TABLE facts")
        for _ in range(2):
            with pytest.raises(TablesGone, match="lost the bot's tables"):
                await opened.check()
        assert opened.gone.done()
    finally:
        await opened.close()


def test_pledges_stored_before_they_told_what_was_paid_for_tell_it_now(database_url: str) -> None:
    declined: dict[str, Any] = {"status": PatronStatus.DECLINED, "charge": Charge.DECLINED, "paid_through": None}
    listed, known = PaidFor(membership().tiers, 500, 500), PaidFor(frozenset({TierId("1")}), 100, 100)
    stored = {
        membership(1): None,
        membership(2, **declined): listed,
        membership(3, charge=Charge.DECLINED): listed,
        membership(4, **declined | {"lifetime_cents": None}): listed,
        membership(5, **declined | {"lifetime_cents": 0}): None,
        membership(6, **declined | {"lifetime_cents": 0, "paid_through": NOW}): listed,
        membership(7, **declined, trial=True): None,
        membership(8, **declined | {"status": PatronStatus.FORMER}): None,
        membership(9, **declined, paid_for=known): known,
        membership(10, charge=Charge.NONE): listed,
        membership(11, charge=Charge.PENDING): listed,
        membership(12, charge=Charge.NONE, gifted=True): None,
        membership(13, **declined | {"charge": Charge.PAID}): listed,
    }

    many = [membership(number, campaign=CampaignId("0")) for number in range(1001)]  # more than one page before them

    async def save() -> None:
        store = await open_store(database_url, [SECRET_KEY])
        async with store.write() as t:
            await t.memberships.save_many(MembershipRow(each) for each in [*many, *stored])
        await store.close()

    async def load() -> list[Membership]:
        store = await open_store(database_url, [SECRET_KEY])
        async with store.read() as t:
            found = await t.memberships.page(PAGE)
        await store.close()
        return found

    asyncio.run(save())
    _walk(database_url, "0007")
    engine = open_sync_engine(database_url)
    with engine.begin() as connection:
        unaware = text("SELECT patron_id, payload FROM memberships WHERE campaign_id = :campaign")
        for row in connection.execute(unaware, {"campaign": PAGE}).all():
            said = json.loads(row.payload)
            if said["paid_for"] is None:
                del said["paid_for"]
                forget = text(
                    "UPDATE memberships SET payload = :payload WHERE campaign_id = :campaign AND patron_id = :patron"
                )
                payload = json.dumps(said).encode()
                connection.execute(forget, {"payload": payload, "campaign": PAGE, "patron": row.patron_id})
    engine.dispose()
    asyncio.run(migrate(database_url))

    assert asyncio.run(load()) == [replace(each, paid_for=paid_for) for each, paid_for in stored.items()]
