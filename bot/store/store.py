"""The door to everything stored: opening it, and units of work. The questions and changes themselves are in Tables."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from bot.core.model import Policy
from bot.errors import StoreError, TablesGone
from bot.store.crypto import Cipher
from bot.store.engine import Engines, open_engines, translated
from bot.store.migrate import migrate
from bot.store.tables import Tables

# A fact sealed with the first key, so that a wrong key is found at the start and not at the first renewal.
_KEY_CHECK = "key_check"


async def open_store(url: str, secret_keys: Sequence[str], *, policy: Policy | None = None) -> "Store":
    """Open the database at ``url``, bringing it to this version's shape first; close it when done.

    ``url`` is sqlite:///path, postgres:// or postgresql:// with any parameter of libpq (``sslmode``), and
    ``pgbouncer=true`` where one stands in between. ``secret_keys``: the first encrypts, all decrypt; while there are
    others, what they sealed is sealed anew at each opening. ``policy`` counts where a guild chose nothing else. Raises
    StoreError when the database cannot be opened or migrated, or none of the keys fits.
    """
    cipher = Cipher(secret_keys)
    await migrate(url)
    store = Store(await asyncio.to_thread(open_engines, url), cipher, policy or Policy())
    try:
        await store.check_keys()
    except BaseException:
        await store.close()
        raise
    return store


class Store:
    """Everything the bot remembers. Each unit of work is one transaction on a connection of its own.

    ``gone`` has the error of the first one that found no tables; nothing that comes later will find any.
    """

    def __init__(self, engines: Engines, cipher: Cipher, policy: Policy) -> None:
        self._engines = engines
        self._cipher = cipher
        self._policy = policy
        self._writers: set[asyncio.Task[object]] = set()
        self._asking: asyncio.Task[None] | None = None
        self.gone: asyncio.Future[TablesGone] = asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Close every connection; units of work must have ended."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])
        await self._engines.dispose()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tables]:
        """Look at one unchanging snapshot; writing through it raises StoreError."""
        async with self._begin(self._engines.reading) as tables:
            yield tables

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Tables]:
        """Change things, all of them or (when the block raises) none; on disk when the block has ended.

        SQLite has one writer at a time: wait for nothing but the store inside the block, and never open a second unit
        of work for writing in it (RuntimeError, where it would wait for itself).
        """
        task = asyncio.current_task()
        if task is None or task in self._writers:
            raise RuntimeError("a unit of work for writing is open in this task already")
        self._writers.add(task)
        try:
            async with self._begin(self._engines.writing) as tables:
                yield tables
        finally:
            self._writers.discard(task)

    async def check(self, within: timedelta = timedelta(seconds=5)) -> None:
        """Ask the database for a sign of life; raises StoreError when there is none in time."""
        # One question at a time, however often somebody asks: a database that hangs would be given all connections.
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
            # Nobody may be left to hear how it ends.
            self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.wait([self._asking], timeout=within.total_seconds())
        if not self._asking.done():
            raise StoreError("the database does not answer")
        await self._asking

    async def _ask(self) -> None:
        async with self.read() as tables:
            await tables.facts.get(_KEY_CHECK)

    async def check_keys(self) -> None:
        """Make sure that the keys open what is stored, and that the first has sealed all of it; raises StoreError."""
        async with self.read() as tables:
            mark = await tables.facts.get(_KEY_CHECK)
        if mark is not None:
            self._cipher.open(mark.encode())
        # A process that still had only the old key may have sealed with it since the first one that has the new.
        if self._cipher.has_older_keys:
            async with self.write() as tables:
                await tables.reseal()
        if mark is None or not self._cipher.is_current(mark.encode()):
            async with self.write() as tables:
                await tables.facts.set(_KEY_CHECK, self._cipher.seal("these keys fit").decode())

    @asynccontextmanager
    async def _begin(self, engine: AsyncEngine) -> AsyncIterator[Tables]:
        try:
            with translated():
                async with engine.begin() as connection:
                    yield Tables(connection, self._cipher, self._policy)
        except TablesGone as gone:
            if not self.gone.done():
                self.gone.set_result(gone)
            raise


__all__ = ["Store", "Tables", "open_store"]
