"""Waits that could last for ever: for a lock, for each other, for a database that is silent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url, select, text

from bot.core.model import Doubt, Source
from bot.errors import StoreError
from bot.store import Store, Tables, open_store
from bot.store.engine import _postgres_options, parse_url
from bot.store.schema import metadata
from tests.conftest import SECRET_KEY
from tests.store.makers import ANN, BOB, CYD, DAY, GOLD, GUILD, HOUR, NOW, grant
from tests.waiting import until_found


@asynccontextmanager
async def _line_to(url: str, flowing: asyncio.Event) -> AsyncIterator[str]:
    """Give a URL that leads to a database by a line which can be held."""
    info = conninfo_to_dict(url)
    carrying: list[asyncio.Task[None]] = []

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await _connect_to(info)
        carrying.append(asyncio.create_task(_carry(reader, there[1], flowing)))
        carrying.append(asyncio.create_task(_carry(there[0], writer, flowing)))

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    password = f":{info['password']}" if "password" in info else ""
    try:
        yield f"postgresql://{info['user']}{password}@127.0.0.1:{port}/{info['dbname']}"
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


async def _connect_to(info: dict[str, Any]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = str(info["host"]), int(info.get("port") or 5432)
    if host.startswith("/"):
        return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
    return await asyncio.open_connection(host, port)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event) -> None:
    try:
        while data := await reader.read(1 << 16):
            await flowing.wait()
            writer.write(data)
    finally:
        writer.close()


async def _put_grants(t: Tables) -> None:
    await t.ledger.put_many(grant(user) for user in (ANN, BOB, CYD))


async def _see(t: Tables) -> None:
    await t.presence.put_many(GUILD, dict.fromkeys((ANN, BOB, CYD), True), NOW + HOUR)


async def _doubt(t: Tables) -> None:
    await t.doubts.replace_many(GUILD, {user: (Doubt(GUILD, user, GOLD, 2, Source.LIST),) for user in (ANN, BOB, CYD)})


async def test_a_deadlock_is_a_store_error_for_one_of_the_two(postgres_url: str) -> None:
    stores = [await open_store(postgres_url, [SECRET_KEY]) for _ in range(2)]
    both = asyncio.Barrier(2)

    async def set_both(opened: Store, first: str, second: str) -> str:
        try:
            async with opened.write() as t:
                await t.facts.set(first, "1")
                await both.wait()
                await t.facts.set(second, "1")
        except StoreError as error:
            return str(error)
        return "done"

    ends = await asyncio.gather(set_both(stores[0], "a", "b"), set_both(stores[1], "b", "a"))
    assert sorted(ends) == ["done", "the database refused: DeadlockDetected (40P01)"]
    for opened in stores:
        await opened.close()


@pytest.mark.parametrize("bounced", [{}, {"pgbouncer": "true"}])
async def test_no_wait_of_postgresql_lasts_for_ever(postgres_url: str, bounced: dict[str, str]) -> None:
    url = make_url(postgres_url).update_query_dict(bounced)
    opened = await open_store(url.render_as_string(hide_password=False), [SECRET_KEY])
    for unit in (opened.write, opened.read):
        async with unit() as t:
            for name, limit in (("lock_timeout", "10s"), ("idle_in_transaction_session_timeout", "1min")):
                found = await t._connection.execute(text(f"SELECT current_setting('{name}')"))
                assert found.scalar() == limit
    await opened.close()


async def test_what_the_url_says_of_the_line_counts_more_than_the_defaults() -> None:
    _, options = _postgres_options(parse_url("postgres://u@h/d"))
    assert options["connect_args"] == {"connect_timeout": "10", "keepalives_idle": "30", "tcp_user_timeout": "20000"}
    url, options = _postgres_options(parse_url("postgres://u@h/d?connect_timeout=3&keepalives_idle=5"))
    assert options["connect_args"] == {"tcp_user_timeout": "20000"}
    assert url.query == {"connect_timeout": "3", "keepalives_idle": "5"}


async def test_a_database_that_is_silent_is_a_store_error_and_no_question_is_asked_twice(postgres_url: str) -> None:
    """Its host answers, as that of a stopped server does, so that the network notices nothing."""
    flowing = asyncio.Event()
    flowing.set()
    async with _line_to(postgres_url, flowing) as url:
        opened = await open_store(url, [SECRET_KEY])
        await opened.check()
        flowing.clear()
        for _ in range(20):
            with pytest.raises(StoreError, match="does not answer"):
                await opened.check(within=timedelta(milliseconds=10))
        flowing.set()
        await opened.check()
        assert "Connections in pool: 1 " in opened._engines.reading.pool.status()
        await opened.close()


# Two ways to change the same three people's rows; the first begins with the first of them.
Change = Callable[[Tables], Awaitable[object]]
PEOPLE = (CYD, BOB, ANN)
RIVALS: dict[str, tuple[Change, Change]] = {
    "ledger": (_put_grants, lambda t: t.ledger.put_many(grant(user) for user in PEOPLE)),
    "ledger, as a role goes": (_put_grants, lambda t: t.ledger.drop_role(GUILD, GOLD)),
    "presence": (_see, lambda t: t.presence.put_many(GUILD, dict.fromkeys(PEOPLE, True), NOW + DAY)),
    "presence, as an audit ends": (_see, lambda t: t.presence.gone_since(GUILD, NOW + DAY, NOW + DAY)),
    "doubts": (_doubt, lambda t: t.doubts.replace_many(GUILD, dict.fromkeys(PEOPLE, ()))),
}


@pytest.mark.parametrize("what", RIVALS)
async def test_two_who_change_the_same_rows_take_turns(postgres_url: str, what: str) -> None:
    """Somebody else has the row in the middle until both wait; then one of the two has to have both of the others."""
    stores = [await open_store(postgres_url, [SECRET_KEY]) for _ in range(3)]
    for user in PEOPLE:
        async with stores[0].write() as t:
            await t.ledger.put_many([grant(user)])
            await t.presence.put(GUILD, user, present=True, seen_at=NOW)
            await t.doubts.replace_many(GUILD, {user: (Doubt(GUILD, user, GOLD, 1, Source.LIST),)})

    async def change(opened: Store, how: Change) -> None:
        async with opened.write() as t:
            await how(t)

    async with stores[0].write() as t:
        table = metadata.tables[what.split(",", maxsplit=1)[0]]
        await t._connection.execute(select(table).where(table.c.user_id == BOB).with_for_update())
        rivals = [asyncio.create_task(change(*each)) for each in zip(stores[1:], RIVALS[what], strict=True)]
        await until_found(partial(_waiting, t))
    await asyncio.gather(*rivals)
    for opened in stores:
        await opened.close()


async def _waiting(t: Tables) -> bool:
    """Say whether two sessions wait for a lock."""
    question = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return (await t._connection.execute(text(question))).scalar() == 2
