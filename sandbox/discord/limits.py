"""Discord's rate limits: one fixed window for each route and guild, channel or webhook, and fifty requests a second.

Windows run on real time, for the bot waits them out on its own clock. What Discord keeps secret (how many requests a window
takes) is a plausible number here; clients must go by the headers.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil

from sandbox.world.guild_records import Json

GIVE_ROLE = "PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}"
TAKE_ROLE = "DELETE /guilds/{guild_id}/members/{user_id}/roles/{role_id}"


@dataclass(frozen=True, slots=True)
class Limit:
    """``requests`` in each window of ``seconds``."""

    requests: int
    seconds: float


DEFAULT_LIMIT = Limit(50, 1.0)
DEFAULT_LIMITS = {
    GIVE_ROLE: Limit(10, 10.0),
    TAKE_ROLE: Limit(10, 10.0),
    "GET /guilds/{guild_id}/members": Limit(10, 10.0),
    "GET /guilds/{guild_id}/members/{user_id}": Limit(5, 1.0),
    "PATCH /guilds/{guild_id}/members/{user_id}": Limit(10, 10.0),
    "POST /channels/{channel_id}/messages": Limit(5, 5.0),
    "POST /users/@me/channels": Limit(10, 10.0),
    "PUT /applications/{application_id}/commands": Limit(2, 60.0),
    "PUT /applications/{application_id}/guilds/{guild_id}/commands": Limit(2, 60.0),
}
GLOBAL_LIMIT = Limit(50, 1.0)
_MOST_WINDOWS = 10_000
_ENDLESS = Limit(1_000_000, 1.0)


@dataclass(slots=True)
class _Window:
    ends_at: float
    used: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one request: the headers of its answer and, when it came too early, the body of a 429."""

    headers: dict[str, str]
    refused: Json | None = None


class RateLimits:
    """Counts requests against windows. ``refused`` counts the 429s by route."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._windows: dict[tuple[str, str], _Window] = {}
        self._globals: dict[int, _Window] = {}
        self._buckets: dict[str, str] = {}
        self._lifted = False
        self.limits: dict[str, Limit] = dict(DEFAULT_LIMITS)
        self.global_limit: Limit | None = GLOBAL_LIMIT
        self.refused: Counter[str] = Counter()

    def set(self, route: str, requests: int, seconds: float) -> None:
        """Let ``route`` (such as :data:`GIVE_ROLE`) take that many requests in a window; running windows end."""
        self.limits[route] = Limit(requests, seconds)
        self._windows.clear()

    def follow(self, now: Callable[[], float]) -> None:
        """Let windows run on another time, that of a bot whose pauses pass in it."""
        self._now = now
        self._windows.clear()
        self._globals.clear()

    def lift(self) -> None:
        """Let everything through from now on; the headers then tell of a million requests a second."""
        self._lifted = True
        self._windows.clear()

    def restore(self) -> None:
        """Undo :meth:`lift`."""
        self._lifted = False
        self._windows.clear()

    def count(self, route: str, major: str, bot: int, *, exempt: bool = False) -> Verdict:
        """Count one request; ``exempt`` says that it is an interaction's, which the global limit does not touch."""
        now = self._now()
        if not exempt and self.global_limit is not None and not self._lifted:
            wait = self._spend_global(bot, now, self.global_limit)
            if wait is not None:
                return self._refuse(route, wait, {}, scope="global")
        limit = _ENDLESS if self._lifted else self.limits.get(route, DEFAULT_LIMIT)
        window = self._windows.get((route, major))
        if window is None or window.ends_at <= now:
            self._forget_ended(now)
            window = self._windows[route, major] = _Window(now + limit.seconds)
        left = limit.requests - window.used
        headers = self._headers(route, limit, window, now, max(left - 1, 0))
        if left <= 0:
            return self._refuse(route, window.ends_at - now, headers, scope="user")
        window.used += 1
        return Verdict(headers)

    def refusal(self, route: str, seconds: float, *, scope: str = "user") -> Verdict:
        """Return a 429 nobody earned: what a fault on demand answers. ``scope``: user, global or shared."""
        window = _Window(self._now() + seconds)
        headers = {} if scope == "global" else self._headers(route, DEFAULT_LIMIT, window, self._now(), 0)
        return self._refuse(route, seconds, headers, scope=scope)

    def _forget_ended(self, now: float) -> None:
        # Every interaction's token has a window of its own; without this they would pile up for ever.
        if len(self._windows) > _MOST_WINDOWS:
            self._windows = {key: window for key, window in self._windows.items() if window.ends_at > now}

    def _spend_global(self, bot: int, now: float, limit: Limit) -> float | None:
        window = self._globals.get(bot)
        if window is None or window.ends_at <= now:
            window = self._globals[bot] = _Window(now + limit.seconds)
        if window.used >= limit.requests:
            return window.ends_at - now
        window.used += 1
        return None

    def _headers(self, route: str, limit: Limit, window: _Window, now: float, remaining: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(limit.requests),
            "X-RateLimit-Remaining": str(remaining),
            "X-RateLimit-Reset": f"{_up(window.ends_at):.3f}",
            "X-RateLimit-Reset-After": f"{_up(window.ends_at - now):.3f}",
            "X-RateLimit-Bucket": self._bucket(route),
        }

    def _bucket(self, route: str) -> str:
        if route not in self._buckets:
            self._buckets[route] = blake2b(route.encode(), digest_size=16).hexdigest()
        return self._buckets[route]

    def _refuse(self, route: str, wait: float, headers: dict[str, str], *, scope: str) -> Verdict:
        self.refused[route] += 1
        is_global = scope == "global"
        wait = _up(wait)
        body: Json = {"message": "You are being rate limited.", "retry_after": wait, "global": is_global}
        told = {**headers, "Retry-After": str(int(wait) + 1), "X-RateLimit-Scope": scope}
        if is_global:
            told["X-RateLimit-Global"] = "true"
        return Verdict(told, body)


def _up(seconds: float) -> float:
    # To the next millisecond, so that who waits exactly as long as told is not refused again.
    return ceil(seconds * 1000) / 1000
