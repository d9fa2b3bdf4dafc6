"""The verbs of messages: post, edit, delete, open a DM. Who may do it is for the API to ask."""

from abc import ABC, abstractmethod

from sandbox.world.clock import Clock
from sandbox.world.guild_events import Event, MessageDeleted, MessageEdited, MessagePosted
from sandbox.world.guild_records import Channel, Message, Unknown


class Messages(ABC):
    """The part of :class:`~sandbox.world.guild.DiscordWorld` that deals with channels' messages and DMs."""

    clock: Clock
    channels: dict[int, Channel]

    @abstractmethod
    def new_id(self) -> int:
        """Return a fresh snowflake."""

    @abstractmethod
    def tell(self, event: Event) -> None:
        """Hand ``event`` to every listener."""

    def channel(self, channel: int) -> Channel:
        """Return the channel or DM."""
        try:
            return self.channels[channel]
        except KeyError:
            raise Unknown("Channel", channel) from None

    def message(self, channel: int, message: int) -> Message:
        """Return a message that is there for everybody in the channel."""
        try:
            return self.channel(channel).messages[message]
        except KeyError:
            raise Unknown("Message", message) from None

    def open_dm(self, bot: int, user: int) -> Channel:
        """Return the DM of a bot and a user, made when it is asked for first."""
        for channel in self.channels.values():
            if channel.recipient_id == user and channel.bot_id == bot:
                return channel
        channel = Channel(self.new_id(), "", recipient_id=user, bot_id=bot)
        self.channels[channel.id] = channel
        return channel

    def dms(self, user: int) -> list[Message]:
        """Return what bots wrote to the user in DMs, oldest first."""
        found = [m for channel in self.channels.values() if channel.recipient_id == user for m in channel.messages.values()]
        return sorted(found, key=lambda message: message.id)

    def history(self, channel: int) -> list[Message]:
        """Return the channel's messages, oldest first."""
        return sorted(self.channel(channel).messages.values(), key=lambda message: message.id)

    def post(self, message: Message) -> Message:
        """Put a message into its channel; an ephemeral one is shown to one user and stored nowhere."""
        if not message.ephemeral:
            self.channel(message.channel_id).messages[message.id] = message
            self.tell(MessagePosted(message))
        return message

    def edited(self, message: Message) -> None:
        """Say that ``message`` was changed now."""
        message.edited_at = self.clock.now()
        if not message.ephemeral:
            self.tell(MessageEdited(message))

    def delete(self, message: Message) -> None:
        """Remove a message."""
        message.deleted = True
        if not message.ephemeral:
            self.channel(message.channel_id).messages.pop(message.id, None)
            self.tell(MessageDeleted(message))
