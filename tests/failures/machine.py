"""Where the bot lives: as a :class:`Life` beside its world, in driven time, or as a real process that SIGKILL ends.

Either way it is the assembled bot with its operator's environment, and only its database outlives it.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Protocol

from discord.gateway import KeepAliveHandler

from bot.app import App, open_app
from bot.config import load_config
from bot.store import Store
from tests.e2e.processes import Process, running
from tests.failures.driven import DrivenLoop, Life
from tests.failures.line import Line


class Machine(Protocol):
    """One process at a time. ``store`` is its database while it lives, ``died`` what it ended of by itself."""

    died: str | None

    @property
    def store(self) -> Store | None:
        """What the process has stored; None while there is none."""

    async def start(self, environment: Mapping[str, str], now: Callable[[], datetime]) -> None:
        """Start a process whose clock says ``now``."""

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""

    async def kill(self) -> None:
        """End it wherever it is."""

    def look(self) -> None:
        """Note when it has ended by itself."""


class Beside:
    """A process that is a part of this one."""

    def __init__(self, line: Line | None = None) -> None:
        """Take the line to the database, which a kill cuts."""
        self.died: str | None = None
        self._line = line
        self._app: App | None = None
        self._life: Life | None = None
        self._stop = asyncio.Event()
        self._living: asyncio.Task[None] | None = None

    @property
    def store(self) -> Store | None:
        """The store of the process itself."""
        return None if self._app is None else self._app.store

    async def start(self, environment: Mapping[str, str], now: Callable[[], datetime]) -> None:
        """Start it; returns once its doors are open."""
        self._life, self._stop = Life(), asyncio.Event()
        begun: asyncio.Future[App] = asyncio.get_running_loop().create_future()
        self._living = self._life.run(self._live(environment, now, begun))
        self._living.add_done_callback(lambda _: begun.done() or begun.cancel())
        await asyncio.wait([begun])
        if begun.cancelled():
            self._ended(self._living)
        else:
            self._app = begun.result()

    async def stop(self) -> None:
        """Let it finish what is in hand."""
        if self._living is not None and self._app is not None:
            self._stop.set()
            await asyncio.wait([self._living])
            self._ended(self._living)

    async def kill(self) -> None:
        """Sever everything."""
        if self._app is None or self._life is None:
            return
        app, self._app = self._app, None
        self._cut()
        await self._life.kill()
        # What was cancelled in the midst of a query has called the server once more, to have it stop.
        self._cut()
        _still_heartbeats()
        # Connections of a dead process are closed by the system; a thread that waits for work would wait for ever.
        await app.store.close()
        _forget_threads()

    def look(self) -> None:
        """See whether its work has ended."""
        if self._app is not None and self._living is not None and self._living.done():
            self._ended(self._living)

    def _cut(self) -> None:
        if self._line is not None:
            self._line.cut()

    async def _live(self, environment: Mapping[str, str], now: Callable[[], datetime], begun: "asyncio.Future[App]") -> None:
        config = load_config(None, environment)
        async with open_app(config, now=now, sleep=asyncio.sleep, guild_ready_timeout=0.1) as app:
            begun.set_result(app)
            await app.run_until(self._stop)

    def _ended(self, living: "asyncio.Task[None]") -> None:
        self._app = None
        _still_heartbeats()
        _forget_threads()
        if not living.cancelled() and (error := living.exception()) is not None:
            self.died = repr(error)


class Apart:
    """A process of its own, which has the machine's clock. ``logged`` counts the bytes of its log, those of every life.

    ``look_into`` is a store on the same database.
    """

    def __init__(self) -> None:
        self.look_into: Store | None = None
        self.died: str | None = None
        self.logged = 0
        self._process: Process | None = None
        self._open = AsyncExitStack()

    @property
    def store(self) -> Store | None:
        """The database, while a process lives."""
        return None if self._process is None else self.look_into

    @property
    def memory(self) -> int:
        """The bytes of memory the process holds."""
        if self._process is None:
            return 0
        status = Path(f"/proc/{self._process.number}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024

    async def start(self, environment: Mapping[str, str], now: Callable[[], datetime]) -> None:  # noqa: ARG002
        """Start it; returns once its doors are open."""
        self._open = AsyncExitStack()
        self._process = await self._open.enter_async_context(running("run", environment))
        await self._process.said("web_listening")

    async def stop(self) -> None:
        """Send SIGTERM; it has 20 seconds."""
        if self._process is not None and (code := await self._process.stop()) != 0:
            self.died = f"exit {code} after SIGTERM"
        await self._over()

    async def kill(self) -> None:
        """Send SIGKILL."""
        await self._over()

    def look(self) -> None:
        """See whether it has exited."""
        if self._process is not None and self._process.code is not None:
            self.died = f"exit {self._process.code}: {self._process.log[-500:]}"

    async def _over(self) -> None:
        process, self._process = self._process, None
        await self._open.aclose()
        if process is not None:
            self.logged += len(process.log)


def _still_heartbeats() -> None:
    """Stop the threads in which discord.py keeps connections alive that are no more."""
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler):
            thread.stop()


def _forget_threads() -> None:
    loop = asyncio.get_running_loop()
    if isinstance(loop, DrivenLoop):
        loop.forget_threads()
