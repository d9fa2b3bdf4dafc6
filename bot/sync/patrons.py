"""The nudges of single people: what a cause means for reading Patreon, then `people` makes them right."""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

from bot.core.entitlement import carry
from bot.core.model import CampaignId, Cause, DiscordUserId, Link, Membership, PatronId, Source
from bot.store.codec import digest
from bot.store.records import Nudge, NudgeKind
from bot.sync.parts import Parts
from bot.sync.people import People
from bot.sync.reads import Reads, listable

# Linking reads the memberships itself, a moment before the link is stored.
_JUST_READ = timedelta(minutes=2)

Stored = dict[CampaignId, Membership]


class _Taken(Enum):
    """What a webhook's reading was. SAME: when asked, Patreon said just that. OLD: something as new is stored already."""

    NEWS = "news"
    SAME = "same"
    OLD = "old"


class Patrons:
    """Works on nudges about one patron or one Discord user."""

    def __init__(self, parts: Parts, people: People, reads: Reads, wake: Callable[[], None]) -> None:
        self._parts = parts
        self._wake = wake
        self._people = people
        self._reads = reads
        # Since when patrons wait for a list; forgotten in a restart, which costs a single read.
        self._asked_at: dict[str, datetime] = {}

    async def user(self, nudge: Nudge) -> datetime | None:
        """Settle a Discord user from stored data; a link just made is handed on to be read."""
        user, cause = DiscordUserId(int(nudge.key)), nudge.cause
        async with self._parts.store.read() as t:
            link = await t.links.load(user)
        if link is None or cause not in {Cause.LINKED, Cause.UNLINKED, Cause.MANUAL}:
            await self._people.settle(user, cause)
            return None
        if cause is Cause.MANUAL:
            # What was given or ended by hand does not wait for Patreon.
            await self._people.settle(user, cause, answer=False)
        async with self._parts.store.write() as t:
            # Unlinked and linked again before we looked: nothing is confirmed by that.
            why = cause if cause is Cause.MANUAL else Cause.LINKED
            await t.nudges.add(NudgeKind.PATRON, link.patron, why, self._parts.now())
        self._wake()
        return None

    async def patron(self, nudge: Nudge) -> datetime | None:
        """Settle a patron: by what a webhook said, then by what Patreon says when asked.

        Somebody who is not linked costs no request.
        """
        patron = PatronId(nudge.key)
        taken = [await self._take(reading) for reading in nudge.readings]
        async with self._parts.store.read() as t:
            link = await t.links.load_of_patron(patron)
            stored = await t.memberships.load_all(patron)
        if link is None:
            return None
        # Patreon tells of one change in several webhooks; those that say what was read since are no news.
        ask = any(each is not _Taken.SAME for each in taken) if taken else _asks(nudge.cause, link, stored)
        # What a webhook said before the read failed was settled by it then.
        if not ask or any(each is not _Taken.OLD for each in taken):
            settled = await self._people.settle(link.user, nudge.cause)
            # Time alone takes nothing, nor does an answer that was the first of its kind: it is read again first.
            ask = ask or (nudge.cause in {Cause.CLOCK, Cause.WEBHOOK} and settled.in_doubt)
        return await self._read(nudge, link, stored, ask=ask)

    async def _read(self, nudge: Nudge, link: Link, stored: Stored, *, ask: bool) -> datetime | None:
        """Read what is to be read, and settle again by it; an instant when a list will say it cheaper."""
        waits: list[datetime] = []
        read = False
        for campaign in await self._campaigns(nudge, stored, ask=ask):
            if await self._covered(nudge, campaign):
                read = True
            elif nudge.cause is not Cause.LINKED and (wait := await self._reads.list_instead(campaign)) is not None:
                waits.append(wait)
            else:
                read |= await self._reads.read(link, campaign, stored.get(campaign))
        if read or (ask and not waits and not nudge.readings):
            await self._people.settle(link.user, nudge.cause)
        if waits:
            self._asked_at.setdefault(nudge.key, self._parts.now())
        else:
            self._asked_at.pop(nudge.key, None)
        return max(waits, default=None)

    async def _campaigns(self, nudge: Nudge, stored: Stored, *, ask: bool) -> list[CampaignId]:
        """Name the campaigns to read a patron for."""
        if ask:
            named = {reading.campaign for reading in nudge.readings}
            return sorted(named or stored.keys() or self._parts.settings.campaigns)
        if nudge.cause is not Cause.REFRESH:
            return []
        # Without a list, each patron's own turn in the interval is the reading.
        now, every = self._parts.now(), self._parts.settings.refresh_every
        async with self._parts.store.read() as t:
            states = [state for state in await t.campaigns.load_all() if not await listable(t, state)]
        unlisted = {state.campaign.campaign for state in states} & (stored.keys() | self._parts.settings.campaigns)
        old = {campaign for campaign in unlisted if _age(stored.get(campaign), now) > every / 2}
        return sorted(old)

    async def _covered(self, nudge: Nudge, campaign: CampaignId) -> bool:
        """Say whether a complete list was begun after what the nudge is about."""
        async with self._parts.store.read() as t:
            state = await t.campaigns.state(campaign)
        if state is None or state.refreshed_at is None:
            return False
        about = [reading.observed_at for reading in nudge.readings if reading.campaign == campaign]
        asked_at = max(about, default=self._asked_at.get(nudge.key))
        return asked_at is not None and state.refreshed_at >= asked_at

    async def _take(self, reading: Membership) -> _Taken:
        """Store what a webhook said, unless something newer is known."""
        patron, campaign, said = reading.patron, reading.campaign, digest(reading)
        async with self._parts.store.write() as t:
            previous = await t.memberships.load(patron, campaign)
            known = (await t.memberships.digests(campaign, [patron])).get(patron)
            same = previous is not None and previous.source is not Source.WEBHOOK and known == said
            if previous is not None and previous.observed_at >= reading.observed_at:
                return _Taken.SAME if same else _Taken.OLD
            if same:
                await t.memberships.touch(campaign, [patron], reading.observed_at)
                return _Taken.SAME
            await t.memberships.save(carry(previous, reading), None, digest=said)
        return _Taken.NEWS


def _asks(cause: Cause, link: Link, stored: Stored) -> bool:
    """Say whether a cause means that stored data will not do."""
    if cause is Cause.LINKED:
        return not any(each.observed_at >= link.linked_at - _JUST_READ for each in stored.values())
    return cause in {Cause.WEBHOOK, Cause.MANUAL}


def _age(stored: Membership | None, now: datetime) -> timedelta:
    return timedelta.max if stored is None else now - stored.observed_at
