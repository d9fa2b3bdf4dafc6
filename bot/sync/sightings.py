"""What was seen of members, into presence and ledger: by an audit, a join, an update, a command. No role is changed here.

This is the one place where a sighting is judged. It tells of an instant that is over when it is written down, so what we
did ourselves since then outweighs it: a role we just gave never counts as taken by hand, nor one we just took as found.
Discord's word for a change is no proof of it: a grant or revocation is over when it was accepted *and* seen. What turns
out undone is done again, a few times a day; then it stands against somebody's will, and the staff are told. Members with
changes are nudged in the same transaction, so a crash cannot lose the nudge.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.core.model import Cause, DiscordUserId, Grant, GuildId, Holding, Origin, RoleId
from bot.store.records import LogAction, LogEntry, NudgeKind
from bot.store.tables import Tables
from bot.sync.cases import GuildView
from bot.sync.reports import GrantOverruled, Report, RoleUndone

MARGIN = timedelta(seconds=5)
"""Discord's payloads and pages are this old at most when they arrive.

Another bot's too: one that writes a member's roles as they were before we took one does it within this time.
"""

UNSEEN = timedelta(minutes=1)
"""After this time a change that Discord accepted and nobody saw is looked for."""

AGAIN = 3
"""So often within ``AGAIN_IN`` a role is given or taken anew that somebody undid."""

AGAIN_IN = timedelta(days=1)

_NONE = timedelta(0)

Seen = Mapping[DiscordUserId, frozenset[RoleId]]


@dataclass(frozen=True, slots=True)
class Sighted:
    """What to tell the staff after the transaction, and whose roles are left alone for now since they keep being undone."""

    reports: tuple[Report, ...] = ()
    left_alone: frozenset[DiscordUserId] = frozenset()


@dataclass(slots=True)
class _Notes:
    """What follows from the sightings of one transaction."""

    rows: list[Grant] = field(default_factory=list)
    gone: list[Grant] = field(default_factory=list)
    entries: list[LogEntry] = field(default_factory=list)
    call: set[DiscordUserId] = field(default_factory=set)
    left_alone: set[DiscordUserId] = field(default_factory=set)
    reports: list[Report] = field(default_factory=list)


async def record_seen(
    t: Tables, view: GuildView, seen: Seen, seen_at: datetime, cause: Cause, *, call: bool = False, live: bool = False
) -> Sighted:
    """Write down which managed roles members have, in the caller's transaction.

    ``call``: nudge those of whom something new was seen, or whose roles still wait for a change that was begun. ``live``:
    the gateway tells of this very change, in order, so that it is no older than what it told before.

    A role nobody of us granted is FOUND; one that is gone without our doing is TAKEN.
    """
    guild = view.guild
    there = await t.presence.of_users(guild, seen)
    await t.presence.put_many(guild, {user: True for user in seen if not live or not there.get(user)}, seen_at)
    judge = _Judge(t, view, seen_at, cause, live=live)
    ledger = await t.ledger.of_users(guild, list(seen))
    for user, roles in seen.items():
        await judge.judge(user, ledger.get(user, {}), roles)
    notes = judge.notes
    await t.ledger.put_many(notes.rows)
    for row in notes.gone:
        await t.ledger.drop(guild, row.user, row.role)
    await t.log.add(notes.entries)
    await forget_strangers(t, view, {row.user for row in notes.gone})
    if call:
        new = notes.call | {user for user in seen if not there.get(user)}
        await t.nudges.add_many(NudgeKind.USER, map(str, new), cause, seen_at)
    return Sighted(tuple(notes.reports), frozenset(notes.left_alone))


class _Judge:
    """Judges sightings of one instant."""

    def __init__(self, t: Tables, view: GuildView, seen_at: datetime, cause: Cause, *, live: bool) -> None:
        self._t = t
        self._view = view
        self._managed = view.managed
        self._seen_at = seen_at
        self._cause = cause
        self._live = live
        self.notes = _Notes()

    async def judge(self, user: DiscordUserId, held: Mapping[RoleId, Grant], roles: Collection[RoleId]) -> None:
        """Compare one member's roles with their ledger entries."""
        for role in sorted(self._managed.intersection(roles) - held.keys()):
            await self._appeared(Grant(self._view.guild, user, role, Origin.FOUND, self._seen_at, self._cause))
        for row in held.values():
            if row.role in roles:
                await self._present(row)
            else:
                await self._absent(row)
        if not self._live and any(self._waits(row) for row in held.values()):
            self.notes.call.add(user)

    def _waits(self, row: Grant) -> bool:
        """Say whether a role waits to be given or taken once more, since it was given up for the day."""
        restores = self._view.settings.policy.restore_drift
        return row.holding.begun or (restores and row.holding is Holding.TAKEN)

    async def _present(self, row: Grant) -> None:
        match row.holding:
            case Holding.GIVING if self._age(row.since) >= _NONE:
                self.notes.rows.append(replace(row, holding=Holding.GIVEN, since=self._seen_at))
            case Holding.GIVEN if self._live or self._age(row.since) >= _NONE:
                # The gateway often tells it before Discord's answer is written down, which dates the entry anew.
                self.notes.rows.append(replace(row, holding=Holding.HELD))
            case Holding.REVOKED if self._is_later(row.since):
                await self._undone(row, Holding.TAKING)
            case Holding.REVOKED if self._live and not await self._accepted(row, LogAction.REVOKED):
                self.notes.rows.append(replace(row, holding=Holding.TAKING))
            case Holding.LEFT | Holding.TAKEN if self._is_later(row.since):
                # It went with its holder, or was taken by hand, and is back: somebody else gave it.
                self._changed(replace(row, holding=Holding.HELD, origin=Origin.FOUND), LogAction.FOUND)
            case _:
                pass

    async def _absent(self, row: Grant) -> None:
        match row.holding:
            case Holding.TAKING if self._age(row.since) >= _NONE:
                self.notes.rows.append(replace(row, holding=Holding.REVOKED, since=self._seen_at))
            case Holding.REVOKED if self._live or self._age(row.since) >= _NONE:
                self.notes.gone.append(row)
            case Holding.GIVEN if self._is_later(row.since):
                await self._undone(row, Holding.GIVING)
            case Holding.GIVEN if self._live and not await self._accepted(row, LogAction.GRANTED):
                self.notes.rows.append(replace(row, holding=Holding.GIVING))
            case Holding.HELD if self._live or self._is_later(row.since):
                await self._taken(row)
            case _:
                pass

    def _age(self, since: datetime) -> timedelta:
        """Return how much younger a sighting is than an entry; ages when that dates from before a clock was set back."""
        age = self._seen_at - since
        return age if age > -UNSEEN else timedelta.max

    def _is_later(self, since: datetime) -> bool:
        """Say whether a sighting that contradicts an entry is certainly younger than it."""
        return self._age(since) >= MARGIN

    async def _appeared(self, row: Grant) -> None:
        """Judge a role without an entry: somebody else's, unless it is one we have just taken."""
        revoked_at = await self._last(row, LogAction.REVOKED)
        if revoked_at is None or self._is_later(revoked_at):
            self._changed(row, LogAction.FOUND)
        elif not self._live:
            return  # a payload that was on its way when we took it
        elif await self._count(row, LogAction.UNDONE) < AGAIN:
            # Seen gone and back within seconds: an old list of roles, not a person.
            await self._undone(replace(row, origin=Origin.OURS), Holding.TAKING)
        else:
            self._changed(row, LogAction.FOUND)
            self._give_up(row, given=False)

    async def _accepted(self, row: Grant, action: LogAction) -> bool:
        """Say whether Discord has answered a change; one seen done and undone before that waits to be seen once more."""
        last = await self._last(row, action)
        return last is not None and last >= row.since

    async def _last(self, row: Grant, action: LogAction) -> datetime | None:
        entries = await self._t.log.of(row.guild, row.user, limit=20)
        return max((entry.at for entry in entries if entry.role == row.role and entry.action is action), default=None)

    async def _taken(self, row: Grant) -> None:
        """Note that somebody took a role by hand; a creator's grant of it ends, a rule gives it again where it may."""
        self._changed(replace(row, holding=Holding.TAKEN), LogAction.TAKEN)
        for grant in await self._t.manual.of(row.guild, row.user):
            if grant.role == row.role and grant.granted_at < self._seen_at and not grant.is_over(self._seen_at):
                await self._t.manual.end(row.guild, row.user, row.role)
                self.notes.reports.append(GrantOverruled(row.guild, row.user, row.role, grant))
        restores = self._view.settings.policy.restore_drift and row.origin is Origin.OURS
        times = await self._count(row, LogAction.TAKEN)
        if restores and times >= AGAIN:
            self._give_up(row, given=True, first=times == AGAIN)

    async def _undone(self, row: Grant, again: Holding) -> None:
        """Do a change again that Discord confirmed and that is not, or no longer, to be seen."""
        times = await self._count(row, LogAction.UNDONE)
        self._changed(replace(row, holding=again, since=self._seen_at), LogAction.UNDONE)
        if times >= AGAIN:
            self._give_up(row, given=again is Holding.GIVING, first=times == AGAIN)

    def _give_up(self, row: Grant, *, given: bool, first: bool = True) -> None:
        """Leave a role as it is until something else happens, at the latest the next audit; tell that once."""
        self.notes.call.discard(row.user)
        self.notes.left_alone.add(row.user)
        if first:
            self.notes.reports.append(RoleUndone(row.guild, row.user, row.role, given=given))

    async def _count(self, row: Grant, action: LogAction) -> int:
        entries = await self._t.log.of(row.guild, row.user, limit=100)
        since = self._seen_at - AGAIN_IN
        return sum(entry.role == row.role and entry.action is action and entry.at > since for entry in entries)

    def _changed(self, row: Grant, action: LogAction) -> None:
        self.notes.rows.append(row)
        self.notes.entries.append(LogEntry(row.guild, row.user, row.role, action, self._cause, self._seen_at))
        self.notes.call.add(row.user)


async def forget_strangers(t: Tables, view: GuildView, users: Collection[DiscordUserId]) -> None:
    """Forget the presence of people with whom the bot has nothing to do any more."""
    linked = await t.links.linked_users(users)
    entries = await t.ledger.of_users(view.guild, users)
    by_hand = await t.manual.of_users(view.guild, users)
    for user in sorted(set(users) - linked - entries.keys() - by_hand.keys()):
        await t.presence.forget(view.guild, user)


async def revoked_lately(t: Tables, guild: GuildId, user: DiscordUserId, now: datetime) -> bool:
    """Say whether we took a role from somebody a moment ago, so that it may come back with an old list of roles."""
    return any(entry.at > now - MARGIN for entry in await t.log.of(guild, user, limit=1))


async def record_gone(t: Tables, view: GuildView, users: list[DiscordUserId], seen_at: datetime) -> None:
    """Write down that people are not members now; what they had is remembered for their return.

    Nudge those with held revocations: the open question no longer concerns them.
    """
    await t.presence.put_many(view.guild, dict.fromkeys(users, False), seen_at)
    await t.ledger.leave(view.guild, users)
    held = await t.holds.of_users(view.guild, users)
    await t.nudges.add_many(NudgeKind.USER, map(str, held), Cause.CLOCK, seen_at)
