"""Stored instants that lie further ahead of now than they can, since a clock was wrong when they were written.

Whatever waits for one would wait until the clock has caught up. Every column of instants is looked at: what tells of the
past lies in no future, and what waits lies ahead by its own span at most. How far that is, this module alone says.
"""

from datetime import datetime, timedelta

from sqlalchemy import update

from bot.store.columns import Instant
from bot.store.schema import (
    campaigns,
    facts,
    link_attempts,
    manual_grants,
    memberships,
    metadata,
    nudges,
    token_pairs,
)
from bot.store.statements import Subject

# Two machines on one database may differ by so much, and a lease lasts no longer.
_PAST = timedelta(minutes=5)
# As far ahead as Patreon or a person says.
_FREE = frozenset({token_pairs.c.expires_at, memberships.c.due_at, manual_grants.c.expires_at})
_AHEAD = {link_attempts.c.expires_at: timedelta(hours=1), nudges.c.due_at: timedelta(hours=1)}
# Planned by the interval of the refresh, give or take its jitter.
_PLANNED = frozenset({campaigns.c.next_refresh_at, nudges.c.due_at})


class Instants(Subject):
    """All columns of instants, and the facts that are one."""

    async def bring_back(self, now: datetime, refresh_every: timedelta) -> int:
        """Set to ``now`` what lies too far ahead of it; return how many there were."""
        moved = 0
        for table in metadata.sorted_tables:
            for column in table.columns:
                if isinstance(column.type, Instant) and column not in _FREE:
                    span = _AHEAD.get(column, _PAST)
                    latest = now + (max(span, refresh_every * 1.2) if column in _PLANNED else span)
                    moved += await self._change_many(update(table).where(column > latest).values({column: now}))
        # Sorted as instants are, for all have one shape: what a fact may be besides does not begin with such a digit.
        later = facts.c.value.like("2___-__-__T%") & (facts.c.value > (now + _AHEAD[nudges.c.due_at]).isoformat())
        return moved + await self._change_many(
            update(facts).where(later).values(value=now.isoformat(timespec="microseconds"))
        )
