"""No waiting between tries, and a simulated Patreon of either version."""

from collections.abc import AsyncIterator, Iterator

import pytest
import stamina

from tests.patreon.place import Place


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Let stamina try as often as ever, without its pauses."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


@pytest.fixture(params=[1, 2], ids=["v1", "v2"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    made = Place(request.param, request.param)
    async with made.server.serve():
        yield made


@pytest.fixture
async def old() -> AsyncIterator[Place]:
    made = Place(1, 1)
    async with made.server.serve():
        yield made


@pytest.fixture
async def new() -> AsyncIterator[Place]:
    made = Place(2, 2)
    async with made.server.serve():
        yield made
