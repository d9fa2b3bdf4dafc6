"""Nudges: the queue between doors and engine. Rows of one kind and key merge; nothing is lost when a process dies."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, delete, func, literal, or_, select, update
from sqlalchemy.engine import Row

from bot.core.model import Cause, Membership
from bot.store.codec import decode_membership, encode
from bot.store.columns import Instant
from bot.store.records import CAUSES_BY_STRENGTH, URGENT, Nudge, NudgeKind, priority
from bot.store.schema import nudge_readings, nudges
from bot.store.statements import Insert, Subject, insert_into, pieces

_c = nudges.c
_r = nudge_readings.c

# One nudge among many, for statements that run once for each; a name without the prefix would be that of a column.
_ONE = (_c.kind == bindparam("b_kind")) & (_c.key == bindparam("b_key"))
_FREE = {"holder": None, "lease_until": None}
_CLEAN = {**_FREE, "attempts": 0, "last_error": None}


class Nudges(Subject):
    """The stored nudges."""

    async def add(
        self, kind: NudgeKind, key: str, cause: Cause, due_at: datetime, *, reading: Membership | None = None
    ) -> None:
        """Store a nudge, or merge it with the one of the same kind and key.

        The merged one is due at the earlier instant, has the stronger cause, and carries the latest reading of each
        campaign. When somebody works on it now, it will run once more.
        """
        await self.add_many(kind, [key], cause, due_at)
        if reading is not None:
            await self._add_reading(kind, key, reading)

    async def add_many(self, kind: NudgeKind, keys: Iterable[str], cause: Cause, due_at: datetime) -> None:
        """Store or merge any number of nudges of one kind and cause; keys may repeat."""
        await self.add_turns(kind, dict.fromkeys(keys, due_at), cause)

    async def add_turns(self, kind: NudgeKind, turns: Mapping[str, datetime], cause: Cause) -> None:
        """Store or merge nudges that are due at an instant of their own, by key."""
        common = {
            "kind": kind.value,
            "cause": cause.value,
            "strength": CAUSES_BY_STRENGTH.index(cause),
            "priority": priority(cause),
            "version": 1,
            "attempts": 0,
        }
        statement = _merging(self._on_postgres)
        # In one order everywhere, so that two writers who merge the same rows never wait for each other in a ring.
        for piece in pieces(sorted(turns.items())):
            await self._run(statement, [{**common, "key": key, "due_at": due_at} for key, due_at in piece])

    async def claim(
        self, holder: str, now: datetime, lease_until: datetime, limit: int, kind: NudgeKind, *, urgent: bool = False
    ) -> list[Nudge]:
        """Claim up to ``limit`` due nudges of a kind: by priority of their cause, then the oldest due first.

        Only the ``urgent`` ones (somebody waits for them) when asked so. Two claimants never get the same one, unless a
        lease ended in between.
        """
        question = select(nudges).where(_claimable(now), *_wanted(kind, urgent=urgent))
        question = question.order_by(_c.priority, _c.due_at, _c.key)
        # SQLite has one writer at a time and its compiler leaves the locking clause out.
        rows = await self._rows(question.limit(limit).with_for_update(skip_locked=True))
        if rows:
            lease = {"holder": holder, "lease_until": lease_until}
            await self._run(
                update(nudges).where(_ONE).values(lease), [{"b_kind": row.kind, "b_key": row.key} for row in rows]
            )
        readings = await self._readings(rows)
        return [_to_nudge(row, holder, readings[row.kind, row.key]) for row in rows]

    async def finish(self, nudge: Nudge) -> bool:
        """End the work on a claimed nudge; false when something arrived meanwhile, so that it will run again.

        A claim that somebody else has taken over is theirs, and stays.
        """
        mine = _held_by(nudge)
        if await self._changes(delete(nudges).where(mine, _c.version == nudge.version)):
            return True
        await self._run(update(nudges).where(mine).values(**_CLEAN))
        return not await self._scalar(select(func.count()).select_from(nudges).where(_named(nudge.kind, nudge.key)))

    async def postpone(self, nudge: Nudge, due_at: datetime, error: str | None = None) -> None:
        """Give a claimed nudge back for later. With ``error``, the name of a failure, one more attempt is counted.

        What was merged with it meanwhile is not put off: it keeps the instant it asked for.
        """
        later = case((_c.version == nudge.version, literal(due_at, Instant)), else_=_c.due_at)
        changes: dict[str, object] = {"due_at": later, **_FREE}
        if error is not None:
            changes |= {"attempts": _c.attempts + 1, "last_error": error}
        await self._run(update(nudges).where(_held_by(nudge)).values(**changes))

    async def extend(self, held: Iterable[Nudge], lease_until: datetime) -> None:
        """Keep claims for longer; one that was lost stays lost."""
        marks = [{"b_kind": each.kind.value, "b_key": each.key, "b_holder": each.holder} for each in held]
        statement = update(nudges).where(_ONE, _c.holder == bindparam("b_holder")).values(lease_until=lease_until)
        for piece in pieces(sorted(marks, key=lambda mark: (mark["b_kind"], mark["b_key"]))):
            await self._run(statement, piece)

    async def release(self, holder: str) -> None:
        """Give back everything a holder claimed, as it was."""
        await self._change_many(update(nudges).where(_c.holder == holder).values(**_FREE))

    async def load(self, kind: NudgeKind, key: str) -> Nudge | None:
        """Load a nudge as it stands."""
        rows = await self._rows(select(nudges).where(_named(kind, key)))
        return next(iter(await self._to_nudges(rows)), None)

    async def pending(self, due_by: datetime | None = None) -> int:
        """Count the nudges, claimed ones included; those due by an instant when asked so."""
        question = select(func.count()).select_from(nudges)
        if due_by is not None:
            question = question.where(_c.due_at <= due_by)
        return int(await self._scalar(question))

    async def waiting(self, kind: NudgeKind, cause: Cause, at_most: int) -> int:
        """Count the nudges of one kind and cause, claimed ones included, as far as ``at_most``."""
        theirs = (_c.kind == kind.value) & (_c.priority == priority(cause)) & (_c.cause == cause.value)
        some = select(_c.key).where(theirs).limit(at_most).subquery()
        return int(await self._scalar(select(func.count()).select_from(some)))

    async def urgent_among(self, kind: NudgeKind, keys: Iterable[str]) -> set[str]:
        """Return those of the keys whose nudge is urgent by now, whoever works on it."""
        question = select(_c.key).where(*_wanted(kind, urgent=True))
        return {row.key for row in await self._rows_in(question, _c.key, keys)}

    async def next_due(self) -> datetime | None:
        """Say when there may be something to claim: the next due instant, or the next end of a lease."""
        free = await self._scalar(select(func.min(_c.due_at)).where(_c.holder.is_(None)))
        held = await self._scalar(select(func.min(_c.lease_until)).where(_c.holder.is_not(None)))
        instants = [instant for instant in (free, held) if instant is not None]
        return min(instants, default=None)

    async def drop(self, kind: NudgeKind, key: str) -> None:
        """Delete a nudge, whoever works on it."""
        await self._run(delete(nudges).where(_named(kind, key)))

    async def _add_reading(self, kind: NudgeKind, key: str, reading: Membership) -> None:
        """Keep a reading, unless a later one of the same campaign is there already."""
        values = {
            "kind": kind.value,
            "key": key,
            "campaign_id": reading.campaign,
            "payload": encode(reading),
            "serial": reading.serial,
        }
        await self._run(_newer_reading(self._on_postgres), values)

    async def _to_nudges(self, rows: Sequence[Row[Any]]) -> list[Nudge]:
        readings = await self._readings(rows)
        return [_to_nudge(row, row.holder, readings[row.kind, row.key]) for row in rows]

    async def _readings(self, rows: Sequence[Row[Any]]) -> dict[tuple[str, str], list[Membership]]:
        """Load what webhooks told about these nudges, the latest last."""
        found: dict[tuple[str, str], list[Membership]] = defaultdict(list)
        question = select(nudge_readings).order_by(_r.serial, _r.campaign_id)
        for kind in {row.kind for row in rows}:
            keys = [row.key for row in rows if row.kind == kind]
            for row in await self._rows_in(question.where(_r.kind == kind), _r.key, keys):
                found[row.kind, row.key].append(replace(decode_membership(row.payload), serial=row.serial))
        return found


@cache
def _merging(on_postgres: bool) -> Insert:
    """Build the upsert that merges nudges."""
    insert = insert_into(nudges, on_postgres)
    new = insert.excluded
    stronger = new.strength < _c.strength
    changes = {
        "version": _c.version + 1,
        "due_at": case((new.due_at < _c.due_at, new.due_at), else_=_c.due_at),
        "cause": case((stronger, new.cause), else_=_c.cause),
        "strength": case((stronger, new.strength), else_=_c.strength),
        "priority": case((new.priority < _c.priority, new.priority), else_=_c.priority),
    }
    return insert.on_conflict_do_update(index_elements=["kind", "key"], set_=changes)


@cache
def _newer_reading(on_postgres: bool) -> Insert:
    """Build the upsert that keeps the later of two readings."""
    insert = insert_into(nudge_readings, on_postgres)
    changes = {"payload": insert.excluded.payload, "serial": insert.excluded.serial}
    later = _r.serial <= insert.excluded.serial
    return insert.on_conflict_do_update(index_elements=["kind", "key", "campaign_id"], set_=changes, where=later)


def _wanted(kind: NudgeKind, *, urgent: bool) -> list[ColumnElement[bool]]:
    return [_c.kind == kind.value, *([_c.priority == URGENT] if urgent else [])]


def _named(kind: NudgeKind, key: str) -> ColumnElement[bool]:
    return (_c.kind == kind.value) & (_c.key == key)


def _held_by(nudge: Nudge) -> ColumnElement[bool]:
    return _named(nudge.kind, nudge.key) & (_c.holder == nudge.holder)


def _claimable(now: datetime) -> ColumnElement[bool]:
    return (_c.due_at <= now) & or_(_c.holder.is_(None), _c.lease_until <= now)


def _to_nudge(row: Row[Any], holder: str | None, readings: Iterable[Membership]) -> Nudge:
    return Nudge(
        kind=NudgeKind(row.kind),
        key=row.key,
        cause=Cause(row.cause),
        due_at=row.due_at,
        version=row.version,
        holder=holder,
        readings=tuple(readings),
        attempts=row.attempts,
        last_error=row.last_error,
    )
