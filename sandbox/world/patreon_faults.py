"""What can go wrong at Patreon, on demand: broken answers and rate limits. Decides only; the server acts on it."""

import re
from collections import deque
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from sandbox.world.clock import Clock


class Fault(Enum):
    """A way in which an answer goes wrong."""

    RATE_LIMITED = "429 with a body that says how long to wait"
    SERVER_ERROR = "a 5xx with a JSON body"
    HTML_PAGE = "an HTML page in place of JSON"
    SLOW = "the answer takes its time"
    CUT = "the connection ends in the middle of the answer"
    BROKEN_JSON = "200 with half a document"
    TOKEN_REVOKED = "401, whatever the token"
    GONE = "410, as if the API were shut down"
    FORBIDDEN = "403 on everything, as another way to shut it down"
    EMPTY_LIST = "200 and no rows, although there are some"
    PAGE_MISSING = "the link to the next page jumps over one"
    LAST_PAGE_LOOPS = "v2's last page hands out a cursor that leads to itself"
    CURSOR_REPEATED = "the link to the next page leads to the same one again"
    TIERS_EMPTY = "every membership without a tier"
    DISCORD_HIDDEN = "every Discord id null"


@dataclass(slots=True, kw_only=True, eq=False)
class Rule:
    """One fault that is switched on. ``times`` None: until it is cleared; ``skip``: matching requests left alone first."""

    fault: Fault
    times: int | None = None
    skip: int = 0
    path: re.Pattern[str] | None = None
    status: int = 503
    seconds: float = 9
    met: int = 0

    def applies(self, path: str) -> bool:
        """Whether this request meets the fault; counts it when it does."""
        if self.path is not None and not self.path.search(path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times == 0:
            return False
        self.times = None if self.times is None else self.times - 1
        self.met += 1
        return True


class Faults:
    """The faults switched on now; several may hold at once."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(
        self,
        fault: Fault,
        *,
        times: int | None = None,
        skip: int = 0,
        path: str | None = None,
        status: int = 503,
        seconds: float = 9,
    ) -> Rule:
        """Switch a fault on for all API requests, or the next ``times``, or those whose path matches the regex ``path``.

        ``status`` is for SERVER_ERROR and HTML_PAGE; ``seconds`` for SLOW (real time) and RATE_LIMITED (what it says).
        """
        pattern = re.compile(path) if path is not None else None
        rule = Rule(fault=fault, times=times, skip=skip, path=pattern, status=status, seconds=seconds)
        self.rules.append(rule)
        return rule

    def clear(self, fault: Fault | None = None) -> None:
        """Switch one kind of fault off, or all."""
        self.rules = [rule for rule in self.rules if fault is not None and rule.fault is not fault]

    def take(self, path: str, among: Collection[Fault]) -> dict[Fault, Rule]:
        """Return those faults of the kinds ``among`` that this request meets, and count them."""
        met = {rule.fault: rule for rule in self.rules if rule.fault in among and rule.applies(path)}
        self.rules = [rule for rule in self.rules if rule.times != 0]
        return met


@dataclass(slots=True)
class Window:
    """So many in so long, counted in a sliding window."""

    count: int
    span: timedelta
    _seen: dict[Hashable, deque[datetime]] = field(default_factory=dict)

    def wait(self, key: Hashable, now: datetime) -> float:
        """Return the seconds until ``key`` may go on, 0 when it may now."""
        seen = self._recent(key, now)
        return (seen[0] + self.span - now).total_seconds() if len(seen) >= self.count else 0.0

    def note(self, key: Hashable, now: datetime) -> None:
        """Count one for ``key``."""
        self._recent(key, now).append(now)

    def _recent(self, key: Hashable, now: datetime) -> deque[datetime]:
        seen = self._seen.setdefault(key, deque())
        while seen and seen[0] + self.span <= now:
            seen.popleft()
        return seen


class Limits:
    """Patreon's documented limits (100 in 2 s a client, 100 a minute a token, 2,000 bad requests in 10 minutes a caller).

    Off unless ``enabled``; each window may be replaced by a smaller one.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.enabled = False
        self.client = Window(100, timedelta(seconds=2))
        self.token = Window(100, timedelta(minutes=1))
        self.bad = Window(2_000, timedelta(minutes=10))
        self.ban = timedelta(minutes=30)
        self._banned_until: dict[str, datetime] = {}

    def banned(self, caller: str) -> float:
        """Return the seconds ``caller`` still has to stay away, 0 when it is welcome."""
        until = self._banned_until.get(caller)
        return max(0.0, (until - self.clock.now()).total_seconds()) if self.enabled and until else 0.0

    def note_bad(self, caller: str) -> None:
        """Count a 4xx answer; one too many shuts the caller out for a while."""
        if not self.enabled:
            return
        now = self.clock.now()
        self.bad.note(caller, now)
        if self.bad.wait(caller, now):
            self._banned_until[caller] = now + self.ban

    def wait(self, client: str, token: Hashable | None) -> float:
        """Count a request of ``client`` (and of a token's account) and return 0, or return the seconds it must wait."""
        if not self.enabled:
            return 0.0
        now = self.clock.now()
        wait = max(self.client.wait(client, now), self.token.wait(token, now) if token else 0.0)
        if not wait:
            self.client.note(client, now)
            if token:
                self.token.note(token, now)
        return wait
