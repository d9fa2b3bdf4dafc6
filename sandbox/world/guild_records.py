"""What a simulated Discord is made of: users, bots, guilds, roles, channels, messages, audit lines. State without rules."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag
from typing import Any

from sandbox.world.guild_roster import Roster

Json = dict[str, Any]
"""A JSON object as it goes over the wire."""
AUDIT_KEPT = 50_000
"""Lines of an audit log that are remembered; Discord forgets them after 45 days."""


class Permission(IntFlag):
    """The permission bits this Discord acts on (Discord's documentation, "Permissions")."""

    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    VIEW_AUDIT_LOG = 1 << 7
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    USE_APPLICATION_COMMANDS = 1 << 31


EVERY_PERMISSION = Permission((1 << 52) - 1)
EVERYONE_PERMISSIONS = (
    Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.CHANGE_NICKNAME
    | Permission.USE_APPLICATION_COMMANDS
)
BOT_PERMISSIONS = (
    Permission.MANAGE_ROLES
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
)
"""What an invitation grants a bot unless it says otherwise."""


class ChannelType:
    """Discord's channel types, those of them that exist here."""

    TEXT = 0
    DM = 1


class MessageFlag:
    """Message flags this Discord acts on."""

    EPHEMERAL = 1 << 6
    LOADING = 1 << 7
    COMPONENTS_V2 = 1 << 15


class Unknown(LookupError):
    """What was asked for does not exist; ``what`` is Discord's word for it, such as "Guild", "Role" or "Member"."""

    def __init__(self, what: str, key: object = "") -> None:
        super().__init__(f"Unknown {what} {key}".rstrip())
        self.what = what


@dataclass(slots=True)
class User:
    """A Discord account. ``dms_open`` False means that nobody may write to it (error 50007)."""

    id: int
    name: str
    global_name: str | None = None
    bot: bool = False
    locale: str = "en-US"
    dms_open: bool = True


@dataclass(slots=True)
class Bot:
    """A bot's application and its user, which share one id here as they do for every application made since 2016.

    The three booleans are the privileged intents its owner switched on in the developer portal.
    """

    user: User
    token: str = field(repr=False)
    owner_id: int
    members_intent: bool = True
    presences_intent: bool = False
    content_intent: bool = False
    owner_two_factor: bool = True

    @property
    def id(self) -> int:
        """The id of the application and of its user."""
        return self.user.id


@dataclass(slots=True)
class Role:
    """A role of a guild. ``position`` counts up from @everyone's 0; ``bot_id`` is set on the role a bot came with."""

    id: int
    name: str
    position: int
    permissions: int = 0
    managed: bool = False
    color: int = 0
    hoist: bool = False
    mentionable: bool = False
    bot_id: int | None = None


@dataclass(frozen=True, slots=True)
class Overwrite:
    """What a channel allows and denies one role or one member on top of the guild's permissions."""

    allow: int = 0
    deny: int = 0
    member: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message."""

    id: int
    filename: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(slots=True)
class Message:
    """A message. ``only_for`` names the one user who sees an ephemeral one; embeds and components are as they were sent."""

    id: int
    channel_id: int
    author_id: int
    sent_at: datetime
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    flags: int = 0
    guild_id: int | None = None
    edited_at: datetime | None = None
    only_for: int | None = None
    application_id: int | None = None
    interaction: Json | None = None
    attachments: list[Attachment] = field(default_factory=list)
    mentions: tuple[int, ...] = ()
    deleted: bool = False

    @property
    def ephemeral(self) -> bool:
        """Only one user sees it, and it never becomes part of the channel."""
        return bool(self.flags & MessageFlag.EPHEMERAL)

    @property
    def loading(self) -> bool:
        """The "thinking …" state of a deferred answer."""
        return bool(self.flags & MessageFlag.LOADING)


@dataclass(slots=True)
class Channel:
    """A text channel of a guild, or a DM with ``recipient_id``."""

    id: int
    name: str
    guild_id: int | None = None
    recipient_id: int | None = None
    bot_id: int | None = None
    position: int = 0
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)

    @property
    def type(self) -> int:
        """Discord's channel type."""
        return ChannelType.DM if self.guild_id is None else ChannelType.TEXT


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of a guild's audit log; ``changes`` in Discord's shape (key ``$add`` or ``$remove`` for member roles)."""

    id: int
    guild_id: int
    action: int
    actor_id: int
    target_id: int
    changes: tuple[Json, ...]
    reason: str | None
    at: datetime


@dataclass(slots=True)
class Guild:
    """A guild. ``unavailable`` is Discord's word for an outage that hides a guild from its bots.

    ``two_factor``: moderation needs two-factor authentication; of a bot, on the account of its owner.
    With ``screens`` people who join are ``pending`` until they accept the rules, or get a role: Discord says that one ends
    the screening (discord-api-docs pull request 2652), and users that since onboarding some roles do not (issue 6175).
    """

    id: int
    name: str
    owner_id: int
    members: Roster
    created_at: datetime
    roles: dict[int, Role] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    audit_log: deque[AuditEntry] = field(default_factory=lambda: deque(maxlen=AUDIT_KEPT))
    unavailable: bool = False
    locale: str = "en-US"
    two_factor: bool = False
    screens: bool = False
    roles_lift_screening: bool = True
    pending: set[int] = field(default_factory=set)
