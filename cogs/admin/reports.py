"""The engine's reports as messages: to the staff of the guilds concerned, and to a patron whose link broke."""

import discord
import structlog
from discord.ext import commands

from bot.core.model import CampaignId
from bot.discord_bot import PatronRolesBot, UseCases
from bot.sync.reports import (
    BrakeHeld,
    BrakeReleased,
    CreatorTokenFailing,
    LinkBroken,
    PatreonBack,
    PatreonGone,
    Report,
    RoleIsBlocked,
)
from bot.texts import staff, syncs
from cogs.admin.channel import StaffChannel

log = structlog.get_logger(__name__)


class StaffReports(commands.Cog):
    """Listens to the engine."""

    def __init__(self, bot: PatronRolesBot, use_cases: UseCases, channel: StaffChannel) -> None:
        self._bot = bot
        self._use = use_cases
        self._channel = channel

    @commands.Cog.listener("on_report")
    async def tell(self, report: Report) -> None:
        """Turn a report into messages."""
        match report:
            case BrakeHeld():
                await self._channel.ask(report.guild, report.run)
            case BrakeReleased():
                await self._channel.close(report, syncs.brake_over(report.run))
            case RoleIsBlocked():
                name = (await self._use.syncs.names(report.guild)).get(report.role)
                await self._channel.tell(report.guild, staff.blocked(report.role, name, report.block))
            case LinkBroken():
                await self._to_patron(report)
            case CreatorTokenFailing():
                text = syncs.creator_token(broken=report.broken, expires_at=report.expires_at)
                for guild in await self._use.campaigns.guilds_read_by(report.owner):
                    await self._channel.tell(guild, text)
            case PatreonGone():
                await self._to_all(report.campaign, syncs.patreon_gone(report.since))
            case PatreonBack():
                await self._to_all(report.campaign, syncs.PATREON_BACK)
            case _:
                # What is left is for those who asked, for the log and for the metrics.
                pass

    @commands.Cog.listener("on_ready")
    async def ask_what_waited(self) -> None:
        """Ask the questions that nobody could be asked before a restart."""
        await self._channel.ask_what_waited()

    async def _to_all(self, campaign: CampaignId, text: str) -> None:
        for guild in await self._use.campaigns.guilds_of(campaign):
            await self._channel.tell(guild, text)

    async def _to_patron(self, report: LinkBroken) -> None:
        try:
            channel = await self._bot.create_dm(discord.Object(report.user))
            await channel.send(syncs.LINK_BROKEN)
        except discord.HTTPException as refused:
            # Most who close their direct messages do it on purpose; /membership tells them as well.
            log.info("patron_not_told", user=report.user, code=refused.code)
