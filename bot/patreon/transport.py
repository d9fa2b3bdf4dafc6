"""One request to Patreon and its answer: session, bounds, retries, waiting. The only module that opens a connection.

Knows nothing of token pairs, dialects or memberships.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Self

import aiohttp
import stamina
import structlog
from yarl import URL

from bot.clock import Hear, deaf
from bot.errors import AccessRevoked, PatreonError, PatreonUnavailable, RateLimited, UnexpectedAnswer
from bot.patreon.pacing import EXCHANGE, Pacer
from bot.patreon.refusals import FieldRefused, Refusal, read_refusal, refused_field, to_error, to_token_error
from bot.patreon.settings import PatreonSettings
from bot.patreon.wire import MAX_BODY_BYTES, Call, is_token

log = structlog.get_logger(__name__)

# stamina looks for instrumentation at the first retry, which would read files inside the event loop: look now.
stamina.instrumentation.get_on_retry_hooks()

# Somebody may be waiting for a single read; a list can stand in the queue for a minute's limit.
PATIENCE = timedelta(seconds=10)
LIST_PATIENCE = timedelta(seconds=90)
_TRIES = 4
_TIME_FOR_TRIES = 60.0
_ROUNDS_OF_WAITING = 5
_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10, sock_read=30)
_CHUNK = 64 * 1024


def loop_time() -> float:
    """Return the running loop's own time in seconds: it never jumps, and every pause of this process passes in it."""
    return asyncio.get_running_loop().time()


class Transport:
    """Sends calls to one Patreon. An async context manager; a session that was handed in is not closed."""

    def __init__(
        self,
        settings: PatreonSettings,
        *,
        sleep: Callable[[float], Awaitable[object]],
        monotonic: Callable[[], float] = loop_time,
        hear: Hear = deaf,
        session: aiohttp.ClientSession | None = None,
    ) -> None:
        """Take where Patreon is and how to wait."""
        self._settings = settings
        self._pacer = Pacer(sleep, monotonic)
        self._monotonic = monotonic
        self._hear = hear
        self._session = session
        self._owns_session = session is None

    async def __aenter__(self) -> Self:
        if self._session is None:
            # No cookies: Patreon must know us by the token of each request alone.
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._owns_session and self._session is not None:
            await self._session.close()
            self._session = None

    async def send(
        self,
        call: Call,
        *,
        access: str | None = None,
        key: str = "",
        patience: timedelta = PATIENCE,
    ) -> bytes:
        """Send a call and return the body of its success; raise PatreonError.

        ``key`` names whose limit it counts for. Waits, our own and those a 429 asks for, take no longer than ``patience``
        together, else RateLimited says when to come back. FieldRefused names the one field that a 400 is about.
        """
        give_up = self._monotonic() + patience.total_seconds()
        for _ in range(_ROUNDS_OF_WAITING - 1):
            try:
                return await self._send_persistently(call, access, key, self._left(give_up))
            except RateLimited as limited:
                if limited.retry_after > self._left(give_up):
                    raise
        return await self._send_persistently(call, access, key, self._left(give_up))

    def _left(self, give_up: float) -> timedelta:
        return timedelta(seconds=max(0.0, give_up - self._monotonic()))

    async def _send_persistently(self, call: Call, access: str | None, key: str, patience: timedelta) -> bytes:
        """Try again what may pass: no network, a timeout, 5xx, a page of HTML. Never a refusal."""
        # A context and not a decorator: that one would log the arguments, and with them the token.
        async for attempt in stamina.retry_context(
            on=PatreonUnavailable,
            attempts=_TRIES if call.repeatable else 1,
            timeout=_TIME_FOR_TRIES,
            wait_initial=0.3,
            wait_max=8.0,
        ):
            with attempt:
                await self._pacer.turn(key, patience)
                status, headers, body = await self._exchange(call, access)
                if status != 429:  # noqa: PLR2004
                    self._pacer.note_answer()
                if 200 <= status < 300:  # noqa: PLR2004
                    return _checked(status, body)
                raise self._to_error(call, key, read_refusal(status, body, headers), headers)
        raise AssertionError("stamina ends with an answer or an error")  # pragma: no cover

    async def _exchange(self, call: Call, access: str | None) -> tuple[int, Mapping[str, str], bytes]:
        if self._session is None:
            raise RuntimeError("the client is used outside of its context")
        headers = {"User-Agent": self._settings.user_agent, "Accept": "application/json, application/vnd.api+json"}
        if access is not None and not is_token(access):
            raise AccessRevoked("a token that cannot stand in a header")
        if access is not None:
            headers["Authorization"] = f"Bearer {access}"
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        data = call.body if call.body is not None else dict(call.form) or None
        url = URL(call.url(self._settings.api_url), encoded=True)
        try:
            # No redirects: the token goes to the configured host and nowhere else.
            async with self._session.request(
                call.method, url, headers=headers, data=data, timeout=_TIMEOUT, allow_redirects=False
            ) as response:
                self._hear(response.headers)
                return response.status, response.headers, await _read_bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            # From None: aiohttp's errors carry the request with its headers.
            raise PatreonUnavailable(f"no answer from Patreon ({type(problem).__name__})") from None

    def _to_error(self, call: Call, key: str, refusal: Refusal, headers: Mapping[str, str]) -> PatreonError:
        named = refused_field(refusal, call.fields)
        is_token_call = call.path == "/oauth2/token"
        error = FieldRefused(*named) if named else (to_token_error if is_token_call else to_error)(refusal)
        if 400 <= refusal.status < 500:  # noqa: PLR2004
            self._pacer.note_bad(code=key == EXCHANGE and isinstance(error, AccessRevoked))
        if isinstance(error, RateLimited):
            self._pacer.pause(key, error.retry_after)
        log.info(
            "patreon_refused",
            method=call.method,
            path=call.path,
            status=refusal.status,
            code_name=refusal.code_name or refusal.oauth,
            json=refusal.is_json,
            ray=headers.get("cf-ray"),
        )
        return error


async def _read_bounded(response: aiohttp.ClientResponse) -> bytes:
    """Read a body up to the bound, counted after decompression."""
    chunks, size = [], 0
    async for chunk in response.content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            response.close()
            raise UnexpectedAnswer("the answer is larger than we read")
        chunks.append(chunk)
    return b"".join(chunks)


def _checked(status: int, body: bytes) -> bytes:
    """Tell an answer from a page: the network in front of Patreon sends HTML with any status, 200 among them."""
    start = body[:256].lstrip()[:1]
    if status != 204 and start in (b"", b"<"):  # noqa: PLR2004
        raise PatreonUnavailable("a page in place of JSON")
    return body
