"""A Patreon and a Discord of plain state for the engine's tests: they answer, count calls, and fail on demand."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NoReturn

from bot.core.model import (
    Block,
    Campaign,
    CampaignId,
    Charge,
    DiscordUserId,
    GuildId,
    Member,
    Membership,
    MembershipId,
    PatronId,
    PatronStatus,
    RoleId,
    Source,
    Tier,
    TierId,
    TokenOwner,
    patron_owner,
)
from bot.errors import AccessRevoked, GuildUnavailable, NotThere, RoleBlocked

CAMPAIGN = CampaignId("100")
SILVER_TIER, GOLD_TIER = TierId("silver"), TierId("gold")
TIERS = (Tier(SILVER_TIER, "Silver", 500), Tier(GOLD_TIER, "Gold", 1000))
_A_MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Page:
    """A page as the Patreon client gives it."""

    memberships: tuple[Membership, ...]
    total: int | None
    unreadable: frozenset[str] = frozenset()


class PatreonDouble:
    """Memberships of one campaign; every answer is a moment later than the one before."""

    def __init__(self, clock: Callable[[], datetime], move: Callable[[timedelta], datetime]) -> None:
        self._clock = clock
        self._move = move
        self.memberships: dict[PatronId, Membership] = {}
        self.calls: Counter[str] = Counter()
        self.campaign = a_campaign()
        self.paid_tiers: dict[MembershipId, TierId | None] = {}
        self.history_fault: Exception | None = None
        self.described: asyncio.Event | None = None
        self.fault: Exception | None = None
        self.one_fault: Exception | None = None
        self.own_faults: dict[PatronId, Exception] = {}
        self.page_size = 1000
        self.break_after_pages: int | None = None
        self.unreadable: frozenset[str] = frozenset()
        self.renewed: list[TokenOwner] = []
        self.renewal_fault: Exception | None = None
        self.when_revoked: Callable[[TokenOwner], Awaitable[None]] | None = None

    @property
    def reads(self) -> int:
        """How many requests for memberships were made."""
        return self.calls["list_page"] + self.calls["own"] + self.calls["one"]

    def pledge(self, patron: PatronId, cents: int = 500, tier: TierId | None = SILVER_TIER, **more: object) -> Membership:
        """Let somebody be an active patron."""
        told = Membership(
            patron=patron,
            campaign=CAMPAIGN,
            status=PatronStatus.ACTIVE,
            observed_at=self._clock(),
            charge=Charge.PAID,
            amount_cents=cents,
            tiers=frozenset({tier} if tier else ()),
            tier_cents=cents if tier else None,
            since=datetime(2025, 1, 1, tzinfo=self._clock().tzinfo),
            membership=MembershipId(f"m{patron}"),
        )
        self.memberships[patron] = replace(told, **more)  # type: ignore[arg-type] # any field of a membership
        return self.memberships[patron]

    def cancel(self, patron: PatronId) -> Membership:
        """End a membership now, with nothing paid for left."""
        return self.pledge(patron, 0, None, status=PatronStatus.FORMER, tier_cents=None)

    def decline(self, patron: PatronId) -> Membership:
        """Let the last charge fail."""
        told = self.memberships[patron]
        self.memberships[patron] = replace(told, status=PatronStatus.DECLINED, charge=Charge.DECLINED)
        return self.memberships[patron]

    def webhook(self, patron: PatronId) -> Membership:
        """Give the reading of a webhook sent now."""
        return replace(self.memberships[patron], observed_at=self._move(_A_MOMENT), source=Source.WEBHOOK)

    async def fetch_own_membership(self, patron: PatronId, campaign: CampaignId) -> Membership | None:
        """Answer one patron about themselves."""
        assert campaign == CAMPAIGN
        self._count("own")
        if patron in self.own_faults:
            await self._fail(patron_owner(patron), self.own_faults[patron])
        return self._told(self.memberships.get(patron), Source.FETCH)

    async def fetch_membership(self, campaign: CampaignId, membership_id: MembershipId) -> Membership | None:
        """Answer the creator about one membership."""
        assert campaign == CAMPAIGN
        self._count("one")
        if self.one_fault is not None:
            raise self.one_fault
        for membership in self.memberships.values():
            if membership.membership == membership_id:
                return self._told(membership, Source.FETCH)
        raise NotThere("no such member")

    async def fetch_paid_tier(self, membership_id: MembershipId) -> TierId | None:
        """Answer the creator about what somebody's last payment was for."""
        self._count("history")
        if self.history_fault is not None:
            raise self.history_fault
        return self.paid_tiers.get(membership_id)

    async def read_campaign(self, campaign: CampaignId) -> AsyncIterator[Page]:
        """Answer with the whole list, and fail behind ``break_after_pages`` where that is set."""
        assert campaign == CAMPAIGN
        everybody = list(self.memberships.values())
        for number, start in enumerate(range(0, max(1, len(everybody)), self.page_size)):
            if self.break_after_pages == number:
                raise self.fault or AssertionError("a fault is needed to break with")
            self._count("list_page", failing=self.break_after_pages is None)
            told = [self._told(each, Source.LIST) for each in everybody[start : start + self.page_size]]
            read = tuple(each for each in told if each is not None and not self.unreadable & {each.patron, each.membership})
            yield Page(read, len(everybody), self.unreadable)

    async def fetch_campaign(self, campaign: CampaignId) -> Campaign:
        """Describe the campaign."""
        assert campaign == CAMPAIGN
        self._count("campaign")
        if self.described is not None:
            await self.described.wait()
        return self.campaign

    async def renew(self, owner: TokenOwner) -> None:
        """Note which pair was to be renewed."""
        self.renewed.append(owner)
        if self.renewal_fault is not None:
            await self._fail(owner, self.renewal_fault)

    async def _fail(self, owner: TokenOwner, fault: Exception) -> NoReturn:
        """Raise; of a pair that is dead the stored one is marked first, as the client does it."""
        if isinstance(fault, AccessRevoked) and self.when_revoked is not None:
            await self.when_revoked(owner)
        raise fault

    def _count(self, call: str, *, failing: bool = True) -> None:
        self.calls[call] += 1
        if self.fault is not None and failing:
            raise self.fault

    def _told(self, membership: Membership | None, source: Source) -> Membership | None:
        at = self._move(_A_MOMENT)
        return None if membership is None else replace(membership, observed_at=at, source=source)


def a_campaign() -> Campaign:
    return Campaign(CAMPAIGN, PatronId("1"), "A page", "https://example.org", "USD", is_monthly=True, tiers=TIERS)


@dataclass(slots=True)
class GuildsDouble:
    """Guilds with members and their roles; one call is one request, except what the gateway's cache answers.

    ``tell`` hears of each change as the gateway tells it. The next ``lost`` changes are confirmed, and do not happen.
    """

    members: dict[GuildId, dict[DiscordUserId, set[RoleId]]] = field(default_factory=dict)
    names: dict[RoleId, str] = field(default_factory=dict)
    blocks: dict[RoleId, Block] = field(default_factory=dict)
    refused: set[RoleId] = field(default_factory=set)
    away: set[GuildId] = field(default_factory=set)
    hidden: bool = False
    fault: Exception | None = None
    fail_after: int | None = None
    calls: list[tuple[str, DiscordUserId | int, RoleId | int]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    page_size: int = 1000
    pending: set[DiscordUserId] = field(default_factory=set)
    joined_at: dict[DiscordUserId, datetime] = field(default_factory=dict)
    asked: list[list[DiscordUserId]] = field(default_factory=list)
    unanswered: set[DiscordUserId] = field(default_factory=set)
    after_call: Callable[[], None] | None = None
    after_page: Callable[[], Awaitable[None]] | None = None
    under_way: Callable[[], Awaitable[None]] | None = None
    tell: Callable[[GuildId, DiscordUserId], Awaitable[None]] | None = None
    lost: int = 0

    @property
    def changes(self) -> list[tuple[str, DiscordUserId | int, RoleId | int]]:
        """The calls that changed a role."""
        return [call for call in self.calls if call[0] in {"grant", "revoke"}]

    @property
    def looks(self) -> list[tuple[str, DiscordUserId | int, RoleId | int]]:
        """The calls that read members."""
        return [call for call in self.calls if call[0] in {"page", "look"}]

    def is_ready(self, guild: GuildId) -> bool:
        """Say whether the guild is there."""
        return guild in self.members and guild not in self.away

    def blocked(self, guild: GuildId, role: RoleId) -> Block | None:
        """Say why a role may not be touched."""
        self._there(guild)
        return self.blocks.get(role)

    def role_names(self, guild: GuildId) -> dict[RoleId, str]:
        """Name the roles."""
        self._there(guild)
        return dict(self.names)

    async def grant(self, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str) -> bool:
        """Give a role."""
        await self._travel()
        self._change("grant", guild, user, role, reason)
        if user not in self.members[guild]:
            return False
        await self._set(guild, user, self.members[guild][user] | {role})
        return True

    async def revoke(
        self, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str, *, still: Callable[[], Awaitable[bool]]
    ) -> bool | None:
        """Take a role, unless that is not due any more when its turn has come."""
        await self._travel()
        if not await still():
            return None
        self._change("revoke", guild, user, role, reason)
        if user not in self.members[guild]:
            return False
        await self._set(guild, user, self.members[guild][user] - {role})
        return True

    async def fetch_member(self, guild: GuildId, user: DiscordUserId) -> Member | None:
        """Look at one member."""
        self._there(guild)
        self.calls.append(("look", user, 0))
        return self._member(guild, user)

    async def ask_members(self, guild: GuildId, users: Sequence[DiscordUserId]) -> dict[DiscordUserId, Member | None]:
        """Answer over the gateway."""
        self._there(guild)
        self.asked.append(list(users))
        return {user: self._member(guild, user) for user in users if user not in self.unanswered}

    def _member(self, guild: GuildId, user: DiscordUserId) -> Member | None:
        roles = self.members[guild].get(user)
        pending = user in self.pending
        return None if roles is None else Member(frozenset(roles), pending, self.joined_at.get(user))

    async def read_members(self, guild: GuildId) -> AsyncIterator[list[tuple[DiscordUserId, Member]]]:
        """Look at all members."""
        everybody = sorted(self.members[guild].items())
        for start in range(0, max(1, len(everybody)), self.page_size):
            self._there(guild)
            if self.hidden:
                raise GuildUnavailable("the members are hidden")
            self.calls.append(("page", start, 0))
            told = [
                (user, Member(frozenset(roles), user in self.pending))
                for user, roles in everybody[start : start + self.page_size]
            ]
            if self.after_page is not None:
                await self.after_page()
            yield told

    async def _travel(self) -> None:
        """Let something happen while a change is on its way to Discord."""
        if self.under_way is not None:
            await self.under_way()

    def _change(self, call: str, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str) -> None:
        self._there(guild)
        if self.fail_after is not None and len(self.changes) >= self.fail_after:
            raise GuildUnavailable("Discord went away")
        self.calls.append((call, user, role))
        self.reasons.append(reason)
        if role in self.refused:
            raise RoleBlocked("refused")

    async def _set(self, guild: GuildId, user: DiscordUserId, roles: set[RoleId]) -> None:
        """Change somebody's roles and tell it, where anything changes."""
        if self.lost:
            self.lost -= 1
        elif roles != self.members[guild][user]:
            self.members[guild][user] = roles
            if self.tell is not None:
                await self.tell(guild, user)
        if self.after_call is not None:
            self.after_call()

    def _there(self, guild: GuildId) -> None:
        if not self.is_ready(guild):
            raise GuildUnavailable("no such guild now")
        if self.fault is not None:
            raise self.fault


REVOKED = AccessRevoked("the pair is dead")
