"""What to do about one person's roles in one guild: the one place where roles are decided (law 5).

Single and bulk sync, preview, explain and simulate all ask ``reconcile``. It neither reads a clock nor acts:
``Policy.shadow`` and ``Policy.paused`` change nothing here, they tell the engine not to carry the decision out.
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from bot.core.case import Case, Decision, Verdict
from bot.core.entitlement import assess
from bot.core.evidence import Evidence, first_doubt, hearsay, weigh
from bot.core.model import (
    CampaignId,
    Condition,
    ConditionKind,
    Doubt,
    Entitlement,
    Holding,
    ManualGrant,
    Membership,
    Origin,
    Revocable,
    RoleChange,
    RoleId,
    Source,
)
from bot.core.months import months_later
from bot.core.readings import unbroken_since
from bot.core.rules import judge, newly_earned


def reconcile(case: Case, now: datetime) -> Decision:
    """Decide what follows from everything known of one person in one guild at ``now``."""
    entitlements = _assess_all(case, now)
    verdicts = judge(case, entitlements)
    wanted = desired(verdicts, case.manual, now)
    change, doubts, protected = diff(case, entitlements, verdicts, wanted, now)
    # A role lets a member past the rules screening, so none comes before its end; what ends goes meanwhile as ever.
    screened = change.grant if case.pending and case.policy.wait_for_rules else frozenset()
    return Decision(
        entitlements=entitlements,
        verdicts=verdicts,
        desired=wanted,
        change=RoleChange(change.grant - screened, change.revoke),
        doubts=doubts,
        protected=protected,
        claimed=_claimed(case, verdicts),
        screened=screened,
        due_at=_due_at(case, entitlements, now),
        earned=newly_earned(case, verdicts),
    )


def dated_back(case: Case, older: Membership, now: datetime) -> tuple[Doubt, ...]:
    """Return the doubts of a case as they would be had a reading older than the known ones been worked on in its turn.

    Where it says alone that a role is to go, it was the first reading to say so, and the known one is the second.
    """
    then = replace(case, memberships={**case.memberships, older.campaign: older}, doubts={})
    first = {doubt.role: doubt for doubt in reconcile(then, now).doubts if doubt.serial == older.serial}
    both = ((doubt, first.get(role, doubt)) for role, doubt in case.doubts.items())
    return tuple(min(doubts, key=lambda doubt: doubt.serial) for doubts in both)


def desired(verdicts: Iterable[Verdict], manual: Iterable[ManualGrant], now: datetime) -> frozenset[RoleId]:
    """Give the roles somebody should have: by a rule that holds, by one they earned for good, or by a creator's hand."""
    return given_by_rule(verdicts) | _given_by_hand(manual, now)


def given_by_rule(verdicts: Iterable[Verdict]) -> frozenset[RoleId]:
    """Give the roles that follow from the rules."""
    return frozenset(verdict.rule.role for verdict in verdicts if verdict.gives)


def diff(
    case: Case,
    entitlements: Mapping[CampaignId, Entitlement],
    verdicts: tuple[Verdict, ...],
    wanted: frozenset[RoleId],
    now: datetime,
) -> tuple[RoleChange, tuple[Doubt, ...], frozenset[RoleId]]:
    """Give the change from the roles held to the roles ``wanted``, the revocations in doubt and the protected roles.

    Grants are prompt; each revocation is weighed in ``evidence``. Somebody who is not in the guild has nothing to
    change, and their doubts are forgotten: on return the readings start anew.

    A webhook's word gives nothing by itself, since a body can be an old one posted again: it waits for Patreon's answer,
    and counts alone only while there is none. What was given so stays in doubt, so that the first answer that disagrees
    takes it; no other webhook ends such a doubt.
    """
    if not case.present:
        return RoleChange(), (), frozenset()
    held = {role for role, grant in case.ledger.items() if grant.holding.there}
    # Perhaps done: given again when it is wanted, taken again when it is not.
    begun = {role for role, grant in case.ledger.items() if grant.holding.begun}
    grant = wanted - held - (_left_alone(case) - _given_by_hand(case.manual, now))
    waiting, doubts = _on_a_word(case, verdicts, grant, begun, now)
    grant -= waiting
    revoke: set[RoleId] = set()
    protected: set[RoleId] = set()
    for role in sorted((held | begun) - wanted):
        if not _may_revoke(case, role):
            protected.add(role)
            continue
        found = weigh(case, role, entitlements, verdicts)
        if isinstance(found, Doubt):
            doubts.append(found)
        elif found is Evidence.ENOUGH:
            revoke.add(role)
    return RoleChange(grant, frozenset(revoke)), tuple(doubts), frozenset(protected)


def _on_a_word(
    case: Case, verdicts: tuple[Verdict, ...], grant: AbstractSet[RoleId], begun: set[RoleId], now: datetime
) -> tuple[set[RoleId], list[Doubt]]:
    """Return which grants wait for Patreon's answer, and the doubts about roles that rest on a webhook's word alone."""
    waiting: set[RoleId] = set()
    doubts: list[Doubt] = []
    for role, reading in sorted(hearsay(case, verdicts).items()):
        doubt = case.doubts.get(role)
        if role in _given_by_hand(case.manual, now):
            continue
        if doubt is not None and doubt.source is Source.WEBHOOK:
            doubts.append(doubt)
        elif role in grant and (role in begun or reading.campaign in case.unanswered):
            doubts.append(first_doubt(case, role, [reading]))
        if role not in begun and reading.campaign not in case.unanswered:
            waiting.add(role)
    return waiting, doubts


def _assess_all(case: Case, now: datetime) -> dict[CampaignId, Entitlement]:
    campaigns = {rule.campaign for rule in case.rules} | set(case.memberships)
    return {
        campaign: assess(
            case.memberships.get(campaign), case.policy, now, linked=case.linked, broken_since=case.broken_since
        )
        for campaign in sorted(campaigns)
    }


def _given_by_hand(manual: Iterable[ManualGrant], now: datetime) -> frozenset[RoleId]:
    return frozenset(grant.role for grant in manual if not grant.is_over(now))


def _claimed(case: Case, verdicts: tuple[Verdict, ...]) -> frozenset[RoleId]:
    others = {Origin.HAND, Origin.ADOPTED}
    held = {role for role, grant in case.ledger.items() if grant.holding.there and grant.origin in others}
    return given_by_rule(verdicts) & held if case.present and case.linked else frozenset()


def _left_alone(case: Case) -> set[RoleId]:
    """Give the roles a moderator took by hand, where the guild wants that respected."""
    if case.policy.restore_drift:
        return set()
    return {role for role, grant in case.ledger.items() if grant.holding is Holding.TAKEN}


def _may_revoke(case: Case, role: RoleId) -> bool:
    """Say whether a role is ours to take: we gave it, or the creator lets us take it from linked people."""
    match case.ledger[role].origin:
        case Origin.OURS | Origin.HAND:
            return True
        case Origin.ADOPTED:
            return case.linked
        case Origin.FOUND:  # pragma: no branch - mypy knows that there is no other
            managed = any(rule.role == role for rule in case.rules)
            return case.policy.revocable is Revocable.MANAGED and case.linked and managed


def _due_at(case: Case, entitlements: Mapping[CampaignId, Entitlement], now: datetime) -> datetime | None:
    """Give the next instant at which time alone changes something: an end, an expiry, an anniversary a rule waits for."""
    instants = [entitlement.ends_at for entitlement in entitlements.values() if entitlement.active]
    instants += [grant.expires_at for grant in case.manual]
    if case.broken_since is not None:
        instants.append(case.broken_since + case.policy.declined_grace)
    instants += [
        _anniversary(rule.condition, case.memberships.get(rule.campaign))
        for rule in case.rules
        if entitlements[rule.campaign].active
    ]
    return min((instant for instant in instants if instant is not None and instant > now), default=None)


def _anniversary(condition: Condition, membership: Membership | None) -> datetime | None:
    """Return the instant from which on time alone lets a condition hold; None when it waits for no time."""
    if membership is None:
        return None
    match condition.kind:
        case ConditionKind.MONTHS:
            return _later(membership.since, condition.threshold)
        case ConditionKind.MONTHS_IN_A_ROW:
            return _later(unbroken_since(membership), condition.threshold)
        case (
            ConditionKind.TIER
            | ConditionKind.AMOUNT
            | ConditionKind.LIFETIME
            | ConditionKind.PAYING
            | ConditionKind.FREE
            | ConditionKind.GIFT_OR_TRIAL
            | ConditionKind.FORMER
        ):  # pragma: no branch - mypy knows that there is no other
            return None


def _later(since: datetime | None, months: int) -> datetime | None:
    return months_later(since, months) if since is not None else None
