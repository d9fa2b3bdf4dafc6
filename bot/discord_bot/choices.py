"""What Discord offers while somebody types: as many choices as it shows, as long as it takes them, none without a name."""

from collections.abc import Iterable

from discord import app_commands

from bot.texts.explain import LONGEST_CHOICE

# https://discord.com/developers/docs/interactions/application-commands: one name out of bounds spoils the whole answer.
MOST = 25


def choices(typed: str, offered: Iterable[tuple[str, str]]) -> list[app_commands.Choice[str]]:
    """Offer those (name, value) whose name contains the typed words."""
    found = [(name, value) for name, value in offered if typed.casefold() in name.casefold()]
    return [app_commands.Choice(name=name[:LONGEST_CHOICE] or value, value=value) for name, value in found[:MOST]]
