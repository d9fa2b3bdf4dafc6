"""What is granted, what stays, and when the next look is due. What takes a role away is in test_evidence."""

from dataclasses import replace

import pytest

from bot.core.case import Decision
from bot.core.model import (
    Condition,
    ConditionKind,
    Holding,
    ManualGrant,
    Origin,
    Policy,
    Reason,
    Revocable,
    RoleChange,
    RoleId,
)
from bot.core.months import months_later
from bot.core.reconcile import reconcile
from tests.core.cases import (
    BRONZE,
    DAY,
    GOLD,
    MINUTE,
    NOTHING,
    NOW,
    OURS,
    PAYING,
    SILVER,
    THEIRS,
    amount,
    by_hand,
    carried_out,
    case,
    doubt,
    grant,
    read_at,
    rule,
)
from tests.core.states import BASE, STATES

NO_CHANGE = RoleChange()


def granted(decision: Decision) -> frozenset[RoleId]:
    assert not decision.change.revoke
    return decision.change.grant


def test_a_patron_gets_every_role_whose_rule_holds_at_the_first_reading() -> None:
    decision = reconcile(case(rule(BRONZE), rule(SILVER, amount(500)), rule(GOLD, amount(501))), NOW)

    assert granted(decision) == {BRONZE, SILVER}
    assert decision.desired == {BRONZE, SILVER}
    assert decision.entitlements[OURS].reason is Reason.PAID
    assert decision.doubts == ()
    assert decision.protected == frozenset()
    assert [verdict.holds for verdict in decision.verdicts] == [True, True, False]


def test_a_role_held_already_is_not_granted_again_whoever_gave_it() -> None:
    ledger = grant(BRONZE) | grant(SILVER, Origin.FOUND)

    assert reconcile(case(rule(BRONZE), rule(SILVER), ledger=ledger), NOW).change == NO_CHANGE


def test_a_role_lost_by_leaving_comes_back_on_return() -> None:
    away = case(rule(BRONZE), ledger=grant(BRONZE, holding=Holding.LEFT), present=False)

    assert reconcile(away, NOW).change == NO_CHANGE
    assert granted(reconcile(replace(away, present=True), NOW)) == {BRONZE}


def test_nothing_is_taken_from_somebody_who_left_the_guild_and_their_doubts_are_forgotten() -> None:
    gone = case(
        rule(BRONZE),
        membership=read_at(NOTHING, NOW),
        present=False,
        ledger=grant(BRONZE) | grant(SILVER, Origin.FOUND),
        doubts=doubt(BRONZE, NOW - DAY),
    )

    decision = reconcile(gone, NOW)

    assert decision.change == NO_CHANGE
    assert decision.doubts == ()
    assert decision.protected == frozenset()


def test_a_role_a_moderator_took_comes_back_unless_the_guild_wants_it_left_alone() -> None:
    taken = case(rule(BRONZE), rule(SILVER), ledger=grant(BRONZE, holding=Holding.TAKEN))
    left_alone = replace(taken, policy=Policy(restore_drift=False))

    assert granted(reconcile(taken, NOW)) == {BRONZE, SILVER}
    assert granted(reconcile(left_alone, NOW)) == {SILVER}
    assert reconcile(left_alone, NOW).desired == {BRONZE, SILVER}


def test_a_role_lost_by_leaving_comes_back_even_where_taken_roles_are_left_alone() -> None:
    returned = case(rule(BRONZE), ledger=grant(BRONZE, holding=Holding.LEFT), policy=Policy(restore_drift=False))

    assert granted(reconcile(returned, NOW)) == {BRONZE}


@pytest.mark.parametrize("policy", [Policy(shadow=True), Policy(paused=True)])
def test_shadow_and_pause_decide_as_ever_for_the_engine_not_to_act(policy: Policy) -> None:
    assert granted(reconcile(case(rule(BRONZE), policy=policy), NOW)) == {BRONZE}


def test_a_role_found_on_the_person_is_protected_and_not_taken() -> None:
    found = case(
        rule(BRONZE),
        membership=read_at(NOTHING, NOW),
        ledger=grant(BRONZE, Origin.FOUND),
        doubts=doubt(BRONZE, NOW - DAY),
    )

    decision = reconcile(found, NOW)

    assert decision.change == NO_CHANGE
    assert decision.doubts == ()
    assert decision.protected == {BRONZE}


def test_a_protected_role_protects_no_other() -> None:
    ledger = grant(BRONZE, Origin.FOUND) | grant(SILVER) | grant(GOLD)
    lost = case(rule(BRONZE), rule(SILVER), rule(GOLD), membership=NOTHING, ledger=ledger, doubts=doubt(GOLD, NOW - DAY))

    decision = reconcile(lost, NOW)

    assert decision.protected == {BRONZE}
    assert [waiting.role for waiting in decision.doubts] == [SILVER]
    assert decision.change.revoke == {GOLD}


def test_where_the_creator_says_so_a_found_role_of_a_linked_person_is_taken_too() -> None:
    found = case(
        rule(BRONZE),
        membership=read_at(NOTHING, NOW),
        ledger=grant(BRONZE, Origin.FOUND),
        doubts=doubt(BRONZE, NOW - DAY),
        policy=Policy(revocable=Revocable.MANAGED),
    )

    assert reconcile(found, NOW).change.revoke == {BRONZE}
    assert reconcile(replace(found, linked=False), NOW).protected == {BRONZE}
    assert reconcile(replace(found, rules=(rule(SILVER),)), NOW).protected == {BRONZE}


def test_an_adopted_role_is_taken_from_linked_people_only() -> None:
    adopted = case(
        rule(BRONZE),
        membership=read_at(NOTHING, NOW),
        ledger=grant(BRONZE, Origin.ADOPTED),
        doubts=doubt(BRONZE, NOW - DAY),
    )

    assert reconcile(adopted, NOW).change.revoke == {BRONZE}
    assert reconcile(replace(adopted, linked=False), NOW).change == NO_CHANGE
    assert reconcile(replace(adopted, linked=False), NOW).protected == {BRONZE}


@pytest.mark.parametrize("origin", [Origin.ADOPTED, Origin.HAND])
def test_a_role_that_a_rule_gives_too_becomes_ours(origin: Origin) -> None:
    both = case(rule(BRONZE), rule(SILVER, amount(501)), ledger=grant(BRONZE, origin) | grant(SILVER, origin))

    assert reconcile(both, NOW).claimed == {BRONZE}
    assert reconcile(both, NOW).change.grant == frozenset()
    assert reconcile(replace(both, linked=False), NOW).claimed == frozenset()
    assert reconcile(replace(both, present=False), NOW).claimed == frozenset()
    assert reconcile(replace(both, ledger=grant(BRONZE, Origin.FOUND) | grant(SILVER)), NOW).claimed == frozenset()
    assert reconcile(replace(both, ledger=grant(BRONZE, origin, Holding.LEFT)), NOW).claimed == frozenset()


def test_a_role_given_by_hand_is_not_earned_for_good() -> None:
    by_a_creator = case(rule(BRONZE, sticky=True), membership=NOTHING, ledger=grant(BRONZE, Origin.HAND))

    assert reconcile(by_a_creator, NOW).desired == frozenset()
    assert reconcile(replace(by_a_creator, earned={0: NOW}), NOW).desired == {BRONZE}


def test_a_role_a_moderator_took_comes_back_when_a_creator_gives_it_by_hand() -> None:
    taken = case(rule(BRONZE), ledger=grant(BRONZE, holding=Holding.TAKEN), policy=Policy(restore_drift=False))

    assert granted(reconcile(replace(taken, manual=(by_hand(BRONZE),)), NOW)) == {BRONZE}
    assert reconcile(replace(taken, manual=(by_hand(BRONZE, NOW - DAY),)), NOW).change == NO_CHANGE


def test_two_campaigns_may_give_one_role_and_it_goes_with_the_last_of_them() -> None:
    both = case(
        rule(BRONZE),
        rule(BRONZE, campaign=THEIRS),
        memberships={OURS: read_at(NOTHING, NOW), THEIRS: read_at(BASE, NOW, THEIRS)},
        ledger=grant(BRONZE),
        doubts=doubt(BRONZE, NOW - DAY),
    )
    neither = replace(both, memberships={OURS: read_at(NOTHING, NOW), THEIRS: read_at(NOTHING, NOW, THEIRS)})

    assert reconcile(both, NOW).change == NO_CHANGE
    assert reconcile(neither, NOW).change.revoke == {BRONZE}


def test_a_manual_grant_gives_a_role_to_anybody_also_without_a_link() -> None:
    stranger = case(rule(BRONZE), membership=None, linked=False, manual=(by_hand(GOLD),))

    assert granted(reconcile(stranger, NOW)) == {GOLD}


def test_a_manual_grant_ends_at_its_expiry_to_the_second() -> None:
    until = NOW + DAY
    holder = case(membership=None, linked=False, manual=(by_hand(GOLD, until),), ledger=grant(GOLD))

    assert reconcile(holder, until - MINUTE).change == NO_CHANGE
    assert reconcile(holder, until - MINUTE).due_at == until
    assert reconcile(holder, until).change.revoke == {GOLD}
    assert reconcile(holder, until).due_at is None


def test_a_manual_grant_keeps_a_role_whose_rule_no_longer_holds() -> None:
    kept = case(
        rule(BRONZE),
        membership=read_at(NOTHING, NOW),
        manual=(by_hand(BRONZE),),
        ledger=grant(BRONZE),
        doubts=doubt(BRONZE, NOW - DAY),
    )

    decision = reconcile(kept, NOW)

    assert decision.change == NO_CHANGE
    assert decision.doubts == ()


@pytest.mark.parametrize(
    ("state", "due"),
    [
        ("declined, day 3 of 7, after another try", "2024-03-08T12:00:00+00:00"),
        ("cancelled with paid time left", "2024-03-01T00:00:00+00:00"),
        ("declined, day 8 of 7", None),
        ("paid", None),
    ],
)
def test_the_next_look_is_due_when_grace_or_paid_time_ends(state: str, due: str | None) -> None:
    found = STATES[state]

    decision = reconcile(case(rule(BRONZE), membership=found.known()), found.at)

    assert (decision.due_at and decision.due_at.isoformat()) == due


def test_the_next_look_is_due_at_the_anniversary_a_rule_waits_for() -> None:
    assert BASE.since
    waiting = case(
        rule(GOLD, Condition(ConditionKind.MONTHS, 36)),
        rule(SILVER, Condition(ConditionKind.MONTHS, 24)),
        rule(BRONZE, Condition(ConditionKind.MONTHS, 12)),
        rule(BRONZE, amount(7)),
    )
    due = months_later(BASE.since, 24)

    assert reconcile(waiting, NOW).due_at == due
    assert granted(reconcile(waiting, due - MINUTE)) == {BRONZE}
    assert granted(reconcile(waiting, due)) == {BRONZE, SILVER}
    assert reconcile(waiting, due).due_at == months_later(BASE.since, 36)


def test_months_in_a_row_are_counted_and_waited_for_from_the_start_of_the_present_pledge() -> None:
    assert BASE.since
    returned = replace(BASE, unbroken_since=NOW - DAY)
    waiting = case(
        rule(SILVER, Condition(ConditionKind.MONTHS, 23)),
        rule(GOLD, Condition(ConditionKind.MONTHS_IN_A_ROW, 23)),
        membership=returned,
    )
    due = months_later(NOW - DAY, 23)

    assert reconcile(waiting, NOW).entitlements[BASE.campaign].months_in_a_row == 0
    assert reconcile(waiting, NOW).due_at == due
    assert granted(reconcile(waiting, due - MINUTE)) == {SILVER}
    assert granted(reconcile(waiting, due)) == {SILVER, GOLD}
    never_away = case(rule(GOLD, Condition(ConditionKind.MONTHS_IN_A_ROW, 24)))
    assert reconcile(never_away, NOW).due_at == months_later(BASE.since, 24)
    assert reconcile(never_away, NOW).entitlements[BASE.campaign].months_in_a_row == 23


@pytest.mark.parametrize("kind", [ConditionKind.MONTHS, ConditionKind.MONTHS_IN_A_ROW])
@pytest.mark.parametrize("membership", [NOTHING, replace(BASE, since=None), None])
def test_no_anniversary_is_waited_for_without_a_patron_who_counts_months(membership: None, kind: ConditionKind) -> None:
    waiting = case(rule(SILVER, Condition(kind, 24)), membership=membership)

    assert reconcile(waiting, NOW).due_at is None


def test_the_earliest_instant_is_the_one_that_is_due() -> None:
    manual: tuple[ManualGrant, ...] = (by_hand(GOLD, NOW - DAY), by_hand(GOLD), by_hand(SILVER, NOW + DAY))
    state = STATES["cancelled with paid time left"]

    assert reconcile(case(rule(BRONZE), membership=state.known(), manual=manual), NOW).due_at == NOW + DAY


def test_what_is_due_now_is_not_due_again() -> None:
    assert reconcile(case(manual=(by_hand(GOLD, NOW),)), NOW).due_at is None


def test_every_campaign_of_a_rule_or_a_reading_is_assessed() -> None:
    decision = reconcile(case(rule(BRONZE, campaign=THEIRS)), NOW)

    assert {campaign: found.reason for campaign, found in decision.entitlements.items()} == {
        OURS: Reason.PAID,
        THEIRS: Reason.NEVER,
    }


def test_a_broken_link_keeps_its_roles_for_the_grace_and_then_loses_them() -> None:
    broken = case(rule(BRONZE), ledger=grant(BRONZE), broken_since=NOW + MINUTE)
    end = NOW + MINUTE + Policy().declined_grace

    assert reconcile(broken, end - MINUTE).change == NO_CHANGE
    assert reconcile(broken, end - MINUTE).due_at == end
    assert reconcile(broken, end).change.revoke == {BRONZE}


def test_the_end_of_a_broken_links_grace_is_due_for_roles_that_nothing_paid_keeps() -> None:
    # Found by test_between_two_due_instants_time_alone_changes_nothing.
    lapsed = case(rule(BRONZE, Condition(ConditionKind.FORMER)), membership=NOTHING, broken_since=NOW)
    end = NOW + Policy().declined_grace

    assert reconcile(lapsed, NOW).due_at == end
    assert reconcile(lapsed, end - MINUTE).desired == {BRONZE}
    assert reconcile(lapsed, end).desired == frozenset()


@pytest.mark.parametrize("holding", [Holding.GIVING, Holding.TAKING])
def test_what_was_begun_and_not_recorded_is_done_again(holding: Holding) -> None:
    begun = case(rule(BRONZE), ledger=grant(BRONZE, holding=holding))
    not_due = replace(begun, memberships={OURS: NOTHING}, doubts=doubt(BRONZE, NOW - MINUTE))

    assert granted(reconcile(begun, NOW)) == {BRONZE}
    assert granted(reconcile(replace(begun, policy=Policy(restore_drift=False)), NOW)) == {BRONZE}
    assert reconcile(not_due, NOW).change == RoleChange(revoke=frozenset({BRONZE}))


def test_the_last_patron_of_a_tier_loses_the_role_like_any_other() -> None:
    last = case(rule(BRONZE, PAYING), membership=read_at(NOTHING, NOW), ledger=grant(BRONZE))

    first = carried_out(last, reconcile(last, NOW))
    again = replace(first, memberships={OURS: read_at(NOTHING, NOW + MINUTE)})

    assert reconcile(again, NOW + MINUTE).change.revoke == {BRONZE}
