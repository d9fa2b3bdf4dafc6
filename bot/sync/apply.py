"""Carry a decision out at Discord and keep the ledger beside it. What to do was decided before; nothing is decided here.

A kill may come between any two lines. So a role is UNSURE in the ledger, as OURS where we are the ones to give it,
before Discord is asked, and HELD or gone after; what is UNSURE is done again, which Discord takes without harm. A role
that was FOUND is never asked for, so no kill makes ours of it, and one we began to give is never found.
"""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from bot.core.case import Case, Decision
from bot.core.model import Block, Cause, Doubt, Grant, GuildId, Holding, Origin, RoleId
from bot.errors import RoleBlocked
from bot.store.records import LogAction, LogEntry
from bot.store.tables import Tables
from bot.sync.cases import GuildView
from bot.sync.parts import Parts
from bot.sync.reports import RoleIsBlocked
from bot.texts.reasons import grant_reason, revoke_reason

log = structlog.get_logger(__name__)

Roles = frozenset[RoleId]
NONE: Roles = frozenset()


@dataclass(frozen=True, slots=True)
class Order:
    """A decision about one person in one guild, and what of it may be done after brake and hierarchy had their say."""

    view: GuildView
    case: Case
    decision: Decision
    cause: Cause
    grant: Roles = NONE
    revoke: Roles = NONE


@dataclass(slots=True)
class Done:
    """What Discord has accepted so far. ``absent``: it said that the person is not a member."""

    granted: set[RoleId] = field(default_factory=set)
    revoked: set[RoleId] = field(default_factory=set)
    blocked: dict[RoleId, Block] = field(default_factory=dict)
    absent: bool = False


class Applier:
    """The only place that asks Discord to change a role."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._telling = asyncio.Lock()
        # Bulk work waits here and not in Discord's own queue, where an interactive call would stand behind all of it.
        self._gates: dict[GuildId, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(parts.settings.calls_at_once))

    def look(self, guild: GuildId, roles: Roles) -> dict[RoleId, Block]:
        """Say, without a request, which of these roles we may not touch. Raises GuildUnavailable."""
        found = {role: self._parts.guilds.blocked(guild, role) for role in roles}
        return {role: block for role, block in found.items() if block is not None}

    async def begin(self, t: Tables, order: Order) -> None:
        """Write down what is about to be asked of Discord, in the caller's transaction."""
        now = self._parts.now()
        case = order.case
        ours = [
            Grant(case.guild, case.user, role, Origin.OURS, now, order.cause, Holding.UNSURE) for role in sorted(order.grant)
        ]
        taking = [replace(case.ledger[role], holding=Holding.UNSURE) for role in sorted(order.revoke)]
        await t.ledger.put_many([*ours, *taking])

    async def carry_out(self, order: Order) -> Done:
        """Ask Discord, grants first, one role a call; what was accepted is written down whatever happens after.

        Raises GuildUnavailable when Discord could not be reached; the rest is UNSURE then.
        """
        done = Done()
        try:
            if order.cause in {Cause.REFRESH, Cause.RULES, Cause.AUDIT}:
                async with self._gates[order.case.guild]:
                    await self._ask(order, done)
            else:
                await self._ask(order, done)
        finally:
            # Shielded, so that a stop in this very moment does not lose what Discord has already done.
            await asyncio.shield(self._record(order, done))
        return done

    async def _ask(self, order: Order, done: Done) -> None:
        case, guilds = order.case, self._parts.guilds
        tiers = order.view.tiers
        for role in sorted(order.grant):
            reason = grant_reason(role, order.decision, order.cause, tiers, case.manual)
            try:
                if not await guilds.grant(case.guild, case.user, role, reason):
                    done.absent = True
                    return
                done.granted.add(role)
            except RoleBlocked:
                done.blocked[role] = Block.REFUSED
        for role in sorted(order.revoke):
            reason = revoke_reason(role, order.decision, order.cause, tiers)
            try:
                if not await guilds.revoke(case.guild, case.user, role, reason):
                    done.absent = True
                    return
                done.revoked.add(role)
            except RoleBlocked:
                done.blocked[role] = Block.REFUSED

    async def _record(self, order: Order, done: Done) -> None:
        """Write down what Discord did; log entries carry the reason that stands in Discord's audit log."""
        now = self._parts.now()
        case, cause = order.case, order.cause
        tiers = order.view.tiers
        given = {role: grant_reason(role, order.decision, cause, tiers, case.manual) for role in sorted(done.granted)}
        taken = {role: revoke_reason(role, order.decision, cause, tiers) for role in sorted(done.revoked)}
        entries = [
            LogEntry(case.guild, case.user, role, action, cause, now, reason)
            for action, reasons in ((LogAction.GRANTED, given), (LogAction.REVOKED, taken))
            for role, reason in reasons.items()
        ]
        held = [Grant(case.guild, case.user, role, Origin.OURS, now, cause) for role in sorted(done.granted)]
        async with self._parts.store.write() as t:
            await t.ledger.put_many([*held, *_as_before(case, done.blocked)])
            refused = [role for role in done.blocked if role not in case.ledger]
            for role in sorted({*done.revoked, *refused}):
                await t.ledger.drop(case.guild, case.user, role)
            await t.doubts.replace(case.guild, case.user, in_doubt(case, order.decision, done.revoked))
            await t.holds.drop(case.guild, case.user, done.revoked)
            if done.absent:
                await _absent(t, case, now)
            await t.log.add(entries)

    async def tell_blocked(self, guild: GuildId, blocked: Mapping[RoleId, Block]) -> None:
        """Report blocked roles, each once for as long as it stays blocked the same way, also over restarts."""
        for role, block in sorted(blocked.items()):
            async with self._telling:
                async with self._parts.store.read() as t:
                    known = await t.facts.get(blocked_key(guild, role))
                if known == block.value:
                    continue
                async with self._parts.store.write() as t:
                    await t.facts.set(blocked_key(guild, role), block.value)
            log.warning("role_blocked", guild=guild, role=role, block=block.value)
            await self._parts.tell(RoleIsBlocked(guild, role, block))


def blocked_key(guild: GuildId, role: RoleId) -> str:
    """Name the fact that says how a role was reported as blocked."""
    return f"blocked:{guild}:{role}"


def _as_before(case: Case, blocked: Mapping[RoleId, Block]) -> list[Grant]:
    """Give the entries of roles that Discord refused to touch, as they were before we began."""
    return [case.ledger[role] for role in sorted(blocked) if role in case.ledger]


def in_doubt(case: Case, decision: Decision, but: Collection[RoleId] = ()) -> list[Doubt]:
    """Give the doubts to keep: the decision's, and the settled ones of roles not taken yet, which still need proof."""
    settled = [doubt for role, doubt in case.doubts.items() if role in decision.change.revoke and role not in but]
    return [*decision.doubts, *settled]


async def _absent(t: Tables, case: Case, now: datetime) -> None:
    await t.presence.put(case.guild, case.user, present=False, seen_at=now)
    await t.ledger.leave(case.guild, case.user)
