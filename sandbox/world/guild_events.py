"""What the simulated Discord tells whoever listens: one small value for each thing that happened.

The gateway makes events of them; their JSON is made there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.world.guild_records import AuditEntry, Channel, Guild, Message, Role


@dataclass(frozen=True, slots=True)
class MemberJoined:
    """A user became a member."""

    guild: Guild
    user_id: int


@dataclass(frozen=True, slots=True)
class MemberChanged:
    """A member's roles are other ones now."""

    guild: Guild
    user_id: int


@dataclass(frozen=True, slots=True)
class MemberLeft:
    """A user left or was removed."""

    guild: Guild
    user_id: int


@dataclass(frozen=True, slots=True)
class RoleCreated:
    """A guild has a new role."""

    guild: Guild
    role: Role


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """A role's name, permissions or position is another one now."""

    guild: Guild
    role: Role


@dataclass(frozen=True, slots=True)
class RoleDeleted:
    """A role is gone, from its holders too (Discord sends no member updates for that)."""

    guild: Guild
    role_id: int


@dataclass(frozen=True, slots=True)
class ChannelCreated:
    """A guild has a new channel."""

    guild: Guild
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelDeleted:
    """A channel is gone."""

    guild: Guild
    channel: Channel


@dataclass(frozen=True, slots=True)
class GuildChanged:
    """A setting of the guild is another one now."""

    guild: Guild


@dataclass(frozen=True, slots=True)
class GuildAppeared:
    """A bot was invited (``bot_id`` names it), or the guild came back after an outage (None: for all of its bots)."""

    guild: Guild
    bot_id: int | None


@dataclass(frozen=True, slots=True)
class GuildDisappeared:
    """A bot was thrown out (``bot_id`` names it), or the guild is in an outage (None: for all of its bots)."""

    guild: Guild
    bot_id: int | None


@dataclass(frozen=True, slots=True)
class MessagePosted:
    """A message became visible in a channel or DM. Ephemeral ones never do."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """A visible message was changed."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A visible message is gone."""

    message: Message


@dataclass(frozen=True, slots=True)
class Audited:
    """The audit log has a new line."""

    entry: AuditEntry


Event = (
    MemberJoined
    | MemberChanged
    | MemberLeft
    | RoleCreated
    | RoleChanged
    | RoleDeleted
    | ChannelCreated
    | ChannelDeleted
    | GuildChanged
    | GuildAppeared
    | GuildDisappeared
    | MessagePosted
    | MessageEdited
    | MessageDeleted
    | Audited
)
Listener = Callable[[Event], None]
