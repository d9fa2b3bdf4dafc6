"""What would happen, shown before it does: explain, simulate, and the effect of a rule change. Nothing is written here.

The same cases and the same decisions as those that are carried out, so that what is shown is what happens.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.core.brake import brake
from bot.core.case import Case, Decision
from bot.core.model import (
    CampaignId,
    Cause,
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
from bot.store.records import LogAction, LogEntry
from bot.store.store import Store
from bot.store.tables import Tables
from bot.sync.cases import GuildView, load_cases, load_view
from bot.sync.deciding import decide

_CHUNK = 500
_LATELY = timedelta(hours=1)
_ENTRIES = 10


@dataclass(frozen=True, slots=True)
class RuleEffect:
    """What a change of rules or settings would do, in roles: given, taken, and of the latter held by the brake."""

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
            link = await t.links.load(user)
            view = await load_view(t, guild)
            case = (await load_cases(t, view, {user: link}))[user]
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
            link = await t.links.load(user)
            view = await load_view(t, guild)
            case = (await load_cases(t, view, {user: link}))[user]
        memberships = {**_about(case, of).memberships, membership.campaign: membership}
        imagined = replace(case, linked=True, present=True, memberships=memberships, broken_since=None)
        return reconcile(imagined, self._now())

    async def rule_change(self, guild: GuildId, rules: tuple[RoleRule, ...], policy: Policy) -> RuleEffect:
        """Count what these rules and settings would do to the roles of everybody in a guild."""
        adds = takes = 0
        now = self._now()
        async with self._store.read() as t:
            view = await load_view(t, guild)
            after = replace(view, rules=rules, settings=replace(view.settings, policy=policy))
            async for people in _everybody(t, guild):
                for case in (await load_cases(t, after, people)).values():
                    change = decide(case, Cause.RULES, now).change
                    adds += len(change.grant)
                    takes += len(change.revoke)
            holds = takes if takes and await _braked(t, after, takes, now) else 0
        return RuleEffect(adds, takes, holds)


def _about(case: Case, campaigns: Collection[CampaignId] | None) -> Case:
    """Leave out what somebody is a patron of elsewhere: that is not the business of whoever asks in this guild."""
    if campaigns is None:
        return case
    return replace(case, memberships={key: seen for key, seen in case.memberships.items() if key in campaigns})


async def _everybody(t: Tables, guild: GuildId) -> AsyncIterator[dict[DiscordUserId, Link | None]]:
    """Go through the linked people in a guild, then through those with a ledger and no link."""
    after: DiscordUserId | None = None
    while links := await t.links.in_guild(guild, after, _CHUNK):
        yield {link.user: link for link in links}
        after = links[-1].user
    after = None
    while users := await t.ledger.users(guild, after, _CHUNK):
        linked = await t.links.linked_users(users)
        yield {user: None for user in users if user not in linked}
        after = users[-1]


async def _braked(t: Tables, view: GuildView, takes: int, now: datetime) -> bool:
    recent = await t.log.count(view.guild, LogAction.REVOKED, now - _LATELY)
    granted = await t.ledger.count_ours(view.guild) + recent
    return brake(takes, recent, granted, view.settings.policy)
