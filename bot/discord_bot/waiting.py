"""Answers in Discord that follow what the engine reports, by what they wait for. In memory: a restart forgets them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Key = TypeVar("Key")
Answer = TypeVar("Answer")

GOOD_FOR = timedelta(minutes=14)
"""How long Discord lets an answer be edited, less a minute for clocks that differ."""


class Waiting(Generic[Key, Answer]):
    """What waits under a key, each for as long as its message can be edited; a report that never comes leaves nothing."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiting: dict[Key, list[tuple[datetime, Answer]]] = {}

    def add(self, key: Key, answer: Answer) -> None:
        """Let an answer wait."""
        now = self._now()
        good = {other: [one for one in answers if one[0] > now] for other, answers in self._waiting.items()}
        self._waiting = {other: answers for other, answers in good.items() if answers}
        self._waiting.setdefault(key, []).append((now + GOOD_FOR, answer))

    def of(self, key: Key) -> list[Answer]:
        """Give what waits under a key, the oldest first; it goes on waiting."""
        now = self._now()
        return [answer for until, answer in self._waiting.get(key, ()) if until > now]

    def end(self, key: Key, answer: Answer) -> None:
        """Let an answer stand as it is."""
        self._waiting[key] = [one for one in self._waiting.get(key, ()) if one[1] is not answer]

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))
