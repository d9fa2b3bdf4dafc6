"""Which campaigns a guild may make rules for, and how one is connected. What Patreon says of them is the engine's to read.

A guild sees patrons' data of its campaigns, so one gets them only by the configuration or by the operator's hand.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.campaigns import FACT
from bot.core.model import CREATOR, Campaign, CampaignId, GuildId, RoleId, TierId, TokenOwner
from bot.errors import RuleRefused
from bot.store.records import CampaignState, GuildSettings
from bot.store.store import Store
from bot.store.tables import Tables
from bot.texts import explain
from bot.texts import staff as texts


@dataclass(frozen=True, slots=True)
class Home:
    """A guild's settings, its campaigns (the connected one first), the names of its roles as Discord said them last."""

    settings: GuildSettings
    campaigns: tuple[CampaignState, ...]
    role_names: dict[RoleId, str]

    @property
    def by_id(self) -> dict[CampaignId, Campaign]:
        """The campaigns by id."""
        return {state.campaign.campaign: state.campaign for state in self.campaigns}

    def tier(self, typed: str, campaign: CampaignId | None = None) -> TierId:
        """Return the tier somebody picked, or typed by its title, in one campaign or any of the guild's.

        Raise RuleRefused for a title no tier has, or more than one.
        """
        offered = [(tier, each) for key, each in self.by_id.items() if campaign in (None, key) for tier in each.tiers]
        wanted = typed.strip().casefold()
        found = {tier.tier for tier, _ in offered if tier.tier == typed} or {
            tier.tier
            for tier, each in offered
            if wanted in {tier.title.strip().casefold(), explain.priced(tier, each).casefold()}
        }
        if not found:
            raise RuleRefused(texts.unknown_tier(typed, [explain.told_apart(tier.tier, each) for tier, each in offered]))
        if len(found) > 1:
            raise RuleRefused(texts.ambiguous_tier(typed))
        return found.pop()

    def having(self, tier: TierId | None) -> CampaignId | None:
        """Name the campaign that has a tier; None when none has."""
        return next((key for key, each in self.by_id.items() if any(one.tier == tier for one in each.tiers)), None)

    def campaign(self, wanted: CampaignId | None = None) -> Campaign:
        """Give the wanted campaign, or the connected one. Raises RuleRefused when the guild does not have it."""
        if wanted is None and self.campaigns:
            return self.campaigns[0].campaign
        if wanted is None:
            raise RuleRefused(texts.NO_CAMPAIGN)
        if wanted not in self.by_id:
            raise RuleRefused(texts.UNKNOWN_CAMPAIGN)
        return self.by_id[wanted]


class Campaigns:
    """The campaigns of guilds."""

    def __init__(self, store: Store, *, served: frozenset[GuildId]) -> None:
        """Take the guilds the configuration names for its own campaign: ``served``."""
        self._store = store
        self._served = served

    async def home(self, guild: GuildId) -> Home:
        """Load a guild's settings, campaigns and role names."""
        async with self._store.read() as t:
            return await self.load(t, guild)

    async def load(self, t: Tables, guild: GuildId) -> Home:
        """Load the same inside somebody else's transaction."""
        settings = await t.guilds.load(guild)
        states = {state.campaign.campaign: state for state in await t.campaigns.load_all()}
        wanted = dict.fromkeys([settings.campaign] if settings.campaign else [])
        if guild in self._served:
            wanted |= dict.fromkeys(await _configured(t, states.values()))
        wanted |= dict.fromkeys(rule.campaign for rule in await t.rules.of_guild(guild))
        found = tuple(states[key] for key in wanted if key in states)
        return Home(settings, found, await t.guilds.role_names(guild))

    async def connect(self, guild: GuildId, *, operator: bool) -> Campaign:
        """Connect a guild to the configured campaign, unless it has one already, and give it.

        ``operator`` says whether whoever asks runs this bot. Raises RuleRefused when somebody else asks in a guild that
        the configuration does not name, and when Patreon was not read yet.
        """
        async with self._store.write() as t:
            home = await self.load(t, guild)
            if home.campaigns:
                return home.campaigns[0].campaign
            if not operator and guild not in self._served:
                raise RuleRefused(texts.NOT_SERVED)
            states = {state.campaign.campaign: state for state in await t.campaigns.load_all()}
            configured = [states[key].campaign for key in await _configured(t, states.values()) if key in states]
            if not configured:
                raise RuleRefused(texts.NO_CAMPAIGN_READ)
            await t.guilds.connect(guild, configured[0].campaign)
            return configured[0]

    async def guilds_of(self, campaign: CampaignId) -> list[GuildId]:
        """Name the guilds that a campaign concerns, in order."""
        async with self._store.read() as t:
            served = self._served if campaign in await _configured(t, await t.campaigns.load_all()) else frozenset()
            found = set(await t.rules.guilds_of(campaign))
            found |= {settings.guild for settings in await t.guilds.all() if settings.campaign == campaign}
        return sorted(found | served)

    async def guilds_read_by(self, owner: TokenOwner) -> list[GuildId]:
        """Name the guilds whose campaigns a token pair reads, in order."""
        async with self._store.read() as t:
            campaigns = [state.campaign.campaign for state in await t.campaigns.load_all() if state.owner == owner]
        return sorted({guild for campaign in campaigns for guild in await self.guilds_of(campaign)})


async def _configured(t: Tables, states: Iterable[CampaignState]) -> list[CampaignId]:
    """Name the campaign of the configuration; until it is settled, those that the configured creator's pair reads."""
    settled = await t.facts.get(FACT)
    return [CampaignId(settled)] if settled else [state.campaign.campaign for state in states if state.owner == CREATOR]
