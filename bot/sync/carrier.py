"""From one person's decision to what is done, kept and told: blocked roles first, then the brake, then Discord.

The decision itself was made before; asking Discord and keeping the ledger beside it is `apply`'s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from bot.core.case import Case
from bot.core.model import Block, Cause, Link, ManualGrant, RoleChange, RoleId
from bot.store.records import LogAction, LogEntry
from bot.sync.apply import Applier, Done, Order, in_doubt
from bot.sync.brake import Brake, Sifted
from bot.sync.parts import Parts
from bot.sync.reports import PatronSynced

log = structlog.get_logger(__name__)


def over(case: Case, now: datetime) -> list[ManualGrant]:
    """Give a person's manual grants whose time is over."""
    return [grant for grant in case.manual if grant.expires_at is not None and grant.expires_at <= now]


class Carrier:
    """Carries orders out as far as they may be."""

    def __init__(self, parts: Parts, brake: Brake) -> None:
        self._parts = parts
        self._brake = brake
        self._applier = Applier(parts)

    async def carry(self, order: Order, link: Link | None, *, answer: bool) -> None:
        """Do what may be done. ``answer``: report also when that is nothing, since somebody waits."""
        if order.view.settings.policy.shadow:
            await self._shadow(order, link)
            return
        view, case, change = order.view, order.case, order.decision.change
        blocked = self._applier.look(view.guild, change.grant | change.revoke)
        await self._applier.tell_blocked(view.guild, blocked)
        async with self._parts.store.write() as t:
            sifted = await self._brake.sift(
                t,
                view,
                case.user,
                change.revoke - blocked.keys(),
                order.cause,
                doubted=frozenset(doubt.role for doubt in order.decision.doubts),
            )
            order = replace(order, grant=change.grant - blocked.keys(), revoke=sifted.revoke)
            await t.doubts.replace(view.guild, case.user, in_doubt(case, order.decision))
            await self._applier.begin(t, order)
        for report in sifted.reports:
            await self._parts.tell(report)
        done = await self._do(order)
        await self._applier.tell_blocked(view.guild, done.blocked)
        blocked |= done.blocked
        await self._clean_up(order, link, sifted.held | blocked.keys())
        await self._tell(order, done, sifted, blocked, link=link, answer=answer)

    async def _do(self, order: Order) -> Done:
        try:
            return await self._applier.carry_out(order) if order.grant or order.revoke else Done()
        finally:
            self._brake.passed(order.view.guild, len(order.revoke))

    async def _shadow(self, order: Order, link: Link | None) -> None:
        """Keep what the readings say in doubt, and only tell what would have been done."""
        now, case, change = self._parts.now(), order.case, order.decision.change
        async with self._parts.store.write() as t:
            await t.doubts.replace(case.guild, case.user, in_doubt(case, order.decision))
            await t.log.add(
                LogEntry(case.guild, case.user, role, LogAction.SHADOWED, order.cause, now, detail)
                for detail, roles in (("grant", change.grant), ("revoke", change.revoke))
                for role in sorted(roles)
            )
        await self._parts.tell(replace(_report(order, link), change=change, shadow=True))

    async def _clean_up(self, order: Order, link: Link | None, kept: Iterable[RoleId]) -> None:
        """End manual grants that are over, and forget what the ledger says of somebody who unlinked.

        Roles that are still on the person against the decision are ``kept``.
        """
        case = order.case
        left = set(kept)
        ended = [grant.role for grant in over(case, self._parts.now()) if grant.role not in left]
        unlinked = order.cause is Cause.UNLINKED and link is None
        forgotten = case.ledger.keys() - {grant.role for grant in case.manual} - left if unlinked else set()
        if not ended and not forgotten:
            return
        async with self._parts.store.write() as t:
            for role in ended:
                await t.manual.end(case.guild, case.user, role)
            for role in forgotten:
                await t.ledger.drop(case.guild, case.user, role)

    async def _tell(
        self,
        order: Order,
        done: Done,
        sifted: Sifted,
        blocked: Mapping[RoleId, Block],
        *,
        link: Link | None,
        answer: bool,
    ) -> None:
        change = RoleChange(frozenset(done.granted), frozenset(done.revoked))
        if not change and not blocked and not sifted.held and not answer:
            return
        report = replace(_report(order, link), change=change, blocked=frozenset(blocked), held=sifted.held)
        log.info(
            "synced",
            guild=report.guild,
            user=report.user,
            cause=report.cause.value,
            granted=len(change.grant),
            revoked=len(change.revoke),
            held=len(report.held),
            blocked=len(report.blocked),
        )
        await self._parts.tell(report)


def _report(order: Order, link: Link | None) -> PatronSynced:
    return PatronSynced(
        guild=order.case.guild,
        user=order.case.user,
        patron=link.patron if link else None,
        cause=order.cause,
        change=RoleChange(),
        desired=order.decision.desired,
        doubted=frozenset(doubt.role for doubt in order.decision.doubts),
    )
