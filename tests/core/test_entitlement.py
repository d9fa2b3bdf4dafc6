"""What each membership state entitles to; the states are in ``data/memberships.json``."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.entitlement import assess
from bot.core.model import Entitlement, Policy, Reason
from tests.core.states import BASE, OBSERVED_AT, READABLE, STATES, State, expected, sorted_tiers

DAY = timedelta(days=1)
GRACE = Policy().declined_grace


@pytest.mark.parametrize("state", READABLE, ids=lambda state: state.name)
def test_a_state_entitles_to_what_its_row_says(state: State) -> None:
    assert state.expect is not None

    assert expected(state.entitlement()) == sorted_tiers(state.expect)


def test_the_file_has_the_forty_states_and_no_name_twice() -> None:
    assert len(STATES) >= 40
    assert len({state.name for state in STATES.values()}) == len(STATES)


def test_the_defaults_are_a_week_of_grace_and_everything_counts() -> None:
    policy = Policy()

    assert timedelta(days=7) == policy.declined_grace
    assert policy.count_pending
    assert policy.count_trials
    assert policy.count_gifts
    assert policy.keep_paid_through


def test_somebody_without_a_link_is_entitled_to_nothing() -> None:
    assert assess(BASE, Policy(), OBSERVED_AT, linked=False) == Entitlement(active=False, reason=Reason.UNLINKED)


def test_somebody_patreon_never_named_is_entitled_to_nothing() -> None:
    assert assess(None, Policy(), OBSERVED_AT) == Entitlement(active=False, reason=Reason.NEVER)


def test_nothing_heard_for_a_year_changes_nothing_for_a_paying_patron() -> None:
    entitlement = assess(BASE, Policy(), OBSERVED_AT + 365 * DAY)

    assert entitlement.active
    assert entitlement.ends_at is None


def test_lifetime_and_months_are_told_whether_active_or_not() -> None:
    active = assess(BASE, Policy(), OBSERVED_AT)
    over = STATES["cancelled and over"].entitlement()

    assert (active.lifetime_cents, active.months) == (5000, 23)
    assert (over.lifetime_cents, over.months) == (5000, 23)
    assert assess(replace(BASE, since=None), Policy(), OBSERVED_AT).months == 0


def test_a_broken_link_keeps_what_was_read_before_for_the_grace() -> None:
    entitlement = assess(BASE, Policy(), OBSERVED_AT + DAY, broken_since=OBSERVED_AT)

    assert entitlement.active
    assert entitlement.reason is Reason.PAID
    assert entitlement.ends_at == OBSERVED_AT + GRACE


def test_a_link_broken_for_the_whole_grace_entitles_to_nothing() -> None:
    entitlement = assess(BASE, Policy(), OBSERVED_AT + GRACE, broken_since=OBSERVED_AT)

    assert entitlement == Entitlement(active=False, reason=Reason.UNLINKED, ends_at=OBSERVED_AT + GRACE)


def test_a_reading_after_the_link_broke_stands_as_ever() -> None:
    entitlement = assess(BASE, Policy(), OBSERVED_AT + 30 * DAY, broken_since=OBSERVED_AT - DAY)

    assert entitlement == assess(BASE, Policy(), OBSERVED_AT + 30 * DAY)


def test_a_broken_link_makes_nothing_last_longer() -> None:
    state = STATES["declined, day 3 of 7, after another try"]

    entitlement = assess(state.known(), Policy(), state.at, broken_since=state.at)

    assert entitlement.ends_at == STATES["declined, day 0 of 7"].at + GRACE


def test_a_broken_link_gives_nothing_to_those_who_had_nothing() -> None:
    state = STATES["free member"]

    assert assess(state.known(), Policy(), state.at, broken_since=state.at) == state.entitlement()
