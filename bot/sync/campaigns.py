"""The refresh: a whole campaign's list, read, believed or not, and handed to `bulk`. No role is changed here.

The list counts only after its last page, and only when it did not lose everything at once. What did not change since
the last one costs one look at its page.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from bot.core.model import CampaignId, Cause, DiscordUserId
from bot.core.plausible import Census, census, lost_at_once
from bot.errors import AccessDenied, AccessRevoked, PatreonError, PatreonGone, RateLimited, UnexpectedAnswer
from bot.store.records import CampaignState, Nudge, NudgeKind, RunKind, RunReport
from bot.store.tables import Tables
from bot.sync.bulk import Bulk, Tally
from bot.sync.cases import GuildView, load_view
from bot.sync.describing import Descriptions
from bot.sync.health import IMPLAUSIBLE, Health, why_of
from bot.sync.listing import Listing, changed, changed_and_doubted, doubt_anew, doubted, gone
from bot.sync.parts import Parts
from bot.sync.queue import Stopping
from bot.sync.reads import listable
from bot.sync.reports import RefreshEnded, RefreshProgress

log = structlog.get_logger(__name__)

# How much of the interval the patrons' own turns are spread over, in slices.
_SLICES = 60
_DESCRIBED_FOR = timedelta(days=1)
_PROGRESS_EVERY = 2.0
# A list that stays small for so long is believed; the brake still stands behind it.
_BELIEVED_AFTER = timedelta(days=1)


class Implausible(UnexpectedAnswer):
    """A complete list that lost more than half of what the last one had."""


class Refreshes:
    """Works on nudges about campaigns."""

    def __init__(
        self, parts: Parts, bulk: Bulk, health: Health, descriptions: Descriptions, stopping: Callable[[], bool]
    ) -> None:
        self._parts = parts
        self._bulk = bulk
        self._health = health
        self._descriptions = descriptions
        self._stopping = stopping

    async def campaign(self, nudge: Nudge) -> datetime | None:
        """Refresh a campaign: by its list, or without a living pair of the creator's by each patron's own."""
        campaign = CampaignId(nudge.key)
        async with self._parts.store.read() as t:
            state = await t.campaigns.state(campaign)
            listed = state is not None and await listable(t, state)
        if state is None:
            return None
        if not listed:
            await self._by_patrons(campaign, nudge.cause)
            return None
        begun_at = self._parts.now()
        async with self._parts.store.write() as t:
            run = await t.runs.start(RunKind.REFRESH, begun_at, campaign=campaign)
            serial = await t.serials.take()
        try:
            await self._describe(state, begun_at, nudge.cause)
            listing = await self._read(state, run, begun_at, serial)
        except PatreonError as error:
            await self._failed(run, state, nudge.cause, error)
            if isinstance(error, AccessRevoked | AccessDenied | Implausible):
                return None  # asking again in a moment would not help; the next interval asks
            raise
        await self._take_over(listing, nudge.cause)
        return None

    async def _read(self, state: CampaignState, run: int, begun_at: datetime, serial: int) -> Listing:
        """Read every page into the run's stage. Raises before anything counts."""
        campaign = state.campaign.campaign
        counted, total, told = Census(), None, self._parts.steady()
        unreadable: set[str] = set()
        async for page in self._parts.patreon.read_campaign(campaign):
            if self._stopping():
                raise Stopping
            total = page.total if page.total is not None else total
            counted += census(page.memberships)
            unreadable |= page.unreadable
            tell = self._parts.steady() - told >= _PROGRESS_EVERY
            async with self._parts.store.write() as t:
                await t.memberships.stage(run, page.memberships)
                if tell:
                    await t.runs.progress(run, RunReport(read=counted.memberships, total=total))
            if tell:
                told = self._parts.steady()
                await self._parts.tell(RefreshProgress(run, campaign, counted.memberships, total))
        await self._believe(campaign, counted)
        async with self._parts.store.read() as t:
            missing = await gone(t, campaign, await t.memberships.missing(run, campaign), unreadable)
        return Listing(state, run, begun_at, serial, counted.memberships, total, tuple(missing), frozenset(unreadable))

    async def _believe(self, campaign: CampaignId, counted: Census) -> None:
        """Compare a list's counts with those of the last believed one; raises Implausible."""
        counts_key, since_key = f"census:{campaign}", f"implausible_since:{campaign}"
        now = self._parts.now()
        async with self._parts.store.write() as t:
            before = await t.facts.get(counts_key)
            since = await t.facts.get(since_key)
            lost = before is not None and lost_at_once(Census(*map(int, before.split())), counted)
            if lost and since is None:
                await t.facts.set(since_key, now.isoformat())
            if not lost or (since is not None and now - datetime.fromisoformat(since) >= _BELIEVED_AFTER):
                await t.facts.drop(since_key)
                await t.facts.set(counts_key, f"{counted.memberships} {counted.with_tier} {counted.with_money}")
                return
        raise Implausible(IMPLAUSIBLE)

    async def _take_over(self, listing: Listing, cause: Cause) -> None:
        """Make the list what is known, and hand out what follows from it."""
        await self._health.answered(listing.campaign, whole=True)
        async with self._parts.store.read() as t:
            guilds = await t.rules.guilds_of(listing.campaign)
        store = self._parts.store
        if listing.unreadable:
            await doubt_anew(store, listing, guilds)
        views = await self._bulk.load_views(guilds, {listing.campaign: listing.after})
        await self._bulk.count(views, lambda: changed_and_doubted(store, listing, guilds), listing.run, Cause.REFRESH)
        tally = await self._bulk.hand_out(views, lambda: changed(store, listing), Cause.REFRESH)
        async with self._parts.store.write() as t:
            # Only now is everything the list changed stored, so that what is stored may count as read by it.
            unreadable = len(listing.unreadable)
            await t.campaigns.refreshed(listing.campaign, listing.begun_at, listing.read, unreadable, serial=listing.serial)
            await t.memberships.drop_staged(listing.run)
            await self._call_changed_guilds(t, listing, views)
        again = await self._bulk.hand_out(views, lambda: doubted(store, guilds), Cause.REFRESH)
        await self._end(listing, cause, tally, again)

    async def _call_changed_guilds(self, t: Tables, listing: Listing, views: Sequence[GuildView]) -> None:
        """Have a guild looked at anew whose rules changed, or whose first audit ended, while the list was taken over.

        What was handed out followed from the guild as it was before, and the pass that change caused may have come before
        the list's rows. All are looked at when this is the first list, or the first without unreadable rows, that says of
        those it does not name that they have no membership.
        """
        newly_whole = not listing.unreadable and (listing.before.refreshed_at is None or listing.before.unreadable > 0)
        judged = {view.guild: (view.rules, view.settings.policy) for view in views}
        for guild in await t.rules.guilds_of(listing.campaign):
            now = await load_view(t, guild)
            changed = newly_whole or judged.get(guild) != (now.rules, now.settings.policy)
            if now.audited and now.settings.left_at is None and changed:
                await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.REFRESH, self._parts.now())

    async def _end(self, listing: Listing, cause: Cause, first: Tally, again: Tally) -> None:
        report = RunReport(
            read=listing.read,
            total=listing.total,
            granted=first.granted + again.granted,
            revoked=first.revoked + again.revoked,
            held=first.held + again.held,
            blocked=first.blocked + again.blocked,
            failed=len(listing.unreadable),
        )
        now = self._parts.now()
        async with self._parts.store.write() as t:
            await t.runs.end(listing.run, report, now)
            if cause is Cause.MANUAL and first.doubts + again.doubts:
                # Somebody waits for the outcome: the confirming list comes soon, not after a whole interval.
                await t.campaigns.schedule(listing.campaign, now + self._parts.settings.confirm_after)
        log.info(
            "refresh_ended",
            campaign=listing.campaign,
            run=listing.run,
            read=report.read,
            granted=report.granted,
            revoked=report.revoked,
            held=report.held,
        )
        await self._parts.tell(RefreshEnded(listing.run, listing.campaign, cause, report))

    async def _failed(self, run: int, state: CampaignState, cause: Cause, error: PatreonError) -> None:
        """Record why a list counts for nothing, and tell whom it concerns."""
        campaign = state.campaign.campaign
        name = type(error).__name__
        report = RunReport(error=name)
        async with self._parts.store.write() as t:
            await t.memberships.drop_staged(run)
            await t.runs.end(run, report, self._parts.now())
        log.warning("refresh_failed", campaign=campaign, run=run, error=name)
        if isinstance(error, AccessRevoked):
            await self._health.creator_failed(state.owner, broken=True)
        elif isinstance(error, Implausible):
            await self._health.failed(campaign, IMPLAUSIBLE, for_good=True)
        else:
            for_good = isinstance(error, AccessDenied | PatreonGone)
            wait = error.retry_after if isinstance(error, RateLimited) else timedelta(0)
            await self._health.failed(campaign, why_of(error), for_good=for_good, wait=wait)
        await self._parts.tell(RefreshEnded(run, campaign, cause, report))

    async def _describe(self, state: CampaignState, now: datetime, cause: Cause) -> None:
        """Read the campaign's name and tiers anew when somebody asks, when they are old, or were never read."""
        known = state.campaign.name and now - state.fetched_at < _DESCRIBED_FOR
        if not known or cause is Cause.MANUAL:
            await self._descriptions.read(state.campaign.campaign)

    async def _by_patrons(self, campaign: CampaignId, cause: Cause) -> None:
        """Give each linked patron a turn, spread over the interval; the turn reads with the patron's own pair."""
        now = self._parts.now()
        async with self._parts.store.write() as t:
            run = await t.runs.start(RunKind.REFRESH, now, campaign=campaign)
            total = await t.links.count()
        size = max(1, -(-total // _SLICES))
        after: DiscordUserId | None = None
        for turn in range(_SLICES + 1):
            async with self._parts.store.write() as t:
                links = await t.links.page(after, size)
                due_at = now + self._parts.settings.refresh_every * turn / _SLICES
                await t.nudges.add_many(NudgeKind.USER, [str(link.user) for link in links], Cause.REFRESH, due_at)
            if not links:
                break
            after = links[-1].user
        report = RunReport(total=total)
        async with self._parts.store.write() as t:
            await t.runs.end(run, report, self._parts.now())
        await self._parts.tell(RefreshEnded(run, campaign, cause, report, by_patrons=True))
