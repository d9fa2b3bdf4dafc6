"""Which roles of a guild may not be touched, found by looking and not by trying, and telling so once.

A role Discord refused to touch although nothing was to be seen is not tried for the next person: what was told is kept as
a fact until the guild's roles change, or its next audit. Whatever forgets a block has everybody looked at who waits for it.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

import structlog

from bot.core.model import Block, Cause, GuildId, RoleId
from bot.store.records import NudgeKind
from bot.store.tables import Tables
from bot.sync.parts import Parts
from bot.sync.ports import Guilds
from bot.sync.reports import RoleIsBlocked

log = structlog.get_logger(__name__)

Blocked = Mapping[RoleId, Block]

_BY_TRYING = frozenset({Block.TWO_FACTOR, Block.REFUSED})


def told_keys(guild: GuildId) -> str:
    """Give the beginning of the names of the facts that say which roles were reported as blocked."""
    return _key(guild)


def refused(facts: Mapping[str, str]) -> Blocked:
    """Return the roles Discord refused to touch when it was asked, and why, from those facts."""
    return {role: block for role, block in _told(facts).items() if block in _BY_TRYING}


async def load_told(t: Tables, guild: GuildId) -> dict[RoleId, Block]:
    """Load the roles that were reported as blocked."""
    return _told(await t.facts.beginning_with(told_keys(guild)))


async def forget(t: Tables, guild: GuildId, roles: Collection[RoleId], now: datetime) -> None:
    """Forget that roles were reported as blocked: they are tried, and told about, anew.

    Everybody in the guild is judged again in the same transaction's wake, since anybody may wait for one of them.
    """
    for role in sorted(roles):
        await t.facts.drop(_key(guild, role))
    if roles:
        await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.REACHED, now)


def find(guilds: Guilds, guild: GuildId, roles: Iterable[RoleId], refused: Blocked) -> Blocked:
    """Say, without a request, which of these roles may not be touched, and why. Raises GuildUnavailable."""
    found = {role: guilds.blocked(guild, role) or refused.get(role) for role in roles}
    return {role: block for role, block in found.items() if block is not None}


class BlockReports:
    """Tells of blocked roles, each once for as long as it stays blocked the same way, also over restarts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._telling = asyncio.Lock()

    async def tell(self, guild: GuildId, blocked: Blocked) -> None:
        """Report what was not reported yet."""
        for role, block in sorted(blocked.items()):
            async with self._telling:
                async with self._parts.store.read() as t:
                    known = await t.facts.get(_key(guild, role))
                if known == block.value:
                    continue
                async with self._parts.store.write() as t:
                    await t.facts.set(_key(guild, role), block.value)
            log.warning("role_blocked", guild=guild, role=role, block=block.value)
            await self._parts.tell(RoleIsBlocked(guild, role, block))


def _told(facts: Mapping[str, str]) -> dict[RoleId, Block]:
    return {RoleId(int(key.rpartition(":")[2])): Block(value) for key, value in facts.items()}


def _key(guild: GuildId, role: RoleId | str = "") -> str:
    return f"blocked:{guild}:{role}"
