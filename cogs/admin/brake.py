"""The brake's question with its two buttons, which work for as long as the message stands, over any restart."""

import re
from typing import Any, Self

import discord

from bot.core.model import DiscordUserId, GuildId
from bot.discord_bot import tell_failure
from bot.discord_bot.ranks import asker_of, check_moving
from bot.texts import commands, syncs


class BrakeAnswer(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"brake:(?P<answer>take|keep):(?P<run>[0-9]{1,18})(?::(?P<guild>[0-9]{1,20}))?",
):
    """One of the two buttons. Whoever may manage roles answers for the guild; in a direct message that is its owner.

    ``guild`` is None for buttons of an earlier version, which stand in the guild they are about.
    """

    def __init__(self, *, guild: GuildId | None, run: int, approved: bool) -> None:
        answer, label = ("take", syncs.APPROVE) if approved else ("keep", syncs.REJECT)
        style = discord.ButtonStyle.danger if approved else discord.ButtonStyle.secondary
        where = "" if guild is None else f":{guild}"
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=f"brake:{answer}:{run}{where}"))
        self._guild = guild
        self._run = run
        self._approved = approved

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction[Any], _item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Read which question it answers and how."""
        guild = GuildId(int(match["guild"])) if match["guild"] else None
        return cls(guild=guild, run=int(match["run"]), approved=match["answer"] == "take")

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """Let only those answer who may manage roles; the staff channel may show it to more people."""
        asker = asker_of(interaction, self._guild)
        if asker.owner or asker.may_manage:
            return True
        await interaction.response.send_message(commands.NOT_ALLOWED, ephemeral=True)
        return False

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Store the answer and say who gave it."""
        by, guild = DiscordUserId(interaction.user.id), self._guild or GuildId(interaction.guild_id or 0)
        await interaction.response.defer()
        use = interaction.client.use_cases
        try:
            question = await use.syncs.question(guild, self._run)
            if question is not None and self._approved:
                check_moving(interaction, {role for _, role in question.revocations}, self._guild)
            decided = await use.engine.decide(guild, self._run, by, approved=self._approved)
        except Exception as error:  # noqa: BLE001 - discord.py would only log it, and the button would look dead
            await tell_failure(interaction, error)
            return
        text = syncs.brake_answered(self._run, by, approved=self._approved) if decided else syncs.brake_over(self._run)
        await interaction.edit_original_response(content=text, view=None)


def question_view(guild: GuildId, run: int) -> discord.ui.View:
    """Make the two buttons."""
    view = discord.ui.View(timeout=None)
    view.add_item(BrakeAnswer(guild=guild, run=run, approved=True))
    view.add_item(BrakeAnswer(guild=guild, run=run, approved=False))
    return view
