"""The menus below /setup: a staff channel, a tier, its role. What may be made a rule the use case and the ranks say."""

from typing import Any

import discord

from bot.core.model import Campaign, Condition, ConditionKind, GuildId, RoleId, TierId
from bot.creators import Draft
from bot.discord_bot import Option, Panel, UseCases, ask, fresh_id, say
from bot.discord_bot.ranks import check_giving
from bot.texts import explain, staff, syncs
from cogs.admin.channel import StaffChannel

_MOST_OPTIONS = 25


class SetupPanel(Panel):
    """What was picked so far; each menu acts, or waits for the button."""

    def __init__(self, use_cases: UseCases, staff_channel: StaffChannel, guild: GuildId, campaign: Campaign) -> None:
        super().__init__()
        self._use = use_cases
        self._staff_channel = staff_channel
        self._guild = guild
        self._campaign = campaign
        self._channel: discord.ui.ChannelSelect[Any] = discord.ui.ChannelSelect(
            channel_types=[discord.ChannelType.text], placeholder=syncs.SETUP_CHANNEL, custom_id=fresh_id()
        )
        self._tier: discord.ui.Select[Any] = discord.ui.Select(
            options=_options(campaign), placeholder=syncs.SETUP_TIER, custom_id=fresh_id()
        )
        self._role: discord.ui.RoleSelect[Any] = discord.ui.RoleSelect(placeholder=syncs.SETUP_ROLE, custom_id=fresh_id())
        button: discord.ui.Button[Any] = discord.ui.Button(
            label=syncs.SETUP_RULE, style=discord.ButtonStyle.success, custom_id=fresh_id()
        )
        self._channel.callback = self._channel_picked  # type: ignore[method-assign]  # discord.py's own way to give one
        self._tier.callback = self._picked  # type: ignore[method-assign]
        self._role.callback = self._picked  # type: ignore[method-assign]
        button.callback = self._make  # type: ignore[method-assign]
        for item in (self._channel, *([self._tier] if campaign.tiers else []), self._role, button):
            self.add_item(item)

    async def _channel_picked(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await self._staff_channel.choose(self._guild, self._channel.values[0].id)

    async def _picked(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer()

    async def _make(self, interaction: discord.Interaction) -> None:
        """Make the picked rule, after showing what it would do."""
        if not self._tier.values or not self._role.values:
            await interaction.response.send_message(syncs.SETUP_PICK_BOTH, ephemeral=True)
            return
        await interaction.response.defer()
        role = self._role.values[0]
        candidate = check_giving(interaction, self._use.guilds, RoleId(role.id))
        condition = Condition(ConditionKind.TIER, tier=TierId(self._tier.values[0]))
        rule = await self._use.rules.draft(self._guild, Draft(RoleId(role.id), condition, self._campaign.campaign))
        effect = await self._use.rules.effect_of_adding(rule)
        line = explain.rule(rule, {rule.role: role.name}, self._campaign)
        warning = staff.powers(candidate.powers) if candidate.powers else ""
        answer = await ask(
            interaction,
            staff.rule_question(line, effect, warning),
            Option("yes", staff.YES_POWERS if warning else staff.YES_SAVE, discord.ButtonStyle.success),
            Option("no", staff.NO_LEAVE),
        )
        if answer is None:
            return
        if answer.key == "yes":
            check_giving(answer.interaction, self._use.guilds, rule.role)
            saved = await self._use.rules.add(rule)
            policy = (await self._use.settings.load(self._guild)).policy
            await say(answer.interaction, staff.rule_saved(saved.rule, line, effect, policy))
        else:
            await say(answer.interaction, staff.CANCELLED)


def _options(campaign: Campaign) -> list[discord.SelectOption]:
    tiers = sorted(campaign.tiers, key=lambda tier: (tier.amount_cents, tier.tier))[:_MOST_OPTIONS]
    return [discord.SelectOption(label=explain.priced(tier, campaign), value=tier.tier) for tier in tiers]
