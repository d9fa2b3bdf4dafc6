"""Rules: which condition gives which role. Whether one may be made is the cogs' business, what it means the core's."""

from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.engine import Row

from bot.core.model import CampaignId, Condition, ConditionKind, GuildId, RoleId, RoleRule, TierId
from bot.store.schema import rules
from bot.store.statements import Subject

_c = rules.c


class Rules(Subject):
    """The stored rules."""

    async def load(self, rule: int) -> RoleRule | None:
        """Load one rule."""
        row = await self._row(select(rules).where(_c.rule_id == rule))
        return None if row is None else _to_rule(row)

    async def of_guild(self, guild: GuildId) -> tuple[RoleRule, ...]:
        """Load a guild's rules, the oldest first."""
        rows = await self._rows(select(rules).where(_c.guild_id == guild).order_by(_c.rule_id))
        return tuple(map(_to_rule, rows))

    async def all(self) -> tuple[RoleRule, ...]:
        """Load every rule, the oldest first."""
        return tuple(map(_to_rule, await self._rows(select(rules).order_by(_c.rule_id))))

    async def connections(self) -> set[tuple[GuildId, CampaignId]]:
        """Name which guilds have rules for which campaigns."""
        rows = await self._rows(select(_c.guild_id, _c.campaign_id).distinct())
        return {(GuildId(row.guild_id), CampaignId(row.campaign_id)) for row in rows}

    async def add(
        self,
        guild: GuildId,
        campaign: CampaignId,
        role: RoleId,
        condition: Condition,
        *,
        group: str = "",
        sticky: bool = False,
        worth_cents: int = 0,
    ) -> RoleRule:
        """Store a rule and return it with its number.

        The same condition for the same role is the same rule: adding it again changes its group, stickiness and worth.
        """
        changeable = {"group_name": group, "sticky": sticky, "worth_cents": worth_cents}
        insert = self._insert(rules).values(
            guild_id=guild,
            campaign_id=campaign,
            role_id=role,
            kind=condition.kind.value,
            threshold=condition.threshold,
            tier_id=condition.tier or "",
            **changeable,
        )
        same = ["guild_id", "campaign_id", "role_id", "kind", "threshold", "tier_id"]
        statement = insert.on_conflict_do_update(index_elements=same, set_=changeable).returning(rules)
        return _to_rule((await self._run(statement)).one())

    async def remove(self, rule: int) -> RoleRule | None:
        """Delete a rule and return what it was; None when there was none."""
        row = await self._row(delete(rules).where(_c.rule_id == rule).returning(rules))
        return None if row is None else _to_rule(row)

    async def managed(self, guild: GuildId) -> frozenset[RoleId]:
        """Name the roles some rule of a guild names."""
        rows = await self._rows(select(_c.role_id).where(_c.guild_id == guild).distinct())
        return frozenset(RoleId(row.role_id) for row in rows)

    async def guilds_of(self, campaign: CampaignId) -> list[GuildId]:
        """Name the guilds that have rules for a campaign, in order."""
        question = select(_c.guild_id).where(_c.campaign_id == campaign).distinct().order_by(_c.guild_id)
        return [GuildId(row.guild_id) for row in await self._rows(question)]


def _to_rule(row: Row[Any]) -> RoleRule:
    return RoleRule(
        rule=row.rule_id,
        guild=GuildId(row.guild_id),
        campaign=CampaignId(row.campaign_id),
        role=RoleId(row.role_id),
        condition=Condition(ConditionKind(row.kind), row.threshold, TierId(row.tier_id) if row.tier_id else None),
        group=row.group_name,
        sticky=row.sticky,
        worth_cents=row.worth_cents,
    )
