"""From a history to a verdict: everything that is needed is opened, the history played, judged, and all of it closed."""

import gc
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SAWarning

from sandbox.stage import Stage
from sandbox.world import Clock
from tests.failures.driven import DrivenLoop, drive
from tests.failures.judge import Verdict, judge
from tests.failures.line import Line
from tests.failures.logbook import Logbook, reading_logs
from tests.failures.machine import Beside
from tests.failures.player import Player
from tests.failures.steps import History
from tests.failures.town import found_town

PAGE = 2
"""Rows on a page of Patreon's lists, so that a few people fill several."""

Meddle = Callable[[Player], None]


@dataclass(frozen=True, slots=True)
class Played:
    """A history's verdict, and what its reader may want to see of it."""

    verdict: Verdict
    log: tuple[str, ...] = ()
    happened: tuple[str, ...] = ()


def play(history: History, database_url: str, *, refresh: int, meddle: Meddle | None = None) -> Played:
    """Play a history on an empty, migrated database, in time that passes as fast as it can.

    ``refresh`` is how many minutes are between two lists; ``meddle`` has its way with the player before judgement.
    """
    with warnings.catch_warnings():
        # Who is killed gives no connection back, and closes none.
        warnings.filterwarnings("ignore", "The garbage collector is trying to clean up", SAWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return drive(lambda loop: _play(loop, history, database_url, refresh, meddle))
        finally:
            gc.collect()


async def _play(loop: DrivenLoop, history: History, database_url: str, refresh: int, meddle: Meddle | None) -> Played:
    with reading_logs(loop.time) as logbook:
        stage = Stage(found_town(Clock(loop.now)))
        stage.discord.limits.follow(loop.time)
        stage.world.patreon.largest_page = PAGE
        async with stage.serve(), _reached(loop, database_url) as (url, line):
            player = Player(stage, url, Beside(line), loop.pass_at_once, refresh=refresh, line=line)
            try:
                verdict = await _judged(player, logbook, history, meddle)
            finally:
                await player.machine.kill()
        entries = player.world.timeline.entries
        return Played(verdict, tuple(logbook.lines), tuple(f"{each.at} {each.kind}: {each.text}" for each in entries))


@asynccontextmanager
async def _reached(loop: DrivenLoop, database_url: str) -> AsyncIterator[tuple[str, Line | None]]:
    """Give the URL under which the bot finds the database, and the line there, should it be a server's."""
    if not database_url.startswith("postgresql"):
        yield database_url, None
        return
    line = Line()
    loop.busy.append(lambda: line.waiting)
    async with line.serve(database_url) as url:
        yield url, line


async def _judged(player: Player, logbook: Logbook, history: History, meddle: Meddle | None) -> Verdict:
    for step in history:
        await player.play(step)
    if meddle is not None:
        meddle(player)
    return await judge(player, logbook, len(history))
