"""A history as words: each step a verb and what it is about, so that a person can read, change and replay it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens: ``pledge Ann Gold``, ``wait 3600``, ``kill 40``."""

    verb: str
    words: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Write it as :func:`read` takes it."""
        return " ".join((self.verb, *self.words))


History = tuple[Step, ...]


def step(verb: str, *words: object) -> Step:
    """Return a step; what it is about may be anything that can be written as one word."""
    return Step(verb, tuple(map(str, words)))


def read(text: str) -> History:
    """Read steps that are divided by semicolons or lines."""
    parts = (part.split() for part in text.replace("\n", ";").split(";"))
    return tuple(Step(verb, tuple(words)) for verb, *words in filter(None, parts))


def write(history: Iterable[Step]) -> str:
    """Write steps in one line, as ``--steps`` takes them."""
    return "; ".join(map(str, history))
