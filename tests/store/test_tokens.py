"""Token pairs: on disk before they are used, renewed by one at a time."""

import asyncio

import pytest

from bot.core.model import CREATOR, TokenRecord, patron_owner
from bot.store import Store
from tests.store.makers import ANN, DAY, HOUR, NOW, link, patron, tokens

OWNER = patron_owner(patron(1))


async def test_the_first_pair_has_version_1_and_nothing_before_it(any_store: Store) -> None:
    async with any_store.write() as t:
        assert await t.tokens.save(CREATOR, tokens()) == 1
    async with any_store.read() as t:
        assert await t.tokens.load(CREATOR) == TokenRecord(tokens(), version=1)
        assert await t.tokens.load(OWNER) is None


async def test_a_new_pair_keeps_the_one_before_until_it_worked(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        assert await t.tokens.save(OWNER, tokens("second")) == 2
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("second"), version=2, previous=tokens("first"))
        await t.tokens.drop_previous(OWNER, version=2)
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("second"), version=2)


async def test_a_pair_that_worked_already_keeps_nothing_before_it(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        await t.tokens.save(OWNER, tokens("second"), worked=True)
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("second"), version=2)


async def test_the_pair_before_a_newer_one_is_not_dropped_by_a_late_success(any_store: Store) -> None:
    async with any_store.write() as t:
        for name in ("first", "second", "third"):
            await t.tokens.save(OWNER, tokens(name))
        await t.tokens.drop_previous(OWNER, version=2)
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("third"), version=3, previous=tokens("second"))


async def test_a_spare_pair_survives_new_pairs(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        await t.tokens.save_spare(OWNER, tokens("spare"))
        await t.tokens.save(OWNER, tokens("second"), worked=True)
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("second"), version=2, spare=tokens("spare"))
        await t.tokens.save_spare(OWNER, None)
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("second"), version=2)


async def test_a_spare_of_an_unknown_owner_is_not_stored(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save_spare(OWNER, tokens("spare"))
        assert await t.tokens.load(OWNER) is None


async def test_only_one_of_many_claims_a_renewal(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens())

    async def claim(holder: str) -> bool:
        async with any_store.write() as t:
            return await t.tokens.claim_renewal(OWNER, 1, holder, NOW + HOUR, NOW)

    assert sum(await asyncio.gather(*(claim(f"process-{number}") for number in range(8)))) == 1


async def test_a_renewed_pair_cannot_be_claimed_under_its_old_version(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        assert await t.tokens.claim_renewal(OWNER, 1, "one", NOW + HOUR, NOW)
        await t.tokens.save(OWNER, tokens("second"))
        assert not await t.tokens.claim_renewal(OWNER, 1, "two", NOW + HOUR, NOW)
        assert await t.tokens.claim_renewal(OWNER, 2, "two", NOW + HOUR, NOW)


async def test_a_claim_ends_with_its_lease_or_when_it_is_released(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens())
        assert await t.tokens.claim_renewal(OWNER, 1, "killed", NOW + HOUR, NOW)
        assert not await t.tokens.claim_renewal(OWNER, 1, "next", NOW + DAY, NOW + HOUR / 2)
        assert await t.tokens.claim_renewal(OWNER, 1, "next", NOW + DAY, NOW + HOUR)
        await t.tokens.release_renewal(OWNER, "killed")
        assert not await t.tokens.claim_renewal(OWNER, 1, "third", NOW + DAY, NOW + HOUR)
        await t.tokens.release_renewal(OWNER, "next")
        assert await t.tokens.claim_renewal(OWNER, 1, "third", NOW + DAY, NOW + HOUR)


async def test_who_could_not_give_a_claim_back_may_claim_again(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens())
        assert await t.tokens.claim_renewal(OWNER, 1, "first", NOW + HOUR, NOW)
        assert await t.tokens.claim_renewal(OWNER, 1, "first", NOW + HOUR, NOW)
        assert not await t.tokens.claim_renewal(OWNER, 1, "second", NOW + HOUR, NOW)


async def test_nobody_claims_what_is_not_stored(any_store: Store) -> None:
    async with any_store.write() as t:
        assert not await t.tokens.claim_renewal(OWNER, 1, "one", NOW + HOUR, NOW)


async def test_a_broken_pair_is_mended_by_a_new_one(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        assert await t.tokens.mark_broken(OWNER, 1, NOW)
        assert await t.tokens.mark_broken(OWNER, 1, NOW + DAY)
        await t.tokens.mark_told(OWNER, NOW + HOUR)
        broken = TokenRecord(tokens("first"), version=1, broken_since=NOW, told_at=NOW + HOUR)
        assert await t.tokens.load(OWNER) == broken
        await t.tokens.save(OWNER, tokens("second"), worked=True)
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("second"), version=2)


async def test_a_late_refusal_does_not_break_the_pair_that_was_stored_meanwhile(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        await t.tokens.save(OWNER, tokens("second"), worked=True)
        assert not await t.tokens.mark_broken(OWNER, 1, NOW)
        assert not await t.tokens.mark_broken(CREATOR, 1, NOW)
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("second"), version=2)


async def test_pairs_that_end_soon_are_named_the_first_to_end_first(any_store: Store) -> None:
    owners = [patron_owner(patron(number)) for number in range(4)]
    async with any_store.write() as t:
        for owner, days in zip(owners, (3, 1, 30, 2), strict=True):
            await t.tokens.save(owner, tokens(expires_at=NOW + days * DAY))
        await t.tokens.mark_broken(owners[3], 1, NOW)
        assert await t.tokens.expiring(NOW + 7 * DAY) == [owners[1], owners[0]]
        assert await t.tokens.expiring(NOW + 7 * DAY, limit=1) == [owners[1]]
        assert await t.tokens.expiring(NOW) == []


async def test_erased_pairs_are_gone_and_begin_anew(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.links.save(link(ANN, 1))
        await t.tokens.save(OWNER, tokens("first"))
        await t.tokens.save(OWNER, tokens("second"))
        await t.links.erase(ANN)
        assert await t.tokens.load(OWNER) is None
        assert await t.tokens.save(OWNER, tokens("third")) == 1


@pytest.mark.parametrize("secret", ["access-first", "refresh-first"])
async def test_a_record_does_not_show_its_tokens(any_store: Store, secret: str) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        await t.tokens.save(OWNER, tokens("first"))
        assert secret not in repr(await t.tokens.load(OWNER))


async def test_a_renewal_that_ends_after_its_owner_was_erased_stores_nothing(any_store: Store) -> None:
    async with any_store.write() as t:
        assert not await t.tokens.save_renewed(OWNER, tokens("second"))
        assert await t.tokens.load(OWNER) is None


async def test_a_renewed_pair_is_stored_before_the_one_it_replaces(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        assert await t.tokens.save_renewed(OWNER, tokens("second"))
        assert await t.tokens.load(OWNER) == TokenRecord(tokens("second"), version=2, previous=tokens("first"))
