"""What was seen of members, into presence and ledger: by an audit, a join, a command. No role is changed from here.

A sighting tells of an instant that is over when it is written down. What we did ourselves since then outweighs it, so
that a role we just gave never counts as taken by hand, nor one we just took as found. Of whom something new was seen is
called in the same transaction, so that no kill comes between.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.model import Cause, DiscordUserId, Grant, Holding, Origin, RoleId
from bot.store.records import LogAction, LogEntry, NudgeKind
from bot.store.tables import Tables
from bot.sync.cases import GuildView

# Discord's payloads and pages are a moment old when they arrive.
MARGIN = timedelta(seconds=5)

Seen = Mapping[DiscordUserId, frozenset[RoleId]]


async def record_seen(
    t: Tables, view: GuildView, seen: Seen, seen_at: datetime, cause: Cause, *, call: bool = False
) -> None:
    """Write down which managed roles members have. ``call``: nudge those of whom something new was seen.

    A role nobody of us granted is FOUND; one that is gone without our doing is TAKEN.
    """
    guild, managed = view.guild, view.managed
    there = await t.presence.of_users(guild, seen)
    await t.presence.put_many(guild, dict.fromkeys(seen, True), seen_at)
    ledger = await t.ledger.of_users(guild, list(seen))
    rows: list[Grant] = []
    entries: list[LogEntry] = []
    for user, roles in seen.items():
        held = ledger.get(user, {})
        found = [Grant(guild, user, role, Origin.FOUND, seen_at, cause) for role in sorted(roles & managed - held.keys())]
        for row in [*found, *_corrected(held.values(), roles, seen_at)]:
            if row.role not in held and await _ours(t, row, seen_at):
                continue
            rows.append(row)
            action = LogAction.TAKEN if row.holding is Holding.TAKEN else LogAction.FOUND
            entries.append(LogEntry(guild, user, row.role, action, cause, seen_at))
    await t.ledger.put_many(rows)
    await t.log.add(entries)
    if call:
        new = {row.user for row in rows} | {user for user in seen if not there.get(user)}
        await t.nudges.add_many(NudgeKind.USER, map(str, new), cause, seen_at)


def _corrected(ledger: Iterable[Grant], roles: frozenset[RoleId], seen_at: datetime) -> list[Grant]:
    """Give the ledger rows that a sighting contradicts, as they should be; what is being changed now is left alone.

    A role that went with its holder, or was taken by hand, and is back was given by somebody else.
    """
    rows = []
    for row in ledger:
        if row.holding in {Holding.GIVING, Holding.TAKING} or row.since > seen_at - MARGIN:
            continue
        if row.role in roles and row.holding is not Holding.HELD:
            rows.append(replace(row, holding=Holding.HELD, origin=Origin.FOUND))
        if row.role not in roles and row.holding is Holding.HELD:
            rows.append(replace(row, holding=Holding.TAKEN))
    return rows


async def _ours(t: Tables, row: Grant, seen_at: datetime) -> bool:
    """Say whether the role was seen only because our own revocation had not reached Discord yet."""
    latest = await t.log.of(row.guild, row.user, limit=20)
    return any(
        entry.role == row.role and entry.action is LogAction.REVOKED and entry.at > seen_at - MARGIN for entry in latest
    )


async def record_gone(t: Tables, view: GuildView, users: list[DiscordUserId], seen_at: datetime) -> None:
    """Write down that people are not members now; what they had is remembered for their return.

    Who has something held by the brake is called, for the question about them is over.
    """
    await t.presence.put_many(view.guild, dict.fromkeys(users, False), seen_at)
    await t.ledger.leave(view.guild, users)
    held = await t.holds.of_users(view.guild, users)
    await t.nudges.add_many(NudgeKind.USER, map(str, held), Cause.CLOCK, seen_at)
