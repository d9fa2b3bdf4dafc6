"""A Patreon whose memberships lie open, and the campaign they are of: a double for the tests of the cogs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from bot.core.model import (
    Campaign,
    CampaignId,
    Membership,
    MembershipId,
    PatronId,
    PatronStatus,
    Tier,
    TierId,
    TokenOwner,
    Tokens,
)
from bot.errors import PatreonError
from bot.patreon.answers import Identity, ListPage
from sandbox.world.clock import Clock

CAMPAIGN = CampaignId("77")
GOLD_TIER, SILVER_TIER = TierId("tier-gold"), TierId("tier-silver")
PRICES = {GOLD_TIER: 1000, SILVER_TIER: 500}


@dataclass
class Shelf:
    """A Patreon whose memberships lie open; ``down`` is raised by every call, ``asked`` counts the calls."""

    now: Clock
    memberships: dict[PatronId, Membership] = field(default_factory=dict)
    down: PatreonError | None = None
    asked: int = 0
    campaign: Campaign | None = None

    def _ask(self) -> None:
        self.asked += 1
        if self.down is not None:
            raise self.down

    def pledge(self, patron: PatronId, tier: TierId | None = GOLD_TIER, **changes: object) -> Membership:
        """Let a patron have a paid membership on a tier."""
        price = PRICES[tier] if tier else 0
        values: dict[str, object] = {
            "amount_cents": price,
            "tiers": frozenset({tier} if tier else ()),
            "tier_cents": price,
            "since": self.now() - timedelta(days=100),
            "currency": "EUR",
        }
        values |= {"campaign": CAMPAIGN, "status": PatronStatus.ACTIVE, **changes}
        made = Membership(patron, observed_at=self.now(), **values)  # type: ignore[arg-type]
        self.memberships[patron] = made
        return made

    async def fetch_own_membership(self, patron: PatronId, _campaign: CampaignId) -> Membership | None:
        self._ask()
        return self._seen(patron)

    async def fetch_membership(self, _campaign: CampaignId, membership_id: MembershipId) -> Membership | None:
        self._ask()
        return self._seen(PatronId(membership_id))

    async def fetch_paid_tier(self, _membership_id: MembershipId) -> TierId | None:
        self._ask()
        return None

    async def read_campaign(self, _campaign: CampaignId) -> AsyncIterator[ListPage]:
        self._ask()
        found = tuple(seen for patron in self.memberships if (seen := self._seen(patron)) is not None)
        yield ListPage(found, total=len(found))

    async def fetch_campaign(self, _campaign: CampaignId) -> Campaign:
        self._ask()
        return self.campaign or build_campaign()

    async def renew(self, _owner: TokenOwner) -> None:
        self._ask()

    def authorize_url(self, state: str) -> str:
        return f"https://patreon.test/oauth2/authorize?state={state}"

    async def exchange_code(self, code: str) -> Tokens:
        return Tokens(f"access-{code}", f"refresh-{code}", self.now() + timedelta(days=30))

    async def fetch_identity(self, tokens: Tokens) -> Identity:
        patron = PatronId(tokens.access.removeprefix("access-"))
        seen = self._seen(patron)
        return Identity(patron, "Ann Example", memberships=(seen,) if seen else ())

    def _seen(self, patron: PatronId) -> Membership | None:
        known = self.memberships.get(patron)
        return replace(known, observed_at=self.now()) if known else None


def build_campaign() -> Campaign:
    """Give the campaign all these tests are about."""
    tiers = (Tier(SILVER_TIER, "Silver *star*", 500), Tier(GOLD_TIER, "Gold", 1000))
    return Campaign(CAMPAIGN, PatronId("creator"), "Ann's <Comics>", "https://patreon.test/ann", "EUR", True, tiers)  # noqa: FBT003
