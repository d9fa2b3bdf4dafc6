"""Many people at once: what follows for each, how the brake sees all of it together, and a nudge for whom it concerns.

The same cases and the same decisions as for one person; nobody's role is changed here. Two passes: the first only
counts, so that the brake knows a run's revocations before the first of them can happen.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.core.case import Case, Decision
from bot.core.model import CampaignId, Cause, DiscordUserId, Doubt, GuildId, Link, Membership, PatronId, RoleId
from bot.store.records import MembershipRow, NudgeKind
from bot.store.tables import Tables
from bot.sync.brake import Brake
from bot.sync.cases import GuildView, load_cases, load_view
from bot.sync.deciding import decide
from bot.sync.parts import Parts
from bot.sync.queue import Stopping

CHUNK = 500
_PATREON_BEGAN = datetime(2013, 1, 1, tzinfo=UTC)

Roles = frozenset[RoleId]
Judged = dict[DiscordUserId, tuple[Case, Decision]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some people to look at: their links (None: not linked), and readings that are not stored yet."""

    people: Mapping[DiscordUserId, Link | None]
    fresh: Mapping[PatronId, Mapping[CampaignId, Membership]] = field(default_factory=dict)
    rows: tuple[MembershipRow, ...] = ()


@dataclass(slots=True)
class Tally:
    """What a bulk pass came to, in roles; ``doubts`` wait for a second reading."""

    granted: int = 0
    revoked: int = 0
    held: int = 0
    blocked: int = 0
    doubts: int = 0


@dataclass(slots=True)
class _Count:
    """What one guild would lose in a run."""

    revocations: dict[DiscordUserId, Roles] = field(default_factory=dict)
    roles: int = 0


Batches = Callable[[], AsyncIterator[Batch]]


class Bulk:
    """Judges many people and hands out the work that follows."""

    def __init__(self, parts: Parts, brake: Brake, stopping: Callable[[], bool]) -> None:
        self._parts = parts
        self._brake = brake
        self._stopping = stopping

    async def load_views(
        self, guilds: list[GuildId], listed: Mapping[CampaignId, datetime] | None = None
    ) -> list[GuildView]:
        """Load the guilds in which roles may move now; ``listed`` says which lists were just begun, and when."""
        views = []
        async with self._parts.store.read() as t:
            for guild in guilds:
                view = await load_view(t, guild)
                if view.audited and not view.settings.policy.paused:
                    views.append(_as_listed(view, listed or {}))
        return views

    async def count(self, views: list[GuildView], batches: Batches, run: int, cause: Cause) -> None:
        """Count what a run would revoke in each guild, and hold all of it where that is too much."""
        counts: dict[GuildId, _Count] = defaultdict(_Count)
        async for batch in batches():
            self._go_on()
            async with self._parts.store.read() as t:
                for view in views:
                    await self._count(t, view, batch, counts[view.guild], cause)
        for view in views:
            count = counts[view.guild]
            if not count.roles:
                continue
            async with self._parts.store.write() as t:
                if not await self._brake.holds(t, view, count.roles):
                    continue
                report = await self._brake.hold_run(t, view.guild, run, count.revocations, cause)
            if report is not None:
                await self._parts.tell(report)

    async def _count(self, t: Tables, view: GuildView, batch: Batch, count: _Count, cause: Cause) -> None:
        judged = await self._judge(t, view, batch, cause)
        answers = await t.holds.of_users(view.guild, judged)
        for user, (_, decision) in judged.items():
            new = decision.change.revoke - answers.get(user, {}).keys() - self._blocked(view.guild, decision.change.revoke)
            if new and not view.settings.policy.shadow:
                count.revocations[user] = new
                count.roles += len(new)

    async def hand_out(self, views: list[GuildView], batches: Batches, cause: Cause) -> Tally:
        """Store readings and doubts, and nudge everybody whose roles are to change; each batch is all or nothing.

        Grants come before revocations, and the newest patrons first.
        """
        tally = Tally()
        async for batch in batches():
            self._go_on()
            async with self._parts.store.write() as t:
                await self._hand_out(t, views, batch, cause, tally)
        return tally

    async def _hand_out(self, t: Tables, views: list[GuildView], batch: Batch, cause: Cause, tally: Tally) -> None:
        due: dict[DiscordUserId, datetime] = {}
        order: dict[DiscordUserId, datetime] = {}
        for view in views:
            judged = await self._judge(t, view, batch, cause)
            answers = await t.holds.of_users(view.guild, judged)
            doubts: dict[DiscordUserId, tuple[Doubt, ...]] = {}
            for user, (case, decision) in judged.items():
                if decision.due_at is not None:
                    due[user] = min(due.get(user, decision.due_at), decision.due_at)
                if not decision.change and {*decision.doubts} != {*case.doubts.values()}:
                    doubts[user] = decision.doubts
                if self._concerns(view, decision, answers.get(user, {}), tally):
                    order[user] = min(self._turn(case, decision), order.get(user, self._parts.now()))
            await t.doubts.replace_many(view.guild, doubts)
        await t.memberships.save_many(self._due_rows(batch, due))
        for user, link in batch.people.items():
            if link is not None and not batch.rows and user in due:
                for campaign in await t.memberships.load_all(link.patron):
                    await t.memberships.set_due(link.patron, campaign, due[user])
        await self._nudge(t, batch, order, cause)

    def _concerns(self, view: GuildView, decision: Decision, answers: Mapping[RoleId, bool | None], tally: Tally) -> bool:
        """Count one person's decision and say whether there is anything to do for them now."""
        change = decision.change
        blocked = self._blocked(view.guild, change.grant | change.revoke)
        held = change.revoke & {role for role, answer in answers.items() if answer is not True}
        tally.granted += len(change.grant - blocked)
        tally.revoked += len(change.revoke - blocked - held)
        tally.held += len(held)
        tally.blocked += len(blocked)
        tally.doubts += len(decision.doubts)
        no_longer_due = answers.keys() - change.revoke
        return bool(change.grant or change.revoke - held or no_longer_due)

    def _turn(self, case: Case, decision: Decision) -> datetime:
        """Give the instant that puts a nudge in its place: grants before revocations, the newest patrons first."""
        now = self._parts.now()
        since = max((each.since for each in case.memberships.values() if each.since is not None), default=_PATREON_BEGAN)
        if not decision.change.grant:
            return now
        # A microsecond of the queue for each second of patronage, which leaves all of them due now.
        return now - timedelta(microseconds=max(1.0, (since - _PATREON_BEGAN).total_seconds()))

    async def _nudge(self, t: Tables, batch: Batch, order: Mapping[DiscordUserId, datetime], cause: Cause) -> None:
        for user, turn in order.items():
            link = batch.people[user]
            if cause is Cause.REFRESH and link is not None:
                await t.nudges.add(NudgeKind.PATRON, link.patron, cause, turn)
            else:
                await t.nudges.add(NudgeKind.USER, str(user), cause, turn)

    def _due_rows(self, batch: Batch, due: Mapping[DiscordUserId, datetime]) -> list[MembershipRow]:
        users = {link.patron: user for user, link in batch.people.items() if link is not None}
        return [
            replace(row, due_at=due.get(users[row.membership.patron])) if row.membership.patron in users else row
            for row in batch.rows
        ]

    async def _judge(self, t: Tables, view: GuildView, batch: Batch, cause: Cause) -> Judged:
        now = self._parts.now()
        cases = await load_cases(t, view, batch.people, fresh=batch.fresh)
        return {user: (case, decide(case, cause, now)) for user, case in cases.items()}

    def _blocked(self, guild: GuildId, roles: Roles) -> Roles:
        if not roles or not self._parts.guilds.is_ready(guild):
            return frozenset()
        return frozenset(role for role in roles if self._parts.guilds.blocked(guild, role) is not None)

    def _go_on(self) -> None:
        if self._stopping():
            raise Stopping


def _as_listed(view: GuildView, listed: Mapping[CampaignId, datetime]) -> GuildView:
    states = {
        campaign: replace(state, refreshed_at=listed[campaign]) if campaign in listed else state
        for campaign, state in view.campaigns.items()
    }
    return replace(view, campaigns=states)
