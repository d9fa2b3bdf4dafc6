"""Worlds for the tests of the engine, on both databases."""

import pytest

from bot.store import Store
from tests.conftest import Clock
from tests.sync.world import World


@pytest.fixture
async def world(any_store: Store, clock: Clock) -> World:
    """Give a world that is set up: rules made, guild audited, the first refresh read."""
    made = World(any_store, clock)
    await made.set_up()
    made.forget_calls()
    return made


@pytest.fixture
async def bare(any_store: Store, clock: Clock) -> World:
    """Give a world in which nothing has happened yet."""
    return World(any_store, clock)
