"""Whether what we read is enough to take a role away (law 3). No grants here, and no reason to take one.

A revocation needs two agreeing readings: a first one leaves a doubt, and every campaign concerned must have been read
again since. Time is no reading: when grace or paid time runs out, a reading from before that end may start the doubt
(it told that the end was coming), but the one that settles it must be younger than the end, for the patron may have
paid in the last hour. Silence is no reading either: a campaign that cannot be read now, or was never read for this
person, takes nothing. What needs no reading: our own facts (a link given up, a link broken for a whole grace, a
manual grant that ended, a rule that was removed with its role).
"""

from collections.abc import Mapping
from enum import Enum

from bot.core.case import Case, Verdict
from bot.core.model import CampaignId, Doubt, Entitlement, Membership, Reason, RoleId, Source


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
    read = {c: case.memberships.get(c) for c in campaigns if entitlements[c].reason is not Reason.UNLINKED}
    readings = [membership for membership in read.values() if membership is not None]
    if len(readings) < len(read):
        return doubt or Evidence.NONE
    if not readings:
        return Evidence.ENOUGH
    if doubt and all(_settles(reading, doubt, entitlements[reading.campaign]) for reading in readings):
        return Evidence.ENOUGH
    return doubt or first_doubt(case, role, readings)


def _concerned(case: Case, about: list[Verdict], verdicts: tuple[Verdict, ...]) -> set[CampaignId]:
    """Give the campaigns whose word the revocation rests on: those of the role's rules, and of what outranks them."""
    if not case.linked:
        return set()
    groups = {verdict.rule.group for verdict in about if verdict.outranked}
    rivals = [verdict for verdict in verdicts if verdict.rule.group in groups]
    return {verdict.rule.campaign for verdict in [*about, *rivals]}


def hearsay(case: Case, verdicts: tuple[Verdict, ...]) -> dict[RoleId, Membership]:
    """Return the roles that follow from a webhook's word alone, each with the latest body that says so."""
    found: dict[RoleId, Membership] = {}
    proven: set[RoleId] = set()
    for verdict in verdicts:
        role, reading = verdict.rule.role, case.word(verdict.rule.campaign)
        if not verdict.gives:
            continue
        if verdict.kept or reading is None:
            proven.add(role)
        elif role not in found or found[role].serial < reading.serial:
            found[role] = reading
    return {role: reading for role, reading in found.items() if role not in proven}


def first_doubt(case: Case, role: RoleId, readings: list[Membership]) -> Doubt:
    """Return the doubt that these readings, the first of their kind, leave about a role."""
    latest = max(readings, key=lambda reading: reading.serial)
    heard = any(reading.source is Source.WEBHOOK for reading in readings)
    return Doubt(case.guild, case.user, role, latest.serial, Source.WEBHOOK if heard else latest.source)


def _settles(reading: Membership, doubt: Doubt, entitlement: Entitlement) -> bool:
    heard_twice = doubt.source is Source.WEBHOOK and reading.source is Source.WEBHOOK
    ended_at = None if entitlement.active else entitlement.ends_at
    return not heard_twice and reading.serial > doubt.serial and (ended_at is None or reading.observed_at >= ended_at)
