"""Keys: what they seal, what happens when they change, and what a wrong one looks like from outside."""

import asyncio
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from bot.core.model import CREATOR
from bot.errors import StoreError
from bot.store import open_store
from bot.store.crypto import Cipher
from bot.store.records import WebhookRecord
from tests.store.makers import ANN, BOB, PAGE, attempt, patron, tokens

OLD_KEY = "an old key, in use for a long time by now"
NEW_KEY = Fernet.generate_key().decode()


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
