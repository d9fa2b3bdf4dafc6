"""A process that renews one link: ``python -m tests.patreon.renewing_process DATABASE PATREON``; a line starts it."""

import asyncio
import sys
from datetime import UTC, datetime

from bot.core.model import CampaignId, PatronId, patron_owner
from bot.patreon.client import PatreonClient
from bot.store import open_store
from bot.vault import StoreVault
from tests.patreon.doubles import settings

KEY = "an old-fashioned key for tests, long enough"
ANN = PatronId("642344")


async def main(database: str, patreon: str) -> None:
    """Open the shared database, say so, and read the membership when told to."""
    store = await open_store(database, [KEY])
    try:
        vault = StoreVault(store)
        async with PatreonClient(settings(patreon), vault, now=lambda: datetime.now(UTC)) as client:
            print("ready", flush=True)  # noqa: T201 # the test listens to it
            await asyncio.to_thread(sys.stdin.readline)
            await client.fetch_own_membership(ANN, CampaignId("8290127"))
        record = await vault.load(patron_owner(ANN))
        print("renewed" if record and record.version == 2 else "not renewed", flush=True)  # noqa: T201
    finally:
        await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
