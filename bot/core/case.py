"""What the reconciler is asked and what it answers: one person in one guild. Values only, no decisions.

A ``Case`` is everything known, a ``Decision`` everything that follows; single and bulk sync use the same two (law 5).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.model import (
    CampaignId,
    DiscordUserId,
    Doubt,
    Entitlement,
    Grant,
    GuildId,
    ManualGrant,
    Membership,
    Policy,
    RoleChange,
    RoleId,
    RoleRule,
    Source,
)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything known of one person in one guild.

    ``ledger`` holds every managed role the person is known to have or have had, by role. ``unreadable`` are campaigns
    whose answers may not count against anybody now (Patreon is down, the creator's access is refused, an answer lost
    everything at once). ``broken_since`` is when the person's own link died (``Link.broken_since``): their last
    reading then stands for the declined grace. ``earned`` says since when which sticky rules' roles are theirs for good.
    ``unanswered`` are campaigns that Patreon was just asked about in vain: what a webhook says of them counts alone, until
    Patreon answers.
    ``pending``: they have not accepted the server's rules yet.
    """

    guild: GuildId
    user: DiscordUserId
    linked: bool
    present: bool
    policy: Policy
    rules: tuple[RoleRule, ...] = ()
    memberships: Mapping[CampaignId, Membership] = field(default_factory=dict)
    manual: tuple[ManualGrant, ...] = ()
    ledger: Mapping[RoleId, Grant] = field(default_factory=dict)
    doubts: Mapping[RoleId, Doubt] = field(default_factory=dict)
    unreadable: frozenset[CampaignId] = frozenset()
    unanswered: frozenset[CampaignId] = frozenset()
    broken_since: datetime | None = None
    earned: Mapping[int, datetime] = field(default_factory=dict)
    pending: bool = False

    def word(self, campaign: CampaignId) -> Membership | None:
        """Return what is known of a campaign where only a webhook vouches for it."""
        reading = self.memberships.get(campaign)
        return reading if reading is not None and reading.source is Source.WEBHOOK else None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's answer for one person. ``holds`` is None when it cannot be judged (an amount in another currency).

    ``outranked`` marks a rule that holds but loses to a higher one of its highest-only group. ``earned_at`` is set where
    nothing but having earned the role once, then, gives it now.
    """

    rule: RoleRule
    holds: bool | None
    outranked: bool = False
    earned_at: datetime | None = None

    @property
    def kept(self) -> bool:
        """Return whether a sticky rule keeps a role that its condition does not give now."""
        return self.earned_at is not None

    @property
    def gives(self) -> bool:
        """Whether the rule gives its role now."""
        return self.kept or (self.holds is True and not self.outranked)


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from a case.

    ``doubts`` replaces the stored ones: revocations waiting for a second reading, and desired roles that only a webhook
    vouches for. ``due_at`` is the next instant at which time alone could change the outcome. ``protected`` are roles
    that are not desired but stay, since they are not ours to take. ``claimed`` are roles held by a creator's hand or
    adopted that a rule gives now: they become ours. ``earned`` are sticky rules, by number, that give their role for the
    first time. ``screened`` are roles that are given once the person accepts the server's rules.
    """

    entitlements: Mapping[CampaignId, Entitlement]
    verdicts: tuple[Verdict, ...]
    desired: frozenset[RoleId]
    change: RoleChange
    doubts: tuple[Doubt, ...] = ()
    protected: frozenset[RoleId] = frozenset()
    claimed: frozenset[RoleId] = frozenset()
    screened: frozenset[RoleId] = frozenset()
    due_at: datetime | None = None
    earned: frozenset[int] = frozenset()

    @property
    def doubted(self) -> frozenset[RoleId]:
        """The roles that go when a second reading confirms it."""
        return frozenset(doubt.role for doubt in self.doubts) - self.desired
