"""Sticky rules that patrons have met once, which keep the role for good. Whether a rule is met, the core says."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import select

from bot.core.model import GuildId, PatronId
from bot.store.schema import earned, rules
from bot.store.statements import Subject, pieces

_c = earned.c


class Earned(Subject):
    """Who met which sticky rule, and when that was first seen. It goes with the rule, and with the patron's link."""

    async def of_patrons(self, guild: GuildId, patrons: Iterable[PatronId]) -> dict[PatronId, dict[int, datetime]]:
        """Load what many patrons earned in a guild, by rule; those who earned nothing are left out."""
        found: dict[PatronId, dict[int, datetime]] = {}
        question = select(earned).join(rules, rules.c.rule_id == _c.rule_id).where(rules.c.guild_id == guild)
        for row in await self._rows_in(question, _c.patron_id, patrons):
            found.setdefault(PatronId(row.patron_id), {})[row.rule_id] = row.earned_at
        return found

    async def of_patron(self, patron: PatronId) -> dict[int, datetime]:
        """Load what a patron earned anywhere, by rule."""
        rows = await self._rows(select(earned).where(_c.patron_id == patron).order_by(_c.rule_id))
        return {row.rule_id: row.earned_at for row in rows}

    async def add(self, by_patron: Mapping[PatronId, Iterable[int]], at: datetime) -> None:
        """Remember from when on patrons have earned rules; what they had earned before keeps its instant."""
        values = [
            {"rule_id": rule, "patron_id": patron, "earned_at": at}
            for patron in sorted(by_patron)
            for rule in sorted(by_patron[patron])
        ]
        for piece in pieces(values):
            await self._run(self._insert(earned).on_conflict_do_nothing(), piece)
