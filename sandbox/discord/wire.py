"""The JSON shapes of Discord's objects, made from the world's records on demand. Who may see what is decided elsewhere.

The shapes are those of Discord's published OpenAPI description; ids are strings, instants ISO 8601.
"""

from urllib.parse import quote

from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_records import Attachment, AuditEntry, Bot, Channel, Guild, Json, Message, Role, User

_VERIFY_KEY = "0" * 64


_NOT_SET = (
    "icon",
    "description",
    "home_header",
    "splash",
    "discovery_splash",
    "banner",
    "application_id",
    "afk_channel_id",
    "system_channel_id",
    "widget_channel_id",
    "max_presences",
    "vanity_url_code",
    "rules_channel_id",
    "safety_alerts_channel_id",
    "public_updates_channel_id",
    "incidents_data",
)
_PLAIN_GUILD: Json = dict.fromkeys(_NOT_SET) | {
    "region": "deprecated",
    "afk_timeout": 300,
    "system_channel_flags": 0,
    "widget_enabled": False,
    "verification_level": 0,
    "default_message_notifications": 0,
    "explicit_content_filter": 0,
    "max_members": 500_000,
    "max_stage_video_channel_users": 50,
    "max_video_channel_users": 25,
    "premium_tier": 0,
    "premium_subscription_count": 0,
    "premium_progress_bar_enabled": False,
    "nsfw": False,
    "nsfw_level": 0,
}
"""A guild with none of the settings that no bot here looks at."""


def user_json(user: User) -> Json:
    """Return a user as others see it."""
    shape: Json = {
        "id": str(user.id),
        "username": user.name,
        "global_name": user.global_name,
        "discriminator": "0000" if user.bot else "0",
        "avatar": None,
        "avatar_decoration_data": None,
        "banner": None,
        "accent_color": None,
        "collectibles": None,
        "primary_guild": None,
        "public_flags": 0,
        "flags": 0,
    }
    if user.bot:
        shape["bot"] = True
    return shape


def own_user_json(bot: Bot) -> Json:
    """Return a bot's user as it sees itself."""
    extra = {"mfa_enabled": bot.owner_two_factor, "locale": bot.user.locale, "verified": True, "email": None}
    return user_json(bot.user) | extra


def application_json(world: DiscordWorld, bot: Bot) -> Json:
    """Return an application as its own bot sees it."""
    owner = world.users.get(bot.owner_id, bot.user)
    return {
        "id": str(bot.id),
        "name": bot.user.name,
        "icon": None,
        "description": "",
        "type": None,
        "bot": user_json(bot.user),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": _VERIFY_KEY,
        "flags": _application_flags(bot),
        "flags_new": str(_application_flags(bot)),
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "owner": user_json(owner),
        "approximate_guild_count": sum(bot.id in guild.members for guild in world.guilds.values()),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
        "integration_types_config": {"0": {}},
    }


def _application_flags(bot: Bot) -> int:
    # The "limited" bits of the three privileged intents, which is what an application below the review threshold has.
    presences, members, content = 1 << 13, 1 << 15, 1 << 19
    return presences * bot.presences_intent | members * bot.members_intent | content * bot.content_intent


def role_json(role: Role) -> Json:
    """Return a role of a guild."""
    shape: Json = {
        "id": str(role.id),
        "name": role.name,
        "permissions": str(int(role.permissions)),
        "position": role.position,
        "color": role.color,
        "colors": {"primary_color": role.color, "secondary_color": None, "tertiary_color": None},
        "hoist": role.hoist,
        "managed": role.managed,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if role.bot_id is not None:
        shape["tags"] = {"bot_id": str(role.bot_id)}
    return shape


def member_json(world: DiscordWorld, guild: Guild, user: int) -> Json:
    """Return a member with its user. KeyError when the user is no member."""
    roles = guild.members.roles(user)
    return {
        "user": user_json(world.user(user)),
        "nick": None,
        "avatar": None,
        "avatar_decoration_data": None,
        "banner": None,
        "collectibles": None,
        "roles": [str(role) for role in sorted(roles)],
        "joined_at": guild.members.joined_at(user).isoformat(),
        "premium_since": None,
        "communication_disabled_until": None,
        "flags": 0,
        "pending": user in guild.pending,
        "mute": False,
        "deaf": False,
    }


def channel_json(world: DiscordWorld, channel: Channel) -> Json:
    """Return a text channel or a DM."""
    last = next(reversed(channel.messages), None)
    shape: Json = {
        "id": str(channel.id),
        "type": channel.type,
        "flags": 0,
        "last_message_id": None if last is None else str(last),
        "last_pin_timestamp": None,
    }
    if channel.guild_id is None:
        return shape | {"recipients": [user_json(world.user(channel.recipient_id or 0))]}
    overwrites = [
        {"id": str(target), "type": int(o.member), "allow": str(int(o.allow)), "deny": str(int(o.deny))}
        for target, o in channel.overwrites.items()
    ]
    return shape | {
        "guild_id": str(channel.guild_id),
        "name": channel.name,
        "parent_id": None,
        "position": channel.position,
        "permission_overwrites": overwrites,
        "rate_limit_per_user": 0,
        "nsfw": False,
        "topic": None,
    }


def guild_json(guild: Guild) -> Json:
    """Return a guild as ``GET /guilds/{id}`` has it, without counts."""
    return _PLAIN_GUILD | {
        "id": str(guild.id),
        "name": guild.name,
        "owner_id": str(guild.owner_id),
        "features": [],
        "mfa_level": int(guild.two_factor),
        "roles": [role_json(role) for role in guild.roles.values()],
        "preferred_locale": guild.locale,
        "emojis": [],
        "stickers": [],
    }


def guild_create_json(world: DiscordWorld, guild: Guild, bot: Bot) -> Json:
    """Return a guild as GUILD_CREATE has it: with channels, and of the members only the bot itself.

    Discord lists more members only to bots with the presences intent, those who are online; nobody is online here.
    """
    return guild_json(guild) | {
        "joined_at": guild.members.joined_at(bot.id).isoformat(),
        "large": len(guild.members) > 50,  # noqa: PLR2004 # Discord's default large_threshold
        "unavailable": False,
        "member_count": len(guild.members),
        "members": [member_json(world, guild, bot.id)],
        "channels": [channel_json(world, channel) for channel in guild.channels.values()],
        "threads": [],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def attachment_json(attachment: Attachment, channel: int, base_url: str) -> Json:
    """Return a file of a message; its address is served by this sandbox."""
    url = f"{base_url}/attachments/{channel}/{attachment.id}/{quote(attachment.filename, safe='')}"
    return {
        "id": str(attachment.id),
        "filename": attachment.filename,
        "size": len(attachment.data),
        "url": url,
        "proxy_url": url,
        "content_type": attachment.content_type,
    }


def message_json(world: DiscordWorld, message: Message, base_url: str = "") -> Json:
    """Return a message with everything in it; who may read the content is decided by the gateway."""
    shape: Json = {
        "id": str(message.id),
        "type": 0,
        "channel_id": str(message.channel_id),
        "author": user_json(world.user(message.author_id)),
        "content": message.content,
        "timestamp": message.sent_at.isoformat(),
        "edited_timestamp": None if message.edited_at is None else message.edited_at.isoformat(),
        "tts": False,
        "mention_everyone": False,
        "mentions": [user_json(world.user(user)) for user in message.mentions],
        "mention_roles": [],
        "attachments": [attachment_json(item, message.channel_id, base_url) for item in message.attachments],
        "embeds": message.embeds,
        "components": message.components,
        "pinned": False,
        "flags": message.flags,
    }
    if message.application_id is not None:
        shape["application_id"] = str(message.application_id)
    if message.interaction is not None:
        shape["type"] = 20 if message.interaction["type"] == 2 else 0  # noqa: PLR2004 # the answer to a command
        shape["webhook_id"] = str(message.application_id)
        shape["interaction_metadata"] = message.interaction
    return shape


def audit_json(entry: AuditEntry) -> Json:
    """Return a line of the audit log."""
    shape: Json = {
        "id": str(entry.id),
        "action_type": entry.action,
        "user_id": str(entry.actor_id),
        "target_id": str(entry.target_id),
        "changes": list(entry.changes),
    }
    if entry.reason is not None:
        shape["reason"] = entry.reason
    return shape
