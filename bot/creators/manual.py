"""Roles given by a creator's hand, apart from Patreon's data: give one with a reason and an end, list them, end one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from bot.core.model import Cause, DiscordUserId, GuildId, ManualGrant, RoleId
from bot.errors import RuleRefused
from bot.store.records import NudgeKind
from bot.store.store import Store
from bot.texts import staff as texts

log = structlog.get_logger(__name__)

LONGEST_NOTE = 200
MOST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Asked:
    """A role to give by hand; for good when ``days`` is None."""

    guild: GuildId
    user: DiscordUserId
    role: RoleId
    note: str
    by: DiscordUserId
    days: int | None = None


class ManualGrants:
    """A guild's manual grants."""

    def __init__(self, store: Store, *, now: Callable[[], datetime], wake: Callable[[], None]) -> None:
        """``wake`` tells the engine that a row waits."""
        self._store = store
        self._now = now
        self._wake = wake

    async def grant(self, asked: Asked) -> ManualGrant:
        """Give a role by hand; a second time for the same role replaces the first. Raises RuleRefused."""
        note, now = asked.note.strip(), self._now()
        if not 1 <= len(note) <= LONGEST_NOTE:
            raise RuleRefused(texts.LONG_NOTE)
        if asked.days is not None and not 1 <= asked.days <= MOST_DAYS:
            raise RuleRefused(texts.PAST_EXPIRY)
        expires_at = None if asked.days is None else now + timedelta(days=asked.days)
        grant = ManualGrant(asked.guild, asked.user, asked.role, note, asked.by, now, expires_at)
        async with self._store.write() as t:
            # The command named a member of the guild, so Discord has just said that they are there.
            await t.presence.put(asked.guild, asked.user, present=True, seen_at=now)
            await t.manual.add(grant)
            await t.nudges.add(NudgeKind.USER, str(asked.user), Cause.MANUAL, now)
        log.info("granted_by_hand", guild=asked.guild, user=asked.user, role=asked.role, by=asked.by)
        self._wake()
        return grant

    async def end(self, guild: GuildId, user: DiscordUserId, role: RoleId) -> ManualGrant:
        """End one and give what it was. Raises RuleRefused when there is none."""
        async with self._store.write() as t:
            ended = await t.manual.end(guild, user, role)
            if ended is None:
                raise RuleRefused(texts.NOT_HELD_BY_HAND)
            await t.nudges.add(NudgeKind.USER, str(user), Cause.MANUAL, self._now())
        log.info("grant_ended_by_hand", guild=guild, user=user, role=role)
        self._wake()
        return ended

    async def of_guild(self, guild: GuildId) -> list[ManualGrant]:
        """List those that have not ended, the newest first."""
        now = self._now()
        async with self._store.read() as t:
            given = await t.manual.of_guild(guild)
        return [grant for grant in given if grant.expires_at is None or grant.expires_at > now]
