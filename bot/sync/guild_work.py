"""The nudges of guilds: the audit of who has which managed role, and the pass over everybody after rules changed.

The audit reads every member page by page, keeps none of them, and only writes down what it sees. Before a guild's
first one has ended, no role of it is touched: nobody could say what people had before us.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import structlog

from bot.core.model import Cause, DiscordUserId, GuildId, Holding
from bot.store.records import Nudge, NudgeKind, RunKind, RunReport
from bot.store.tables import Tables
from bot.sync import blocks
from bot.sync.bulk import Batch, Bulk
from bot.sync.cases import CHUNK, GuildView, audited_key, everybody, load_view
from bot.sync.parts import Parts
from bot.sync.queue import Stopping
from bot.sync.reads import listable
from bot.sync.reports import AuditEnded
from bot.sync.screening import record_screening
from bot.sync.sightings import record_gone, record_seen

log = structlog.get_logger(__name__)

# A guild the gateway has not told about yet is asked for again this much later.
_NOT_READY = timedelta(seconds=5)


class GuildWork:
    """Works on nudges about guilds."""

    def __init__(self, parts: Parts, bulk: Bulk, stopping: Callable[[], bool]) -> None:
        self._parts = parts
        self._bulk = bulk
        self._stopping = stopping

    async def guild(self, nudge: Nudge) -> datetime | None:
        """Audit a guild where that is due, or judge everybody there whom rules or time concern."""
        guild, cause = GuildId(int(nudge.key)), nudge.cause
        async with self._parts.store.read() as t:
            view = await load_view(t, guild)
            nothing_to_do = view.settings.audited_at is None and not view.rules and not await t.manual.of_guild(guild)
        if nothing_to_do or view.settings.left_at is not None:
            return None
        if not self._parts.guilds.is_ready(guild):
            return self._parts.now() + _NOT_READY
        async with self._parts.store.write() as t:
            await t.guilds.save_roles(guild, self._parts.guilds.role_names(guild))
        first = not view.audited
        if first or cause is Cause.AUDIT:
            await self._audit(view, first=first)
        if first or cause is not Cause.AUDIT:
            await self._judge_everybody(view, cause)
        return None

    async def _judge_everybody(self, view: GuildView, cause: Cause) -> None:
        guild = view.guild
        async with self._parts.store.write() as t:
            run = await t.runs.start(RunKind.SYNC, self._parts.now(), guild=guild)
        views = await self._bulk.load_views([guild])
        await self._bulk.count(views, lambda: self._everybody(guild), run, cause)
        tally = await self._bulk.hand_out(views, lambda: self._everybody(guild), cause)
        report = RunReport(granted=tally.granted, revoked=tally.revoked, held=tally.held, blocked=tally.blocked)
        async with self._parts.store.write() as t:
            await t.runs.end(run, report, self._parts.now())
            if cause is Cause.RULES and tally.doubts:
                await self._ask_again(t, view, at_once=tally.begun > 0)

    async def _ask_again(self, t: Tables, view: GuildView, *, at_once: bool) -> None:
        """Have Patreon asked what a change of rules waits for: its creator looks at the outcome.

        What was stored before the change is one reading, the list is the other. ``at_once``: the change itself left
        something in doubt. Doubts that Patreon's own answers began are not settled faster for it than lists are spaced, so
        that an outage still has to last.
        """
        now = self._parts.now()
        for campaign in sorted({rule.campaign for rule in view.rules} & view.campaigns.keys()):
            state = view.campaigns[campaign]
            if await listable(t, state):
                spaced = now if state.refreshed_at is None else state.refreshed_at + self._parts.settings.list_spacing
                await t.nudges.add(NudgeKind.CAMPAIGN, campaign, Cause.RULES, now if at_once else max(now, spaced))
            elif at_once:
                await self._call_doubted(t, view.guild, now)

    async def _call_doubted(self, t: Tables, guild: GuildId, now: datetime) -> None:
        """Have everybody about whom there is a doubt read on their own: there is no list that would do."""
        after: DiscordUserId | None = None
        while users := await t.doubts.users(guild, after, CHUNK):
            await t.nudges.add_many(NudgeKind.USER, map(str, users), Cause.RULES, now)
            after = users[-1]

    async def _audit(self, view: GuildView, *, first: bool) -> None:
        """Read all members, and call those of whom something new was seen; raises before an incomplete audit counts."""
        guild, begun_at = view.guild, self._parts.now()
        async with self._parts.store.write() as t:
            run = await t.runs.start(RunKind.AUDIT, begun_at, guild=guild)
            # What Discord refused to touch the day before is tried once more.
            await blocks.forget(t, guild, view.refused, begun_at)
        read, asked_at = 0, begun_at
        async for page in self._parts.guilds.read_members(guild):
            if self._stopping():
                raise Stopping
            read += len(page)
            async with self._parts.store.write() as t:
                ours = await _concerned(t, guild, [user for user, _ in page])
                seen = {user: member.roles for user, member in page if user in ours}
                sighted = await record_seen(t, view, seen, asked_at, Cause.AUDIT, call=not first)
                await record_screening(t, guild, {user: member.pending for user, member in page if user in ours}, asked_at)
            for each in sighted.reports:
                await self._parts.tell(each)
            asked_at = self._parts.now()
        late = await self._close(view, begun_at)
        report = RunReport(read=read, total=read)
        async with self._parts.store.write() as t:
            await t.guilds.audited(guild, begun_at)
            await t.facts.set(audited_key(guild), " ".join(str(role) for role in sorted(view.managed)))
            if first:
                await _call_those_who_waited(t, guild, late, self._parts.now())
            await t.runs.end(run, report, self._parts.now())
        log.info("audit_ended", guild=guild, run=run, read=read)
        await self._parts.tell(AuditEnded(run, guild, first, report))

    async def _close(self, view: GuildView, begun_at: datetime) -> list[DiscordUserId]:
        """Write down who was not on any page: those not seen since, and linked people nobody ever saw here.

        Who linked after the beginning may have been on a page that was read before; these are returned.
        """
        guild = view.guild
        late: list[DiscordUserId] = []
        async with self._parts.store.write() as t:
            await t.presence.gone_since(guild, begun_at, self._parts.now())
        after: DiscordUserId | None = None
        while True:
            async with self._parts.store.write() as t:
                links = await t.links.page(after, CHUNK)
                known = await t.presence.of_users(guild, [link.user for link in links])
                late += [link.user for link in links if link.linked_at >= begun_at]
                absent = {link.user: False for link in links if link.user not in {*known, *late}}
                await t.presence.put_many(guild, absent, begun_at)
            if not links:
                break
            after = links[-1].user
        after = None
        while True:
            async with self._parts.store.write() as t:
                users = await t.ledger.users(guild, after, CHUNK)
                present = await t.presence.of_users(guild, users)
                ledger = await t.ledger.of_users(guild, [user for user in users if not present.get(user)])
                left = [user for user, rows in ledger.items() if any(r.holding is not Holding.LEFT for r in rows.values())]
                await record_gone(t, view, left, self._parts.now())
            if not users:
                return late
            after = users[-1]

    async def _everybody(self, guild: GuildId) -> AsyncIterator[Batch]:
        async for people in everybody(self._parts.store, guild):
            yield Batch(people)


async def _call_those_who_waited(t: Tables, guild: GuildId, late: list[DiscordUserId], now: datetime) -> None:
    """Nudge whom the pass over everybody misses, since no link or presence names them here: nobody else will."""
    by_hand = {grant.user for grant in await t.manual.of_guild(guild)}
    await t.nudges.add_many(NudgeKind.USER, map(str, late), Cause.LINKED, now)
    await t.nudges.add_many(NudgeKind.USER, map(str, by_hand), Cause.MANUAL, now)


async def _concerned(t: Tables, guild: GuildId, users: list[DiscordUserId]) -> set[DiscordUserId]:
    """Say whom of a page the bot has anything to do with; of all others nothing is written down."""
    linked = await t.links.linked_users(users)
    return {*linked, *await t.ledger.of_users(guild, users), *await t.manual.of_users(guild, users)}
