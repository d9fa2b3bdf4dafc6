"""Manual grants: roles creators gave by hand through the bot. They live and end apart from Patreon's data."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Row

from bot.core.model import DiscordUserId, GuildId, ManualGrant, RoleId
from bot.store.schema import manual_grants
from bot.store.statements import Subject

_c = manual_grants.c


class ManualGrants(Subject):
    """The stored manual grants, at most one per person and role."""

    async def add(self, grant: ManualGrant) -> None:
        """Store a grant over the one before for the same person and role."""
        values = {
            "guild_id": grant.guild,
            "user_id": grant.user,
            "role_id": grant.role,
            "note": grant.note,
            "granted_by": grant.granted_by,
            "granted_at": grant.granted_at,
            "expires_at": grant.expires_at,
        }
        await self._put(manual_grants, [values])

    async def of(self, guild: GuildId, user: DiscordUserId) -> tuple[ManualGrant, ...]:
        """Load one person's grants in a guild, expired ones included, in order of role."""
        mine = select(manual_grants).where(_c.guild_id == guild, _c.user_id == user).order_by(_c.role_id)
        return tuple(map(_to_grant, await self._rows(mine)))

    async def of_users(self, guild: GuildId, users: Iterable[DiscordUserId]) -> dict[DiscordUserId, tuple[ManualGrant, ...]]:
        """Load the grants of many people in a guild; those who have none are left out."""
        found: dict[DiscordUserId, tuple[ManualGrant, ...]] = {}
        question = select(manual_grants).where(_c.guild_id == guild).order_by(_c.role_id)
        for grant in map(_to_grant, await self._rows_in(question, _c.user_id, users)):
            found[grant.user] = (*found.get(grant.user, ()), grant)
        return found

    async def of_guild(self, guild: GuildId) -> list[ManualGrant]:
        """Load a guild's grants, the newest first."""
        question = select(manual_grants).where(_c.guild_id == guild)
        rows = await self._rows(question.order_by(_c.granted_at.desc(), _c.user_id, _c.role_id))
        return list(map(_to_grant, rows))

    async def end(self, guild: GuildId, user: DiscordUserId, role: RoleId) -> ManualGrant | None:
        """Delete a grant and return it; None when there was none."""
        one = (_c.guild_id == guild) & (_c.user_id == user) & (_c.role_id == role)
        row = await self._row(delete(manual_grants).where(one).returning(manual_grants))
        return None if row is None else _to_grant(row)

    async def expired(self, now: datetime) -> list[ManualGrant]:
        """Load the grants whose time is over, the longest over first; they stay until somebody ends them."""
        rows = await self._rows(select(manual_grants).where(_c.expires_at <= now).order_by(_c.expires_at))
        return list(map(_to_grant, rows))

    async def guilds(self) -> set[GuildId]:
        """Name the guilds in which anybody has a manual grant."""
        return {GuildId(row.guild_id) for row in await self._rows(select(_c.guild_id).distinct())}

    async def guilds_of(self, user: DiscordUserId) -> list[GuildId]:
        """Name the guilds in which a person has manual grants, in order."""
        rows = await self._rows(select(_c.guild_id).where(_c.user_id == user).distinct().order_by(_c.guild_id))
        return [GuildId(row.guild_id) for row in rows]


def _to_grant(row: Row[Any]) -> ManualGrant:
    return ManualGrant(
        guild=GuildId(row.guild_id),
        user=DiscordUserId(row.user_id),
        role=RoleId(row.role_id),
        note=row.note,
        granted_by=DiscordUserId(row.granted_by),
        granted_at=row.granted_at,
        expires_at=row.expires_at,
    )
