"""Making and removing rules, seeing what that would do first, adopting a role's holders. ``ranks`` judges who may."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from bot.core.model import (
    Campaign,
    CampaignId,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    Grant,
    GuildId,
    Holding,
    Origin,
    RoleId,
    RoleRule,
)
from bot.core.prospect import Effect
from bot.creators.campaigns import Campaigns
from bot.errors import RuleRefused
from bot.store.records import NudgeKind
from bot.store.store import Store
from bot.sync import Previews
from bot.texts import staff as texts

log = structlog.get_logger(__name__)

MOST_RULES = 200
_MOST_MONTHS = 600
_LONGEST_GROUP = 40


def group_name(name: str) -> str:
    """Return a group's name as it is stored. Raise RuleRefused for a blank one, which would name the ungrouped rules."""
    name = name.strip()
    if not any(char.isprintable() and not char.isspace() for char in name):
        raise RuleRefused(texts.BLANK_GROUP)
    if len(name) > _LONGEST_GROUP:
        raise RuleRefused(texts.LONG_GROUP)
    return name


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as somebody asks for it.

    ``campaign`` None: the tier's, or the guild's connected one. ``group`` None: the rule competes with no other.
    """

    role: RoleId
    condition: Condition
    campaign: CampaignId | None = None
    group: str | None = None
    sticky: bool = False


class Rules:
    """A guild's rules."""

    def __init__(
        self,
        store: Store,
        campaigns: Campaigns,
        previews: Previews,
        *,
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the engine that a row waits."""
        self._store = store
        self._campaigns = campaigns
        self._previews = previews
        self._now = now
        self._wake = wake

    async def of_guild(self, guild: GuildId) -> tuple[RoleRule, ...]:
        """Load the rules, the oldest first."""
        async with self._store.read() as t:
            return await t.rules.of_guild(guild)

    async def draft(self, guild: GuildId, asked: Draft) -> RoleRule:
        """Make a rule of what was asked, its tier named by id or title, without saving it: number 0. Raises RuleRefused."""
        home = await self._campaigns.home(guild)
        home.campaign(asked.campaign)
        condition = asked.condition
        if condition.tier is not None:
            condition = replace(condition, tier=home.tier(condition.tier, asked.campaign))
        campaign = home.campaign(asked.campaign or home.having(condition.tier))
        if len(await self.of_guild(guild)) >= MOST_RULES:
            raise RuleRefused(texts.MANY_RULES)
        group = "" if asked.group is None else group_name(asked.group)
        worth = _judge(condition, campaign)
        return RoleRule(0, guild, campaign.campaign, asked.role, condition, group, asked.sticky, worth_cents=worth)

    async def moved_by(self, rule: RoleRule) -> frozenset[RoleId]:
        """Name the roles that may move when a rule comes or goes: its own, and those it competes with."""
        async with self._store.read() as t:
            competing = (await t.guilds.load(rule.guild)).policy.highest_only & ({rule.group} - {""})
            others = await t.rules.of_guild(rule.guild)
        return frozenset({rule.role, *(other.role for other in others if other.group in competing)})

    async def effect_of_adding(self, rule: RoleRule) -> Effect:
        """Count what a draft would do if it were saved."""
        home = await self._campaigns.home(rule.guild)
        before = await self.of_guild(rule.guild)
        number = max((other.rule for other in before), default=0) + 1
        after = (*(other for other in before if not _same(other, rule)), replace(rule, rule=number))
        return await self._previews.rule_change(rule.guild, after, home.settings.policy)

    async def add(self, rule: RoleRule) -> RoleRule:
        """Save a draft; the same condition for the same role again changes its group and stickiness only."""
        async with self._store.write() as t:
            await t.guilds.lock(rule.guild)
            saved = await t.rules.add(
                rule.guild,
                rule.campaign,
                rule.role,
                rule.condition,
                group=rule.group,
                sticky=rule.sticky,
                worth_cents=rule.worth_cents,
            )
            await t.nudges.add(NudgeKind.GUILD, str(rule.guild), Cause.RULES, self._now())
        log.info("rule_added", guild=rule.guild, rule=saved.rule, role=rule.role)
        self._wake()
        return saved

    async def load(self, guild: GuildId, number: int) -> RoleRule:
        """Load one rule of this guild. Raises RuleRefused when there is none."""
        found = [rule for rule in await self.of_guild(guild) if rule.rule == number]
        if not found:
            raise RuleRefused(texts.UNKNOWN_RULE)
        return found[0]

    async def effect_of_removing(self, rule: RoleRule) -> tuple[Effect, bool]:
        """Count what follows when a rule goes and its role with it, and say whether it is the last rule for that role."""
        home = await self._campaigns.home(rule.guild)
        after = tuple(other for other in await self.of_guild(rule.guild) if other.rule != rule.rule)
        effect = await self._previews.rule_change(rule.guild, after, home.settings.policy)
        return effect, all(other.role != rule.role for other in after)

    async def remove(self, rule: RoleRule, *, stays: bool) -> None:
        """Remove a rule. ``stays``: its holders keep the role and the bot forgets having given it.

        That holds for the last rule of a role only; while another rule names the role, what the rules say counts.
        """
        async with self._store.write() as t:
            await t.guilds.lock(rule.guild)
            if await t.rules.remove(rule.rule) is None:
                raise RuleRefused(texts.UNKNOWN_RULE)
            if stays and rule.role not in await t.rules.managed(rule.guild):
                await t.ledger.drop_role(rule.guild, rule.role)
            await t.nudges.add(NudgeKind.GUILD, str(rule.guild), Cause.RULES, self._now())
        log.info("rule_removed", guild=rule.guild, rule=rule.rule, role=rule.role, stays=stays)
        self._wake()

    async def linked_among(self, users: Collection[DiscordUserId]) -> int:
        """Count how many of these are linked."""
        async with self._store.read() as t:
            return len(await t.links.linked_users(users))

    async def check_adoptable(self, guild: GuildId, role: RoleId) -> None:
        """Raise RuleRefused unless a rule names the role: without one, adopting would only take it away."""
        async with self._store.read() as t:
            if role not in await t.rules.managed(guild):
                raise RuleRefused(texts.ADOPT_NEEDS_RULE)

    async def adopt(self, guild: GuildId, role: RoleId, holders: Collection[DiscordUserId]) -> int:
        """Take over the role from everybody who has it, and say for how many that is new.

        Who is not linked keeps it, whatever the rules say, until they are.
        """
        await self.check_adoptable(guild, role)
        now = self._now()
        async with self._store.write() as t:
            await t.guilds.lock(guild)
            before = await t.ledger.of_users(guild, holders)
            fresh = [user for user in holders if not _ours(before.get(user, {}).get(role))]
            await t.ledger.put_many(
                Grant(guild, user, role, Origin.ADOPTED, now, Cause.RULES, Holding.HELD) for user in sorted(fresh)
            )
            await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.RULES, now)
        log.info("role_adopted", guild=guild, role=role, holders=len(fresh))
        self._wake()
        return len(fresh)


def _ours(grant: Grant | None) -> bool:
    return grant is not None and grant.origin is not Origin.FOUND and grant.holding.there


def _same(one: RoleRule, other: RoleRule) -> bool:
    return (one.campaign, one.role, one.condition) == (other.campaign, other.role, other.condition)


def _judge(condition: Condition, campaign: Campaign) -> int:
    """Check a condition and give what it is worth among its group: whole cents a month. Raises RuleRefused."""
    match condition.kind:
        case ConditionKind.TIER:
            if condition.tier is None:
                raise RuleRefused(texts.NEEDS_TIER)
            return next(tier.amount_cents for tier in campaign.tiers if tier.tier == condition.tier)
        case ConditionKind.AMOUNT | ConditionKind.LIFETIME:
            if condition.threshold <= 0:
                raise RuleRefused(texts.NEEDS_AMOUNT)
            return condition.threshold
        case ConditionKind.MONTHS | ConditionKind.MONTHS_IN_A_ROW:
            if not 1 <= condition.threshold <= _MOST_MONTHS:
                raise RuleRefused(texts.NEEDS_MONTHS)
            return 0
        case (
            ConditionKind.PAYING | ConditionKind.FREE | ConditionKind.GIFT_OR_TRIAL | ConditionKind.FORMER
        ):  # pragma: no branch - mypy knows that there is no other
            return 0
