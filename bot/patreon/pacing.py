"""When a request may go out: Patreon's limits, its requests to wait, and the ban we must not earn. No HTTP here.

Patreon's documentation, "Rate limits": 100 requests in 2 seconds for a client, 100 a minute for a token; more than
2,000 refused requests in 10 minutes block the caller for 30.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.errors import RateLimited

# A little over, since Patreon counts when a request arrives and not when it leaves.
CLIENT_LIMIT = (100, 2.1)
TOKEN_LIMIT = (100, 61.0)
# Half of what would earn the ban, for another process may share our address.
BAD_LIMIT = (1000, 600.0)
# A wait longer than this is not about one token: the network in front of Patreon has had enough of us.
_CLIENT_WIDE = timedelta(seconds=61)
_MANY_TOKENS = 1000


class Window:
    """At most ``limit`` events in any ``period`` seconds, exactly: no bucket that leaks a second burst."""

    def __init__(self, limit: int, period: float) -> None:
        """Start empty; instants are those of one monotonic clock."""
        self._taken: deque[float] = deque(maxlen=limit)
        self._period = period

    def wait(self, now: float) -> float:
        """Say how many seconds until there is room."""
        if len(self._taken) < (self._taken.maxlen or 0):
            return 0.0
        return max(0.0, self._taken[0] + self._period - now)

    def take(self, now: float) -> None:
        """Take the room there is, or will be after ``wait``: who comes first goes first."""
        self._taken.append(now + self.wait(now))

    def note(self, now: float) -> None:
        """Count what has happened already, whether there was room or not."""
        self._taken.append(now)

    def idle(self, now: float) -> bool:
        """Say whether nothing was taken for a whole period."""
        return not self._taken or self._taken[-1] + self._period <= now


class Pacer:
    """Gives out turns, per client and per token. Waits are spent here, with no connection held."""

    def __init__(self, sleep: Callable[[float], Awaitable[object]], monotonic: Callable[[], float]) -> None:
        """Take the way to wait and a clock that never jumps."""
        self._sleep = sleep
        self._monotonic = monotonic
        self._client = Window(*CLIENT_LIMIT)
        self._tokens: dict[str, Window] = {}
        self._bad = Window(*BAD_LIMIT)
        self._paused_until: dict[str, float] = {}

    async def turn(self, key: str, patience: timedelta) -> None:
        """Wait for this token's turn and then the client's; raises RateLimited when that is longer than patience."""
        window = self._window(key)
        now = self._monotonic()
        wait = max(window.wait(now), self._pause_left(key, now), self._bad.wait(now))
        if wait > patience.total_seconds():
            raise RateLimited(timedelta(seconds=wait))
        window.take(now)
        await self._rest(wait)
        now = self._monotonic()
        wait = self._client.wait(now)
        self._client.take(now)
        await self._rest(wait)

    def pause(self, key: str, wait: timedelta) -> None:
        """Let a token rest because Patreon asked for it; all of them when it asks for long."""
        until = self._monotonic() + wait.total_seconds()
        name = "" if wait >= _CLIENT_WIDE else key
        self._paused_until[name] = max(until, self._paused_until.get(name, 0.0))

    def note_bad(self) -> None:
        """Count an answer of 400 to 499; when there were too many, nothing goes out until some are ten minutes old."""
        self._bad.note(self._monotonic())

    def _pause_left(self, key: str, now: float) -> float:
        self._paused_until = {name: until for name, until in self._paused_until.items() if until > now}
        return max(self._paused_until.get(key, now), self._paused_until.get("", now)) - now

    def _window(self, key: str) -> Window:
        if key not in self._tokens:
            if len(self._tokens) >= _MANY_TOKENS:
                now = self._monotonic()
                self._tokens = {name: window for name, window in self._tokens.items() if not window.idle(now)}
            self._tokens[key] = Window(*TOKEN_LIMIT)
        return self._tokens[key]

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)
