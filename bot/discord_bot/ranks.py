"""Discord's roles and members as the rank rules see them (law 10). Facts only; ``bot.creators.ranks`` judges."""

import discord

from bot.core.model import GuildId, RoleId
from bot.creators.ranks import Asker, Candidate
from bot.guilds import Guilds

# https://discord.com/developers/docs/topics/permissions: what lets a member harm others or the server.
DANGEROUS = {
    "administrator": "administrate everything",
    "ban_members": "ban members",
    "kick_members": "kick members",
    "moderate_members": "time members out",
    "manage_guild": "change the server",
    "manage_roles": "manage roles",
    "manage_channels": "manage channels",
    "manage_webhooks": "manage webhooks",
    "manage_messages": "delete messages",
    "manage_nicknames": "rename members",
    "manage_threads": "manage threads",
    "manage_events": "manage events",
    "manage_expressions": "manage emoji and stickers",
    "mention_everyone": "mention everyone",
    "view_audit_log": "read the audit log",
}


def asker_of(interaction: discord.Interaction) -> Asker:
    """Say where the one who asks stands and whether the guild, not the channel, lets them manage roles."""
    member, guild = interaction.user, interaction.guild
    if guild is None or not isinstance(member, discord.Member):
        return Asker(top=0)
    may_manage = member.guild_permissions.manage_roles
    return Asker(member.top_role.position, may_manage=may_manage, owner=guild.owner_id == member.id)


def candidate_of(guilds: Guilds, role: discord.Role) -> Candidate:
    """Say where a role stands, whether the bot may give it, and what it lets its holders do."""
    granted = {name for name, on in role.permissions if on}
    powers = tuple(words for name, words in DANGEROUS.items() if name in granted)
    return Candidate(role.position, guilds.blocked(GuildId(role.guild.id), RoleId(role.id)), powers)
