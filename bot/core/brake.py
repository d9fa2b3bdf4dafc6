"""The brake: when people's losses look like somebody's outage, not like their own doing.

An outage looks like this: of many people at once Patreon says nothing any more that earns them a role. Who moves from one
tier to another, or down a step, is still spoken of, and who lost what a creator gave by hand lost nothing of Patreon's.
"""

from collections.abc import Collection

from bot.core.case import Case, Decision
from bot.core.model import CampaignId, ConditionKind, Origin, Policy, RoleId

# What Patreon may leave out by mistake while it still names the patron as one who pays.
_BLANKED = frozenset({ConditionKind.TIER, ConditionKind.AMOUNT})


def losses(case: Case, decision: Decision, revoked: Collection[RoleId]) -> frozenset[RoleId]:
    """Return those of the roles to be ``revoked`` whose going may be an outage's doing.

    A role of a tier or amount is none where another rule by tier, or amount, of the campaign holds for a paying patron; any
    other role where any rule does.
    """
    holding = {
        (verdict.rule.campaign, verdict.rule.condition.kind)
        for verdict in decision.verdicts
        if verdict.holds and decision.entitlements[verdict.rule.campaign].active
    }
    asked: dict[RoleId, set[tuple[CampaignId, ConditionKind]]] = {role: set() for role in revoked}
    for verdict in decision.verdicts:
        if verdict.rule.role in asked and verdict.rule.condition.kind in _BLANKED:
            asked[verdict.rule.role].add((verdict.rule.campaign, verdict.rule.condition.kind))
    by_hand = {role for role, grant in case.ledger.items() if grant.origin is Origin.HAND}
    return frozenset(role for role, kinds in asked.items() if not (holding & kinds if kinds else holding)) - by_hand


def brake(losing: int, recent: int, holders: int, policy: Policy) -> bool:
    """Return whether to hold what so many people would lose, and ask the creator.

    ``recent`` are those who lost something lately in the guild, so that many small runs do not pass where one large run
    would not; ``holders`` how many had roles of ours before them all. It holds when both together exceed the number and
    the share the guild set: the larger of the two is what passes.
    """
    lost = losing + recent
    return losing > 0 and lost > policy.brake_count and lost * 100 > policy.brake_percent * holders
