"""The refresh: a whole campaign's list, read, believed or not, and handed to `bulk`. No role is changed here.

The list counts only after its last page, and only when it did not lose everything at once. What did not change since
the last one costs one look at its page.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.core.entitlement import carry, vanished
from bot.core.model import CampaignId, Cause, DiscordUserId, GuildId, Link, Membership, PatronId
from bot.core.plausible import Census, census, lost_at_once
from bot.errors import AccessDenied, AccessRevoked, PatreonError, PatreonGone, UnexpectedAnswer
from bot.store.codec import digest
from bot.store.records import ABSENT, CampaignState, MembershipRow, Nudge, NudgeKind, RunKind, RunReport
from bot.store.tables import Tables
from bot.sync.bulk import CHUNK, Batch, Bulk, Tally
from bot.sync.cases import load_view
from bot.sync.health import IMPLAUSIBLE, Health, why_of
from bot.sync.parts import Parts
from bot.sync.queue import Stopping
from bot.sync.reads import listable
from bot.sync.reports import RefreshEnded, RefreshProgress

log = structlog.get_logger(__name__)

# How much of the interval the patrons' own turns are spread over, in slices.
_SLICES = 60
_DESCRIBED_FOR = timedelta(days=1)
_PROGRESS_EVERY = timedelta(seconds=2)
# A list that stays small for so long is believed; the brake still stands behind it.
_BELIEVED_AFTER = timedelta(days=1)


class Implausible(UnexpectedAnswer):
    """A complete list that lost more than half of what the last one had."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """A complete list, staged under its run."""

    campaign: CampaignId
    run: int
    begun_at: datetime
    read: int
    total: int | None
    missing: tuple[PatronId, ...]


class Refreshes:
    """Works on nudges about campaigns."""

    def __init__(self, parts: Parts, bulk: Bulk, health: Health, stopping: Callable[[], bool]) -> None:
        self._parts = parts
        self._bulk = bulk
        self._health = health
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
            await self._by_patrons()
            return None
        begun_at = self._parts.now()
        async with self._parts.store.write() as t:
            run = await t.runs.start(RunKind.REFRESH, begun_at, campaign=campaign)
        try:
            await self._describe(state, begun_at)
            listing = await self._read(campaign, run, begun_at)
        except PatreonError as error:
            await self._failed(run, state, nudge.cause, error)
            if isinstance(error, AccessRevoked | AccessDenied | Implausible):
                return None  # asking again in a moment would not help; the next interval asks
            raise
        await self._take_over(listing, nudge.cause)
        return None

    async def _read(self, campaign: CampaignId, run: int, begun_at: datetime) -> _Listing:
        """Read every page into the run's stage. Raises before anything counts."""
        counted, total, told_at = Census(), None, begun_at
        unreadable: set[str] = set()
        async for page in self._parts.patreon.read_campaign(campaign):
            if self._stopping():
                raise Stopping
            total = page.total if page.total is not None else total
            counted += census(page.memberships)
            unreadable |= page.unreadable
            now = self._parts.now()
            async with self._parts.store.write() as t:
                await t.memberships.stage(run, page.memberships)
                if now - told_at >= _PROGRESS_EVERY:
                    await t.runs.progress(run, RunReport(read=counted.memberships, total=total))
            if now - told_at >= _PROGRESS_EVERY:
                told_at = now
                await self._parts.tell(RefreshProgress(run, campaign, counted.memberships, total))
        await self._believe(campaign, counted)
        async with self._parts.store.read() as t:
            missing = await _gone(t, campaign, await t.memberships.missing(run, campaign), unreadable)
        return _Listing(campaign, run, begun_at, counted.memberships, total, tuple(missing))

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

    async def _take_over(self, listing: _Listing, cause: Cause) -> None:
        """Make the list what is known, and hand out what follows from it."""
        await self._health.answered(listing.campaign, whole=True)
        async with self._parts.store.read() as t:
            guilds = await t.rules.guilds_of(listing.campaign)
        listed = {listing.campaign: listing.begun_at}
        views = await self._bulk.load_views(guilds, listed)
        await self._bulk.count(views, lambda: self._changed_and_doubted(listing, guilds), listing.run, Cause.REFRESH)
        tally = await self._bulk.hand_out(views, lambda: self._changed(listing), Cause.REFRESH)
        async with self._parts.store.write() as t:
            # Only now is everything the list changed stored, so that what is stored may count as read by it.
            await t.campaigns.refreshed(listing.campaign, listing.begun_at, listing.read)
            await t.memberships.drop_staged(listing.run)
            await self._call_new_guilds(t, {*guilds} - {view.guild for view in views})
        again = await self._bulk.hand_out(views, lambda: self._doubted(guilds), Cause.REFRESH)
        await self._end(listing, cause, tally, again)

    async def _call_new_guilds(self, t: Tables, left_out: AbstractSet[GuildId]) -> None:
        """Have a guild looked at anew whose first audit ended meanwhile: its pass may have come before the list's rows."""
        for guild in sorted(left_out):
            if (await load_view(t, guild)).audited:
                await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.CLOCK, self._parts.now())

    async def _end(self, listing: _Listing, cause: Cause, changed: Tally, again: Tally) -> None:
        report = RunReport(
            read=listing.read,
            total=listing.total,
            granted=changed.granted + again.granted,
            revoked=changed.revoked + again.revoked,
            held=changed.held + again.held,
            blocked=changed.blocked + again.blocked,
        )
        now = self._parts.now()
        async with self._parts.store.write() as t:
            await t.runs.end(listing.run, report, now)
            if cause is Cause.MANUAL and changed.doubts + again.doubts:
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
            await self._health.failed(campaign, why_of(error), for_good=for_good)
        await self._parts.tell(RefreshEnded(run, campaign, cause, report))

    async def _describe(self, state: CampaignState, now: datetime) -> None:
        """Read the campaign's name and tiers anew when they are old, or were never read."""
        if state.campaign.name and now - state.fetched_at < _DESCRIBED_FOR:
            return
        campaign = await self._parts.patreon.fetch_campaign(state.campaign.campaign)
        async with self._parts.store.write() as t:
            await t.campaigns.save(campaign, now)

    async def _by_patrons(self) -> None:
        """Give each linked patron a turn, spread over the interval; the turn reads with the patron's own pair."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            size = max(1, -(-await t.links.count() // _SLICES))
        after: DiscordUserId | None = None
        for turn in range(_SLICES + 1):
            async with self._parts.store.write() as t:
                links = await t.links.page(after, size)
                due_at = now + self._parts.settings.refresh_every * turn / _SLICES
                await t.nudges.add_many(NudgeKind.PATRON, [link.patron for link in links], Cause.REFRESH, due_at)
            if not links:
                return
            after = links[-1].user

    async def _changed_and_doubted(self, listing: _Listing, guilds: list[GuildId]) -> AsyncIterator[Batch]:
        async for batch in self._changed(listing):
            yield batch
        async for batch in self._doubted(guilds):
            yield batch

    async def _changed(self, listing: _Listing) -> AsyncIterator[Batch]:
        """Go through those whose row differs from what is stored, then through those the list no longer has."""
        after: PatronId | None = None
        while True:
            async with self._parts.store.read() as t:
                staged = await t.memberships.staged(listing.run, after, CHUNK)
                batch = await _to_batch(t, listing, staged)
            if not staged:
                break
            yield batch
            after = staged[-1].patron
        for start in range(0, len(listing.missing), CHUNK):
            async with self._parts.store.read() as t:
                batch = await _to_batch(t, listing, listing.missing[start : start + CHUNK])
            yield batch

    async def _doubted(self, guilds: list[GuildId]) -> AsyncIterator[Batch]:
        """Go through those about whom there is a doubt: the list is the second reading, also where it says the same."""
        for guild in guilds:
            after: DiscordUserId | None = None
            while True:
                async with self._parts.store.read() as t:
                    users = await t.doubts.users(guild, after, CHUNK)
                    links = await t.links.load_many(users)
                if not users:
                    break
                yield Batch({user: links.get(user) for user in users})
                after = users[-1]


async def _gone(
    t: Tables, campaign: CampaignId, missing: Sequence[PatronId], unreadable: AbstractSet[str]
) -> list[PatronId]:
    """Leave out those whose row the list has, but in a shape that could not be read (law 1)."""
    if not unreadable:
        return list(missing)
    stored = await t.memberships.load_many(missing)
    known = {patron: memberships[campaign].membership for patron, memberships in stored.items() if campaign in memberships}
    return [patron for patron in missing if not unreadable & {patron, known.get(patron)}]


async def _to_batch(t: Tables, listing: _Listing, these: Iterable[Membership | PatronId]) -> Batch:
    """Make the rows to store of readings, or of patrons who are missing, each inheriting from the one before."""
    readings = {each.patron if isinstance(each, Membership) else each: each for each in these}
    previous = await t.memberships.load_many(readings)
    rows: list[MembershipRow] = []
    for patron, reading in readings.items():
        row = _to_row(previous.get(patron, {}).get(listing.campaign), reading, listing.begun_at)
        if row is not None:
            rows.append(row)
    links: dict[PatronId, Link] = await t.links.load_of_patrons(readings)
    fresh = {row.membership.patron: {listing.campaign: row.membership} for row in rows}
    return Batch({link.user: link for link in links.values()}, fresh, tuple(rows))


def _to_row(before: Membership | None, reading: Membership | PatronId, begun_at: datetime) -> MembershipRow | None:
    """Give the row to store; None when something newer is stored: a webhook came while the list was read."""
    if isinstance(reading, Membership):
        if before is not None and before.observed_at > reading.observed_at:
            return None
        return MembershipRow(carry(before, reading), None, digest(reading))
    if before is None or before.observed_at >= begun_at:
        return None
    return MembershipRow(vanished(before, begun_at), None, ABSENT)
