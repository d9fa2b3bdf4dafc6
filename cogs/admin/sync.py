"""/sync now, status, approve, pause, resume: the engine's work as creators steer and see it."""

from dataclasses import dataclass, field, replace
from datetime import datetime

import discord
from discord import app_commands
from discord.ext import commands

from bot.core.model import CampaignId, Cause, DiscordUserId, GuildId
from bot.creators import Home, Question, RunReport
from bot.discord_bot import Option, UseCases, Waiting, ask, say, try_say
from bot.discord_bot.ranks import check_moving
from bot.sync.reports import PatronSynced, ReadFailed, RefreshEnded, RefreshProgress, Report
from bot.texts import outcomes, staff
from bot.texts import syncs as texts
from cogs.admin.channel import StaffChannel


@app_commands.guild_only()
@app_commands.default_permissions(manage_roles=True)
class SyncCog(
    commands.GroupCog, group_name="sync", group_description="Ask Patreon now, see where things stand, stop and go"
):
    """Syncs of a guild."""

    def __init__(self, use_cases: UseCases, channel: StaffChannel) -> None:
        self._use = use_cases
        self._channel = channel
        self._refreshes: Waiting[CampaignId, _Everybody] = Waiting(use_cases.now)
        self._people: Waiting[DiscordUserId, discord.Interaction] = Waiting(use_cases.now)

    @app_commands.command(name="now", description="Ask Patreon now, about everybody or about one member")
    @app_commands.describe(member="Only this member")
    async def now(self, interaction: discord.Interaction, member: discord.User | None = None) -> None:
        """Ask for a sync; the answer follows its progress."""
        guild = _guild(interaction)
        if member is not None:
            await self._somebody(interaction, guild, DiscordUserId(member.id))
            return
        home = await self._use.campaigns.home(guild)
        home.campaign()
        await say(interaction, texts.STARTED)
        answer = _Everybody(interaction, home)
        for campaign in home.by_id:
            self._refreshes.add(campaign, answer)
        await self._use.syncs.everybody(guild)

    async def _somebody(self, interaction: discord.Interaction, guild: GuildId, user: DiscordUserId) -> None:
        # Whether somebody is linked concerns only servers that have a campaign.
        (await self._use.campaigns.home(guild)).campaign()
        await say(interaction, texts.USER_ASKED.format(user=user))
        self._people.add(user, interaction)
        if not await self._use.syncs.somebody(user):
            self._people.end(user, interaction)
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
        if not self._channel.reaches_owner(_guild(interaction)):
            text = f"{text}\n{texts.OWNER_UNREACHED}"
        await say(interaction, text if lines else f"{staff.NO_CAMPAIGN}\n{text}")

    @app_commands.command(name="approve", description="Answer the brake: take the held roles, or keep them")
    async def approve(self, interaction: discord.Interaction) -> None:
        """Ask the oldest open question of the brake here, and once more when it has grown before it was answered."""
        guild = _guild(interaction)
        question = await self._use.syncs.oldest_question(guild)
        names = await self._use.syncs.names(guild)
        while True:
            await self._channel.ask(guild, question.run)
            answer = await ask(
                interaction,
                texts.brake_question(question.run, question.revocations, names),
                Option("take", texts.APPROVE, discord.ButtonStyle.danger),
                Option("keep", texts.REJECT),
            )
            if answer is None:
                return
            interaction = answer.interaction
            newest = await self._use.syncs.question(guild, question.run)
            if newest is None or answer.key == "keep" or {*newest.revocations} <= {*question.revocations}:
                break
            question = newest
        await self._decide(interaction, newest or question, question.held_at, approved=answer.key == "take")

    async def _decide(
        self, interaction: discord.Interaction, question: Question, seen_at: datetime, *, approved: bool
    ) -> None:
        """Answer a question of the brake, as it was seen here, and say so where else it stands."""
        if approved:
            check_moving(interaction, {role for _, role in question.revocations})
        run, by = question.run, DiscordUserId(interaction.user.id)
        if not await self._use.engine.decide(question.guild, run, by, approved=approved, seen_at=seen_at):
            await say(interaction, texts.UNKNOWN_RUN)
            return
        text = texts.brake_answered(run, by, approved=approved)
        await say(interaction, text)
        await self._channel.close(question, text)

    @app_commands.command(name="pause", description="Stop every change of roles in this server")
    async def pause(self, interaction: discord.Interaction) -> None:
        """Stop."""
        await self._use.settings.pause(_guild(interaction), paused=True)
        await say(interaction, texts.PAUSED_NOW)

    @app_commands.command(name="resume", description="Let roles change again, after seeing what follows")
    async def resume(self, interaction: discord.Interaction) -> None:
        """Show what follows, then ask."""
        guild = _guild(interaction)
        policy = (await self._use.settings.load(guild)).policy
        if not policy.paused:
            await say(interaction, f"{texts.NOT_PAUSED}{staff.state(policy)}")
            return
        effect = await self._use.settings.effect(guild, replace(policy, paused=False))
        yes = Option("yes", texts.RESUME, discord.ButtonStyle.success)
        answer = await ask(interaction, texts.resume_question(effect), yes, Option("no", texts.STAY_PAUSED))
        if answer is None:
            return
        if answer.key == "no":
            await say(answer.interaction, staff.CANCELLED)
            return
        await self._use.settings.pause(guild, paused=False)
        await say(answer.interaction, texts.resumed((await self._use.settings.load(guild)).policy))

    @commands.Cog.listener("on_report")
    async def follow(self, report: Report) -> None:
        """Edit the answers that follow a sync."""
        match report:
            case RefreshProgress():
                for answer in self._refreshes.of(report.campaign):
                    await answer.tell(report.campaign, texts.progress(report.read, report.total))
            case RefreshEnded():
                text = texts.BY_PATRONS if report.by_patrons else _ended(report.report)
                for answer in self._refreshes.of(report.campaign):
                    self._refreshes.end(report.campaign, answer)
                    await answer.tell(report.campaign, text)
            case ReadFailed():
                for interaction in self._people.of(report.user):
                    await try_say(interaction, texts.USER_WAITS.format(user=report.user))
            case PatronSynced() if report.cause is Cause.MANUAL:
                for interaction in self._people.of(report.user):
                    if interaction.guild_id == report.guild:
                        self._people.end(report.user, interaction)
                        names = await self._use.syncs.names(report.guild)
                        await try_say(interaction, outcomes.somebody(report.user, report, names))


@dataclass(eq=False, slots=True)
class _Everybody:
    """An answer to /sync now for a whole guild, which says of each of its campaigns how far the refresh is."""

    interaction: discord.Interaction
    home: Home
    lines: dict[CampaignId, str] = field(default_factory=dict)

    async def tell(self, campaign: CampaignId, text: str) -> None:
        """Say something new of one campaign."""
        self.lines[campaign] = text
        await try_say(self.interaction, texts.everybody(self.lines, self.home.by_id, self.home.settings.policy))


def _ended(report: RunReport) -> str:
    return texts.ended(
        report.read,
        granted=report.granted,
        revoked=report.revoked,
        held=report.held,
        failed=report.failed,
        error=report.error,
    )


def _guild(interaction: discord.Interaction) -> GuildId:
    return GuildId(interaction.guild_id or 0)
