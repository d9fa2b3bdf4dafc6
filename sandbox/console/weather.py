"""How Patreon is today: one word of the page's switch for the faults behind it."""

from sandbox.world.guild_records import Json
from sandbox.world.patreon_faults import Fault, Faults

FINE = "fine"
_KINDS: dict[str, tuple[str, Fault | None]] = {
    FINE: ("Patreon is well", None),
    "stopped": ("Patreon is stopped (503)", Fault.SERVER_ERROR),
    "html": ("Patreon answers with HTML", Fault.HTML_PAGE),
    "empty": ("Patreon answers empty lists", Fault.EMPTY_LIST),
    "tiers": ("Patreon forgets everybody's tiers", Fault.TIERS_EMPTY),
    "limited": ("Patreon says 429", Fault.RATE_LIMITED),
    "gone": ("Patreon's API is gone (410)", Fault.GONE),
}


class Weather:
    """Switches one kind of fault on at a time; ``now`` is the kind, ``fine`` for none."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.now = FINE

    def choices(self) -> list[Json]:
        """Return what the switch offers."""
        return [{"value": value, "text": text} for value, (text, _) in _KINDS.items()]

    def set(self, kind: str) -> str:
        """Let it be ``kind`` from now on and return its words. KeyError for a kind there is not."""
        text, fault = _KINDS[kind]
        self._faults.clear()
        if fault is not None:
            self._faults.add(fault)
        self.now = kind
        return text
