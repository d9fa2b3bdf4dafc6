"""Single facts by name, as text: the hash of the synced commands and the like. What has a shape has a table."""

from datetime import datetime

from sqlalchemy import delete, select

from bot.store.schema import facts
from bot.store.statements import Subject


class Facts(Subject):
    """The stored facts."""

    async def get(self, key: str) -> str | None:
        """Load a fact; None when it was never set."""
        row = await self._row(select(facts.c.value).where(facts.c.key == key))
        return None if row is None else str(row.value)

    async def beginning_with(self, prefix: str, *others: str) -> dict[str, str]:
        """Load the facts whose names begin so, and ``others`` named in full, by name."""
        wanted = facts.c.key.startswith(prefix, autoescape=True) | facts.c.key.in_(others)
        return {row.key: row.value for row in await self._rows(select(facts).where(wanted).order_by(facts.c.key))}

    async def set(self, key: str, value: str) -> None:
        """Store a fact over the one before."""
        await self._put(facts, [{"key": key, "value": value}])

    async def take_turn(self, key: str, now: datetime, until: datetime) -> bool:
        """Keep a turn until an instant, unless somebody keeps it beyond ``now``; one of any number of processes gets it."""
        insert = self._insert(facts).values(key=key, value=until.isoformat(timespec="microseconds"))
        over = facts.c.value <= now.isoformat(timespec="microseconds")
        changes = {"value": insert.excluded.value}
        taken = insert.on_conflict_do_update(index_elements=["key"], set_=changes, where=over)
        return await self._row(taken.returning(facts.c.key)) is not None

    async def drop(self, key: str) -> None:
        """Forget a fact."""
        await self._run(delete(facts).where(facts.c.key == key))
