"""``python -m bench``: every table, each measurement with the bot in a fresh process and the simulators in another.

N is 1,000 and 10,000; ``--full`` adds 100,000, whose first run writes 100,000 roles and takes its time. ``--only`` chooses.
Ends with 1 when a budget does not hold. What is measured, and how, is in ``scenarios`` and ``costs``.
"""

import argparse
import sys

from bench import costs, decode, scenarios, tables
from bench.alone import alone

SIZES = (1_000, 10_000)
FULL = 100_000
KINDS = ("life", "away", "flood", "decode", "refresh", "memory", "pace")


def guild_of(members: int) -> int:
    """Give a guild two and a half times the campaign; one person short, as an exact number of pages costs one call more."""
    return members * 5 // 2 - 1


def _calls(kinds: set[str], sizes: tuple[int, ...]) -> bool:
    rows: list[scenarios.Row] = []
    for size in sizes:
        if "life" in kinds:
            rows += alone(scenarios.one_life, size, guild_of(size))
        if "away" in kinds:
            rows += alone(scenarios.some_are_away, size, guild_of(size))
    if "flood" in kinds:
        rows += alone(scenarios.flood, 10_000, 5_000, 60.0)
    if rows:
        print(tables.of_rows(rows))
    return all(row.held for row in rows)


def _costs(kinds: set[str], size: int) -> bool:
    found: list[costs.Ratio] = []
    if "refresh" in kinds:
        found.append(alone(costs.quiet_refresh, size, guild_of(size)))
    if "memory" in kinds:
        guild = guild_of(size)
        full, idle = alone(costs.memory, size, guild), alone(costs.idle_memory)
        found.append(costs.compare_memory(size, guild, full, idle))
    if "pace" in kinds:
        found += [alone(costs.pace, 10, 1.0, 300), alone(costs.pace, 10, 10.0, 60)]
    if found:
        print(tables.of_ratios(found))
    return all(ratio.held for ratio in found)


def main() -> int:
    """Measure what was asked for and print it."""
    asked = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    asked.add_argument("--full", action="store_true", help="with N = 100,000; takes an hour")
    asked.add_argument("--size", type=int, action="append", help="N, in place of 1,000 and 10,000; may be repeated")
    asked.add_argument("--only", choices=KINDS, action="append", help="only this; may be repeated")
    options = asked.parse_args()
    kinds = set(options.only or KINDS)
    sizes = tuple(options.size or (*SIZES, *((FULL,) if options.full else ())))
    held = _calls(kinds, sizes)
    held &= _costs(kinds, max(options.size) if options.size else FULL)
    held &= "decode" not in kinds or decode.main() == 0
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
