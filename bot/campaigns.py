"""Which campaign the configuration serves: asked of Patreon once, stored, and known without Patreon from then on.

Campaigns that creators connect themselves are not chosen here. Reading members is the engine's.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

import structlog

from bot.core.model import Campaign, CampaignId
from bot.errors import ConfigError
from bot.store import Store

log = structlog.get_logger(__name__)

FACT = "configured_campaign"


class Patreon(Protocol):
    """What is asked of Patreon, with the creator's pair."""

    async def fetch_campaigns(self) -> Sequence[Campaign]:
        """List the creator's campaigns with their tiers."""


async def configured_campaign(store: Store) -> CampaignId | None:
    """Give the campaign that was settled last, in this process or another; None before the first time."""
    async with store.read() as t:
        known = await t.facts.get(FACT)
    return CampaignId(known) if known else None


async def known_campaign(store: Store, wanted: str | None) -> CampaignId | None:
    """Give what is known without Patreon: the ``wanted`` campaign, which is settled with that, or the one before."""
    if wanted is not None:
        async with store.write() as t:
            await t.facts.set(FACT, wanted)
    return await configured_campaign(store)


async def settle_campaign(store: Store, patreon: Patreon, wanted: str | None, now: Callable[[], datetime]) -> CampaignId:
    """Ask Patreon for the creator's campaigns, choose the ``wanted`` or the first one, and store it with its tiers.

    Raises:
        PatreonError: Patreon did not answer; what was settled before still counts.
        ConfigError: the creator has no campaign, or not the wanted one.

    """
    campaigns = await patreon.fetch_campaigns()
    chosen = choose(campaigns, wanted)
    async with store.write() as t:
        await t.campaigns.save(chosen, now())
        await t.facts.set(FACT, chosen.campaign)
    log.info("campaign_settled", campaign=chosen.campaign, tiers=len(chosen.tiers))
    return chosen.campaign


def choose(campaigns: Sequence[Campaign], wanted: str | None) -> Campaign:
    """Choose the wanted campaign, or the creator's first one; raises ConfigError with what there is to choose from."""
    for campaign in campaigns:
        if wanted in (None, campaign.campaign):
            return campaign
    there = ", ".join(campaign.campaign for campaign in campaigns) or "none"
    raise ConfigError([("patreon.campaign_id", f"is not among the creator's campaigns; there are: {there}")])


async def stored_currencies(store: Store) -> dict[CampaignId, str]:
    """Return what each campaign is priced in, as Patreon told it last."""
    async with store.read() as t:
        return await t.campaigns.currencies()
