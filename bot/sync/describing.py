"""What a campaign is called and which tiers it has, read anew: with a list, and when somebody is about to pick a tier.

Nobody's membership is read here, and what is read moves no role by itself.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog

from bot.core.model import CampaignId
from bot.errors import BotError
from bot.store.records import CampaignState
from bot.sync.parts import Parts

log = structlog.get_logger(__name__)

FRESH_FOR = timedelta(minutes=5)
"""A tier somebody made at Patreon can be picked after this at the latest."""

# A picker asks at each letter that is typed; Patreon is asked once a minute, also while it fails.
_SPACING = timedelta(minutes=1)
# Discord gives an answer three seconds, and the rest of them belong to the store and the network.
_WAIT = 1.5


class Descriptions:
    """Reads campaigns and their tiers anew, one request at a time for each."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._under_way: dict[CampaignId, asyncio.Task[None]] = {}
        self._asked_at: dict[CampaignId, datetime] = {}

    async def read(self, campaign: CampaignId) -> None:
        """Read a campaign and store it; raises PatreonError."""
        read_at = self._parts.now()
        found = await self._parts.patreon.fetch_campaign(campaign)
        async with self._parts.store.write() as t:
            await t.campaigns.save(found, read_at)

    async def freshen(self, states: Iterable[CampaignState], *, wait: float = _WAIT) -> None:
        """Read those anew that were read more than five minutes ago, and wait ``wait`` seconds for it at the most.

        What takes longer goes on behind; what fails is logged, and what is stored stands.
        """
        tasks = [self._begin(state.campaign.campaign) for state in states if self._is_old(state)]
        if tasks:
            await asyncio.wait(tasks, timeout=wait)

    async def close(self) -> None:
        """Drop what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_old(self, state: CampaignState) -> bool:
        now, campaign = self._parts.now(), state.campaign.campaign
        asked_at = self._asked_at.get(campaign)
        rests = asked_at is not None and abs(now - asked_at) < _SPACING and campaign not in self._under_way
        return abs(now - state.fetched_at) > FRESH_FOR and not rests

    def _begin(self, campaign: CampaignId) -> asyncio.Task[None]:
        if campaign not in self._under_way:
            self._asked_at[campaign] = self._parts.now()
            task = asyncio.create_task(self._try(campaign), name=f"describe {campaign}")
            self._under_way[campaign] = task
            task.add_done_callback(lambda _: self._under_way.pop(campaign, None))
        return self._under_way[campaign]

    async def _try(self, campaign: CampaignId) -> None:
        try:
            await self.read(campaign)
        except BotError as error:
            log.warning("campaign_not_described", campaign=campaign, error=type(error).__name__)
