"""The desk the tests of the use cases sit at."""

import pytest

from bot.store import Store
from tests.creators.desk import Desk
from tests.store.makers import GUILD, NOW, campaign


@pytest.fixture
async def desk(store: Store) -> Desk:
    """Give the use cases of a guild that the configuration names, with its campaign read."""
    async with store.write() as t:
        await t.campaigns.save(campaign(), NOW)
    return Desk(store, frozenset({GUILD}))
