"""The engine's reports as messages: to the staff of the guilds concerned, and to a patron whose link broke."""

from datetime import datetime, timedelta

import discord
import structlog
from discord.ext import commands

from bot.core.model import CampaignId, GuildId
from bot.discord_bot import PatronRolesBot, UseCases
from bot.sync.reports import (
    BrakeHeld,
    BrakeReleased,
    CreatorTokenFailing,
    GrantOverruled,
    LinkBroken,
    NudgeStuck,
    PatreonBack,
    PatreonGone,
    Report,
    RoleIsBlocked,
    RoleUndone,
    WebhookUnpaused,
)
from bot.texts import commands as patrons
from bot.texts import staff, syncs
from cogs.admin.channel import StaffChannel

log = structlog.get_logger(__name__)

ONCE_IN = timedelta(hours=1)
"""How often at most a server hears that something fails again and again."""


class StaffReports(commands.Cog):
    """Listens to the engine."""

    def __init__(self, bot: PatronRolesBot, use_cases: UseCases, channel: StaffChannel) -> None:
        self._bot = bot
        self._use = use_cases
        self._channel = channel
        self._stuck_at: dict[GuildId, datetime] = {}

    @commands.Cog.listener("on_report")
    async def tell(self, report: Report) -> None:
        """Turn a report into messages, once Discord takes them: the engine works before the gateway is there."""
        await self._bot.wait_until_ready()
        match report:
            case BrakeHeld():
                await self._channel.ask(report.guild, report.run)
            case BrakeReleased():
                await self._channel.close(report, syncs.brake_over(report.run))
            case RoleIsBlocked() | RoleUndone() | GrantOverruled():
                name = (await self._use.syncs.names(report.guild)).get(report.role)
                await self._channel.tell(report.guild, _of_role(report, name))
            case LinkBroken():
                await self._to_patron(report)
            case CreatorTokenFailing():
                await self._tell_token_fails(report)
            case PatreonGone():
                await self._to_all(report.campaign, syncs.patreon_gone(report.since, report.why))
            case PatreonBack():
                await self._to_all(report.campaign, syncs.PATREON_BACK)
            case WebhookUnpaused():
                await self._to_all(report.campaign, syncs.WEBHOOK_UNPAUSED)
            case NudgeStuck():
                await self._tell_stuck(report)
            case _:
                # What is left is for those who asked, for the log and for the metrics.
                pass

    @commands.Cog.listener("on_ready")
    async def ask_what_waited(self) -> None:
        """Ask the questions that nobody could be asked before a restart."""
        await self._channel.ask_what_waited()

    async def _tell_token_fails(self, report: CreatorTokenFailing) -> None:
        text = syncs.creator_token(broken=report.broken, expires_at=report.expires_at)
        for guild in await self._use.campaigns.guilds_read_by(report.owner):
            await self._channel.tell(guild, text)

    async def _tell_stuck(self, report: NudgeStuck) -> None:
        """Say that something fails again and again, once an hour: where one fails for Discord's sake, many do."""
        found, now = await self._use.syncs.concerned(report.kind, report.key), self._use.now()
        for guild in found.guilds:
            if now - self._stuck_at.get(guild, now - ONCE_IN) >= ONCE_IN:
                self._stuck_at[guild] = now
                await self._channel.tell(guild, syncs.stuck(report.attempts, user=found.user, campaign=found.campaign))

    async def _to_all(self, campaign: CampaignId, text: str) -> None:
        for guild in await self._use.campaigns.guilds_of(campaign):
            await self._channel.tell(guild, text)

    async def _to_patron(self, report: LinkBroken) -> None:
        try:
            channel = await self._bot.create_dm(discord.Object(report.user))
            await channel.send(patrons.LINK_BROKEN)
        except discord.HTTPException as refused:
            # Most who close their direct messages do it on purpose; /membership tells them as well.
            log.info("patron_not_told", user=report.user, code=refused.code)


def _of_role(report: RoleIsBlocked | RoleUndone | GrantOverruled, name: str | None) -> str:
    match report:
        case RoleIsBlocked():
            return staff.blocked(report.role, name, report.block)
        case RoleUndone():
            return staff.undone(report.user, report.role, name, given=report.given)
        case GrantOverruled():
            return staff.overruled(report.user, name, report.grant)
