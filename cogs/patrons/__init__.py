"""/patrons …: what creators may know of their patrons, and roles given by hand."""

from bot.discord_bot import PatronRolesBot
from cogs.patrons.commands import PatronsCog


async def setup(bot: PatronRolesBot) -> None:
    """Add the cog."""
    await bot.add_cog(PatronsCog(bot.use_cases))
