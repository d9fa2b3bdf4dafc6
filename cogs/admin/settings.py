"""/settings: show them, or change some after seeing what that would do."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.core.model import GuildId, Policy, Revocable
from bot.creators import group_name
from bot.creators.settings import PolicyChange
from bot.discord_bot import Option, UseCases, ask, say
from bot.discord_bot.ranks import check_moving
from bot.errors import RuleRefused
from bot.texts import staff as texts
from cogs.admin.channel import StaffChannel

_REVOCABLE = [app_commands.Choice(name=texts.setting(value), value=value.value) for value in Revocable]
_STACKING = [app_commands.Choice(name=words, value=key) for key, words in texts.STACKING.items()]


class SettingsCog(commands.Cog):
    """A guild's settings."""

    def __init__(self, use_cases: UseCases, channel: StaffChannel) -> None:
        self._use = use_cases
        self._channel = channel

    @app_commands.command(name="settings", description="Show the settings, or change some after seeing what that would do")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.describe(
        grace_days="Days a declined patron keeps the roles",
        keep_paid_time="Whether cancelled patrons keep the roles until the end of what they paid for",
        count_pending="Whether a first payment under way counts",
        count_trials="Whether free trials count",
        count_gifts="Whether gifted memberships count",
        count_refunded="Whether a membership still counts after a refund, while Patreon lists it",
        group="With stacking: for which group of rules",
        stacking="For that group: all rules that hold, or only the highest",
        may_take="Which roles may be taken",
        restore="Whether a role that a moderator took by hand is given back",
        wait_for_rules="Whether new members get roles only once they have accepted the server's rules",
        shadow="Shadow mode: only report what would change",
        brake_percent="Brake: hold a sync by which more than this share of my role holders lose something",
        brake_count="Brake: always let up to this many people lose something",
        staff_channel="Where my questions and warnings go",
    )
    @app_commands.choices(may_take=_REVOCABLE, stacking=_STACKING)
    async def settings(  # noqa: PLR0917 - discord.py makes the options of these
        self,
        interaction: discord.Interaction,
        grace_days: app_commands.Range[int, 0, 365] | None = None,
        keep_paid_time: bool | None = None,
        count_pending: bool | None = None,
        count_trials: bool | None = None,
        count_gifts: bool | None = None,
        count_refunded: bool | None = None,
        group: app_commands.Range[str, 1, 40] | None = None,
        stacking: app_commands.Choice[str] | None = None,
        may_take: app_commands.Choice[str] | None = None,
        restore: bool | None = None,
        wait_for_rules: bool | None = None,
        shadow: bool | None = None,
        brake_percent: app_commands.Range[int, 0, 100] | None = None,
        brake_count: app_commands.Range[int, 0, 10_000] | None = None,
        staff_channel: discord.TextChannel | None = None,
    ) -> None:
        """Change what was named; with nothing named, show everything."""
        change = _asked(
            group=group,
            stacking=stacking.value if stacking else None,
            declined_grace=None if grace_days is None else timedelta(days=grace_days),
            keep_paid_through=keep_paid_time,
            count_pending=count_pending,
            count_trials=count_trials,
            count_gifts=count_gifts,
            count_refunded=count_refunded,
            revocable=Revocable(may_take.value) if may_take else None,
            restore_drift=restore,
            wait_for_rules=wait_for_rules,
            shadow=shadow,
            brake_percent=brake_percent,
            brake_count=brake_count,
        )
        await self._change(interaction, change, staff_channel.id if staff_channel else None)

    async def _change(self, interaction: discord.Interaction, change: PolicyChange, channel: int | None) -> None:
        """Ask about everything that was named and save all of it or nothing; a channel alone needs no question."""
        guild = GuildId(interaction.guild_id or 0)
        before = (await self._use.settings.load(guild)).policy
        after = change(before)
        if after != before:
            managed = {rule.role for rule in await self._use.rules.of_guild(guild)}
            check_moving(interaction, managed)
            effect = await self._use.settings.effect(guild, after)
            question = texts.settings_question(before, after, effect, channel=channel)
            yes = Option("yes", texts.YES_SAVE, discord.ButtonStyle.success)
            answer = await ask(interaction, question, yes, Option("no", texts.NO_LEAVE))
            if answer is None:
                return
            interaction = answer.interaction
            if answer.key == "no":
                await say(interaction, texts.CANCELLED)
                return
            check_moving(interaction, managed)
        if channel is not None:
            await self._channel.choose(guild, channel)
        if after != before:
            await self._use.settings.change(guild, change)
        stored = await self._use.settings.load(guild)
        await say(interaction, texts.settings(stored.policy, stored.staff_channel))


def _asked(*, group: str | None, stacking: str | None, **switches: Any) -> PolicyChange:
    """Make a change of the ``switches`` that were named, and of the one group."""
    if (group is None) != (stacking is None):
        raise RuleRefused(texts.STACKING_NEEDS_BOTH)
    named = {key: value for key, value in switches.items() if value is not None}
    mine = frozenset() if group is None else frozenset({group_name(group)})

    def change(policy: Policy) -> Policy:
        groups = policy.highest_only | mine if stacking == "highest" else policy.highest_only - mine
        return replace(policy, highest_only=groups, **named)

    return change
