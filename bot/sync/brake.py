"""The brake at work: what it holds, what was decided, what is no longer due. When it holds, `bot.core.brake` says."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.core.brake import brake
from bot.core.model import Cause, DiscordUserId, GuildId, RoleId
from bot.store.records import LogAction, NudgeKind, RunKind, RunReport
from bot.store.tables import Tables
from bot.sync.cases import GuildView
from bot.sync.parts import Parts
from bot.sync.reports import BrakeHeld, BrakeReleased, Report

log = structlog.get_logger(__name__)

Roles = frozenset[RoleId]

# Revocations of the last hour count as one run: losses that arrive one webhook at a time are losses all the same.
LATELY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sifted:
    """What of a person's revocations may happen now, what is held, and what to tell once the transaction ended."""

    revoke: Roles
    held: Roles
    reports: tuple[Report, ...] = ()


class Brake:
    """Holds revocations that look like somebody's outage, and lets them go when a person said so."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        # Let through and not yet in the role log; without it, many at once would not see each other.
        self._under_way: Counter[GuildId] = Counter()

    async def sift(
        self, t: Tables, view: GuildView, user: DiscordUserId, due: Roles, cause: Cause, *, doubted: Roles = frozenset()
    ) -> Sifted:
        """Sift one person's due revocations, in the caller's transaction.

        A held one that is not due any more is let go of; one that waits for its second reading (``doubted``) stays, and
        so does the answer to it. What a person gave up themselves is never held. Call ``passed`` when what may happen has
        happened.
        """
        guild = view.guild
        if due:
            await t.guilds.lock(guild)
        answers = (await t.holds.of_users(guild, [user])).get(user, {})
        reports = await self._drop(t, guild, user, frozenset(answers) - due - doubted)
        if cause is Cause.UNLINKED:
            self._under_way[guild] += len(due)
            return Sifted(due, frozenset(), reports)
        approved = frozenset(role for role in due if answers.get(role) is True)
        new = due - answers.keys()
        held = due & answers.keys() - approved
        if new and await self.holds(t, view, len(new)):
            reports = (*reports, *await self._hold_one(t, guild, user, new, cause))
            held |= new
            new = frozenset()
        self._under_way[guild] += len(approved | new)
        return Sifted(approved | new, held, reports)

    def passed(self, guild: GuildId, revocations: int) -> None:
        """Take revocations that ``sift`` let through out of the count: they are in the role log, or did not happen."""
        self._under_way[guild] -= revocations

    async def holds(self, t: Tables, view: GuildView, revocations: int) -> bool:
        """Say whether so many more revocations are to be held, next to those of the last hour."""
        guild = view.guild
        since = self._parts.now() - LATELY
        recent = await t.log.count(guild, LogAction.REVOKED, since) + self._under_way[guild]
        granted = await t.ledger.count_ours(guild) + recent
        return brake(revocations, recent, granted, view.settings.policy)

    async def hold_run(
        self, t: Tables, guild: GuildId, run: int, revocations: Mapping[DiscordUserId, Roles], cause: Cause
    ) -> Report | None:
        """Hold what a run would revoke; the report to make when any of it was not held before."""
        if not await t.holds.open(guild, run, revocations, self._parts.now()):
            return None
        log.warning("brake_held", guild=guild, run=run, cause=cause.value)
        return BrakeHeld(guild, run, cause, await t.holds.count_waiting(guild))

    async def decide(self, guild: GuildId, run: int, by: DiscordUserId, *, approved: bool) -> bool:
        """Store the staff's answer; false when somebody answered before. What was approved happens if still due."""
        now = self._parts.now()
        async with self._parts.store.write() as t:
            if not await t.holds.decide(guild, run, approved, by, now):
                return False
            if approved:
                users = {str(held.user) for held in await t.holds.revocations(guild, run)}
                await t.nudges.add_many(NudgeKind.USER, users, Cause.MANUAL, now)
        log.info("brake_decided", guild=guild, run=run, approved=approved, by=by)
        return True

    async def _drop(self, t: Tables, guild: GuildId, user: DiscordUserId, roles: Roles) -> tuple[Report, ...]:
        if not roles:
            return ()
        await t.guilds.lock(guild)
        before = await t.holds.waiting(guild)
        await t.holds.drop(guild, user, roles)
        left = {hold.run for hold in await t.holds.waiting(guild)}
        return tuple(BrakeReleased(guild, hold.run, hold.channel, hold.message) for hold in before if hold.run not in left)

    async def _hold_one(
        self, t: Tables, guild: GuildId, user: DiscordUserId, roles: Roles, cause: Cause
    ) -> tuple[Report, ...]:
        """Hold one person's revocations under the open question; when there is none, a new one is asked."""
        waiting = await t.holds.waiting(guild)
        if waiting:
            await t.holds.open(guild, waiting[-1].run, {user: roles}, self._parts.now())
            return ()
        run = await t.runs.start(RunKind.SYNC, self._parts.now(), guild=guild)
        report = await self.hold_run(t, guild, run, {user: roles}, cause)
        await t.runs.end(run, RunReport(held=len(roles)), self._parts.now())
        return () if report is None else (report,)
