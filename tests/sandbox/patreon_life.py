"""What the tests of the simulated Patreon share: a served world, a caller with a token, an address that takes webhooks."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
from aiohttp import web
from yarl import URL

from sandbox.patreon.server import PatreonServer
from sandbox.world import World
from sandbox.world.examples import REDIRECT_URI, small_world
from sandbox.world.patreon_oauth import Client

SAMPLES = Path(__file__).parents[1] / "data" / "patreon"
ALL_V1 = "users pledges-to-me my-campaign pledges"


def sample(name: str) -> Any:
    """Read a recorded answer of tests/data/patreon."""
    return json.loads((SAMPLES / name).read_text(encoding="utf-8"))


@dataclass
class Answer:
    """What came back: the status, the headers, and the JSON, or None when it was none."""

    status: int
    headers: Any
    text: str
    json: Any = None

    @property
    def error(self) -> Any:
        """The first JSON:API error object."""
        return self.json["errors"][0]


@dataclass
class Life:
    """A served world with one HTTP session."""

    world: World
    server: PatreonServer
    http: aiohttp.ClientSession
    client: Client
    tokens: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, url: str, *, token: str | None = None, **options: Any) -> Answer:
        """Send one request; a path goes to the API's address."""
        full = url if "://" in url else f"{self.server.api_url}{url}"
        headers = {"User-Agent": "patron-roles tests", **options.pop("headers", {})}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        target = URL(full, encoded="%" in full)
        async with self.http.request(method, target, headers=headers, allow_redirects=False, **options) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("Content-Type", "")
            return Answer(response.status, response.headers, text, json.loads(text) if is_json and text else None)

    async def get(self, path: str, *, token: str | None = None, **query: str) -> Answer:
        """GET a path as Clara, or with ``token``; ``fields__user="a,b"`` becomes ``fields[user]=a,b``."""
        pairs = {_bracket(name): value for name, value in query.items()}
        return await self.ask("GET", f"{path}?{urlencode(pairs)}" if pairs else path, token=token or self.creator)

    @property
    def creator(self) -> str:
        """Clara's access token as the portal shows it."""
        return self.world.patreon.oauth.creator_pair(self.client).access

    def authorize_url(self, **query: str | None) -> str:
        """Return the address a bot sends a patron to; a None leaves that parameter out."""
        given = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": REDIRECT_URI,
            "scope": "identity",
            "state": "a state",
            **query,
        }
        kept = {name: value for name, value in given.items() if value is not None}
        return f"{self.server.site_url}/oauth2/authorize?{urlencode(kept)}"

    async def code(self, who: str, scope: str | None = "identity") -> str:
        """Let ``who`` consent and return the code."""
        return query_of(await self.server.consent(self.authorize_url(scope=scope), who))["code"]

    async def exchange(self, code: str | None, **changes: str) -> Answer:
        """Exchange a code with the form's usual parameters."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client.id,
            "client_secret": self.client.secret,
            "redirect_uri": REDIRECT_URI,
            **changes,
        }
        data = {name: value for name, value in form.items() if value is not None}
        return await self.ask("POST", "/oauth2/token", data=data)

    async def renew(self, refresh: str) -> Answer:
        """Ask for a new pair."""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh,
            "client_id": self.client.id,
            "client_secret": self.client.secret,
        }
        return await self.ask("POST", "/oauth2/token", data=form)

    async def token_of(self, who: str, scope: str = "identity") -> str:
        """Return an access token of ``who``."""
        answer = await self.exchange(await self.code(who, scope))
        return str(answer.json["access_token"])


def _bracket(name: str) -> str:
    family, _, inner = name.partition("__")
    return f"{family}[{inner.replace('_event', '-event')}]" if inner else name


def query_of(url: str) -> dict[str, str]:
    """Return the query of an address, each name once."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


@asynccontextmanager
async def living(world: World | None = None) -> AsyncIterator[Life]:
    """Serve a world (the small one unless given) and hand out a :class:`Life` in it."""
    world = world or small_world()
    server = PatreonServer(world)
    client = next(iter(world.patreon.oauth.clients.values()))
    async with server.serve(), aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield Life(world, server, http, client)


@dataclass
class Inbox:
    """An address that takes webhooks and answers what the test says."""

    url: str = ""
    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    triggers: list[str] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    def data(self, trigger: str) -> Any:
        """Return the ``data`` of the newest body of ``trigger``."""
        place = len(self.triggers) - 1 - self.triggers[::-1].index(trigger)
        return json.loads(self.bodies[place])["data"]

    def signed_with(self, secret: str) -> bool:
        """Whether every body carries the HMAC-MD5 that ``secret`` gives."""
        made = [hmac.new(secret.encode(), body, hashlib.md5).hexdigest() for body in self.bodies]
        return bool(made) and made == self.signatures


@asynccontextmanager
async def inbox(watch: Callable[[], None] = lambda: None) -> AsyncIterator[Inbox]:
    """Serve an :class:`Inbox` on the loopback; ``watch`` is called at each delivery."""
    box = Inbox()

    async def take(request: web.Request) -> web.Response:
        box.bodies.append(await request.read())
        box.triggers.append(request.headers["X-Patreon-Event"])
        box.signatures.append(request.headers["X-Patreon-Signature"])
        watch()
        return web.Response(status=box.status)

    app = web.Application()
    app.router.add_post("/webhooks/patreon", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    box.url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/patreon"
    try:
        yield box
    finally:
        await runner.cleanup()
