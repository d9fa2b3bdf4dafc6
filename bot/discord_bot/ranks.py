"""Discord's roles and members as the rank rules see them (law 10). Facts only; ``bot.creators.ranks`` judges."""

from collections.abc import Iterable

import discord

from bot.core.model import GuildId, RoleId
from bot.creators.ranks import Asker, Candidate, check, check_above
from bot.errors import GuildUnavailable
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


def asker_of(interaction: discord.Interaction, about: GuildId | None = None) -> Asker:
    """Return where the one who asks stands and whether the guild, not the channel, lets them manage roles.

    ``about``: the guild it is about, where the interaction may have come from a direct message. There Discord tells
    nothing of a member, and only the guild's owner counts.
    """
    member, guild = interaction.user, interaction.guild
    if guild is None and about is not None:
        named = interaction.client.get_guild(about)
        return Asker(top=0, owner=named is not None and named.owner_id == member.id)
    if guild is None or not isinstance(member, discord.Member) or about not in {None, guild.id}:
        return Asker(top=0)
    may_manage = member.guild_permissions.manage_roles
    return Asker(member.top_role.position, may_manage=may_manage, owner=guild.owner_id == member.id)


def check_giving(interaction: discord.Interaction, guilds: Guilds, role: RoleId) -> Candidate:
    """Give a role as it stands now; raises RuleRefused unless the one who asks and the bot could both give it."""
    known = _guild(interaction)
    found = known.get_role(role)
    granted = {name for name, on in found.permissions if on} if found else set()
    powers = tuple(words for name, words in DANGEROUS.items() if name in granted)
    candidate = Candidate(found.position if found else 0, guilds.blocked(GuildId(known.id), role), powers)
    check(candidate, asker_of(interaction))
    return candidate


def check_moving(interaction: discord.Interaction, roles: Iterable[RoleId], about: GuildId | None = None) -> None:
    """Raise RuleRefused unless the one who asks could give and take all these roles; those that are gone nobody can.

    ``about`` as in ``asker_of``.
    """
    asker = asker_of(interaction, about)
    if asker.owner:
        return
    found = [_guild(interaction).get_role(role) for role in sorted(roles)]
    check_above([(role.name, role.position) for role in found if role is not None], asker)


def _guild(interaction: discord.Interaction) -> discord.Guild:
    if interaction.guild is None:
        raise GuildUnavailable("the gateway has not told about this guild")
    return interaction.guild
