"""What the gateway tells of members and roles, passed to the engine. Nothing is decided here, and nothing answered.

discord.py starts a task for each event; turns keep those of one person in the order Discord sent them, so that somebody
who leaves and comes back within a moment does not end as absent.
"""

import discord
from discord.ext import commands

from bot.core.model import DiscordUserId, GuildId, RoleId
from bot.discord_bot import MemberUpdate, PatronRolesBot, UseCases
from bot.guilds import roles_of


class RoleEvents(commands.Cog):
    """Listens to the gateway."""

    def __init__(self, bot: PatronRolesBot, use_cases: UseCases) -> None:
        self._bot = bot
        self._use = use_cases
        self._turns = bot.turns

    @commands.Cog.listener("on_member_join")
    async def joined(self, member: discord.Member) -> None:
        """Somebody came; what they had before they left, or what they linked before, is theirs at once."""
        async with self._turns.of(member.id):
            await self._use.engine.members.joined(
                GuildId(member.guild.id), DiscordUserId(member.id), roles_of(member), pending=member.pending
            )

    @commands.Cog.listener("on_raw_member_remove")
    async def left(self, payload: discord.RawMemberRemoveEvent) -> None:
        """Somebody went, and their roles with them."""
        async with self._turns.of(payload.user.id):
            await self._use.engine.members.left(GuildId(payload.guild_id), DiscordUserId(payload.user.id))

    @commands.Cog.listener("on_raw_member_update")
    async def updated(self, update: MemberUpdate) -> None:
        """Note which roles somebody has after a change, ours or another's, and whether they accepted the rules.

        A change of the bot's own moves its rank.
        """
        guild, user = GuildId(update.guild), DiscordUserId(update.user)
        if self._bot.user is not None and user == self._bot.user.id:
            await self._use.engine.members.roles_changed(guild)
            return
        roles = frozenset(map(RoleId, update.roles))
        async with self._turns.of(user):
            await self._use.engine.members.updated(guild, user, roles, pending=update.pending)

    @commands.Cog.listener("on_guild_update")
    async def guild_updated(self, before: discord.Guild, after: discord.Guild) -> None:
        """Look again at what was blocked: who owns the server and whether it asks for two factors decides about that."""
        if (before.mfa_level, before.owner_id) != (after.mfa_level, after.owner_id):
            await self._use.engine.members.roles_changed(GuildId(after.id))

    @commands.Cog.listener("on_guild_role_delete")
    async def role_deleted(self, role: discord.Role) -> None:
        """Forget who had a role that is gone; its rules are reported as blocked."""
        await self._use.engine.members.role_deleted(GuildId(role.guild.id), RoleId(role.id))

    @commands.Cog.listener("on_guild_role_create")
    async def role_created(self, role: discord.Role) -> None:
        """Read the names anew."""
        await self._use.engine.members.roles_changed(GuildId(role.guild.id))

    @commands.Cog.listener("on_guild_role_update")
    async def role_updated(self, before: discord.Role, after: discord.Role) -> None:
        """Look again at what was blocked: a renamed, moved or empowered role may be free now."""
        if (before.name, before.position, before.permissions) != (after.name, after.position, after.permissions):
            await self._use.engine.members.roles_changed(GuildId(after.guild.id))

    @commands.Cog.listener("on_guild_join")
    @commands.Cog.listener("on_guild_available")
    async def guild_known(self, guild: discord.Guild) -> None:
        """Note a guild the bot was invited to or knows again: members and roles may have changed while it was away.

        Discord tells of each guild at the start of a session, and after an outage of the guild; not when one is resumed.
        """
        await self._use.settings.joined(GuildId(guild.id))
        await self._use.engine.members.guild_joined(GuildId(guild.id))
        await self._use.engine.members.roles_changed(GuildId(guild.id))
        await self._use.engine.members.missed(GuildId(guild.id))

    @commands.Cog.listener("on_guild_remove")
    async def thrown_out(self, guild: discord.Guild) -> None:
        """Let a guild rest that the bot is no longer in; an outage of Discord's does not come this way."""
        await self._use.engine.members.guild_left(GuildId(guild.id))

    @commands.Cog.listener("on_ready")
    async def guilds_known(self) -> None:
        """Compare with the guilds that are stored: it may have been thrown out, or let in, while it was away."""
        await self._use.engine.members.guilds_are([GuildId(guild.id) for guild in self._bot.guilds])
