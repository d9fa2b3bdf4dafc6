"""Lists on their way in: kept apart, by run, until the last page came."""

from dataclasses import replace

import pytest

from bot.core.model import CampaignId, PatronStatus, Source
from bot.errors import StoreError
from bot.store import Store, Tables
from bot.store.codec import ABSENT
from bot.store.records import MembershipRow, RunKind, RunReport
from tests.store.makers import DAY, NOW, OTHER_PAGE, PAGE, membership, patron


async def _begin(t: Tables, campaign: CampaignId = PAGE) -> int:
    return await t.runs.start(RunKind.REFRESH, NOW, campaign=campaign)


def _absent(number: int) -> MembershipRow:
    return MembershipRow(membership(number, status=PatronStatus.FORMER), None, ABSENT)


async def test_a_list_is_kept_apart_until_somebody_takes_it(any_store: Store) -> None:
    async with any_store.write() as t:
        run = await _begin(t)
        await t.memberships.save(membership(1), None)
        await t.memberships.stage(run, [membership(1, amount_cents=900), membership(2)])
    async with any_store.read() as t:
        assert await t.memberships.load_all(patron(2)) == {}
        assert await t.memberships.load(patron(1), PAGE) == membership(1)


async def test_of_a_page_only_what_differs_is_staged(any_store: Store) -> None:
    same, changed, new = membership(1), membership(2), membership(3)
    async with any_store.write() as t:
        run = await _begin(t)
        await t.memberships.save_many([MembershipRow(same), MembershipRow(changed)])
        heard = [replace(same, observed_at=NOW + DAY, source=Source.LIST), replace(changed, amount_cents=900), new]
        assert await t.memberships.stage(run, heard) == 2
        assert await t.memberships.staged(run) == heard[1:]
        assert await t.memberships.missing(run, PAGE) == []


async def test_an_empty_page_stages_nothing(any_store: Store) -> None:
    async with any_store.write() as t:
        run = await _begin(t)
        assert await t.memberships.stage(run, []) == 0
        assert await t.memberships.staged(run) == []


async def test_staged_memberships_come_in_order_without_a_gap(any_store: Store) -> None:
    async with any_store.write() as t:
        run = await _begin(t)
        await t.memberships.stage(run, [membership(number) for number in (5, 1, 3)])
        await t.memberships.stage(run, [membership(number) for number in (4, 2)])
        first = await t.memberships.staged(run, limit=2)
        rest = await t.memberships.staged(run, first[-1].patron)
    assert [each.patron for each in (*first, *rest)] == [patron(number) for number in range(1, 6)]


async def test_a_patron_on_two_pages_counts_as_the_later_page_says(any_store: Store) -> None:
    async with any_store.write() as t:
        run = await _begin(t)
        await t.memberships.stage(run, [membership(1, amount_cents=100)])
        await t.memberships.stage(run, [membership(1, amount_cents=200)])
        assert await t.memberships.staged(run) == [membership(1, amount_cents=200)]


async def test_two_runs_do_not_see_each_other(any_store: Store) -> None:
    async with any_store.write() as t:
        one, other = await _begin(t), await _begin(t, OTHER_PAGE)
        await t.memberships.stage(one, [membership(1)])
        await t.memberships.stage(other, [membership(2)])
        await t.memberships.drop_staged(one)
        assert await t.memberships.staged(one) == []
        assert await t.memberships.staged(other) == [membership(2)]


async def test_pages_of_a_run_that_ended_are_dropped(any_store: Store) -> None:
    async with any_store.write() as t:
        ended, going = await _begin(t, OTHER_PAGE), await _begin(t)
        for run in (ended, going):
            await t.memberships.stage(run, [membership(run)])
        await t.runs.end(ended, RunReport(), NOW)
        await t.memberships.drop_left()
        assert await t.memberships.staged(going) == [membership(going)]


async def test_a_run_that_another_one_replaced_cannot_go_on(any_store: Store) -> None:
    """Its claim was lost, and it does not know. With some of its pages gone, the patrons on them would look missing."""
    async with any_store.write() as t:
        await t.memberships.save(membership(1), None)
        lost, elsewhere = await _begin(t), await _begin(t, OTHER_PAGE)
        await t.memberships.stage(lost, [membership(1)])
        going = await _begin(t)
        await t.memberships.drop_left()
        with pytest.raises(StoreError, match="ended"):
            await t.memberships.stage(lost, [membership(2)])
        with pytest.raises(StoreError, match="ended"):
            await t.memberships.staged(lost)
        with pytest.raises(StoreError, match="ended"):
            await t.memberships.missing(lost, PAGE)
        for run in (going, elsewhere):
            assert await t.memberships.stage(run, [membership(2)]) == 1


async def test_those_no_page_had_are_missing_but_for_those_known_to_be(any_store: Store) -> None:
    async with any_store.write() as t:
        run = await _begin(t)
        listed = [MembershipRow(membership(number)) for number in (1, 2, 3)]
        await t.memberships.save_many([*listed, _absent(4)])
        await t.memberships.save(membership(5, campaign=OTHER_PAGE), None)
        await t.memberships.stage(run, [membership(2)])
        assert await t.memberships.missing(run, PAGE) == [patron(1), patron(3)]


async def test_a_patron_who_comes_back_to_the_list_has_changed(any_store: Store) -> None:
    async with any_store.write() as t:
        run = await _begin(t)
        await t.memberships.save_many([_absent(4)])
        assert await t.memberships.stage(run, [membership(4, status=PatronStatus.FORMER)]) == 1
