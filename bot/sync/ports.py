"""What the engine needs of Patreon and of Discord, and nothing more; `bot.patreon` and `bot.guilds` have it.

Failures raise errors of `bot.errors`; ``None`` and ``False`` are answers, never failures.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from bot.core.model import (
    Block,
    Campaign,
    CampaignId,
    DiscordUserId,
    GuildId,
    Member,
    Membership,
    MembershipId,
    PatronId,
    RoleId,
    TierId,
    TokenOwner,
)

# https://discord.com/developers/docs/events/gateway-events#request-guild-members: ``user_ids`` has up to 100.
ASKED_AT_ONCE = 100


class ListPage(Protocol):
    """One page of a campaign's list; ``total`` when Patreon says how many memberships the whole list has."""

    @property
    def memberships(self) -> tuple[Membership, ...]:
        """What the page says, in no particular order."""

    @property
    def total(self) -> int | None:
        """How many memberships Patreon says there are."""

    @property
    def unreadable(self) -> AbstractSet[str]:
        """Ids of patrons, or of memberships, whose rows are there and could not be read: they are not gone."""


class Patreon(Protocol):
    """Readings of memberships, each at the price its docstring names."""

    async def fetch_own_membership(self, patron: PatronId, campaign: CampaignId) -> Membership | None:
        """Read one membership with the patron's own pair: one request. None: Patreon says there is none."""

    async def fetch_membership(self, campaign: CampaignId, membership_id: MembershipId) -> Membership | None:
        """Read one membership with the creator's pair: one request, API version 2 only."""

    async def fetch_paid_tier(self, membership_id: MembershipId) -> TierId | None:
        """Read which tier somebody's last payment was for: one slow request with the creator's pair, version 2 only."""

    def read_campaign(self, campaign: CampaignId) -> AsyncIterator[ListPage]:
        """Read the whole list with the creator's pair: one request for 1,000; it is complete, or it raises."""

    async def fetch_campaign(self, campaign: CampaignId) -> Campaign:
        """Read the campaign and its tiers with the creator's pair: one request."""

    async def renew(self, owner: TokenOwner) -> None:
        """Renew a pair; one renewal at a time whatever the number of processes."""


class Guilds(Protocol):
    """Roles and members of guilds; one call is one request unless said otherwise."""

    def is_ready(self, guild: GuildId) -> bool:
        """Say, without a request, whether roles and ranks of a guild are known."""

    def blocked(self, guild: GuildId, role: RoleId) -> Block | None:
        """Say, without a request, why a role may not be touched."""

    def role_names(self, guild: GuildId) -> dict[RoleId, str]:
        """Name the guild's roles, without a request."""

    async def grant(self, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str) -> bool:
        """Give one role; False when the user is not a member."""

    async def revoke(
        self, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str, *, still: Callable[[], Awaitable[bool]]
    ) -> bool | None:
        """Take one role; False when the user is not a member, None when the turn came and ``still`` said no."""

    async def fetch_member(self, guild: GuildId, user: DiscordUserId) -> Member | None:
        """Ask about one user; None when they are not a member."""

    def read_members(self, guild: GuildId) -> AsyncIterator[list[tuple[DiscordUserId, Member]]]:
        """Read all members, one request for 1,000; complete, or it raises."""

    async def ask_members(self, guild: GuildId, users: Sequence[DiscordUserId]) -> dict[DiscordUserId, Member | None]:
        """Ask the gateway, without a request, about up to ``ASKED_AT_ONCE`` users; None for those who are no members."""
