"""The bot's presence on Discord: connection, commands and how they answer. What a command does is a cog's business."""

from bot.discord_bot.answers import Option, Panel, ask, fresh_id, say, say_later, tell_failure, try_say
from bot.discord_bot.bot import DiscordSettings, Facts, PatronRolesBot
from bot.discord_bot.choices import choices
from bot.discord_bot.member_updates import MemberUpdate
from bot.discord_bot.pages import Listing, listed, show_pages
from bot.discord_bot.use_cases import UseCases
from bot.discord_bot.waiting import Waiting

__all__ = [
    "DiscordSettings",
    "Facts",
    "Listing",
    "MemberUpdate",
    "Option",
    "Panel",
    "PatronRolesBot",
    "UseCases",
    "Waiting",
    "ask",
    "choices",
    "fresh_id",
    "listed",
    "say",
    "say_later",
    "show_pages",
    "tell_failure",
    "try_say",
]
