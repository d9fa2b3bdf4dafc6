"""The cheapest reading of one membership, and when a whole list is cheaper. Nothing about roles.

One patron costs one request. When more patrons wait than the campaign has pages, one list serves them all; what the
list says reaches them through the campaign's refresh.
"""

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from bot.core.model import CampaignId, Cause, Link, Membership, PatronId, TierId
from bot.core.readings import absent, carry, paid_for_unknown, with_history
from bot.errors import AccessDenied, AccessRevoked, NotThere, PatreonError, PatreonGone, RequestRefused
from bot.store.codec import digest
from bot.store.records import CampaignState, NudgeKind
from bot.store.tables import Tables
from bot.sync.cases import confirmed
from bot.sync.health import Health, why_of
from bot.sync.parts import Parts
from bot.sync.reports import ReadFailed

log = structlog.get_logger(__name__)

PAGE = 1000
_MINUTE = 60.0
_LOOK_AGAIN = timedelta(seconds=10)


@dataclass(slots=True)
class _Pace:
    """What one campaign's patrons asked for lately, in this process."""

    waiting: int = 0
    singles: deque[float] = field(default_factory=deque)


class Reads:
    """Readings of single memberships."""

    def __init__(self, parts: Parts, health: Health) -> None:
        self._parts = parts
        self._health = health
        self._paces: dict[CampaignId, _Pace] = {}

    async def list_instead(self, campaign: CampaignId) -> datetime | None:
        """Say when the next list will have been read, if waiting for it is cheaper than reading singly; None: it is not.

        The list is asked for here; it is read no more often than ``list_spacing`` allows.
        """
        async with self._parts.store.read() as t:
            state = await t.campaigns.state(campaign)
            listed = state is not None and await listable(t, state)
            pages = 1 if state is None else max(1, math.ceil((state.total or 0) / PAGE))
            waiting = await t.nudges.waiting(NudgeKind.USER, Cause.WEBHOOK, at_most=pages + 1)
            asked = await t.nudges.load(NudgeKind.CAMPAIGN, campaign) is not None
        if state is None or not listed:
            return None
        now = self._parts.now()
        pace = self._pace(campaign)
        spaced = state.refreshed_at is None or now - state.refreshed_at >= self._parts.settings.list_spacing
        many = max(waiting, pace.waiting) > pages
        if not (many and spaced) and len(pace.singles) < max(self._parts.settings.single_reads, pages):
            return None
        at = now if spaced or state.refreshed_at is None else state.refreshed_at + self._parts.settings.list_spacing
        if not asked:
            async with self._parts.store.write() as t:
                await t.nudges.add(NudgeKind.CAMPAIGN, campaign, Cause.WEBHOOK, at)
        # Whoever the list finds changed is called by it, so the others need not look for its end every second.
        return at + _LOOK_AGAIN

    def is_failing(self, campaigns: Iterable[CampaignId]) -> bool:
        """Return whether Patreon gave no usable answer about one of these when it was asked last."""
        return any(map(self._health.is_failing, campaigns))

    async def read(self, link: Link, campaign: CampaignId, stored: Membership | None) -> bool:
        """Read one membership, store it, and say whether there was anybody to ask.

        False: the link's own pair is dead and no other can read one membership; the next list will.
        """
        pace = self._pace(campaign)
        pace.waiting += 1
        try:
            pace.singles.append(self._parts.steady())
            reading, serial = await self._ask(link, campaign, stored)
        except PatreonError as error:
            await self._parts.tell(ReadFailed(link.user, type(error).__name__))
            # That one pair has to wait says nothing of the others, so only the time without any answer counts.
            await self._health.failed(campaign, why_of(error), for_good=isinstance(error, PatreonGone))
            raise
        finally:
            pace.waiting -= 1
        if serial is not None:
            await self._health.answered(campaign)
            await self._store(link.patron, campaign, reading, serial)
        return serial is not None

    async def learn(self, patron: PatronId, known: Membership) -> bool:
        """Ask once what somebody has paid for whom no answer has shown with it; False when it is not known yet.

        Nothing waits for it: a Patreon that does not answer is asked again when somebody next looks.
        """
        campaign = known.campaign
        async with self._parts.store.read() as t:
            state = await t.campaigns.state(campaign)
            listed = state is not None and await listable(t, state)
        if state is None or not listed or known.membership is None:
            return False
        tier: TierId | None = None
        try:
            tier = await self._parts.patreon.fetch_paid_tier(known.membership)
        except (NotThere, AccessDenied, RequestRefused):
            pass  # Patreon does not tell it, today or later
        except PatreonError as error:
            log.warning("history_not_read", campaign=campaign, patron=patron, error=type(error).__name__)
            return False
        cents = next((each.amount_cents for each in state.campaign.tiers if each.tier == tier), None)
        async with self._parts.store.write() as t:
            latest = await t.memberships.load(patron, campaign)
            if latest is None or not paid_for_unknown(latest, self._parts.now()):
                return False
            said = (await t.memberships.digests(campaign, [patron])).get(patron)
            await t.memberships.save(with_history(latest, tier, cents), None, digest=said)
        return True

    async def _store(self, patron: PatronId, campaign: CampaignId, reading: Membership | None, serial: int) -> None:
        """Store an answer asked for at ``serial``, unless a later one is stored; None: there is no membership."""
        now = self._parts.now()
        async with self._parts.store.write() as t:
            previous = await t.memberships.load(patron, campaign)
            known = previous and confirmed(previous, await t.campaigns.state(campaign))
            if known is not None and known.serial > serial:
                return
            said = replace(reading or absent(patron, campaign, now), serial=serial)
            await t.memberships.save(carry(known, said), None, digest=digest(said))

    async def _ask(
        self, link: Link, campaign: CampaignId, stored: Membership | None
    ) -> tuple[Membership | None, int | None]:
        """Ask with the creator's pair where one membership can be named, else with the patron's own.

        The second value is the serial the answer was asked for at; None when there was nobody to ask.
        """
        async with self._parts.store.read() as t:
            serial = await t.serials.current()
            state = await t.campaigns.state(campaign)
            listed = state is not None and await listable(t, state)
        if state is not None and listed and stored is not None and stored.membership is not None:
            try:
                return await self._parts.patreon.fetch_membership(campaign, stored.membership), serial
            except AccessRevoked:
                await self._health.creator_failed(state.owner, broken=True)
            except (NotThere, AccessDenied, RequestRefused):
                pass  # gone, beyond the pair's scopes, or unknown to v1: nothing is said of the patron, who is asked instead
        if link.broken_since is None:
            try:
                return await self._parts.patreon.fetch_own_membership(link.patron, campaign), serial
            except AccessRevoked:
                await self._health.link_broke(link, state)
        return None, None

    def _pace(self, campaign: CampaignId) -> _Pace:
        pace = self._paces.setdefault(campaign, _Pace())
        while pace.singles and self._parts.steady() - pace.singles[0] > _MINUTE:
            pace.singles.popleft()
        return pace


async def listable(t: Tables, state: CampaignState) -> bool:
    """Say whether there is a living pair that reads the campaign's list."""
    record = await t.tokens.load(state.owner)
    return record is not None and record.broken_since is None
