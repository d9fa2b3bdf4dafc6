"""The gateway's "Request Guild Members" (op 8): chunks of members by id, by prefix of the name, or all of them."""

import asyncio

from sandbox.discord.gateway_events import Intent
from sandbox.discord.session import Session, encode
from sandbox.discord.wire import member_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_records import Guild, Json

_CHUNK = 1000
_FOUND_AT_MOST = 100
WHOLE_GUILD_SECONDS = 30.0
"""Discord sends a guild's whole member list once in this time, to one bot."""


class MemberRequests:
    """Answers op 8. The whole list costs ``whole_guild_seconds`` of waiting before it may be asked for again."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self._asked_at: dict[tuple[int, int], float] = {}
        self.whole_guild_seconds = WHOLE_GUILD_SECONDS

    def answer(self, session: Session, data: Json) -> None:
        """Send the chunks, or RATE_LIMITED; a guild the bot is not in gets no answer, as at Discord."""
        guild = self._world.guilds.get(int(data.get("guild_id") or 0))
        if guild is None or guild.unavailable or session.bot.id not in guild.members:
            return
        nonce = data.get("nonce")
        if data.get("user_ids") is not None:
            self._answer_ids(session, guild, data["user_ids"], nonce)
            return
        query, limit = str(data.get("query", "")), int(data.get("limit") or 0)
        if query or limit:
            found = self._search(guild, query, min(limit or _FOUND_AT_MOST, _FOUND_AT_MOST))
            self._send(session, guild, found, [], nonce)
        elif session.intents & Intent.GUILD_MEMBERS:
            self._answer_all(session, guild, nonce)

    def _answer_ids(self, session: Session, guild: Guild, wanted: object, nonce: object) -> None:
        several: list[str] = wanted if isinstance(wanted, list) else [str(wanted)]
        ids = [int(user) for user in several][:_FOUND_AT_MOST]
        found = [user for user in ids if user in guild.members]
        self._send(session, guild, found, [str(user) for user in ids if user not in guild.members], nonce)

    def _search(self, guild: Guild, prefix: str, limit: int) -> list[int]:
        found: list[int] = []
        for user in guild.members:
            if self._world.user(user).name.lower().startswith(prefix.lower()):
                found.append(user)
                if len(found) == limit:
                    break
        return found

    def _answer_all(self, session: Session, guild: Guild, nonce: object) -> None:
        now = asyncio.get_running_loop().time()
        key = (session.bot.id, guild.id)
        wait = self._asked_at.get(key, -self.whole_guild_seconds) + self.whole_guild_seconds - now
        if key in self._asked_at and wait > 0:
            limited = {"opcode": 8, "retry_after": wait, "meta": {"guild_id": str(guild.id), "nonce": nonce}}
            session.dispatch("RATE_LIMITED", encode(limited))
            return
        self._asked_at[key] = now
        self._send(session, guild, list(guild.members), [], nonce)

    def _send(self, session: Session, guild: Guild, users: list[int], not_found: list[str], nonce: object) -> None:
        count = max(1, -(-len(users) // _CHUNK))
        for index in range(count):
            part = users[index * _CHUNK : (index + 1) * _CHUNK]
            chunk: Json = {
                "guild_id": str(guild.id),
                "members": [member_json(self._world, guild, user) for user in part],
                "chunk_index": index,
                "chunk_count": count,
            }
            if not_found:
                chunk["not_found"] = not_found
            if nonce is not None:
                chunk["nonce"] = nonce
            session.dispatch("GUILD_MEMBERS_CHUNK", encode(chunk))
