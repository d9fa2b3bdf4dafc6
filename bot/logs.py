"""How log lines look: one format for our own, discord.py's and aiohttp's, and no secret in any of them.

Set up once, by the command line. The parts only ask structlog for a logger; what they log, and that it holds no name and
no e-mail address, is their own care. The redaction here is the second line of defence, not the first.
"""

import logging
import re
import sys
from collections.abc import Sequence
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

SHORTEST_SECRET = 8
"""Shorter values are not searched for: they would match by chance."""

_SECRET_KEYS = re.compile(r"token|secret|password|authorization|signature|cookie|^code$|^state$", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"(?P<before>Bearer\s+|Bot\s+|(?:access_token|refresh_token|client_secret|code|state|token)[=:]\s*[\"']?"
    r"|/link/|/webhooks/\d+/|/interactions/\d+/)"
    r"[\w.~+/=-]{12,}",
    re.IGNORECASE,
)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]*(?=@)")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")

# aiohttp.server tells of malformed requests with what was in them; what breaks in a route is logged by its guard.
# At debug level discord.py prints whole payloads (names, messages, interaction tokens), aiosqlite the values of statements.
_NOISE = {
    "discord": logging.INFO,
    "aiosqlite": logging.INFO,
    "aiohttp.server": logging.CRITICAL,
    "aiohttp.access": logging.WARNING,
    "discord.client": logging.ERROR,
    "alembic": logging.WARNING,
}


class _OneLine(logging.Filter):
    """Names an exception instead of tracing it: discord.py traces every failed attempt to connect."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Be a logging filter that lets everything pass."""
        if record.exc_info and record.exc_info[0] is not None:
            record.msg, record.args = f"{record.getMessage()} ({record.exc_info[0].__name__})", None
            record.exc_info = None
        return True


_ONE_LINE = _OneLine()


class Redactor:
    """Replaces what looks like a secret, and the very secrets of this configuration, wherever a line holds them."""

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        """Take the values that must never be printed."""
        self._secrets = tuple(
            sorted({secret for secret in secrets if len(secret) >= SHORTEST_SECRET}, key=len, reverse=True)
        )

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Be a structlog processor."""
        return {key: self._value(key, value) for key, value in event.items()}

    def text(self, text: str) -> str:
        """Hide every secret in one text."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        text = _SECRET_TEXT.sub(lambda match: match["before"] + HIDDEN, text)
        return _EMAIL.sub(HIDDEN, _CREDENTIALS_IN_URL.sub(HIDDEN, text))

    def _value(self, key: str, value: Any) -> Any:
        if isinstance(value, str):
            return HIDDEN if key != "event" and _SECRET_KEYS.search(key) else self.text(value)
        if isinstance(value, dict):
            return {inner: self._value(str(inner), item) for inner, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(key, item) for item in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(repr(value))


def set_up_logs(level: str, style: str, *, secrets: Sequence[str] = ()) -> None:
    """Send everything to standard output as ``console`` or ``json`` lines of at least ``level``; safe to call twice."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_exceptions(style),
                Redactor(secrets),
                _renderer(style),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, least in _NOISE.items():
        logging.getLogger(name).setLevel(max(least, root.level))
    logging.getLogger("discord.shard").addFilter(_ONE_LINE)


def _exceptions(style: str) -> list[Processor]:
    """Turn exceptions into data or text before the redaction; never with local variables, which hold tokens."""
    if style == "json":
        return [structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))]
    return [structlog.processors.format_exc_info]


def _renderer(style: str) -> Processor:
    if style == "json":
        return structlog.processors.JSONRenderer(sort_keys=True)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=28
    )
