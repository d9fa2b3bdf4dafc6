"""A measurement in a process of its own, with a stand in another: nothing of the one before it is left in memory."""

import asyncio
import logging
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import structlog

from bench.place import Place
from bench.remote import remote_stand

R = TypeVar("R")


async def _at_a_place(measure: Callable[..., Awaitable[R]], *args: object) -> R:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory() as folder:
        async with remote_stand() as stand:
            return await measure(Place(stand, Path(folder)), *args)


def _in_this_process(measure: Callable[..., Awaitable[R]], *args: object) -> R:
    return asyncio.run(_at_a_place(measure, *args))


def alone(measure: Callable[..., Awaitable[R]], *args: object) -> R:
    """Measure in a process that is started for it and ends with it."""
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_in_this_process, measure, *args).result()
