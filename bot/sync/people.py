"""One person made right in every guild, from stored data: load, reconcile, sift, apply. Patreon is not asked here.

Every path to a role change ends here, also that of a whole campaign: what bulk work found is only a nudge to this.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot.core.case import Case, Decision
from bot.core.model import Block, Cause, DiscordUserId, GuildId, Link, RoleChange, RoleId
from bot.core.reconcile import reconcile
from bot.errors import GuildUnavailable
from bot.store.records import LogAction, LogEntry, NudgeKind
from bot.store.tables import Tables
from bot.sync.apply import Applier, Done, Order, in_doubt
from bot.sync.brake import Brake, Sifted
from bot.sync.cases import GuildView, load_cases, load_view
from bot.sync.parts import Parts
from bot.sync.reports import PatronSynced
from bot.sync.sightings import record_gone, record_seen
from bot.sync.turns import Turns

log = structlog.get_logger(__name__)

# After these somebody waits for an answer, even when there is nothing to do.
_ANSWERED = frozenset({Cause.LINKED, Cause.UNLINKED, Cause.MANUAL})


@dataclass(frozen=True, slots=True)
class Settled:
    """What one pass over a person came to. ``in_doubt``: a second reading would settle some revocation."""

    in_doubt: bool = False
    due_at: datetime | None = None


class People:
    """Settles people; the same person never twice at once in this process."""

    def __init__(self, parts: Parts, brake: Brake) -> None:
        self._parts = parts
        self._brake = brake
        self._applier = Applier(parts)
        self._turns = Turns()

    async def settle(self, user: DiscordUserId, cause: Cause) -> Settled:
        """Make one person right in all their guilds, side by side.

        One guild that fails does not keep the others waiting; its error is raised when all have ended.
        """
        async with self._turns.of(user):
            return await self._settle(user, cause)

    async def _settle(self, user: DiscordUserId, cause: Cause) -> Settled:
        async with self._parts.store.read() as t:
            link = await t.links.load(user)
            guilds = await self._guilds(t, user, link)
        outcomes = await asyncio.gather(
            *(self._in_guild(guild, user, link, cause) for guild in guilds), return_exceptions=True
        )
        settled = [outcome for outcome in outcomes if isinstance(outcome, Settled)]
        due_at = min((each.due_at for each in settled if each.due_at is not None), default=None)
        if link is not None:
            async with self._parts.store.write() as t:
                for campaign in await t.memberships.load_all(link.patron):
                    await t.memberships.set_due(link.patron, campaign, due_at)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return Settled(any(each.in_doubt for each in settled), due_at)

    async def _guilds(self, t: Tables, user: DiscordUserId, link: Link | None) -> list[GuildId]:
        """Name the guilds that concern a person: known of them, or with rules for what they are a patron of."""
        known = set(await t.guilds_of(user))
        for campaign in await t.memberships.load_all(link.patron) if link else ():
            known.update(await t.rules.guilds_of(campaign))
        return sorted(known)

    async def _in_guild(self, guild: GuildId, user: DiscordUserId, link: Link | None, cause: Cause) -> Settled:
        async with self._parts.store.read() as t:
            view = await load_view(t, guild)
            seen = (await t.presence.of_users(guild, [user])).get(user)
        if not await self._workable(view, cause):
            return Settled()
        # Somebody nobody ever saw here, or who has just linked: what they had before us must be known first.
        newly = cause is Cause.LINKED and link is not None and not _audited_after(view, link)
        if seen is None or newly:
            await self._look(view, user, cause)
        async with self._parts.store.read() as t:
            confirmed = cause in {Cause.UNLINKED, Cause.RULES}
            case = (await load_cases(t, view, {user: link}, confirmed=confirmed))[user]
            held = bool(await t.holds.of_users(guild, [user]))
        decision = reconcile(case, self._parts.now())
        held |= any(grant.expires_at and grant.expires_at <= self._parts.now() for grant in case.manual)
        if decision.change or held or {*decision.doubts} != {*case.doubts.values()} or cause in _ANSWERED:
            await self._carry_out(view, case, decision, link, cause)
        return Settled(bool(decision.doubts), decision.due_at)

    async def _workable(self, view: GuildView, cause: Cause) -> bool:
        """Say whether roles may move in a guild now; when not, everybody there is looked at later."""
        guild = view.guild
        if view.settings.policy.paused:
            return False
        if view.audited and self._parts.guilds.is_ready(guild):
            return True
        async with self._parts.store.write() as t:
            why = Cause.CLOCK if view.audited else Cause.AUDIT
            await t.nudges.add(NudgeKind.GUILD, str(guild), why, self._parts.now())
        if cause is Cause.UNLINKED:
            raise GuildUnavailable(f"guild {guild} is not ready to give roles back")
        return False

    async def _look(self, view: GuildView, user: DiscordUserId, cause: Cause) -> None:
        seen_at = self._parts.now()
        roles = await self._parts.guilds.fetch_roles(view.guild, user)
        async with self._parts.store.write() as t:
            if roles is None:
                await record_gone(t, view, [user], seen_at)
            else:
                await record_seen(t, view, {user: roles}, seen_at, cause)

    async def _carry_out(self, view: GuildView, case: Case, decision: Decision, link: Link | None, cause: Cause) -> None:
        change = decision.change
        if view.settings.policy.shadow:
            await self._shadow(case, decision, link, cause)
            return
        blocked = self._applier.look(view.guild, change.grant | change.revoke)
        await self._applier.tell_blocked(view.guild, blocked)
        async with self._parts.store.write() as t:
            sifted = await self._brake.sift(t, view, case.user, change.revoke - blocked.keys(), cause)
            order = Order(view, case, decision, cause, change.grant - blocked.keys(), sifted.revoke)
            await t.doubts.replace(view.guild, case.user, in_doubt(case, decision))
            await self._applier.begin(t, order)
        for report in sifted.reports:
            await self._parts.tell(report)
        done = Done()
        try:
            if order.grant or order.revoke:
                done = await self._applier.carry_out(order)
        finally:
            self._brake.passed(view.guild, len(sifted.revoke))
        await self._applier.tell_blocked(view.guild, done.blocked)
        await self._end_expired(case, sifted.held | blocked.keys() | done.blocked.keys())
        if cause is Cause.UNLINKED and link is None:
            await self._forget(case, blocked.keys() | done.blocked.keys())
        await self._tell(order, done, sifted, {**blocked, **done.blocked}, link)

    async def _shadow(self, case: Case, decision: Decision, link: Link | None, cause: Cause) -> None:
        """Keep the readings' doubts, and only tell what would have been done."""
        now = self._parts.now()
        async with self._parts.store.write() as t:
            await t.doubts.replace(case.guild, case.user, in_doubt(case, decision))
            await t.log.add(
                LogEntry(case.guild, case.user, role, LogAction.SHADOWED, cause, now, detail)
                for detail, roles in (("grant", decision.change.grant), ("revoke", decision.change.revoke))
                for role in sorted(roles)
            )
        doubted = frozenset(doubt.role for doubt in decision.doubts)
        patron = link.patron if link else None
        await self._parts.tell(
            PatronSynced(
                case.guild, case.user, patron, cause, decision.change, decision.desired, doubted=doubted, shadow=True
            )
        )

    async def _end_expired(self, case: Case, kept: Iterable[RoleId]) -> None:
        """End manual grants whose time is over, once their role is gone or given for another reason."""
        now = self._parts.now()
        over = [grant for grant in case.manual if grant.expires_at and grant.expires_at <= now]
        for grant in over:
            if grant.role not in kept:
                async with self._parts.store.write() as t:
                    await t.manual.end(case.guild, case.user, grant.role)

    async def _forget(self, case: Case, kept: Iterable[RoleId]) -> None:
        """Drop what the ledger says of somebody who unlinked, but for roles of ours that are still on them."""
        by_hand = {grant.role for grant in case.manual}
        async with self._parts.store.write() as t:
            for role in case.ledger.keys() - by_hand - set(kept):
                await t.ledger.drop(case.guild, case.user, role)

    async def _tell(self, order: Order, done: Done, sifted: Sifted, blocked: dict[RoleId, Block], link: Link | None) -> None:
        change = RoleChange(frozenset(done.granted), frozenset(done.revoked))
        if not change and not blocked and not sifted.held and order.cause not in _ANSWERED:
            return
        case, decision = order.case, order.decision
        log.info(
            "synced",
            guild=case.guild,
            user=case.user,
            cause=order.cause.value,
            granted=len(change.grant),
            revoked=len(change.revoke),
            held=len(sifted.held),
            blocked=len(blocked),
        )
        await self._parts.tell(
            PatronSynced(
                guild=case.guild,
                user=case.user,
                patron=link.patron if link else None,
                cause=order.cause,
                change=change,
                desired=decision.desired,
                blocked=frozenset(blocked),
                held=sifted.held,
                doubted=frozenset(doubt.role for doubt in decision.doubts),
            )
        )


def _audited_after(view: GuildView, link: Link) -> bool:
    audited_at = view.settings.audited_at
    return audited_at is not None and audited_at >= link.linked_at
