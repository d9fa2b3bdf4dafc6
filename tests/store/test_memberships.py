"""Memberships as Patreon said them last."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.core.model import (
    CampaignId,
    Charge,
    Membership,
    MembershipId,
    PatronId,
    PatronStatus,
    Source,
    TierId,
)
from bot.store import Store
from bot.store.codec import decode_membership, digest, encode
from bot.store.records import MembershipRow
from tests.store.makers import DAY, HOUR, NOW, OTHER_PAGE, PAGE, membership, patron

_instants = st.datetimes().map(lambda instant: instant.replace(tzinfo=NOW.tzinfo))
_cents = st.none() | st.integers(0, 10**9)
_memberships = st.builds(
    Membership,
    patron=st.text(min_size=1).map(PatronId),
    campaign=st.text(min_size=1).map(CampaignId),
    status=st.sampled_from(PatronStatus),
    observed_at=_instants,
    serial=st.integers(0, 2**62),
    charge=st.sampled_from(Charge),
    amount_cents=_cents,
    will_pay_cents=_cents,
    currency=st.none() | st.text(),
    tiers=st.frozensets(st.text(min_size=1).map(TierId)),
    tier_cents=_cents,
    declined_since=st.none() | _instants,
    paid_through=st.none() | _instants,
    lifetime_cents=_cents,
    since=st.none() | _instants,
    gifted=st.booleans(),
    trial=st.booleans(),
    membership=st.none() | st.text().map(MembershipId),
    source=st.sampled_from(Source),
)


@given(_memberships)
def test_any_membership_comes_back_as_it_was(given_membership: Membership) -> None:
    assert decode_membership(encode(given_membership)) == given_membership


@given(_memberships, _memberships)
def test_digests_differ_exactly_when_what_patreon_said_differs(one: Membership, other: Membership) -> None:
    same_words = replace(other, observed_at=one.observed_at, serial=one.serial, source=one.source) == one
    assert (digest(one) == digest(other)) == same_words


@given(_memberships, _instants, st.sampled_from(Source))
def test_when_and_how_it_was_read_is_not_in_the_digest(one: Membership, at: object, source: Source) -> None:
    assert digest(replace(one, observed_at=at, serial=9, source=source)) == digest(one)  # type: ignore[arg-type]


async def test_a_saved_membership_is_loaded_as_it_was(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.memberships.save(membership(), None)
    async with any_store.read() as t:
        assert await t.memberships.load(patron(1), PAGE) == membership()
        assert await t.memberships.load(patron(1), OTHER_PAGE) is None
        assert await t.memberships.load(patron(2), PAGE) is None


async def test_saving_again_replaces_everything(any_store: Store) -> None:
    later = membership(observed_at=NOW + HOUR, status=PatronStatus.FORMER, amount_cents=0)
    async with any_store.write() as t:
        await t.memberships.save(membership(), NOW)
        await t.memberships.save(later, None)
        assert await t.memberships.load(patron(1), PAGE) == later
        assert await t.memberships.due(NOW + DAY) == []
        assert await t.memberships.digests(PAGE, [patron(1)]) == {patron(1): digest(later)}


async def test_a_patron_of_two_campaigns_has_two_memberships(any_store: Store) -> None:
    both = {PAGE: membership(), OTHER_PAGE: membership(campaign=OTHER_PAGE, amount_cents=900)}
    async with any_store.write() as t:
        await t.memberships.save_many([MembershipRow(each) for each in both.values()])
        await t.memberships.save(membership(2), None)
        assert await t.memberships.load_all(patron(1)) == both
        many = await t.memberships.load_many([patron(1), patron(2), patron(3)])
    assert many == {patron(1): both, patron(2): {PAGE: membership(2)}}


async def test_thousands_are_saved_and_loaded_at_once(any_store: Store) -> None:
    everybody = [membership(number, amount_cents=number) for number in range(2345)]
    async with any_store.write() as t:
        await t.memberships.save_many(MembershipRow(each) for each in everybody)
    async with any_store.read() as t:
        found = await t.memberships.load_many(each.patron for each in everybody)
        assert [found[each.patron][PAGE] for each in everybody] == everybody


async def test_the_digest_kept_is_that_of_the_reading_when_more_was_inherited(any_store: Store) -> None:
    reading = membership(declined_since=None)
    stored = replace(reading, declined_since=NOW - DAY)
    async with any_store.write() as t:
        await t.memberships.save(stored, None, digest=digest(reading))
        assert await t.memberships.digests(PAGE, [patron(1), patron(2)]) == {patron(1): digest(reading)}
        assert await t.memberships.load(patron(1), PAGE) == stored


async def test_pages_come_in_order_of_patron_without_a_gap(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.memberships.save_many(MembershipRow(membership(number)) for number in (3, 1, 5, 4, 2))
        await t.memberships.save(membership(9, campaign=OTHER_PAGE), None)
        first = await t.memberships.page(PAGE, limit=3)
        second = await t.memberships.page(PAGE, first[-1].patron, limit=3)
    assert [each.patron for each in (*first, *second)] == [patron(number) for number in range(1, 6)]


async def test_what_is_later_in_the_order_stays_whoever_writes_last_and_whatever_the_clock_said(any_store: Store) -> None:
    newer = membership(1, observed_at=NOW - HOUR, serial=8, amount_cents=700)
    async with any_store.write() as t:
        await t.memberships.save(newer, NOW + DAY)
        await t.memberships.save(membership(1), None)
        assert await t.memberships.load(patron(1), PAGE) == newer
        assert len(await t.memberships.due(NOW + DAY)) == 1
        asked_together = membership(1, serial=8, amount_cents=900)
        await t.memberships.save(asked_together, None)
        assert await t.memberships.load(patron(1), PAGE) == asked_together


async def test_hearing_the_same_again_changes_only_when_it_was_heard(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.memberships.save_many([MembershipRow(membership(1), NOW), MembershipRow(membership(2), NOW)])
        await t.memberships.touch(membership(1, observed_at=NOW - HOUR, serial=2))
        await t.memberships.touch(membership(3, observed_at=NOW + HOUR, serial=2))
        await t.memberships.touch(membership(2, observed_at=NOW + HOUR, serial=-2))
        assert await t.memberships.load(patron(1), PAGE) == membership(1, observed_at=NOW - HOUR, serial=2)
        assert await t.memberships.load(patron(2), PAGE) == membership(2)
        assert len(await t.memberships.due(NOW)) == 2


async def test_what_is_due_is_named_the_longest_overdue_first(any_store: Store) -> None:
    dues = {1: NOW + 2 * HOUR, 2: NOW + HOUR, 3: NOW + DAY, 4: None}
    async with any_store.write() as t:
        await t.memberships.save_many(MembershipRow(membership(number), due) for number, due in dues.items())
        assert await t.memberships.due(NOW) == []
        assert await t.memberships.due(NOW + 2 * HOUR) == [(patron(2), PAGE), (patron(1), PAGE)]
        assert await t.memberships.due(NOW + 2 * HOUR, limit=1) == [(patron(2), PAGE)]
        await t.memberships.set_due(patron(2), PAGE, None)
        await t.memberships.set_due(patron(4), PAGE, NOW)
        assert await t.memberships.due(NOW + 2 * HOUR) == [(patron(4), PAGE), (patron(1), PAGE)]
