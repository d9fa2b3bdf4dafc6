"""/doctor looks over everything a guild needs; /setup guides through the first steps with the same findings."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.core.model import GuildId
from bot.creators import Home
from bot.discord_bot import Listing, PatronRolesBot, UseCases, listed, say, show_pages
from bot.errors import GuildUnavailable
from bot.texts import syncs
from cogs.admin import findings
from cogs.admin.channel import StaffChannel
from cogs.admin.setup_panel import SetupPanel


class DoctorCog(commands.Cog):
    """Looking and guiding."""

    def __init__(self, bot: PatronRolesBot, use_cases: UseCases, channel: StaffChannel) -> None:
        self._bot = bot
        self._use = use_cases
        self._channel = channel

    @app_commands.command(
        name="doctor", description="Check role order, permissions, tokens, webhook, and who is out of reach"
    )
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def doctor(self, interaction: discord.Interaction) -> None:
        """Name what is fine and what to mend."""
        known, home = _known(interaction), await self._home(interaction)
        guild = GuildId(known.id)
        lines = [findings.of_permission(known), *findings.of_two_factor(known, self._bot.user)]
        lines.append(findings.of_channel(known, home.settings.staff_channel, owner=self._channel.reaches_owner(guild)))
        lines += findings.of_campaigns(home)
        for access in await self._use.syncs.access(guild):
            lines += findings.of_access(access)
        lines += await self._of_rules(guild, home)
        lines += findings.of_clock(self._use.clock_ahead(), await self._use.syncs.clock_jumped_at(), self._use.now())
        lines += findings.of_reach(await self._use.patrons.stats(guild))
        await show_pages(interaction, Listing(listed(lines)))

    @app_commands.command(name="setup", description="Connect this server and take the first steps")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    async def setup(self, interaction: discord.Interaction) -> None:
        """Connect the campaign, show what is missing, offer a staff channel and a first rule."""
        known = _known(interaction)
        guild = GuildId(known.id)
        connected = await self._use.campaigns.connect(guild, operator=await self._bot.is_owner(interaction.user))
        await self._use.engine.descriptions.freshen((await self._home(interaction)).campaigns)
        home = await self._home(interaction)
        campaign = home.campaign(connected.campaign)
        lines = [findings.of_permission(known), *findings.of_two_factor(known, self._bot.user)]
        lines += await self._of_rules(guild, home)
        await say(
            interaction,
            syncs.setup(campaign.name, len(campaign.tiers), lines),
            view=SetupPanel(self._use, self._channel, guild, campaign),
        )

    async def _of_rules(self, guild: GuildId, home: Home) -> list[str]:
        rules, refused = await self._use.rules.of_guild(guild), await self._use.syncs.refused(guild)
        return list(findings.of_rules(self._use.guilds, guild, rules, home, refused))

    async def _home(self, interaction: discord.Interaction) -> Home:
        """Load the guild's home, its role names as Discord says them now."""
        guild = GuildId(_known(interaction).id)
        home = await self._use.campaigns.home(guild)
        return Home(home.settings, home.campaigns, home.role_names | self._use.guilds.role_names(guild))


def _known(interaction: discord.Interaction) -> discord.Guild:
    if interaction.guild is None or interaction.guild.me is None:
        raise GuildUnavailable("the gateway has not told about this guild")
    return interaction.guild
