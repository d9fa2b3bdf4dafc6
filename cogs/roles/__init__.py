"""The role cog: /roles …, and what the gateway tells of members and roles."""

from bot.discord_bot import PatronRolesBot
from cogs.roles.commands import RolesCog
from cogs.roles.events import RoleEvents


async def setup(bot: PatronRolesBot) -> None:
    """Add the cogs."""
    await bot.add_cog(RolesCog(bot.use_cases))
    await bot.add_cog(RoleEvents(bot, bot.use_cases))
