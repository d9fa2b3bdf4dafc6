"""A guild's settings: see them, see what a change would do, save them. What each decides is written at ``Policy``."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot.core.model import Cause, GuildId, Policy
from bot.core.prospect import Effect
from bot.creators.campaigns import Campaigns
from bot.errors import RuleRefused
from bot.store.records import GuildSettings, NudgeKind
from bot.store.store import Store
from bot.sync import Previews
from bot.texts import staff as texts

log = structlog.get_logger(__name__)

PolicyChange = Callable[[Policy], Policy]
"""What somebody asks to be different; made on the policy as it is when it is saved, which others may have changed."""

MOST_GRACE = timedelta(days=365)
MOST_BRAKE_COUNT = 10_000


class Settings:
    """A guild's settings."""

    def __init__(
        self,
        store: Store,
        campaigns: Campaigns,
        previews: Previews,
        *,
        now: Callable[[], datetime],
        wake: Callable[[], None],
    ) -> None:
        """``wake`` tells the engine that a row waits."""
        self._store = store
        self._campaigns = campaigns
        self._previews = previews
        self._now = now
        self._wake = wake

    async def load(self, guild: GuildId) -> GuildSettings:
        """Load them; the defaults when none were saved."""
        async with self._store.read() as t:
            return await t.guilds.load(guild)

    async def effect(self, guild: GuildId, policy: Policy) -> Effect:
        """Count what a policy would do if it were saved. Raises RuleRefused for one that makes no sense."""
        _check(policy)
        async with self._store.read() as t:
            rules = await t.rules.of_guild(guild)
        return await self._previews.rule_change(guild, rules, policy)

    async def change(self, guild: GuildId, change: PolicyChange) -> None:
        """Change a guild's policy and let the engine look at everybody again. Raises RuleRefused."""
        async with self._store.write() as t:
            await t.guilds.lock(guild)
            before = (await t.guilds.load(guild)).policy
            policy = change(before)
            _check(policy)
            await t.guilds.choose(guild, before, policy)
            await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.RULES, self._now())
        log.info("settings_saved", guild=guild, paused=policy.paused)
        self._wake()

    async def save_staff_channel(self, guild: GuildId, channel: int) -> None:
        """Say where questions and reports go."""
        async with self._store.write() as t:
            await t.guilds.save_staff_channel(guild, channel)
        log.info("staff_channel_saved", guild=guild, channel=channel)

    async def pause(self, guild: GuildId, *, paused: bool) -> None:
        """Stop every change in a guild, or let it go on."""
        await self.change(guild, lambda policy: replace(policy, paused=paused))

    async def joined(self, guild: GuildId) -> None:
        """Note that the bot came to a guild."""
        if (await self.load(guild)).joined_at is not None:
            return
        async with self._store.write() as t:
            await t.guilds.joined(guild, self._now())


def _check(policy: Policy) -> None:
    _within("grace", policy.declined_grace / timedelta(days=1), 0, MOST_GRACE / timedelta(days=1))
    _within("brake_percent", policy.brake_percent, 0, 100)
    _within("brake_count", policy.brake_count, 0, MOST_BRAKE_COUNT)


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise RuleRefused(texts.OUT_OF_RANGE.format(name=name, least=round(least), most=round(most)))
