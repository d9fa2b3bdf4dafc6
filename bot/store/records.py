"""What is stored and is not a core type: link attempts, nudges, guild settings, holds, runs, log entries, webhooks.

Values only. No database library is imported here, so that every part may name these types; statements live beside it.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from bot.core.model import (
    CREATOR,
    Campaign,
    CampaignId,
    Cause,
    DiscordUserId,
    GuildId,
    Membership,
    PatronId,
    Policy,
    RoleId,
    TokenOwner,
    Tokens,
)


def fingerprint(token: str) -> str:
    """Give the sha256 of a one-time token in hex: the only form of it that is ever stored."""
    return hashlib.sha256(token.encode()).hexdigest()


class AttemptStage(Enum):
    """How far an attempt to link has come; each step is taken once.

    STARTED: the button was made. AUTHORIZING: the person was sent to Patreon. EXCHANGING: they came back, the state is
    used up. CONFIRMING: the page asks. DONE and REFUSED end it.
    """

    STARTED = "started"
    AUTHORIZING = "authorizing"
    EXCHANGING = "exchanging"
    CONFIRMING = "confirming"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LinkAttempt:
    """One press of ``/link``. ``key``, ``state_hash`` and ``confirm_hash`` are fingerprints of one-time tokens.

    ``application_id`` and ``interaction_token`` let the answer in Discord be edited while that token lives (15 minutes).
    ``patron``, ``patron_name`` and ``tokens`` are known from the return from Patreon until the attempt ends.
    """

    key: str
    user: DiscordUserId
    created_at: datetime
    expires_at: datetime
    guild: GuildId | None = None
    stage: AttemptStage = AttemptStage.STARTED
    state_hash: str | None = None
    confirm_hash: str | None = None
    patron: PatronId | None = None
    patron_name: str | None = field(default=None, repr=False)
    tokens: Tokens | None = field(default=None, repr=False)
    application_id: int | None = None
    interaction_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class MembershipRow:
    """A membership to store. ``due_at`` is when time alone may change what follows from it.

    ``digest`` is that of the reading as Patreon gave it, when ``membership`` inherited something from the one before
    (``bot.core.readings.carry``); None takes the digest of ``membership`` itself.
    """

    membership: Membership
    due_at: datetime | None = None
    digest: bytes | None = None


class NudgeKind(Enum):
    """What a nudge's key names: a Discord user, a guild (rules, audit; MEMBERS: its members) or a campaign (refresh).

    Everything about one person is one row, so that whoever has claimed it is the only one at work on them.
    """

    USER = "user"
    GUILD = "guild"
    MEMBERS = "members"
    CAMPAIGN = "campaign"


# The strongest first: what a person did outweighs what the clock asks, and what asks Patreon all that does not. The more
# urgent ones come first, so that a merge keeps both the stronger cause and the greater urgency.
CAUSES_BY_STRENGTH = (
    Cause.UNLINKED,
    Cause.MANUAL,
    Cause.LINKED,
    Cause.WEBHOOK,
    Cause.JOINED,
    Cause.RULES,
    Cause.CLOCK,
    Cause.REACHED,
    Cause.REFRESH,
    Cause.AUDIT,
)

# Somebody waits for an urgent one; 1 can wait a little; 2 is the bot's own housekeeping.
URGENT = 0
_PRIORITIES = {Cause.RULES: 1, Cause.CLOCK: 1, Cause.REACHED: 1, Cause.AUDIT: 2, Cause.REFRESH: 2}


def priority(cause: Cause) -> int:
    """Give the queue a cause stands in: 0 before 1 before 2, whatever their due instants."""
    return _PRIORITIES.get(cause, URGENT)


def is_urgent(cause: Cause) -> bool:
    """Return whether somebody waits for what a cause asks for."""
    return priority(cause) == URGENT


@dataclass(frozen=True, slots=True)
class Nudge:
    """A stored "look at this soon". All nudges of one ``kind`` and ``key`` are one row.

    ``version`` grows with each merge, so that one arriving during the work is not lost. ``readings`` are what webhooks
    said, the last per campaign. ``attempts`` counts failures since the last success; ``last_error`` names the latest.
    """

    kind: NudgeKind
    key: str
    cause: Cause
    due_at: datetime
    version: int
    holder: str | None = None
    readings: tuple[Membership, ...] = ()
    attempts: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """What a guild's creator chose, and what the bot remembers of the guild.

    ``campaign`` is the one that ``/setup`` connected, if any. ``staff_channel`` gets questions and reports.
    ``audited_at`` is the start of the last audit that was read to its end; ``joined_at`` when the bot came, ``left_at``
    since when it is not there any more.
    """

    guild: GuildId
    policy: Policy = field(default_factory=Policy)
    campaign: CampaignId | None = None
    staff_channel: int | None = None
    audited_at: datetime | None = None
    joined_at: datetime | None = None
    left_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HeldRevocation:
    """One revocation the brake holds back."""

    guild: GuildId
    run: int
    user: DiscordUserId
    role: RoleId
    held_at: datetime


@dataclass(frozen=True, slots=True)
class BrakeHold:
    """One question of the brake to a guild's staff: shall these revocations of one run happen, yes or no.

    ``approved`` is None until somebody decides. ``channel`` and ``message`` say where it was asked.
    """

    guild: GuildId
    run: int
    held_at: datetime
    asked_at: datetime | None = None
    channel: int | None = None
    message: int | None = None
    approved: bool | None = None
    decided_by: DiscordUserId | None = None
    decided_at: datetime | None = None


class RunKind(Enum):
    """REFRESH reads a campaign, AUDIT a guild; SYNC is a bulk pass over a guild after its rules changed."""

    REFRESH = "refresh"
    AUDIT = "audit"
    SYNC = "sync"


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, counted. ``total`` is what there was to read, when known; ``error`` why it stopped early."""

    read: int = 0
    total: int | None = None
    granted: int = 0
    revoked: int = 0
    held: int = 0
    blocked: int = 0
    failed: int = 0
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded refresh, audit or bulk sync; still running, or killed, while ``ended_at`` is None."""

    run: int
    kind: RunKind
    started_at: datetime
    campaign: CampaignId | None = None
    guild: GuildId | None = None
    ended_at: datetime | None = None
    report: RunReport = field(default_factory=RunReport)


class LogAction(Enum):
    """What happened to one role of one person. UNDONE: what we did was seen undone, and is done again."""

    GRANTED = "granted"
    REVOKED = "revoked"
    FOUND = "found"
    TAKEN = "taken"
    UNDONE = "undone"
    SHADOWED = "shadowed"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the role log. ``detail`` is the audit-log reason, without names; ``run`` the run it belonged to."""

    guild: GuildId
    user: DiscordUserId
    role: RoleId
    action: LogAction
    cause: Cause
    at: datetime
    detail: str = ""
    run: int | None = None


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A webhook registered at Patreon for one campaign. ``previous_secret`` still verifies bodies on their way."""

    webhook: str
    campaign: CampaignId
    uri: str
    secret: str = field(repr=False)
    triggers: frozenset[str] = frozenset()
    paused: bool = False
    previous_secret: str | None = field(default=None, repr=False)
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CampaignState:
    """A campaign as stored, and where its refresh stands.

    ``owner`` names the token pair that reads it. ``refreshed_at`` and ``refreshed_serial`` are when the last complete list
    was begun, for people and for the order of readings. ``total`` is its size, ``unreadable`` how many of its rows could
    not be read. ``frozen_why`` says why nothing may be concluded from Patreon's answers now, since ``frozen_since``; None
    when all is well.
    """

    campaign: Campaign
    fetched_at: datetime
    owner: TokenOwner = CREATOR
    next_refresh_at: datetime | None = None
    refreshed_at: datetime | None = None
    refreshed_serial: int = 0
    total: int | None = None
    unreadable: int = 0
    frozen_since: datetime | None = None
    frozen_why: str | None = None
