"""The simulated world as plain state with verbs: its clock, its time line, its Patreon and its Discord. No sockets here."""

from sandbox.world.clock import Clock
from sandbox.world.timeline import Entry, Timeline

__all__ = ["Clock", "Entry", "Timeline"]
