"""One gateway session: what a shard of a bot has been sent, so that it can be sent again after a resume. No sockets here."""

import asyncio
import secrets
from collections import deque

import msgspec

from sandbox.world.guild_records import Bot

_REPLAYED = 10_000
"""Events a session remembers for a resume."""
Frame = str


def encode(value: object) -> str:
    """Return compact JSON."""
    return msgspec.json.encode(value).decode()


class Session:
    """A shard's session. Events get their sequence numbers here and wait here while nobody is connected."""

    def __init__(self, bot: Bot, intents: int, shard: tuple[int, int]) -> None:
        self.id = secrets.token_hex(16)
        self.bot = bot
        self.intents = intents
        self.shard, self.shards = shard
        self.sequence = 0
        self.outbox: asyncio.Queue[Frame] | None = None
        self._sent: deque[tuple[int, Frame]] = deque(maxlen=_REPLAYED)

    @property
    def connected(self) -> bool:
        """Whether a socket takes this session's events now."""
        return self.outbox is not None

    def serves(self, guild: int | None) -> bool:
        """Whether this shard gets the events of ``guild``; DMs (None) go to shard 0."""
        return self.shard == (0 if guild is None else (guild >> 22) % self.shards)

    def dispatch(self, name: str, data: str) -> None:
        """Send an event whose data is JSON already; while disconnected it is kept for the resume."""
        self.sequence += 1
        frame = f'{{"op":0,"t":"{name}","s":{self.sequence},"d":{data}}}'
        self._sent.append((self.sequence, frame))
        if self.outbox is not None:
            self.outbox.put_nowait(frame)

    def missed(self, after: int) -> list[Frame] | None:
        """Return the events above sequence number ``after``; None when some of them are forgotten or never were."""
        if after > self.sequence or (self._sent and self._sent[0][0] > after + 1):
            return None
        return [frame for number, frame in self._sent if number > after]
