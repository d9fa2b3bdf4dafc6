"""Many people at once: what follows for each, how the brake sees all of it together, and a nudge for whom it concerns.

The same cases and the same decisions as for one person; nobody's role is changed here. Two passes: the first only
counts, so that the brake knows a run's revocations before the first of them can happen.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.core.brake import losses
from bot.core.case import Case, Decision
from bot.core.model import (
    CampaignId,
    Cause,
    DiscordUserId,
    Doubt,
    GuildId,
    Holding,
    Link,
    Membership,
    PatronId,
    RoleId,
)
from bot.core.reconcile import reconcile
from bot.store.records import CampaignState, MembershipRow, NudgeKind
from bot.store.tables import Tables
from bot.sync import blocks
from bot.sync.apply import in_doubt
from bot.sync.brake import Brake
from bot.sync.cases import GuildView, load_cases, load_view
from bot.sync.parts import Parts
from bot.sync.queue import Stopping

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
    """What a bulk pass came to, in roles; ``doubts`` wait for a second reading, ``begun`` of them since this pass."""

    granted: int = 0
    revoked: int = 0
    held: int = 0
    blocked: int = 0
    doubts: int = 0
    begun: int = 0


Batches = Callable[[], AsyncIterator[Batch]]


class Bulk:
    """Judges many people and hands out the work that follows."""

    def __init__(self, parts: Parts, brake: Brake, stopping: Callable[[], bool]) -> None:
        self._parts = parts
        self._brake = brake
        self._stopping = stopping

    async def load_views(
        self, guilds: Iterable[GuildId], listed: Mapping[CampaignId, CampaignState] | None = None
    ) -> list[GuildView]:
        """Load the guilds that can be judged now; ``listed`` are campaigns as their list of this moment leaves them."""
        views = []
        async with self._parts.store.read() as t:
            for guild in guilds:
                view = await load_view(t, guild)
                if view.audited and view.settings.left_at is None:
                    views.append(replace(view, campaigns={**view.campaigns, **(listed or {})}))
        return views

    async def count(self, views: list[GuildView], batches: Batches, run: int, cause: Cause) -> None:
        """Count what a run would revoke in each guild, and hold all of it where that is too much."""
        counts: dict[GuildId, dict[DiscordUserId, Roles]] = defaultdict(dict)
        async for batch in batches():
            self._go_on()
            async with self._parts.store.read() as t:
                for view in views:
                    counts[view.guild] |= await self._lost(t, view, batch)
        for view in views:
            revocations = counts[view.guild]
            if not revocations:
                continue
            async with self._parts.store.write() as t:
                await t.guilds.lock(view.guild)
                report = await self._brake.hold_run(t, view, run, revocations, cause)
            if report is not None:
                await self._parts.tell(report)

    async def _lost(self, t: Tables, view: GuildView, batch: Batch) -> dict[DiscordUserId, Roles]:
        """Give the roles people would lose, without those under way and those about which the staff were asked.

        Who gave up the link gave up the roles: nothing holds them.
        """
        if not view.settings.policy.acts:
            return {}
        judged = await self._judge(t, view, batch)
        answers = await t.holds.of_users(view.guild, judged)
        lost: dict[DiscordUserId, Roles] = {}
        for user, (case, decision) in judged.items():
            under_way = {role for role, grant in case.ledger.items() if grant.holding is Holding.TAKING}
            new = decision.change.revoke - under_way - answers.get(user, {}).keys()
            new -= self._blocked(view, new)
            if case.linked and (looks_lost := losses(case, decision, new)):
                lost[user] = looks_lost
        return lost

    async def hand_out(self, views: list[GuildView], batches: Batches, cause: Cause) -> Tally:
        """Store readings, doubts and what was earned, and nudge whose roles are to change; each batch is all or nothing.

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
        turns: dict[DiscordUserId, datetime] = {}
        # Whoever acts on what is stored of these people has ended, or will begin from what is stored here.
        await t.links.lock(user for user, link in batch.people.items() if link is not None)
        for view in views:
            judged = await self._judge(t, view, batch)
            answers = await t.holds.of_users(view.guild, judged)
            doubts: dict[DiscordUserId, tuple[Doubt, ...]] = {}
            earned: dict[PatronId, frozenset[int]] = {}
            for user, (case, decision) in judged.items():
                if decision.due_at is not None:
                    due[user] = min(due.get(user, decision.due_at), decision.due_at)
                if (link := batch.people[user]) is not None and decision.earned:
                    earned[link.patron] = decision.earned
                in_doubt_now = tuple(in_doubt(case, decision))
                if {*in_doubt_now} != {*case.doubts.values()}:
                    doubts[user] = in_doubt_now
                if self._concerns(view, case, decision, answers.get(user, {}), tally):
                    turns[user] = min(self._turn(case, decision), turns.get(user, self._parts.now()))
            await t.doubts.replace_many(view.guild, doubts)
            await t.earned.add(earned, self._parts.now())
        await t.memberships.save_many(self._due_rows(batch, due))
        for user, link in batch.people.items():
            if link is not None and not batch.rows and user in due:
                for campaign in sorted(await t.memberships.load_all(link.patron)):
                    await t.memberships.set_due(link.patron, campaign, due[user])
        await t.nudges.add_turns(NudgeKind.USER, {str(user): turn for user, turn in turns.items()}, cause)

    def _concerns(
        self, view: GuildView, case: Case, decision: Decision, answers: Mapping[RoleId, bool | None], tally: Tally
    ) -> bool:
        """Count one person's decision and say whether there is anything to do for them now."""
        tally.doubts += len(decision.doubts)
        tally.begun += sum(doubt.role not in case.doubts for doubt in decision.doubts)
        if view.settings.policy.paused:
            return False
        change = decision.change
        blocked = self._blocked(view, change.grant | change.revoke)
        held = change.revoke & {role for role, answer in answers.items() if answer is not True}
        tally.granted += len(change.grant - blocked)
        tally.revoked += len(change.revoke - blocked - held)
        tally.held += len(held)
        tally.blocked += len(blocked)
        no_longer_due = answers.keys() - change.revoke
        forgettable = not case.linked and case.ledger
        return bool(change.grant or change.revoke - held or decision.claimed or no_longer_due or forgettable)

    def _turn(self, case: Case, decision: Decision) -> datetime:
        """Give the instant that puts a nudge in its place: grants before revocations, the newest patrons first."""
        now = self._parts.now()
        since = max((each.since for each in case.memberships.values() if each.since is not None), default=_PATREON_BEGAN)
        if not decision.change.grant:
            return now
        # A microsecond of the queue for each second of patronage, which leaves all of them due now.
        return now - timedelta(microseconds=max(1.0, (since - _PATREON_BEGAN).total_seconds()))

    def _due_rows(self, batch: Batch, due: Mapping[DiscordUserId, datetime]) -> list[MembershipRow]:
        users = {link.patron: user for user, link in batch.people.items() if link is not None}
        return [
            replace(row, due_at=due.get(users[row.membership.patron])) if row.membership.patron in users else row
            for row in batch.rows
        ]

    async def _judge(self, t: Tables, view: GuildView, batch: Batch) -> Judged:
        now = self._parts.now()
        cases = await load_cases(t, view, batch.people, fresh=batch.fresh)
        return {user: (case, reconcile(case, now)) for user, case in cases.items()}

    def _blocked(self, view: GuildView, roles: Roles) -> Roles:
        if not roles or not self._parts.guilds.is_ready(view.guild):
            return frozenset()
        return frozenset(blocks.find(self._parts.guilds, view.guild, roles, view.refused))

    def _go_on(self) -> None:
        if self._stopping():
            raise Stopping
