"""A Patreon and a Discord that outlive the process under test: state in one process, calls to it from another.

The far side answers one JSON line for each JSON line. What it answered has happened, whatever becomes of the caller.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from bot.core.model import (
    Block,
    Campaign,
    CampaignId,
    DiscordUserId,
    GuildId,
    Membership,
    MembershipId,
    PatronId,
    RoleId,
    TokenOwner,
    Tokens,
)
from bot.errors import AccessRevoked
from bot.store import Store
from tests.sync.doubles import CAMPAIGN, Page, a_campaign
from tests.sync.world import GUILD, World

# Shorter than what is renewed ahead, so that each start of an engine renews every pair.
LIFE = timedelta(hours=1)


class Outside:
    """The far side: Discord's members, Patreon's memberships, and one refresh token for each pair, good once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.refresh_tokens: dict[str, str] = {}
        self.calls = 0
        # At this call the caller dies: before anything happened, or when it has happened and nobody was answered.
        self.doom: int | None = None
        self.doom_before = False
        self.kill: Callable[[], None] = _nobody

    @asynccontextmanager
    async def serve(self, path: Path) -> AsyncIterator[None]:
        """Listen on a socket file until the block ends."""
        server = await asyncio.start_unix_server(self._talk, path)
        async with server:
            yield

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self.calls += 1
                doomed = self.doom is not None and self.calls >= self.doom
                if doomed and self.doom_before:
                    return self.kill()
                answer = self._answer(**json.loads(line))
                if doomed:
                    return self.kill()
                writer.write(msgspec.json.encode(answer) + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # the caller was killed
        finally:
            writer.close()

    def _answer(self, call: str, **about: Any) -> object:
        members = self._world.guilds.members[GUILD]
        match call:
            case "grant" | "revoke":
                roles = members.get(DiscordUserId(about["user"]))
                if roles is not None:
                    (roles.add if call == "grant" else roles.discard)(RoleId(about["role"]))
                return roles is not None
            case "look":
                found = members.get(DiscordUserId(about["user"]))
                return None if found is None else sorted(found)
            case "members":
                return [(user, sorted(roles)) for user, roles in sorted(members.items())]
            case "renew":
                return self._renew(about["owner"], about["refresh"])
            case "list":
                return list(self._world.patreon.memberships.values())
            case _:
                return self._world.patreon.memberships.get(PatronId(about["patron"]))

    def _renew(self, owner: str, refresh: str) -> str | None:
        """Give the next refresh token; the one before stays good until the new one is used, as Patreon has it."""
        current = self.refresh_tokens.setdefault(owner, refresh)
        number = int(current.rpartition("-")[2])
        if refresh == f"{owner}-{number - 1}":
            return current
        if refresh != current:
            return None
        self.refresh_tokens[owner] = f"{owner}-{number + 1}"
        return self.refresh_tokens[owner]


@dataclass(slots=True)
class Inside:
    """The near side: both ports of the engine, each call a line to the far side."""

    store: Store
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    turn: asyncio.Lock

    @classmethod
    async def open(cls, store: Store, path: str) -> "Inside":
        """Connect to the far side."""
        reader, writer = await asyncio.open_unix_connection(path, limit=2**24)
        return cls(store, reader, writer, asyncio.Lock())

    async def _ask(self, call: str, **about: object) -> Any:
        async with self.turn:
            self.writer.write(json.dumps({"call": call, **about}).encode() + b"\n")
            await self.writer.drain()
            return json.loads(await self.reader.readline())

    def is_ready(self, guild: GuildId) -> bool:
        return guild == GUILD

    def blocked(self, guild: GuildId, role: RoleId) -> Block | None:
        assert (guild, bool(role)) == (GUILD, True)
        return None

    def role_names(self, guild: GuildId) -> dict[RoleId, str]:
        assert guild == GUILD
        return {}

    async def grant(self, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str) -> bool:
        assert guild == GUILD
        return bool(await self._ask("grant", user=user, role=role, reason=reason))

    async def revoke(self, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str) -> bool:
        assert guild == GUILD
        return bool(await self._ask("revoke", user=user, role=role, reason=reason))

    async def fetch_roles(self, guild: GuildId, user: DiscordUserId) -> frozenset[RoleId] | None:
        assert guild == GUILD
        roles = await self._ask("look", user=user)
        return None if roles is None else frozenset(map(RoleId, roles))

    async def read_members(self, guild: GuildId) -> AsyncIterator[list[tuple[DiscordUserId, frozenset[RoleId]]]]:
        assert guild == GUILD
        yield [(DiscordUserId(user), frozenset(map(RoleId, roles))) for user, roles in await self._ask("members")]

    async def fetch_own_membership(self, patron: PatronId, campaign: CampaignId) -> Membership | None:
        assert campaign == CAMPAIGN
        told = await self._ask("membership", patron=patron)
        return None if told is None else _told(told)

    async def fetch_membership(self, campaign: CampaignId, membership_id: MembershipId) -> Membership | None:
        return await self.fetch_own_membership(PatronId(membership_id.removeprefix("m")), campaign)

    async def read_campaign(self, campaign: CampaignId) -> AsyncIterator[Page]:
        assert campaign == CAMPAIGN
        told = [_told(each) for each in await self._ask("list")]
        for start in range(0, len(told), 10):
            yield Page(tuple(told[start : start + 10]), len(told))

    async def fetch_campaign(self, campaign: CampaignId) -> Campaign:
        assert campaign == CAMPAIGN
        return a_campaign()

    async def renew(self, owner: TokenOwner) -> None:
        """Renew as the client does: the new pair is on disk before anything else happens."""
        async with self.store.read() as t:
            record = await t.tokens.load(owner)
        assert record is not None
        fresh = await self._ask("renew", owner=owner, refresh=record.tokens.refresh)
        if fresh is None:
            async with self.store.write() as t:
                await t.tokens.mark_broken(owner, record.version, utcnow())
            raise AccessRevoked("the refresh token was used up")
        async with self.store.write() as t:
            await t.tokens.save(owner, Tokens("access", fresh, utcnow() + LIFE))


def _nobody() -> None:
    """Kill nobody."""


def _told(membership: object) -> Membership:
    """Read a membership that came over the line, as an answer of this moment."""
    return replace(msgspec.convert(membership, Membership), observed_at=utcnow())


def utcnow() -> datetime:
    return datetime.now(UTC)
