"""Who has not accepted a server's rules yet, beside every sighting of theirs. What waits for that is the core's."""

from collections.abc import Mapping
from datetime import datetime

from bot.core.model import Cause, DiscordUserId, GuildId
from bot.store.records import NudgeKind
from bot.store.tables import Tables


async def record_screening(t: Tables, guild: GuildId, pending: Mapping[DiscordUserId, bool], seen_at: datetime) -> None:
    """Write down who is still being screened, and nudge those who no longer are: their roles come now."""
    passed = await t.presence.screen(guild, pending)
    await t.nudges.add_many(NudgeKind.USER, map(str, passed), Cause.JOINED, seen_at)
