"""Reads the log as its operator would: how much there is of it in a minute, and whatever it cries out."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from tests.failures.driven import speaks_from_the_dead

_KEPT = 400

_FORESEEN = ("discord.shard: ", "discord.gateway: ", "discord.client: Attempting a reconnect")
"""Lines of libraries that have a traceback although all is as it should be."""


class Logbook(logging.Handler):
    """Every line of the bot and of its libraries. ``alarms`` are errors with a traceback: nobody foresaw them."""

    def __init__(self, time: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._time = time
        self._bytes: Counter[int] = Counter()
        self.lines: list[str] = []
        self.alarms: list[str] = []

    @property
    def most_a_minute(self) -> int:
        """The bytes of the fullest minute."""
        return max(self._bytes.values(), default=0)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of a library."""
        self._take(f"{record.name}: {record.getMessage()}", record.exc_info)

    def event(self, _logger: object, method: str, event: Any) -> Any:
        """Take a line of the bot's own; a processor of structlog that lets none through."""
        trouble = event.pop("exc_info", None)
        self._take(f"{method} {event.pop('event', '')} {event}", trouble)
        raise structlog.DropEvent

    def _take(self, line: str, trouble: Any) -> None:
        if speaks_from_the_dead():
            return
        self._bytes[int(self._time() // 60)] += len(line) + 60
        self.lines = [*self.lines[-_KEPT:], f"{self._time():.1f} {line}"]
        if trouble and not line.startswith(_FORESEEN):
            error = trouble[1] if isinstance(trouble, tuple) else trouble
            self.alarms.append(f"{line[:200]} {error!r:.200}")


@contextmanager
def reading_logs(time: Callable[[], float]) -> Iterator[Logbook]:
    """Read what is logged while the block runs, and show none of it."""
    book = Logbook(time)
    before, root = structlog.get_config(), logging.getLogger()
    handlers = root.handlers
    root.handlers = [book]
    structlog.configure(processors=[book.event], cache_logger_on_first_use=False)
    try:
        yield book
    finally:
        root.handlers = handlers
        structlog.configure(**before)
