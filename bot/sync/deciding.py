"""What a cause adds to the core's decision; the one caller of ``reconcile`` for everything that is carried out or shown.

A reading is not enough to revoke, a person's own act is. Which act speaks for which roles is written here.
"""

from dataclasses import replace
from datetime import datetime

from bot.core.case import Case, Decision
from bot.core.model import Cause, RoleChange
from bot.core.reconcile import reconcile


def decide(case: Case, cause: Cause, now: datetime) -> Decision:
    """Decide about one person in one guild.

    Unlinking speaks for all their roles. A change of rules or settings speaks for the roles of everybody about whom no
    reading is in doubt: whether those lose theirs is Patreon's word, not the creator's. Ending a grant or a rule speaks
    for the roles nothing gives any more.
    """
    if cause is Cause.UNLINKED or (cause is Cause.RULES and not case.doubts):
        return reconcile(replace(case, confirmed=True), now)
    decision = reconcile(case, now)
    if cause not in {Cause.RULES, Cause.MANUAL}:
        return decision
    spoken_for = {rule.role for rule in case.rules} | {grant.role for grant in case.manual}
    orphaned = reconcile(replace(case, confirmed=True), now).change.revoke - spoken_for
    return replace(decision, change=RoleChange(decision.change.grant, decision.change.revoke | orphaned))
