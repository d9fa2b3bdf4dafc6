"""The bot's presence on Discord: connection, commands and how they answer. What a command does is a cog's business."""

from bot.discord_bot.answers import Option, Panel, ask, fresh_id, say, say_later, tell_failure
from bot.discord_bot.bot import DiscordSettings, Facts, PatronRolesBot
from bot.discord_bot.use_cases import UseCases

__all__ = [
    "DiscordSettings",
    "Facts",
    "Option",
    "Panel",
    "PatronRolesBot",
    "UseCases",
    "ask",
    "fresh_id",
    "say",
    "say_later",
    "tell_failure",
]
