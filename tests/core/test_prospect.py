"""What will come of a decision, whatever keeps a role from moving."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.case import Case, Decision
from bot.core.model import (
    Cause,
    DiscordUserId,
    Doubt,
    Grant,
    GuildId,
    Holding,
    Origin,
    Policy,
    RoleChange,
    RoleId,
    Source,
)
from bot.core.prospect import Effect, Held, Move, Prospect, foresee

GUILD, ANN, BOB = GuildId(1), DiscordUserId(1), DiscordUserId(2)
NEW, OLD, DOUBTED = RoleId(1), RoleId(2), RoleId(3)
CASE = Case(GUILD, ANN, linked=True, present=True, policy=Policy())
DECISION = Decision(
    {},
    (),
    frozenset({NEW}),
    RoleChange(frozenset({NEW}), frozenset({OLD})),
    doubts=(Doubt(GUILD, ANN, DOUBTED, 1, Source.LIST),),
)
ENDING = [OLD, DOUBTED]


def some(*roles: RoleId) -> frozenset[RoleId]:
    return frozenset(roles)


def test_what_nothing_keeps_from_moving_moves() -> None:
    assert foresee(CASE, DECISION, {}, some()) == Prospect(DECISION, some(NEW), some(OLD), some(DOUBTED))


def test_what_discord_was_asked_for_is_under_way_until_it_is_seen() -> None:
    ledger = {
        role: Grant(GUILD, ANN, role, Origin.OURS, datetime.now(UTC), Cause.LINKED, holding)
        for role, holding in ((NEW, Holding.GIVEN), (OLD, Holding.REVOKED))
    }
    asked = foresee(replace(CASE, ledger=ledger), replace(DECISION, change=RoleChange(), doubts=()), {}, some())
    seen = foresee(replace(CASE, ledger={NEW: replace(ledger[NEW], holding=Holding.HELD)}), DECISION, {}, some())

    assert (asked.coming, asked.going, asked.gets, asked.loses) == (some(NEW), some(OLD), some(), some())
    assert (seen.coming, seen.going) == (some(), some())


@pytest.mark.parametrize("role", ENDING)
@pytest.mark.parametrize(("answer", "held", "kept", "goes"), [(None, 1, 0, 0), (False, 0, 1, 0), (True, 0, 0, 1)])
def test_what_the_brake_asked_about_goes_only_when_the_staff_said_so(
    role: RoleId, answer: bool | None, held: int, kept: int, goes: int
) -> None:
    seen = foresee(CASE, DECISION, {role: Held(answer)}, some())

    assert (role in seen.held, role in seen.kept, role in seen.loses | seen.doubted) == (held, kept, goes)


def test_what_somebody_gave_up_by_unlinking_is_held_for_nobody() -> None:
    seen = foresee(replace(CASE, linked=False), DECISION, {OLD: Held(approved=False)}, some())

    assert seen.loses == {OLD}


def test_an_answer_about_a_role_that_is_not_ending_means_nothing() -> None:
    seen = foresee(CASE, DECISION, {NEW: Held(approved=False), RoleId(9): Held()}, some())

    assert (seen.gets, seen.held, seen.kept) == (some(NEW), some(), some())


@pytest.mark.parametrize("role", [NEW, OLD, DOUBTED])
def test_a_role_out_of_reach_does_not_move(role: RoleId) -> None:
    seen = foresee(CASE, DECISION, {}, some(role, RoleId(9)))

    assert seen.blocked == {role}
    assert seen.gets | seen.loses | seen.doubted == some(NEW, OLD, DOUBTED) - {role}


@given(
    st.builds(Policy, paused=st.booleans(), shadow=st.booleans()),
    st.dictionaries(
        st.sampled_from([NEW, OLD, DOUBTED]), st.sampled_from([Held(), Held(approved=True), Held(approved=False)])
    ),
    st.frozensets(st.sampled_from([NEW, OLD, DOUBTED])),
    st.booleans(),
)
def test_each_role_of_a_decision_has_one_fate(
    policy: Policy, held: dict[RoleId, Held], blocked: frozenset[RoleId], linked: bool
) -> None:
    seen = foresee(replace(CASE, policy=policy, linked=linked), DECISION, held, blocked)

    fates = [seen.gets, seen.loses, seen.doubted, seen.held, seen.kept, seen.blocked]
    assert sum(map(len, fates)) == 3
    assert frozenset().union(*fates) == {NEW, OLD, DOUBTED}
    assert (seen.paused, seen.shadow) == (policy.paused, policy.shadow)


def test_an_effect_counts_the_roles_of_all_people() -> None:
    effect = Effect(gets=(Move(NEW, 3, (ANN, BOB)), Move(OLD, 1, (ANN,))), loses=(Move(DOUBTED, 2, (ANN, BOB)),))

    assert (effect.adds, effect.takes) == (4, 2)
