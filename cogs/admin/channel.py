"""The staff channel as Discord sees it: trying whether the bot may write there."""

import discord

from bot.errors import RuleRefused
from bot.texts import staff as texts


async def announce(channel: discord.abc.Messageable) -> None:
    """Say in a channel that reports come there from now on. Raises RuleRefused when the bot may not write there."""
    try:
        await channel.send(texts.STAFF_CHANNEL_TEST)
    except discord.Forbidden as closed:
        raise RuleRefused(texts.STAFF_CHANNEL_CLOSED) from closed
