"""What things cost in calls: each scenario does one thing to a place and gives a row with the budget beside the count.

The same functions make the table of ``make bench`` and are asserted, small, by the tests. Time is noted, never judged.
"""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from math import ceil

from bench.place import Place

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. A budget is the most that may be asked; ``work`` is what changed, which time should follow."""

    scenario: str
    members: int
    reads: int
    reads_budget: int
    calls: int
    calls_budget: int
    other: int
    work: int
    seconds: float
    processor: float
    refused: int = 0

    @property
    def held(self) -> bool:
        """Say whether both budgets held, and nobody was told to slow down."""
        return self.reads <= self.reads_budget and self.calls <= self.calls_budget and not self.refused


def pages(rows: int) -> int:
    """Give the number of pages of a list."""
    return ceil(rows / PAGE)


class Measure:
    """Collects the rows of one place; the budget of a row is named when it is taken."""

    def __init__(self, place: Place, members: int) -> None:
        self._place = place
        self._members = members
        self.rows: list[Row] = []

    @asynccontextmanager
    async def row(self, scenario: str, *, reads: int, calls: int, work: int = 0) -> AsyncIterator[None]:
        """Measure a block against its budgets."""
        await self._place.counts()
        began, processor = time.monotonic(), time.process_time()
        yield
        seconds, processor = time.monotonic() - began, time.process_time() - processor
        counts = await self._place.counts()
        self.rows.append(
            Row(
                scenario,
                self._members,
                counts.reads,
                reads,
                counts.calls,
                calls,
                counts.other,
                work,
                seconds,
                processor,
                counts.refused,
            )
        )


async def one_life(place: Place, members: int, guild: int, linked: int | None = None) -> list[Row]:
    """First run, quiet refresh, changes by list and by webhook, restart: one after the other at one place.

    All members are linked, or only the first ``linked``; those who change are among them.
    """
    linked = members if linked is None else linked
    await place.fill(members, guild=guild, linked=linked)
    measure, lists = Measure(place, members), pages(members)
    some, few = max(1, linked // 50), min(5, lists)
    async with AsyncExitStack() as stack:
        async with measure.row("first run, all need one role", reads=lists, calls=linked + pages(guild), work=linked):
            await stack.enter_async_context(place.bot())
            await place.first_run()
        async with measure.row("nothing changed", reads=lists, calls=0):
            await place.refresh()
        async with measure.row(
            f"{some:,} tiers changed: this list and the next", reads=2 * lists, calls=2 * some, work=some
        ):
            await place.stand("change_tiers", some)
            await place.refresh()
            await place.refresh()
        async with measure.row(f"{few} tiers changed: by webhook", reads=few, calls=2 * few, work=few):
            await place.stand("change_tiers", few, 1)
            await place.heard()
    async with measure.row("restart, nothing changed", reads=0, calls=0), place.bot():
        await place.idle()
    return measure.rows


async def some_are_away(place: Place, members: int, guild: int) -> list[Row]:
    """Audit and refresh while a quarter of the linked people have never been in the guild."""
    await place.fill(members, joined=members * 3 // 4, guild=guild, furnished=True)
    measure, lists = Measure(place, members), pages(members)
    async with AsyncExitStack() as stack:
        async with measure.row("a quarter not in the guild: first audit", reads=lists, calls=pages(guild)):
            await stack.enter_async_context(place.bot())
            await place.first_run()
        async with measure.row("a quarter not in the guild: after it", reads=lists, calls=0):
            await place.refresh()
    return measure.rows


async def flood(place: Place, members: int, patrons: int, seconds: float) -> list[Row]:
    """So many linked patrons are heard of by webhook within so many seconds; one in twenty of them changed the tier."""
    changed = patrons // 20
    await place.fill(members, linked=patrons, joined=patrons, guild=patrons + 5)
    measure, lists = Measure(place, members), pages(members)
    async with place.bot():
        await place.first_run()
        name = f"{patrons:,} webhooks in {seconds:.0f} s, {changed:,} tiers changed"
        async with measure.row(name, reads=2 * lists + 100, calls=2 * changed, work=patrons):
            sent = await place.stand("flood", patrons, changed, seconds)
            await place.idle()
        if sent["refused"]:
            raise RuntimeError(f"{sent['refused']} webhooks were not taken")
    return measure.rows
