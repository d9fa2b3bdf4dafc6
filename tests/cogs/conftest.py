"""The place the tests of the cogs play in."""

from collections.abc import AsyncIterator

import pytest

from bot.store import Store
from tests.cogs.place import Place, Site, open_place, open_site


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    """Give a town on sockets in which no bot runs yet."""
    async with open_site(store) as opened:
        yield opened


@pytest.fixture
async def place(site: Site) -> AsyncIterator[Place]:
    """Give a guild with the running bot, connected to one campaign, without rules."""
    async with open_place(site) as opened:
        yield opened
