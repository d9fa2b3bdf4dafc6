"""Connections: from a database URL to engines that behave alike. What is asked of them lives with the tables.

SQLite has one writer and several readers, each with a pool of its own, so that readers never queue behind a writer and
cannot write by mistake. PostgreSQL has one pool; its readers see one snapshot.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stamina
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from bot.errors import StoreError, TablesGone
from bot.store.sqlite_driver import Driver

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_UNDEFINED_TABLE = "42P01"
_NO_TABLES = (
    "the database has lost the bot's tables, so the bot stops: an empty database has taken its place. "
    "Bring the old one back before the next start, which would begin with the empty one"
)

# Long enough to outwait a migration or a bulk write of another process.
_BUSY_MS = 10_000

# A network that swallows everything looks like a server that thinks: no wait may last for ever. Of libpq, see
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS; what the URL names counts more.
_LINE = {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "20000"}
_LIMITS = "SELECT set_config('lock_timeout', '10s', {0}), set_config('idle_in_transaction_session_timeout', '60s', {0})"


@contextmanager
def translated() -> Iterator[None]:
    """Turn SQLAlchemy's errors into StoreError or TablesGone; the message names the failure and never a value."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        if _is_missing_table(cause):
            raise TablesGone(_NO_TABLES) from error
        raise StoreError(f"the database refused: {_name(cause)}") from error


def _is_missing_table(cause: BaseException) -> bool:
    """Tell a missing table by PostgreSQL's code for it, or by SQLite's text, for SQLite has no code of its own for it."""
    return getattr(cause, "sqlstate", None) == _UNDEFINED_TABLE or str(cause).startswith("no such table: ")


def _name(cause: BaseException) -> str:
    """Name a failure: its class, and what the driver calls it more precisely (SQLITE_BUSY, 40P01)."""
    detail = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return type(cause).__name__ + (f" ({detail})" if detail else "")


def parse_url(url: str) -> URL:
    """Read a database URL as hosts hand it out: sqlite:///, postgres:// or postgresql://, with or without a driver.

    Raises StoreError for anything else; the message does not repeat the URL, which may hold a password.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except ArgumentError as error:
        raise StoreError("database_url is not a URL") from error
    if backend in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise StoreError("database_url must begin with sqlite:///, postgres:// or postgresql://")
    if parsed.database in {None, "", ":memory:"}:
        raise StoreError("a SQLite database needs a file: sqlite:///path/to/file.db")
    return parsed.set(drivername="sqlite+aiosqlite")


@dataclass(frozen=True)
class Engines:
    """Where to read and where to write. On PostgreSQL both share one pool."""

    reading: AsyncEngine
    writing: AsyncEngine

    async def dispose(self) -> None:
        """Close every connection; nothing of the driver is left running."""
        await self.writing.dispose()
        await self.reading.dispose()


def open_engines(url: str) -> Engines:
    """Build the engines for a URL; connections are made when first asked for."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        writing = create_async_engine(
            parsed, pool_size=1, max_overflow=0, pool_timeout=60, module=Driver(), **_sqlite_options()
        )
        reading = create_async_engine(
            parsed, pool_size=4, max_overflow=0, pool_timeout=60, module=Driver(), **_sqlite_options()
        )
        _prepare_sqlite(writing.sync_engine, begin="BEGIN IMMEDIATE")
        _prepare_sqlite(reading.sync_engine, begin="BEGIN", query_only=True)
        return Engines(reading, writing)
    bounced = _is_bounced(parsed)
    parsed, options = _postgres_options(parsed)
    writing = create_async_engine(parsed, pool_size=5, max_overflow=5, pool_pre_ping=True, **options)
    _limit_waits(writing.sync_engine, bounced=bounced)
    snapshot = writing.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return Engines(snapshot, writing)


def open_sync_engine(url: str) -> Engine:
    """Build the engine migrations run on, outside the event loop, and create the folder of a SQLite file.

    Foreign keys are not enforced on SQLite here: a batch migration replaces a table, which would delete the rows below
    it if they were.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        _make_folder(parsed)
        engine = create_engine(parsed.set(drivername="sqlite"), poolclass=NullPool, **_sqlite_options())
        _prepare_sqlite(engine, begin="BEGIN IMMEDIATE", foreign_keys=False)
        event.listen(engine, "connect", _write_ahead)
        return engine
    parsed, options = _postgres_options(parsed)
    return create_engine(parsed, poolclass=NullPool, **options)


def _make_folder(url: URL) -> None:
    """Create the folder a SQLite file is to lie in."""
    try:
        Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot create the folder of the database: {error.strerror}") from error


def _sqlite_options() -> dict[str, Any]:
    """Leave BEGIN to us, and keep values out of error messages."""
    return {"connect_args": {"isolation_level": None}, "hide_parameters": True}


def _postgres_options(url: URL) -> tuple[URL, dict[str, Any]]:
    """Keep values out of error messages; ``?pgbouncer=true`` turns prepared statements off, which a bouncer needs."""
    arguments: dict[str, Any] = {key: value for key, value in _LINE.items() if key not in url.query}
    if _is_bounced(url):
        arguments["prepare_threshold"] = None
    return url.difference_update_query(["pgbouncer"]), {"hide_parameters": True, "connect_args": arguments}


def _is_bounced(url: URL) -> bool:
    return url.query.get("pgbouncer") == "true"


def _limit_waits(engine: Engine, *, bounced: bool) -> None:
    """Let PostgreSQL end waits for locks, and transactions nobody goes on with.

    Not as a start-up option, which pgbouncer refuses; behind one, each transaction may be on another connection.
    """

    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(_LIMITS.format("false"))
        cursor.close()
        connection.commit()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(_LIMITS.format("true"))

    if bounced:
        event.listen(engine, "begin", on_begin)
    else:
        event.listen(engine, "connect", on_connect)


def _write_ahead(connection: Any, _record: object) -> None:
    """Let readers and the writer work side by side from now on; the file remembers.

    For this one change SQLite does not always wait by itself for another process that is at the file.
    """
    waiting = stamina.retry_context(on=_is_busy, attempts=None, timeout=_BUSY_MS / 1000, wait_max=0.5)
    for attempt in waiting:
        with attempt:
            connection.execute("PRAGMA journal_mode=WAL").close()


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorname", None) == "SQLITE_BUSY"


def _prepare_sqlite(engine: Engine, *, begin: str, query_only: bool = False, foreign_keys: bool = True) -> None:
    """Make each connection durable (tokens rotate: a lost commit is a lost refresh token) and transactions explicit."""
    pragmas = [
        f"busy_timeout={_BUSY_MS}",
        "synchronous=FULL",
        f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
        *(["query_only=ON"] if query_only else []),
    ]

    def on_connect(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
