"""One person made right in every guild, from stored data. Patreon is not asked here.

Every path to a role change ends here, also that of a whole campaign: what bulk work found is only a nudge to this. A
person's nudge is claimed by one worker at a time, so nobody else settles them meanwhile.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.model import CampaignId, Cause, DiscordUserId, GuildId, Link
from bot.store.records import NudgeKind
from bot.store.tables import Tables
from bot.sync.apply import Order, in_doubt
from bot.sync.carrier import Carrier, over
from bot.sync.cases import GuildView, Word
from bot.sync.parts import Parts
from bot.sync.screening import record_screening
from bot.sync.sightings import UNSEEN, record_gone, record_seen

_NOTHING = Word()

# After these somebody waits for an answer, even when there is nothing to do.
_ANSWERED = frozenset({Cause.LINKED, Cause.UNLINKED, Cause.MANUAL})
_SOON, _LATE = timedelta(seconds=5), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Settled:
    """What one pass over a person came to. ``in_doubt``: a second reading would settle some revocation.

    ``again_at``: nobody ever saw them in a guild that cannot be worked on now; then it may be otherwise.
    """

    in_doubt: bool = False
    due_at: datetime | None = None
    again_at: datetime | None = None


class Settler:
    """Settles people."""

    def __init__(self, parts: Parts, carrier: Carrier) -> None:
        self._parts = parts
        self._carrier = carrier

    async def settle(
        self, user: DiscordUserId, cause: Cause, *, answer: bool = True, look: bool = True, word: Word = _NOTHING
    ) -> Settled:
        """Make one person right in all their guilds, side by side.

        One guild that fails does not keep the others waiting; its error is raised when all have ended. Without
        ``answer`` a report comes only when something changed: more is to follow for whoever waits. Without ``look``
        nobody asks anew which roles somebody has whom a person asked about.
        """
        async with self._parts.store.read() as t:
            link = await t.links.load(user)
            due = await t.memberships.due_of(link.patron) if link else {}
            guilds = await self._guilds(t, user, due.keys() | word.readings.keys())
        answer = answer and cause in _ANSWERED
        outcomes = await asyncio.gather(
            *(self._in_guild(guild, user, cause, word, answer=answer, look=look) for guild in guilds),
            return_exceptions=True,
        )
        settled = [outcome for outcome in outcomes if isinstance(outcome, Settled)]
        due_at = min((each.due_at for each in settled if each.due_at is not None), default=None)
        again_at = min((each.again_at for each in settled if each.again_at is not None), default=None)
        moved = [campaign for campaign, at in due.items() if at != due_at]
        if link is not None and moved:
            async with self._parts.store.write() as t:
                for campaign in sorted(moved):
                    await t.memberships.set_due(link.patron, campaign, due_at)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return Settled(any(each.in_doubt for each in settled), due_at, again_at)

    async def _guilds(self, t: Tables, user: DiscordUserId, campaigns: Iterable[CampaignId]) -> list[GuildId]:
        """Name the guilds that concern a person: known of them, or with rules for what they are a patron of."""
        known = set(await t.guilds_of(user))
        for campaign in campaigns:
            known.update(await t.rules.guilds_of(campaign))
        return sorted(known)

    async def _in_guild(
        self, guild: GuildId, user: DiscordUserId, cause: Cause, word: Word, *, answer: bool, look: bool
    ) -> Settled:
        order, unseen, held = await self._load(guild, user, cause, word)
        view, link = order.view, order.link
        if view.settings.left_at is not None:
            await self._left(order)
            return Settled()
        if not await self._workable(view):
            return Settled(again_at=self._again_at(order) if unseen else None)
        # Somebody nobody ever saw here, or who has just linked: what they had before us must be known first.
        newly = cause is Cause.LINKED and link is not None and not _audited_after(view, link)
        # What somebody asks for by hand is answered by what Discord says now.
        if unseen or newly or (look and cause is Cause.MANUAL) or self._unproven(order):
            left_alone = await self._look(view, user, cause)
            order, _, held = await self._load(guild, user, cause, word)
            if left_alone:
                return Settled(bool(order.decision.doubts), order.decision.due_at)
        if answer or held or self._matters(order):
            order = await self._carrier.carry(guild, user, cause, word, answer=answer)
        return Settled(bool(order.decision.doubts), order.decision.due_at)

    async def _load(self, guild: GuildId, user: DiscordUserId, cause: Cause, word: Word) -> tuple[Order, bool, bool]:
        """Decide without doing anything; and say whether nobody ever looked for them here, and whether the brake holds."""
        async with self._parts.store.read() as t:
            order = await self._carrier.order(t, guild, user, cause, word)
            unseen = not order.case.present and await t.presence.present(guild, user) is None
            return order, unseen, bool(await t.holds.of_users(guild, [user]))

    async def _left(self, order: Order) -> None:
        """Forget what somebody who is not linked had in a guild the bot is not in any more: nothing can be taken back."""
        if order.link is None:
            async with self._parts.store.write() as t:
                await t.ledger.drop_user(order.case.guild, order.case.user)
                await t.presence.forget(order.case.guild, order.case.user)

    def _matters(self, order: Order) -> bool:
        """Say whether there is anything to do or to write down."""
        case, decision = order.case, order.decision
        doubts_changed = {*in_doubt(case, decision)} != {*case.doubts.values()}
        ended = over(order) or (order.link is None and case.ledger)
        return bool(decision.change or decision.claimed or decision.earned or doubts_changed or ended)

    async def _workable(self, view: GuildView) -> bool:
        """Say whether roles may move in a guild now; when not, everybody there is looked at when they may."""
        guild = view.guild
        if view.audited and self._parts.guilds.is_ready(guild):
            return True
        why = Cause.REACHED if view.audited else Cause.AUDIT
        async with self._parts.store.write() as t:
            waiting = await t.nudges.load(NudgeKind.GUILD, str(guild))
            # An audit alone looks only at those of whom it sees something new.
            if waiting is None or (waiting.cause is Cause.AUDIT and why is Cause.REACHED):
                await t.nudges.add(NudgeKind.GUILD, str(guild), why, self._parts.now())
        return False

    def _again_at(self, order: Order) -> datetime:
        """Say when to look again, ever later, for somebody whom the guild's own pass may miss: nothing names them there."""
        now = self._parts.now()
        began = [*([order.link.linked_at] if order.link else []), *(grant.granted_at for grant in order.case.manual)]
        return now + min(max(now - max(began, default=now), _SOON), _LATE)

    def _unproven(self, order: Order) -> bool:
        """Say whether Discord accepted a change a while ago that nobody saw: the gateway tells of most within a second."""
        before = self._parts.now() - UNSEEN
        return any(row.holding.unseen and row.since <= before for row in order.case.ledger.values())

    async def _look(self, view: GuildView, user: DiscordUserId, cause: Cause) -> bool:
        """Ask Discord what somebody has; True when their roles are to be left alone for now."""
        seen_at = self._parts.now()
        member = await self._parts.guilds.fetch_member(view.guild, user)
        async with self._parts.store.write() as t:
            await t.links.lock([user])
            if member is None:
                await record_gone(t, view, [user], seen_at)
                return False
            sighted = await record_seen(t, view, {user: member.roles}, seen_at, cause)
            await record_screening(t, view.guild, {user: member.pending}, seen_at)
        for report in sighted.reports:
            await self._parts.tell(report)
        return user in sighted.left_alone


def _audited_after(view: GuildView, link: Link) -> bool:
    audited_at = view.settings.audited_at
    return audited_at is not None and audited_at >= link.linked_at
