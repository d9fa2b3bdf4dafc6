"""Doubts: revocations one reading asked for and no second has confirmed. When one is confirmed, the core says."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Row

from bot.core.model import DiscordUserId, Doubt, GuildId, RoleId, Source
from bot.store.schema import doubts
from bot.store.statements import Subject, pieces

_c = doubts.c


class Doubts(Subject):
    """The stored doubts, at most one per person and role."""

    async def of_users(self, guild: GuildId, users: Iterable[DiscordUserId]) -> dict[DiscordUserId, dict[RoleId, Doubt]]:
        """Load the doubts of many people in a guild; those about whom there is none are left out."""
        found: dict[DiscordUserId, dict[RoleId, Doubt]] = {}
        for row in await self._rows_in(select(doubts).where(_c.guild_id == guild), _c.user_id, users):
            doubt = _to_doubt(row)
            found.setdefault(doubt.user, {})[doubt.role] = doubt
        return found

    async def guilds_of(self, user: DiscordUserId) -> list[GuildId]:
        """Name the guilds in which there are doubts about a person, in order."""
        rows = await self._rows(select(_c.guild_id).where(_c.user_id == user).distinct().order_by(_c.guild_id))
        return [GuildId(row.guild_id) for row in rows]

    async def replace(self, guild: GuildId, user: DiscordUserId, doubts_now: Iterable[Doubt]) -> None:
        """Store a person's doubts in a guild in place of the ones before."""
        await self.replace_many(guild, {user: tuple(doubts_now)})

    async def replace_many(self, guild: GuildId, by_user: dict[DiscordUserId, tuple[Doubt, ...]]) -> None:
        """Store the doubts of many people in a guild in place of the ones before."""
        for piece in pieces(sorted(by_user)):
            await self._change_many(delete(doubts).where(_c.guild_id == guild, _c.user_id.in_(piece)))
        await self._put(doubts, [_to_values(doubt) for each in by_user.values() for doubt in each])

    async def users(self, guild: GuildId, after: DiscordUserId | None = None, limit: int = 1000) -> list[DiscordUserId]:
        """Name the next people about whom there are doubts in a guild, in order, beginning behind ``after``.

        A list that says the same again does not show them as changed, and yet it is the second reading they wait for.
        """
        behind = (_c.guild_id == guild) & (_c.user_id > (0 if after is None else after))
        rows = await self._rows(select(_c.user_id).where(behind).distinct().order_by(_c.user_id).limit(limit))
        return [DiscordUserId(row.user_id) for row in rows]


def _to_values(doubt: Doubt) -> dict[str, object]:
    return {
        "guild_id": doubt.guild,
        "user_id": doubt.user,
        "role_id": doubt.role,
        "serial": doubt.serial,
        "source": doubt.source.value,
    }


def _to_doubt(row: Row[Any]) -> Doubt:
    return Doubt(GuildId(row.guild_id), DiscordUserId(row.user_id), RoleId(row.role_id), row.serial, Source(row.source))
