"""What every subject of the store is built on: running statements, upserts for both engines, long lists in pieces."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import (
    Column,
    ColumnElement,
    CursorResult,
    Delete,
    Executable,
    Select,
    Table,
    Text,
    Update,
    UpdateBase,
    any_,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.engine import translated

_T = TypeVar("_T")

Values = Mapping[str, Any]
Insert = sqlite.Insert | postgresql.Insert

# Far below the number of parameters either engine takes in one statement.
_PIECE = 1000
_MANY = 50


class Subject:
    """The statements about one subject, bound to the transaction of a unit of work."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    @property
    def _on_postgres(self) -> bool:
        return self._connection.dialect.name == "postgresql"

    async def _run(self, statement: Executable, values: Values | Sequence[Values] | None = None) -> CursorResult[Any]:
        """Run one statement; with a sequence of values, once for each."""
        with translated():
            return await self._connection.execute(statement, values)

    async def _changes(self, statement: UpdateBase) -> int:
        """Run one UPDATE or DELETE and count the rows it touched."""
        return (await self._run(statement)).rowcount

    async def _change_many(self, statement: Update | Delete) -> int:
        """Run one UPDATE or DELETE that may touch any number of rows, and count them.

        PostgreSQL would lock them in an order of its own, and two who change the same rows would wait in a ring.
        """
        if self._on_postgres:
            keys = cast("Table", statement.table).primary_key.columns
            which = cast("ColumnElement[bool]", statement.whereclause)
            concerned = select(*keys).where(which).order_by(*keys).with_for_update()
            await self._run(select(func.count()).select_from(concerned.subquery()))
        return await self._changes(statement)

    async def _rows(self, statement: Executable) -> Sequence[Row[Any]]:
        """Load all rows of a question."""
        return (await self._run(statement)).all()

    async def _row(self, statement: Executable) -> Row[Any] | None:
        """Load the first row of a question, if there is one."""
        return (await self._run(statement)).first()

    async def _scalar(self, statement: Executable) -> Any:
        """Load the first column of the first row; None when there is no row."""
        return (await self._run(statement)).scalar()

    async def _rows_in(self, question: Select[Any], column: Column[Any], keys: Iterable[object]) -> list[Row[Any]]:
        """Load the rows of a question whose ``column`` is one of any number of keys."""
        rows: list[Row[Any]] = []
        for piece in pieces(keys):
            rows += await self._rows(question.where(_is_one_of(column, piece, self._on_postgres)))
        return rows

    def _insert(self, table: Table) -> Insert:
        """Begin an INSERT that understands ON CONFLICT."""
        return insert_into(table, self._on_postgres)

    async def _put(self, table: Table, rows: Iterable[Values]) -> None:
        """Insert or overwrite rows, which all name the same columns; in the order of their keys, as all who do so."""
        keys = itemgetter(*(column.name for column in table.primary_key.columns))
        for piece in pieces(sorted(rows, key=keys)):
            await self._run(upsert(table, tuple(piece[0]), self._on_postgres), piece)


def _is_one_of(column: Column[Any], keys: Sequence[object], on_postgres: bool) -> ColumnElement[bool]:
    """Give the condition that a column is one of some keys.

    Many keys go in one parameter: naming a thousand parameters costs more than looking a thousand rows up.
    """
    if len(keys) < _MANY:
        return column.in_(keys)
    if on_postgres:
        return column == any_(bindparam("keys", keys, type_=postgresql.ARRAY(column.type), unique=True))
    together = bindparam("keys", msgspec.json.encode(keys).decode(), type_=Text, unique=True)
    return column.in_(select(func.json_each(together).table_valued("value").c.value))


def insert_into(table: Table, on_postgres: bool) -> Insert:
    """Begin an INSERT that understands ON CONFLICT on one of the engines."""
    return postgresql.insert(table) if on_postgres else sqlite.insert(table)


# Building such a statement takes longer than running it, so each is built once.
@cache
def upsert(table: Table, columns: tuple[str, ...], on_postgres: bool) -> Insert:
    """Build an INSERT of rows that overwrites those of ``columns`` which are not part of the primary key."""
    keys = {column.name for column in table.primary_key.columns}
    insert = insert_into(table, on_postgres)
    changes = {name: insert.excluded[name] for name in columns if name not in keys}
    if not changes:
        return insert.on_conflict_do_nothing(index_elements=sorted(keys))
    return insert.on_conflict_do_update(index_elements=sorted(keys), set_=changes)


def pieces(things: Iterable[_T], size: int = _PIECE) -> Iterator[list[_T]]:
    """Cut any number of things into lists of at most ``size``."""
    piece: list[_T] = []
    for thing in things:
        piece.append(thing)
        if len(piece) == size:
            yield piece
            piece = []
    if piece:
        yield piece
