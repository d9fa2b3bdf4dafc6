"""What the rules of a guild say of one person's entitlements. No ledger and no revocations."""

from collections.abc import Mapping
from datetime import datetime

from bot.core.case import Case, Verdict
from bot.core.model import CampaignId, Condition, ConditionKind, Entitlement, Reason, RoleRule


def judge(case: Case, entitlements: Mapping[CampaignId, Entitlement]) -> tuple[Verdict, ...]:
    """Give a verdict for each rule, in the order of the rules; the order decides nothing.

    ``entitlements`` has one for each rule's campaign.
    """
    answers = [(rule, holds(rule.condition, entitlements[rule.campaign])) for rule in case.rules]
    best = _best_of_groups(case, [rule for rule, answer in answers if answer])
    verdicts = []
    for rule, answer in answers:
        outranked = answer is True and _rank(rule) < best.get(rule.group, _rank(rule))
        gives = answer is True and not outranked
        verdicts.append(Verdict(rule, answer, outranked, None if gives else _earned_at(case, rule)))
    return tuple(verdicts)


def holds(condition: Condition, entitlement: Entitlement) -> bool | None:
    """Say whether a condition holds; None when what Patreon told does not let us judge."""
    match condition.kind:
        case ConditionKind.TIER:
            return condition.tier in entitlement.tiers
        case ConditionKind.AMOUNT:
            return entitlement.active and _reaches(entitlement.amount_cents, condition.threshold)
        case ConditionKind.LIFETIME:
            nothing = entitlement.reason in {Reason.NEVER, Reason.UNLINKED}
            return not nothing and _reaches(entitlement.lifetime_cents, condition.threshold)
        case ConditionKind.MONTHS:
            return entitlement.active and entitlement.months >= condition.threshold
        case ConditionKind.MONTHS_IN_A_ROW:
            return entitlement.active and entitlement.months_in_a_row >= condition.threshold
        case ConditionKind.PAYING:
            return entitlement.active
        case ConditionKind.FREE:
            return not entitlement.active and (entitlement.reason is Reason.FREE or bool(entitlement.tiers))
        case ConditionKind.GIFT_OR_TRIAL:
            # Whether gifts and trials count as paying or not: this rule asks for them by name.
            return entitlement.reason in {Reason.GIFT, Reason.TRIAL}
        case ConditionKind.FORMER:  # pragma: no branch - mypy knows that there is no other
            return entitlement.former


def _reaches(cents: int | None, threshold: int) -> bool | None:
    return None if cents is None else cents >= threshold


def _rank(rule: RoleRule) -> tuple[int, int]:
    return rule.worth_cents, -rule.role


def _best_of_groups(case: Case, holding: list[RoleRule]) -> dict[str, tuple[int, int]]:
    best: dict[str, tuple[int, int]] = {}
    for rule in holding:
        if rule.group and rule.group in case.policy.highest_only:
            best[rule.group] = max(best.get(rule.group, _rank(rule)), _rank(rule))
    return best


def newly_earned(case: Case, verdicts: tuple[Verdict, ...]) -> frozenset[int]:
    """Return the numbers of the sticky rules that give their role by their own condition for the first time.

    A webhook's word earns nothing for good.
    """
    if not (case.linked and case.present):
        return frozenset()
    giving = (verdict.rule for verdict in verdicts if verdict.holds and not verdict.outranked)
    return frozenset(
        rule.rule for rule in giving if rule.sticky and rule.rule not in case.earned and case.word(rule.campaign) is None
    )


def _earned_at(case: Case, rule: RoleRule) -> datetime | None:
    """Return when a sticky rule's role was earned by its own condition. Whoever is not linked has earned nothing."""
    return case.earned.get(rule.rule) if rule.sticky and case.linked else None
