"""The simulated world as plain state with verbs: its clock, its time line, its Patreon and its Discord. No sockets here."""

from dataclasses import dataclass

from sandbox.world.clock import Clock
from sandbox.world.guild import DiscordWorld
from sandbox.world.patreon import PatreonWorld
from sandbox.world.timeline import Entry, Timeline

__all__ = ["Clock", "DiscordWorld", "Entry", "PatreonWorld", "Timeline", "World"]


@dataclass(frozen=True, slots=True)
class World:
    """One clock, one time line, one Patreon and one Discord. Patreon and Discord know nothing of each other."""

    clock: Clock
    timeline: Timeline
    patreon: PatreonWorld
    discord: DiscordWorld

    @classmethod
    def empty(cls, clock: Clock | None = None) -> "World":
        """Return a world without anybody in it, on ``clock`` or on one that shows real time."""
        clock = clock or Clock()
        timeline = Timeline(clock)
        return cls(clock, timeline, PatreonWorld(clock, timeline), DiscordWorld(clock, timeline))
