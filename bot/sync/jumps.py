"""A clock that jumped: what was stored by it is brought back, and everybody is judged by the time it is.

Looked for at the start, at every tick by comparing the clock with one that never jumps, and once an hour for what another
machine wrote. That order does not suffer from it, the serials see to; that the time is right, `bot.clock` does.
"""

from datetime import datetime, timedelta

import structlog

from bot.core.model import Cause
from bot.store.records import NudgeKind
from bot.sync.parts import Parts

log = structlog.get_logger(__name__)

JUMPED = "clock_jumped_at"
"""The fact that says when stored instants were brought back last."""

_JUMP = timedelta(minutes=1)
_LOOK_EVERY = timedelta(hours=1)


class Jumps:
    """Looks for jumps."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._last: tuple[datetime, float] | None = None
        self._looked_at = 0.0

    async def look(self) -> None:
        """Bring back what lies ahead, where there is reason to look for it."""
        now, steady = self._parts.now(), self._parts.steady()
        jump = timedelta()
        if self._last is not None:
            jump = now - self._last[0] - timedelta(seconds=steady - self._last[1])
        lately = self._last is not None and steady - self._looked_at < _LOOK_EVERY.total_seconds()
        if abs(jump) > _JUMP or not lately:
            await self._bring_back(now, jump)
            self._looked_at = steady
        self._last = now, steady

    async def _bring_back(self, now: datetime, jump: timedelta) -> None:
        async with self._parts.store.write() as t:
            moved = await t.instants.bring_back(now, self._parts.settings.refresh_every)
            if not moved and abs(jump) <= _JUMP:
                return
            await t.facts.set(JUMPED, now.isoformat())
            # When time alone will change something for somebody was reckoned by the wrong time.
            for guild in sorted({guild for guild, _ in await t.rules.connections()}):
                await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.CLOCK, now)
        log.warning("clock_jumped", by_seconds=round(jump.total_seconds()), brought_back=moved)
