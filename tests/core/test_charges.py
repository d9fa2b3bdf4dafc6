"""Which charge pays for what, and what a charge that did not go through leaves; whole states are rows of the data file."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.core.entitlement import assess
from bot.core.model import Charge, Membership, PaidFor, PatronStatus, Policy, Reason, TierId
from bot.core.readings import as_paid, carry, vanished
from tests.core.states import BASE, OBSERVED_AT

DAY = timedelta(days=1)
GRACE = Policy().declined_grace
OTHER = TierId("other")
PAID_FOR = PaidFor(BASE.tiers, 500, 500)
GONE: dict[str, Any] = {"status": PatronStatus.FORMER, "amount_cents": 0, "tiers": frozenset(), "tier_cents": None}
BLANK: dict[str, Any] = {"amount_cents": 0, "tiers": frozenset(), "tier_cents": None}
DECLINED: dict[str, Any] = {"status": PatronStatus.DECLINED, "charge": Charge.DECLINED, "paid_through": None}


def day(number: int, **fields: Any) -> Membership:
    return replace(BASE, observed_at=OBSERVED_AT + number * DAY, **fields)


def lived(*readings: Membership) -> Membership:
    known = None
    for reading in readings:
        known = carry(known, reading)
    assert known is not None
    return known


@pytest.mark.parametrize("charge", Charge)
def test_only_paid_pays_for_time_and_where_no_charge_is_named_the_date_given_counts(charge: Charge) -> None:
    end = OBSERVED_AT + 30 * DAY
    known = carry(None, replace(BASE, charge=charge, paid_through=end))

    assert (known.paid_through == end) is (charge in {Charge.PAID, Charge.NONE})


@pytest.mark.parametrize("charge", Charge)
def test_a_former_patron_seen_first_has_paid_time_by_a_paid_charge_only(charge: Charge) -> None:
    gone = carry(None, replace(BASE, charge=charge, lifetime_cents=0, **GONE))

    assert assess(gone, Policy(), OBSERVED_AT).active is (charge in {Charge.PAID, Charge.NONE})


@pytest.mark.parametrize("charge", Charge)
def test_what_patreon_lists_is_theirs_whatever_the_last_charge_was_called(charge: Charge) -> None:
    listed = carry(None, replace(BASE, charge=charge, paid_through=None))

    assert assess(listed, Policy(), OBSERVED_AT).active is (charge is not Charge.FRAUD)


@pytest.mark.parametrize("charge", Charge)
def test_a_renewal_that_failed_takes_back_no_time_that_was_paid_for(charge: Charge) -> None:
    known = carry(BASE, day(1, charge=charge, paid_through=None))

    assert known.paid_through == BASE.paid_through


@pytest.mark.parametrize(
    ("fields", "paid_for"),
    [
        ({}, None),
        ({"charge": Charge.NONE}, PAID_FOR),
        ({"charge": Charge.NONE, "lifetime_cents": 0}, None),
        ({"charge": Charge.NONE, "lifetime_cents": None}, None),
        ({"lifetime_cents": 0, "charge": Charge.PENDING}, None),
        ({"lifetime_cents": None, "charge": Charge.PENDING}, None),
        ({"lifetime_cents": 1, "charge": Charge.PENDING}, PAID_FOR),
        ({"lifetime_cents": 1, "charge": Charge.TRIAL}, None),
        ({"lifetime_cents": 1, "charge": Charge.NONE, "trial": True}, None),
        ({**DECLINED, "lifetime_cents": 0}, None),
        ({**DECLINED, "lifetime_cents": 1}, PAID_FOR),
        ({**DECLINED, "lifetime_cents": 0, "charge": Charge.PAID}, PAID_FOR),
        ({**DECLINED, "lifetime_cents": 0, "charge": Charge.PAID, "trial": True}, None),
        ({"gifted": True, "lifetime_cents": 0, "charge": Charge.NONE, "amount_cents": 0}, None),
    ],
)
def test_the_first_reading_tells_what_was_paid_before_by_the_total_or_a_paid_charge(
    fields: dict[str, Any], paid_for: PaidFor | None
) -> None:
    assert carry(None, replace(BASE, **fields)).paid_for == paid_for


@pytest.mark.parametrize(
    "before",
    [
        {"status": PatronStatus.NONE, "charge": Charge.NONE},
        {"charge": Charge.PENDING},
        {"charge": Charge.OTHER},
        {"charge": Charge.DELETED},
        {"charge": Charge.TRIAL},
        {"trial": True},
        {"gifted": True, "charge": Charge.NONE},
        {"amount_cents": 0, "charge": Charge.NONE},
        {"charge": Charge.NONE},
    ],
)
def test_what_was_not_in_force_by_their_own_money_gives_a_decline_no_grace(before: dict[str, Any]) -> None:
    held = carry(None, day(0, lifetime_cents=0, paid_through=None, **before))

    declined = carry(held, day(1, lifetime_cents=0, **DECLINED))

    assert declined.paid_for is None
    found = assess(declined, Policy(), OBSERVED_AT + DAY)
    assert (found.active, found.reason, found.ends_at, found.former) == (False, Reason.DECLINED, None, False)


@pytest.mark.parametrize(("charge", "total"), [(Charge.PAID, 0), (Charge.NONE, 1), (Charge.NONE, None)])
def test_a_pledge_that_was_paid_gives_its_decline_a_grace(charge: Charge, total: int | None) -> None:
    held = carry(None, day(0, charge=charge, lifetime_cents=total, paid_through=None))

    declined = carry(held, day(1, lifetime_cents=total, **DECLINED))

    assert declined.paid_for == PAID_FOR
    found = assess(declined, Policy(), OBSERVED_AT + DAY)
    assert (found.active, found.reason, found.ends_at) == (True, Reason.GRACE, OBSERVED_AT + DAY + GRACE)


@pytest.mark.parametrize(("age", "grace"), [(-1, False), (0, True)])
def test_where_neither_charges_nor_a_total_are_told_a_month_in_order_tells_that_it_was_charged(
    age: int, *, grace: bool
) -> None:
    begun = OBSERVED_AT.replace(month=1) - timedelta(seconds=age)
    held = carry(None, day(0, charge=Charge.NONE, lifetime_cents=None, since=begun, paid_through=None))

    declined = carry(held, day(1, lifetime_cents=None, since=begun, **DECLINED))

    assert (declined.paid_for == PAID_FOR) is grace


def test_neither_charge_nor_total_nor_age_is_no_sign_of_money() -> None:
    held = carry(None, day(0, charge=Charge.NONE, lifetime_cents=None, since=None, paid_through=None))

    assert carry(held, day(1, lifetime_cents=None, since=None, **DECLINED)).paid_for is None


def test_a_pledge_without_named_charges_is_paid_once_its_total_grows_and_stays_so_as_it_changes() -> None:
    unnamed: dict[str, Any] = {"charge": Charge.NONE, "paid_through": None}
    new = carry(None, day(0, **unnamed, lifetime_cents=0))
    charged = carry(new, day(1, **unnamed, lifetime_cents=500))
    raised = carry(
        charged, day(2, **unnamed, lifetime_cents=500, tiers=frozenset({OTHER}), amount_cents=900, tier_cents=900)
    )
    blanked = carry(raised, day(3, **BLANK, **unnamed, lifetime_cents=500, will_pay_cents=0))

    assert [each.paid_for for each in (new, charged)] == [None, PAID_FOR]
    assert raised.paid_for == blanked.paid_for == PaidFor(frozenset({OTHER}), 900, 900)


def test_in_another_currency_a_pledge_in_force_has_a_grace_as_well() -> None:
    held = day(0, charge=Charge.NONE, amount_cents=None, tiers=frozenset(), tier_cents=None, lifetime_cents=None)

    declined = lived(held, day(1, lifetime_cents=None, **DECLINED))

    assert declined.paid_for == PaidFor(frozenset(), None, None)


def test_the_grace_keeps_what_was_paid_for_and_gives_nothing_that_was_not() -> None:
    upgraded = {"tiers": frozenset({OTHER}), "amount_cents": 900, "tier_cents": 900}
    declined = lived(day(0), day(1, **upgraded, charge=Charge.PENDING, paid_through=None), day(2, **upgraded | DECLINED))

    found = assess(declined, Policy(), OBSERVED_AT + 2 * DAY)
    assert (found.tiers, found.amount_cents) == (BASE.tiers, 500)
    assert as_paid(declined) == replace(declined, tiers=BASE.tiers, amount_cents=500, tier_cents=500)
    assert declined.tiers == {OTHER}
    over = assess(declined, Policy(), OBSERVED_AT + 30 * DAY)
    assert (over.active, over.tiers, over.former) == (False, frozenset(), True)


def test_nothing_else_was_paid_for_than_what_is_listed() -> None:
    assert as_paid(BASE) == BASE


def test_where_what_was_paid_for_was_never_read_the_declined_answer_tells_it() -> None:
    blanked = carry(None, day(0, **DECLINED | BLANK))
    told = carry(blanked, day(1, **DECLINED))

    assert blanked.paid_for == PaidFor(frozenset(), 0, None)
    assert told.paid_for == PAID_FOR


@pytest.mark.parametrize("known", [{"tiers": frozenset(), "amount_cents": 300}, {"tiers": BASE.tiers, "amount_cents": 0}])
def test_half_of_what_was_paid_for_is_enough_to_know_it(known: dict[str, Any]) -> None:
    first = carry(None, day(0, **{**DECLINED, "tier_cents": None, **known}))

    later = carry(first, day(1, **{**DECLINED, "tiers": frozenset({OTHER}), "amount_cents": 900, "tier_cents": 900}))

    assert later.paid_for == PaidFor(known["tiers"], known["amount_cents"], None)


@pytest.mark.parametrize("status", [PatronStatus.FORMER, PatronStatus.NONE])
@pytest.mark.parametrize("anew", [DECLINED, {"charge": Charge.PENDING, "paid_through": None}])
def test_who_lapsed_and_pledges_anew_has_paid_for_nothing_yet(status: PatronStatus, anew: dict[str, Any]) -> None:
    gone = lived(day(0), day(25, **{**GONE, "status": status, "paid_through": None}))

    assert gone.paid_for == PAID_FOR
    assert carry(gone, day(26, **anew)).paid_for is None
    declined = lived(gone, day(26, **anew), day(27, **DECLINED))
    assert declined.paid_for is None
    assert not assess(declined, Policy(), OBSERVED_AT + 27 * DAY).active
    assert assess(declined, Policy(), OBSERVED_AT + 27 * DAY).former


def test_paid_time_is_over_in_the_instant_it_ends() -> None:
    assert BASE.paid_through
    gone = lived(day(0), day(1, **GONE))
    pending = replace(BASE, charge=Charge.PENDING, paid_through=None)

    assert carry(gone, replace(pending, observed_at=BASE.paid_through - timedelta(seconds=1))).paid_for == PAID_FOR
    assert carry(gone, replace(pending, observed_at=BASE.paid_through)).paid_for is None


def test_who_is_listed_without_a_date_has_not_lapsed() -> None:
    listed = lived(day(0, paid_through=None), day(1, status=PatronStatus.FORMER, paid_through=None))

    assert carry(listed, day(2, charge=Charge.PENDING, paid_through=None)).paid_for == PAID_FOR


def test_one_wrong_answer_within_the_grace_does_not_end_it() -> None:
    declined = lived(
        day(0, paid_through=None), day(1, **DECLINED), day(2, **GONE, charge=Charge.DECLINED, paid_through=None)
    )

    again = carry(declined, day(3, **DECLINED))

    assert again.declined_since == OBSERVED_AT + DAY
    assert assess(again, Policy(), OBSERVED_AT + 3 * DAY).ends_at == OBSERVED_AT + DAY + GRACE


@pytest.mark.parametrize(("total", "grace"), [(5000, False), (5001, True), (None, False)])
def test_a_total_that_grew_unseen_tells_that_the_new_pledge_was_paid(total: int | None, *, grace: bool) -> None:
    gone = lived(day(0), day(25, **GONE, paid_through=None))

    declined = carry(gone, day(60, **DECLINED, lifetime_cents=total))

    assert (declined.paid_for == PAID_FOR) is grace
    assert assess(declined, Policy(), OBSERVED_AT + 60 * DAY).active is grace


def test_a_total_of_somebody_who_had_none_before_tells_it_too() -> None:
    free = carry(None, day(0, **GONE | {"status": PatronStatus.NONE, "lifetime_cents": None, "paid_through": None}))

    assert carry(free, day(1, **DECLINED, lifetime_cents=1)).paid_for == PAID_FOR
    assert carry(free, day(1, **DECLINED, lifetime_cents=0)).paid_for is None


@pytest.mark.parametrize(
    ("after", "forgotten"),
    [
        ({}, True),
        ({"charge": Charge.NONE}, False),
        ({"charge": Charge.NONE, "lifetime_cents": 5001}, True),
        ({"charge": Charge.PENDING, "lifetime_cents": 5001}, False),
        ({"charge": Charge.PENDING}, False),
        ({"charge": Charge.DELETED}, False),
        ({"charge": Charge.TRIAL}, False),
        ({"trial": True}, False),
        ({"gifted": True}, False),
        ({"status": PatronStatus.NONE}, False),
        ({**GONE, "paid_through": None}, False),
    ],
)
def test_a_decline_is_forgotten_when_a_charge_went_through_and_by_nothing_else(
    after: dict[str, Any], *, forgotten: bool
) -> None:
    declined = lived(day(0, paid_through=None), day(1, **DECLINED))

    known = carry(declined, day(2, **after))

    assert (known.declined_since is None) is forgotten


@pytest.mark.parametrize(
    ("since", "forgotten"), [(BASE.since, True), (OBSERVED_AT + DAY, True), (OBSERVED_AT + 2 * DAY, False), (None, False)]
)
def test_where_no_total_is_told_only_a_pledge_from_before_in_order_again_forgets_a_decline(
    since: datetime | None, *, forgotten: bool
) -> None:
    declined = lived(day(0, paid_through=None, lifetime_cents=None), day(1, **DECLINED, lifetime_cents=None))

    known = carry(declined, day(2, charge=Charge.NONE, lifetime_cents=None, since=since))

    assert (known.declined_since is None) is forgotten


def test_the_first_reading_remembers_no_decline_that_is_mended() -> None:
    assert carry(None, replace(BASE, charge=Charge.NONE, declined_since=OBSERVED_AT)).declined_since is None


@pytest.mark.parametrize("charge", [Charge.REFUNDED, Charge.FRAUD, Charge.DELETED])
def test_an_answer_without_tiers_after_money_that_is_gone_is_believed(charge: Charge) -> None:
    known = carry(BASE, day(1, **BLANK, charge=charge, paid_through=None))

    assert (known.tiers, known.amount_cents) == (frozenset(), 0)
    assert not assess(known, Policy(), OBSERVED_AT + DAY).active


@pytest.mark.parametrize("charge", [Charge.PENDING, Charge.OTHER, Charge.NONE])
def test_an_answer_without_tiers_of_somebody_who_pays_on_is_not(charge: Charge) -> None:
    known = carry(BASE, day(1, **BLANK, charge=charge, paid_through=None))

    assert (known.tiers, known.amount_cents) == (BASE.tiers, 500)


def test_a_cancelled_upgrade_that_was_declined_leaves_what_was_paid_for() -> None:
    upgraded = {"tiers": frozenset({OTHER}), "amount_cents": 900, "tier_cents": 900}
    declined = lived(day(0), day(1, **upgraded | DECLINED))

    gone = carry(declined, day(2, **GONE, charge=Charge.DELETED, paid_through=None))
    paid_after_all = carry(declined, day(2, **GONE))

    assert (gone.tiers, gone.amount_cents) == (BASE.tiers, 500)
    assert (paid_after_all.tiers, paid_after_all.amount_cents) == (frozenset({OTHER}), 900)


@pytest.mark.parametrize(
    ("fields", "active", "ends"),
    [
        ({}, True, True),
        ({"charge": Charge.NONE}, True, True),
        ({"charge": Charge.REFUNDED}, True, True),
        ({"amount_cents": 0}, True, False),
        ({"amount_cents": None}, True, False),
        ({"will_pay_cents": 1}, True, False),
        ({"will_pay_cents": None}, True, False),
        ({"status": PatronStatus.NONE}, True, False),
        ({"charge": Charge.PENDING}, True, False),
        ({"gifted": True}, True, False),
        ({"trial": True}, True, False),
        ({"charge": Charge.TRIAL}, True, False),
    ],
)
def test_money_now_and_none_to_come_is_a_pledge_that_ends(fields: dict[str, Any], *, active: bool, ends: bool) -> None:
    found = assess(carry(None, replace(BASE, **{"will_pay_cents": 0, **fields})), Policy(), OBSERVED_AT)

    assert found.active is active
    assert (found.reason is Reason.ENDING) is ends
    assert found.ends_at == (BASE.paid_through if ends and "charge" not in fields else found.ends_at)


def test_a_pledge_that_ends_is_over_at_its_end_and_not_before() -> None:
    known = carry(None, replace(BASE, will_pay_cents=0))
    assert BASE.paid_through

    before = assess(known, Policy(), BASE.paid_through - timedelta(seconds=1))
    over = assess(known, Policy(), BASE.paid_through)

    assert (before.active, before.reason, before.ends_at) == (True, Reason.ENDING, BASE.paid_through)
    assert (over.active, over.reason, over.ends_at, over.former) == (False, Reason.CANCELLED, BASE.paid_through, True)


def test_a_pledge_that_vanished_from_v1_ends_too() -> None:
    pledge = replace(BASE, charge=Charge.NONE, will_pay_cents=None, paid_through=None)

    found = assess(vanished(carry(None, pledge), OBSERVED_AT + DAY, serial=1), Policy(), OBSERVED_AT + DAY)

    assert (found.active, found.reason) == (True, Reason.ENDING)
    assert found.ends_at is not None


@pytest.mark.parametrize(
    ("fields", "policy", "active", "former"),
    [
        ({}, Policy(), True, False),
        ({}, Policy(count_refunded=False), False, True),
        (BLANK, Policy(), False, True),
        ({"status": PatronStatus.FORMER}, Policy(), False, True),
        ({"status": PatronStatus.NONE}, Policy(), True, False),
    ],
)
def test_a_refund_ends_what_patreon_no_longer_lists(
    fields: dict[str, Any], policy: Policy, *, active: bool, former: bool
) -> None:
    found = assess(carry(BASE, day(1, charge=Charge.REFUNDED, **fields)), policy, OBSERVED_AT + DAY)

    assert (found.reason, found.active, found.former, found.ends_at) == (Reason.REFUNDED, active, former, None)


def test_after_a_refund_the_next_decline_keeps_what_was_held() -> None:
    refunded = lived(day(0), day(1, charge=Charge.REFUNDED, paid_through=None))

    assert assess(carry(refunded, day(25, **DECLINED)), Policy(), OBSERVED_AT + 25 * DAY).reason is Reason.GRACE


@pytest.mark.parametrize("status", PatronStatus)
def test_money_taken_back_as_fraud_pays_for_nothing(status: PatronStatus) -> None:
    found = assess(carry(BASE, day(1, charge=Charge.FRAUD, status=status)), Policy(), OBSERVED_AT + DAY)

    assert (found.active, found.reason, found.former) == (False, Reason.FRAUD, True)


def test_fraud_at_the_first_charge_makes_nobody_a_former_patron() -> None:
    found = assess(carry(None, day(0, charge=Charge.FRAUD, lifetime_cents=0)), Policy(), OBSERVED_AT)

    assert (found.reason, found.former) == (Reason.FRAUD, False)


def test_the_later_of_paid_time_and_grace_ends_a_decline() -> None:
    assert BASE.paid_through
    paid_longer = lived(day(0), day(1, **DECLINED))
    grace_longer = lived(day(0), day(15, **DECLINED))

    assert assess(paid_longer, Policy(), OBSERVED_AT + DAY).ends_at == BASE.paid_through
    assert assess(grace_longer, Policy(), OBSERVED_AT + 15 * DAY).ends_at == OBSERVED_AT + 15 * DAY + GRACE
    assert not assess(paid_longer, Policy(), BASE.paid_through).active


def test_a_decline_that_was_never_carried_counts_from_its_reading() -> None:
    found = assess(replace(BASE, **DECLINED, paid_for=PAID_FOR), Policy(), OBSERVED_AT)

    assert found.ends_at == OBSERVED_AT + GRACE


def test_paid_time_alone_keeps_a_declined_patron_too() -> None:
    held = replace(BASE, **{**DECLINED, "paid_through": OBSERVED_AT + DAY})

    found = assess(held, Policy(), OBSERVED_AT)

    assert (found.reason, found.ends_at, found.tiers) == (Reason.GRACE, OBSERVED_AT + DAY, BASE.tiers)


@pytest.mark.parametrize(("total", "former"), [(0, False), (None, False), (1, True)])
def test_whoever_gave_money_once_is_a_former_patron_when_a_new_card_fails(total: int | None, *, former: bool) -> None:
    declined = replace(BASE, **DECLINED, lifetime_cents=total)

    assert assess(declined, Policy(), OBSERVED_AT).former is former
