"""The bot in processes to be killed. Started once, it forks for each line: a JSON object of the bot's environment.

The fork spares each life the time of importing everything; the bot itself starts from nothing but its database.
"""

import asyncio
import json
import os
import signal
import sys
from datetime import UTC, datetime

from bot.app import open_app
from bot.config import load_config

EPOCH = "QUICK_EPOCH"
SPEED = "QUICK_SPEED"
WITHOUT_DOORS = "QUICK_WITHOUT_DOORS"


class QuickTime:
    """Time that passes many times as fast as the real one since an instant, the same in every process that knows it."""

    def __init__(self, epoch: datetime, speed: int) -> None:
        self._epoch = epoch
        self._speed = speed

    def __call__(self) -> datetime:
        return self._epoch + (datetime.now(UTC) - self._epoch) * self._speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)


async def live(environment: dict[str, str]) -> None:
    """Run the bot until the process is killed."""
    time = QuickTime(datetime.fromisoformat(environment.pop(EPOCH)), int(environment.pop(SPEED)))
    web = environment.pop(WITHOUT_DOORS, None) is None
    config = load_config(None, environment)
    async with open_app(config, web=web, now=time, sleep=time.sleep, guild_ready_timeout=0.05) as app:
        await app.run_until(asyncio.Event())


def main() -> None:
    """Fork a bot for each line and say which process it is."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # What the bot logs does not belong among the answers.
            os.dup2(2, 1)
            asyncio.run(live(json.loads(line)))
        print(child, flush=True)  # noqa: T201 # the answer to the line


if __name__ == "__main__":
    main()
