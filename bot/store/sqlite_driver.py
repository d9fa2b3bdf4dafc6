"""SQLite under SQLAlchemy, with one trip to the connection's thread for a statement. No SQL and no engines here.

SQLAlchemy's adapter goes there four times for each statement: to open a cursor, to execute, to fetch and to close. A
trip costs more than most of our statements, so here all of it is one.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import aiosqlite
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
)


class _Ended(NamedTuple):
    """What a cursor said before it was closed."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: tuple[Any, ...] = ()


class _Cursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that exists only while a statement runs; its rows are all here when that has ended."""

    __slots__ = ()

    _awaitable_cursor_close = False

    def _aenter_cursor(self, cursor: Any) -> Any:  # noqa: ARG002 # there is none yet
        return _Ended()

    def _make_new_cursor(self, connection: Any) -> Any:  # noqa: ARG002 # it is made in the thread
        return None

    def close(self) -> None:
        """Forget the rows nobody asked for; the cursor itself is closed already."""
        self._rows.clear()

    async def _execute_async(self, operation: Any, parameters: Any) -> Any:
        await self._travel(lambda cursor: cursor.execute(operation, parameters or ()))

    async def _executemany_async(self, operation: Any, seq_of_parameters: Any) -> Any:
        await self._travel(lambda cursor: cursor.executemany(operation, seq_of_parameters))

    async def _travel(self, statement: Callable[[sqlite3.Cursor], object]) -> None:
        connection: Any = self._connection
        async with self._adapt_connection._execute_mutex:  # noqa: SLF001 # as the adapter's own cursors do
            ended = await connection._execute(_complete, connection, statement)  # noqa: SLF001 # aiosqlite's only way in
        self._cursor = ended
        self._rows = deque(ended.rows)


def _complete(connection: Any, statement: Callable[[sqlite3.Cursor], object]) -> _Ended:
    """Run a statement from the opening of its cursor to the closing; this is done in the connection's thread."""
    cursor: sqlite3.Cursor = connection._conn.cursor()  # noqa: SLF001 # aiosqlite has no other name for it
    try:
        statement(cursor)
        rows = tuple(cursor.fetchall()) if cursor.description else ()
        return _Ended(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        cursor.close()


class _Connection(AsyncAdapt_aiosqlite_connection):
    """A connection whose cursors make one trip."""

    __slots__ = ()

    _cursor_cls = _Cursor


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """What SQLAlchemy takes for the driver's module."""

    def __init__(self) -> None:
        super().__init__(aiosqlite, sqlite3)

    def connect(self, *args: Any, **options: Any) -> _Connection:
        """Open a connection as the adapter does, with our cursors."""
        return _Connection(self, super().connect(*args, async_creator_fn=_open, **options).driver_connection)


async def _open(*args: Any, **options: Any) -> aiosqlite.Connection:
    """Open a connection to the end, even when cancelled meanwhile: nobody else could close it."""
    connection = aiosqlite.connect(*args, **options)
    connection._thread.daemon = True  # noqa: SLF001 # as the adapter does
    opening = asyncio.ensure_future(connection)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(sqlite3.Error):
            await (await opening).close()
        raise
