"""Faults on demand: what a route of this Discord does wrong the next few times it is called."""

import fnmatch
from dataclasses import dataclass

FOREVER = 1_000_000_000


@dataclass(slots=True)
class Fault:
    """What goes wrong on routes matching ``route``, ``times`` more times.

    ``route`` is a pattern over "METHOD /template", as in ``PUT /guilds/*/roles/*`` or ``*``. One of these happens:
    ``status`` answers an error (``html`` makes its body a page, as a broken load balancer's); ``cut`` closes the connection
    before anything is done, ``cut_after`` when it is done but not answered; ``retry_after`` is a 429 of that many seconds
    with ``scope``. ``lost`` answers a change of a member's role as done, and nothing happens; ``stale`` lets it happen, and
    then another bot writes the member's roles back as it read them before. ``delay`` seconds pass first, and alone they
    only make the route slow. A client on aiohttp, discord.py too, silently repeats a cut GET, PUT or DELETE once: it takes
    ``times=2`` to be noticed.
    """

    route: str
    times: int = 1
    status: int | None = None
    html: bool = False
    cut: bool = False
    cut_after: bool = False
    retry_after: float | None = None
    scope: str = "user"
    lost: bool = False
    stale: bool = False
    delay: float = 0.0


class Faults:
    """The faults that are switched on, the oldest first."""

    def __init__(self) -> None:
        self._active: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Switch a fault on; it goes off by itself after its ``times``."""
        self._active.append(fault)
        return fault

    def lift(self, fault: Fault) -> None:
        """Switch one fault off before its time; no change when it is off already."""
        self._active = [each for each in self._active if each is not fault]

    def clear(self) -> None:
        """Switch every fault off."""
        self._active.clear()

    @property
    def active(self) -> tuple[Fault, ...]:
        """Those still to happen."""
        return tuple(self._active)

    def take(self, route: str) -> Fault | None:
        """Return the fault this call of ``route`` suffers, if any, and count it."""
        for fault in self._active:
            if fnmatch.fnmatchcase(route, fault.route):
                fault.times -= 1
                if fault.times <= 0:
                    self._active.remove(fault)
                return fault
        return None
