"""From one person's case to what is done, kept and told: decide, sift by rank and brake, ask Discord, tell.

Everything that decides is read in the transaction that writes down what is about to be done, so that nothing can come
between. Asking Discord, and keeping the ledger beside it, is `apply`'s.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import structlog

from bot.core.model import Cause, DiscordUserId, GuildId, Holding, ManualGrant, Origin, RoleChange, RoleId
from bot.core.prospect import Prospect, foresee
from bot.core.reconcile import reconcile
from bot.store.records import LogAction, LogEntry, NudgeKind
from bot.store.tables import Tables
from bot.sync import blocks
from bot.sync.apply import Applier, Done, Order, in_doubt
from bot.sync.blocks import Blocked, BlockReports
from bot.sync.brake import Brake, Sifted
from bot.sync.cases import Word, load_case, with_word
from bot.sync.gate import Gate
from bot.sync.parts import Parts
from bot.sync.reports import PatronSynced
from bot.sync.sightings import forget_strangers

log = structlog.get_logger(__name__)

# A decision that is younger than this is carried out as it was made.
_FRESH = timedelta(seconds=1)


def over(order: Order) -> list[ManualGrant]:
    """Give a person's manual grants whose time was over when it was decided; one that ended since still has its role."""
    return [grant for grant in order.case.manual if grant.is_over(order.decided_at)]


class Carrier:
    """Carries decisions out as far as they may be."""

    def __init__(self, parts: Parts, brake: Brake) -> None:
        self._parts = parts
        self._brake = brake
        self._applier = Applier(parts)
        self._reports = BlockReports(parts)

    @property
    def gate(self) -> Gate:
        """Where bulk work waits for its turn at Discord."""
        return self._applier.gate

    async def order(self, t: Tables, guild: GuildId, user: DiscordUserId, cause: Cause, word: Word) -> Order:
        """Decide about one person in one guild, from what is stored now and what webhooks said since."""
        view, link, case = await load_case(t, guild, user)
        case = with_word(case, word)
        now = self._parts.now()
        return Order(view, case, link, reconcile(case, now), cause, now)

    async def carry(self, guild: GuildId, user: DiscordUserId, cause: Cause, word: Word, *, answer: bool) -> Order:
        """Decide, and do what may be done. ``answer``: report also when that is nothing, since somebody waits."""
        async with self._parts.store.write() as t:
            await t.guilds.lock(guild)
            await t.links.lock([user])
            order = await self.order(t, guild, user, cause, word)
            if order.link is not None:
                await t.earned.add({order.link.patron: order.decision.earned}, order.decided_at)
            acts = order.view.settings.policy.acts
            begun = await self._begin(t, order) if acts else await self._only_note(t, order)
        if isinstance(begun, Prospect):
            await self._tell_untouched(order, begun, answer=answer)
            return order
        order, sifted, blocked = begun
        await self._reports.tell(guild, blocked)
        for report in sifted.reports:
            await self._parts.tell(report)
        done = Done()
        if order.grant or order.revoke:
            done = await self._applier.carry_out(order, partial(self._still_due, order, word))
        await self._reports.tell(guild, done.blocked)
        blocked = {**blocked, **done.blocked}
        await self._clean_up(order, {*sifted.held, *blocked})
        await self._tell(order, done, sifted, blocked, answer=answer)
        return order

    async def _still_due(self, order: Order, word: Word, role: RoleId) -> bool:
        """Whether a revocation that had to wait for its turn is due by what is stored now: they may have paid since.

        A webhook nobody has dealt with yet may say so too; whoever deals with it decides anew.
        """
        if abs(self._parts.now() - order.decided_at) < _FRESH:
            return True
        case = order.case
        async with self._parts.store.read() as t:
            newest = await self.order(t, case.guild, case.user, order.cause, word)
            nudge = await t.nudges.load(NudgeKind.USER, str(case.user))
        known = {campaign: seen.serial for campaign, seen in newest.case.memberships.items()}
        news = nudge is not None and any(heard.serial > known.get(heard.campaign, 0) for heard in nudge.readings)
        return newest.view.settings.policy.acts and role in newest.decision.change.revoke and not news

    async def _begin(self, t: Tables, order: Order) -> tuple[Order, Sifted, Blocked]:
        """Write down what is about to happen, in the transaction in which it was decided."""
        view, case, decision = order.view, order.case, order.decision
        change = decision.change
        blocked = blocks.find(self._parts.guilds, view.guild, change.grant | change.revoke, view.refused)
        sifted = await self._brake.sift(t, order, change.revoke - blocked.keys())
        order = replace(order, grant=change.grant - blocked.keys(), revoke=sifted.revoke)
        await t.doubts.replace(view.guild, case.user, in_doubt(case, decision))
        await self._applier.begin(t, order)
        return order, sifted, blocked

    async def _only_note(self, t: Tables, order: Order) -> Prospect:
        """Keep what the readings leave in doubt, and in a shadow guild what would have been done, which is returned."""
        now, case, change = self._parts.now(), order.case, order.decision.change
        await t.doubts.replace(case.guild, case.user, in_doubt(case, order.decision))
        held = (await t.holds.answers(case.guild, [case.user])).get(case.user, {})
        blocked = blocks.find(self._parts.guilds, case.guild, change.grant | change.revoke, order.view.refused)
        prospect = foresee(case, order.decision, held, blocked.keys())
        if prospect.shadow:
            await t.log.add(
                LogEntry(case.guild, case.user, role, LogAction.SHADOWED, order.cause, now, detail)
                for detail, roles in (("grant", prospect.gets), ("revoke", prospect.loses))
                for role in sorted(roles)
            )
        return prospect

    async def _tell_untouched(self, order: Order, prospect: Prospect, *, answer: bool) -> None:
        change = RoleChange(prospect.gets, prospect.loses)
        if answer or (prospect.shadow and change):
            report = replace(
                _report(order),
                change=change,
                blocked=prospect.blocked,
                held=prospect.held | prospect.kept,
                doubted=prospect.doubted,
                shadow=prospect.shadow,
                paused=prospect.paused,
            )
            await self._parts.tell(report)

    async def _clean_up(self, order: Order, kept: set[RoleId]) -> None:
        """End manual grants that are over, and forget what the ledger says of somebody who is not linked any more.

        Roles that are still on the person against the decision are ``kept``.
        """
        case = order.case
        ended = [grant.role for grant in over(order) if grant.role not in kept]
        by_hand = {grant.role for grant in case.manual}
        adopted = {role for role, grant in case.ledger.items() if grant.origin is Origin.ADOPTED}
        # What was taken a moment ago stays written down until it is seen gone.
        unseen = order.revoke | {role for role, grant in case.ledger.items() if grant.holding is Holding.REVOKED}
        needed = adopted | by_hand | kept | unseen
        stranger = order.link is None
        if not ended and not stranger:
            return
        async with self._parts.store.write() as t:
            for role in ended:
                await t.manual.end(case.guild, case.user, role)
            for role in sorted(case.ledger.keys() - needed if stranger else ()):
                await t.ledger.drop(case.guild, case.user, role)
            await forget_strangers(t, order.view, [case.user] if stranger else [])

    async def _tell(self, order: Order, done: Done, sifted: Sifted, blocked: Iterable[RoleId], *, answer: bool) -> None:
        change = RoleChange(frozenset(done.granted), frozenset(done.revoked))
        report = replace(_report(order), change=change, blocked=frozenset(blocked), held=sifted.held)
        if not change and not report.blocked and not report.held and not answer:
            return
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


def _report(order: Order) -> PatronSynced:
    return PatronSynced(
        guild=order.case.guild,
        user=order.case.user,
        patron=order.link.patron if order.link else None,
        cause=order.cause,
        change=RoleChange(),
        desired=order.decision.desired,
        screened=order.decision.screened,
        doubted=order.decision.doubted,
    )
