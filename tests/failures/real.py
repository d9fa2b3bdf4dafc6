"""The slow form: real processes in real time, ended by SIGKILL, with their log and their memory weighed.

Histories are the generated ones with their waits cut short, and without what only a day repairs. What a driven loop cannot
show is seen here: signals, the log as it is written, memory over hours.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bot.store import open_store
from sandbox.stage import Stage
from sandbox.world import Clock
from tests.failures.judge import Verdict, judge
from tests.failures.logbook import Logbook
from tests.failures.machine import Apart
from tests.failures.play import PAGE
from tests.failures.player import Player
from tests.failures.steps import History, Step, step
from tests.failures.town import found_town
from tests.failures.troubles import UNTOLD

LONGEST_WAIT, LONGEST_TROUBLE = 6.0, 8.0
"""Seconds."""

GROWTH = 40 * 1024 * 1024
"""Bytes by which the memory of a process may grow over a history, caches and pools that fill included."""

_NOT_HERE = {"clock", "database", "take", "give", "breakcard", "pay", "decline", "trial"}
"""What takes days to come true, or a machine of its own."""


def shortened(history: History) -> History:
    """Return what of a history can be lived through in minutes."""
    return tuple(_short(each) for each in history if each.verb not in _NOT_HERE and not UNTOLD & {*each.words})


def _short(each: Step) -> Step:
    match each.verb, each.words:
        case "wait", (seconds,):
            return step("wait", min(float(seconds), LONGEST_WAIT))
        case "trouble", (name, seconds):
            return step("trouble", name, min(float(seconds), LONGEST_TROUBLE))
        case _:
            return each


async def live(history: History, database_url: str) -> Verdict:
    """Play a history with real processes on an empty, migrated database, and judge it."""
    stage = Stage(found_town(Clock()))
    stage.world.patreon.largest_page = PAGE
    async with stage.serve(), _player(stage, database_url) as (player, machine):
        begun = asyncio.get_running_loop().time()
        for each in shortened(history):
            await player.play(each)
        await player.finish()
        before = machine.memory
        verdict = await judge(player, Logbook(asyncio.get_running_loop().time), len(history))
        if machine.memory > before + GROWTH:
            player.watch.blame(f"its memory grew from {before} to {machine.memory} bytes")
        await machine.stop()
        minutes = (asyncio.get_running_loop().time() - begun) / 60
        if machine.logged / minutes > 1_000_000:
            player.watch.blame(f"{machine.logged} bytes of log in {minutes:.1f} minutes")
        return Verdict(tuple(player.watch.faults), verdict.returned, verdict.calls)


@asynccontextmanager
async def _player(stage: Stage, database_url: str) -> AsyncIterator[tuple[Player, Apart]]:
    machine = Apart()
    player = Player(stage, database_url, machine, asyncio.sleep, refresh=1)
    player.refresh_every = timedelta(minutes=1)
    machine.look_into = await open_store(database_url, player.environment["SECRET_KEYS"].split(","))
    try:
        yield player, machine
    finally:
        await machine.kill()
        await machine.look_into.close()
