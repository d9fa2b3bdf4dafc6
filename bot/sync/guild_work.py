"""The nudges of guilds: the audit of who has which managed role, and the pass over everybody after rules changed.

The audit reads every member page by page, keeps none of them, and only writes down what it sees. Before a guild's
first one has ended, no role of it is touched: nobody could say what people had before us.
"""

from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime, timedelta

import structlog

from bot.core.model import Cause, DiscordUserId, GuildId, Holding
from bot.store.records import Nudge, NudgeKind, RunKind, RunReport
from bot.store.tables import Tables
from bot.sync.bulk import CHUNK, Batch, Bulk
from bot.sync.cases import GuildView, audited_key, load_view
from bot.sync.parts import Parts
from bot.sync.queue import Stopping
from bot.sync.reports import AuditEnded
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
        """Audit a guild where that is due, then judge those whom the audit or the rules concern."""
        guild, now = GuildId(int(nudge.key)), self._parts.now()
        if not self._parts.guilds.is_ready(guild):
            return now + _NOT_READY
        async with self._parts.store.read() as t:
            view = await load_view(t, guild)
        if not view.rules and view.settings.audited_at is None:
            return None
        first = not view.audited
        async with self._parts.store.write() as t:
            await t.guilds.save_roles(guild, self._parts.guilds.role_names(guild))
        drifted: set[DiscordUserId] = set()
        if first or nudge.cause is Cause.AUDIT:
            drifted = await self._audit(view, first=first)
        cause = Cause.AUDIT if first and nudge.cause is not Cause.RULES else nudge.cause
        everybody = first or cause is not Cause.AUDIT
        views = await self._bulk.load_views([guild])
        batches = lambda: self._everybody(guild) if everybody else self._some(drifted)  # noqa: E731
        async with self._parts.store.write() as t:
            run = await t.runs.start(RunKind.SYNC, now, guild=guild)
        await self._bulk.count(views, batches, run, cause)
        tally = await self._bulk.hand_out(views, batches, cause)
        report = RunReport(granted=tally.granted, revoked=tally.revoked, held=tally.held, blocked=tally.blocked)
        async with self._parts.store.write() as t:
            await t.runs.end(run, report, self._parts.now())
        return None

    async def _audit(self, view: GuildView, *, first: bool) -> set[DiscordUserId]:
        """Read all members; returns those whose ledger was found to be wrong. Raises before an incomplete one counts."""
        guild, begun_at = view.guild, self._parts.now()
        async with self._parts.store.write() as t:
            run = await t.runs.start(RunKind.AUDIT, begun_at, guild=guild)
        drifted: set[DiscordUserId] = set()
        read, asked_at = 0, begun_at
        async for page in self._parts.guilds.read_members(guild):
            if self._stopping():
                raise Stopping
            read += len(page)
            async with self._parts.store.write() as t:
                ours = await _concerned(t, guild, [user for user, _ in page])
                seen = {user: roles for user, roles in page if user in ours}
                drifted |= await record_seen(t, view, seen, asked_at, Cause.AUDIT)
            asked_at = self._parts.now()
        late = await self._close(view, begun_at)
        report = RunReport(read=read, total=read)
        async with self._parts.store.write() as t:
            await t.guilds.audited(guild, begun_at)
            await t.facts.set(audited_key(guild), " ".join(str(role) for role in sorted(view.managed)))
            if first:
                await _call_those_who_waited(t, guild, late, self._parts.now())
            await t.runs.end(run, report, self._parts.now())
        log.info("audit_ended", guild=guild, run=run, read=read, drifted=len(drifted))
        await self._parts.tell(AuditEnded(run, guild, first, report))
        return drifted

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
        """Go through the linked people in a guild, then through those with a ledger and no link."""
        after: DiscordUserId | None = None
        while True:
            async with self._parts.store.read() as t:
                links = await t.links.in_guild(guild, after, CHUNK)
            if not links:
                break
            yield Batch({link.user: link for link in links})
            after = links[-1].user
        after = None
        while True:
            async with self._parts.store.read() as t:
                users = await t.ledger.users(guild, after, CHUNK)
                linked = await t.links.linked_users(users)
            if not users:
                return
            yield Batch({user: None for user in users if user not in linked})
            after = users[-1]

    async def _some(self, users: Collection[DiscordUserId]) -> AsyncIterator[Batch]:
        ordered = sorted(users)
        for start in range(0, len(ordered), CHUNK):
            chunk = ordered[start : start + CHUNK]
            async with self._parts.store.read() as t:
                links = await t.links.load_many(chunk)
            yield Batch({user: links.get(user) for user in chunk})


async def _call_those_who_waited(t: Tables, guild: GuildId, late: list[DiscordUserId], now: datetime) -> None:
    """Nudge whom the pass over everybody misses, since no link or presence names them here: nobody else will."""
    by_hand = {grant.user for grant in await t.manual.of_guild(guild)}
    await t.nudges.add_many(NudgeKind.USER, map(str, late), Cause.LINKED, now)
    await t.nudges.add_many(NudgeKind.USER, map(str, by_hand), Cause.MANUAL, now)


async def _concerned(t: Tables, guild: GuildId, users: list[DiscordUserId]) -> set[DiscordUserId]:
    """Say whom of a page the bot has anything to do with; of all others nothing is written down."""
    linked = await t.links.linked_users(users)
    return {*linked, *await t.ledger.of_users(guild, users), *await t.manual.of_users(guild, users)}
