"""What creators set up, watch and try: /setup, /settings, /sync, /doctor, /simulate, and the messages to their staff."""

from bot.discord_bot import PatronRolesBot
from cogs.admin.brake import BrakeAnswer
from cogs.admin.channel import StaffChannel
from cogs.admin.doctor import DoctorCog
from cogs.admin.reports import StaffReports
from cogs.admin.settings import SettingsCog
from cogs.admin.simulate import SimulateCog
from cogs.admin.sync import SyncCog


async def setup(bot: PatronRolesBot) -> None:
    """Add the cogs, and the buttons that outlive a restart."""
    bot.add_dynamic_items(BrakeAnswer)
    use_cases = bot.use_cases
    channel = StaffChannel(bot, use_cases)
    await bot.add_cog(DoctorCog(bot, use_cases, channel))
    await bot.add_cog(SettingsCog(use_cases, channel))
    await bot.add_cog(SimulateCog(use_cases))
    await bot.add_cog(StaffReports(bot, use_cases, channel))
    await bot.add_cog(SyncCog(use_cases, channel))
