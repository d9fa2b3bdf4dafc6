"""The web doors on a socket, over a real store and a Patreon of few words."""

from collections.abc import AsyncIterator, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

import pytest
import structlog
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from bot.campaigns import configured_campaign
from bot.core.model import CampaignId, DiscordUserId
from bot.linking import Linking
from bot.metrics import Metrics
from bot.store import Store
from bot.web.health import Health, HealthRoutes
from bot.web.hooks import HookRoutes
from bot.web.links import LinkRoutes
from bot.web.server import build_web
from tests.conftest import Clock
from tests.doors import ANN, PATRON, FewWords, furnish, identity, membership

SECRET = "webhook-secret-of-the-test"


@dataclass
class Doors:
    """Everything a test of a route wants to touch."""

    store: Store
    clock: Clock
    patreon: FewWords
    linking: Linking
    metrics: Metrics
    client: TestClient[Request, Application]
    health: dict[str, Health]
    woken: list[str]
    names: dict[DiscordUserId, str]

    async def start(self, user: DiscordUserId = ANN) -> str:
        """Press /link; give the path of the button."""
        return (await self.linking.begin(user, None)).removeprefix("https://bot.test")

    async def consent(self, user: DiscordUserId = ANN) -> str:
        """Open the button; give the state that Patreon would send back."""
        answer = await self.client.get(await self.start(user), allow_redirects=False)
        assert answer.status == 303
        return answer.headers["Location"].partition("state=")[2]

    async def question(self, code: str = "ann", user: DiscordUserId = ANN) -> str:
        """Come back from Patreon; give the confirming token of the page."""
        answer = await self.client.get(f"/oauth/redirect?code={code}&state={await self.consent(user)}")
        text = await answer.text()
        assert answer.status == 200, text
        return text.partition('name="token" value="')[2].partition('"')[0]

    async def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """Give what was logged; rendering a traceback reads source files, which the event loop of a test may not."""
    with structlog.testing.capture_logs() as entries:
        yield entries


@pytest.fixture
async def doors(store: Store, clock: Clock) -> AsyncIterator[Doors]:
    await furnish(store)
    woken: list[str] = []
    names = {ANN: "Ann <b> (@ann)"}
    patreon = FewWords({"ann": identity(PATRON, membership(), name="Ann <script>alert(1)</script>")})

    async def name_of(user: DiscordUserId) -> str | None:
        return names.get(user)

    async def configured() -> CampaignId | None:
        return await configured_campaign(store)

    async def probe() -> Health:
        return health["database"]

    async def set_gauges() -> None:
        metrics.linked.set(3)

    metrics = Metrics()
    health = {"database": Health(ready=True, detail="answers")}
    linking = Linking(
        store,
        patreon,
        public_url="https://bot.test",
        now=clock,
        wake=lambda: woken.append("link"),
        name_of=name_of,
    )
    hooks = HookRoutes(store, metrics, secrets=[SECRET], configured=configured, now=clock, wake=lambda: woken.append("hook"))
    routes = [
        *LinkRoutes(linking, metrics).routes(),
        *hooks.routes(),
        *HealthRoutes({"database": probe}, metrics, set_gauges).routes(),
    ]
    async with TestClient(TestServer(await build_web(routes))) as client:
        yield Doors(store, clock, patreon, linking, metrics, client, health, woken, names)
