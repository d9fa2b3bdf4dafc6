"""An engine in a process of its own, to be killed. Started once, it forks for each line "<database url> <socket>".

The fork saves the time of importing everything anew; the engine itself starts from nothing but the database.
"""

import asyncio
import os
import sys
from datetime import timedelta

from bot.store import open_store
from bot.sync import Engine, EngineSettings
from tests.conftest import SECRET_KEY
from tests.sync.doubles import CAMPAIGN
from tests.sync.outside import Inside, utcnow

# Everything a thousand times quicker than in life, so that a kill seldom finds the engine asleep.
QUICK = EngineSettings(
    campaigns=frozenset({CAMPAIGN}),
    poll_every=timedelta(milliseconds=10),
    tick_every=timedelta(milliseconds=50),
    lease=timedelta(milliseconds=600),
    retry_first=timedelta(milliseconds=20),
    list_spacing=timedelta(milliseconds=50),
)


async def work(url: str, socket: str) -> None:
    """Run an engine until the process is killed."""
    store = await open_store(url, [SECRET_KEY])
    outside = await Inside.open(store, socket)
    await Engine(store, outside, outside, now=utcnow, settings=QUICK).run(asyncio.Event())


def main() -> None:
    """Fork an engine for each line, and say which process it is."""
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            # What the engine logs does not belong among the answers.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            asyncio.run(work(*line.split()))
        print(child, flush=True)  # noqa: T201 # the answer to the line
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
