"""The role log: what happened to whose roles, and why. It is for people to read."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Row

from bot.core.model import Cause, DiscordUserId, GuildId, RoleId
from bot.store.records import LogAction, LogEntry
from bot.store.schema import role_log
from bot.store.statements import Subject, pieces

_c = role_log.c


class RoleLog(Subject):
    """The stored log entries."""

    async def add(self, entries: Iterable[LogEntry]) -> None:
        """Append entries in their order."""
        for piece in pieces(_to_values(entry) for entry in entries):
            await self._run(self._insert(role_log), piece)

    async def of(self, guild: GuildId, user: DiscordUserId, limit: int = 20) -> list[LogEntry]:
        """Load the newest entries about one person in a guild, the newest first."""
        question = select(role_log).where(_c.guild_id == guild, _c.user_id == user)
        return list(map(_to_entry, await self._rows(question.order_by(_c.entry_id.desc()).limit(limit))))

    async def erase(self, user: DiscordUserId) -> None:
        """Wipe what is logged about a person."""
        await self._change_many(delete(role_log).where(_c.user_id == user))

    async def purge(self, before: datetime) -> None:
        """Delete the entries from before an instant."""
        await self._change_many(delete(role_log).where(_c.at < before))


def _to_values(entry: LogEntry) -> dict[str, object]:
    return {
        "guild_id": entry.guild,
        "user_id": entry.user,
        "role_id": entry.role,
        "action": entry.action.value,
        "cause": entry.cause.value,
        "at": entry.at,
        "detail": entry.detail,
        "run_id": entry.run,
    }


def _to_entry(row: Row[Any]) -> LogEntry:
    return LogEntry(
        guild=GuildId(row.guild_id),
        user=DiscordUserId(row.user_id),
        role=RoleId(row.role_id),
        action=LogAction(row.action),
        cause=Cause(row.cause),
        at=row.at,
        detail=row.detail,
        run=row.run_id,
    )
