"""What each condition asks, and how rules compete."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from bot.core.model import Condition, ConditionKind, Entitlement, Holding, Policy, Reason, RoleRule, TierId
from bot.core.reconcile import reconcile
from bot.core.rules import holds
from tests.core.cases import BRONZE, DAY, GOLD, NOTHING, NOW, PAYING, SILVER, THEIRS, TIER, amount, case, grant, rule
from tests.core.states import STATES

PAID = Entitlement(
    active=True, reason=Reason.PAID, amount_cents=500, tiers=frozenset({TIER}), lifetime_cents=5000, months=23
)
OVER = Entitlement(active=False, reason=Reason.CANCELLED, lifetime_cents=5000, months=23, former=True)
FREE = Entitlement(active=False, reason=Reason.FREE, lifetime_cents=0)
NEVER = Entitlement(active=False, reason=Reason.NEVER)
UNLINKED = Entitlement(active=False, reason=Reason.UNLINKED)
UNKNOWN = replace(PAID, amount_cents=None, lifetime_cents=None)
TIERED = Policy(highest_only=frozenset({"tiers"}))


@pytest.mark.parametrize(
    ("condition", "entitlement", "answer"),
    [
        (Condition(ConditionKind.TIER, tier=TIER), PAID, True),
        (Condition(ConditionKind.TIER, tier=TierId("other")), PAID, False),
        (Condition(ConditionKind.TIER, tier=TIER), OVER, False),
        (amount(500), PAID, True),
        (amount(501), PAID, False),
        (amount(500), UNKNOWN, None),
        (amount(0), OVER, False),
        (amount(0), replace(OVER, amount_cents=None), False),
        (Condition(ConditionKind.LIFETIME, 5000), PAID, True),
        (Condition(ConditionKind.LIFETIME, 5001), PAID, False),
        (Condition(ConditionKind.LIFETIME, 5000), OVER, True),
        (Condition(ConditionKind.LIFETIME, 5000), UNKNOWN, None),
        (Condition(ConditionKind.LIFETIME, 0), NEVER, False),
        (Condition(ConditionKind.LIFETIME, 0), UNLINKED, False),
        (Condition(ConditionKind.MONTHS, 23), PAID, True),
        (Condition(ConditionKind.MONTHS, 24), PAID, False),
        (Condition(ConditionKind.MONTHS, 23), OVER, False),
        (Condition(ConditionKind.MONTHS_IN_A_ROW, 23), replace(PAID, months_in_a_row=23), True),
        (Condition(ConditionKind.MONTHS_IN_A_ROW, 23), replace(PAID, months_in_a_row=22), False),
        (Condition(ConditionKind.MONTHS_IN_A_ROW, 23), replace(OVER, months_in_a_row=23), False),
        (PAYING, PAID, True),
        (PAYING, OVER, False),
        (Condition(ConditionKind.FREE), FREE, True),
        (Condition(ConditionKind.FREE), replace(OVER, tiers=frozenset({TIER})), True),
        (Condition(ConditionKind.FREE), OVER, False),
        (Condition(ConditionKind.FREE), NEVER, False),
        (Condition(ConditionKind.FREE), PAID, False),
        (Condition(ConditionKind.GIFT_OR_TRIAL), PAID, False),
        (Condition(ConditionKind.GIFT_OR_TRIAL), replace(PAID, reason=Reason.GIFT), True),
        (Condition(ConditionKind.GIFT_OR_TRIAL), replace(PAID, reason=Reason.TRIAL), True),
        (Condition(ConditionKind.GIFT_OR_TRIAL), replace(OVER, reason=Reason.GIFT), True),
        (Condition(ConditionKind.FORMER), OVER, True),
        (Condition(ConditionKind.FORMER), PAID, False),
    ],
)
def test_a_condition_asks_one_question(condition: Condition, entitlement: Entitlement, *, answer: bool | None) -> None:
    assert holds(condition, entitlement) is answer


def test_rules_stack_unless_their_group_is_highest_only() -> None:
    rules = (rule(BRONZE, group="tiers", worth_cents=1), rule(GOLD, group="tiers", worth_cents=2))

    assert reconcile(case(*rules), NOW).desired == {BRONZE, GOLD}
    assert reconcile(case(*rules, policy=TIERED), NOW).desired == {GOLD}


def test_rules_without_a_group_never_compete() -> None:
    rules = (rule(BRONZE, worth_cents=1), rule(GOLD, worth_cents=2))

    assert reconcile(case(*rules, policy=Policy(highest_only=frozenset({""}))), NOW).desired == {BRONZE, GOLD}


def test_only_rules_that_hold_compete_and_only_within_their_group() -> None:
    known = case(
        rule(BRONZE, amount(100), group="tiers", worth_cents=100),
        rule(SILVER, amount(500), group="tiers", worth_cents=500),
        rule(GOLD, amount(900), group="tiers", worth_cents=900),
        rule(BRONZE, group="other", worth_cents=9),
        policy=TIERED,
    )

    decision = reconcile(known, NOW)

    assert [(verdict.holds, verdict.outranked) for verdict in decision.verdicts] == [
        (True, True),
        (True, False),
        (False, False),
        (True, False),
    ]
    assert decision.desired == {BRONZE, SILVER}


def test_of_two_rules_worth_the_same_the_lower_role_wins_whatever_their_order() -> None:
    rules = [
        rule(SILVER, group="tiers", worth_cents=5),
        rule(BRONZE, group="tiers", worth_cents=5),
        rule(GOLD, campaign=THEIRS, group="tiers", worth_cents=9),
    ]

    for order in permutations(rules):
        assert reconcile(case(*order, policy=TIERED), NOW).desired == {BRONZE}


def test_two_rules_of_one_role_and_worth_do_not_outrank_each_other() -> None:
    twice = rule(BRONZE, group="tiers", worth_cents=5)

    decision = reconcile(case(twice, replace(twice, rule=1), policy=TIERED), NOW)

    assert [verdict.outranked for verdict in decision.verdicts] == [False, False]


def test_what_cannot_be_judged_outranks_nobody() -> None:
    foreign = STATES["other currency, without a tier"].known()
    rules = (rule(GOLD, amount(1), group="tiers", worth_cents=9), rule(BRONZE, group="tiers", worth_cents=1))

    decision = reconcile(case(*rules, membership=foreign, policy=TIERED), NOW)

    assert decision.desired == {BRONZE}
    assert [verdict.outranked for verdict in decision.verdicts] == [False, False]


STICKY: RoleRule = rule(GOLD, amount(900), sticky=True)


EARNED = {0: NOW - 100 * DAY}


@pytest.mark.parametrize(
    ("known", "kept"),
    [
        ({"earned": EARNED}, True),
        ({"earned": EARNED, "ledger": grant(GOLD, holding=Holding.LEFT)}, True),
        ({"earned": EARNED, "membership": NOTHING}, True),
        ({"earned": EARNED, "linked": False}, False),
        ({"earned": {1: NOW}}, False),
        ({"ledger": grant(GOLD)}, False),
        ({}, False),
    ],
)
def test_a_sticky_role_is_kept_by_whoever_met_its_own_condition_once(known: dict[str, Any], *, kept: bool) -> None:
    decision = reconcile(case(STICKY, **known), NOW)

    assert decision.verdicts[0].kept is kept
    assert decision.verdicts[0].earned_at == (EARNED[0] if kept else None)
    assert (GOLD in decision.desired) is kept
    assert decision.earned == frozenset()


def test_a_role_that_another_rule_gave_was_not_earned_by_the_sticky_one() -> None:
    rules = (replace(STICKY, rule=7), replace(rule(GOLD, amount(300)), rule=8))

    paying = reconcile(case(*rules), NOW)
    lapsed = reconcile(case(*rules, membership=NOTHING, ledger=grant(GOLD)), NOW)

    assert paying.desired == {GOLD}
    assert not paying.earned
    assert lapsed.desired == frozenset()


@pytest.mark.parametrize(
    ("known", "earned"),
    [
        ({}, {7}),
        ({"earned": {7: NOW}}, set()),
        ({"earned": {8: NOW}}, {7}),
        ({"linked": False}, set()),
        ({"present": False}, set()),
        ({"membership": NOTHING}, set()),
    ],
)
def test_a_sticky_rule_is_earned_when_it_gives_its_role_the_first_time(known: dict[str, Any], earned: set[int]) -> None:
    sticky, plain = rule(GOLD, amount(500), sticky=True), rule(BRONZE, amount(500))

    assert reconcile(case(replace(sticky, rule=7), replace(plain, rule=9), **known), NOW).earned == earned


def test_a_rule_that_is_not_sticky_any_more_keeps_nothing() -> None:
    decision = reconcile(case(replace(STICKY, sticky=False), earned=EARNED), NOW)

    assert not decision.verdicts[0].kept


def test_a_sticky_role_that_holds_is_kept_only_against_its_rivals() -> None:
    low, high = rule(BRONZE, group="tiers", worth_cents=1, sticky=True), rule(GOLD, group="tiers", worth_cents=2)

    alone = reconcile(case(low, earned=EARNED, policy=TIERED), NOW)
    outranked = reconcile(case(low, high, earned=EARNED, policy=TIERED), NOW)
    never_given = reconcile(case(low, high, policy=TIERED), NOW)

    assert not alone.verdicts[0].kept
    assert outranked.verdicts[0].outranked
    assert outranked.verdicts[0].kept
    assert outranked.desired == {BRONZE, GOLD}
    assert never_given.desired == {GOLD}
    assert not never_given.earned
