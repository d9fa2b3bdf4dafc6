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
# Codes that Patreon refuses are their bearers' fault: they have a smaller budget, which stops exchanges alone.
BAD_CODE_LIMIT = (500, 600.0)
# Calls without a token. Their only limit is the client's.
EXCHANGE, RENEWAL = "exchange", "renewal"
# A wait longer than this is not about one token: the network in front of Patreon has had enough of us.
_CLIENT_WIDE = timedelta(seconds=61)
_EVERYBODY = None
# What the one call that tries whether a long pause is over may take before the others follow.
_TRIAL = 10.0
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

    def take(self, at: float) -> None:
        """Count what happens at an instant, one that lies behind ``wait`` or a past one, whether there was room or not."""
        self._taken.append(at)

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
        self._bad_codes = Window(*BAD_CODE_LIMIT)
        self._paused_until: dict[str | None, float] = {}
        self._untried = False
        self._trying = False

    async def turn(self, key: str, patience: timedelta) -> None:
        """Wait for the turn of ``key`` (a token's name, EXCHANGE or RENEWAL) and then the client's.

        Raise RateLimited when that is longer than patience. Turns are counted for when they will be, and a pause that
        began while somebody waited is waited out as well.
        """
        now = self._monotonic()
        give_up = now + patience.total_seconds()
        window = self._window(key)
        wait = max(window.wait(now) if window else 0.0, self._held(key, now))
        while True:
            if now + (longest := max(wait, self._client.wait(now))) > give_up:
                raise RateLimited(timedelta(seconds=longest))
            if window:
                window.take(now + wait)
            await self._rest(wait)
            await self._turn_of_client(give_up)
            now = self._monotonic()
            wait = self._held(key, now)
            if wait <= 0:
                return self._try_alone(now)

    async def _turn_of_client(self, give_up: float) -> None:
        now = self._monotonic()
        wait = self._client.wait(now)
        if now + wait > give_up:
            raise RateLimited(timedelta(seconds=wait))
        self._client.take(now + wait)
        await self._rest(wait)

    def pause(self, key: str, wait: timedelta) -> None:
        """Let a token rest because Patreon asked for it; all of them when it asks for long."""
        until = self._monotonic() + wait.total_seconds()
        everybody = wait >= _CLIENT_WIDE
        if everybody:
            self._untried, self._trying = True, False
        name = _EVERYBODY if everybody else key
        self._paused_until[name] = max(until, self._paused_until.get(name, 0.0))

    def note_answer(self) -> None:
        """Note that Patreon answered with anything but a request to wait; if that was a trial, the others follow.

        The answer to a call that went out before a pause ends none.
        """
        if self._trying:
            self._trying = False
            self._paused_until.pop(_EVERYBODY, None)

    def note_bad(self, *, code: bool = False) -> None:
        """Count an answer of 400 to 499; when there were too many, nothing goes out until some are ten minutes old.

        ``code``: it refused somebody's code, and too many of those stop exchanges alone.
        """
        (self._bad_codes if code else self._bad).take(self._monotonic())

    def _held(self, key: str, now: float) -> float:
        """Return for how long nothing may go out with a token: a pause of its own or of everybody's, or many refusals."""
        self._paused_until = {name: until for name, until in self._paused_until.items() if until > now}
        until = max(self._paused_until.get(key, now), self._paused_until.get(_EVERYBODY, now))
        return max(until - now, self._bad.wait(now), self._bad_codes.wait(now) if key == EXCHANGE else 0.0)

    def _try_alone(self, now: float) -> None:
        """Hold the others while the first call after a pause of all tries whether Patreon is done with us."""
        if self._untried:
            self._untried, self._trying = False, True
            self._paused_until[_EVERYBODY] = now + _TRIAL

    def _window(self, key: str) -> Window | None:
        if key in (EXCHANGE, RENEWAL):
            return None
        if key not in self._tokens:
            if len(self._tokens) >= _MANY_TOKENS:
                now = self._monotonic()
                self._tokens = {name: window for name, window in self._tokens.items() if not window.idle(now)}
            self._tokens[key] = Window(*TOKEN_LIMIT)
        return self._tokens[key]

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            await self._sleep(seconds)
