"""A list of patrons page by page, with a button for the next one. Whom a list shows, the use case decides."""

from dataclasses import dataclass

import discord

from bot.core.model import DiscordUserId, GuildId
from bot.creators import Home, Patrons, Which
from bot.discord_bot import Panel, fresh_id, say
from bot.texts import patrons as texts
from bot.texts import staff

LINES = 15
"""So many fit into a message even when names are long."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What is listed."""

    patrons: Patrons
    guild: GuildId
    home: Home
    which: Which


class _Next(Panel):
    def __init__(self, pages: Pages, after: DiscordUserId) -> None:
        super().__init__()
        self._pages = pages
        self._after = after
        button: discord.ui.Button[Panel] = discord.ui.Button(label=staff.NEXT_PAGE, custom_id=fresh_id())
        button.callback = self._pressed  # type: ignore[method-assign]  # discord.py's own way to give one
        self.add_item(button)

    async def _pressed(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await show_page(interaction, self._pages, self._after)


async def show_page(interaction: discord.Interaction, pages: Pages, after: DiscordUserId | None) -> None:
    """Show the people behind ``after``."""
    rows, further = await pages.patrons.page(pages.guild, pages.which, after, LINES)
    names, campaigns = pages.home.role_names, pages.home.by_id
    lines = [
        texts.row(
            row.link.user,
            row.entitlement,
            row.membership,
            campaign=campaigns.get(row.campaign),
            roles=row.roles,
            names=names,
        )
        for row in rows
    ]
    view = _Next(pages, further) if further is not None else None
    await say(interaction, "\n".join(lines) or texts.NOBODY, view=view)
