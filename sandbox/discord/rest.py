"""The HTTP side in general: routes, callers, rate limits, faults, counting, errors as JSON. What a route does is elsewhere.

Answers have the Content-Type ``application/json`` without a charset, as Discord's have.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import msgspec
from aiohttp import BodyPartReader, web

from sandbox.discord.errors import ApiError, invalid_form, not_found, unauthorized, unknown
from sandbox.discord.faults import Fault, Faults
from sandbox.discord.limits import RateLimits, Verdict
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_records import Attachment, Bot, Json, Unknown

_JSON = "application/json"
# discord.py takes a 429 without Via for one of a firewall in front of Discord.
_VIA = {"Via": "1.1 sandbox"}
_FAULTY_PAGE = "<html><head><title>{0} Server Error</title></head><body><center><h1>{0}</h1></center></body></html>"
_REASON_LENGTH = 512


@dataclass(slots=True)
class Call:
    """One request: who calls, with which ids in the path. ``bot`` is None on routes whose path holds a token."""

    world: DiscordWorld
    request: web.Request
    caller: Bot | None
    files: list[Attachment] = field(default_factory=list)

    @property
    def bot(self) -> Bot:
        """The bot that calls."""
        if self.caller is None:
            raise unauthorized()
        return self.caller

    @property
    def reason(self) -> str | None:
        """What goes into the audit log."""
        given = self.request.headers.get("X-Audit-Log-Reason")
        return unquote(given)[:_REASON_LENGTH] if given else None

    def id(self, name: str) -> int:
        """Return an id of the path; ``@me`` is the bot's."""
        text = self.request.match_info[name]
        if text == "@me":
            return self.bot.id
        if not text.isascii() or not text.isdecimal():
            raise invalid_form(name, f'Value "{text}" is not snowflake.', "NUMBER_TYPE_COERCE")
        return int(text)

    def number(self, name: str, default: int, low: int, high: int) -> int:
        """Return a number of the query; Discord's 400 when it is out of bounds."""
        text = self.request.query.get(name)
        if text is None:
            return default
        if not text.isascii() or not text.isdecimal() or not low <= int(text) <= high:
            raise invalid_form(name, f"int value should be between {low} and {high}.", "NUMBER_TYPE_MAX")
        return int(text)

    async def form(self) -> Any:
        """Return the body's JSON; of a multipart body the ``payload_json``, its files go to ``files``."""
        try:
            if self.request.content_type != "multipart/form-data":
                return json.loads(await self.request.read() or b"{}")
            return await self._multipart()
        except ValueError:
            raise ApiError(400, 50109, "The request body contains invalid JSON.") from None

    async def _multipart(self) -> Any:
        payload: Any = {}
        async for part in await self.request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            data = bytes(await part.read(decode=True))
            if part.name == "payload_json":
                payload = json.loads(data)
            elif part.filename is not None:
                kind = part.headers.get("Content-Type", "application/octet-stream")
                attachment = Attachment(self.world.new_id(), part.filename, kind, data)
                self.world.files[attachment.id] = attachment
                self.files.append(attachment)
        return payload


Answer = Json | list[Any] | None
Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path of the API. ``by_token`` says that a token in the path stands for the Authorization header."""

    method: str
    template: str
    handler: Handler
    by_token: bool = False

    @property
    def key(self) -> str:
        """The route's name in limits, faults and counters: ``GET /guilds/{guild_id}``."""
        return f"{self.method} {self.template}"

    def major(self, request: web.Request) -> str:
        """Return the ids that have a rate limit of their own: guild, channel, or webhook with its token."""
        names = ("guild_id", "channel_id", "webhook_id", "token")
        return "/".join(request.match_info[name] for name in names if name in request.match_info)

    def path(self, request: web.Request) -> str:
        """Return the path that was called without the secrets in it."""
        return self.template.format_map({**request.match_info, "token": "…"})


class Rest:
    """Serves routes. ``calls`` counts requests by route, whatever came of them; ``statuses`` by route and status."""

    def __init__(self, world: DiscordWorld) -> None:
        self.world = world
        self.limits = RateLimits()
        self.faults = Faults()
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[tuple[str, int]] = Counter()

    @property
    def invalid_requests(self) -> int:
        """Answers with 401, 403 or 429: ten thousand of them in ten minutes and Discord blocks the address."""
        return sum(count for (_, status), count in self.statuses.items() if status in {401, 403, 429})

    def application(self, routes: Sequence[Route], prefix: str) -> web.Application:
        """Return the aiohttp application that serves ``routes`` under ``prefix``."""
        app = web.Application(client_max_size=32 * 1024 * 1024)
        for route in routes:
            app.router.add_route(route.method, prefix + route.template, self._server(route))
        app.router.add_route("*", prefix + "/{path:.*}", self._serve_nothing)
        return app

    def _server(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            self.calls[route.key] += 1
            response = await self._serve(route, request)
            self.statuses[route.key, response.status] += 1
            text = f"{route.method} {route.path(request)}"
            self.world.timeline.add("discord.call", f"{text} → {response.status}", route=route.key, status=response.status)
            return response

        return serve

    async def _serve_nothing(self, request: web.Request) -> web.StreamResponse:
        self.calls["unknown route"] += 1
        self.world.timeline.add("discord.call", f"{request.method} on a path this Discord does not have → 404", status=404)
        return _respond(404, not_found().body(), {})

    async def _serve(self, route: Route, request: web.Request) -> web.StreamResponse:
        caller = None if route.by_token else self._caller(request)
        if caller is None and not route.by_token:
            return _respond(401, unauthorized().body(), {})
        fault = self.faults.take(route.key)
        if fault is not None:
            refused = await self._suffer(fault, route, request)
            if refused is not None:
                return refused
        verdict = self.limits.count(route.key, route.major(request), caller.id if caller else 0, exempt=route.by_token)
        if verdict.refused is not None:
            return _respond(429, verdict.refused, verdict.headers)
        if fault is not None and fault.lost:
            return _respond(204, None, verdict.headers)
        before = self._roles(request) if fault is not None and fault.stale else None
        response = await self._answer(route, Call(self.world, request, caller), verdict)
        if before is not None:
            self.world.set_roles(int(request.match_info["guild_id"]), int(request.match_info["user_id"]), before)
        if fault is not None and fault.cut_after:
            _cut(request)
        return response

    def _roles(self, request: web.Request) -> frozenset[int]:
        return self.world.roles_of(int(request.match_info["guild_id"]), int(request.match_info["user_id"]))

    async def _answer(self, route: Route, call: Call, verdict: Verdict) -> web.Response:
        try:
            answer = await route.handler(call)
        except Unknown as missing:
            error = unknown(missing)
        except ApiError as refused:
            error = refused
        else:
            return _respond(204 if answer is None else 200, answer, verdict.headers)
        return _respond(error.status, error.body(), verdict.headers)

    def _caller(self, request: web.Request) -> Bot | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return self.world.bot_of_token(token) if scheme == "Bot" else None

    async def _suffer(self, fault: Fault, route: Route, request: web.Request) -> web.StreamResponse | None:
        """Return the faulty answer; None lets the request go on (slow, or cut when it is done)."""
        self.world.timeline.add("discord.fault", f"a fault on {route.key}", route=route.key)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.cut:
            _cut(request)
            return web.Response(status=500)
        if fault.retry_after is not None:
            verdict = self.limits.refusal(route.key, fault.retry_after, scope=fault.scope)
            return _respond(429, verdict.refused, verdict.headers)
        if fault.status is None:
            return None
        if fault.html:
            return web.Response(status=fault.status, text=_FAULTY_PAGE.format(fault.status), content_type="text/html")
        return _respond(fault.status, {"message": f"{fault.status}: Server Error", "code": 0}, {})


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _respond(status: int, body: Answer, headers: dict[str, str]) -> web.Response:
    response = web.Response(status=status, headers=_VIA | headers)
    if body is not None:
        response.body = msgspec.json.encode(body)
        response.headers["Content-Type"] = _JSON
    return response
