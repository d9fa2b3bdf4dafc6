"""The routes of channels and DMs: looking at them, posting, editing and deleting messages."""

import re

from sandbox.discord import message_forms
from sandbox.discord.errors import ApiError, cannot_dm, missing_access, missing_permissions
from sandbox.discord.rest import Answer, Call, Route
from sandbox.discord.wire import channel_json, message_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_ranks import may_see, may_write, permissions_in
from sandbox.world.guild_records import Channel, Message, Permission, Unknown

_CHANNEL = "/channels/{channel_id}"
_MESSAGE = _CHANNEL + "/messages/{message_id}"
_PAGE = 100
_BIGGEST_ID = (1 << 63) - 1
_MENTION = re.compile(r"<@!?(\d+)>")


def mentions_in(world: DiscordWorld, content: str) -> tuple[int, ...]:
    """Return the ids of known users that a text mentions, each once."""
    named = dict.fromkeys(int(match) for match in _MENTION.findall(content))
    return tuple(user for user in named if user in world.users)


class ChannelRoutes:
    """Answers what bots ask and do in channels."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self.base_url = ""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("POST", _CHANNEL + "/messages", self.post),
            Route("GET", _CHANNEL + "/messages", self.messages),
            Route("GET", _MESSAGE, self.message),
            Route("PATCH", _MESSAGE, self.edit),
            Route("DELETE", _MESSAGE, self.delete),
            Route("GET", _CHANNEL, self.channel),
            Route("POST", _CHANNEL + "/typing", self.typing),
            Route("POST", "/users/@me/channels", self.open_dm),
        ]

    async def post(self, call: Call) -> Answer:
        """Post a message; 50007 where a user takes no DMs."""
        channel = self._writable(call)
        form = await call.form()
        message = Message(self._world.new_id(), channel.id, call.bot.id, self._world.clock.now(), guild_id=channel.guild_id)
        message_forms.write(message, form, call.files)
        message.mentions = mentions_in(self._world, message.content)
        self._world.post(message)
        where = "a DM" if channel.guild_id is None else f"#{channel.name}"
        self._world.timeline.add("discord.message", f"{call.bot.user.name} wrote in {where}", channel=channel.id)
        return message_json(self._world, message, self.base_url)

    async def messages(self, call: Call) -> Answer:
        """Return messages, the newest first."""
        channel = self._visible(call)
        before, after = call.number("before", _BIGGEST_ID, 0, _BIGGEST_ID), call.number("after", 0, 0, _BIGGEST_ID)
        found = [message for message in self._world.history(channel.id) if after < message.id < before]
        limit = call.number("limit", 50, 1, _PAGE)
        chosen = found[:limit] if "after" in call.request.query else found[-limit:]
        return [message_json(self._world, message, self.base_url) for message in reversed(chosen)]

    async def message(self, call: Call) -> Answer:
        """Return one message."""
        return message_json(self._world, self._message(call), self.base_url)

    async def edit(self, call: Call) -> Answer:
        """Edit a message of the bot's own."""
        message = self._message(call)
        if message.author_id != call.bot.id:
            raise ApiError(403, 50005, "Cannot edit a message authored by another user")
        message_forms.write(message, await call.form(), call.files)
        self._world.edited(message)
        return message_json(self._world, message, self.base_url)

    async def delete(self, call: Call) -> Answer:
        """Delete a message of the bot's own, or anybody's with "Manage messages"."""
        channel, message = self._visible(call), self._message(call)
        if message.author_id != call.bot.id and not self._permissions(channel, call) & Permission.MANAGE_MESSAGES:
            raise missing_permissions()
        self._world.delete(message)
        return None

    async def channel(self, call: Call) -> Answer:
        """Return a channel."""
        return channel_json(self._world, self._visible(call))

    async def typing(self, call: Call) -> Answer:
        """Do nothing: nobody watches."""
        self._writable(call)
        return None

    async def open_dm(self, call: Call) -> Answer:
        """Return the DM with a user; whether it can be written to shows only then."""
        form = await call.form()
        recipient = self._world.user(int(form.get("recipient_id") or 0))
        if recipient.bot:
            raise cannot_dm()
        return channel_json(self._world, self._world.open_dm(call.bot.id, recipient.id))

    def _visible(self, call: Call) -> Channel:
        channel = self._world.channel(call.id("channel_id"))
        if channel.guild_id is None:
            if channel.bot_id != call.bot.id:
                raise Unknown("Channel")
            return channel
        guild = self._world.guild(channel.guild_id)
        if guild.unavailable:
            raise ApiError(503, 0, "503: Service Unavailable")
        if not may_see(guild, channel, call.bot.id):
            raise missing_access()
        return channel

    def _writable(self, call: Call) -> Channel:
        channel = self._visible(call)
        if channel.guild_id is not None:
            if not may_write(self._world.guild(channel.guild_id), channel, call.bot.id):
                raise missing_permissions()
            return channel
        recipient = self._world.user(channel.recipient_id or 0)
        shared = any(recipient.id in guild.members and call.bot.id in guild.members for guild in self._world.guilds.values())
        if not shared or not recipient.dms_open:
            raise cannot_dm()
        return channel

    def _message(self, call: Call) -> Message:
        return self._world.message(self._visible(call).id, call.id("message_id"))

    def _permissions(self, channel: Channel, call: Call) -> int:
        if channel.guild_id is None:
            return 0
        return permissions_in(self._world.guild(channel.guild_id), channel, call.bot.id)
