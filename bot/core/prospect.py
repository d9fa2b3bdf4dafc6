"""What will come of decisions, and what keeps the rest from coming about: the values every preview is made of.

`foresee` is the one place that knows what paused, shadow, the brake, its answers and a role out of reach leave of a
decision, so that no text announces what will not happen.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from bot.core.case import Case, Decision
from bot.core.model import DiscordUserId, Holding, RoleId

Roles = frozenset[RoleId]
NONE: Roles = frozenset()


@dataclass(frozen=True, slots=True)
class Held:
    """A revocation that the brake asked about; ``approved`` is None until the staff answered ("take" or "keep")."""

    approved: bool | None = None
    decided_by: DiscordUserId | None = None
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Prospect:
    """What will come of one person's decision; the sets of roles are disjoint.

    ``gets`` and ``loses`` follow at once, ``doubted`` are lost after one more reading that agrees. ``held`` wait for the
    staff's answer, ``kept`` stay by it; ``screened`` wait until the person accepts the server's rules; ``blocked`` can
    neither be given nor taken. ``coming`` and ``going`` is what Discord was asked for and nobody has seen there yet.
    While the guild is ``paused`` or in
    ``shadow`` mode nothing of it happens: it is what would.
    """

    decision: Decision
    gets: Roles = NONE
    loses: Roles = NONE
    doubted: Roles = NONE
    held: Roles = NONE
    kept: Roles = NONE
    screened: Roles = NONE
    blocked: Roles = NONE
    coming: Roles = NONE
    going: Roles = NONE
    paused: bool = False
    shadow: bool = False


def foresee(case: Case, decision: Decision, held: Mapping[RoleId, Held], blocked: AbstractSet[RoleId]) -> Prospect:
    """Return what will come of a decision about a case.

    ``held`` is what the brake asked about this person, ``blocked`` the roles the bot may not touch now.
    """
    ending = decision.change.revoke | decision.doubted
    # What somebody gave up themselves by unlinking is held for nobody.
    asked = {role: held[role].approved for role in ending & held.keys()} if case.linked else {}
    kept = frozenset(role for role, approved in asked.items() if approved is False)
    waiting = frozenset(role for role, approved in asked.items() if approved is None)
    moving = (decision.change.grant | ending) - kept - waiting
    out_of_reach = moving & blocked
    moving -= out_of_reach
    return Prospect(
        decision,
        gets=decision.change.grant & moving,
        loses=decision.change.revoke & moving,
        doubted=ending & moving - decision.change.revoke,
        held=waiting,
        kept=kept,
        screened=decision.screened - blocked,
        blocked=frozenset(out_of_reach),
        coming=_unseen(case, Holding.GIVEN) & decision.desired,
        going=_unseen(case, Holding.REVOKED) - decision.desired,
        paused=case.policy.paused,
        shadow=case.policy.shadow,
    )


def _unseen(case: Case, holding: Holding) -> Roles:
    return frozenset(role for role, grant in case.ledger.items() if grant.holding is holding)


@dataclass(frozen=True, slots=True)
class Move:
    """One role that comes to ``people``, or goes from them; the first few of them are ``named``."""

    role: RoleId
    people: int
    named: tuple[DiscordUserId, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What would be done in a guild. Each of ``gets`` and ``loses`` is about another role, in order of its id.

    ``holds``: the brake would hold so many of the losses and ask. What is left as it is, in roles of people: ``held``
    waits for the staff's answer already, ``kept`` stays by it. ``blocked`` are the roles that would move but may not be
    touched. As in `Prospect`, it is what would be done where the guild is ``paused`` or in ``shadow`` mode.
    """

    gets: tuple[Move, ...] = ()
    loses: tuple[Move, ...] = ()
    holds: int = 0
    held: int = 0
    kept: int = 0
    blocked: Roles = NONE
    paused: bool = False
    shadow: bool = False

    @property
    def adds(self) -> int:
        """How many roles are given."""
        return sum(move.people for move in self.gets)

    @property
    def takes(self) -> int:
        """How many roles are taken, those among them that the brake would hold included."""
        return sum(move.people for move in self.loses)
