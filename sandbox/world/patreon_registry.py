"""Who and what exists at the simulated Patreon, and how it is made and found. What happens to it is in patreon.py."""

import heapq
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sandbox.world import patreon_billing as billing
from sandbox.world.clock import Clock
from sandbox.world.patreon_model import Account, Campaign, Goal, Membership, Post, Tier
from sandbox.world.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Happened:
    """A moment Patreon would tell webhooks about; the membership is as it was at that moment only during the call."""

    trigger: str
    membership: Membership
    at: datetime


Listener = Callable[[Happened], None]
Thing = TypeVar("Thing")


class Registry:
    """Accounts, campaigns and memberships by id, or for people's convenience by first name, vanity or title."""

    def __init__(self, clock: Clock, timeline: Timeline) -> None:
        self.clock = clock
        self.timeline = timeline
        self.site_url = "https://www.patreon.com"
        """Stands in every link; a server that serves this world puts its own address here."""
        self.declined_keeps_tier = True
        """Whether a declined membership still lists its tier and cents, as a current pledge; Patreon was seen doing both."""
        self.largest_page: int | None = None
        """Rows on a page of a list at most, where that is to be less than Patreon's own limits."""
        self.keep_pages = False
        """For a bench: pages of lists are written once and served again until a verb changes their campaign."""
        self.old_v1 = False
        """Whether v1 answers as when it was documented, in 2017: without currencies, names and addresses of campaigns."""
        self.withdrawn: set[tuple[str, str]] = set()
        """Fields of v2 that Patreon no longer knows, as (type, field): asking for one is a bad request."""
        self.accounts: dict[str, Account] = {}
        self.campaigns: dict[str, Campaign] = {}
        self.memberships: dict[str, Membership] = {}
        self._of: dict[tuple[str, str], Membership] = {}
        self._ids = random.Random(1)
        self._counters = {
            "account": 1_000_100,
            "campaign": 7_000_100,
            "tier": 9_000_100,
            "pledge": 60_000_100,
            "goal": 400_100,
            "post": 80_000_100,
        }
        self._numbers = 0
        self._due: list[tuple[datetime, int, Membership]] = []
        self._listeners: list[Listener] = []
        self._moment: datetime | None = None

    @property
    def now(self) -> datetime:
        """The world's time; while the clock's jump is caught up with, the moment that is being lived through."""
        return self._moment or self.clock.now()

    def add_account(
        self, first_name: str, last_name: str = "", *, discord_id: int | None = None, currency: str = "USD"
    ) -> Account:
        """Open an account. ``discord_id`` is the Discord account connected at Patreon, which most people have not."""
        number = self._next("account")
        account = Account(
            id=number,
            first_name=first_name,
            last_name=last_name,
            email=f"{first_name.lower()}.{number}@example.com",
            created_at=self.now - timedelta(days=400),
            currency=currency,
            discord_id=str(discord_id) if discord_id is not None else None,
        )
        self.accounts[number] = account
        return account

    def add_campaign(self, creator: Account | str, name: str, vanity: str, *, is_monthly: bool = True) -> Campaign:
        """Start a creator's campaign with its automatic free tier."""
        owner = self.account(creator)
        campaign = Campaign(
            id=self._next("campaign"),
            creator=owner,
            name=name,
            vanity=vanity,
            created_at=self.now - timedelta(days=300),
            is_monthly=is_monthly,
        )
        owner.vanity = vanity
        self.campaigns[campaign.id] = campaign
        self.add_tier(campaign, "Free", 0)
        return campaign

    def add_tier(
        self, campaign: Campaign | str, title: str, amount_cents: int, *, discord_role_ids: list[int] | None = None
    ) -> Tier:
        """Add a tier for ``amount_cents`` a month; ``discord_role_ids`` are roles of Patreon's own integration."""
        page = self.campaign(campaign)
        tier = Tier(
            id=self._next("tier"),
            campaign_id=page.id,
            title=title,
            amount_cents=amount_cents,
            created_at=page.created_at + timedelta(hours=len(page.tiers)),
            description=f"{title}, with thanks",
            discord_role_ids=[str(role) for role in discord_role_ids or ()],
        )
        page.tiers[tier.id] = tier
        page.revision += 1
        return tier

    def add_goal(self, campaign: Campaign | str, title: str, amount_cents: int) -> Goal:
        """Add a goal, which only v1 shows."""
        page = self.campaign(campaign)
        goal = Goal(id=self._next("goal"), title=title, amount_cents=amount_cents, created_at=page.created_at)
        page.goals.append(goal)
        return goal

    def add_post(self, campaign: Campaign | str, title: str, content: str = "") -> Post:
        """Publish a post, without telling webhooks."""
        page = self.campaign(campaign)
        post = Post(id=self._next("post"), campaign=page, title=title, content=content, published_at=page.created_at)
        page.posts.append(post)
        return post

    def account(self, who: Account | str) -> Account:
        """Find an account by id or first name. LookupError when there is none."""
        if isinstance(who, Account):
            return who
        found = self.accounts.get(who) or next((one for one in self.accounts.values() if one.first_name == who), None)
        return _found(found, "account", who)

    def campaign(self, which: Campaign | str | None = None) -> Campaign:
        """Find a campaign by id or vanity; without a name, the world's first. LookupError when there is none."""
        if isinstance(which, Campaign):
            return which
        campaigns = self.campaigns
        if which is None:
            return _found(next(iter(campaigns.values()), None), "campaign", "first")
        found = campaigns.get(which) or next((one for one in campaigns.values() if one.vanity == which), None)
        return _found(found, "campaign", which)

    def tier(self, which: Tier | str, campaign: Campaign) -> Tier:
        """Find a tier of ``campaign`` by id or title. LookupError when there is none."""
        if isinstance(which, Tier):
            return which
        found = campaign.tiers.get(which) or next((one for one in campaign.tiers.values() if one.title == which), None)
        return _found(found, "tier", which)

    def membership(self, who: Account | str, campaign: Campaign | str | None = None) -> Membership | None:
        """Return the account's membership of a campaign (the world's first, unless named), or None."""
        return self._of.get((self.account(who).id, self.campaign(campaign).id))

    def memberships_of(self, who: Account | str) -> list[Membership]:
        """Return all memberships of an account, oldest first."""
        account = self.account(who)
        found = (self._of.get((account.id, campaign_id)) for campaign_id in self.campaigns)
        return sorted((one for one in found if one is not None), key=lambda one: one.number)

    def campaign_of(self, creator: Account) -> Campaign | None:
        """Return the campaign this account created, or None."""
        return next((one for one in self.campaigns.values() if one.creator is creator), None)

    def subscribe(self, listener: Listener) -> None:
        """Call ``listener`` at every moment Patreon would tell webhooks about, while the state is that moment's."""
        self._listeners.append(listener)

    def enroll(self, account: Account, campaign: Campaign) -> Membership:
        """Make a bare membership without telling anybody: for building large worlds. Verbs are what usually is wanted."""
        self._numbers += 1
        membership = Membership(
            id=str(uuid.UUID(int=self._ids.getrandbits(128), version=4)),
            number=self._numbers,
            account=account,
            campaign=campaign,
            started_at=self.now,
        )
        self.memberships[membership.id] = membership
        self._of[account.id, campaign.id] = membership
        campaign.memberships.append(membership)
        return membership

    def new_pledge_id(self) -> str:
        """Return the next free v1 pledge id."""
        return self._next("pledge")

    def settled(self, membership: Membership) -> None:
        """Note that ``membership`` changed: sorted views are stale, and the clock has something new to wait for."""
        membership.campaign.revision += 1
        membership.due_at = billing.due(membership)
        if membership.due_at is not None:
            heapq.heappush(self._due, (membership.due_at, membership.number, membership))

    def _forget(self, membership: Membership) -> None:
        membership.campaign.memberships.remove(membership)
        membership.campaign.revision += 1
        membership.due_at = None
        del self.memberships[membership.id], self._of[membership.account.id, membership.campaign.id]

    def _tell(self, trigger: str, membership: Membership) -> None:
        happened = Happened(trigger, membership, self.now)
        for listener in tuple(self._listeners):
            listener(happened)

    def _next(self, what: str) -> str:
        self._counters[what] += 1
        return str(self._counters[what])


def _found(found: Thing | None, what: str, name: object) -> Thing:
    if found is None:
        raise LookupError(f"no such {what}: {name}")
    return found
