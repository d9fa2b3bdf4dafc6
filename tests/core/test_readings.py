"""How a reading follows another; the plain sequences are rows of ``data/memberships.json`` (``after``)."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot.core.entitlement import assess
from bot.core.model import (
    CampaignId,
    Charge,
    Membership,
    MembershipId,
    PatronId,
    PatronStatus,
    Policy,
    Reason,
    Source,
    TierId,
)
from bot.core.readings import SHORT_BREAK, absent, carry, ended, names_none, paid_for_unknown, vanished, with_history, worth
from tests.core.states import BASE, OBSERVED_AT, STATES, serial_at

DAY = timedelta(days=1)
LATER = OBSERVED_AT + DAY
# As v1 tells it: no charge, no next date.
V1 = replace(BASE, charge=Charge.NONE, paid_through=None, lifetime_cents=None, membership=None, since=None)
FREE = TierId("free")


def later(days: int = 1, **fields: Any) -> Membership:
    at = OBSERVED_AT + days * DAY
    return replace(BASE, observed_at=at, serial=serial_at(at), **fields)


def at(reading: Membership, instant: datetime) -> Membership:
    return replace(reading, observed_at=instant, serial=serial_at(instant))


def blank(status: PatronStatus, days: int = 1, **fields: Any) -> Membership:
    fields = {"charge": Charge.PAID, "paid_through": None, **fields}
    return later(days, status=status, amount_cents=0, tiers=frozenset(), tier_cents=None, **fields)


@pytest.mark.parametrize(
    ("fields", "cents"),
    [
        ({"amount_cents": 300, "tier_cents": 500}, 500),
        ({"amount_cents": 700, "tier_cents": 500}, 700),
        ({"amount_cents": 0, "tier_cents": 500}, 500),
        ({"amount_cents": None, "tier_cents": 500}, 500),
        ({"amount_cents": None, "tier_cents": 0}, None),
        ({"amount_cents": None, "tier_cents": None}, None),
        ({"amount_cents": None, "tier_cents": None, "tiers": frozenset(), "status": PatronStatus.DECLINED}, None),
        ({"amount_cents": None, "tier_cents": None, "tiers": frozenset(), "status": PatronStatus.FORMER}, 0),
        ({"amount_cents": None, "tier_cents": None, "tiers": frozenset(), "status": PatronStatus.NONE}, 0),
        ({"amount_cents": 0, "tier_cents": None}, None),
        ({"amount_cents": 300, "tier_cents": None}, 300),
        ({"amount_cents": 0, "tier_cents": 0}, 0),
        ({"amount_cents": 0, "tier_cents": None, "tiers": frozenset()}, 0),
    ],
)
def test_a_membership_is_worth_the_larger_of_money_and_tier(fields: dict[str, Any], cents: int | None) -> None:
    assert worth(replace(BASE, **fields)) == cents


def test_a_reading_that_waited_in_a_queue_does_not_undo_a_newer_one() -> None:
    newer = later()

    assert carry(newer, replace(BASE, status=PatronStatus.FORMER)) is newer


def test_a_second_reading_of_the_same_instant_counts() -> None:
    assert carry(BASE, replace(BASE, amount_cents=700)).amount_cents == 700


def test_what_a_reading_leaves_out_is_inherited_and_what_it_says_wins() -> None:
    bare = later(lifetime_cents=None, since=None, membership=None, currency=None)
    full = later(lifetime_cents=0, since=LATER, membership=MembershipId("new"), currency="EUR")
    known = replace(BASE, currency="USD")

    inherited = carry(known, bare)

    assert inherited == replace(at(known, LATER), listed=True, unbroken_since=known.since)
    assert carry(known, full) == replace(full, listed=True, since=known.since, unbroken_since=known.since)


def test_a_tiers_price_is_inherited_for_the_same_tiers_only() -> None:
    other = frozenset({TierId("other")})

    assert carry(BASE, later(tier_cents=None)).tier_cents == 500
    assert carry(BASE, later(tier_cents=None, tiers=other)).tier_cents is None
    assert carry(BASE, later(tier_cents=900)).tier_cents == 900


def test_the_first_decline_is_kept_through_tries_under_way_and_forgotten_when_one_goes_through() -> None:
    first = carry(BASE, later(status=PatronStatus.DECLINED, charge=Charge.DECLINED))
    retry = carry(first, later(days=3, charge=Charge.PENDING))
    second = carry(retry, later(days=4, status=PatronStatus.DECLINED, charge=Charge.DECLINED))
    paid = carry(second, later(days=5))
    again = carry(paid, later(days=6, status=PatronStatus.DECLINED, charge=Charge.DECLINED))

    assert [known.declined_since for known in (first, retry, second)] == [LATER] * 3
    assert paid.declined_since is None
    assert again.declined_since == OBSERVED_AT + 6 * DAY


def test_patreons_own_date_of_the_decline_wins_when_it_is_earlier() -> None:
    seen = carry(None, later(status=PatronStatus.DECLINED))
    told = carry(seen, later(days=2, status=PatronStatus.DECLINED, declined_since=OBSERVED_AT - DAY))

    assert seen.declined_since == LATER
    assert told.declined_since == OBSERVED_AT - DAY


def test_a_decline_dated_after_it_was_read_prolongs_no_grace() -> None:
    # Found by test_law_4_a_decline_takes_nothing_before_the_grace_is_over.
    seen = carry(None, later(status=PatronStatus.DECLINED, declined_since=LATER + DAY))

    assert seen.declined_since == LATER


def test_a_former_patron_declines_nothing() -> None:
    gone = carry(None, blank(PatronStatus.FORMER, charge=Charge.DECLINED))

    assert gone.declined_since is None
    assert assess(gone, Policy(), LATER).reason is Reason.CANCELLED


@pytest.mark.parametrize("charge", [Charge.PENDING, Charge.DECLINED, Charge.FRAUD, Charge.REFUNDED])
def test_a_charge_that_brought_no_money_pays_for_no_time(charge: Charge) -> None:
    try_again = LATER + 30 * DAY

    assert carry(None, later(charge=charge, paid_through=try_again)).paid_through is None
    assert carry(BASE, later(charge=charge, paid_through=try_again)).paid_through == BASE.paid_through


def test_a_charge_that_went_through_says_anew_what_is_paid_and_takes_back_no_time_that_is_still_to_come() -> None:
    assert BASE.paid_through
    sooner, over = LATER + DAY, replace(BASE, paid_through=LATER)

    assert carry(BASE, later(paid_through=sooner)).paid_through == sooner
    assert carry(BASE, later(paid_through=None)).paid_through == BASE.paid_through
    assert carry(over, later(paid_through=None)).paid_through is None


def test_cancelling_keeps_the_later_of_the_ends_that_were_told() -> None:
    assert BASE.paid_through
    told_later = BASE.paid_through + 31 * DAY

    assert carry(BASE, blank(PatronStatus.FORMER)).paid_through == BASE.paid_through
    assert carry(BASE, blank(PatronStatus.FORMER, paid_through=told_later)).paid_through == told_later
    assert carry(BASE, blank(PatronStatus.FORMER, paid_through=LATER)).paid_through == BASE.paid_through
    assert carry(None, blank(PatronStatus.FORMER, paid_through=told_later)).paid_through == told_later


@pytest.mark.parametrize(
    "before",
    [
        {"status": PatronStatus.FORMER},
        {"status": PatronStatus.DECLINED},
        {"charge": Charge.PENDING},
        {"charge": Charge.TRIAL},
        {"charge": Charge.DECLINED},
        {"charge": Charge.DELETED},
        {"trial": True},
        {"gifted": True},
    ],
)
def test_the_next_date_of_somebody_who_stopped_without_paying_moves_nothing(before: dict[str, Any]) -> None:
    known = replace(BASE, **before)

    gone = carry(known, blank(PatronStatus.FORMER, charge=Charge.NONE, paid_through=LATER + 300 * DAY))

    assert gone.paid_through == BASE.paid_through


@pytest.mark.parametrize(
    ("before", "moves"),
    [
        ({"status": PatronStatus.DECLINED}, True),
        ({"charge": Charge.PENDING}, True),
        ({"charge": Charge.DECLINED}, True),
        ({"status": PatronStatus.FORMER}, False),
        ({"charge": Charge.TRIAL}, False),
        ({"trial": True}, False),
        ({"gifted": True}, False),
    ],
)
def test_a_charge_that_went_through_unseen_before_the_end_pays_to_its_date(before: dict[str, Any], *, moves: bool) -> None:
    end = LATER + 30 * DAY

    gone = carry(replace(BASE, **before), blank(PatronStatus.FORMER, paid_through=end))

    assert (gone.paid_through == end) is moves


@pytest.mark.parametrize("told", [-1, 0, 1])
def test_a_date_that_was_over_when_patreon_still_listed_the_tier_was_not_the_end(told: int) -> None:
    end = LATER + told * DAY
    known = carry(replace(BASE, paid_through=end), later(status=PatronStatus.FORMER, paid_through=None))

    assert known.paid_through == end
    assert assess(known, Policy(), LATER + 2 * DAY).active is (told <= 0)
    # A list that says the same again is read as one that says it to a single question.
    again = replace(known, observed_at=LATER + 3 * DAY)
    assert assess(again, Policy(), LATER + 9 * DAY).active
    assert assess(again, Policy(), LATER + 9 * DAY).ends_at is None
    gone = carry(again, blank(PatronStatus.FORMER, days=5))
    assert not assess(gone, Policy(), LATER + 9 * DAY).active


def test_the_latest_end_counts_while_patreon_still_lists_the_tier() -> None:
    listed = later(status=PatronStatus.FORMER, paid_through=LATER + 3 * DAY)

    assert carry(replace(BASE, paid_through=LATER + 2 * DAY), listed).paid_through == LATER + 3 * DAY
    assert carry(replace(BASE, paid_through=LATER + 4 * DAY), listed).paid_through == LATER + 4 * DAY


@pytest.mark.parametrize(
    ("reading", "keeps"),
    [
        (blank(PatronStatus.DECLINED), True),
        (blank(PatronStatus.ACTIVE, will_pay_cents=500), True),
        (blank(PatronStatus.ACTIVE, will_pay_cents=0), False),
        (blank(PatronStatus.ACTIVE, will_pay_cents=None), False),
        (blank(PatronStatus.NONE), False),
        (blank(PatronStatus.FORMER), True),
        (later(tiers=frozenset(), tier_cents=None), True),
        (later(tiers=frozenset(), tier_cents=None, amount_cents=501), True),
        (later(tiers=frozenset(), tier_cents=None, amount_cents=499), False),
        (later(tiers=frozenset(), tier_cents=None, amount_cents=None), True),
        (later(tiers=frozenset({TierId("other")}), tier_cents=None), False),
        (later(tiers=frozenset({TierId("other")}), tier_cents=300), False),
    ],
)
def test_a_tier_left_out_is_kept_where_the_reading_still_speaks_of_it(reading: Membership, *, keeps: bool) -> None:
    known = carry(BASE, reading)

    assert (BASE.tiers <= known.tiers) is keeps
    assert known.tiers >= reading.tiers
    if keeps:
        assert known.tier_cents == 500
    else:
        assert (known.tiers, known.tier_cents, known.amount_cents) == (
            reading.tiers,
            reading.tier_cents,
            reading.amount_cents,
        )


def test_a_blank_reading_keeps_the_money_too_and_a_telling_one_its_own() -> None:
    assert carry(BASE, blank(PatronStatus.DECLINED)).amount_cents == 500
    assert carry(BASE, later(tiers=frozenset(), tier_cents=None, amount_cents=900)).amount_cents == 900


def test_money_in_a_currency_that_was_not_known_before_did_not_drop() -> None:
    foreign = replace(BASE, amount_cents=None)

    assert carry(foreign, later(tiers=frozenset(), tier_cents=None, amount_cents=1)).tiers == BASE.tiers


def test_the_free_tier_stands_beside_what_is_kept() -> None:
    reading = later(tiers=frozenset({FREE}), tier_cents=0)

    assert carry(BASE, reading).tiers == BASE.tiers | {FREE}


def test_nothing_is_kept_of_somebody_who_had_nothing() -> None:
    had_nothing = replace(BASE, amount_cents=0, tiers=frozenset({FREE}), tier_cents=0)

    assert carry(had_nothing, blank(PatronStatus.DECLINED)).tiers == frozenset()


def test_paid_time_that_is_over_is_not_revived_by_a_new_charge_under_way() -> None:
    assert BASE.paid_through
    cancelled = carry(BASE, blank(PatronStatus.FORMER))
    back = blank(PatronStatus.ACTIVE, charge=Charge.PENDING, will_pay_cents=500)
    end = BASE.paid_through

    in_time = carry(cancelled, replace(back, observed_at=end - timedelta(seconds=1)))
    too_late = carry(cancelled, replace(back, observed_at=end))

    assert in_time.tiers == BASE.tiers
    assert too_late.tiers == frozenset()


def test_paid_time_that_ended_before_the_reading_keeps_no_tier() -> None:
    over = replace(BASE, paid_through=LATER)

    assert carry(over, blank(PatronStatus.FORMER)).tiers == frozenset()


def test_a_pledge_that_vanishes_from_v1_is_honoured_to_the_end_of_the_month_it_was_last_seen_in() -> None:
    gone = vanished(V1, LATER, serial=serial_at(LATER))

    entitlement = assess(gone, Policy(), LATER)
    assert entitlement.active
    assert entitlement.reason is Reason.ENDING
    assert entitlement.ends_at == datetime.fromisoformat("2024-03-01T00:00:00Z")
    assert entitlement.tiers == V1.tiers
    assert entitlement.amount_cents == 500
    assert gone.observed_at == LATER
    assert gone.source is Source.LIST
    assert (gone.patron, gone.campaign) == (V1.patron, V1.campaign)


def test_a_pledge_last_seen_in_an_earlier_month_is_over_at_once() -> None:
    gone = vanished(
        V1, datetime.fromisoformat("2024-03-01T00:30:00Z"), serial=serial_at(datetime.fromisoformat("2024-03-01T00:30:00Z"))
    )

    assert not assess(gone, Policy(), gone.observed_at).active


@pytest.mark.parametrize(
    ("since", "end"),
    [
        ("2023-11-05T18:30:00", "2024-03-05T18:30:00"),
        ("2023-11-10T12:00:00", "2024-03-10T12:00:00"),
        ("2024-02-10T12:00:00", "2024-03-10T12:00:00"),
        ("2023-12-31T08:00:00", "2024-03-01T00:00:00"),
        ("2023-11-20T08:00:00", "2024-03-01T00:00:00"),
        ("2024-02-10T12:00:01", "2024-03-01T00:00:00"),
    ],
)
def test_a_pledge_that_vanishes_is_paid_to_its_next_anniversary_where_that_is_later_than_the_months_end(
    since: str, end: str
) -> None:
    gone = vanished(replace(V1, since=datetime.fromisoformat(f"{since}Z")), LATER, serial=serial_at(LATER))

    assert gone.paid_through == datetime.fromisoformat(f"{end}Z")


@pytest.mark.parametrize(("end", "kept"), [(9, "2024-03-01"), (10, "2024-03-01"), (11, "2024-02-11")])
def test_a_known_end_counts_before_the_end_of_the_month_unless_it_was_over_when_last_read(end: int, kept: str) -> None:
    told = OBSERVED_AT.replace(day=end)

    gone = vanished(
        replace(V1, paid_through=told), OBSERVED_AT + timedelta(hours=1), serial=serial_at(OBSERVED_AT + timedelta(hours=1))
    )

    assert gone.paid_through
    assert gone.paid_through.date().isoformat() == kept


@pytest.mark.parametrize(
    "fields",
    [
        {"status": PatronStatus.DECLINED},
        {"charge": Charge.DECLINED},
        {"charge": Charge.PENDING},
        {"charge": Charge.TRIAL},
        {"trial": True},
        {"gifted": True},
        {"amount_cents": 0, "tiers": frozenset(), "tier_cents": None},
    ],
)
def test_who_paid_for_nothing_more_is_honoured_nothing_when_they_vanish(fields: dict[str, Any]) -> None:
    gone = vanished(replace(V1, **fields), LATER, serial=serial_at(LATER), source=Source.FETCH)

    assert gone.paid_through is None
    assert not assess(gone, Policy(), LATER).active
    assert gone.status is PatronStatus.FORMER
    assert gone.source is Source.FETCH


def test_vanishing_again_moves_no_end() -> None:
    once = vanished(V1, LATER, serial=serial_at(LATER))
    twice = vanished(once, LATER + 5 * DAY, serial=serial_at(LATER + 5 * DAY))
    at_the_end = vanished(twice, OBSERVED_AT + 40 * DAY, serial=serial_at(OBSERVED_AT + 40 * DAY))

    assert twice == replace(once, observed_at=LATER + 5 * DAY, serial=serial_at(LATER + 5 * DAY))
    assert at_the_end.paid_through == once.paid_through
    assert at_the_end.tiers == frozenset()
    assert not assess(at_the_end, Policy(), at_the_end.observed_at).active


def test_what_was_listed_without_a_date_ends_when_it_is_listed_no_more() -> None:
    listed = STATES["cancelled but still listed, with no date"].known()

    gone = vanished(listed, listed.observed_at + DAY, serial=serial_at(listed.observed_at + DAY))

    assert not assess(gone, Policy(), gone.observed_at).active


def test_a_free_member_who_vanishes_never_was_a_patron() -> None:
    free = STATES["free member"].known()

    gone = vanished(replace(free, since=OBSERVED_AT), LATER, serial=serial_at(LATER))

    assert assess(gone, Policy(), LATER).reason is Reason.NEVER
    assert (gone.lifetime_cents, gone.since) == (0, OBSERVED_AT)


def test_a_free_member_who_is_named_no_more_is_free_no_more() -> None:
    free = STATES["free member"].known()
    assert free.membership is not None

    gone = carry(free, replace(absent(free.patron, free.campaign, LATER, serial=serial_at(LATER)), source=Source.WEBHOOK))

    assert (gone.status, gone.membership, gone.source) == (PatronStatus.NONE, None, Source.WEBHOOK)


def test_an_answer_with_a_membership_id_names_one_and_so_does_anything_that_still_is_theirs() -> None:
    bare = blank(PatronStatus.FORMER, membership=None)

    assert names_none(bare)
    assert names_none(absent(BASE.patron, BASE.campaign, LATER))
    assert not names_none(replace(bare, membership=BASE.membership))
    assert not names_none(replace(bare, amount_cents=1))
    assert not names_none(replace(bare, status=PatronStatus.ACTIVE))
    assert not names_none(replace(bare, status=PatronStatus.DECLINED))


def test_a_patrons_ended_reading_lists_nothing_and_keeps_what_was_paid_for() -> None:
    said = replace(BASE, observed_at=LATER, gifted=True, trial=True, declined_since=LATER)

    over = ended(said)

    nothing: dict[str, Any] = {
        "amount_cents": 0,
        "will_pay_cents": 0,
        "tiers": frozenset(),
        "tier_cents": None,
        "declined_since": None,
    }
    assert over == replace(said, status=PatronStatus.FORMER, gifted=False, trial=False, **nothing)
    assert assess(carry(BASE, over), Policy(), LATER).ends_at == BASE.paid_through
    assert not assess(carry(BASE, over), Policy(keep_paid_through=False), LATER).active


def test_a_free_members_ended_reading_names_no_membership() -> None:
    free = STATES["free member"].known()

    assert names_none(ended(free))
    assert assess(carry(free, ended(replace(free, observed_at=LATER))), Policy(), LATER).reason is Reason.NEVER


def test_an_ended_reading_of_v1_is_one_that_vanished() -> None:
    later_v1 = replace(V1, observed_at=LATER, serial=serial_at(LATER))
    assert carry(V1, ended(later_v1)) == replace(
        vanished(V1, LATER, serial=serial_at(LATER), source=Source.FETCH), will_pay_cents=0
    )


# --- since when somebody is a patron

AWAY = later(30, status=PatronStatus.FORMER, charge=Charge.PAID, amount_cents=0, tiers=frozenset(), tier_cents=None)
END = datetime.fromisoformat("2024-03-01T00:00:00Z")


def back(days: int, since: datetime | None = BASE.since) -> Membership:
    """Let somebody who was away since ``AWAY`` be read as a patron again, so many days after ``OBSERVED_AT``."""
    gone = carry(carry(None, BASE), AWAY)
    assert gone.paid_through == END
    return carry(gone, later(days, since=since, paid_through=None))


def test_the_first_pledge_counts_whatever_start_is_told_later() -> None:
    assert back(200, OBSERVED_AT + 199 * DAY).since == BASE.since
    assert back(200, None).since == BASE.since
    assert back(200, datetime.fromisoformat("2021-01-01T00:00:00Z")).since == datetime.fromisoformat("2021-01-01T00:00:00Z")


def test_the_day_somebody_joined_for_free_is_no_first_pledge() -> None:
    free = replace(STATES["free member"].known(), since=OBSERVED_AT)

    assert carry(free, later(40, since=OBSERVED_AT + 40 * DAY)).since == OBSERVED_AT + 40 * DAY
    assert carry(replace(free, lifetime_cents=500), later(40, since=OBSERVED_AT + 40 * DAY)).since == OBSERVED_AT
    assert carry(BASE, at(replace(free, since=LATER), LATER)).since == BASE.since
    assert carry(free, at(replace(free, since=LATER), LATER)).since == LATER
    assert carry(free, at(replace(free, since=None), LATER)).since == OBSERVED_AT


def test_who_changes_and_declines_and_pays_again_is_a_patron_in_a_row() -> None:
    changed = carry(carry(None, BASE), later(10, amount_cents=900, since=OBSERVED_AT + 10 * DAY))
    declined = carry(changed, later(20, status=PatronStatus.DECLINED, charge=Charge.DECLINED))
    paid = carry(declined, later(25))

    assert [known.unbroken_since for known in (changed, declined, paid)] == [BASE.since] * 3
    assert paid.left_at is None


def test_who_comes_back_counts_anew_from_the_start_patreon_tells_or_from_being_seen() -> None:
    told = OBSERVED_AT + 199 * DAY

    assert back(200, told).unbroken_since == told
    assert back(200).unbroken_since == OBSERVED_AT + 200 * DAY
    assert back(200, None).unbroken_since == OBSERVED_AT + 200 * DAY
    assert back(200).left_at is None


def test_a_break_of_less_than_a_week_breaks_nothing() -> None:
    # AWAY was read ten days after what was paid for had ended.
    week = AWAY.observed_at + SHORT_BREAK - OBSERVED_AT
    assert AWAY.observed_at > END

    assert back(week.days - 1).unbroken_since == BASE.since
    assert back(week.days).unbroken_since == OBSERVED_AT + week


def test_who_comes_back_before_what_they_paid_for_is_over_never_left() -> None:
    gone = carry(carry(None, BASE), at(replace(AWAY, paid_through=LATER + 200 * DAY), LATER))

    assert carry(gone, later(200, since=None)).unbroken_since == BASE.since
    assert carry(gone, later(208, since=None)).unbroken_since == OBSERVED_AT + 208 * DAY


def test_when_somebody_left_is_when_that_was_first_read() -> None:
    gone = carry(carry(None, BASE), AWAY)
    still = carry(gone, at(AWAY, OBSERVED_AT + 90 * DAY))

    assert gone.left_at == still.left_at == AWAY.observed_at
    assert carry(None, AWAY).left_at == AWAY.observed_at
    assert still.unbroken_since == BASE.since
    assert carry(still, later(91, since=None)).unbroken_since == OBSERVED_AT + 91 * DAY


def test_who_cancelled_and_is_still_listed_has_not_left() -> None:
    listed = carry(carry(None, BASE), later(30, status=PatronStatus.FORMER, paid_through=None))

    assert listed.left_at is None
    assert carry(listed, later(300)).unbroken_since == BASE.since


def test_what_was_stored_before_leaving_was_noted_counts_from_the_last_reading() -> None:
    stored = replace(AWAY, paid_through=None)

    assert carry(stored, later(36, since=None)).unbroken_since == BASE.since
    assert carry(stored, later(37, since=None)).unbroken_since == OBSERVED_AT + 37 * DAY


def test_a_first_pledge_begins_a_row_when_patreon_says_or_when_it_is_seen() -> None:
    free = STATES["free member"].known()

    assert carry(free, later(40, since=OBSERVED_AT)).unbroken_since == OBSERVED_AT
    assert carry(replace(free, since=None), later(40, since=None)).unbroken_since == OBSERVED_AT + 40 * DAY
    assert carry(carry(None, BASE), later(since=None)).unbroken_since == BASE.since
    assert carry(replace(BASE, since=None), later(since=LATER)).unbroken_since == LATER


# --- what was paid for, of whom no answer shows it

CANCELLED = carry(None, blank(PatronStatus.FORMER, 0, paid_through=END))


def test_who_had_cancelled_before_they_were_first_read_has_paid_for_something_unknown() -> None:
    assert paid_for_unknown(CANCELLED, LATER)
    assert not paid_for_unknown(CANCELLED, END)
    assert not paid_for_unknown(replace(CANCELLED, paid_through=None), LATER)
    assert not paid_for_unknown(replace(CANCELLED, membership=None), LATER)
    assert not paid_for_unknown(replace(CANCELLED, tiers=BASE.tiers, tier_cents=500), LATER)
    assert not paid_for_unknown(replace(CANCELLED, status=PatronStatus.ACTIVE), LATER)


def test_the_history_names_the_tier_and_is_asked_once() -> None:
    learnt = with_history(CANCELLED, TierId("8348592"), 500)
    nothing = with_history(CANCELLED, None, None)

    assert assess(learnt, Policy(), LATER).tiers == {"8348592"}
    assert assess(learnt, Policy(), LATER).amount_cents == 500
    assert not paid_for_unknown(learnt, LATER)
    assert nothing == replace(CANCELLED, history_read=True)
    assert not paid_for_unknown(nothing, LATER)


def test_what_the_history_told_lasts_as_long_as_the_paid_time_and_is_forgotten_with_a_new_pledge() -> None:
    learnt = with_history(CANCELLED, TierId("8348592"), 500)
    again = carry(learnt, blank(PatronStatus.FORMER, paid_through=END))

    assert (again.tiers, again.history_read) == (learnt.tiers, True)
    assert not carry(again, later(2)).history_read


def test_an_answer_older_than_the_reading_makes_nobody_vanish() -> None:
    known = later()

    assert vanished(known, OBSERVED_AT, serial=serial_at(OBSERVED_AT)) is known


def test_vanishing_in_the_instant_of_the_reading_counts() -> None:
    assert vanished(V1, OBSERVED_AT, serial=serial_at(OBSERVED_AT)).status is PatronStatus.FORMER


def test_no_membership_is_a_reading_too() -> None:
    nobody = absent(PatronId("1"), CampaignId("2"), LATER, serial=7)

    assert nobody == Membership(PatronId("1"), CampaignId("2"), PatronStatus.NONE, LATER, serial=7)
    assert assess(nobody, Policy(), LATER).reason is Reason.NEVER
