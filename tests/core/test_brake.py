"""When the brake holds, and whose losses it counts."""

from dataclasses import replace

import pytest

from bot.core.brake import brake, losses
from bot.core.model import Condition, ConditionKind, Membership, Origin, PatronStatus, Policy, RoleId, RoleRule, TierId
from bot.core.reconcile import reconcile
from tests.core.cases import BRONZE, GOLD, NOTHING, NOW, PAYING, SILVER, amount, case, grant, rule
from tests.core.states import BASE


@pytest.mark.parametrize(
    ("losing", "recent", "holders", "holds"),
    [
        (5, 0, 10, False),
        (6, 0, 10, True),
        (6, 0, 59, True),
        (6, 0, 60, False),
        (10, 0, 100, False),
        (11, 0, 100, True),
        (1, 10, 100, True),
        (1, 9, 100, False),
        (1, 5, 0, True),
        (0, 100, 100, False),
        (750, 0, 750, True),
    ],
)
def test_it_holds_above_the_larger_of_number_and_share(losing: int, recent: int, holders: int, *, holds: bool) -> None:
    assert brake(losing, recent, holders, Policy()) is holds


def test_a_guild_may_set_both() -> None:
    policy = Policy(brake_count=0, brake_percent=50)

    assert not brake(1, 0, 2, policy)
    assert brake(2, 0, 3, policy)


SMALL, LARGE = TierId("small"), TierId("large")
STEPS = (rule(SILVER, Condition(ConditionKind.TIER, tier=SMALL)), rule(GOLD, Condition(ConditionKind.TIER, tier=LARGE)))
EX = rule(BRONZE, Condition(ConditionKind.FORMER))
FREE = rule(BRONZE, Condition(ConditionKind.FREE))
ON_LARGE = replace(BASE, tiers=frozenset({LARGE}))
BLANKED = replace(BASE, tiers=frozenset(), tier_cents=None)


@pytest.mark.parametrize(
    ("rules", "membership", "role", "counts"),
    [
        pytest.param(STEPS, ON_LARGE, SILVER, False, id="a move to another tier"),
        pytest.param((rule(GOLD, amount(99_999)), rule(SILVER, amount(1))), BASE, GOLD, False, id="a step down"),
        pytest.param((*STEPS, FREE), ON_LARGE, BRONZE, False, id="a free member who pays now"),
        pytest.param(STEPS, ON_LARGE, RoleId(77), False, id="a role whose rule was removed, of a patron of another"),
        pytest.param(STEPS, NOTHING, GOLD, True, id="the end of a membership"),
        pytest.param((*STEPS, EX), NOTHING, GOLD, True, id="the end of a membership that gives another role"),
        pytest.param((*STEPS, rule(BRONZE, PAYING)), BLANKED, GOLD, True, id="tiers that Patreon leaves out"),
        pytest.param(STEPS, NOTHING, RoleId(77), True, id="a role whose rule was removed"),
    ],
)
def test_it_counts_who_is_left_without_what_they_paid_for(
    rules: tuple[RoleRule, ...], membership: Membership, role: RoleId, *, counts: bool
) -> None:
    loser = case(*rules, membership=membership, ledger=grant(role))

    assert losses(loser, reconcile(loser, NOW), {role}) == ({role} if counts else set())


def test_what_a_creator_gave_by_hand_is_nobodys_loss() -> None:
    ended = case(*STEPS, membership=NOTHING, ledger=grant(GOLD, Origin.HAND) | grant(SILVER))

    assert losses(ended, reconcile(ended, NOW), {GOLD, SILVER}) == {SILVER}
    assert NOTHING.status is PatronStatus.FORMER
