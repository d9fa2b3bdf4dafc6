"""A revocation that had to wait for its turn at Discord is sent only if it is still due."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.core.model import Policy
from tests.sync.world import ANN, GUILD, SILVER, World, patron_of

Happens = Callable[[], Awaitable[None]]


async def _meanwhile(world: World, happens: Happens) -> None:
    """Let Ann's pledge end, and something happen while the revocation waits for ten seconds."""
    await world.is_patron(ANN)
    world.forget_calls()

    async def wait() -> None:
        world.guilds.under_way = None
        world.clock.move(timedelta(seconds=10))
        await happens()

    world.guilds.under_way = wait
    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN)


async def test_somebody_who_pays_again_meanwhile_keeps_the_role(world: World) -> None:
    async def pays() -> None:
        world.patreon.pledge(patron_of(ANN))
        await world.hears(ANN, settle=False)

    await _meanwhile(world, pays)
    assert world.roles(ANN) == {SILVER}
    assert [call[0] for call in world.guilds.changes].count("revoke") == 0
    await world.later(timedelta(days=2))
    assert world.roles(ANN) == {SILVER}
    assert await world.pending() == 0


async def test_guild_that_is_paused_meanwhile_loses_no_role_before_it_goes_on(world: World) -> None:
    async def pauses() -> None:
        async with world.store.write() as t:
            await t.guilds.choose(GUILD, Policy(), Policy(paused=True))

    await _meanwhile(world, pauses)
    assert world.roles(ANN) == {SILVER}
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, Policy(paused=True), Policy())
    await world.changes_rules()
    assert world.roles(ANN) == set()


async def test_waiting_alone_spares_nobody(world: World) -> None:
    async def nothing() -> None:
        pass

    await _meanwhile(world, nothing)
    assert world.roles(ANN) == set()
    assert len(world.guilds.changes) == 1
