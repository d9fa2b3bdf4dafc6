"""What would happen, shown before it does: explain, simulate, and the effect of a rule change. Nothing is written here.

The same cases and the same decisions as those that are carried out, so that what is shown is what happens.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.core.brake import losses
from bot.core.case import Case, Decision
from bot.core.model import (
    CampaignId,
    DiscordUserId,
    Grant,
    GuildId,
    Link,
    ManualGrant,
    Membership,
    Policy,
    RoleId,
    RoleRule,
)
from bot.core.prospect import NONE, Effect, Held, Move, Prospect, Roles, foresee
from bot.core.reconcile import reconcile
from bot.store.records import LogEntry
from bot.store.store import Store
from bot.sync import blocks
from bot.sync.brake import would_hold
from bot.sync.cases import GuildView, everybody, load_case, load_cases, load_view
from bot.sync.ports import Guilds

_ENTRIES = 10
# So many people are named of those who get or lose a role.
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that decides about one person in one guild.

    ``prospect`` says what will come of the decision, whose ``due_at`` says when something happens next without news.
    ``held`` are revocations the brake asked about, with the staff's answer. ``log`` is the latest first.
    """

    case: Case
    prospect: Prospect
    link: Link | None
    held: Mapping[RoleId, Held]
    log: tuple[LogEntry, ...]

    @property
    def decision(self) -> Decision:
        """What follows from what is known."""
        return self.prospect.decision

    @property
    def memberships(self) -> Mapping[CampaignId, Membership]:
        """What Patreon said, by campaign; ``observed_at`` tells its age."""
        return self.case.memberships

    @property
    def ledger(self) -> Mapping[RoleId, Grant]:
        """Which managed roles they have or had, and whose doing that is."""
        return self.case.ledger

    @property
    def manual(self) -> tuple[ManualGrant, ...]:
        """What a creator gave by hand."""
        return self.case.manual


class Previews:
    """Answers questions about what would be."""

    def __init__(self, store: Store, guilds: Guilds, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._guilds = guilds
        self._now = now

    async def explain(self, guild: GuildId, user: DiscordUserId, *, of: Collection[CampaignId] | None = None) -> Explanation:
        """Gather what is known of somebody, linked or not, and what follows; ``of`` these campaigns only, when named."""
        async with self._store.read() as t:
            view, link, case = await load_case(t, guild, user)
            case = _about(case, of)
            held = (await t.holds.answers(guild, [user])).get(user, {})
            entries = await t.log.of(guild, user, limit=_ENTRIES)
        return Explanation(case, self._foresee(view, case, held, self._now()), link, held, tuple(entries))

    async def simulate(
        self,
        guild: GuildId,
        user: DiscordUserId,
        membership: Membership,
        *,
        of: Collection[CampaignId] | None = None,
    ) -> Prospect:
        """Decide as if somebody were linked, here, and had this membership of its campaign; ``of`` as in ``explain``."""
        async with self._store.read() as t:
            view, _, case = await load_case(t, guild, user)
        memberships = {**_about(case, of).memberships, membership.campaign: membership}
        imagined = replace(case, linked=True, present=True, memberships=memberships, broken_since=None)
        return self._foresee(view, imagined, {}, self._now())

    async def rule_change(self, guild: GuildId, rules: tuple[RoleRule, ...], policy: Policy) -> Effect:
        """Foresee what these rules and settings would do to the roles of everybody in a guild.

        What happens without them as well is no effect of theirs. Where nothing happens now, since the guild is paused or
        in shadow mode, and something would by the new policy, all that follows is their effect.
        """
        return await self._gather(guild, lambda case: replace(case, rules=rules, policy=policy), policy)

    async def outlook(self, guild: GuildId) -> Effect:
        """Foresee what is left to do in a guild as it is; where it is paused or in shadow mode, what would be."""
        async with self._store.read() as t:
            policy = (await t.guilds.load(guild)).policy
        return await self._gather(guild, None, policy)

    async def _gather(self, guild: GuildId, change: Callable[[Case], Case] | None, policy: Policy) -> Effect:
        """Foresee everybody's case under a ``change``, without what happens anyway; None: all that is left to do."""
        now, tally = self._now(), _Tally()
        async with self._store.read() as t:
            view = await load_view(t, guild)
            compare = change is not None and (view.settings.policy.acts or not policy.acts)
            async for people in everybody(self._store, guild):
                cases = await load_cases(t, view, people)
                held = await t.holds.answers(guild, cases)
                for user, case in cases.items():
                    theirs = held.get(user, {})
                    after = self._foresee(view, change(case) if change else case, theirs, now)
                    tally.add(case, after, self._foresee(view, case, theirs, now) if compare else None)
            holds = tally.linked if await would_hold(t, guild, policy, tally.losing, now) else 0
        return tally.effect(holds, policy)

    def _foresee(self, view: GuildView, case: Case, held: Mapping[RoleId, Held], now: datetime) -> Prospect:
        decision = reconcile(case, now)
        moving = decision.change.grant | decision.change.revoke | decision.doubted
        blocked: Collection[RoleId] = ()
        if moving and self._guilds.is_ready(view.guild):
            blocked = blocks.find(self._guilds, view.guild, moving, view.refused).keys()
        return foresee(case, decision, held, frozenset(blocked))


@dataclass(slots=True)
class _Moves:
    """Who gets, or who loses, one role: how many, and the first of them."""

    people: int = 0
    named: list[DiscordUserId] = field(default_factory=list)

    def add(self, user: DiscordUserId) -> None:
        self.people += 1
        if len(self.named) < _NAMED:
            self.named.append(user)


@dataclass(slots=True)
class _Tally:
    """Effects on people, added up. ``losing`` linked people lose so many roles as ``linked`` by what may be an outage."""

    gets: defaultdict[RoleId, _Moves] = field(default_factory=lambda: defaultdict(_Moves))
    loses: defaultdict[RoleId, _Moves] = field(default_factory=lambda: defaultdict(_Moves))
    losing: int = 0
    linked: int = 0
    held: int = 0
    kept: int = 0
    blocked: Roles = NONE

    def add(self, case: Case, after: Prospect, anyway: Prospect | None) -> None:
        """Add what comes of one person's case, without what comes ``anyway``."""
        gets, loses, held, kept, blocked = after.gets, after.loses | after.doubted, after.held, after.kept, after.blocked
        if anyway is not None:
            gets, loses = gets - anyway.gets, loses - anyway.loses - anyway.doubted
            held, kept, blocked = held - anyway.held, kept - anyway.kept, blocked - anyway.blocked
        for role in gets:
            self.gets[role].add(case.user)
        for role in loses:
            self.loses[role].add(case.user)
        if case.linked and (lost := losses(case, after.decision, loses)):
            self.losing += 1
            self.linked += len(lost)
        self.held += len(held)
        self.kept += len(kept)
        self.blocked |= blocked

    def effect(self, holds: int, policy: Policy) -> Effect:
        return Effect(
            gets=_in_order(self.gets),
            loses=_in_order(self.loses),
            holds=holds,
            held=self.held,
            kept=self.kept,
            blocked=self.blocked,
            paused=policy.paused,
            shadow=policy.shadow,
        )


def _in_order(moves: Mapping[RoleId, _Moves]) -> tuple[Move, ...]:
    return tuple(Move(role, each.people, tuple(each.named)) for role, each in sorted(moves.items()))


def _about(case: Case, campaigns: Collection[CampaignId] | None) -> Case:
    """Leave out what somebody is a patron of elsewhere: that is not the business of whoever asks in this guild."""
    if campaigns is None:
        return case
    return replace(case, memberships={key: seen for key, seen in case.memberships.items() if key in campaigns})
