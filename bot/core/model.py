"""The data types every module speaks: frozen, slotted, checked by mypy. No behaviour beyond what a value knows of itself.

Money is whole cents in the campaign's currency, a month or, where a campaign charges by the post, per creation;
instants are aware UTC.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NewType

DiscordUserId = NewType("DiscordUserId", int)
RoleId = NewType("RoleId", int)
GuildId = NewType("GuildId", int)
PatronId = NewType("PatronId", str)
CampaignId = NewType("CampaignId", str)
TierId = NewType("TierId", str)
MembershipId = NewType("MembershipId", str)
TokenOwner = NewType("TokenOwner", str)


class PatronStatus(Enum):
    """What Patreon calls the patron; v1 has no such field and derives it."""

    ACTIVE = "active"
    DECLINED = "declined"
    FORMER = "former"
    NONE = "none"


class Charge(Enum):
    """How the last charge ended (v2's ``last_charge_status``).

    PAID alone brought money. NONE: Patreon names no charge, as in v1 and before the first one. DELETED is a charge that
    was given up, not one that was paid. OTHER is Patreon's own "Other" and any text unknown here.
    """

    NONE = "none"
    PAID = "paid"
    PENDING = "pending"
    DECLINED = "declined"
    FRAUD = "fraud"
    REFUNDED = "refunded"
    DELETED = "deleted"
    TRIAL = "trial"
    OTHER = "other"


class Source(Enum):
    """How a reading of a membership reached us. Two agreeing readings are needed to revoke (law 3)."""

    LIST = "list"
    FETCH = "fetch"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Tier:
    """A level of a campaign as its creator set it up."""

    tier: TierId
    title: str
    amount_cents: int
    published: bool = True
    discord_roles: tuple[RoleId, ...] = ()


@dataclass(frozen=True, slots=True)
class Campaign:
    """A creator's Patreon page. ``creator`` is the Patreon account that owns it."""

    campaign: CampaignId
    creator: PatronId | None
    name: str
    url: str
    currency: str | None
    is_monthly: bool
    tiers: tuple[Tier, ...]


@dataclass(frozen=True, slots=True)
class PaidFor:
    """What a pledge entitled to while its charges went through; the fields mean what they mean in ``Membership``."""

    tiers: frozenset[TierId]
    amount_cents: int | None
    tier_cents: int | None


@dataclass(frozen=True, slots=True)
class Membership:
    """One reading of a patron's relation to a campaign: what Patreon said, and when.

    ``amount_cents`` is what the patron is entitled to by money, already divided by an annual cadence; None when
    Patreon named it in a currency that cannot be compared and no tier tells its worth. ``tier_cents`` is the highest
    price among ``tiers`` (0 when they are all free, None when no price is known). ``declined_since`` is when a
    decline was first seen, kept until a charge goes through; ``paid_through`` the end of the time that is paid for.
    ``membership`` is v2's member id. ``listed`` is whether the answer itself named tiers or money as theirs, not only an
    earlier one (see ``readings``). ``paid_for`` is what was paid for, where the last charge does not tell it: it failed,
    is under way, or Patreon names none. None when that charge went through, or when nothing ever did.
    ``since`` is the first pledge known of, ``unbroken_since`` the start of the present one, over every change of tier;
    ``left_at`` is when they were first read without one. ``history_read``: Patreon was asked what they paid for before.
    ``serial`` is its place among all readings: of two, the one with the larger number was asked for later (or arrived
    later, a webhook). ``observed_at`` tells people its age and compares with ends; clocks jump, so it orders nothing.
    """

    patron: PatronId
    campaign: CampaignId
    status: PatronStatus
    observed_at: datetime
    charge: Charge = Charge.NONE
    amount_cents: int | None = 0
    will_pay_cents: int | None = None
    currency: str | None = None
    tiers: frozenset[TierId] = frozenset()
    tier_cents: int | None = None
    declined_since: datetime | None = None
    paid_through: datetime | None = None
    lifetime_cents: int | None = None
    since: datetime | None = None
    gifted: bool = False
    trial: bool = False
    membership: MembershipId | None = None
    source: Source = Source.FETCH
    listed: bool = False
    unbroken_since: datetime | None = None
    left_at: datetime | None = None
    history_read: bool = False
    serial: int = 0
    paid_for: PaidFor | None = None


class ConditionKind(Enum):
    """What a rule asks of an entitlement."""

    TIER = "tier"
    AMOUNT = "amount"
    LIFETIME = "lifetime"
    MONTHS = "months"
    MONTHS_IN_A_ROW = "months_in_a_row"
    PAYING = "paying"
    FREE = "free"
    GIFT_OR_TRIAL = "gift_or_trial"
    FORMER = "former"


@dataclass(frozen=True, slots=True)
class Condition:
    """Exactly one question: TIER uses ``tier``, AMOUNT and LIFETIME ``threshold`` in cents, the others in whole months.

    MONTHS counts from the first pledge, MONTHS_IN_A_ROW from the start of the present one.
    """

    kind: ConditionKind
    threshold: int = 0
    tier: TierId | None = None


@dataclass(frozen=True, slots=True)
class RoleRule:
    """A condition that gives a role, in one guild for one campaign.

    Rules of the same ``group`` compete when the group is highest-only: the largest ``worth_cents`` wins, then the
    lowest role id. Rules without a group (an empty name) never compete.
    """

    rule: int
    guild: GuildId
    campaign: CampaignId
    role: RoleId
    condition: Condition
    group: str = ""
    sticky: bool = False
    worth_cents: int = 0


class Revocable(Enum):
    """Which managed roles of linked people may be revoked: only what the ledger says we granted, or any managed role."""

    GRANTED = "granted"
    MANAGED = "managed"


@dataclass(frozen=True, slots=True)
class Member:
    """What Discord says of a member of a guild. ``pending``: they have not accepted the server's rules yet."""

    roles: frozenset[RoleId] = frozenset()
    pending: bool = False
    joined_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """A guild's settings, as far as they decide about roles.

    ``count_refunded`` is about memberships that Patreon still lists after their last payment was refunded.
    ``highest_only`` names the rule groups in which only the highest rule counts. ``shadow`` reports and changes
    nothing. ``wait_for_rules`` gives nothing to members who have not accepted the server's rules: a role would let them
    past these. ``restore_drift`` puts back a role that a moderator took by hand. The brake holds a run's revocations
    when those who lose by them exceed both ``brake_count`` and ``brake_percent`` of the people who hold roles of ours.
    """

    declined_grace: timedelta = timedelta(days=7)
    keep_paid_through: bool = True
    count_pending: bool = True
    count_trials: bool = True
    count_gifts: bool = True
    count_refunded: bool = True
    highest_only: frozenset[str] = frozenset()
    revocable: Revocable = Revocable.GRANTED
    restore_drift: bool = True
    wait_for_rules: bool = True
    shadow: bool = False
    paused: bool = False
    brake_percent: int = 10
    brake_count: int = 5

    @property
    def acts(self) -> bool:
        """Whether roles move: neither paused nor in shadow mode."""
        return not self.paused and not self.shadow


class Reason(Enum):
    """Why somebody is or is not entitled.

    ENDING is cancelled with paid time left, CANCELLED is over. GRACE is a declined charge whose patron keeps what was
    paid for, DECLINED one without. REFUNDED may be either: Patreon may go on listing the membership.
    """

    PAID = "paid"
    PENDING = "pending"
    GIFT = "gift"
    TRIAL = "trial"
    GRACE = "grace"
    DECLINED = "declined"
    ENDING = "ending"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    FRAUD = "fraud"
    FREE = "free"
    NEVER = "never"
    UNLINKED = "unlinked"


@dataclass(frozen=True, slots=True)
class Entitlement:
    """What policy makes of a membership now.

    ``active`` is whether paid conditions can hold at all. ``ends_at`` is when it ends if nothing else is heard.
    ``amount_cents`` is what amount rules compare, None when it cannot be judged. ``former`` marks a lapsed patron.
    ``months`` have passed since the first pledge, ``months_in_a_row`` since the start of the present one.
    """

    active: bool
    reason: Reason
    amount_cents: int | None = 0
    tiers: frozenset[TierId] = frozenset()
    lifetime_cents: int | None = None
    months: int = 0
    months_in_a_row: int = 0
    ends_at: datetime | None = None
    former: bool = False


class Cause(Enum):
    """What made the bot look; goes into the audit-log reason and the role log.

    REACHED: a role or a server that was out of the bot's reach is within it again.
    """

    LINKED = "linked"
    UNLINKED = "unlinked"
    WEBHOOK = "webhook"
    REFRESH = "refresh"
    JOINED = "joined"
    RULES = "rules"
    MANUAL = "manual"
    CLOCK = "clock"
    REACHED = "reached"
    AUDIT = "audit"


class Origin(Enum):
    """Whose doing it is that a person has a role.

    OURS: a rule gave it. HAND: we gave it because a creator said so, no rule. ADOPTED: somebody else gave it and the
    creator handed it over to us; it is not taken before the person is linked. FOUND: somebody else's, before us or
    beside us. HAND and ADOPTED become OURS when a rule gives the role.
    """

    OURS = "ours"
    HAND = "hand"
    ADOPTED = "adopted"
    FOUND = "found"


class Holding(Enum):
    """Whether the person has the role now. LEFT: they left the guild. TAKEN: somebody else took it by hand.

    GIVING, TAKING: a grant or revocation of ours was begun and its end is not recorded; whichever is due is done again.
    GIVEN, REVOKED: Discord accepted it, or the outcome was seen, but not both yet. With both, GIVEN becomes HELD and the
    entry of a REVOKED role goes.
    """

    HELD = "held"
    LEFT = "left"
    TAKEN = "taken"
    GIVING = "giving"
    GIVEN = "given"
    TAKING = "taking"
    REVOKED = "revoked"

    @property
    def begun(self) -> bool:
        """Whether a change was begun that may or may not have happened."""
        return self in {Holding.GIVING, Holding.TAKING}

    @property
    def there(self) -> bool:
        """Whether the role is on the person, as far as Discord's word goes."""
        return self in {Holding.HELD, Holding.GIVEN}

    @property
    def unseen(self) -> bool:
        """Whether Discord's word still wants to be seen come true."""
        return self in {Holding.GIVEN, Holding.REVOKED}


class Block(Enum):
    """Why a role of a guild may not be given or taken by the bot, found by looking where that can be seen.

    TWO_FACTOR and REFUSED are Discord's answer to a try: the server asks two-factor authentication of its moderators and
    the account that owns the bot has none, or there is no reason to be seen.
    """

    GONE = "gone"
    EVERYONE = "everyone"
    MANAGED = "managed"
    PERMISSION = "permission"
    RANK = "rank"
    TWO_FACTOR = "two_factor"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Grant:
    """A ledger entry: a managed role somebody has, or had, in a guild, and whose doing that is.

    ``since`` is when it was granted or found; of a role that we take, when we last asked Discord to.
    """

    guild: GuildId
    user: DiscordUserId
    role: RoleId
    origin: Origin
    since: datetime
    cause: Cause
    holding: Holding = Holding.HELD


@dataclass(frozen=True, slots=True)
class ManualGrant:
    """A role a creator gave by hand through the bot, apart from Patreon's data; for ever when ``expires_at`` is None."""

    guild: GuildId
    user: DiscordUserId
    role: RoleId
    note: str
    granted_by: DiscordUserId
    granted_at: datetime
    expires_at: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether its time has run out."""
        return self.expires_at is not None and self.expires_at <= now


@dataclass(frozen=True, slots=True)
class Doubt:
    """A revocation one reading asked for and no second has confirmed.

    ``serial`` and ``source`` are that first reading's: two webhooks may tell of one and the same event, so a doubt
    that a webhook began is settled by a read.
    """

    guild: GuildId
    user: DiscordUserId
    role: RoleId
    serial: int
    source: Source


@dataclass(frozen=True, slots=True)
class RoleChange:
    """What to do at Discord for one person in one guild: disjoint, inside the rules' roles."""

    grant: frozenset[RoleId] = frozenset()
    revoke: frozenset[RoleId] = frozenset()

    def __bool__(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.grant or self.revoke)


@dataclass(frozen=True, slots=True)
class Link:
    """The stored tie of one Discord user to one patron, both unique. ``broken_since``: when its token pair died."""

    user: DiscordUserId
    patron: PatronId
    linked_at: datetime
    broken_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """An OAuth pair of Patreon; its values never show in a ``repr``."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime
    scopes: frozenset[str] = frozenset()


CREATOR = TokenOwner("creator")


_PATRON_OWNER = "patron:"


def patron_owner(patron: PatronId) -> TokenOwner:
    """Name the owner of a patron's own pair in the token store."""
    return TokenOwner(f"{_PATRON_OWNER}{patron}")


def owning_patron(owner: TokenOwner) -> PatronId | None:
    """Return the patron whose own pair it is; None for a creator's."""
    return PatronId(owner.removeprefix(_PATRON_OWNER)) if owner.startswith(_PATRON_OWNER) else None


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A stored pair. ``version`` grows with each new pair, so that two processes never renew the same one twice.

    ``previous`` is the pair before, kept until the new one worked; ``spare`` a second pair of the same account, kept
    in case Patreon voids the first when its owner signs in again. ``broken_since``: since when Patreon refuses to renew
    it; ``refused_at``: the last time it did. ``told_at``: when a person was told that the pair is broken. ``issued`` has
    the instants at which Patreon gave this pair and those before it, at most ten, the newest last; empty: unknown.
    """

    tokens: Tokens
    version: int
    previous: Tokens | None = None
    spare: Tokens | None = None
    broken_since: datetime | None = None
    told_at: datetime | None = None
    issued: tuple[datetime, ...] = ()
    refused_at: datetime | None = None
