"""Opening the store, units of work, and what a database that fails looks like from outside."""

import asyncio
import gc
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.core.model import CREATOR
from bot.errors import StoreError
from bot.store import Store, open_store
from bot.store.engine import parse_url
from tests.conftest import SECRET_KEY
from tests.store.makers import ANN, NOW, PAGE, attempt, campaign, link, tokens


@pytest.mark.parametrize(
    ("url", "becomes"),
    [
        ("sqlite:///data/x.db", "sqlite+aiosqlite:///data/x.db"),
        ("sqlite:////var/x.db", "sqlite+aiosqlite:////var/x.db"),
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql://u@h:5433/d?sslmode=require", "postgresql+psycopg://u@h:5433/d?sslmode=require"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
    ],
)
def test_urls_are_read_as_hosts_hand_them_out(url: str, becomes: str) -> None:
    assert parse_url(url).render_as_string() == becomes


@pytest.mark.parametrize("url", ["", "data/x.db", "mysql://u:geheim@h/d", "sqlite://", "sqlite:///:memory:", "geheim://"])
async def test_a_url_that_cannot_be_used_says_so_without_repeating_it(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        await open_store(url, [SECRET_KEY])
    assert "geheim" not in str(caught.value)


async def test_the_folder_of_a_new_database_is_created(tmp_path: Path) -> None:
    opened = await open_store(f"sqlite:///{tmp_path}/not/yet/there.db", [SECRET_KEY])
    await opened.check()
    await opened.close()
    assert await asyncio.to_thread((tmp_path / "not/yet/there.db").exists)


async def test_a_folder_that_cannot_be_created_is_a_store_error(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "file").write_text, "")
    with pytest.raises(StoreError, match="folder"):
        await open_store(f"sqlite:///{tmp_path}/file/x.db", [SECRET_KEY])


async def test_a_file_that_is_no_database_is_a_store_error(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "x.db").write_bytes, b"this is no database at all" * 100)
    with pytest.raises(StoreError):
        await open_store(f"sqlite:///{tmp_path}/x.db", [SECRET_KEY])


async def test_a_server_that_is_not_there_is_a_store_error_without_the_password() -> None:
    with pytest.raises(StoreError) as caught:
        await open_store("postgresql://user:geheim@127.0.0.1:1/none", [SECRET_KEY])
    assert "geheim" not in str(caught.value)


async def test_what_is_written_is_there_after_closing_and_opening(database_url: str) -> None:
    for turn in range(2):
        opened = await open_store(database_url, [SECRET_KEY])
        async with opened.write() as t:
            assert await t.links.count() == turn
            await t.links.save(link())
        await opened.close()


async def test_a_unit_of_work_that_raises_changes_nothing(any_store: Store) -> None:
    async def begin_and_fail() -> None:
        async with any_store.write() as t:
            await t.links.save(link())
            await t.tokens.save(CREATOR, tokens())
            raise KeyError

    with pytest.raises(KeyError):
        await begin_and_fail()
    async with any_store.read() as t:
        assert await t.links.count() == 0
        assert await t.tokens.load(CREATOR) is None


async def test_a_cancelled_unit_of_work_changes_nothing_and_blocks_nobody(any_store: Store) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with any_store.write() as t:
            await t.links.save(link())
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with any_store.write() as t:
        assert await t.links.count() == 0


async def test_writing_through_a_reader_is_refused(any_store: Store) -> None:
    with pytest.raises(StoreError):
        async with any_store.read() as t:
            await t.links.save(link())
    async with any_store.write() as t:
        assert await t.links.count() == 0


async def test_a_reader_sees_one_snapshot_while_others_write(any_store: Store) -> None:
    async def write() -> None:
        async with any_store.write() as t:
            await t.links.save(link(ANN, 1))

    async with any_store.read() as t:
        assert await t.links.count() == 0
        await asyncio.create_task(write())
        assert await t.links.count() == 0
    async with any_store.read() as t:
        assert await t.links.count() == 1


async def test_a_reader_does_not_wait_for_a_writer(any_store: Store) -> None:
    async with any_store.write() as writer:
        await writer.links.save(link())
        async with any_store.read() as reader:
            assert await reader.links.count() == 0


async def test_many_writers_at_once_all_get_their_turn(any_store: Store) -> None:
    async def write(number: int) -> None:
        async with any_store.write() as t:
            await t.facts.set("count", str(int(await t.facts.get("count") or 0) + 1))
            await t.facts.set(str(number), "done")

    await asyncio.gather(*(write(number) for number in range(50)))
    async with any_store.read() as t:
        assert [await t.facts.get(str(number)) for number in range(50)] == ["done"] * 50


async def test_on_sqlite_writers_come_one_after_the_other(store: Store) -> None:
    async def count_up() -> None:
        async with store.write() as t:
            await t.facts.set("count", str(int(await t.facts.get("count") or 0) + 1))

    await asyncio.gather(*(count_up() for _ in range(20)))
    async with store.read() as t:
        assert await t.facts.get("count") == "20"


async def test_two_stores_on_one_file_wait_for_each_other(sqlite_url: str) -> None:
    stores = [await open_store(sqlite_url, [SECRET_KEY]) for _ in range(2)]

    async def count_up(opened: Store) -> None:
        for _ in range(10):
            async with opened.write() as t:
                await t.facts.set("count", str(int(await t.facts.get("count") or 0) + 1))

    await asyncio.gather(*map(count_up, stores))
    async with stores[0].read() as t:
        assert await t.facts.get("count") == "20"
    for opened in stores:
        await opened.close()


async def test_a_unit_of_work_inside_another_is_refused_instead_of_waiting_for_itself(any_store: Store) -> None:
    async with any_store.write():
        with pytest.raises(RuntimeError, match="already"):
            async with any_store.write():
                pass
    async with any_store.write() as t:
        assert await t.links.count() == 0


async def test_a_refused_statement_is_a_store_error_that_shows_no_value(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.attempts.add(attempt("same", patron_name="Ann Patron"))
    with pytest.raises(StoreError) as caught:
        async with any_store.write() as t:
            await t.attempts.add(attempt("same", patron_name="Ann Patron"))
    assert str(caught.value) in {
        "the database refused: IntegrityError (SQLITE_CONSTRAINT_PRIMARYKEY)",
        "the database refused: UniqueViolation (23505)",
    }
    everything = f"{caught.value} {caught.value.__cause__}"
    assert "Ann Patron" not in everything
    assert "discord-interaction-token" not in everything


async def test_a_naive_instant_is_refused(any_store: Store) -> None:
    with pytest.raises(StoreError):
        async with any_store.write() as t:
            await t.links.save(link(at=NOW.replace(tzinfo=None)))


async def test_closing_leaves_no_thread_behind(sqlite_url: str) -> None:
    before = set(threading.enumerate())
    opened = await open_store(sqlite_url, [SECRET_KEY])
    async with opened.read() as reader, opened.write() as writer:
        assert await reader.links.count() == await writer.links.count()
    drivers = {thread for thread in set(threading.enumerate()) - before if not thread.name.startswith("asyncio_")}
    assert drivers
    await opened.close()
    # A thread that was told to stop needs a moment to end.
    for thread in drivers:
        await asyncio.to_thread(thread.join, 10)
    assert not any(thread.is_alive() for thread in drivers)


async def test_an_opening_that_is_cancelled_leaves_no_connection_open(store: Store) -> None:
    """From Python 3.13 on, one that nobody closed is a ResourceWarning, and a warning fails a test."""

    async def read() -> None:
        async with store.read() as t:
            await t.links.count()

    for turns in range(20):
        await store._engines.dispose()
        reading = asyncio.create_task(read())
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
    gc.collect()
    await read()


async def test_a_damaged_row_is_a_store_error_that_shows_nothing_of_it(store: Store) -> None:
    async with store.write() as t:
        await t.campaigns.save(campaign(), NOW)
        await t._connection.execute(text('UPDATE campaigns SET payload = \'{"name": "Ann Patron"}\''))
    with pytest.raises(StoreError) as caught:
        async with store.read() as t:
            await t.campaigns.state(PAGE)
    assert "Ann Patron" not in str(caught.value)
