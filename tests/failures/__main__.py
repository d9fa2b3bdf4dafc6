"""Plays generated histories: ``python -m tests.failures --seed 7``, or many of them for as long as one likes.

A history that fails is made as short as it can be and printed with its seed and its steps, which ``--steps`` plays again.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from tests.failures.databases import KINDS, Databases, databases
from tests.failures.generator import generate, refresh_of
from tests.failures.play import Played, play
from tests.failures.real import live
from tests.failures.shrink import shrink
from tests.failures.steps import History, read, write


@dataclass(frozen=True, slots=True)
class Tale:
    """A history, the seed it came of, and how many minutes are between two lists in it."""

    seed: int
    history: History
    refresh: int

    def play(self, made: Databases, history: History | None = None, *, real: bool = False) -> Played:
        """Play it, or a shorter form of it, on a database of its own; ``real``: with real processes, which takes minutes."""
        with made() as url:
            if real:
                return Played(asyncio.run(live(history or self.history, url)))
            return play(history or self.history, url, refresh=self.refresh)


class Teller:
    """Plays tales on one kind of database and prints what came of them."""

    def __init__(self, asked: argparse.Namespace, made: Databases) -> None:
        self._asked = asked
        self._made = made
        self._begun = time.monotonic()
        self.counted: Counter[str] = Counter()

    def tell(self, tale: Tale) -> None:
        """Play one and say what was wrong with it."""
        played = tale.play(self._made, real=self._asked.real)
        faults = played.verdict.faults
        self.counted += Counter(played=1, failed=bool(faults), calls=played.verdict.calls, returned=played.verdict.returned)
        if faults:
            print(f"seed {tale.seed} fails: {write(tale.history)}")
            self._list(faults)
            played = played if self._asked.real else self._shorten(tale)
        if self._asked.log:
            print("\n".join(("  what happened:", *played.happened, "  what was logged:", *played.log)))
        if faults or self.counted["played"] % self._asked.every == 0:
            print(f"{self} (seed {tale.seed})", flush=True)

    def is_over(self) -> bool:
        """Whether the time that was asked for has passed."""
        return bool(self._asked.minutes) and time.monotonic() - self._begun > self._asked.minutes * 60

    def __str__(self) -> str:
        spent, counted = time.monotonic() - self._begun, self.counted
        return (
            f"{counted['played']} histories on {self._asked.database} in {spent:.0f} s: {counted['failed']} failed; "
            f"{counted['calls']} roles given or taken, {counted['returned']} taken at a bad moment and given back"
        )

    def _shorten(self, tale: Tale) -> Played:
        history = shrink(
            tale.history, lambda less: bool(tale.play(self._made, less).verdict.faults), tries=self._asked.tries
        )
        played = tale.play(self._made, history)
        options = f"--seed {tale.seed} --refresh {tale.refresh} --database {self._asked.database}"
        print(f"  made shorter{'' if played.verdict.faults else ', and it does not fail every time'}:")
        print(f'  python -m tests.failures {options} --steps "{write(history)}"')
        self._list(played.verdict.faults)
        return played

    def _list(self, faults: tuple[str, ...]) -> None:
        for fault in faults:
            print(f"  - {fault}", flush=True)


def main() -> int:
    """Play what was asked for; 1 when anything failed."""
    asked = _arguments()
    with databases(asked.database) as made:
        teller = Teller(asked, made)
        for tale in _tales(asked):
            teller.tell(tale)
            if teller.is_over():
                break
    print(teller)
    return 1 if teller.counted["failed"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.failures", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--count", type=int, default=1, help="how many seeds")
    parser.add_argument("--minutes", type=float, default=0, help="go on for so long, whatever the count")
    parser.add_argument("--database", choices=KINDS, default="sqlite")
    parser.add_argument("--steps", help="play these steps, divided by semicolons, and not those of the seed")
    parser.add_argument("--refresh", type=int, help="minutes between two lists, where it is not the seed's")
    parser.add_argument("--tries", type=int, default=60, help="histories to play to make a failing one shorter")
    parser.add_argument("--every", type=int, default=20, help="histories between two lines about how it goes")
    parser.add_argument("--real", action="store_true", help="with real processes in real time, four minutes for each seed")
    parser.add_argument("--log", action="store_true", help="show what happened and what was logged")
    return parser.parse_args()


def _tales(asked: argparse.Namespace) -> Iterator[Tale]:
    seeds = count(asked.seed) if asked.minutes else range(asked.seed, asked.seed + asked.count)
    for seed in [asked.seed] if asked.steps else seeds:
        history = read(asked.steps) if asked.steps else generate(seed)
        yield Tale(seed, history, asked.refresh or refresh_of(seed))


if __name__ == "__main__":
    sys.exit(main())
