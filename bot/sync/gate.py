"""The gate before Discord's role calls: bulk work of a guild passes a few at a time, urgent work at once.

Bulk work waits here and not in Discord's own queue, where an urgent call would stand behind all of it. Somebody whose
bulk work waits may be called urgent meanwhile (they type ``/link``): their nudge is in hand, so that no lane can claim it,
and `Gate.hurry` lets them through.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.core.model import Cause, DiscordUserId, GuildId
from bot.store.records import is_urgent


@dataclass(slots=True)
class _Queue:
    """One guild's free places, and who waits for one; a waiter's answer is whether it was given a place."""

    free: int
    waiting: deque[tuple[DiscordUserId, "asyncio.Future[bool]"]] = field(default_factory=deque)

    def hand_on(self) -> None:
        """Give a place that became free to whoever has waited longest."""
        while self.waiting:
            _, turn = self.waiting.popleft()
            if not turn.done():
                turn.set_result(True)
                return
        self.free += 1


class Gate:
    """The gates of all guilds, of this process."""

    def __init__(self, at_once: int) -> None:
        """``at_once``: how many people's bulk work may call Discord at the same time, in one guild."""
        self._queues: defaultdict[GuildId, _Queue] = defaultdict(lambda: _Queue(at_once))

    @property
    def waiting(self) -> set[DiscordUserId]:
        """The people whose bulk work waits."""
        return {user for queue in self._queues.values() for user, turn in queue.waiting if not turn.done()}

    @asynccontextmanager
    async def passing(self, guild: GuildId, user: DiscordUserId, cause: Cause) -> AsyncIterator[None]:
        """Wait until one person's roles in a guild may be changed, which urgent work may at any time."""
        queue = self._queues[guild]
        has_place = not is_urgent(cause) and await self._wait(queue, user)
        try:
            yield
        finally:
            if has_place:
                queue.hand_on()

    def hurry(self, users: Collection[DiscordUserId]) -> None:
        """Let these people through without a place: somebody waits for them now."""
        for queue in self._queues.values():
            for user, turn in queue.waiting:
                if user in users and not turn.done():
                    turn.set_result(False)

    async def _wait(self, queue: _Queue, user: DiscordUserId) -> bool:
        """Wait for a place, and return whether there is one to hand on afterwards."""
        if queue.free:
            queue.free -= 1
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        queue.waiting.append((user, turn))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.result():
                queue.hand_on()
            raise
