"""A complete list on its way into what is stored: who changed, who is missing, whose row could not be read, who is doubted.

Whether a list counts is decided before; what follows for anybody's roles is `bulk`'s.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from bot.core.model import CampaignId, DiscordUserId, GuildId, Link, Membership, PatronId
from bot.core.readings import carry, vanished
from bot.store.codec import ABSENT, digest
from bot.store.records import CampaignState, MembershipRow
from bot.store.store import Store
from bot.store.tables import Tables
from bot.sync.bulk import Batch
from bot.sync.cases import CHUNK, confirmed


@dataclass(frozen=True, slots=True)
class Listing:
    """A complete list, staged under its run. All it says is as old as its beginning, whatever page it stood on."""

    before: CampaignState
    run: int
    begun_at: datetime
    serial: int
    read: int
    total: int | None
    missing: tuple[PatronId, ...]
    unreadable: frozenset[str]

    @property
    def campaign(self) -> CampaignId:
        """Whose list it is."""
        return self.before.campaign.campaign

    @property
    def after(self) -> CampaignState:
        """How the list leaves the campaign."""
        return replace(
            self.before,
            refreshed_at=self.begun_at,
            refreshed_serial=self.serial,
            total=self.read,
            unreadable=len(self.unreadable),
        )


async def changed(store: Store, listing: Listing) -> AsyncIterator[Batch]:
    """Go through those whose row differs from what is stored, then through those the list no longer has."""
    after: PatronId | None = None
    while True:
        async with store.read() as t:
            staged = await t.memberships.staged(listing.run, after, CHUNK)
            batch = await _to_batch(t, listing, staged)
        if not staged:
            break
        yield batch
        after = staged[-1].patron
    for start in range(0, len(listing.missing), CHUNK):
        async with store.read() as t:
            batch = await _to_batch(t, listing, listing.missing[start : start + CHUNK])
        yield batch


async def doubted(store: Store, guilds: Sequence[GuildId]) -> AsyncIterator[Batch]:
    """Go through those about whom there is a doubt: the list is the second reading, also where it says the same."""
    async for _, links in _doubted_links(store, guilds):
        yield Batch(links)


async def changed_and_doubted(store: Store, listing: Listing, guilds: Sequence[GuildId]) -> AsyncIterator[Batch]:
    """Go through everybody for whom the list may mean something."""
    async for batch in changed(store, listing):
        yield batch
    async for batch in doubted(store, guilds):
        yield batch


async def doubt_anew(store: Store, listing: Listing, guilds: Sequence[GuildId]) -> None:
    """Date the doubts about those whose row could not be read to this list: it is no second reading of them."""
    async for guild, links in _doubted_links(store, guilds):
        async with store.write() as t:
            stored = await t.memberships.load_many(link.patron for link in links.values())
            doubts = await t.doubts.of_users(guild, links)
            for user, link in links.items():
                known = stored.get(link.patron, {}).get(listing.campaign)
                if listing.unreadable & {link.patron, known and known.membership}:
                    anew = [replace(doubt, serial=listing.serial) for doubt in doubts.get(user, {}).values()]
                    await t.doubts.replace(guild, user, anew)


async def gone(t: Tables, campaign: CampaignId, missing: Sequence[PatronId], unreadable: AbstractSet[str]) -> list[PatronId]:
    """Leave out those whose row the list has, but in a shape that could not be read (law 1)."""
    if not unreadable:
        return list(missing)
    stored = await t.memberships.load_many(missing)
    known = {patron: memberships[campaign].membership for patron, memberships in stored.items() if campaign in memberships}
    return [patron for patron in missing if not unreadable & {patron, known.get(patron)}]


async def _doubted_links(
    store: Store, guilds: Sequence[GuildId]
) -> AsyncIterator[tuple[GuildId, dict[DiscordUserId, Link]]]:
    for guild in guilds:
        after: DiscordUserId | None = None
        while True:
            async with store.read() as t:
                users = await t.doubts.users(guild, after, CHUNK)
                links = await t.links.load_many(users)
            if not users:
                break
            yield guild, links
            after = users[-1]


async def _to_batch(t: Tables, listing: Listing, these: Iterable[Membership | PatronId]) -> Batch:
    """Make the rows to store of readings, or of patrons who are missing, each inheriting from the one before."""
    readings = {each.patron if isinstance(each, Membership) else each: each for each in these}
    previous = await t.memberships.load_many(readings)
    rows: list[MembershipRow] = []
    for patron, reading in readings.items():
        before = previous.get(patron, {}).get(listing.campaign)
        row = _to_row(listing, before and confirmed(before, listing.before), reading)
        if row is not None:
            rows.append(row)
    links: dict[PatronId, Link] = await t.links.load_of_patrons(readings)
    fresh = {row.membership.patron: {listing.campaign: row.membership} for row in rows}
    return Batch({link.user: link for link in links.values()}, fresh, tuple(rows))


def _to_row(listing: Listing, before: Membership | None, reading: Membership | PatronId) -> MembershipRow | None:
    """Give the row to store; None when something newer is stored: a webhook came while the list was read."""
    if before is not None and before.serial > listing.serial:
        return None
    if isinstance(reading, Membership):
        return MembershipRow(carry(before, replace(reading, serial=listing.serial)), None, digest(reading))
    if before is None:
        return None
    return MembershipRow(vanished(before, listing.begun_at, serial=listing.serial), None, ABSENT)
