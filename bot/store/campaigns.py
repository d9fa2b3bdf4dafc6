"""Campaigns as Patreon described them last, and where the refresh of each stands. Their members are memberships.py's."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, literal, select, update
from sqlalchemy.engine import Row

from bot.core.model import CREATOR, Campaign, CampaignId, TokenOwner
from bot.store.codec import decode_campaign, encode
from bot.store.columns import Instant
from bot.store.records import CampaignState
from bot.store.schema import campaigns
from bot.store.statements import Subject, upsert

_c = campaigns.c


class Campaigns(Subject):
    """The stored campaigns."""

    async def save(self, campaign: Campaign, fetched_at: datetime, *, owner: TokenOwner | None = None) -> None:
        """Store what Patreon says of a campaign; where its refresh stands stays.

        ``owner`` names the token pair that reads it; None keeps the stored one, or takes the configured creator's.
        """
        values = {"campaign_id": campaign.campaign, "payload": encode(campaign), "fetched_at": fetched_at}
        changeable = (*values, *(() if owner is None else ("owner",)))
        await self._run(upsert(campaigns, changeable, self._on_postgres), {**values, "owner": owner or CREATOR})

    async def state(self, campaign: CampaignId) -> CampaignState | None:
        """Load a campaign and where its refresh stands."""
        row = await self._row(select(campaigns).where(_c.campaign_id == campaign))
        return None if row is None else _to_state(row)

    async def load_all(self) -> list[CampaignState]:
        """Load all campaigns, in order of id (as text)."""
        return [_to_state(row) for row in await self._rows(select(campaigns).order_by(_c.campaign_id))]

    async def currencies(self) -> dict[CampaignId, str]:
        """Load what each campaign is priced in, as far as Patreon told it."""
        told = [state.campaign for state in await self.load_all()]
        return {campaign.campaign: campaign.currency for campaign in told if campaign.currency is not None}

    async def schedule(self, campaign: CampaignId, next_refresh_at: datetime) -> None:
        """Plan the next refresh."""
        await self._change(campaign, next_refresh_at=next_refresh_at)

    async def take_turn(self, campaign: CampaignId, planned: datetime | None, next_refresh_at: datetime) -> bool:
        """Plan the next refresh in place of the one that was planned; false when somebody else did so before."""
        same = _c.next_refresh_at.is_not_distinct_from(literal(planned, Instant))
        one = update(campaigns).where(_c.campaign_id == campaign, same)
        return await self._changes(one.values(next_refresh_at=next_refresh_at)) > 0

    async def refreshed(self, campaign: CampaignId, at: datetime, total: int, unreadable: int = 0, *, serial: int) -> None:
        """Remember that a complete list of ``total`` memberships was read, and how many more had no readable shape.

        ``at`` and ``serial`` are those of its beginning.
        """
        await self._change(campaign, refreshed_at=at, refreshed_serial=serial, total=total, unreadable=unreadable)

    async def freeze(self, campaign: CampaignId, why: str, at: datetime) -> None:
        """Let the campaign's answers count against nobody; the first instant stays, the latest reason counts."""
        await self._change(campaign, frozen_since=_first(at), frozen_why=why)

    async def thaw(self, campaign: CampaignId) -> None:
        """Let the campaign's answers count again."""
        await self._change(campaign, frozen_since=None, frozen_why=None)

    async def _change(self, campaign: CampaignId, **changes: object) -> None:
        await self._run(update(campaigns).where(_c.campaign_id == campaign).values(**changes))


def _first(at: datetime) -> Any:
    return func.coalesce(_c.frozen_since, literal(at, Instant))


def _to_state(row: Row[Any]) -> CampaignState:
    return CampaignState(
        campaign=decode_campaign(row.payload),
        fetched_at=row.fetched_at,
        owner=TokenOwner(row.owner),
        next_refresh_at=row.next_refresh_at,
        refreshed_at=row.refreshed_at,
        refreshed_serial=row.refreshed_serial,
        total=row.total,
        unreadable=row.unreadable,
        frozen_since=row.frozen_since,
        frozen_why=row.frozen_why,
    )
