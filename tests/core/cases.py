"""Builders for the tests of the core: one guild, one person, roles by name. They decide nothing."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bot.core.case import Case, Decision
from bot.core.model import (
    CampaignId,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    Doubt,
    Grant,
    GuildId,
    Holding,
    ManualGrant,
    Membership,
    Origin,
    PatronStatus,
    Policy,
    RoleId,
    RoleRule,
    Source,
    TierId,
)
from tests.core.states import BASE, OBSERVED_AT, serial_at

GUILD = GuildId(1)
USER = DiscordUserId(2)
OURS = BASE.campaign
THEIRS = CampaignId("other")
TIER = TierId("8348592")
BRONZE, SILVER, GOLD = RoleId(10), RoleId(20), RoleId(30)
NOW = OBSERVED_AT
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

PAYING = Condition(ConditionKind.PAYING)
NOTHING = replace(
    BASE, status=PatronStatus.FORMER, amount_cents=0, will_pay_cents=0, tiers=frozenset(), tier_cents=None, paid_through=None
)


def amount(cents: int) -> Condition:
    return Condition(ConditionKind.AMOUNT, threshold=cents)


def rule(role: RoleId, condition: Condition = PAYING, campaign: CampaignId = OURS, **more: Any) -> RoleRule:
    return RoleRule(rule=0, guild=GUILD, campaign=campaign, role=role, condition=condition, **more)


def grant(role: RoleId, origin: Origin = Origin.OURS, holding: Holding = Holding.HELD) -> dict[RoleId, Grant]:
    return {role: Grant(GUILD, USER, role, origin, NOW - 30 * DAY, Cause.LINKED, holding)}


def by_hand(role: RoleId, expires_at: datetime | None = None) -> ManualGrant:
    return ManualGrant(GUILD, USER, role, "won a contest", DiscordUserId(3), NOW - 30 * DAY, expires_at)


def doubt(role: RoleId, observed_at: datetime, source: Source = Source.FETCH) -> dict[RoleId, Doubt]:
    return {role: Doubt(GUILD, USER, role, serial_at(observed_at), source)}


def read_at(membership: Membership, observed_at: datetime, campaign: CampaignId = OURS) -> Membership:
    return replace(membership, observed_at=observed_at, serial=serial_at(observed_at), campaign=campaign)


def case(*rules: RoleRule, membership: Membership | None = BASE, **known: Any) -> Case:
    """Somebody linked and present whose one membership was read at ``NOW``."""
    return Case(
        guild=GUILD,
        user=USER,
        **{
            "linked": True,
            "present": True,
            "policy": Policy(),
            "rules": rules,
            "memberships": {OURS: membership} if membership else {},
            **known,
        },
    )


def carried_out(case: Case, decision: Decision) -> Case:
    """Give the case after Discord did all that was decided, as the engine would store it."""
    ledger = {role: grant for role, grant in case.ledger.items() if role not in decision.change.revoke}
    for role in decision.change.grant:
        ledger |= grant(role)
    earned = {**case.earned, **dict.fromkeys(decision.earned, NOW)}
    return replace(case, ledger=ledger, doubts={doubt.role: doubt for doubt in decision.doubts}, earned=earned)
