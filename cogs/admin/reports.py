"""The engine's reports as messages: to the staff of the guilds concerned, and to a patron whose link broke.

A report that nobody can be told is logged; what matters of it stands in /sync status and /doctor as well.
"""

import discord
import structlog
from discord.ext import commands

from bot.core.model import CampaignId, GuildId
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
    WebhookUnpaused,
)
from bot.texts import staff, syncs
from cogs.admin.brake import question_view

log = structlog.get_logger(__name__)

SHOWN = 20
"""So many held revocations are named in the question; /sync status counts them all."""


class StaffReports(commands.Cog):
    """Listens to the engine."""

    def __init__(self, bot: PatronRolesBot, use_cases: UseCases) -> None:
        self._bot = bot
        self._use = use_cases
        self._questions: dict[tuple[GuildId, int], discord.Message] = {}

    @commands.Cog.listener("on_report")
    async def tell(self, report: Report) -> None:
        """Turn a report into messages, once Discord takes them: the engine works before the gateway is there."""
        await self._bot.wait_until_ready()
        match report:
            case BrakeHeld():
                await self.ask_staff(report.guild, report.run)
            case BrakeReleased():
                await self._close(report.guild, report.run)
            case RoleIsBlocked():
                name = (await self._use.syncs.names(report.guild)).get(report.role)
                await self._to_staff(report.guild, staff.blocked(report.role, name, report.block))
            case LinkBroken():
                await self._to_patron(report)
            case CreatorTokenFailing():
                text = syncs.creator_token(broken=report.broken, expires_at=report.expires_at)
                for guild in await self._use.campaigns.guilds_read_by(report.owner):
                    await self._to_staff(guild, text)
            case PatreonGone():
                await self._to_all(report.campaign, syncs.patreon_gone(report.since, report.why))
            case PatreonBack():
                await self._to_all(report.campaign, syncs.PATREON_BACK)
            case WebhookUnpaused():
                await self._to_all(report.campaign, syncs.WEBHOOK_UNPAUSED)
            case _:
                # What is left is for those who asked, for the log and for the metrics.
                pass

    @commands.Cog.listener("on_ready")
    async def ask_what_waited(self) -> None:
        """Ask the questions that nobody could be asked before a restart."""
        for hold in await self._use.syncs.unasked():
            await self.ask_staff(hold.guild, hold.run)

    async def ask_staff(self, guild: GuildId, run: int) -> None:
        """Put the brake's question into the staff channel, once."""
        held = await self._use.syncs.held(guild, run)
        if not held:
            return
        names = await self._use.syncs.names(guild)
        text = syncs.brake_question(run, len(held), [(each.user, each.role) for each in held[:SHOWN]], names)
        sent = await self._to_staff(guild, text, view=question_view(run))
        if sent is not None:
            self._questions[guild, run] = sent
            await self._use.syncs.asked(guild, run, channel=sent.channel.id, message=sent.id)

    async def _close(self, guild: GuildId, run: int) -> None:
        """Take the buttons off a question that settled itself. After a restart they stay, and say so when pressed."""
        message = self._questions.pop((guild, run), None)
        if message is None:
            return
        try:
            await message.edit(content=syncs.brake_over(run), view=None)
        except discord.HTTPException as refused:
            log.info("question_not_closed", guild=guild, run=run, code=refused.code)

    async def _to_all(self, campaign: CampaignId, text: str) -> None:
        for guild in await self._use.campaigns.guilds_of(campaign):
            await self._to_staff(guild, text)

    async def _to_staff(self, guild: GuildId, text: str, view: discord.ui.View | None = None) -> discord.Message | None:
        channel = (await self._use.settings.load(guild)).staff_channel
        if channel is None:
            log.warning("no_staff_channel", guild=guild)
            return None
        where = self._bot.get_partial_messageable(channel, guild_id=guild)
        try:
            return await (where.send(text, view=view) if view else where.send(text))
        except discord.HTTPException as refused:
            log.warning("staff_not_told", guild=guild, channel=channel, code=refused.code)
            return None

    async def _to_patron(self, report: LinkBroken) -> None:
        try:
            channel = await self._bot.create_dm(discord.Object(report.user))
            await channel.send(syncs.LINK_BROKEN)
        except discord.HTTPException as refused:
            # Most who close their direct messages do it on purpose; /membership tells them as well.
            log.info("patron_not_told", user=report.user, code=refused.code)
