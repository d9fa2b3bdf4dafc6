"""What only the clock can notice, turned into nudges: refreshes, audits, ends of grace and of manual grants.

Called again and again; it writes something only when something is due, and what it wrote is not due any more.
"""

from datetime import datetime, timedelta
from zlib import crc32

from bot.core.model import Campaign, CampaignId, Cause, GuildId, ManualGrant, PatronId
from bot.store.records import NudgeKind
from bot.store.tables import Tables
from bot.sync.parts import Parts
from bot.sync.sightings import UNSEEN

# The share of an interval that a refresh may come early or late, so that campaigns do not all come at once.
_JITTER = 0.1
_LIMIT = 1000
# A manual grant whose role cannot be taken now (blocked, held) is asked about again this much later.
_EXPIRED_AGAIN = timedelta(hours=1)


class ClockWork:
    """Looks at the clock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._asked: dict[str, float] = {}

    async def tick(self) -> None:
        """Nudge for everything that is due now."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            memberships = await t.memberships.due(now, _LIMIT)
            rules = await t.rules.connections()
            campaigns = await self._due_campaigns(t, {campaign for _, campaign in rules}, now)
            ruled = {guild for guild, _ in rules} | await t.manual.guilds()
            guilds = await self._stale_guilds(t, ruled, now)
            expired = self._expired(await t.manual.expired(now))
            unseen = await self._unseen(t, ruled, now)
        if not any((memberships, campaigns, guilds, expired, unseen)):
            return
        async with self._parts.store.write() as t:
            for campaign, planned in sorted(campaigns.items()):
                await self._refresh(t, campaign, planned, now)
            await t.nudges.add_many(NudgeKind.GUILD, map(str, guilds), Cause.AUDIT, now)
            await self._ended(t, memberships, now)
            await t.nudges.add_many(NudgeKind.USER, expired, Cause.CLOCK, now)
            await t.nudges.add_many(NudgeKind.USER, unseen, Cause.AUDIT, now)
        self._asked |= dict.fromkeys(expired, self._parts.steady())

    async def _ended(self, t: Tables, due: list[tuple[PatronId, CampaignId]], now: datetime) -> None:
        """Nudge for memberships whose time has come."""
        for patron, campaign in sorted(due, key=lambda each: (each[1], each[0])):
            await t.memberships.set_due(patron, campaign, None)
        links = await t.links.load_of_patrons({patron for patron, _ in due})
        await t.nudges.add_many(NudgeKind.USER, [str(link.user) for link in links.values()], Cause.CLOCK, now)

    async def _due_campaigns(self, t: Tables, ruled: set[CampaignId], now: datetime) -> dict[CampaignId, datetime | None]:
        """Name the campaigns whose refresh is due, those missed while nobody ran included, and when it was planned for.

        None: never. A campaign is needed when the configuration names it or some rule does.
        """
        needed = ruled | self._parts.settings.campaigns
        planned = {state.campaign.campaign: state.next_refresh_at for state in await t.campaigns.load_all()}
        unplanned = dict.fromkeys(self._parts.settings.campaigns)
        return {c: at for c, at in {**unplanned, **planned}.items() if c in needed and (at is None or at <= now)}

    async def _refresh(self, t: Tables, campaign: CampaignId, planned: datetime | None, now: datetime) -> None:
        """Ask for a refresh and plan the next one, unless another process has just done so."""
        if planned is None and await t.campaigns.state(campaign) is None:
            # What it is called is read with its first refresh.
            await t.campaigns.save(_unread(campaign), now)
        if await t.campaigns.take_turn(campaign, planned, now + self._interval(campaign, now)):
            await t.nudges.add(NudgeKind.CAMPAIGN, campaign, Cause.REFRESH, now)

    def _interval(self, campaign: CampaignId, now: datetime) -> timedelta:
        """Give the time to the next refresh; a checksum is chance enough, and the same after a restart."""
        chance = crc32(f"{campaign} {now.timestamp():.0f}".encode()) / 2**32
        return self._parts.settings.refresh_every * (1 + _JITTER * (2 * chance - 1))

    def _expired(self, grants: list[ManualGrant]) -> set[str]:
        """Name who has a manual grant that is over; its row stays until the role was taken, for it is the reason to."""
        expired = {str(grant.user) for grant in grants}
        self._asked = {user: at for user, at in self._asked.items() if user in expired}
        lately = self._parts.steady() - _EXPIRED_AGAIN.total_seconds()
        return {user for user in expired if self._asked.get(user, lately) <= lately}

    async def _unseen(self, t: Tables, guilds: set[GuildId], now: datetime) -> list[str]:
        """Name whose changes Discord confirmed a while ago and nobody saw, and for whom no look is planned yet."""
        users = map(str, sorted(await t.ledger.unseen(guilds, now - UNSEEN)))
        return [user for user in users if await t.nudges.load(NudgeKind.USER, user) is None]

    async def _stale_guilds(self, t: Tables, ruled: set[GuildId], now: datetime) -> list[GuildId]:
        """Name the guilds with rules, or with roles given by hand, whose audit is due and not asked for yet."""
        every = self._parts.settings.audit_every
        known = {settings.guild: settings for settings in await t.guilds.all()}
        stale = []
        for guild in sorted(ruled):
            at = known[guild].audited_at if guild in known else None
            if guild in known and known[guild].left_at is not None:
                continue
            if (at is None or now - at >= every) and await t.nudges.load(NudgeKind.GUILD, str(guild)) is None:
                stale.append(guild)
        return stale


def _unread(campaign: CampaignId) -> Campaign:
    return Campaign(campaign, creator=None, name="", url="", currency=None, is_monthly=True, tiers=())
