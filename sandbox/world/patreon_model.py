"""What a Patreon consists of: accounts, campaigns, tiers, memberships, as plain mutable state. No verbs, no JSON here.

Money is whole cents of the campaign's currency for a whole billing period (so a yearly membership holds the year's sum,
as Patreon reports it); instants are aware UTC; ids are the strings Patreon would send.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

Result = TypeVar("Result")

RATES = {"USD": 1.0, "EUR": 0.92, "GBP": 0.79, "JPY": 150.0}
"""What one US dollar buys, fixed: v1 tells a pledge in the patron's own currency."""


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A Patreon account; patrons and creators alike. ``discord_id`` is the Discord account connected at Patreon."""

    id: str
    first_name: str
    last_name: str
    email: str
    created_at: datetime
    currency: str = "USD"
    discord_id: str | None = None
    vanity: str | None = None
    email_verified: bool = True
    hidden: bool = False
    deleted: bool = False

    @property
    def full_name(self) -> str:
        """First and last name with a space between, or what there is of them."""
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(slots=True, kw_only=True, eq=False)
class Tier:
    """A level of a campaign (v1: a reward). ``discord_role_ids`` are those of Patreon's own Discord integration."""

    id: str
    campaign_id: str
    title: str
    amount_cents: int
    created_at: datetime
    description: str = ""
    published: bool = True
    deleted: bool = False
    discord_role_ids: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Goal:
    """What a creator saves for; only v1 still lists goals."""

    id: str
    title: str
    amount_cents: int
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Post:
    """What a creator published. Only v2 lists it; nobody here writes any but an example."""

    id: str
    campaign: "Campaign"
    title: str
    content: str
    published_at: datetime
    is_public: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class Campaign:
    """A creator's page. ``shows_discord``: Patreon's own Discord integration is connected, so Discord ids are told.

    ``keeps_first_start``: who comes back is told with the start of their very first pledge, as it was recorded
    (``seq1_members_update.json``), and not with that of the present one, as it is documented.
    """

    id: str
    creator: Account
    name: str
    vanity: str
    created_at: datetime
    currency: str = "USD"
    is_monthly: bool = True
    shows_discord: bool = False
    keeps_first_start: bool = False
    discord_server_id: str | None = None
    tiers: dict[str, Tier] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    memberships: "list[Membership]" = field(default_factory=list)
    revision: int = 0
    """Grows with every change of a membership, so that what is kept of them knows when it is stale."""
    _kept: dict[str, tuple[int, Any]] = field(default_factory=dict, repr=False)

    def kept(self, name: str, make: Callable[[], Result]) -> Result:
        """Return what ``make`` found when it was last asked for ``name``, or ask again when memberships have changed.

        A large campaign is read in many pages: counting or sorting it for each would make the simulator the slow part.
        """
        revision, value = self._kept.get(name, (-1, None))
        if revision != self.revision:
            value = make()
            self._kept[name] = (self.revision, value)
        result: Result = value
        return result

    @property
    def free_tier(self) -> Tier | None:
        """The 0-cent tier every campaign has until its creator removes it."""
        return next((tier for tier in self.tiers.values() if tier.amount_cents == 0), None)


@dataclass(frozen=True, slots=True)
class PledgeEvent:
    """A line of v2's ``pledge_history``; ``kind`` is its ``type`` there, ``payment`` its ``payment_status``."""

    id: str
    kind: str
    at: datetime
    amount_cents: int
    payment: str | None
    tier: Tier | None
    membership: "Membership" = field(repr=False)


@dataclass(slots=True, kw_only=True, eq=False)
class Membership:
    """A patron's relation to a campaign: v2's member; v1 sees it as a pledge while ``pledge_id`` is set.

    ``entitled`` says whether the pledge or the last payment covers this moment. ``ends_at`` is set once the membership
    runs out by itself (cancelled, or a gift). ``due_at`` is the next instant at which the clock changes something.
    """

    id: str
    number: int
    account: Account
    campaign: Campaign
    started_at: datetime
    status: str | None = None
    tier: Tier | None = None
    cents: int = 0
    cadence: int | None = None
    pledge_id: str | None = None
    pledged_at: datetime | None = None
    updated_at: datetime | None = None
    entitled: bool = False
    will_pay_cents: int = 0
    lifetime_cents: int = 0
    last_charge: str | None = None
    last_charge_at: datetime | None = None
    next_charge_at: datetime | None = None
    declined_since: datetime | None = None
    ends_at: datetime | None = None
    trial: bool = False
    gifted: bool = False
    card_works: bool = True
    due_at: datetime | None = None
    history: list[PledgeEvent] = field(default_factory=list)

    @property
    def entitled_cents(self) -> int:
        """v2's ``currently_entitled_amount_cents``: nothing for a gift, although a gift has its tier."""
        return self.cents if self.entitled and not self.gifted else 0

    @property
    def entitled_tiers(self) -> list[Tier]:
        """v2's ``currently_entitled_tiers``: a trial lists the free tier too, a pending or free member only that one."""
        free = self.campaign.free_tier
        tiers = [self.tier] if self.entitled and self.tier is not None and not self.tier.deleted else []
        if free is not None and free not in tiers and (self.trial or (not self.entitled and self._is_free)):
            tiers.append(free)
        return tiers

    @property
    def _is_free(self) -> bool:
        return self.status is None or self.last_charge == "Pending"

    @property
    def pledge_cents(self) -> int:
        """v1's ``amount_cents``: the same sum in the patron's own currency."""
        return round(self.cents * RATES[self.account.currency] / RATES[self.campaign.currency])
