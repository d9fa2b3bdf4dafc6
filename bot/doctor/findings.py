"""What an examination says. Values only; the sentences are in ``bot.texts.command_line``."""

from dataclasses import dataclass
from enum import Enum


class Mark(Enum):
    """How bad it is. NOTE: it works, but somebody should know. BAD: it does not work."""

    FINE = "ok"
    NOTE = "note"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried. ``message`` says what to do, where something is to be done."""

    mark: Mark
    subject: str
    message: str


def fine(subject: str, message: str) -> Finding:
    """Say that something works."""
    return Finding(Mark.FINE, subject, message)


def note(subject: str, message: str) -> Finding:
    """Say that something works and what should be known of it."""
    return Finding(Mark.NOTE, subject, message)


def bad(subject: str, message: str) -> Finding:
    """Say that something does not work and what to do."""
    return Finding(Mark.BAD, subject, message)
