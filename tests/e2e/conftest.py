"""The running bot, for both versions of Patreon's API."""

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from tests.e2e.theatre import Theatre, theatre


@pytest.fixture(autouse=True)
def retries_do_not_wait() -> Iterator[None]:
    """Let the bot in this process try again at once; how long it waits is tested in tests/patreon."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture(params=[2, 1], ids=["v2", "v1"])
def api_version(request: pytest.FixtureRequest) -> int:
    version: int = request.param
    return version


@pytest.fixture
async def house(sqlite_url: str, api_version: int) -> AsyncIterator[Theatre]:
    """Give the running bot in Clara's guild, with a rule for each paid tier, once for each version of the API."""
    async with theatre(sqlite_url, api_version=api_version) as opened:
        await opened.rules()
        yield opened
