"""One database, several real processes, one link to renew: one request to Patreon."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.core.model import Tokens, patron_owner
from bot.patreon.vault import TokenVault
from bot.store import open_store
from bot.vault import StoreVault
from tests.patreon.doubles import json_answer, refusal, serving, token_answer
from tests.patreon.renewing_process import ANN, KEY
from tests.patreon.samples import identity

PROCESSES = 3
ROOT = Path(__file__).parents[2]


async def start(database: str, patreon: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    module = "tests.patreon.renewing_process"
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, database, patreon, stdin=pipe, stdout=pipe, cwd=ROOT
    )


async def test_processes_that_renew_one_link_at_the_same_moment_make_one_request(database_url: str) -> None:
    store = await open_store(database_url, [KEY])
    vault: TokenVault = StoreVault(store)
    expired = Tokens("old-access", "old-refresh", datetime.now(UTC) + timedelta(days=20))
    async with store.write() as t:
        await t.tokens.save(patron_owner(ANN), expired)
    async with serving() as patreon:
        patreon.on(
            "/oauth2/v2/identity",
            lambda seen: json_answer(identity(ANN)) if seen.token == "new-access" else refusal(401, "Unauthorized"),
        )
        patreon.on("/oauth2/token", token_answer("new"), json_answer({"error": "invalid_grant"}, 401))
        running = [await start(database_url, patreon.base) for _ in range(PROCESSES)]
        for process in running:
            assert process.stdout is not None
            assert (await process.stdout.readline()).strip() == b"ready"
        for process in running:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        told = [(await process.communicate())[0].split()[-1] for process in running]
        assert patreon.paths().count("/oauth2/token") == 1
        # On a busy machine one may come so late that it finds the new pair and is never refused.
        assert [seen.token for seen in patreon.seen].count("new-access") == PROCESSES, "each was answered once"
    assert told == [b"renewed"] * PROCESSES
    record = await vault.load(patron_owner(ANN))
    await store.close()
    assert record is not None
    assert (record.tokens.access, record.previous, record.broken_since) == ("new-access", None, None)
