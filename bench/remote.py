"""The near end of a stand in another process (see ``bench.stand``); knows nothing of what the verbs do."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

Verb = Callable[..., Awaitable[Any]]
"""Ask a stand: the verb's name and its plain arguments in, its plain answer out."""

_LINE = 64 * 1024 * 1024


@asynccontextmanager
async def remote_stand() -> AsyncIterator[Verb]:
    """Run a stand in a process of its own while the block runs; it ends with the block, or when we die."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.stand"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_LINE,
    )
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the stand has no pipes")
    asked, answered = process.stdin, process.stdout

    async def ask(verb: str, *args: Any) -> Any:
        asked.write(msgspec.json.encode([verb, *args]) + b"\n")
        await asked.drain()
        line = await answered.readline()
        if not line:
            raise RuntimeError(f"the stand died of {verb}")
        return msgspec.json.decode(line)

    try:
        yield ask
    finally:
        asked.close()
        await process.wait()
