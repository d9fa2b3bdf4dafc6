"""The nudges of people: what a cause means for reading Patreon, then `settle` makes them right."""

from datetime import datetime, timedelta
from enum import Enum

from bot.core.model import CampaignId, Cause, DiscordUserId, Link, Membership, Source
from bot.core.readings import carry
from bot.store.codec import digest
from bot.store.records import Nudge
from bot.sync.cases import confirmed
from bot.sync.parts import Parts
from bot.sync.reads import Reads, listable
from bot.sync.settle import Settled, Settler

# Linking reads the memberships itself, a moment before the link is stored.
_JUST_READ = timedelta(minutes=2)

# After these a first answer, or time alone, has another answer follow it soon.
_CONFIRMED = frozenset({Cause.WEBHOOK, Cause.RULES, Cause.CLOCK, Cause.REACHED})

Stored = dict[CampaignId, Membership]


class _Taken(Enum):
    """What a webhook's reading was. SAME: when asked, Patreon said just that. OLD: something as new is stored already."""

    NEWS = "news"
    SAME = "same"
    OLD = "old"


class People:
    """Works on nudges about people."""

    def __init__(self, parts: Parts, settler: Settler, reads: Reads) -> None:
        self._parts = parts
        self._settler = settler
        self._reads = reads
        # The serials from which on people wait for a list; forgotten in a restart, which costs a single read.
        self._waiting: dict[str, int] = {}

    async def person(self, nudge: Nudge) -> datetime | None:
        """Settle somebody: by what is stored and what a webhook said, then by what Patreon says when asked.

        Somebody who is not linked costs no request.
        """
        user, cause = DiscordUserId(int(nudge.key)), nudge.cause
        async with self._parts.store.read() as t:
            link = await t.links.load(user)
        if link is None:
            return (await self._settler.settle(user, cause)).again_at
        if cause is Cause.UNLINKED:
            cause = Cause.LINKED  # linked again before anybody looked
        return await self._linked(nudge, link, cause)

    async def _linked(self, nudge: Nudge, link: Link, cause: Cause) -> datetime | None:
        taken = [await self._take(reading) for reading in nudge.readings if reading.patron == link.patron]
        async with self._parts.store.read() as t:
            stored = await t.memberships.load_all(link.patron)
        # Patreon tells of one change in several webhooks; those that say what was read since are no news.
        ask = any(each is not _Taken.SAME for each in taken) or _asks(cause, link, stored, heard=bool(taken))
        found = Settled()
        settled = doubted = False
        # What a webhook said before the read failed was settled by it then.
        if not ask or cause is Cause.MANUAL or any(each is not _Taken.OLD for each in taken):
            # What was given or ended by hand does not wait for Patreon; whoever waits is told when it has answered.
            found = await self._settler.settle(link.user, cause, answer=not ask)
            settled = True
            # Time alone takes nothing, nor does an answer that was the first of its kind: it is read again first.
            doubted = cause in _CONFIRMED and found.in_doubt
        read, later = await self._read(nudge, link, stored, cause, ask=ask, doubted=doubted)
        if later is None and (read or not settled or (ask and cause is Cause.MANUAL)):
            found = await self._settler.settle(link.user, cause)
        return later or found.again_at

    async def _read(
        self, nudge: Nudge, link: Link, stored: Stored, cause: Cause, *, ask: bool, doubted: bool
    ) -> tuple[bool, datetime | None]:
        """Read what is to be read, and say whether anything was; an instant when a list will say it cheaper.

        A list that has been read since settles what is asked for, but no doubt: those it leaves need another reading.
        """
        waits: list[datetime] = []
        read = False
        for campaign in await self._campaigns(nudge, stored, cause, ask=ask or doubted):
            if not doubted and await self._covered(nudge, campaign):
                read = True
            elif cause is not Cause.LINKED and (wait := await self._reads.list_instead(campaign)) is not None:
                waits.append(wait)
            else:
                read |= await self._reads.read(link, campaign, stored.get(campaign))
        if waits:
            async with self._parts.store.read() as t:
                self._waiting.setdefault(nudge.key, await t.serials.current())
        else:
            self._waiting.pop(nudge.key, None)
        return read, max(waits, default=None)

    async def _campaigns(self, nudge: Nudge, stored: Stored, cause: Cause, *, ask: bool) -> list[CampaignId]:
        """Name the campaigns to read somebody for."""
        if ask and cause is not Cause.RULES:
            named = {reading.campaign for reading in nudge.readings} if cause is Cause.WEBHOOK else set()
            return sorted(named or stored.keys() or self._parts.settings.campaigns)
        if not ask and cause is not Cause.REFRESH:
            return []
        # Without a list, each patron's own turn in the interval is the reading, or the one after a change of rules.
        now, every = self._parts.now(), self._parts.settings.refresh_every
        async with self._parts.store.read() as t:
            states = [state for state in await t.campaigns.load_all() if not await listable(t, state)]
        unlisted = {state.campaign.campaign for state in states} & (stored.keys() | self._parts.settings.campaigns)
        if not ask:
            unlisted = {campaign for campaign in unlisted if _age(stored.get(campaign), now) > every / 2}
        return sorted(unlisted)

    async def _covered(self, nudge: Nudge, campaign: CampaignId) -> bool:
        """Say whether a complete list was begun after what the nudge is about."""
        async with self._parts.store.read() as t:
            state = await t.campaigns.state(campaign)
        if state is None or state.refreshed_at is None:
            return False
        about = [reading.serial for reading in nudge.readings if reading.campaign == campaign]
        since = max(about, default=self._waiting.get(nudge.key))
        return since is not None and state.refreshed_serial > since

    async def _take(self, reading: Membership) -> _Taken:
        """Store what a webhook said, unless something newer is known."""
        patron, campaign, said = reading.patron, reading.campaign, digest(reading)
        async with self._parts.store.write() as t:
            stored = await t.memberships.load(patron, campaign)
            previous = stored and confirmed(stored, await t.campaigns.state(campaign))
            known = (await t.memberships.digests(campaign, [patron])).get(patron)
            same = previous is not None and previous.source is not Source.WEBHOOK and known == said
            if previous is not None and previous.serial >= reading.serial:
                return _Taken.SAME if same else _Taken.OLD
            if same:
                await t.memberships.touch(reading)
                return _Taken.SAME
            await t.memberships.save(carry(previous, reading), None, digest=said)
        return _Taken.NEWS


def _asks(cause: Cause, link: Link, stored: Stored, *, heard: bool) -> bool:
    """Say whether a cause means that stored data will not do."""
    if cause is Cause.LINKED:
        return not any(each.observed_at >= link.linked_at - _JUST_READ for each in stored.values())
    # A webhook without a reading told only that something happened.
    return cause is Cause.MANUAL or (cause is Cause.WEBHOOK and not heard)


def _age(stored: Membership | None, now: datetime) -> timedelta:
    return timedelta.max if stored is None else now - stored.observed_at
