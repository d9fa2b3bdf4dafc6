"""What Patreon's answers become, beyond the types of the core. Values only; the dialects fill them."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime

from bot.core.model import CampaignId, Membership, MembershipId, PatronId

Currencies = Mapping[CampaignId, str]
"""What campaigns are priced in, as Patreon said of them before: an answer of v1 need not tell it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a token belongs to, and their memberships as far as the token may see them.

    ``complete`` is false when a membership was announced that could not be read or told to a campaign: then a
    missing campaign does not mean "no membership". ``full_name`` can be empty.
    """

    patron: PatronId
    full_name: str = field(repr=False)
    campaigns_owned: frozenset[CampaignId] = frozenset()
    memberships: tuple[Membership, ...] = ()
    complete: bool = True

    def membership_of(self, campaign: CampaignId) -> Membership | None:
        """Give the membership in a campaign, chosen by the campaign's id and never by position."""
        return next((found for found in self.memberships if found.campaign == campaign), None)


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page of a campaign's list, without rows an earlier page already gave.

    ``unreadable`` names rows that are there but could not be read: by patron id, or by membership id where no patron
    is named. Nobody among them may be taken for gone. ``total`` is Patreon's count of the whole list.
    """

    memberships: tuple[Membership, ...]
    total: int | None = None
    unreadable: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class RawPage:
    """A page as a dialect reads it: its rows by their own ids, None where a row could not be read.

    ``unreadable`` names those rows as ``ListPage`` does; ``cursor`` leads to the next page.
    """

    rows: Mapping[str, Membership | None]
    total: int | None
    cursor: str | None
    unreadable: AbstractSet[str] = frozenset()


@dataclass(frozen=True, slots=True)
class WebhookNotice:
    """What a webhook says: look at this patron. Empty for test deliveries and for what is not about memberships.

    ``membership`` is the reading it makes. That of a ``*:delete`` says that the membership is over, also where the body
    still lists it.
    """

    trigger: str
    patron: PatronId | None = None
    campaign: CampaignId | None = None
    membership: Membership | None = None
    membership_id: MembershipId | None = None


@dataclass(frozen=True, slots=True)
class RegisteredWebhook:
    """A webhook of our client as Patreon keeps it (v2). A paused one queues its deliveries until it is un-paused.

    ``campaign`` is None where Patreon does not say about which one it tells.
    """

    webhook: str
    uri: str
    triggers: tuple[str, ...]
    paused: bool
    failures: int
    secret: str | None = field(default=None, repr=False)
    last_attempted_at: datetime | None = None
    campaign: CampaignId | None = None
