"""What stands before every API route: counting, faults, rate limits, tokens, and errors as Patreon words them. No routes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from sandbox.patreon import errors
from sandbox.patreon.view import JsonObject, View
from sandbox.world import PatreonWorld
from sandbox.world.patreon_faults import Fault
from sandbox.world.patreon_model import Campaign
from sandbox.world.patreon_oauth import OAuthError, Pair

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_BEFORE = frozenset(
    {
        Fault.RATE_LIMITED,
        Fault.SERVER_ERROR,
        Fault.HTML_PAGE,
        Fault.SLOW,
        Fault.CUT,
        Fault.BROKEN_JSON,
        Fault.TOKEN_REVOKED,
        Fault.GONE,
        Fault.FORBIDDEN,
    }
)
_IN_DATA = frozenset({Fault.TIERS_EMPTY, Fault.DISCORD_HIDDEN})
_IN_LISTS = frozenset({Fault.EMPTY_LIST, Fault.PAGE_MISSING, Fault.LAST_PAGE_LOOPS, Fault.CURSOR_REPEATED})


@dataclass(slots=True)
class Call:
    """What a route knows of the request: the world, and the pair whose access token came with it."""

    patreon: PatreonWorld
    request: web.Request
    pair: Pair | None = None

    @property
    def token(self) -> Pair:
        """The caller's pair. ApiError 401 without a working token."""
        if self.pair is None:
            raise errors.plain(401)
        return self.pair

    def view(self) -> View:
        """Return the caller's view; the campaign is that of the client's owner. Counts the outages that empty fields."""
        met = self.patreon.faults.take(self.request.path, _IN_DATA)
        hidden, no_ids = Fault.TIERS_EMPTY in met, Fault.DISCORD_HIDDEN in met
        return View(self.patreon, self.token.account, self.token.client.campaign, hidden, no_ids)

    def list_faults(self) -> Collection[Fault]:
        """Return what goes wrong with this page of a list."""
        return self.patreon.faults.take(self.request.path, _IN_LISTS)

    def listing(self, campaign: Campaign, make: Callable[[], JsonObject]) -> web.Response:
        """Write a page of a list of ``campaign``; where the world keeps pages, the same bytes until something changes."""
        if not self.patreon.keep_pages or self.patreon.faults.rules:
            return document(make())
        who = f"{self.token.account.id} {' '.join(sorted(self.token.scopes))}"
        page = f"{who} {self.request.host}{self.request.path_qs}"
        body = campaign.kept(page, lambda: msgspec.json.encode(make()))
        return web.Response(body=body, headers={"Content-Type": errors.JSON_API})

    def link(self, changes: Mapping[str, str]) -> str:
        """Return this request's own address with parameters of the query changed, brackets encoded as Patreon does.

        A cursor that is not among ``changes`` is dropped.
        """
        query = {**self.request.query, **changes}
        if "page[cursor]" not in changes:
            query.pop("page[cursor]", None)
        return f"{self.request.scheme}://{self.request.host}{self.request.path}?{urlencode(query)}"


CALL = web.RequestKey("call", Call)


def document(body: Any, status: int = 200) -> web.Response:
    """Write a JSON:API document."""
    return web.Response(body=msgspec.json.encode(body), status=status, headers={"Content-Type": errors.JSON_API})


def call_of(request: web.Request) -> Call:
    """Return what the guard found out about this request."""
    return request[CALL]


def guard(patreon: PatreonWorld) -> Middleware:
    """Return the middleware of the API routes (both versions and the token endpoint) of ``patreon``."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        patreon.settle()
        if not request.path.removeprefix("/api").startswith("/oauth2/") or _is_page(request):
            return await handler(request)
        began = time.perf_counter()
        route = _route(request)
        patreon.requests[f"{request.method} {route}"] += 1
        response = await _answer(patreon, request, handler)
        caller = request.remote or ""
        if 400 <= response.status < 500:  # noqa: PLR2004 # the range of bad requests
            patreon.limits.note_bad(caller)
        milliseconds = round((time.perf_counter() - began) * 1000, 1)
        text = f"{request.method} {route} → {response.status}"
        patreon.timeline.add("patreon.call", text, status=response.status, milliseconds=milliseconds)
        return response

    return middleware


def _is_page(request: web.Request) -> bool:
    return request.path.rsplit("/", 1)[-1] in {"authorize", "become-patron", "errors", "login"}


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return (resource.canonical if resource is not None else "(unknown)").removeprefix("/api")


async def _answer(patreon: PatreonWorld, request: web.Request, handler: Handler) -> web.StreamResponse:
    met = patreon.faults.take(request.path, _BEFORE)
    if Fault.SLOW in met:
        await asyncio.sleep(met[Fault.SLOW].seconds)
    if Fault.HTML_PAGE in met:
        return errors.html_page(met[Fault.HTML_PAGE].status)
    banned = patreon.limits.banned(request.remote or "")
    if banned:
        return errors.banned(banned)
    if not request.headers.get("User-Agent"):
        return errors.html_page(403)
    try:
        if Fault.RATE_LIMITED in met:
            raise errors.throttled(met[Fault.RATE_LIMITED].seconds)
        if Fault.SERVER_ERROR in met:
            raise errors.plain(met[Fault.SERVER_ERROR].status)
        response = await _ask(patreon, request, handler, met)
    except errors.ApiError as error:
        response = error.response()
    except OAuthError as error:
        response = errors.oauth(error)
    except web.HTTPException as error:
        response = errors.plain(error.status).response()
    return await _spoil(request, response, met)


async def _ask(patreon: PatreonWorld, request: web.Request, handler: Handler, met: Any) -> web.StreamResponse:
    if request.path.endswith("/oauth2/token"):
        if Fault.TOKEN_REVOKED in met:
            raise OAuthError("invalid_grant", 401)
        request[CALL] = Call(patreon, request)
        return await handler(request)
    if Fault.GONE in met:
        raise errors.plain(410)
    if Fault.FORBIDDEN in met:
        raise errors.forbidden("You do not have permission to use this API.")
    if not _accepts_json(request):
        raise errors.plain(406)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    pair = patreon.oauth.find(token.strip()) if scheme.lower() == "bearer" and Fault.TOKEN_REVOKED not in met else None
    if pair is not None:
        wait = patreon.limits.wait(pair.client.id, (pair.client.id, pair.account.id))
        if wait:
            raise errors.throttled(wait)
    request[CALL] = Call(patreon, request, pair)
    return await handler(request)


def _accepts_json(request: web.Request) -> bool:
    accept = request.headers.get("Accept", "*/*")
    return any(word in accept for word in ("json", "*/*", "application/*"))


async def _spoil(request: web.Request, response: web.StreamResponse, met: Any) -> web.StreamResponse:
    body = response.body if isinstance(response, web.Response) else None
    if not isinstance(body, bytes) or not met.keys() & {Fault.CUT, Fault.BROKEN_JSON}:
        return response
    half = body[: len(body) // 2]
    if Fault.BROKEN_JSON in met:
        return web.Response(body=half, status=response.status, headers={"Content-Type": errors.JSON_API})
    cut = web.StreamResponse(status=response.status, headers={"Content-Type": errors.JSON_API})
    cut.content_length = len(body)
    await cut.prepare(request)
    await cut.write(half)
    if request.transport is not None:
        request.transport.abort()
    return cut
