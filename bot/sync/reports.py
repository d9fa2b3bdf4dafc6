"""What the engine tells whoever listens: staff messages, answers to ``/link``, metrics. Values only, no sentences.

A listener is awaited and may fail; the engine logs that and goes on. Nothing here is the record of what happened:
that is in the store, and a report lost in a kill is not repeated unless its docstring says so.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from bot.core.model import (
    Block,
    CampaignId,
    Cause,
    DiscordUserId,
    GuildId,
    ManualGrant,
    PatronId,
    RoleChange,
    RoleId,
    TokenOwner,
)
from bot.store.records import NudgeKind, RunReport


@dataclass(frozen=True, slots=True)
class PatronSynced:
    """One person in one guild was brought up to date.

    ``change`` is what was done (in a ``shadow`` guild: what would have been). ``desired`` are the roles that follow.
    ``screened`` of them come once the person accepts the server's rules.
    ``blocked``, ``held`` (by the brake) and ``doubted`` (waiting for a second reading) are roles left as they are.
    After LINKED, UNLINKED and MANUAL it comes even when nothing changed, since somebody waits for it; also from a guild
    that is ``paused``, where ``change`` is what would have been done.
    """

    guild: GuildId
    user: DiscordUserId
    patron: PatronId | None
    cause: Cause
    change: RoleChange
    desired: frozenset[RoleId] = frozenset()
    blocked: frozenset[RoleId] = frozenset()
    held: frozenset[RoleId] = frozenset()
    screened: frozenset[RoleId] = frozenset()
    doubted: frozenset[RoleId] = frozenset()
    shadow: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True)
class ReadFailed:
    """Patreon gave no usable answer about one patron; it is asked again by itself. Told each time, for whoever waits."""

    user: DiscordUserId
    error: str


@dataclass(frozen=True, slots=True)
class RefreshProgress:
    """A refresh goes on: ``read`` memberships of ``total`` (when Patreon says how many there are)."""

    run: int
    campaign: CampaignId
    read: int
    total: int | None


@dataclass(frozen=True, slots=True)
class RefreshEnded:
    """A refresh ended. ``report.error`` says why it counts for nothing; roles of it go out after this.

    ``by_patrons``: no list was read, for there is no living pair to read it with; each patron is asked in turn instead.
    """

    run: int
    campaign: CampaignId
    cause: Cause
    report: RunReport
    by_patrons: bool = False


@dataclass(frozen=True, slots=True)
class AuditEnded:
    """A guild's members were read to the end; ``first`` when roles may move from now on."""

    run: int
    guild: GuildId
    first: bool
    report: RunReport


@dataclass(frozen=True, slots=True)
class BrakeHeld:
    """Revocations are held until somebody decides with ``Engine.decide(guild, run, ...)``; the store has the list.

    Told again when more joined the same question. ``held`` is how many wait in the guild.
    """

    guild: GuildId
    run: int
    cause: Cause
    held: int


@dataclass(frozen=True, slots=True)
class BrakeReleased:
    """A question of the brake settled itself: nothing it held is due any more. It stood in ``channel``, if anywhere."""

    guild: GuildId
    run: int
    channel: int | None = None
    message: int | None = None


@dataclass(frozen=True, slots=True)
class RoleIsBlocked:
    """A managed role may not be given or taken; told once until that changes, also over restarts."""

    guild: GuildId
    role: RoleId
    block: Block


@dataclass(frozen=True, slots=True)
class RoleUndone:
    """Somebody, or something, undid several times what we did to a role, which is left alone until the next audit.

    ``given``: it was ours to give, and goes again and again; else it was ours to take, and comes back.
    """

    guild: GuildId
    user: DiscordUserId
    role: RoleId
    given: bool


@dataclass(frozen=True, slots=True)
class GrantOverruled:
    """Somebody took a role in Discord that a creator had given by hand through the bot; the grant was ended."""

    guild: GuildId
    user: DiscordUserId
    role: RoleId
    grant: ManualGrant


@dataclass(frozen=True, slots=True)
class LinkBroken:
    """A patron's token pair died and nothing else reads their membership; told once for each break."""

    user: DiscordUserId
    patron: PatronId
    since: datetime


@dataclass(frozen=True, slots=True)
class CreatorTokenFailing:
    """The pair that reads campaigns could not be renewed (``broken`` false: it still works until ``expires_at``)."""

    owner: TokenOwner
    broken: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PatreonGone:
    """Patreon gave no usable answer several times in a row; until PatreonBack nothing is revoked for this campaign."""

    campaign: CampaignId
    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class PatreonBack:
    """Patreon answered again after PatreonGone."""

    campaign: CampaignId


@dataclass(frozen=True, slots=True)
class WebhookUnpaused:
    """Patreon had paused a campaign's webhook after failures, and was told to go on; told once while that repeats."""

    campaign: CampaignId


@dataclass(frozen=True, slots=True)
class NudgeStuck:
    """Something failed several times in a row; it is still tried, at growing intervals."""

    kind: NudgeKind
    key: str
    attempts: int
    error: str


Report = (
    PatronSynced
    | ReadFailed
    | RefreshProgress
    | RefreshEnded
    | AuditEnded
    | BrakeHeld
    | BrakeReleased
    | RoleIsBlocked
    | RoleUndone
    | GrantOverruled
    | LinkBroken
    | CreatorTokenFailing
    | PatreonGone
    | PatreonBack
    | WebhookUnpaused
    | NudgeStuck
)
Listener = Callable[[Report], Awaitable[None]]
