"""The audit-log reasons: what a guild's moderators read beside each role the bot gave or took. No names of people.

Discord takes 1 to 512 characters (https://discord.com/developers/docs/resources/audit-log); tier and rule names are cut.
"""

from collections.abc import Collection, Mapping

from bot.core.case import Decision
from bot.core.model import Cause, Condition, ConditionKind, Entitlement, ManualGrant, Reason, RoleId, RoleRule, TierId
from bot.texts.explain import counted

LIMIT = 512

_CAUSES = {
    Cause.LINKED: "account linked",
    Cause.UNLINKED: "account unlinked",
    Cause.WEBHOOK: "news from Patreon",
    Cause.REFRESH: "regular check of Patreon",
    Cause.JOINED: "joined the server",
    Cause.RULES: "role rules changed",
    Cause.MANUAL: "asked for by hand",
    Cause.CLOCK: "a date has come",
    Cause.REACHED: "within the bot's reach again",
    Cause.AUDIT: "regular check of the server",
}

_REASONS = {
    Reason.PAID: "paid",
    Reason.PENDING: "payment being processed",
    Reason.GIFT: "gifted membership",
    Reason.TRIAL: "trial",
    Reason.GRACE: "payment declined, still in grace",
    Reason.DECLINED: "payment declined",
    Reason.ENDING: "cancelled, paid time left",
    Reason.CANCELLED: "membership ended",
    Reason.REFUNDED: "payment refunded",
    Reason.FRAUD: "payment taken back as fraudulent",
    Reason.FREE: "free member",
    Reason.NEVER: "no membership",
    Reason.UNLINKED: "not linked",
}


def grant_reason(
    role: RoleId, decision: Decision, cause: Cause, tiers: Mapping[TierId, str], manual: Collection[ManualGrant]
) -> str:
    """Say why a role is given: the cause, and the rule that asks for it or the creator's own grant."""
    for verdict in decision.verdicts:
        if verdict.rule.role == role and verdict.holds and not verdict.outranked:
            return _cut(f"{_CAUSES[cause]}: {_ruled(verdict.rule, decision, tiers)}")
    if any(grant.role == role for grant in manual):
        return _cut(f"{_CAUSES[cause]}: given by a creator through the bot")
    return _cut(f"{_CAUSES[cause]}: kept")


def revoke_reason(
    role: RoleId, decision: Decision, cause: Cause, tiers: Mapping[TierId, str], *, by_hand: bool = False
) -> str:
    """Say why a role is taken: the cause, and the first rule for it that no longer holds.

    ``by_hand``: what kept it to the last was a creator's own grant.
    """
    if by_hand:
        return _cut(f"{_CAUSES[cause]}: the grant by hand through the bot ended")
    for verdict in decision.verdicts:
        if verdict.rule.role == role:
            outranked = ", a higher rule counts" if verdict.outranked else ""
            return _cut(f"{_CAUSES[cause]}: no longer {_ruled(verdict.rule, decision, tiers)}{outranked}")
    return _cut(f"{_CAUSES[cause]}: no rule gives this role any more")


def _ruled(rule: RoleRule, decision: Decision, tiers: Mapping[TierId, str]) -> str:
    entitlement = decision.entitlements.get(rule.campaign)
    return f"{_condition(rule.condition, tiers)} ({_standing(entitlement)}, rule {rule.rule})"


def _standing(entitlement: Entitlement | None) -> str:
    return _REASONS[entitlement.reason if entitlement else Reason.NEVER]


def _condition(condition: Condition, tiers: Mapping[TierId, str]) -> str:
    """Put a condition in a few words; a tier that Patreon no longer lists goes by its id."""
    amount = f"{condition.threshold / 100:.2f}"
    match condition.kind:
        case ConditionKind.TIER:
            tier = condition.tier or TierId("")
            return f"tier {tiers.get(tier, tier)}"
        case ConditionKind.AMOUNT:
            return f"at least {amount}"
        case ConditionKind.LIFETIME:
            return f"at least {amount} in all"
        case ConditionKind.MONTHS:
            return f"at least {counted(condition.threshold, 'month')} since the first pledge"
        case ConditionKind.MONTHS_IN_A_ROW:
            return f"patron for at least {counted(condition.threshold, 'month')} in a row"
        case ConditionKind.PAYING:
            return "any paying patron"
        case ConditionKind.FREE:
            return "free member"
        case ConditionKind.GIFT_OR_TRIAL:
            return "gifted or trial member"
        case ConditionKind.FORMER:
            return "former patron"


def _cut(text: str) -> str:
    return text if len(text) <= LIMIT else text[: LIMIT - 1] + "…"
