"""Answers that are no answers: which error each HTTP status and body becomes. Bytes and values only.

The statuses are those of Patreon's documentation, section "Errors"; bodies are JSON:API ``errors``, OAuth's ``error``,
or a page of HTML by the network in front of Patreon.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from bot.errors import (
    AccessDenied,
    AccessRevoked,
    NotThere,
    PatreonError,
    PatreonUnavailable,
    RateLimited,
    RequestRefused,
    UnexpectedAnswer,
    WrongToken,
)

# A client registered for v2 that calls v1: the registration is wrong, v1 and the token may be well.
ABOUT_THE_CLIENT = "OAuthClientViewForbidden"

MEANINGS = {
    400: "bad request",
    401: "the token is wrong or lacks a scope",
    403: "hidden from this token",
    404: "not found",
    405: "this method is not allowed",
    406: "Patreon cannot answer in JSON",
    410: "removed from Patreon's servers",
    429: "too many requests",
    500: "an error at Patreon",
    503: "Patreon is down for maintenance",
}

_USUAL_WAIT = timedelta(seconds=30)
# Longer waits are not believed: after half an hour one call goes out and is told anew.
_LONGEST_WAIT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an unsuccessful answer says. ``is_json`` is false for a page by the network in front of Patreon.

    ``oauth`` is OAuth's error word. ``detail`` and ``parameter`` help to find a field that was refused; they are
    Patreon's free text and belong in no message.
    """

    status: int
    is_json: bool
    code_name: str | None = None
    oauth: str | None = None
    parameter: str = ""
    detail: str = ""
    retry_after: timedelta | None = None


class FieldRefused(RequestRefused):
    """A 400 about one field we asked for; the client drops it and asks again."""

    def __init__(self, kind: str, name: str) -> None:
        """Name the field, as we asked for it."""
        self.kind = kind
        self.name = name
        self.status = 400
        self.code_name = "ParameterInvalidOnType"
        super().__init__(f"400: Patreon does not know the field {name} of {kind}")


def read_refusal(status: int, body: bytes, headers: Mapping[str, str]) -> Refusal:
    """Read an unsuccessful answer, whatever its body is."""
    try:
        decoded = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        return Refusal(status, is_json=False, retry_after=_to_wait(headers.get("Retry-After")))
    errors = decoded.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    source = first.get("source")
    return Refusal(
        status,
        is_json=True,
        code_name=_to_word(first.get("code_name")),
        oauth=_to_word(decoded.get("error")),
        parameter=_to_text(source.get("parameter") if isinstance(source, dict) else None),
        detail=_to_text(first.get("detail")),
        retry_after=_to_wait(first.get("retry_after_seconds")) or _to_wait(headers.get("Retry-After")),
    )


def to_error(refusal: Refusal) -> PatreonError:
    """Give the error a refusal stands for; by status first, since ``code`` is 1 for 401 and 404 alike."""
    error = _error_of(refusal)
    error.status = refusal.status
    error.code_name = refusal.code_name or refusal.oauth
    error.is_json = refusal.is_json
    return error


def _error_of(refusal: Refusal) -> PatreonError:
    status = refusal.status
    message = f"{status}: {MEANINGS.get(status, 'unexpected status')}"
    if name := refusal.code_name or refusal.oauth:
        message += f" ({name})"
    if status == 429:  # noqa: PLR2004
        return RateLimited(refusal.retry_after or _USUAL_WAIT)
    # A JSON refusal of a token is certain. An HTML 401 was how old v1 servers said it, an HTML 403 is the network's.
    if status == 401:  # noqa: PLR2004
        return AccessRevoked(message)
    if status >= 500 or (not refusal.is_json and status not in _PLAIN_ENOUGH):  # noqa: PLR2004
        return PatreonUnavailable(message)
    kind = _KINDS.get(status)
    return kind(message) if kind else UnexpectedAnswer(message)


_KINDS: dict[int, type[PatreonError]] = {
    400: RequestRefused,
    403: AccessDenied,
    404: NotThere,
    405: RequestRefused,
    406: RequestRefused,
    410: NotThere,
}
# These say enough by their status alone, whatever page comes with them.
_PLAIN_ENOUGH = frozenset({405, 406, 410})


def to_token_error(refusal: Refusal) -> PatreonError:
    """Give the error a refusal by the token endpoint stands for (RFC 6749 section 5.2 and what Patreon really sends).

    ``invalid_grant`` came with 401 and with 400: the code or refresh token is dead. Anything else that OAuth names is
    about the client's own registration, and says nothing about a person's pair. Busy and broken are that by their status,
    whatever word comes along.
    """
    if refusal.status == 429 or refusal.status >= 500:  # noqa: PLR2004
        return to_error(refusal)
    if refusal.oauth == "invalid_grant":
        error: PatreonError = AccessRevoked("Patreon does not take this grant any more (invalid_grant)")
    elif refusal.oauth or refusal.status == 401:  # noqa: PLR2004
        error = (
            AccessDenied(f"Patreon refused the client at its token endpoint ({refusal.oauth or refusal.status})")
            if refusal.is_json
            else PatreonUnavailable("a page in place of an answer at the token endpoint")
        )
    else:
        return to_error(refusal)
    error.status = refusal.status
    error.code_name = refusal.oauth
    return error


def needs_creator(campaign: str, denied: AccessDenied) -> AccessDenied:
    """Say that a list needs its creator's token; the refusal of our client's registration stays what it is."""
    if denied.code_name == ABOUT_THE_CLIENT:
        return denied
    error = WrongToken(f"the list of campaign {campaign} needs its creator's token")
    error.status, error.code_name = denied.status, denied.code_name
    return error


def refused_field(refusal: Refusal, asked: Mapping[str, tuple[str, ...]]) -> tuple[str, str] | None:
    """Find which asked field a 400 names, as (type, field); None when it is about something else.

    Patreon refuses a whole request for one field it does not know (``ParameterInvalidOnType``) and names it in
    ``source.parameter`` or in its text.
    """
    if refusal.status != 400 or refusal.code_name != "ParameterInvalidOnType":  # noqa: PLR2004
        return None
    # "type member" names a resource; there are fields of the name ``type``, which it is not about.
    detail = re.sub(r"\btype (?=[\w-]+:)", "", refusal.detail or "")
    words = set(re.findall(r"[\w-]+", f"{refusal.parameter} {detail}"))
    named = [(kind, name) for kind, names in asked.items() for name in names if name in words]
    exact = [(kind, name) for kind, name in named if kind in words]
    return next(iter(exact or named), None)


def _to_word(value: Any) -> str | None:
    """Take a machine word such as ``RequestThrottled``; anything else would be free text in our messages."""
    return value if isinstance(value, str) and re.fullmatch(r"\w{1,60}", value, re.ASCII) else None


def _to_text(value: Any) -> str:
    return value[:500] if isinstance(value, str) else ""


def _to_wait(value: Any) -> timedelta | None:
    """Read seconds, from the body or a header; a date or nonsense gives None."""
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    if not math.isfinite(seconds) or seconds < 0:
        return None
    return min(timedelta(seconds=min(seconds, 86_400)), _LONGEST_WAIT)
