"""The nudges of people: what a cause means for reading Patreon, then `settle` makes them right.

What a webhook says is never stored as an answer of Patreon's: it waits beside the nudge until Patreon was asked. A body
can be an old one posted again, and what it says must not be inherited by the readings after it.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.model import CampaignId, Cause, DiscordUserId, Link, Membership
from bot.core.readings import carry, falls_short, paid_for_unknown
from bot.core.reconcile import dated_back
from bot.errors import PatreonError
from bot.store.codec import digest
from bot.store.records import Nudge
from bot.store.tables import Tables
from bot.sync.cases import Word, confirmed, load_case
from bot.sync.parts import Parts
from bot.sync.reads import Reads, listable
from bot.sync.settle import Settled, Settler

# Linking reads the memberships itself, a moment before the link is stored.
_JUST_READ = timedelta(minutes=2)

# After these a first answer, or time alone, has another answer follow it soon.
_CONFIRMED = frozenset({Cause.WEBHOOK, Cause.RULES, Cause.CLOCK, Cause.REACHED})
# Patreon's answers may lag behind its webhooks: how long after one that says less Patreon is asked again.
_LAGS = (timedelta(seconds=10), timedelta(seconds=50))

Stored = dict[CampaignId, Membership]


class People:
    """Works on nudges about people."""

    def __init__(self, parts: Parts, settler: Settler, reads: Reads) -> None:
        self._parts = parts
        self._settler = settler
        self._reads = reads
        # The serials from which on people wait for a list; forgotten in a restart, which costs a single read.
        self._waiting: dict[str, int] = {}
        # For whom Patreon said less than a webhook: the webhook's serial, and how often it was asked again since.
        self._lagging: dict[str, tuple[int, int]] = {}

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
        said = [reading for reading in nudge.readings if reading.patron == link.patron]
        word, news = await self._hear(link, said)
        async with self._parts.store.read() as t:
            stored = await t.memberships.load_all(link.patron)
        ask = news or _asks(cause, link, stored, heard=bool(said))
        found = Settled()
        settled = doubted = False
        if not ask or cause is Cause.MANUAL or word.readings:
            # What was given or ended by hand does not wait for Patreon; whoever waits is told when it has answered.
            found = await self._settler.settle(link.user, cause, answer=not ask, word=word)
            settled = True
            # Time alone takes nothing, nor does an answer that was the first of its kind: it is read again first.
            doubted = cause in _CONFIRMED and found.in_doubt
        try:
            read, later = await self._read(nudge, link, stored, cause, ask=ask, doubted=doubted)
        except PatreonError:
            await self._take_at_its_word(link, cause, word)
            raise
        if not read and (later is None or self._reads.is_failing(word.readings)):
            await self._take_at_its_word(link, cause, word)
        if later is None and (read or not settled or (ask and cause is Cause.MANUAL)):
            found = await self._settler.settle(link.user, cause, look=not settled)
            if found.in_doubt and said:
                # The webhook may have begun no doubt: its guild could not be worked on then, or a pass over all of it,
                # which does not know the word, dropped the doubt.
                await self._hear(link, said)
                found = await self._settler.settle(link.user, cause, look=False)
        if await self._learn(link):
            found = await self._settler.settle(link.user, cause, answer=False, look=False)
        return later or await self._ask_again_at(nudge.key, link, said) or found.again_at

    async def _hear(self, link: Link, said: list[Membership]) -> tuple[Word, bool]:
        """Return what webhooks said that no answer of Patreon's is younger than, and whether any of it is news.

        Patreon tells of one change in several webhooks: one that says what was read last is none.
        """
        readings: Stored = {}
        news = False
        if not said:
            return Word(), False
        async with self._parts.store.write() as t:
            stored = await t.memberships.load_all(link.patron)
            for reading in said:
                campaign = reading.campaign
                last = stored.get(campaign)
                previous = last and confirmed(last, await t.campaigns.state(campaign))
                if previous is not None and previous.serial >= reading.serial:
                    await self._date_back(t, link.user, carry(replace(previous, serial=reading.serial), reading))
                known = (await t.memberships.digests(campaign, [link.patron])).get(link.patron)
                if previous is not None and known == digest(reading):
                    await t.memberships.touch(reading)
                    continue
                news = True
                if previous is None or previous.serial < reading.serial:
                    readings[campaign] = carry(previous, reading)
        return Word(readings), news

    async def _date_back(self, t: Tables, user: DiscordUserId, older: Membership) -> None:
        """Let the doubts about a person begin with a webhook that came before the answer which began them."""
        guilds = await t.doubts.guilds_of(user)
        if guilds:
            await t.links.lock([user])
        for guild in guilds:
            _, _, case = await load_case(t, guild, user)
            await t.doubts.replace(guild, user, dated_back(case, older, self._parts.now()))

    async def _take_at_its_word(self, link: Link, cause: Cause, word: Word) -> None:
        """Settle somebody by what webhooks said, since Patreon does not answer."""
        if word.readings:
            await self._settler.settle(link.user, cause, answer=False, word=replace(word, alone=True))

    async def _ask_again_at(self, key: str, link: Link, said: list[Membership]) -> datetime | None:
        """Return when to ask Patreon again, where it said less than a webhook did: its answers may lag."""
        serial, times = self._lagging.pop(key, (0, 0))
        if not said:
            return None
        async with self._parts.store.read() as t:
            stored = await t.memberships.load_all(link.patron)
            asked_at = await t.serials.current()
        short = [each.serial for each in said if each.campaign in stored and falls_short(stored[each.campaign], each)]
        times = times if max(short, default=0) == serial else 0
        if not short or times == len(_LAGS):
            return None
        self._lagging[key] = max(short), times + 1
        self._waiting[key] = asked_at
        return self._parts.now() + _LAGS[times]

    async def _learn(self, link: Link) -> bool:
        """Ask what somebody has paid for of whom no answer says it; True when something was learnt.

        What is known has been settled by then: the history is slow, and can stay away.
        """
        async with self._parts.store.read() as t:
            stored = await t.memberships.load_all(link.patron)
        unknown = [known for known in stored.values() if paid_for_unknown(known, self._parts.now())]
        return any([await self._reads.learn(link.patron, known) for known in unknown])

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
        waiting = [self._waiting[nudge.key]] if nudge.key in self._waiting else []
        since = max([*about, *waiting], default=None)
        return since is not None and state.refreshed_serial > since


def _asks(cause: Cause, link: Link, stored: Stored, *, heard: bool) -> bool:
    """Say whether a cause means that stored data will not do."""
    if cause is Cause.LINKED:
        return not any(each.observed_at >= link.linked_at - _JUST_READ for each in stored.values())
    # A webhook without a reading told only that something happened.
    return cause is Cause.MANUAL or (cause is Cause.WEBHOOK and not heard)


def _age(stored: Membership | None, now: datetime) -> timedelta:
    return timedelta.max if stored is None else now - stored.observed_at
