"""The bot as its operator starts it: processes of ``python -m bot`` with an environment, a log to read, signals to send."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent.parent
STOPS_WITHIN = 20.0
"""Seconds the bot promises to need at most from SIGTERM to its end."""


class Process:
    """One running bot. ``log`` is everything it has printed so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.log = ""
        self._grown = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def number(self) -> int:
        """The id the system gave it."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """What it exited with; None while it runs."""
        return self._process.returncode

    async def said(self, words: str, times: int = 1) -> None:
        """Wait until the log has these words (so often)."""
        async with asyncio.timeout(PATIENCE):
            while self.log.count(words) < times:
                assert not self._reading.done(), f"it ended without {words!r}:\n{self.log}"
                self._grown.clear()
                await asyncio.wait([asyncio.create_task(self._grown.wait()), self._reading], return_when="FIRST_COMPLETED")

    async def stop(self) -> int:
        """Ask it to end, as a platform does, and return its exit code; it fails the test when that takes too long."""
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOPS_WITHIN):
            await self._reading
            return await self._process.wait()

    async def kill(self) -> None:
        """End it at once; harmless when it has ended."""
        if self._process.returncode is None:
            self._process.kill()
        await self._reading
        await self._process.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            self.log += line.decode()
            self._grown.set()


@asynccontextmanager
async def running(command: str, environment: Mapping[str, str]) -> AsyncIterator[Process]:
    """Run ``python -m bot COMMAND`` while the block runs; what is left of it then is killed."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", command),
        cwd=ROOT,
        env={"PATH": os.environ.get("PATH", ""), "LOG_FORMAT": "json", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
    )
    process = Process(started)
    try:
        yield process
    finally:
        await process.kill()
