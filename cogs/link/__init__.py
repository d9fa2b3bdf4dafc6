"""What patrons type: /link, /unlink, /membership, /privacy."""

from bot.discord_bot import PatronRolesBot
from cogs.link.commands import LinkCog


async def setup(bot: PatronRolesBot) -> None:
    """Add the cog."""
    await bot.add_cog(LinkCog(bot, bot.use_cases))
