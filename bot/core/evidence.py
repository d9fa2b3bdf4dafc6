"""Whether what we read is enough to take a role away (law 3). No grants here, and no reason to take one.

A revocation needs two agreeing readings: a first one leaves a doubt, and every campaign concerned must have been read
again since. Time is no reading: when grace or paid time runs out, a reading from before that end may start the doubt
(it told that the end was coming), but the one that settles it must be younger than the end, for the patron may have
paid in the last hour. Silence is no reading either: a campaign that cannot be read now, or was never read for this
person, takes nothing. What needs no reading: our own facts (a link given up, a link broken for a whole grace, a
manual grant that ended) and a person's own act (``Case.confirmed``).
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from bot.core.case import Case, Verdict
from bot.core.model import CampaignId, Doubt, Entitlement, Membership, Reason, RoleId


class Evidence(Enum):
    """Enough to revoke, or none at all; between the two stands a ``Doubt``."""

    ENOUGH = "enough"
    NONE = "none"


def weigh(
    case: Case, role: RoleId, entitlements: Mapping[CampaignId, Entitlement], verdicts: tuple[Verdict, ...]
) -> Evidence | Doubt:
    """Weigh the readings against a role that is held, not desired, and ours to take."""
    about = [verdict for verdict in verdicts if verdict.rule.role == role]
    if any(verdict.holds is None for verdict in about):
        return Evidence.NONE
    doubt = case.doubts.get(role)
    campaigns = _concerned(case, about, verdicts)
    if campaigns & case.unreadable:
        return doubt or Evidence.NONE
    if case.confirmed:
        return Evidence.ENOUGH
    if not about and not any(grant.role == role for grant in case.manual):
        return Evidence.NONE  # its last rule went and nobody asked for the role to go with it
    read = {c: case.memberships.get(c) for c in campaigns if entitlements[c].reason is not Reason.UNLINKED}
    readings = [membership for membership in read.values() if membership is not None]
    if len(readings) < len(read):
        return doubt or Evidence.NONE
    if not readings:
        return Evidence.ENOUGH
    if doubt and all(_settles(reading, doubt.observed_at, entitlements[reading.campaign]) for reading in readings):
        return Evidence.ENOUGH
    return doubt or Doubt(case.guild, case.user, role, max(reading.observed_at for reading in readings))


def _concerned(case: Case, about: list[Verdict], verdicts: tuple[Verdict, ...]) -> set[CampaignId]:
    """Give the campaigns whose word the revocation rests on: those of the role's rules, and of what outranks them."""
    if not case.linked:
        return set()
    groups = {verdict.rule.group for verdict in about if verdict.outranked}
    rivals = [verdict for verdict in verdicts if verdict.rule.group in groups]
    return {verdict.rule.campaign for verdict in [*about, *rivals]}


def _settles(reading: Membership, doubted_at: datetime, entitlement: Entitlement) -> bool:
    ended_at = None if entitlement.active else entitlement.ends_at
    return reading.observed_at > doubted_at and (ended_at is None or reading.observed_at >= ended_at)
