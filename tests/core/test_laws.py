"""The laws of docs/design.md that bind the core, over generated worlds. What a history adds is in test_histories."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.core.case import Case
from bot.core.entitlement import assess
from bot.core.model import (
    Cause,
    Charge,
    Doubt,
    Grant,
    Holding,
    Membership,
    Origin,
    PatronStatus,
    Policy,
    Reason,
    Revocable,
    RoleChange,
    RoleId,
    Source,
    TierId,
)
from bot.core.readings import carry, vanished
from bot.core.reconcile import reconcile
from tests.core.cases import GUILD, NOW, OURS, PAYING, USER, carried_out
from tests.core.states import BASE, serial_at
from tests.core.worlds import BOUGHT, LARGE, PRICES, ROLES, SMALL, cases, instants, memberships, policies

STACKED = frozenset[str]()


def held(case: Case) -> set[RoleId]:
    return {role for role, grant in case.ledger.items() if grant.holding.there}


def maybe_held(case: Case) -> set[RoleId]:
    return {role for role, grant in case.ledger.items() if grant.holding not in {Holding.LEFT, Holding.TAKEN}}


def named(case: Case) -> set[RoleId]:
    return {rule.role for rule in case.rules}


def on_the_brink(case: Case) -> Case:
    """Give a case in which every role we gave has long been in doubt: whatever could be taken is taken."""
    ledger = {
        role: Grant(GUILD, USER, role, case.ledger[role].origin if role in case.ledger else Origin.OURS, NOW, Cause.LINKED)
        for role in ROLES
    }
    doubts = {role: Doubt(GUILD, USER, role, serial_at(NOW - timedelta(days=30)), Source.LIST) for role in ROLES}
    read = {
        rule.campaign: replace(BASE, campaign=rule.campaign, amount_cents=0, tiers=frozenset(), tier_cents=None)
        for rule in case.rules
    }
    return replace(
        case,
        present=True,
        linked=True,
        ledger=ledger,
        doubts=doubts,
        memberships={**read, **case.memberships},
        broken_since=None,
    )


@given(case=cases())
def test_law_2_only_managed_roles_change_and_only_what_we_gave_is_taken(case: Case) -> None:
    decision = reconcile(case, NOW)
    change = decision.change
    ours = {role for role, grant in case.ledger.items() if grant.origin in {Origin.OURS, Origin.HAND}}
    ours |= {role for role, grant in case.ledger.items() if grant.origin is Origin.ADOPTED and case.linked}

    assert not change.grant & change.revoke
    assert change.grant <= decision.desired <= named(case) | {grant.role for grant in case.manual}
    assert change.revoke <= maybe_held(case)
    if case.policy.revocable is Revocable.GRANTED or not case.linked:
        assert change.revoke <= ours
    assert change.revoke <= ours | named(case)
    assert decision.protected <= maybe_held(case) - ours - decision.desired - change.revoke


@given(case=cases())
def test_law_2_somebody_outside_the_guild_has_nothing_to_change(case: Case) -> None:
    assert reconcile(replace(case, present=False), NOW).change == RoleChange()


@given(case=cases(), brink=st.booleans(), doubted_at=instants)
def test_law_3_nothing_a_rule_gives_is_taken_without_a_second_reading_of_each_campaign(
    case: Case, doubted_at: datetime, *, brink: bool
) -> None:
    case = replace(case, linked=True, broken_since=None)
    if brink:
        doubts = {role: Doubt(GUILD, USER, role, serial_at(doubted_at), Source.LIST) for role in ROLES}
        case = replace(on_the_brink(case), doubts=doubts)

    for role in reconcile(case, NOW).change.revoke & named(case):
        for campaign in {rule.campaign for rule in case.rules if rule.role == role}:
            assert campaign not in case.unreadable
            reading = case.memberships[campaign]
            assert reading.serial > case.doubts[role].serial
            assert {reading.source, case.doubts[role].source} != {Source.WEBHOOK}


@given(case=cases())
def test_law_3_without_a_doubt_nothing_a_rule_gives_is_taken(case: Case) -> None:
    case = replace(on_the_brink(case), doubts={})
    decision = reconcile(case, NOW)

    assert not decision.change.revoke & named(case)
    assert {doubt.role for doubt in decision.doubts} <= maybe_held(case) - decision.desired - decision.protected
    assert all(doubt.serial in {m.serial for m in case.memberships.values()} for doubt in decision.doubts)


@given(case=cases())
def test_law_1_a_campaign_that_cannot_be_read_takes_nothing_but_gives(case: Case) -> None:
    case = on_the_brink(case)
    outage = replace(case, unreadable=frozenset(rule.campaign for rule in case.rules))
    fine, during = reconcile(replace(case, unreadable=frozenset()), NOW), reconcile(outage, NOW)

    assert not during.change.revoke & named(case)
    assert during.change.grant == fine.change.grant


@given(case=cases())
def test_law_4_what_is_due_to_somebody_is_granted_at_once(case: Case) -> None:
    case = replace(case, present=True, policy=replace(case.policy, restore_drift=True))
    # What only a webhook says waits for Patreon's answer, and counts while there is none.
    decision = reconcile(replace(case, unanswered=frozenset(case.memberships)), NOW)

    assert decision.change.grant == decision.desired - held(case)


@given(case=cases())
def test_law_4_a_webhooks_word_changes_nothing_but_when_a_role_is_given(case: Case) -> None:
    heard, alone = reconcile(case, NOW), reconcile(replace(case, unanswered=frozenset(case.memberships)), NOW)

    assert heard.change.grant <= alone.change.grant
    assert heard.change.revoke == alone.change.revoke
    assert heard.desired == alone.desired
    assert {doubt.role for doubt in alone.doubts} - {doubt.role for doubt in heard.doubts} <= alone.change.grant


@given(case=cases(BOUGHT), membership=memberships(), half_days=st.integers(0, 40))
def test_law_4_a_decline_takes_nothing_before_the_grace_is_over(case: Case, membership: Membership, half_days: int) -> None:
    paid = carry(None, replace(BASE, amount_cents=900, tiers=frozenset({SMALL, LARGE}), tier_cents=900))
    read_at = NOW + timedelta(hours=1)
    declined = carry(
        paid,
        replace(
            membership,
            status=PatronStatus.DECLINED,
            charge=Charge.DECLINED,
            observed_at=read_at,
            serial=serial_at(read_at),
            gifted=False,
        ),
    )
    assert declined.declined_since
    assert paid.paid_through
    end = max(declined.declined_since + case.policy.declined_grace, paid.paid_through)
    for tries in range(half_days):  # v2 dates a decline by its last try
        tried_at = read_at + timedelta(hours=12 * tries)
        declined = carry(
            declined, replace(declined, observed_at=tried_at, serial=serial_at(tried_at), declined_since=tried_at)
        )
    now = read_at + timedelta(hours=12 * half_days)
    entitlement = assess(declined, case.policy, now)

    assert entitlement.active is (now < end)
    if entitlement.active:
        assert entitlement.tiers == paid.tiers
        assert entitlement.amount_cents == 900


@given(readings=st.lists(memberships(), min_size=1, max_size=6), policy=policies)
def test_law_4_a_grace_gives_nothing_to_whoever_never_paid(readings: list[Membership], policy: Policy) -> None:
    known = None
    for turn, reading in enumerate(readings):
        unpaid = reading.charge if reading.charge is not Charge.PAID else Charge.DECLINED
        said = replace(reading, charge=unpaid, paid_through=None, lifetime_cents=0, observed_at=NOW + timedelta(days=turn))
        known = carry(known, said)
        assert assess(known, policy, known.observed_at).reason is not Reason.GRACE


@given(again=st.lists(st.sampled_from(["declined", "pending", "in order", "gone", "free"]), max_size=12), policy=policies)
def test_law_4_pledging_anew_with_an_empty_card_renews_no_grace(again: list[str], policy: Policy) -> None:
    empty = {"amount_cents": 0, "tiers": frozenset(), "tier_cents": None, "paid_through": None}
    said: dict[str, dict[str, Any]] = {
        "declined": {"status": PatronStatus.DECLINED, "charge": Charge.DECLINED},
        "pending": {"charge": Charge.PENDING},
        "in order": {"charge": Charge.NONE},
        "gone": {"status": PatronStatus.FORMER, "charge": Charge.DELETED, **empty},
        "free": {"status": PatronStatus.NONE, "charge": Charge.NONE, **empty},
    }
    assert BASE.paid_through
    known, read_at = carry(None, BASE), BASE.paid_through
    end = BASE.paid_through + policy.declined_grace
    for what in ["declined", *again]:
        known = carry(known, replace(BASE, observed_at=read_at, **said[what]))
        found = assess(known, policy, read_at)
        assert found.reason is not Reason.GRACE or read_at < end
        read_at += timedelta(days=1)


@given(
    gone=memberships(),
    charge=st.sampled_from([each for each in Charge if each not in {Charge.FRAUD, Charge.REFUNDED, Charge.TRIAL}]),
    policy=policies,
    half_days=st.integers(0, 60),
)
def test_law_4_who_cancels_keeps_what_they_paid_for_to_the_end(
    gone: Membership, charge: Charge, policy: Policy, half_days: int
) -> None:
    paid = carry(None, BASE)
    assert paid.paid_through
    policy = replace(policy, keep_paid_through=True)
    read_at = NOW + timedelta(hours=1)
    bare = replace(gone, amount_cents=0, tiers=frozenset(), tier_cents=None, paid_through=None, gifted=False, trial=False)
    cancelled = carry(
        paid,
        replace(bare, status=PatronStatus.FORMER, charge=charge, observed_at=read_at, serial=serial_at(read_at)),
    )
    now = read_at + timedelta(hours=12 * half_days)

    for known in (cancelled, vanished(paid, read_at, serial=serial_at(read_at))):
        entitlement = assess(known, policy, now)
        assert entitlement.ends_at == paid.paid_through
        assert entitlement.active is (now < paid.paid_through)
        assert entitlement.tiers == (paid.tiers if entitlement.active else frozenset())


@given(case=cases(), shuffled=st.data(), one_group=st.booleans())
def test_law_5_the_order_of_rules_and_rows_decides_nothing(case: Case, shuffled: st.DataObject, *, one_group: bool) -> None:
    if one_group:
        rivals = tuple(replace(rule, campaign=OURS, condition=PAYING, group="tiers") for rule in case.rules)
        policy = replace(case.policy, highest_only=frozenset({"tiers"}))
        case = replace(case, linked=True, rules=rivals, policy=policy, memberships={OURS: BASE})
    other = replace(
        case,
        rules=tuple(shuffled.draw(st.permutations(case.rules))),
        manual=case.manual[::-1],
        ledger=dict(reversed(list(case.ledger.items()))),
        memberships=dict(reversed(list(case.memberships.items()))),
    )
    one, two = reconcile(case, NOW), reconcile(other, NOW)

    assert replace(one, verdicts=()) == replace(two, verdicts=())
    assert sorted(map(repr, one.verdicts)) == sorted(map(repr, two.verdicts))


@given(bulk=st.lists(cases(), max_size=2))
def test_law_5_one_by_one_and_all_at_once_agree(bulk: list[Case]) -> None:
    assert [reconcile(case, NOW) for case in bulk] == [reconcile(replace(case), NOW) for case in reversed(bulk)][::-1]


@given(case=cases(BOUGHT), more=st.integers(0, 2000), tiers=st.frozensets(st.sampled_from([SMALL, LARGE])))
def test_law_6_more_money_never_means_fewer_roles(case: Case, more: int, tiers: frozenset[TierId]) -> None:
    policy = replace(case.policy, highest_only=STACKED, count_gifts=True, count_trials=True)
    less = case.memberships.get(OURS, BASE)
    prices = [PRICES[tier] for tier in tiers] + ([less.tier_cents] if less.tier_cents is not None else [])
    richer = replace(
        less,
        amount_cents=(less.amount_cents or 0) + more if less.amount_cents is not None or more else None,
        # Who gives more than nothing and will pay nothing has cancelled.
        will_pay_cents=None if less.will_pay_cents is None else less.will_pay_cents + more,
        lifetime_cents=None if less.lifetime_cents is None else less.lifetime_cents + more,
        tiers=less.tiers | tiers,
        tier_cents=max(prices, default=None),
    )
    before = reconcile(replace(case, policy=policy, memberships={**case.memberships, OURS: less}), NOW)
    after = reconcile(replace(case, policy=policy, memberships={**case.memberships, OURS: richer}), NOW)

    assert before.desired <= after.desired


@given(case=cases())
def test_law_6_a_change_that_was_carried_out_leaves_nothing_to_do(case: Case) -> None:
    done = carried_out(case, reconcile(case, NOW))
    again = reconcile(done, NOW)

    assert again.change == RoleChange()
    assert again.doubts == tuple(done.doubts.values())


@given(case=cases())
def test_between_two_due_instants_time_alone_changes_nothing(case: Case) -> None:
    decision = reconcile(case, NOW)
    later = NOW + timedelta(days=400) if decision.due_at is None else decision.due_at - timedelta(microseconds=1)

    assert reconcile(case, later).desired == decision.desired


@given(previous=memberships(), reading=memberships(), again=st.integers(0, 5))
def test_reading_the_same_again_tells_nothing_new(previous: Membership, reading: Membership, again: int) -> None:
    once = carry(carry(None, previous), reading)

    assert carry(once, replace(once, source=once.source)) == carry(once, once)
    assert carry(once, reading) == carry(carry(once, reading), reading)


@given(before=memberships(), later=st.integers(1, 40).map(lambda half_days: timedelta(hours=12 * half_days)))
def test_law_5_a_reading_that_says_the_same_again_changes_nothing(before: Membership, later: timedelta) -> None:
    known = carry(None, before)
    again = replace(known, observed_at=known.observed_at + later, serial=known.serial + 1)
    once = carry(known, again)

    assert replace(once, listed=known.listed) == again
