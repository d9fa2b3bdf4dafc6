"""Token pairs between client and store: what a success mends beside the pair itself."""

from datetime import timedelta

from bot.core.model import CREATOR, Cause, Link, Tokens, patron_owner
from bot.store import Store
from bot.store.records import NudgeKind
from bot.vault import StoreVault
from tests.doors import ANN, PATRON, START

OWNER = patron_owner(PATRON)


def pair(name: str) -> Tokens:
    return Tokens(f"{name}-access", f"{name}-refresh", START + timedelta(days=31))


async def link_that_broke(store: Store) -> StoreVault:
    async with store.write() as t:
        await t.links.save(Link(ANN, PATRON, START))
        await t.links.mark_broken(ANN, START)
        await t.tokens.save(OWNER, pair("old"))
        await t.tokens.mark_broken(OWNER, 1, START)
    return StoreVault(store)


async def is_mended(store: Store) -> bool:
    async with store.read() as t:
        record, link = await t.tokens.load(OWNER), await t.links.load(ANN)
        nudge = await t.nudges.load(NudgeKind.USER, str(ANN))
    assert record is not None
    assert link is not None
    mended = record.broken_since is None and link.broken_since is None
    assert mended == (nudge is not None and nudge.cause is Cause.REFRESH)
    return mended


async def test_a_renewal_mends_the_link_and_has_its_patron_read(any_store: Store) -> None:
    vault = await link_that_broke(any_store)
    await vault.save_renewed(OWNER, pair("new"), START)
    assert await is_mended(any_store)


async def test_a_call_that_succeeds_mends_the_link_and_has_its_patron_read(any_store: Store) -> None:
    vault = await link_that_broke(any_store)
    await vault.mark_worked(OWNER, 1, START)
    assert await is_mended(any_store)


async def test_the_success_of_a_pair_that_was_replaced_mends_nothing(any_store: Store) -> None:
    vault = await link_that_broke(any_store)
    await vault.mark_worked(OWNER, 7, START)
    assert not await is_mended(any_store)


async def test_the_success_of_a_pair_that_was_well_calls_nobody(any_store: Store) -> None:
    vault = StoreVault(any_store)
    async with any_store.write() as t:
        await t.links.save(Link(ANN, PATRON, START))
        await t.tokens.save(OWNER, pair("old"))
        await t.tokens.save(CREATOR, pair("creator"))
    await vault.save_renewed(OWNER, pair("new"), START)
    await vault.save_renewed(CREATOR, pair("new"), START)
    async with any_store.read() as t:
        assert await t.nudges.load(NudgeKind.USER, str(ANN)) is None
