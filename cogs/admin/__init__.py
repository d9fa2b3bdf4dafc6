"""What creators set up, watch and try: /setup, /settings, /sync, /doctor, /simulate, and the messages to their staff."""

from bot.discord_bot import PatronRolesBot
from cogs.admin.brake import BrakeAnswer
from cogs.admin.doctor import DoctorCog
from cogs.admin.reports import StaffReports
from cogs.admin.settings import SettingsCog
from cogs.admin.simulate import SimulateCog
from cogs.admin.sync import SyncCog


async def setup(bot: PatronRolesBot) -> None:
    """Add the cogs, and the buttons that outlive a restart."""
    bot.add_dynamic_items(BrakeAnswer)
    for cog in (DoctorCog, SettingsCog, SimulateCog, StaffReports, SyncCog):
        await bot.add_cog(cog(bot, bot.use_cases))
