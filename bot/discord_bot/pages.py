"""Long lists as messages: as many lines as fit, and a button for those behind them. What is listed, the cogs say."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import discord

from bot.discord_bot.answers import Panel, fresh_id, say
from bot.texts.explain import LIMIT
from bot.texts.staff import NEXT_PAGE

Lines = Callable[[int], AsyncGenerator[tuple[int, str], None]]
"""Gives the lines behind a place in order, each with its own place; the next page begins behind the last one shown."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed; ``foot`` stands below every page, ``nothing`` in place of an empty list."""

    lines: Lines
    nothing: str = ""
    foot: str = ""


def listed(lines: Sequence[str]) -> Lines:
    """List lines that are all known by now."""

    async def behind(place: int) -> AsyncGenerator[tuple[int, str], None]:
        for number, line in enumerate(lines[place:], place + 1):
            yield number, line

    return behind


async def show_pages(interaction: discord.Interaction, listing: Listing, after: int = 0) -> None:
    """Show the lines behind a place."""
    page: list[str] = []
    room, last, further = LIMIT - len(listing.foot), after, False
    async with aclosing(listing.lines(after)) as lines:
        async for place, line in lines:
            room -= len(line) + 1
            if page and room < 0:
                further = True
                break
            page.append(line)
            last = place
    text = "\n".join(page) + listing.foot if page else listing.nothing
    await say(interaction, text, view=_Next(listing, last) if further else None)


class _Next(Panel):
    def __init__(self, listing: Listing, after: int) -> None:
        super().__init__()
        self._listing = listing
        self._after = after
        button: discord.ui.Button[Panel] = discord.ui.Button(label=NEXT_PAGE, custom_id=fresh_id())
        button.callback = self._pressed  # type: ignore[method-assign]  # discord.py's own way to give one
        self.add_item(button)

    async def _pressed(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer()
        await show_pages(interaction, self._listing, self._after)
