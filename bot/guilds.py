"""Discord as the engine sees it: who has which role, grant, revoke, and what blocks us. No decisions, no member cache.

Roles and the bot's own rank come from the gateway's role cache; members are read page by page and never kept, so that
memory does not grow with a guild. Every foreign exception is translated here.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import discord

from bot.core.model import Block, DiscordUserId, GuildId, Member, RoleId
from bot.errors import GuildUnavailable, RoleBlocked, TwoFactorMissing

if TYPE_CHECKING:
    from discord.types.gateway import GuildMembersChunkEvent
    from discord.types.member import MemberWithUser

T = TypeVar("T")

# https://discord.com/developers/docs/resources/guild#list-guild-members: `limit` is 1 to 1000.
PAGE = 1000

# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_UNKNOWN_GUILD = 10004
_UNKNOWN_MEMBER = 10007
_UNKNOWN_ROLE = 10011
_UNKNOWN_USER = 10013
_TWO_FACTOR_REQUIRED = 60003


Still = Callable[[], Awaitable[bool]]


class Guilds:
    """The guilds the bot is in, through one discord.py client."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        # discord.py counts calls that are under way as not made yet when a window begins, and so asks too often.
        self._turns: dict[tuple[str, GuildId], asyncio.Lock] = defaultdict(asyncio.Lock)

    def is_ready(self, guild: GuildId) -> bool:
        """Say whether the gateway has told us all about a guild, so that roles and ranks can be judged."""
        known = self._client.get_guild(guild)
        # A guild whose roles are missing is one whose GUILD_CREATE has not been read yet; @everyone is always there.
        return known is not None and not known.unavailable and bool(known.roles)

    def blocked(self, guild: GuildId, role: RoleId) -> Block | None:
        """Say why the bot may not give or take a role; None when it may. Raises GuildUnavailable."""
        known = self._known(guild)
        found = known.get_role(role)
        if found is None:
            return Block.GONE
        if found.is_default():
            return Block.EVERYONE
        if found.managed:
            return Block.MANAGED
        if not known.me.guild_permissions.manage_roles:
            return Block.PERMISSION
        return None if found.is_assignable() else Block.RANK

    def role_names(self, guild: GuildId) -> dict[RoleId, str]:
        """Name the guild's roles, @everyone left out. Raises GuildUnavailable."""
        return {RoleId(role.id): role.name for role in self._known(guild).roles if not role.is_default()}

    async def grant(self, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str) -> bool:
        """Give one role; False when the user is not a member. Harmless when repeated.

        Raises RoleBlocked and GuildUnavailable.
        """
        self._known(guild)
        async with self._turns["grant", guild]:
            return await _of_member(self._client.http.add_role(guild, user, role, reason=reason))

    async def revoke(
        self, guild: GuildId, user: DiscordUserId, role: RoleId, reason: str, *, still: Still | None = None
    ) -> bool | None:
        """Take one role; False when the user is not a member. Harmless when repeated.

        ``still`` is asked when the turn has come, which may be long after the decision; where it says no, nothing is done
        and the answer is None. Raises RoleBlocked and GuildUnavailable.
        """
        self._known(guild)
        async with self._turns["revoke", guild]:
            if still is not None and not await still():
                return None
            return await _of_member(self._client.http.remove_role(guild, user, role, reason=reason))

    async def fetch_member(self, guild: GuildId, user: DiscordUserId) -> Member | None:
        """Ask about one user; None when they are not a member. Raises GuildUnavailable."""
        self._known(guild)
        try:
            member = await _translated(self._client.http.get_member(guild, user))
        except _NoMember:
            return None
        return _member(member)

    async def ask_members(self, guild: GuildId, users: Sequence[DiscordUserId]) -> dict[DiscordUserId, Member | None]:
        """Ask over the gateway about up to 100 users, which costs no request; None for those Discord does not find.

        Whom Discord's answer leaves out altogether is left out here too. Raises GuildUnavailable.
        """
        known, asked = self._known(guild), set(users)

        def is_answer(chunk: "GuildMembersChunkEvent") -> bool:
            return int(chunk["guild_id"]) == guild and _told(chunk).keys() <= asked

        # One at a time, so that no answer is taken for that of another question.
        async with self._turns["ask", guild]:
            chunk = asyncio.ensure_future(self._client.wait_for("raw_members_chunk", check=is_answer))
            try:
                await _translated(known.query_members(user_ids=list(users), limit=len(users), cache=False))
                if not chunk.done():
                    # discord.py answers with what it has when the session ends meanwhile.
                    raise GuildUnavailable(f"the gateway gave no answer about members of guild {guild}")
                return _told(chunk.result())
            finally:
                chunk.cancel()

    async def read_members(self, guild: GuildId) -> AsyncIterator[list[tuple[DiscordUserId, Member]]]:
        """Read every member of a guild, a page at a time in order of id; complete, or it raises GuildUnavailable.

        Discord lets a bot list members only with the Server Members intent turned on in the developer portal.
        """
        self._known(guild)
        after = 0
        while True:
            try:
                page = await _translated(self._client.http.get_members(guild, PAGE, after))
            except (RoleBlocked, _NoMember) as refused:
                raise GuildUnavailable(
                    f"guild {guild} does not show its members: is the Server Members intent on?"
                ) from refused
            yield [(DiscordUserId(int(member["user"]["id"])), _member(member)) for member in page]
            # A full page may be the last one. The gateway's count of members would save a call then, and may be stale.
            if len(page) < PAGE:
                return
            after = max(int(member["user"]["id"]) for member in page)

    def _known(self, guild: GuildId) -> discord.Guild:
        known = self._client.get_guild(guild)
        if known is None or not self.is_ready(guild):
            raise GuildUnavailable(f"guild {guild} is not known to the gateway now")
        return known


def from_discord(answer: discord.HTTPException) -> bool:
    """Say whether Discord itself answered: its API speaks JSON, a firewall or proxy in front of it sends a page."""
    return answer.response.headers.get("Content-Type", "").startswith("application/json")


class _NoMember(Exception):
    """The call was about somebody who is not in the guild; never leaves this module."""


def roles_of(member: discord.Member) -> frozenset[RoleId]:
    """Return the roles that an event or interaction says a member has, @everyone left out."""
    return frozenset(RoleId(role.id) for role in member.roles if not role.is_default())


def _member(member: "MemberWithUser") -> Member:
    joined_at = discord.utils.parse_time(member.get("joined_at"))
    return Member(frozenset(RoleId(int(role)) for role in member["roles"]), member.get("pending", False), joined_at)


def _told(chunk: "GuildMembersChunkEvent") -> dict[DiscordUserId, Member | None]:
    absent: dict[DiscordUserId, Member | None] = {DiscordUserId(int(user)): None for user in chunk.get("not_found", [])}
    return absent | {DiscordUserId(int(member["user"]["id"])): _member(member) for member in chunk["members"]}


async def _of_member(call: Awaitable[object]) -> bool:
    try:
        await _translated(call)
    except _NoMember:
        return False
    return True


async def _translated(call: Awaitable[T]) -> T:
    """Await a call of discord.py and turn what it raises into our errors; messages carry codes, never bodies."""
    try:
        return await call
    except discord.NotFound as missing:
        if missing.code in (_UNKNOWN_MEMBER, _UNKNOWN_USER):
            raise _NoMember from missing
        if missing.code == _UNKNOWN_ROLE:
            raise RoleBlocked("the role is gone") from missing
        raise GuildUnavailable(f"Discord answered 404, code {missing.code}") from missing
    except discord.Forbidden as refused:
        if not from_discord(refused):
            raise GuildUnavailable("something in front of Discord answered 403") from refused
        if refused.code == _TWO_FACTOR_REQUIRED:
            raise TwoFactorMissing("the account that owns the bot needs two-factor authentication here") from refused
        raise RoleBlocked(f"Discord answered 403, code {refused.code}") from refused
    except discord.HTTPException as failed:
        raise GuildUnavailable(f"Discord answered {failed.status}, code {failed.code}") from failed
    except Exception as broken:
        # What is left is the network below discord.py (aiohttp's errors, time-outs), or a client that is closing.
        raise GuildUnavailable(f"Discord could not be reached: {type(broken).__name__}") from broken
