"""The place the tests of the cogs play in."""

from collections.abc import AsyncIterator

import pytest

from bot.store import Store
from tests.cogs.place import Place, open_place


@pytest.fixture
async def place(store: Store) -> AsyncIterator[Place]:
    """Give a guild with the running bot, connected to one campaign, without rules."""
    async with open_place(store) as opened:
        yield opened
