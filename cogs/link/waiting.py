"""Who waits for the engine to look at them, and which answer in Discord is to be edited then. In memory, for 15 minutes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import discord

from bot.core.model import DiscordUserId, GuildId

# How long Discord lets an answer be edited, less a minute for clocks that differ.
GOOD_FOR = timedelta(minutes=14)


@dataclass(frozen=True, slots=True)
class Waiter:
    """One answer to edit; ``guild`` is None when the command was typed in a direct message."""

    interaction: discord.Interaction
    guild: GuildId | None
    until: datetime


class Waiting:
    """Answers that are edited once their person has been synced; one for each person, the newest."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._waiters: dict[DiscordUserId, Waiter] = {}

    def add(self, interaction: discord.Interaction) -> None:
        """Let an answer wait."""
        now = self._now()
        self._waiters = {user: waiter for user, waiter in self._waiters.items() if waiter.until > now}
        guild = GuildId(interaction.guild_id) if interaction.guild_id else None
        self._waiters[DiscordUserId(interaction.user.id)] = Waiter(interaction, guild, now + GOOD_FOR)

    def of(self, user: DiscordUserId, guild: GuildId) -> Waiter | None:
        """Give the answer that waits for a person's sync in a guild; it goes on waiting."""
        waiter = self._waiters.get(user)
        if waiter is None or waiter.until <= self._now() or waiter.guild not in (None, guild):
            return None
        return waiter

    def end(self, user: DiscordUserId) -> None:
        """Let a person's answer stand as it is."""
        self._waiters.pop(user, None)
