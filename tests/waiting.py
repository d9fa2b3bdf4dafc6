"""Waiting for what other tasks and processes bring about.

How long that takes is no test's business: a test waits with a patience that only a stuck program outlasts, however busy
the machine is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE = 60.0
"""Seconds until a program counts as stuck."""

T = TypeVar("T")


async def until(holds: Callable[[], bool], what: str = "what was waited for") -> None:
    """Wait until something holds, or fail saying that ``what`` never came about."""

    async def ask() -> bool:
        return holds()

    await until_found(ask, what)


async def until_found(ask: Callable[[], Awaitable[T | None]], what: str = "what was waited for") -> T:
    """Wait until an answer is neither None nor false, and give it; or fail saying that ``what`` never came about."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not (answer := await ask()):  # noqa: ASYNC110 - other processes set no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{what} never came about") from None
    return answer
