"""Token pairs: on disk before they are used, renewed by one at a time."""

import asyncio
from functools import partial

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
        await t.tokens.mark_worked(OWNER, version=2)
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
        await t.tokens.mark_worked(OWNER, version=2)
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
        broken = TokenRecord(tokens("first"), version=1, broken_since=NOW, told_at=NOW + HOUR, refused_at=NOW + DAY)
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
        ending = partial(t.tokens.expiring, not_refused_since=NOW - DAY, now=NOW)
        assert await ending(NOW + 7 * DAY) == [owners[1], owners[0]]
        assert await ending(NOW + 7 * DAY, limit=1) == [owners[1]]
        assert await ending(NOW) == []


async def test_a_broken_pair_is_due_a_day_after_it_was_refused_or_at_once_when_a_spare_came(any_store: Store) -> None:
    refused, older, whole = (patron_owner(patron(number)) for number in range(3))
    async with any_store.write() as t:
        for owner in (refused, older, whole):
            await t.tokens.save(owner, tokens())
        await t.tokens.mark_broken(older, 1, NOW - DAY)
        await t.tokens.mark_broken(refused, 1, NOW)
        assert await t.tokens.broken(not_refused_since=NOW - DAY, now=NOW, limit=9) == [older]
        assert await t.tokens.broken(not_refused_since=NOW - DAY, now=NOW, limit=0) == []
        await t.tokens.save_spare(refused, tokens("spare"))
        assert await t.tokens.broken(not_refused_since=NOW - DAY, now=NOW, limit=9) == [older, refused]


async def test_a_refusal_by_a_clock_that_was_ahead_holds_nothing_up(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens())
        await t.tokens.mark_broken(OWNER, 1, NOW + 365 * DAY)
        assert await t.tokens.broken(not_refused_since=NOW - DAY, now=NOW, limit=9) == [OWNER]


async def test_a_pair_that_works_is_not_broken_and_is_not_renewed_again_on_the_day_it_was_refused(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens(expires_at=NOW + DAY))
        await t.tokens.mark_broken(OWNER, 1, NOW)
        assert not await t.tokens.mark_worked(OWNER, 2)
        assert await t.tokens.mark_worked(OWNER, 1)
        assert await t.tokens.load(OWNER) == TokenRecord(tokens(expires_at=NOW + DAY), version=1, refused_at=NOW)
        ending = partial(t.tokens.expiring, NOW + 7 * DAY)
        assert await ending(not_refused_since=NOW + HOUR - DAY, now=NOW + HOUR) == []
        assert await ending(not_refused_since=NOW, now=NOW + DAY) == [OWNER]


async def test_the_last_ten_renewals_are_remembered_and_a_new_sign_in_begins_anew(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens(), issued=(NOW,))
        for hour in range(1, 12):
            await t.tokens.save_renewed(OWNER, tokens(), NOW + hour * HOUR)
        record = await t.tokens.load(OWNER)
        assert record is not None
        assert record.issued == tuple(NOW + hour * HOUR for hour in range(2, 12))
        await t.tokens.save(OWNER, tokens())
        record = await t.tokens.load(OWNER)
    assert record is not None
    assert record.issued == ()


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
        assert not await t.tokens.save_renewed(OWNER, tokens("second"), NOW)
        assert await t.tokens.load(OWNER) is None


async def test_a_renewed_pair_is_stored_before_the_one_it_replaces(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.tokens.save(OWNER, tokens("first"))
        assert await t.tokens.save_renewed(OWNER, tokens("second"), NOW)
        renewed = TokenRecord(tokens("second"), version=2, previous=tokens("first"), issued=(NOW,))
        assert await t.tokens.load(OWNER) == renewed
