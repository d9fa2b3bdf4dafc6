"""Serial numbers: what came first, whatever any clock says. Each number is larger than all that were given out before.

Two kinds, so that no two happenings share one. What arrives or begins takes an odd number and moves the count on; what
is asked notes the even number the count stands at, which costs no write. So an answer asked for before a webhook came
has the smaller number, and one asked for after it was stored the larger one.
"""

from sqlalchemy import Integer, Text, cast, select, text

from bot.store.schema import facts, serials
from bot.store.statements import Subject

_FACT = "serial"
_STEP = 2


class Serials(Subject):
    """The count, shared by all processes: a sequence on PostgreSQL, a fact on SQLite, where one writes at a time."""

    async def take(self) -> int:
        """Return the number of what happens now; whatever is asked or happens after it gets a larger one."""
        if self._on_postgres:
            return int(await self._scalar(select(serials.next_value()))) - 1
        insert = self._insert(facts).values(key=_FACT, value=str(_STEP))
        grown = cast(cast(facts.c.value, Integer) + _STEP, Text)
        counted = insert.on_conflict_do_update(index_elements=["key"], set_={"value": grown})
        return int(await self._scalar(counted.returning(facts.c.value))) - 1

    async def current(self) -> int:
        """Return the number of what is asked from now on: larger than all taken by what is stored."""
        if self._on_postgres:
            return int(await self._scalar(text("SELECT last_value FROM serials")))
        return int(await self._scalar(select(facts.c.value).where(facts.c.key == _FACT)) or 0)
