"""What tests of the doors share: a Patreon of few words, and a store with one campaign and one guild.

The real client is tested against the sandbox; here it is the steps between browser, Patreon and store that count.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.core.model import (
    CREATOR,
    Campaign,
    CampaignId,
    Condition,
    ConditionKind,
    DiscordUserId,
    GuildId,
    Membership,
    PatronId,
    PatronStatus,
    RoleId,
    Tier,
    TierId,
    Tokens,
)
from bot.errors import AccessRevoked, PatreonError
from bot.patreon.answers import Identity
from bot.store import Store

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
CAMPAIGN = CampaignId("77")
CREATOR_ID = PatronId("1")
GUILD = GuildId(500)
GOLD = RoleId(900)
ANN = DiscordUserId(10)
BOB = DiscordUserId(11)
PATRON = PatronId("4001")
OTHER_PATRON = PatronId("4002")
GOLD_TIER = TierId("gold")


def membership(patron: PatronId = PATRON, cents: int = 500, campaign: CampaignId = CAMPAIGN) -> Membership:
    paying = cents > 0
    return Membership(
        patron=patron,
        campaign=campaign,
        status=PatronStatus.ACTIVE if paying else PatronStatus.NONE,
        observed_at=START,
        amount_cents=cents,
        tiers=frozenset({GOLD_TIER}) if paying else frozenset(),
        tier_cents=cents or None,
    )


def identity(patron: PatronId = PATRON, *memberships: Membership, name: str = "Ann Example") -> Identity:
    return Identity(patron, name, memberships=memberships)


@dataclass
class FewWords:
    """A Patreon that knows codes; ``down`` makes every call fail with it, ``watch`` sees each pair that is used."""

    people: dict[str, Identity] = field(default_factory=dict)
    down: PatreonError | None = None
    used: set[str] = field(default_factory=set)
    watch: Callable[[Tokens], Awaitable[None]] | None = None

    def authorize_url(self, state: str) -> str:
        return f"https://patreon.test/oauth2/authorize?state={state}"

    async def exchange_code(self, code: str) -> Tokens:
        if self.down:
            raise self.down
        if code in self.used or code not in self.people:
            raise AccessRevoked("the code is not known")
        self.used.add(code)
        return Tokens(f"access-of-{code}", f"refresh-of-{code}", START + timedelta(days=31))

    async def fetch_identity(self, tokens: Tokens) -> Identity:
        if self.down:
            raise self.down
        if self.watch:
            await self.watch(tokens)
        return self.people[tokens.access.removeprefix("access-of-")]


async def furnish(store: Store) -> None:
    """Store a campaign with one tier that gives Gold, a guild, and the creator's pair."""
    campaign = Campaign(
        campaign=CAMPAIGN,
        creator=CREATOR_ID,
        name="Ann's <Comics>",
        url="https://patreon.test/comics",
        currency="USD",
        is_monthly=True,
        tiers=(Tier(GOLD_TIER, "Gold", 500),),
    )
    async with store.write() as t:
        await t.campaigns.save(campaign, START)
        await t.facts.set("configured_campaign", CAMPAIGN)
        await t.rules.add(GUILD, CAMPAIGN, GOLD, Condition(ConditionKind.TIER, tier=GOLD_TIER))
        await t.guilds.save_roles(GUILD, {GOLD: "Gold <3"})
        await t.presence.put(GUILD, ANN, present=True, seen_at=START)
        await t.tokens.save(CREATOR, Tokens("creator-access", "creator-refresh", START + timedelta(days=20)))
