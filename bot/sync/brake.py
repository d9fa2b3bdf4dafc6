"""The brake at work: what it holds, what was decided, what is no longer due. When it holds, `bot.core.brake` says.

Whatever is counted is counted in the database, under the guild's lock: two processes, and many people at once in one,
see each other's revocations before the first of them has happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.core.brake import brake, losses
from bot.core.model import Cause, DiscordUserId, GuildId, Policy, RoleId
from bot.store.records import NudgeKind, RunKind, RunReport
from bot.store.tables import Tables
from bot.sync.apply import Order
from bot.sync.cases import GuildView
from bot.sync.parts import Parts
from bot.sync.reports import BrakeHeld, BrakeReleased, Report

log = structlog.get_logger(__name__)

Roles = frozenset[RoleId]

# Who lost something in the last hour counts as of one run: losses that arrive one webhook at a time are losses all the same.
LATELY = timedelta(hours=1)
_NOBODY = DiscordUserId(0)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What of a person's revocations may happen now, what is held, and what to tell once the transaction ended."""

    revoke: Roles
    held: Roles
    reports: tuple[Report, ...] = ()


async def would_hold(
    t: Tables, guild: GuildId, policy: Policy, losing: int, now: datetime, *, but: DiscordUserId = _NOBODY
) -> bool:
    """Say whether what so many more people lose is to be held, next to those who lost something in the last hour.

    ``but``: ignore what this person lost; it may be the same once more.
    """
    recent = await t.holds.count_lost(guild, now - LATELY, but)
    lost = losing + recent
    if lost <= policy.brake_count:
        return False
    # So many holders let it pass; whether there are more makes no difference.
    enough = lost * 100 // max(policy.brake_percent, 1) + 1
    holders = await t.ledger.count_holders(guild, at_most=enough) + recent
    return brake(losing, recent, holders, policy)


class Brake:
    """Holds revocations that look like somebody's outage, and lets them go when a person said so."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def sift(self, t: Tables, order: Order, due: Roles) -> Sifted:
        """Sift one person's ``due`` revocations, in the caller's transaction, which has locked the guild.

        A held one that is not due any more is let go of; one that waits for its second reading stays, and so does the
        answer to it. What somebody who is not linked any more gave up themselves is never held.
        """
        case, decision, cause = order.case, order.decision, order.cause
        guild, user = case.guild, case.user
        answers = (await t.holds.of_users(guild, [user])).get(user, {})
        reports = await self._drop(t, guild, user, frozenset(answers) - due - decision.doubted)
        if not case.linked:
            return Sifted(due, frozenset(), reports)
        approved = frozenset(role for role in due if answers.get(role) is True)
        new = due - answers.keys()
        held = due & answers.keys() - approved
        policy, now, lost = case.policy, self._parts.now(), losses(case, decision, new)
        if lost and await would_hold(t, guild, policy, 1, now, but=user):
            reports = (*reports, *await self._hold_one(t, guild, user, lost, cause))
            held |= lost
            new -= lost
        elif lost and cause is not Cause.MANUAL:
            await t.holds.lost(guild, user, now)
        return Sifted(approved | new, held, reports)

    async def hold_run(
        self, t: Tables, view: GuildView, run: int, revocations: Mapping[DiscordUserId, Roles], cause: Cause
    ) -> Report | None:
        """Hold what a run's people would lose where they are too many, in the caller's transaction with the guild locked.

        Returns the report to make when any of it was not held before.
        """
        if not await would_hold(t, view.guild, view.settings.policy, len(revocations), self._parts.now()):
            return None
        return await self._hold(t, view.guild, run, revocations, cause)

    async def decide(
        self, guild: GuildId, run: int, by: DiscordUserId, *, approved: bool, seen_at: datetime | None = None
    ) -> bool:
        """Store the staff's answer; false when somebody answered before. What was approved happens if still due.

        It speaks of what was held when the question was shown (``seen_at``, else when it was asked): what joined it
        since becomes a question of its own.
        """
        now = self._parts.now()
        report = None
        async with self._parts.store.write() as t:
            await t.guilds.lock(guild)
            hold = next((each for each in await t.holds.waiting(guild) if each.run == run), None)
            if hold is None:
                return False
            report = await self._split(t, guild, run, seen_at or hold.asked_at or now)
            await t.holds.decide(guild, run, approved, by, now)
            if approved:
                users = {str(held.user) for held in await t.holds.revocations(guild, run)}
                await t.nudges.add_many(NudgeKind.USER, users, Cause.MANUAL, now)
        log.info("brake_decided", guild=guild, run=run, approved=approved, by=by)
        if report is not None:
            await self._parts.tell(report)
        return True

    async def _split(self, t: Tables, guild: GuildId, run: int, seen_at: datetime) -> Report | None:
        """Make a question of its own of what a run began to hold after an instant."""
        unseen = sum(held.held_at > seen_at for held in await t.holds.revocations(guild, run))
        if not unseen:
            return None
        rest = await self._start_run(t, guild, unseen)
        await t.holds.split(guild, run, seen_at, rest)
        return BrakeHeld(guild, rest, Cause.MANUAL, unseen)

    async def _start_run(self, t: Tables, guild: GuildId, held: int) -> int:
        """Record a run that does nothing but hold."""
        run = await t.runs.start(RunKind.SYNC, self._parts.now(), guild=guild)
        await t.runs.end(run, RunReport(held=held), self._parts.now())
        return run

    async def _drop(self, t: Tables, guild: GuildId, user: DiscordUserId, roles: Roles) -> tuple[Report, ...]:
        if not roles:
            return ()
        before = await t.holds.waiting(guild)
        await t.holds.drop(guild, user, roles)
        left = {hold.run for hold in await t.holds.waiting(guild)}
        return tuple(BrakeReleased(guild, hold.run, hold.channel, hold.message) for hold in before if hold.run not in left)

    async def _hold_one(
        self, t: Tables, guild: GuildId, user: DiscordUserId, roles: Roles, cause: Cause
    ) -> tuple[Report, ...]:
        """Hold one person's revocations under the open question; when there is none, a new one is asked."""
        waiting = await t.holds.waiting(guild)
        run = waiting[-1].run if waiting else await self._start_run(t, guild, len(roles))
        report = await self._hold(t, guild, run, {user: roles}, cause)
        return () if report is None else (report,)

    async def _hold(
        self, t: Tables, guild: GuildId, run: int, revocations: Mapping[DiscordUserId, Roles], cause: Cause
    ) -> Report | None:
        if not await t.holds.open(guild, run, revocations, self._parts.now()):
            return None
        log.warning("brake_held", guild=guild, run=run, cause=cause.value)
        return BrakeHeld(guild, run, cause, await t.holds.count_waiting(guild))
