"""The look at everybody the bot has to do with in a guild, over the gateway: a hundred people a question, no request.

What happens while no session listens is told by nobody. So each new session asks, as do the staff with ``/sync now``; what
is seen is written down like any other sighting, and whoever is not as they should be is nudged by it.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import structlog

from bot.core.model import Cause, DiscordUserId, GuildId, Member
from bot.store.records import Nudge, NudgeKind
from bot.store.tables import Tables
from bot.sync.cases import load_view
from bot.sync.parts import Parts
from bot.sync.ports import ASKED_AT_ONCE
from bot.sync.queue import Stopping
from bot.sync.reports import Report
from bot.sync.screening import record_screening
from bot.sync.sightings import MARGIN, record_gone, record_seen

log = structlog.get_logger(__name__)

# A guild the gateway has not told about yet is asked about again this much later.
_NOT_READY = timedelta(seconds=5)


class Looks:
    """Works on nudges about the members of guilds."""

    def __init__(self, parts: Parts, stopping: Callable[[], bool]) -> None:
        self._parts = parts
        self._stopping = stopping

    async def members(self, nudge: Nudge) -> datetime | None:
        """Look at everybody in a guild, unless its first audit is still to come, which sees them all."""
        guild = GuildId(int(nudge.key))
        async with self._parts.store.read() as t:
            view = await load_view(t, guild)
            by_hand = await t.manual.of_guild(guild)
        if view.settings.left_at is not None or not view.audited or not (view.rules or by_hand):
            return None
        if not self._parts.guilds.is_ready(guild):
            return self._parts.now() + _NOT_READY
        looked = 0
        async for users in self._concerned(guild):
            if self._stopping():
                raise Stopping
            asked_at = self._parts.now()
            answer = await self._parts.guilds.ask_members(guild, users)
            async with self._parts.store.write() as t:
                reports = await self._record(t, guild, answer, asked_at)
            for report in reports:
                await self._parts.tell(report)
            looked += len(answer)
        log.info("members_looked_at", guild=guild, people=looked)
        return None

    async def _record(
        self, t: Tables, guild: GuildId, answer: dict[DiscordUserId, Member | None], asked_at: datetime
    ) -> tuple[Report, ...]:
        view = await load_view(t, guild)
        there = {user: member for user, member in answer.items() if member is not None}
        returned = await self._returned(t, guild, there)
        await t.ledger.leave(guild, returned)
        await t.nudges.add_many(NudgeKind.USER, map(str, returned), Cause.JOINED, asked_at)
        roles = {user: member.roles for user, member in there.items()}
        sighted = await record_seen(t, view, roles, asked_at, Cause.AUDIT, call=True)
        await record_screening(t, guild, {user: member.pending for user, member in there.items()}, asked_at)
        await record_gone(t, view, [user for user, member in answer.items() if member is None], asked_at)
        return sighted.reports

    async def _returned(self, t: Tables, guild: GuildId, there: dict[DiscordUserId, Member]) -> list[DiscordUserId]:
        """Name who left and came back since they were seen last, so that nobody took their roles by hand.

        Discord's clock and ours may differ: whoever still has one of their roles has not been away.
        """
        seen_at = await t.presence.seen_at(guild, there)
        ledger = await t.ledger.of_users(guild, there)
        return [
            user
            for user, member in there.items()
            if member.joined_at is not None
            and user in seen_at
            and member.joined_at > seen_at[user] + MARGIN
            and not member.roles & ledger.get(user, {}).keys()
        ]

    async def _concerned(self, guild: GuildId) -> AsyncIterator[list[DiscordUserId]]:
        """Go through everybody linked, then those without a link who have, or had, a role of ours."""
        after: DiscordUserId | None = None
        while True:
            async with self._parts.store.read() as t:
                links = await t.links.page(after, ASKED_AT_ONCE)
            if not links:
                break
            yield [link.user for link in links]
            after = links[-1].user
        async with self._parts.store.read() as t:
            by_hand = {grant.user for grant in await t.manual.of_guild(guild)}
            unlinked = sorted(by_hand - await t.links.linked_users(by_hand))
        for start in range(0, len(unlinked), ASKED_AT_ONCE):
            yield unlinked[start : start + ASKED_AT_ONCE]
        after = None
        while True:
            async with self._parts.store.read() as t:
                users = await t.ledger.users(guild, after, ASKED_AT_ONCE)
                strangers = [user for user in users if user not in await t.links.linked_users(users)]
            if strangers:
                yield strangers
            if not users:
                return
            after = users[-1]
