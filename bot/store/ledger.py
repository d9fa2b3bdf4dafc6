"""The ledger: which managed roles people have or had, and whose doing that is. What may be revoked is the core's."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.engine import Row

from bot.core.model import Cause, DiscordUserId, Grant, GuildId, Holding, Origin, RoleId
from bot.store.schema import ledger
from bot.store.statements import Subject, pieces

_c = ledger.c

_UNSEEN = [holding.value for holding in Holding if holding.unseen]


class Ledger(Subject):
    """The stored grants."""

    async def of(self, guild: GuildId, user: DiscordUserId) -> dict[RoleId, Grant]:
        """Load one person's entries in a guild, by role."""
        grants = map(_to_grant, await self._rows(select(ledger).where(_c.guild_id == guild, _c.user_id == user)))
        return {grant.role: grant for grant in grants}

    async def of_users(self, guild: GuildId, users: Iterable[DiscordUserId]) -> dict[DiscordUserId, dict[RoleId, Grant]]:
        """Load the entries of many people in a guild; those who have none are left out."""
        found: dict[DiscordUserId, dict[RoleId, Grant]] = {}
        for row in await self._rows_in(select(ledger).where(_c.guild_id == guild), _c.user_id, users):
            grant = _to_grant(row)
            found.setdefault(grant.user, {})[grant.role] = grant
        return found

    async def put_many(self, grants: Iterable[Grant]) -> None:
        """Store any number of entries over the ones before."""
        await self._put(ledger, [_to_values(grant) for grant in grants])

    async def leave(self, guild: GuildId, users: Iterable[DiscordUserId]) -> None:
        """Mark what people held, or were about to, as LEFT: they went, and Discord took their roles with them.

        What a moderator took stays TAKEN, whether they come back or not. What we took is gone in any case.
        """
        for piece in pieces(sorted(users)):
            theirs = (_c.guild_id == guild) & _c.user_id.in_(piece)
            await self._change_many(delete(ledger).where(theirs, _c.holding == Holding.REVOKED.value))
            kept = theirs & (_c.holding != Holding.TAKEN.value)
            await self._change_many(update(ledger).where(kept).values(holding=Holding.LEFT.value))

    async def drop(self, guild: GuildId, user: DiscordUserId, role: RoleId) -> None:
        """Forget an entry."""
        await self._run(delete(ledger).where(_entry(guild, user, role)))

    async def drop_role(self, guild: GuildId, role: RoleId) -> None:
        """Forget everybody's entry of a role."""
        await self._change_many(delete(ledger).where(_c.guild_id == guild, _c.role_id == role))

    async def drop_user(self, guild: GuildId, user: DiscordUserId) -> None:
        """Forget all of a person's entries in a guild."""
        await self._change_many(delete(ledger).where(_c.guild_id == guild, _c.user_id == user))

    async def count_holders(self, guild: GuildId, at_most: int) -> int:
        """Count the people in a guild who have a role that a rule gave, as far as ``at_most``: the brake's measure."""
        ours = (_c.guild_id == guild) & (_c.holding == Holding.HELD.value) & (_c.origin == Origin.OURS.value)
        some = select(_c.user_id).where(ours).distinct().limit(at_most).subquery()
        return int(await self._scalar(select(func.count()).select_from(some)))

    async def unseen(self, guilds: Iterable[GuildId], before: datetime) -> set[DiscordUserId]:
        """Name whose roles Discord said it changed before an instant without that anybody saw it since."""
        waiting = select(_c.user_id).where(_c.holding.in_(_UNSEEN), _c.since <= before)
        return {DiscordUserId(row.user_id) for row in await self._rows_in(waiting, _c.guild_id, guilds)}

    async def users(self, guild: GuildId, after: DiscordUserId | None = None, limit: int = 1000) -> list[DiscordUserId]:
        """Name the next people with entries in a guild, in order, beginning behind ``after``."""
        behind = (_c.guild_id == guild) & (_c.user_id > (0 if after is None else after))
        rows = await self._rows(select(_c.user_id).where(behind).distinct().order_by(_c.user_id).limit(limit))
        return [DiscordUserId(row.user_id) for row in rows]

    async def guilds_of(self, user: DiscordUserId) -> list[GuildId]:
        """Name the guilds in which a person has entries, in order."""
        rows = await self._rows(select(_c.guild_id).where(_c.user_id == user).distinct().order_by(_c.guild_id))
        return [GuildId(row.guild_id) for row in rows]


def _entry(guild: GuildId, user: DiscordUserId, role: RoleId) -> ColumnElement[bool]:
    return (_c.guild_id == guild) & (_c.user_id == user) & (_c.role_id == role)


def _to_values(grant: Grant) -> dict[str, object]:
    return {
        "guild_id": grant.guild,
        "user_id": grant.user,
        "role_id": grant.role,
        "origin": grant.origin.value,
        "since": grant.since,
        "cause": grant.cause.value,
        "holding": grant.holding.value,
    }


def _to_grant(row: Row[Any]) -> Grant:
    return Grant(
        guild=GuildId(row.guild_id),
        user=DiscordUserId(row.user_id),
        role=RoleId(row.role_id),
        origin=Origin(row.origin),
        since=row.since,
        cause=Cause(row.cause),
        holding=Holding(row.holding),
    )
