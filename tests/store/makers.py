"""Values the store's tests are made of: everything a test does not care about has a plain default."""

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.model import (
    Campaign,
    CampaignId,
    Cause,
    Charge,
    DiscordUserId,
    Grant,
    GuildId,
    Link,
    ManualGrant,
    Membership,
    Origin,
    PatronId,
    PatronStatus,
    RoleId,
    Tier,
    TierId,
    Tokens,
)
from bot.store.records import LinkAttempt, fingerprint

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# Ids as large as real ones, so that a column that is too narrow shows.
ANN = DiscordUserId(900_000_000_000_000_001)
BOB = DiscordUserId(900_000_000_000_000_002)
CYD = DiscordUserId(900_000_000_000_000_003)
GUILD = GuildId(800_000_000_000_000_001)
OTHER_GUILD = GuildId(800_000_000_000_000_002)
GOLD = RoleId(700_000_000_000_000_001)
SILVER = RoleId(700_000_000_000_000_002)
PAGE = CampaignId("55001")
OTHER_PAGE = CampaignId("55002")


def patron(number: int) -> PatronId:
    """Name the n-th patron; as texts they sort in the order of their numbers."""
    return PatronId(f"{number:08}")


def link(user: DiscordUserId = ANN, number: int = 1, at: datetime = NOW) -> Link:
    """Tie a Discord user to the n-th patron."""
    return Link(user, patron(number), at)


def tokens(name: str = "first", expires_at: datetime = NOW + 30 * DAY) -> Tokens:
    """Give a pair whose texts tell which it is."""
    return Tokens(f"access-{name}", f"refresh-{name}", expires_at, frozenset({"identity", "campaigns"}))


def membership(number: int = 1, **changes: Any) -> Membership:
    """Give a paid membership of the n-th patron."""
    values: dict[str, Any] = {
        "patron": patron(number),
        "campaign": PAGE,
        "status": PatronStatus.ACTIVE,
        "observed_at": NOW,
        "charge": Charge.PAID,
        "amount_cents": 500,
        "currency": "EUR",
        "tiers": frozenset({TierId("7"), TierId("3")}),
        "tier_cents": 500,
        "paid_through": NOW + 20 * DAY,
        "lifetime_cents": 12_500,
        "since": NOW - 400 * DAY,
    }
    return Membership(**{**values, **changes})


def campaign(page: CampaignId = PAGE, name: str = "Ann draws") -> Campaign:
    """Give a campaign of two tiers."""
    tiers = (
        Tier(TierId("3"), "Silver", 300),
        Tier(TierId("7"), "Gold", 500, published=False, discord_roles=(GOLD,)),
    )
    return Campaign(page, PatronId("1"), name, "https://patreon.example/ann", "EUR", is_monthly=True, tiers=tiers)


def grant(user: DiscordUserId = ANN, role: RoleId = GOLD, guild: GuildId = GUILD, **changes: Any) -> Grant:
    """Give a ledger entry of a role we granted."""
    values: dict[str, Any] = {"origin": Origin.OURS, "since": NOW, "cause": Cause.LINKED}
    return Grant(guild, user, role, **{**values, **changes})


def manual_grant(user: DiscordUserId = ANN, role: RoleId = GOLD, **changes: Any) -> ManualGrant:
    """Give a role given by hand, for ever."""
    values: dict[str, Any] = {"note": "won the raffle", "granted_by": CYD, "granted_at": NOW}
    return ManualGrant(changes.pop("guild", GUILD), user, role, **{**values, **changes})


def attempt(start: str = "start-token", user: DiscordUserId = ANN, **changes: Any) -> LinkAttempt:
    """Give an attempt to link that was just begun and has ten minutes."""
    values: dict[str, Any] = {
        "guild": GUILD,
        "application_id": 600_000_000_000_000_001,
        "interaction_token": "discord-interaction-token",
    }
    return LinkAttempt(fingerprint(start), user, NOW, NOW + timedelta(minutes=10), **{**values, **changes})
