"""What creators may know of their patrons: one by one, as a list, as a file, in numbers. Names and addresses are not kept.

Every row is decided by the same ``reconcile`` as the roles themselves (law 5), from what is stored; nothing is fetched.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from bot.core.case import Decision
from bot.core.entitlement import assess
from bot.core.model import (
    Campaign,
    CampaignId,
    DiscordUserId,
    Entitlement,
    GuildId,
    Link,
    Membership,
    Reason,
    RoleId,
    TierId,
)
from bot.core.reconcile import reconcile
from bot.creators.campaigns import Campaigns, Home
from bot.store.records import AttemptStage
from bot.store.store import Store
from bot.store.tables import Tables
from bot.sync.cases import load_cases, load_view

_PAGE = 500
# Discord lets an answer be edited for 15 minutes; one is left for clocks that differ.
_EDITABLE = timedelta(minutes=14)


class Which(Enum):
    """Whom a list shows."""

    EVERYBODY = "everybody"
    PAYING = "paying"
    DECLINED = "declined"
    LEAVING = "leaving"
    LAPSED = "lapsed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class OpenAnswer:
    """An answer to /link that can be edited by whoever holds its token; ``guild`` None: in a direct message."""

    guild: GuildId | None
    application_id: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PatronRow:
    """One linked person of a guild, in one campaign; ``membership`` is None when Patreon knows of none."""

    link: Link
    campaign: CampaignId
    membership: Membership | None
    entitlement: Entitlement
    roles: frozenset[RoleId]


@dataclass(frozen=True, slots=True)
class Stats:
    """A campaign in numbers. ``tiers`` are (patrons, of them linked).

    ``sums`` are what patrons will pay, or for a pledge that ends pay now, in whole cents a month or per creation, by
    reason and currency. Who pays nothing for what they have counts as GIFT. ``next_end`` is the first end of a pledge.
    """

    campaign: Campaign
    reasons: Mapping[Reason, int]
    active: int
    linked: int
    no_tier: int
    new: int
    sums: Mapping[Reason, Mapping[str, int]]
    next_end: datetime | None
    tiers: Mapping[TierId, tuple[int, int]]


@dataclass(slots=True)
class _Tally:
    reasons: Counter[Reason] = field(default_factory=Counter)
    sums: defaultdict[Reason, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    next_end: datetime | None = None
    tiers: Counter[TierId] = field(default_factory=Counter)
    linked_tiers: Counter[TierId] = field(default_factory=Counter)
    active: int = 0
    linked: int = 0
    no_tier: int = 0
    new: int = 0

    def count(self, membership: Membership, held: Entitlement, currency: str, month: datetime, *, linked: bool) -> None:
        """Add one membership."""
        income = _income(membership, held.reason)
        reason = Reason.GIFT if held.reason is Reason.PAID and income == 0 else held.reason
        self.reasons[reason] += 1
        self.sums[reason][membership.currency or currency] += income or 0
        if held.reason is Reason.ENDING and held.ends_at is not None:
            self.next_end = min(self.next_end or held.ends_at, held.ends_at)
        if not held.active:
            return
        self.active += 1
        self.linked += linked
        self.no_tier += not membership.tiers
        self.new += membership.since is not None and membership.since >= month
        self.tiers.update(membership.tiers)
        if linked:
            self.linked_tiers.update(membership.tiers)


class Patrons:
    """The linked patrons of a guild, and its campaigns' numbers."""

    def __init__(self, store: Store, campaigns: Campaigns, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._campaigns = campaigns
        self._now = now

    async def link(self, user: DiscordUserId) -> Link | None:
        """Load somebody's link."""
        async with self._store.read() as t:
            return await t.links.load(user)

    async def open_answer(self, user: DiscordUserId) -> OpenAnswer | None:
        """Give the answer to somebody's finished ``/link``, while Discord still lets it be edited; kept over restarts."""
        async with self._store.read() as t:
            latest = await t.attempts.load_latest(user)
        if latest is None or latest.stage is not AttemptStage.DONE or self._now() - latest.created_at > _EDITABLE:
            return None
        if latest.application_id is None or latest.interaction_token is None:
            return None
        return OpenAnswer(latest.guild, latest.application_id, latest.interaction_token)

    async def listed(
        self, guild: GuildId, which: Which, after: DiscordUserId | None
    ) -> AsyncGenerator[tuple[PatronRow, ...], None]:
        """List people behind somebody, in order of Discord user: of each the rows, one a campaign, that belong there."""
        rows: list[PatronRow] = []
        async with aclosing(self._rows(guild, after)) as everybody:
            async for row in everybody:
                if not _belongs(row, which):
                    continue
                if rows and row.link.user != rows[0].link.user:
                    yield tuple(rows)
                    rows = []
                rows.append(row)
        if rows:
            yield tuple(rows)

    async def export(self, guild: GuildId) -> bytes:
        """Write everybody linked as a CSV file in UTF-8."""
        home = await self._campaigns.home(guild)
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(_COLUMNS)
        async for row in self._rows(guild, None):
            writer.writerow([_harmless(cell) for cell in _cells(row, home)])
        return text.getvalue().encode()

    async def stats(self, guild: GuildId) -> list[Stats]:
        """Count each campaign of the guild, by the guild's own policy."""
        home = await self._campaigns.home(guild)
        return [await self._count(state.campaign, home) for state in home.campaigns]

    async def _count(self, campaign: Campaign, home: Home) -> Stats:
        tally, now, after = _Tally(), self._now(), None
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        while True:
            async with self._store.read() as t:
                page = await t.memberships.page(campaign.campaign, after, _PAGE)
                links = await t.links.load_of_patrons([seen.patron for seen in page])
            for seen in page:
                if seen.patron != campaign.creator:
                    held = assess(seen, home.settings.policy, now)
                    tally.count(seen, held, campaign.currency or "", month, linked=seen.patron in links)
            if len(page) < _PAGE:
                break
            after = page[-1].patron
        return Stats(
            campaign,
            reasons=dict(tally.reasons),
            active=tally.active,
            linked=tally.linked,
            no_tier=tally.no_tier,
            new=tally.new,
            sums={reason: dict(sums) for reason, sums in tally.sums.items() if any(sums.values())},
            next_end=tally.next_end,
            tiers={tier.tier: (tally.tiers[tier.tier], tally.linked_tiers[tier.tier]) for tier in campaign.tiers},
        )

    async def _rows(self, guild: GuildId, after: DiscordUserId | None) -> AsyncGenerator[PatronRow, None]:
        """Give everybody's rows, a page of people at a time, so that memory does not grow with the guild."""
        home = await self._campaigns.home(guild)
        while True:
            async with self._store.read() as t:
                links = await t.links.in_guild(guild, after, _PAGE)
                decided = await self._decide(t, guild, links)
            for link, memberships, decision in decided:
                for campaign in home.by_id:
                    held = decision.entitlements.get(campaign) or assess(None, home.settings.policy, self._now())
                    yield PatronRow(link, campaign, memberships.get(campaign), held, decision.desired)
            if len(links) < _PAGE:
                return
            after = links[-1].user

    async def _decide(
        self, t: Tables, guild: GuildId, links: list[Link]
    ) -> list[tuple[Link, Mapping[CampaignId, Membership], Decision]]:
        cases = await load_cases(t, await load_view(t, guild), {link.user: link for link in links})
        now = self._now()
        return [(link, cases[link.user].memberships, reconcile(cases[link.user], now)) for link in links]


def _income(seen: Membership, reason: Reason) -> int | None:
    """Return what a membership brings next time, or until its end; None when it cannot be compared."""
    match reason:
        case Reason.PAID | Reason.PENDING | Reason.GRACE | Reason.DECLINED | Reason.REFUNDED:
            return seen.amount_cents if seen.will_pay_cents is None else seen.will_pay_cents
        case Reason.ENDING:
            return seen.amount_cents
        case Reason.GIFT | Reason.TRIAL | Reason.CANCELLED | Reason.FRAUD | Reason.FREE | Reason.NEVER | Reason.UNLINKED:
            return 0


def _belongs(row: PatronRow, which: Which) -> bool:
    held = row.entitlement
    match which:
        case Which.EVERYBODY:
            return True
        case Which.PAYING:
            return held.active
        case Which.DECLINED:
            return held.reason in {Reason.GRACE, Reason.DECLINED}
        case Which.LEAVING:
            return held.reason is Reason.ENDING
        case Which.LAPSED:
            return held.former
        case Which.BROKEN:
            return row.link.broken_since is not None


_COLUMNS = (
    "discord_user_id",
    "patron_id",
    "campaign",
    "tiers",
    "amount",
    "per",
    "currency",
    "entitled",
    "reason",
    "until",
    "patron_since",
    "given_in_all",
    "roles",
    "linked_at",
    "link_broken_since",
    "patreon_said_so_at",
)


def _cells(row: PatronRow, home: Home) -> list[str]:
    campaign, seen = home.by_id[row.campaign], row.membership
    titles = {tier.tier: tier.title for tier in campaign.tiers}
    tiers = sorted(titles.get(tier, str(tier)) for tier in seen.tiers) if seen else []
    return [
        str(row.link.user),
        row.link.patron,
        campaign.name,
        "; ".join(tiers),
        _amount(row.entitlement.amount_cents),
        "month" if campaign.is_monthly else "creation",
        (seen.currency if seen else None) or campaign.currency or "",
        "yes" if row.entitlement.active else "no",
        row.entitlement.reason.value,
        _instant(row.entitlement.ends_at),
        _instant(seen.since if seen else None),
        _amount(seen.lifetime_cents if seen else None),
        "; ".join(sorted(home.role_names.get(role, str(role)) for role in row.roles)),
        _instant(row.link.linked_at),
        _instant(row.link.broken_since),
        _instant(seen.observed_at if seen else None),
    ]


def _amount(cents: int | None) -> str:
    return "" if cents is None else f"{cents / 100:.2f}"


def _instant(at: datetime | None) -> str:
    return at.isoformat(timespec="seconds") if at else ""


def _harmless(cell: str) -> str:
    """Keep a spreadsheet from taking a tier called "=1+1" for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
