"""Bringing a database to the shape this version needs: under a lock, whole or not at all, off the event loop."""

import asyncio
from functools import cache
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, text

from bot.errors import StoreError
from bot.store.engine import open_sync_engine, translated

_FOLDER = Path(__file__).with_name("migrations")

# Any number will do that nobody else on the same server locks; this one is the project's name in ASCII.
_ADVISORY_LOCK = 0x7061_7472_6F6E

# Alembic keeps the migration in hand in module globals, so one thread at a time may run one.
_one_at_a_time = Lock()


async def migrate(url: str, *, folder: Path = _FOLDER) -> None:
    """Bring the database at ``url`` to the newest revision of ``folder``; creates it when it is a missing SQLite file.

    Several processes may do so at once: one migrates, the others wait and find nothing to do. Raises StoreError, and
    leaves the database as it was, when a migration fails or the database is newer than this program.
    """
    await asyncio.to_thread(_migrate, url, folder)


def _migrate(url: str, folder: Path) -> None:
    """Upgrade in one transaction that holds the lock from its first statement."""
    engine = open_sync_engine(url)
    try:
        with translated(), _one_at_a_time, engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
            if not _is_newest(connection, folder):
                command.upgrade(_configure(connection, folder), "head")
                _refuse_orphans(connection)
    except CommandError as error:
        raise StoreError(f"the database cannot be migrated by this version: {error}") from error
    finally:
        engine.dispose()


def _is_newest(connection: Connection, folder: Path) -> bool:
    """Say whether there is nothing to do, without loading Alembic's environment."""
    return MigrationContext.configure(connection).get_current_revision() == _newest(folder)


@cache
def _newest(folder: Path) -> str | None:
    """Name the newest revision of a folder; Alembic runs all of its files to find out."""
    return ScriptDirectory(str(folder)).get_current_head()


def _refuse_orphans(connection: Connection) -> None:
    """Check on SQLite what the migration engine did not enforce; raising rolls the migration back."""
    if connection.dialect.name == "sqlite" and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise StoreError("a migration left rows that refer to nothing")


def _configure(connection: Connection, folder: Path) -> Config:
    """Tell Alembic where the migrations are and which connection is theirs."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
