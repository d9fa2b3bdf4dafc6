"""What only the clock can notice, turned into nudges: refreshes, audits, ends of grace and of manual grants.

Called again and again; it writes something only when something is due, and what it wrote is not due any more.
"""

from datetime import datetime, timedelta
from zlib import crc32

from bot.core.model import Campaign, CampaignId, Cause, GuildId
from bot.store.records import NudgeKind
from bot.store.tables import Tables
from bot.sync.parts import Parts

# The share of an interval that a refresh may come early or late, so that campaigns do not all come at once.
_JITTER = 0.1
_LIMIT = 1000
# A manual grant whose role cannot be taken now (blocked, held) is asked about again this much later.
_EXPIRED_AGAIN = timedelta(hours=1)


class ClockWork:
    """Looks at the clock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._asked: dict[str, datetime] = {}

    async def prepare(self) -> None:
        """Make sure that the configured campaigns have a row; what they are called is read with the first refresh."""
        async with self._parts.store.read() as t:
            known = {state.campaign.campaign for state in await t.campaigns.load_all()}
        for campaign in sorted(self._parts.settings.campaigns - known):
            async with self._parts.store.write() as t:
                await t.campaigns.save(_unread(campaign), self._parts.now())

    async def tick(self) -> None:
        """Nudge for everything that is due now."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            due = (await t.memberships.due(now, 1), await t.campaigns.due(now), await t.manual.expired(now))
            unplanned = any(state.next_refresh_at is None for state in await t.campaigns.load_all())
            stale = await self._stale_guilds(t, now)
        if not any(due) and not unplanned and not stale:
            return
        async with self._parts.store.write() as t:
            await self._memberships(t, now)
            await self._campaigns(t, now)
            await self._manual(t, now)
            for guild in stale:
                await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.AUDIT, now)

    async def _memberships(self, t: Tables, now: datetime) -> None:
        due = await t.memberships.due(now, _LIMIT)
        for patron, campaign in due:
            await t.memberships.set_due(patron, campaign, None)
        await t.nudges.add_many(NudgeKind.PATRON, [patron for patron, _ in due], Cause.CLOCK, now)

    async def _campaigns(self, t: Tables, now: datetime) -> None:
        """Ask for the refreshes that are due, those missed while nobody ran included, and plan the next ones."""
        for state in await t.campaigns.load_all():
            if state.next_refresh_at is None or state.next_refresh_at <= now:
                campaign = state.campaign.campaign
                await t.nudges.add(NudgeKind.CAMPAIGN, campaign, Cause.REFRESH, now)
                await t.campaigns.schedule(campaign, now + self._interval(campaign, now))

    def _interval(self, campaign: CampaignId, now: datetime) -> timedelta:
        """Give the time to the next refresh; a checksum is chance enough, and the same after a restart."""
        chance = crc32(f"{campaign} {now.timestamp():.0f}".encode()) / 2**32
        return self._parts.settings.refresh_every * (1 + _JITTER * (2 * chance - 1))

    async def _manual(self, t: Tables, now: datetime) -> None:
        """Nudge for expired manual grants; the rows stay until the role was taken, for they are the reason to take it."""
        expired = {str(grant.user) for grant in await t.manual.expired(now)}
        self._asked = {user: at for user, at in self._asked.items() if user in expired}
        again = {user for user in expired if user not in self._asked or now - self._asked[user] >= _EXPIRED_AGAIN}
        self._asked |= dict.fromkeys(again, now)
        await t.nudges.add_many(NudgeKind.USER, again, Cause.CLOCK, now)

    async def _stale_guilds(self, t: Tables, now: datetime) -> list[GuildId]:
        """Name the guilds with rules whose audit is due and not asked for yet."""
        every = self._parts.settings.audit_every
        audited = {settings.guild: settings.audited_at for settings in await t.guilds.all()}
        stale = []
        for guild in sorted({rule.guild for rule in await t.rules.all()}):
            at = audited.get(guild)
            if (at is None or now - at >= every) and await t.nudges.load(NudgeKind.GUILD, str(guild)) is None:
                stale.append(guild)
        return stale


def _unread(campaign: CampaignId) -> Campaign:
    return Campaign(campaign, creator=None, name="", url="", currency=None, is_monthly=True, tiers=())
