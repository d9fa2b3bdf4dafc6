"""What happens in the world as gateway events: name, intent that is needed, data. No sockets here."""

from dataclasses import dataclass

from sandbox.discord.session import Session, encode
from sandbox.discord.wire import (
    audit_json,
    channel_json,
    guild_create_json,
    guild_json,
    member_json,
    message_json,
    role_json,
    user_json,
)
from sandbox.world import guild_events as happened
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_events import Event
from sandbox.world.guild_records import Json, Message


class Intent:
    """Bits of the intents a session identified with, those this Discord has events for."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_MODERATION = 1 << 2
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    DIRECT_MESSAGES = 1 << 12
    MESSAGE_CONTENT = 1 << 15


@dataclass(frozen=True, slots=True)
class _Dispatch:
    """An event for every session that has ``intent``, sits in the guild and serves it; ``about`` gets it in any case."""

    name: str
    guild_id: int | None
    intent: int
    data: Json
    about: int | None = None


class EventWriter:
    """Turns world events into dispatches of sessions."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self.base_url = ""

    def write(self, event: Event, sessions: list[Session]) -> None:
        """Send ``event`` to those of ``sessions`` that may know of it."""
        if not sessions:
            return
        match event:
            case happened.GuildAppeared() | happened.GuildDisappeared():
                self._write_guild(event, sessions)
            case happened.MessagePosted() | happened.MessageEdited() | happened.MessageDeleted():
                self._write_message(event, sessions)
            case _:
                if any(self._listens(session, event) for session in sessions):
                    self._send(self._dispatch(event), sessions)

    def _listens(self, session: Session, event: Event) -> bool:
        # Member events are by far the most frequent; nobody pays for their JSON when nobody gets it.
        if isinstance(event, happened.MemberJoined | happened.MemberChanged | happened.MemberLeft):
            return bool(session.intents & Intent.GUILD_MEMBERS) or event.user_id == session.bot.id
        return True

    def _dispatch(self, event: Event) -> _Dispatch:
        match event:
            case happened.MemberJoined(guild, user) | happened.MemberChanged(guild, user):
                name = "GUILD_MEMBER_ADD" if isinstance(event, happened.MemberJoined) else "GUILD_MEMBER_UPDATE"
                data: Json = {"guild_id": str(guild.id)} | member_json(self._world, guild, user)
                return _Dispatch(name, guild.id, Intent.GUILD_MEMBERS, data, about=user)
            case happened.MemberLeft(guild, user):
                data = {"guild_id": str(guild.id), "user": user_json(self._world.user(user))}
                return _Dispatch("GUILD_MEMBER_REMOVE", guild.id, Intent.GUILD_MEMBERS, data)
            case happened.RoleCreated(guild, role) | happened.RoleChanged(guild, role):
                name = "GUILD_ROLE_CREATE" if isinstance(event, happened.RoleCreated) else "GUILD_ROLE_UPDATE"
                return _Dispatch(name, guild.id, Intent.GUILDS, {"guild_id": str(guild.id), "role": role_json(role)})
            case happened.RoleDeleted(guild, role_id):
                data = {"guild_id": str(guild.id), "role_id": str(role_id)}
                return _Dispatch("GUILD_ROLE_DELETE", guild.id, Intent.GUILDS, data)
            case happened.GuildChanged(guild):
                return _Dispatch("GUILD_UPDATE", guild.id, Intent.GUILDS, guild_json(guild))
            case happened.ChannelCreated(guild, channel) | happened.ChannelDeleted(guild, channel):
                name = "CHANNEL_CREATE" if isinstance(event, happened.ChannelCreated) else "CHANNEL_DELETE"
                return _Dispatch(name, guild.id, Intent.GUILDS, channel_json(self._world, channel))
            case happened.Audited(entry):
                data = {"guild_id": str(entry.guild_id)} | audit_json(entry)
                return _Dispatch("GUILD_AUDIT_LOG_ENTRY_CREATE", entry.guild_id, Intent.GUILD_MODERATION, data)
            case _:
                raise TypeError(f"no gateway event for {event!r}")

    def _send(self, what: _Dispatch, sessions: list[Session]) -> None:
        encoded = encode(what.data)
        for session in sessions:
            if not session.serves(what.guild_id) or not self._sees(session, what.guild_id):
                continue
            if session.intents & what.intent or what.about == session.bot.id:
                self._dispatch_to(session, what.name, encoded)

    def _dispatch_to(self, session: Session, name: str, data: str) -> None:
        session.dispatch(name, data)
        if session.connected:
            self._world.timeline.add("discord.event", f"{name} to {session.bot.user.name}", event=name)

    def _sees(self, session: Session, guild_id: int | None) -> bool:
        if guild_id is None:
            return True
        guild = self._world.guilds[guild_id]
        return session.bot.id in guild.members and not guild.unavailable

    def _write_guild(self, event: happened.GuildAppeared | happened.GuildDisappeared, sessions: list[Session]) -> None:
        guild = event.guild
        for session in sessions:
            bot = session.bot.id
            concerned = bot in guild.members if event.bot_id is None else bot == event.bot_id
            if not concerned or not session.serves(guild.id) or not session.intents & Intent.GUILDS:
                continue
            if isinstance(event, happened.GuildDisappeared):
                data: Json = {"id": str(guild.id)}
                self._dispatch_to(
                    session, "GUILD_DELETE", encode(data | {"unavailable": True} if event.bot_id is None else data)
                )
            elif not guild.unavailable:
                self._dispatch_to(session, "GUILD_CREATE", encode(guild_create_json(self._world, guild, session.bot)))

    def _write_message(
        self, event: happened.MessagePosted | happened.MessageEdited | happened.MessageDeleted, sessions: list[Session]
    ) -> None:
        message = event.message
        needed = Intent.DIRECT_MESSAGES if message.guild_id is None else Intent.GUILD_MESSAGES
        for session in sessions:
            if not session.intents & needed or not session.serves(message.guild_id):
                continue
            if not self._sees(session, message.guild_id) or not self._owns_dm(session, message):
                continue
            if isinstance(event, happened.MessageDeleted):
                data = {"id": str(message.id), "channel_id": str(message.channel_id)}
                if message.guild_id is not None:
                    data["guild_id"] = str(message.guild_id)
                self._dispatch_to(session, "MESSAGE_DELETE", encode(data))
                continue
            name = "MESSAGE_CREATE" if isinstance(event, happened.MessagePosted) else "MESSAGE_UPDATE"
            self._dispatch_to(session, name, encode(self._message_data(session, message)))

    def _owns_dm(self, session: Session, message: Message) -> bool:
        return message.guild_id is not None or self._world.channel(message.channel_id).bot_id == session.bot.id

    def _message_data(self, session: Session, message: Message) -> Json:
        data = message_json(self._world, message, self.base_url)
        bot = session.bot.id
        if message.guild_id is not None:
            guild = self._world.guilds[message.guild_id]
            data["guild_id"] = str(guild.id)
            if message.author_id in guild.members:
                member = member_json(self._world, guild, message.author_id)
                del member["user"]
                data["member"] = member
            mine = message.author_id == bot or bot in message.mentions
            if not mine and not session.intents & Intent.MESSAGE_CONTENT:
                data |= {"content": "", "embeds": [], "components": [], "attachments": []}
        return data
