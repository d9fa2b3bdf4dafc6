"""Carry a decision out at Discord and keep the ledger beside it. What to do was decided before; nothing is decided here.

A kill may come between any two lines. So a role is GIVING or TAKING in the ledger before Discord is asked, and GIVEN or
REVOKED after, until it is seen (`sightings`); what was begun is done again, which Discord takes without harm. A role that
was FOUND is never asked for, so no kill makes ours of it, and one we began to give is never found.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from bot.core.case import Case, Decision
from bot.core.model import Block, Cause, Doubt, Grant, Holding, Link, Origin, RoleId
from bot.core.reconcile import given_by_rule
from bot.errors import RoleBlocked, TwoFactorMissing
from bot.store.records import LogAction, LogEntry, NudgeKind
from bot.store.tables import Tables
from bot.sync.cases import GuildView
from bot.sync.gate import Gate
from bot.sync.parts import Parts
from bot.sync.sightings import forget_strangers
from bot.texts.reasons import grant_reason, revoke_reason

Roles = frozenset[RoleId]
NONE: Roles = frozenset()

# What an entry becomes once Discord accepted the grant; GIVEN before that means that the role was seen already.
_GRANTED = {Holding.GIVING: Holding.GIVEN, Holding.GIVEN: Holding.HELD, Holding.HELD: Holding.HELD}


@dataclass(frozen=True, slots=True)
class Order:
    """A decision about one person in one guild, and what of it may be done after brake and hierarchy had their say."""

    view: GuildView
    case: Case
    link: Link | None
    decision: Decision
    cause: Cause
    decided_at: datetime
    grant: Roles = NONE
    revoke: Roles = NONE


@dataclass(slots=True)
class Done:
    """What Discord has accepted so far. ``absent``: it said that the person is not a member.

    ``spared`` are revocations that were not due any more when their turn came.
    """

    granted: set[RoleId] = field(default_factory=set)
    revoked: set[RoleId] = field(default_factory=set)
    blocked: dict[RoleId, Block] = field(default_factory=dict)
    spared: set[RoleId] = field(default_factory=set)
    absent: bool = False


StillDue = Callable[[RoleId], Awaitable[bool]]


class Applier:
    """The only place that asks Discord to change a role."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.gate = Gate(parts.settings.calls_at_once)

    async def begin(self, t: Tables, order: Order) -> None:
        """Write down what is about to be asked of Discord, in the caller's transaction."""
        now, case = self._parts.now(), order.case
        by_rule = given_by_rule(order.decision.verdicts)
        giving = [
            Grant(case.guild, case.user, role, _origin(role, by_rule), now, order.cause, Holding.GIVING)
            for role in sorted(order.grant)
        ]
        taking = [replace(case.ledger[role], holding=Holding.TAKING, since=now) for role in sorted(order.revoke)]
        claimed = [replace(case.ledger[role], origin=Origin.OURS) for role in sorted(order.decision.claimed)]
        await t.ledger.put_many([*giving, *taking, *claimed])

    async def carry_out(self, order: Order, still: StillDue) -> Done:
        """Ask Discord, grants first, one role a call; what was accepted is written down whatever happens after.

        ``still`` is asked about each revocation when its turn has come. Raises GuildUnavailable when Discord could not be
        reached; the rest stays begun then.
        """
        done = Done()
        try:
            async with self.gate.passing(order.case.guild, order.case.user, order.cause):
                await self._ask(order, done, still)
        finally:
            # Shielded, so that a stop in this very moment does not lose what Discord has already done.
            await asyncio.shield(self._record(order, done))
        return done

    async def _ask(self, order: Order, done: Done, still: StillDue) -> None:
        case, guilds = order.case, self._parts.guilds
        tiers = order.view.tiers
        for role in sorted(order.grant):
            reason = grant_reason(role, order.decision, order.cause, tiers, case.manual)
            try:
                if not await guilds.grant(case.guild, case.user, role, reason):
                    done.absent = True
                    return
                done.granted.add(role)
            except RoleBlocked as refused:
                done.blocked[role] = _why(refused)
        for role in sorted(order.revoke):
            reason = revoke_reason(role, order.decision, order.cause, tiers, by_hand=_kept_by_hand(order, role))
            try:
                taken = await guilds.revoke(case.guild, case.user, role, reason, still=partial(still, role))
                if taken is False:
                    done.absent = True
                    return
                (done.spared if taken is None else done.revoked).add(role)
            except RoleBlocked as refused:
                done.blocked[role] = _why(refused)

    async def _record(self, order: Order, done: Done) -> None:
        """Write down what Discord did; log entries carry the reason that stands in Discord's audit log."""
        now, case = self._parts.now(), order.case
        async with self._parts.store.write() as t:
            await t.links.lock([case.user])
            known = await t.ledger.of(case.guild, case.user)
            rows, again = self._ended(order, done, known)
            await t.ledger.put_many(rows)
            gone = _forgotten(order, done, known)
            for role in sorted(gone):
                await t.ledger.drop(case.guild, case.user, role)
            await forget_strangers(t, order.view, [case.user] if gone else [])
            await t.doubts.replace(case.guild, case.user, in_doubt(case, order.decision))
            await t.holds.drop(case.guild, case.user, done.revoked)
            if done.absent:
                await t.presence.put(case.guild, case.user, present=False, seen_at=now)
                await t.ledger.leave(case.guild, [case.user])
            if again or done.spared:
                # What was begun and left is set right by a decision of its own.
                await t.nudges.add(NudgeKind.USER, str(case.user), order.cause, now)
            await t.log.add(self._entries(order, done))

    def _ended(self, order: Order, done: Done, known: Mapping[RoleId, Grant]) -> tuple[list[Grant], bool]:
        """Give the entries of what was done, and whether somebody else wrote into them meanwhile.

        That may be another process, when this one was held up for longer than its claim lasts: what of both came to pass
        at Discord nobody can say, so it is done again.
        """
        case, now = order.case, self._parts.now()
        rows: list[Grant] = []
        by_rule = given_by_rule(order.decision.verdicts)
        for role in sorted(done.granted):
            was = known[role].holding if role in known else None
            if was is not Holding.LEFT:
                holding = _GRANTED.get(was, Holding.GIVING) if was else Holding.GIVING
                rows.append(Grant(case.guild, case.user, role, _origin(role, by_rule), now, order.cause, holding))
        for role in sorted(done.revoked & known.keys()):
            was = known[role].holding
            if was not in {Holding.LEFT, Holding.REVOKED}:
                holding = Holding.REVOKED if was is Holding.TAKING else Holding.TAKING
                rows.append(replace(case.ledger[role], holding=holding, since=now))
        again = any(row.holding.begun for row in rows)
        rows += [case.ledger[role] for role in sorted(done.blocked.keys() & case.ledger.keys())]
        return rows, again

    def _entries(self, order: Order, done: Done) -> list[LogEntry]:
        case, cause, tiers = order.case, order.cause, order.view.tiers
        given = {role: grant_reason(role, order.decision, cause, tiers, case.manual) for role in sorted(done.granted)}
        taken = {
            role: revoke_reason(role, order.decision, cause, tiers, by_hand=_kept_by_hand(order, role))
            for role in sorted(done.revoked)
        }
        return [
            LogEntry(case.guild, case.user, role, action, cause, self._parts.now(), reason)
            for action, reasons in ((LogAction.GRANTED, given), (LogAction.REVOKED, taken))
            for role, reason in reasons.items()
        ]


def in_doubt(case: Case, decision: Decision) -> list[Doubt]:
    """Return the doubts to keep: the decision's, and as proof the settled ones of roles not taken or not seen gone."""
    unseen = {role for role, grant in case.ledger.items() if grant.holding is Holding.REVOKED}
    settled = {role: doubt for role, doubt in case.doubts.items() if role in decision.change.revoke | unseen}
    return list((settled | {doubt.role: doubt for doubt in decision.doubts}).values())


def _kept_by_hand(order: Order, role: RoleId) -> bool:
    """Say whether a role that goes was a creator's grant, as one that a rule gave before may be too."""
    by_hand = order.case.ledger[role].origin is Origin.HAND
    return by_hand or any(grant.role == role and grant.is_over(order.decided_at) for grant in order.case.manual)


def _why(refused: RoleBlocked) -> Block:
    return Block.TWO_FACTOR if isinstance(refused, TwoFactorMissing) else Block.REFUSED


def _origin(role: RoleId, by_rule: Roles) -> Origin:
    return Origin.OURS if role in by_rule else Origin.HAND


def _forgotten(order: Order, done: Done, known: Mapping[RoleId, Grant]) -> set[RoleId]:
    """Name the roles whose entry goes: those taken and seen gone meanwhile, and those we were refused to give."""
    taken = {role for role in done.revoked if role in known and known[role].holding in {Holding.REVOKED, Holding.LEFT}}
    return taken | (done.blocked.keys() - order.case.ledger.keys())
