"""What would happen, shown before it does: explain, simulate, and the effect of a rule change. Nothing is written here.

The same cases and the same decisions as those that are carried out, so that what is shown is what happens.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

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
from bot.core.reconcile import reconcile
from bot.store.records import LogEntry
from bot.store.store import Store
from bot.sync.brake import would_hold
from bot.sync.cases import everybody, load_case, load_cases, load_view

_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What would be done in a guild, in roles: given, taken (now or when it was read again), and of those held."""

    adds: int = 0
    takes: int = 0
    holds: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that decides about one person in one guild.

    ``decision.due_at`` says when something happens next without news. ``held`` are revocations the brake holds, with
    the staff's answer. ``log`` is the latest first.
    """

    case: Case
    decision: Decision
    link: Link | None
    held: Mapping[RoleId, bool | None]
    log: tuple[LogEntry, ...]

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

    def __init__(self, store: Store, *, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def explain(self, guild: GuildId, user: DiscordUserId, *, of: Collection[CampaignId] | None = None) -> Explanation:
        """Gather what is known of somebody, linked or not, and what follows; ``of`` these campaigns only, when named."""
        async with self._store.read() as t:
            _, link, case = await load_case(t, guild, user)
            case = _about(case, of)
            held = (await t.holds.of_users(guild, [user])).get(user, {})
            entries = await t.log.of(guild, user, limit=_ENTRIES)
        return Explanation(case, reconcile(case, self._now()), link, held, tuple(entries))

    async def simulate(
        self,
        guild: GuildId,
        user: DiscordUserId,
        membership: Membership,
        *,
        of: Collection[CampaignId] | None = None,
    ) -> Decision:
        """Decide as if somebody were linked, here, and had this membership of its campaign; ``of`` as in ``explain``."""
        async with self._store.read() as t:
            _, _, case = await load_case(t, guild, user)
        memberships = {**_about(case, of).memberships, membership.campaign: membership}
        imagined = replace(case, linked=True, present=True, memberships=memberships, broken_since=None)
        return reconcile(imagined, self._now())

    async def rule_change(self, guild: GuildId, rules: tuple[RoleRule, ...], policy: Policy) -> RuleEffect:
        """Count what these rules and settings would do to the roles of everybody in a guild, and those it has do not."""

        def effect(case: Case) -> tuple[int, int]:
            before = reconcile(case, now)
            after = reconcile(replace(case, rules=rules, policy=policy), now)
            return len(after.change.grant - before.change.grant), len(_losses(after) - _losses(before))

        now = self._now()
        return await self._count(guild, policy, effect, now)

    async def outlook(self, guild: GuildId, policy: Policy) -> RuleEffect:
        """Count what is left to do in a guild: what a shadow guild would see if it were none."""

        def effect(case: Case) -> tuple[int, int]:
            decision = reconcile(case, now)
            return len(decision.change.grant), len(_losses(decision))

        now = self._now()
        return await self._count(guild, policy, effect, now)

    async def _count(
        self, guild: GuildId, policy: Policy, effect: Callable[[Case], tuple[int, int]], now: datetime
    ) -> RuleEffect:
        adds = takes = 0
        async with self._store.read() as t:
            view = await load_view(t, guild)
            async for people in everybody(self._store, guild):
                for case in (await load_cases(t, view, people)).values():
                    given, taken = effect(case)
                    adds, takes = adds + given, takes + taken
            holds = takes if takes and await would_hold(t, guild, policy, takes, now) else 0
        return RuleEffect(adds, takes, holds)


def _about(case: Case, campaigns: Collection[CampaignId] | None) -> Case:
    """Leave out what somebody is a patron of elsewhere: that is not the business of whoever asks in this guild."""
    if campaigns is None:
        return case
    return replace(case, memberships={key: seen for key, seen in case.memberships.items() if key in campaigns})


def _losses(decision: Decision) -> frozenset[RoleId]:
    """Give what goes now, and what goes once it was read a second time."""
    return decision.change.revoke | {doubt.role for doubt in decision.doubts}
