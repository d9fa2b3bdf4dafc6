"""The brake at work: what it holds, what was decided, what is no longer due. When it holds, `bot.core.brake` says.

Whatever is counted is counted in the database, under the guild's lock: two processes, and many people at once in one,
see each other's revocations before the first of them has happened.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.core.brake import brake
from bot.core.model import Cause, DiscordUserId, GuildId, Policy, RoleId
from bot.store.records import NudgeKind, RunKind, RunReport
from bot.store.tables import Tables
from bot.sync.cases import GuildView
from bot.sync.parts import Parts
from bot.sync.reports import BrakeHeld, BrakeReleased, Report

log = structlog.get_logger(__name__)

Roles = frozenset[RoleId]

# Revocations of the last hour count as one run: losses that arrive one webhook at a time are losses all the same.
LATELY = timedelta(hours=1)
_NOBODY = DiscordUserId(0)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What of a person's revocations may happen now, what is held, and what to tell once the transaction ended."""

    revoke: Roles
    held: Roles
    reports: tuple[Report, ...] = ()


async def would_hold(
    t: Tables, guild: GuildId, policy: Policy, revocations: int, now: datetime, *, but: DiscordUserId = _NOBODY
) -> bool:
    """Say whether so many more revocations are to be held, next to those of the last hour and those under way.

    Those under way of the person they are about (``but``) are the same ones, done again.
    """
    recent = await t.count_losses(guild, now - LATELY, but)
    taken = revocations + recent
    if taken <= policy.brake_count:
        return False
    # So many granted roles let them pass; whether there are more makes no difference.
    enough = taken * 100 // max(policy.brake_percent, 1) + 1
    granted = await t.ledger.count_ours(guild, at_most=enough) + recent
    return brake(revocations, recent, granted, policy)


class Brake:
    """Holds revocations that look like somebody's outage, and lets them go when a person said so."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def sift(
        self, t: Tables, view: GuildView, user: DiscordUserId, due: Roles, cause: Cause, *, doubted: Roles, linked: bool
    ) -> Sifted:
        """Sift one person's due revocations, in the caller's transaction, which has locked the guild.

        A held one that is not due any more is let go of; one that waits for its second reading (``doubted``) stays, and
        so does the answer to it. What somebody who is not ``linked`` any more gave up themselves is never held.
        """
        guild = view.guild
        answers = (await t.holds.of_users(guild, [user])).get(user, {})
        reports = await self._drop(t, guild, user, frozenset(answers) - due - doubted)
        if not linked:
            return Sifted(due, frozenset(), reports)
        approved = frozenset(role for role in due if answers.get(role) is True)
        new = due - answers.keys()
        held = due & answers.keys() - approved
        policy, now = view.settings.policy, self._parts.now()
        if new and await would_hold(t, guild, policy, len(new), now, but=user):
            reports = (*reports, *await self._hold_one(t, guild, user, new, cause))
            held |= new
            new = frozenset()
        return Sifted(approved | new, held, reports)

    async def hold_run(
        self, t: Tables, view: GuildView, run: int, revocations: Mapping[DiscordUserId, Roles], cause: Cause
    ) -> Report | None:
        """Hold what a run would revoke where that is too much, in the caller's transaction, which has locked the guild.

        Returns the report to make when any of it was not held before.
        """
        roles = sum(map(len, revocations.values()))
        if not await would_hold(t, view.guild, view.settings.policy, roles, self._parts.now()):
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
