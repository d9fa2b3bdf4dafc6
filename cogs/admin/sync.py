"""/sync now, status, approve, pause, resume: the engine's work as creators steer and see it."""

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.core.model import CampaignId, Cause, DiscordUserId, GuildId
from bot.creators import RunReport
from bot.discord_bot import Option, PatronRolesBot, UseCases, ask, say
from bot.sync.reports import PatronSynced, RefreshEnded, RefreshProgress, Report
from bot.texts import outcomes, staff
from bot.texts import syncs as texts

log = structlog.get_logger(__name__)

SHOWN = 20
"""So many held revocations are named in the question."""


@app_commands.guild_only()
@app_commands.default_permissions(manage_roles=True)
class SyncCog(
    commands.GroupCog, group_name="sync", group_description="Ask Patreon now, see where things stand, stop and go"
):
    """Syncs of a guild."""

    def __init__(self, _bot: PatronRolesBot, use_cases: UseCases) -> None:
        self._use = use_cases
        # Answers that follow the engine, by what they wait for. A restart forgets them; /sync status does not.
        self._refreshes: dict[CampaignId, list[discord.Interaction]] = {}
        self._people: dict[tuple[GuildId, DiscordUserId], discord.Interaction] = {}

    @app_commands.command(name="now", description="Ask Patreon now, about everybody or about one member")
    @app_commands.describe(member="Only this member")
    async def now(self, interaction: discord.Interaction, member: discord.User | None = None) -> None:
        """Ask for a sync; the answer follows its progress."""
        guild = _guild(interaction)
        if member is not None:
            await self._somebody(interaction, guild, DiscordUserId(member.id))
            return
        home = await self._use.campaigns.home(guild)
        for campaign in home.by_id:
            self._refreshes.setdefault(campaign, []).append(interaction)
        await say(interaction, texts.STARTED)
        await self._use.syncs.everybody(guild)

    async def _somebody(self, interaction: discord.Interaction, guild: GuildId, user: DiscordUserId) -> None:
        # Whether somebody is linked concerns only servers that have a campaign.
        (await self._use.campaigns.home(guild)).campaign()
        self._people[guild, user] = interaction
        await say(interaction, texts.USER_ASKED.format(user=user))
        if not await self._use.syncs.somebody(user):
            del self._people[guild, user]
            await say(interaction, texts.NOT_LINKED.format(user=user))

    @app_commands.command(name="status", description="Show when Patreon was read, what waits and what is held")
    async def status(self, interaction: discord.Interaction) -> None:
        """Show where things stand."""
        found = await self._use.syncs.status(_guild(interaction))
        lines = []
        for state, run in found.refreshes:
            line = texts.campaign_status(state.campaign.name, state.refreshed_at, state.total, state.frozen_why)
            lines.append(f"{line}\n{_ended(run.report)}" if run else line)
        text = texts.status(lines, found.audited_at, found.waiting, found.held, found.policy)
        await say(interaction, text if lines else f"{staff.NO_CAMPAIGN}\n{text}")

    @app_commands.command(name="approve", description="Answer the brake: take the held roles, or keep them")
    async def approve(self, interaction: discord.Interaction) -> None:
        """Ask the oldest open question of the brake here, for servers without a staff channel."""
        guild = _guild(interaction)
        run = (await self._use.syncs.oldest_question(guild)).run
        held = await self._use.syncs.held(guild, run)
        names = await self._use.syncs.names(guild)
        answer = await ask(
            interaction,
            texts.brake_question(run, len(held), [(each.user, each.role) for each in held[:SHOWN]], names),
            Option("take", texts.APPROVE, discord.ButtonStyle.danger),
            Option("keep", texts.REJECT),
        )
        if answer is not None:
            by, approved = DiscordUserId(interaction.user.id), answer == "take"
            decided = await self._use.engine.decide(guild, run, by, approved=approved)
            await say(interaction, texts.brake_answered(run, by, approved=approved) if decided else texts.UNKNOWN_RUN)

    @app_commands.command(name="pause", description="Stop every change of roles in this server")
    async def pause(self, interaction: discord.Interaction) -> None:
        """Stop."""
        await self._use.settings.pause(_guild(interaction), paused=True)
        await say(interaction, texts.PAUSED_NOW)

    @app_commands.command(name="resume", description="Let roles change again")
    async def resume(self, interaction: discord.Interaction) -> None:
        """Go on."""
        await self._use.settings.pause(_guild(interaction), paused=False)
        await say(interaction, texts.RESUMED)

    @commands.Cog.listener("on_report")
    async def follow(self, report: Report) -> None:
        """Edit the answers that follow a sync."""
        match report:
            case RefreshProgress():
                for interaction in self._refreshes.get(report.campaign, ()):
                    await _try_say(interaction, texts.progress(report.read, report.total))
            case RefreshEnded():
                for interaction in self._refreshes.pop(report.campaign, []):
                    await _try_say(interaction, _ended(report.report))
            case PatronSynced() if report.cause is Cause.MANUAL:
                waiter = self._people.pop((report.guild, report.user), None)
                if waiter is not None:
                    names = await self._use.syncs.names(report.guild)
                    await _try_say(waiter, outcomes.somebody(report.user, report, names))


def _ended(report: RunReport) -> str:
    return texts.ended(
        report.read,
        granted=report.granted,
        revoked=report.revoked,
        held=report.held,
        failed=report.failed,
        error=report.error,
    )


async def _try_say(interaction: discord.Interaction, text: str) -> None:
    """Edit an answer that may be too old for it; then /sync status has to do."""
    try:
        await say(interaction, text)
    except discord.HTTPException as refused:
        log.info("answer_too_old", code=refused.code)


def _guild(interaction: discord.Interaction) -> GuildId:
    return GuildId(interaction.guild_id or 0)
