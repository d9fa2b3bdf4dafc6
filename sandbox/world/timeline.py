"""What happened in the world, in order: the time line of the demo's page. Never secrets, tokens or e-mail addresses."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.world.clock import Clock

_KEPT = 5_000
"""Old entries fall off the end, so that a long demo or a bench does not eat the memory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. ``kind`` names who or what (``patreon.call``, ``patreon.webhook``, ``world`` …)."""

    number: int
    at: datetime
    kind: str
    text: str
    data: dict[str, Any] = field(default_factory=dict)


class Timeline:
    """Collects entries and hands each new one to every subscriber's queue."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = 0
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._queues: set[asyncio.Queue[Entry]] = set()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The newest entries (5,000 at most), oldest first."""
        return tuple(self._entries)

    def add(self, kind: str, text: str, **data: Any) -> Entry:
        """Write down that ``text`` happened now; ``data`` must be plain JSON values without secrets."""
        self._count += 1
        entry = Entry(self._count, self._clock.now(), kind, text, data)
        self._entries.append(entry)
        for queue in self._queues:
            queue.put_nowait(entry)
        return entry

    def of(self, kind: str) -> list[Entry]:
        """Return the kept entries whose kind is ``kind`` or begins with ``kind`` and a dot, oldest first."""
        return [entry for entry in self._entries if entry.kind == kind or entry.kind.startswith(f"{kind}.")]

    def subscribe(self) -> asyncio.Queue[Entry]:
        """Return a queue that receives every entry from now on; give it back with :meth:`unsubscribe`."""
        queue: asyncio.Queue[Entry] = asyncio.Queue()
        self._queues.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[Entry]) -> None:
        """Stop feeding ``queue``; harmless when it was given back before."""
        self._queues.discard(queue)
