"""Hand-written stand-ins: a token vault in memory, a clock that is set, a Patreon that answers by script."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from bot.core.model import CampaignId, TokenOwner, TokenRecord, Tokens
from bot.errors import StoreError
from bot.patreon.client import PatreonClient
from bot.patreon.settings import PatreonSettings
from tests.patreon.samples import dump

Sleep = Callable[[float], Awaitable[object]]
START = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Clock:
    """Time that stands still until told; waiting moves it and takes none."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - START).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


def pair(name: str, *, days: float = 31, at: datetime = START) -> Tokens:
    """Make a token pair whose secrets can be recognised."""
    return Tokens(f"{name}-access", f"{name}-refresh", at + timedelta(days=days), frozenset({"identity"}))


class MemoryVault:
    """A token vault as the store's is, without the disk. ``journal`` has what was written, in order."""

    def __init__(self) -> None:
        self.records: dict[TokenOwner, TokenRecord] = {}
        self.leases: dict[TokenOwner, tuple[str, datetime]] = {}
        self.journal: list[str] = []
        self.failing = 0

    def put(self, owner: TokenOwner, tokens: Tokens, **more: Any) -> None:
        self.records[owner] = TokenRecord(tokens, 1, **more)

    async def load(self, owner: TokenOwner) -> TokenRecord | None:
        return self.records.get(owner)

    async def save_renewed(self, owner: TokenOwner, tokens: Tokens, at: datetime = START) -> None:
        if self.failing:
            self.failing -= 1
            raise StoreError("the disk is full")
        before = self.records[owner]
        issued = (*before.issued, at)[-10:]
        self.records[owner] = TokenRecord(
            tokens, before.version + 1, previous=before.tokens, spare=before.spare, issued=issued
        )
        self.leases.pop(owner, None)
        self.journal.append(f"save {tokens.access}")

    async def save_spare(self, owner: TokenOwner, tokens: Tokens) -> None:
        self.records[owner] = replace(self.records[owner], spare=tokens, refused_at=None)

    async def claim_renewal(self, owner: TokenOwner, version: int, holder: str, until: datetime, now: datetime) -> bool:
        held = self.leases.get(owner)
        if self.records[owner].version != version or (held and held[0] != holder and held[1] > now):
            return False
        self.leases[owner] = (holder, until)
        return True

    async def release_renewal(self, owner: TokenOwner, holder: str) -> None:
        if self.leases.get(owner, ("", START))[0] == holder:
            del self.leases[owner]

    async def mark_broken(self, owner: TokenOwner, version: int, at: datetime) -> bool:
        record = self.records[owner]
        if record.version == version:
            self.records[owner] = replace(record, broken_since=record.broken_since or at, refused_at=at)
        return record.version == version

    async def mark_worked(self, owner: TokenOwner, version: int, at: datetime) -> None:
        del at
        record = self.records[owner]
        if record.version == version:
            self.records[owner] = replace(record, previous=None, broken_since=None)
            self.journal.append(f"drop before {record.tokens.access}")


@dataclass
class Answer:
    """One scripted answer. ``cut``: the connection ends in the middle of it."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """Script a JSON answer."""
    return Answer(status, dump(value), {"Content-Type": "application/vnd.api+json", **headers})


def refusal(status: int, code_name: str = "SomeError", **more: Any) -> Answer:
    """Script a refusal in JSON:API's form."""
    return json_answer({"errors": [{"code_name": code_name, "status": str(status), **more}]}, status)


def token_answer(name: str, expires_in: Any = 2678400) -> Answer:
    """Script the token endpoint's yes."""
    return json_answer(
        {
            "access_token": f"{name}-access",
            "refresh_token": f"{name}-refresh",
            "expires_in": expires_in,
            "scope": "identity",
            "token_type": "Bearer",
        }
    )


HTML = Answer(403, b"<!DOCTYPE html><title>Just a moment...</title>", {"Content-Type": "text/html", "cf-ray": "8f1"})


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]
    body: bytes
    raw_query: str

    @property
    def token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")


class FakePatreon:
    """Answers each path by its script; the last answer of a script stays."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.base = ""
        self._scripts: dict[str, list[Answer | Callable[[Seen], Answer]]] = {}

    def on(self, path: str, *answers: Answer | Callable[[Seen], Answer]) -> None:
        self._scripts[path] = list(answers)

    def paths(self) -> list[str]:
        return [seen.path for seen in self.seen]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        form = {name: str(value) for name, value in (await request.post()).items()}
        path = request.path.removeprefix("/api")
        seen = Seen(
            request.method, path, dict(request.query), dict(request.headers), form, body, request.rel_url.raw_query_string
        )
        self.seen.append(seen)
        script = self._scripts.get(path, [refusal(404, "NotFound")])
        found = script.pop(0) if len(script) > 1 else script[0]
        answer = found if isinstance(found, Answer) else found(seen)
        if answer.cut:
            response = web.StreamResponse(headers={"Content-Length": str(len(answer.body) + 100)})
            await response.prepare(request)
            await response.write(answer.body)
            if request.transport is not None:
                request.transport.close()
            return response
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)


@asynccontextmanager
async def serving() -> AsyncIterator[FakePatreon]:
    """Serve a scripted Patreon on a free port."""
    fake = FakePatreon()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()


def settings(base: str, version: int = 2) -> PatreonSettings:
    """Make the registration of a client of a Patreon served at ``base``."""
    return PatreonSettings(
        client_id="client-1",
        client_secret="top-secret",
        redirect_uri="https://bot.example/oauth/redirect",
        api_version=version,
        site_url=base,
        api_url=f"{base}/api",
    )


class Bench:
    """A client with all it stands on, against a scripted Patreon."""

    def __init__(self, fake: FakePatreon, version: int = 2) -> None:
        self.fake = fake
        self.clock = Clock()
        self.vault = MemoryVault()
        self.currencies: dict[CampaignId, str] = {}
        self.client = self.another_client(version)

    def another_client(self, version: int = 2, *, sleep: Sleep | None = None) -> PatreonClient:
        """Make one more client, as another process would, on the same vault."""
        return PatreonClient(
            settings(self.fake.base, version),
            self.vault,
            now=self.clock.now,
            sleep=sleep or self.clock.sleep,
            monotonic=self.clock.monotonic,
            currencies=self._stored_currencies,
        )

    async def _stored_currencies(self) -> dict[CampaignId, str]:
        return self.currencies


@asynccontextmanager
async def bench(version: int = 2) -> AsyncIterator[Bench]:
    """Serve a scripted Patreon and open a client of it."""
    async with serving() as fake:
        made = Bench(fake, version)
        async with made.client:
            yield made
