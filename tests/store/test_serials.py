"""Serial numbers: what happens takes one, what is asked notes where the count stands, and no clock has a say."""

import asyncio

from bot.store import Store
from bot.store.records import MembershipRow
from tests.store.makers import membership


async def test_each_number_is_larger_than_all_before_it(any_store: Store) -> None:
    async def take() -> int:
        async with any_store.write() as t:
            return await t.serials.take()

    at_once = await asyncio.gather(*(take() for _ in range(20)))
    assert len(set(at_once)) == 20
    assert await take() > max(at_once)


async def test_what_is_asked_lies_between_what_happened_before_it_and_what_happens_after(any_store: Store) -> None:
    async with any_store.write() as t:
        before = await t.serials.take()
    async with any_store.read() as t:
        asked = await t.serials.current()
        asked_again = await t.serials.current()
    async with any_store.write() as t:
        after = await t.serials.take()
    assert before < asked == asked_again < after


async def test_what_is_asked_after_a_reading_is_stored_is_later_than_it(any_store: Store) -> None:
    async with any_store.read() as t:
        first = await t.serials.current()
    async with any_store.write() as t:
        await t.memberships.save_many([MembershipRow(membership(serial=first))])
    async with any_store.read() as t:
        assert await t.serials.current() > first
