"""What is known of guilds: their settings and the names of their roles. Rules are in rules.py, people in presence.py."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import CampaignId, GuildId, Policy, RoleId
from bot.store.codec import decode_choices, encode_choices
from bot.store.records import GuildSettings
from bot.store.schema import guilds, role_names
from bot.store.statements import Subject


class GuildRows(Subject):
    """The stored guilds. What a guild did not choose is as in ``policy``, the operator's, at any time."""

    def __init__(self, connection: AsyncConnection, policy: Policy) -> None:
        super().__init__(connection)
        self._policy = policy

    async def load(self, guild: GuildId) -> GuildSettings:
        """Load a guild's settings; the operator's when it chose none."""
        row = await self._row(select(guilds).where(guilds.c.guild_id == guild))
        return GuildSettings(guild, self._policy) if row is None else self._to_settings(row)

    async def all(self) -> list[GuildSettings]:
        """Load the settings of every guild that has any, in order of id."""
        return [self._to_settings(row) for row in await self._rows(select(guilds).order_by(guilds.c.guild_id))]

    async def joined(self, guild: GuildId, at: datetime) -> None:
        """Remember when the bot came; an earlier instant stays."""
        insert = self._insert(guilds).values(guild_id=guild, joined_at=at)
        first = func.coalesce(guilds.c.joined_at, insert.excluded.joined_at)
        await self._run(insert.on_conflict_do_update(index_elements=["guild_id"], set_={"joined_at": first}))

    async def connect(self, guild: GuildId, campaign: CampaignId) -> None:
        """Remember which campaign is the guild's."""
        await self._change(guild, campaign_id=campaign)

    async def save_staff_channel(self, guild: GuildId, channel: int | None) -> None:
        """Remember where questions and reports go; None: nowhere."""
        await self._change(guild, staff_channel=channel)

    async def audited(self, guild: GuildId, at: datetime | None) -> None:
        """Remember when the last whole audit began; None asks for one."""
        await self._change(guild, audited_at=at)

    async def choose(self, guild: GuildId, before: Policy, after: Policy) -> None:
        """Store the switches in which ``after`` differs from ``before``, the policy its creator looked at.

        What the guild chose earlier, or chooses at the same time, stays; what nobody chose follows the operator.
        """
        await self._run(self._insert(guilds).on_conflict_do_nothing(), {"guild_id": guild})
        chosen = select(guilds.c.policy).where(guilds.c.guild_id == guild).with_for_update()
        await self._change(guild, policy=encode_choices(await self._scalar(chosen), before, after))

    async def lock(self, guild: GuildId) -> None:
        """Let nobody else past this line for the same guild until the unit of work ends.

        For what counts first and writes by the count; a guild without a row has nothing to count yet.
        """
        await self._rows(select(guilds.c.guild_id).where(guilds.c.guild_id == guild).with_for_update())

    async def mark_left(self, guild: GuildId, at: datetime | None) -> None:
        """Remember since when the bot is not in a guild any more; None: it is."""
        await self._run(update(guilds).where(guilds.c.guild_id == guild).values(left_at=at))

    async def left(self, before: datetime | None = None) -> set[GuildId]:
        """Name the guilds the bot was thrown out of, ``before`` an instant if one is given."""
        question = select(guilds.c.guild_id).where(guilds.c.left_at.is_not(None))
        if before is not None:
            question = question.where(guilds.c.left_at < before)
        return {GuildId(row.guild_id) for row in await self._rows(question)}

    async def save_roles(self, guild: GuildId, names: Mapping[RoleId, str]) -> None:
        """Store the names of a guild's roles; those not named are forgotten."""
        await self._change_many(delete(role_names).where(role_names.c.guild_id == guild))
        rows = [{"guild_id": guild, "role_id": role, "name": name} for role, name in names.items()]
        await self._put(role_names, rows)

    async def role_names(self, guild: GuildId) -> dict[RoleId, str]:
        """Load the names of a guild's roles, as far as known."""
        rows = await self._rows(select(role_names).where(role_names.c.guild_id == guild))
        return {RoleId(row.role_id): row.name for row in rows}

    async def _change(self, guild: GuildId, **changes: object) -> None:
        """Store some columns; the others stay, or are empty in a new row."""
        await self._put(guilds, [{"guild_id": guild, **changes}])

    def _to_settings(self, row: Row[Any]) -> GuildSettings:
        return GuildSettings(
            guild=GuildId(row.guild_id),
            policy=decode_choices(self._policy, row.policy),
            campaign=None if row.campaign_id is None else CampaignId(row.campaign_id),
            staff_channel=row.staff_channel,
            audited_at=row.audited_at,
            joined_at=row.joined_at,
            left_at=row.left_at,
        )
