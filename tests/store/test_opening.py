"""Opening the store, units of work, keys, and what a database that fails looks like from outside."""

import asyncio
import threading
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from bot.core.model import CREATOR
from bot.errors import StoreError
from bot.store import Store, open_store
from bot.store.crypto import Cipher
from bot.store.engine import parse_url
from bot.store.records import WebhookRecord
from tests.conftest import SECRET_KEY
from tests.store.makers import ANN, BOB, NOW, PAGE, attempt, campaign, link, patron, tokens

OLD_KEY = "an old key, in use for a long time by now"
NEW_KEY = Fernet.generate_key().decode()


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


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    old = Cipher([OLD_KEY])
    both = Cipher([NEW_KEY, OLD_KEY])
    sealed = old.seal("a secret")
    assert both.open(sealed) == "a secret"
    assert not both.is_current(sealed)
    assert both.is_current(both.reseal(sealed))
    with pytest.raises(StoreError, match="secret_keys"):
        old.open(both.seal("a secret"))


def test_sealing_twice_gives_two_texts_and_neither_shows_the_secret() -> None:
    cipher = Cipher([NEW_KEY])
    one, other = cipher.seal("a secret"), cipher.seal("a secret")
    assert one != other
    assert b"secret" not in one


@pytest.mark.parametrize("keys", [[], ["short"], [NEW_KEY, ""]])
async def test_unusable_keys_are_refused_without_repeating_them(sqlite_url: str, keys: list[str]) -> None:
    with pytest.raises(StoreError, match="secret_keys") as caught:
        await open_store(sqlite_url, keys)
    assert "short" not in str(caught.value).replace("shorter", "")


async def _fill_with_secrets(url: str, keys: list[str]) -> None:
    opened = await open_store(url, keys)
    async with opened.write() as t:
        await t.tokens.save(CREATOR, tokens("first"))
        await t.tokens.save(CREATOR, tokens("second"))
        await t.tokens.save_spare(CREATOR, tokens("spare"))
        await t.attempts.add(attempt("start-token", patron=patron(1), patron_name="Ann Patron", tokens=tokens("third")))
        await t.attempts.add(attempt("begun", BOB))
        await t.webhooks.save(
            WebhookRecord("99", PAGE, "https://bot.example", "hook-secret", previous_secret="older-secret")
        )
    await opened.close()


async def test_a_wrong_key_is_found_when_opening(database_url: str) -> None:
    await _fill_with_secrets(database_url, [OLD_KEY])
    with pytest.raises(StoreError, match="none of secret_keys"):
        await open_store(database_url, [NEW_KEY])


async def test_after_one_start_with_a_new_key_the_old_one_may_go(database_url: str) -> None:
    await _fill_with_secrets(database_url, [OLD_KEY])
    await (await open_store(database_url, [NEW_KEY, OLD_KEY])).close()
    opened = await open_store(database_url, [NEW_KEY])
    async with opened.read() as t:
        record = await t.tokens.load(CREATOR)
        begun = await t.attempts.load_latest(ANN)
        webhook = await t.webhooks.load(PAGE)
    await opened.close()
    assert record is not None
    assert begun is not None
    assert webhook is not None
    assert (record.tokens, record.previous, record.spare) == (tokens("second"), tokens("first"), tokens("spare"))
    assert (begun.patron_name, begun.tokens) == ("Ann Patron", tokens("third"))
    assert (webhook.secret, webhook.previous_secret) == ("hook-secret", "older-secret")


async def test_what_an_old_process_seals_after_the_change_is_sealed_anew_at_the_next_start(database_url: str) -> None:
    old = await open_store(database_url, [OLD_KEY])
    await (await open_store(database_url, [NEW_KEY, OLD_KEY])).close()
    async with old.write() as t:
        await t.tokens.save(CREATOR, tokens())
    await old.close()
    await (await open_store(database_url, [NEW_KEY, OLD_KEY])).close()
    opened = await open_store(database_url, [NEW_KEY])
    async with opened.read() as t:
        record = await t.tokens.load(CREATOR)
    await opened.close()
    assert record is not None
    assert record.tokens == tokens()


async def test_a_pair_renewed_while_all_are_sealed_anew_is_not_overwritten(postgres_url: str) -> None:
    """On SQLite nobody else writes meanwhile."""
    await _fill_with_secrets(postgres_url, [OLD_KEY])
    old, new = await open_store(postgres_url, [OLD_KEY]), await open_store(postgres_url, [OLD_KEY])
    new._cipher = Cipher([NEW_KEY, OLD_KEY])
    async with old.write() as renewing:
        await renewing.tokens.save(CREATOR, tokens("renewed"))
        resealing = asyncio.create_task(new.check_keys())
        # It waits for the row by then; had it locked the row first, the renewal would have come after.
        await asyncio.wait([resealing], timeout=0.2)
        assert not resealing.done()
    await resealing
    async with new.read() as t:
        record = await t.tokens.load(CREATOR)
    await old.close()
    await new.close()
    assert record is not None
    assert (record.tokens, record.previous) == (tokens("renewed"), tokens("second"))


async def test_no_secret_lies_readable_in_the_database_file(sqlite_url: str) -> None:
    await _fill_with_secrets(sqlite_url, [OLD_KEY])
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    files = await asyncio.to_thread(lambda: [path.read_bytes() for path in folder.iterdir() if path.is_file()])
    stored = b"".join(files)
    assert str(PAGE).encode() in stored
    secrets = ["access-", "refresh-", "hook-secret", "older-secret", "Ann Patron", "discord-interaction", "start-token"]
    assert [secret for secret in secrets if secret.encode() in stored] == []


async def test_a_damaged_row_is_a_store_error_that_shows_nothing_of_it(store: Store) -> None:
    async with store.write() as t:
        await t.campaigns.save(campaign(), NOW)
        await t._connection.execute(text('UPDATE campaigns SET payload = \'{"name": "Ann Patron"}\''))
    with pytest.raises(StoreError) as caught:
        async with store.read() as t:
            await t.campaigns.state(PAGE)
    assert "Ann Patron" not in str(caught.value)
