"""The gateway: websocket connections of bots, from HELLO to resume, after Discord's documentation "Gateway".

Sessions outlive their connections. What the events look like is :mod:`sandbox.discord.gateway_events`'s business, asking for
members :mod:`sandbox.discord.gateway_members`'s.
"""

import asyncio
import json
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

from aiohttp import WSCloseCode, WSMsgType, web

from sandbox.discord.gateway_events import EventWriter, Intent
from sandbox.discord.gateway_members import MemberRequests
from sandbox.discord.session import Session, encode
from sandbox.discord.wire import guild_create_json, own_user_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_events import Event
from sandbox.world.guild_records import Bot, Json

_SENDS_PER_MINUTE = 120
_DISPATCH, _HEARTBEAT, _IDENTIFY, _PRESENCE, _VOICE, _RESUME, _RECONNECT, _MEMBERS, _INVALID, _HELLO, _ACK = (
    *range(5),
    *range(6, 12),
)


class CloseCode:
    """Codes the gateway closes a connection with (Discord's documentation, "Opcodes and Status Codes")."""

    UNKNOWN_ERROR = 4000
    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    RATE_LIMITED = 4008
    INVALID_SHARD = 4010
    SHARDING_REQUIRED = 4011
    INVALID_API_VERSION = 4012
    INVALID_INTENTS = 4013
    DISALLOWED_INTENTS = 4014


class Manner(Enum):
    """How events reach the sessions. Discord promises no more than these (documentation, "API Reference", Consistency)."""

    ONCE = "each once and in order"
    LOST = "never"
    TWICE = "each twice"
    LATE = "not before the manner changes, and then the last one first"


class _Close(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(eq=False)
class _Connection:
    socket: web.WebSocketResponse
    deflate: bool
    outbox: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    session: Session | None = None
    sent_at: list[float] = field(default_factory=list)


class Gateway:
    """All sessions and connections. ``identifies``, ``resumes`` and ``opcodes`` count what clients sent.

    ``shards`` is how many a bot is told to start. ``turn_away`` is a close code that every IDENTIFY gets, ``shut`` refuses
    connections before that, as a broken load balancer does. With ``heartbeats_answered`` False connections look dead to
    their clients, which look for the answer every ``heartbeat_ms``.
    """

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self._sessions: dict[str, Session] = {}
        self._connections: set[_Connection] = set()
        self._writer = EventWriter(world)
        self._members = MemberRequests(world)
        self.url = ""
        self.identifies = 0
        self.resumes = 0
        self.opcodes: Counter[int] = Counter()
        self.shards = 1
        self.turn_away: int | None = None
        self._manner = Manner.ONCE
        self._late: list[Event] = []
        self.shut = False
        self.heartbeat_ms = 41_250
        self.heartbeats_answered = True

    # --- verbs for tests and the console ----------------------------------------------------------------------------

    @property
    def sessions(self) -> tuple[Session, ...]:
        """Sessions that are connected or could resume."""
        return tuple(self._sessions.values())

    async def drop(self, *, resumable: bool = True, bot: int | None = None, code: int = CloseCode.UNKNOWN_ERROR) -> int:
        """Close connections (of one bot, or all); without ``resumable`` sessions are lost too.

        ``code`` is 4000, "try reconnecting", unless named. Returns how many were closed.
        """
        hit = [c for c in self._connections if bot is None or (c.session is not None and c.session.bot.id == bot)]
        for connection in hit:
            session = connection.session
            self._detach(connection)
            if session is not None and not resumable:
                self._sessions.pop(session.id, None)
            await connection.socket.close(code=code, message=b"dropped")
        self._world.timeline.add("discord.gateway", f"{len(hit)} connections dropped", resumable=resumable)
        return len(hit)

    async def reset_token(self, bot: int, token: str) -> None:
        """Give a bot a new token, as its owner does in the developer portal; sessions of the old one end with 4004."""
        self._world.bots[bot].token = token
        await self.drop(resumable=False, bot=bot, code=CloseCode.AUTHENTICATION_FAILED)

    def ask_to_reconnect(self) -> None:
        """Send op 7: clients close and resume."""
        for connection in self._connections:
            connection.outbox.put_nowait(encode({"op": _RECONNECT, "d": None}))

    def ask_for_heartbeats(self) -> None:
        """Send op 1: clients answer with a heartbeat at once, as they do by themselves every ``heartbeat_ms``."""
        for connection in self._connections:
            connection.outbox.put_nowait(encode({"op": _HEARTBEAT, "d": None}))

    def invalidate(self, *, resumable: bool = False) -> None:
        """Send op 9 to every session; without ``resumable`` clients have to identify anew."""
        for connection in self._connections:
            if connection.session is not None and not resumable:
                self._sessions.pop(connection.session.id, None)
            connection.outbox.put_nowait(encode({"op": _INVALID, "d": resumable}))

    def reachable(self, bot: int, guild: int | None) -> list[Session]:
        """Return the sessions an interaction of this guild (None: a DM) can be sent to."""
        return [s for s in self._sessions.values() if s.bot.id == bot and s.connected and s.serves(guild)]

    def announce(self, event: Event) -> None:
        """Send what happened in the world to the sessions it concerns, in the manner of the moment."""
        match self._manner:
            case Manner.LOST:
                return
            case Manner.LATE:
                self._late.append(event)
                return
            case Manner.TWICE:
                self._write_event(event)
            case Manner.ONCE:
                pass
        self._write_event(event)

    def send_events(self, manner: Manner) -> None:
        """Send events in this manner from now on."""
        self._manner = manner
        late, self._late = self._late, []
        for event in reversed(late):
            self._write_event(event)

    def _write_event(self, event: Event) -> None:
        self._writer.write(event, list(self._sessions.values()))

    # --- life of a connection ---------------------------------------------------------------------------------------

    def open(self, base_url: str, gateway_url: str) -> None:
        """Start listening to the world; the addresses go into READY and attachments."""
        self.url = gateway_url
        self._writer.base_url = base_url
        self._world.listen(self.announce)

    async def close(self) -> None:
        """Close every connection and forget every session."""
        self._world.unlisten(self.announce)
        self._sessions.clear()
        for connection in tuple(self._connections):
            await connection.socket.close(code=WSCloseCode.GOING_AWAY)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it closes."""
        if self.shut:
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(max_msg_size=4096 * 4, compress=False)
        await socket.prepare(request)
        connection = _Connection(socket, deflate=request.query.get("compress") == "zlib-stream")
        self._connections.add(connection)
        writer = asyncio.create_task(self._write(connection))
        try:
            connection.outbox.put_nowait(
                encode({"op": _HELLO, "d": {"heartbeat_interval": self.heartbeat_ms, "_trace": []}})
            )
            await self._read(connection)
        except _Close as end:
            with suppress(TimeoutError):  # what was said before still goes out, if anybody takes it
                await asyncio.wait_for(connection.outbox.join(), timeout=1.0)
            await socket.close(code=end.code, message=end.reason.encode())
        finally:
            writer.cancel()
            self._detach(connection)
            self._connections.discard(connection)
        return socket

    def _detach(self, connection: _Connection) -> None:
        session, connection.session = connection.session, None
        if session is not None and session.outbox is connection.outbox:
            session.outbox = None

    async def _write(self, connection: _Connection) -> None:
        stream = zlib.compressobj(level=1)
        while True:
            frame = await connection.outbox.get()
            try:
                if connection.deflate:
                    await connection.socket.send_bytes(stream.compress(frame.encode()) + stream.flush(zlib.Z_SYNC_FLUSH))
                else:
                    await connection.socket.send_str(frame)
            except ConnectionError:
                return
            finally:
                connection.outbox.task_done()

    async def _read(self, connection: _Connection) -> None:
        async for message in connection.socket:
            if message.type is not WSMsgType.TEXT:
                raise _Close(CloseCode.DECODE_ERROR, "Error while decoding payload.")
            self._count_send(connection)
            try:
                payload = json.loads(message.data)
                opcode, data = int(payload["op"]), payload.get("d")
            except (ValueError, KeyError, TypeError, AttributeError):
                raise _Close(CloseCode.DECODE_ERROR, "Error while decoding payload.") from None
            self.opcodes[opcode] += 1
            self._take(connection, opcode, data)

    def _count_send(self, connection: _Connection) -> None:
        now = asyncio.get_running_loop().time()
        connection.sent_at = [at for at in connection.sent_at if now - at < 60]  # noqa: PLR2004 # a minute
        connection.sent_at.append(now)
        if len(connection.sent_at) > _SENDS_PER_MINUTE:
            raise _Close(CloseCode.RATE_LIMITED, "You are being rate limited.")

    def _take(self, connection: _Connection, opcode: int, data: Json | int | None) -> None:
        if opcode == _HEARTBEAT:
            if self.heartbeats_answered:
                connection.outbox.put_nowait(encode({"op": _ACK}))
        elif opcode in {_IDENTIFY, _RESUME}:
            if connection.session is not None:
                raise _Close(CloseCode.ALREADY_AUTHENTICATED, "Already authenticated.")
            if not isinstance(data, dict):
                raise _Close(CloseCode.DECODE_ERROR, "Error while decoding payload.")
            (self._identify if opcode == _IDENTIFY else self._resume)(connection, data)
        elif connection.session is None:
            raise _Close(CloseCode.NOT_AUTHENTICATED, "Not authenticated.")
        elif opcode == _MEMBERS and isinstance(data, dict):
            self._members.answer(connection.session, data)
        elif opcode not in {_PRESENCE, _VOICE}:
            raise _Close(CloseCode.UNKNOWN_OPCODE, "Unknown opcode.")

    def _identify(self, connection: _Connection, data: Json) -> None:
        self.identifies += 1
        bot = self._world.bot_of_token(str(data.get("token", "")).removeprefix("Bot "))
        if bot is None:
            raise _Close(CloseCode.AUTHENTICATION_FAILED, "Authentication failed.")
        if self.turn_away is not None:
            raise _Close(self.turn_away, "Turned away.")
        intents = int(data.get("intents", 0))
        self._check_intents(bot, intents)
        shard, shards = data.get("shard") or (0, 1)
        if not 0 <= shard < shards:
            raise _Close(CloseCode.INVALID_SHARD, "Invalid shard.")
        session = Session(bot, intents, (shard, shards))
        self._sessions[session.id] = session
        self._attach(connection, session)
        self._world.timeline.add("discord.gateway", f"{bot.user.name} identified", bot=bot.id, shard=shard, intents=intents)
        self._greet(session)

    def _check_intents(self, bot: Bot, intents: int) -> None:
        allowed = {
            Intent.GUILD_MEMBERS: bot.members_intent,
            Intent.GUILD_PRESENCES: bot.presences_intent,
            Intent.MESSAGE_CONTENT: bot.content_intent,
        }
        if any(intents & intent and not granted for intent, granted in allowed.items()):
            raise _Close(CloseCode.DISALLOWED_INTENTS, "Disallowed intent(s).")

    def _greet(self, session: Session) -> None:
        guilds = [g for g in self._world.guilds.values() if session.bot.id in g.members and session.serves(g.id)]
        ready = {
            "v": 10,
            "user": own_user_json(session.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": [session.shard, session.shards],
            "application": {"id": str(session.bot.id), "flags": 0},
        }
        session.dispatch("READY", encode(ready))
        if not session.intents & Intent.GUILDS:
            return
        for guild in guilds:
            if not guild.unavailable:
                session.dispatch("GUILD_CREATE", encode(guild_create_json(self._world, guild, session.bot)))

    def _resume(self, connection: _Connection, data: Json) -> None:
        session = self._sessions.get(str(data.get("session_id")))
        bot = self._world.bot_of_token(str(data.get("token", "")).removeprefix("Bot "))
        missed = None if session is None or session.bot is not bot else session.missed(int(data.get("seq") or 0))
        if session is None or missed is None:
            connection.outbox.put_nowait(encode({"op": _INVALID, "d": False}))
            return
        self.resumes += 1
        for frame in missed:
            connection.outbox.put_nowait(frame)
        self._attach(connection, session)
        session.dispatch("RESUMED", encode({"_trace": []}))
        text = f"{session.bot.user.name} resumed, {len(missed)} events behind"
        self._world.timeline.add("discord.gateway", text, bot=session.bot.id, shard=session.shard)

    def _attach(self, connection: _Connection, session: Session) -> None:
        connection.session = session
        session.outbox = connection.outbox
