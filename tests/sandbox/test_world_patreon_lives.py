"""Whatever people do and however time passes, the simulated Patreon stays one that could exist: found by random lives."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.patreon import bodies
from sandbox.patreon.v1_resources import current_pledges
from sandbox.world import Clock, PatreonWorld, World
from sandbox.world.examples import small_world
from sandbox.world.patreon_model import Membership

NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
TIERS = ("Bronze", "Silver", "Gold")
Step = Callable[[World, str], object]

STEPS: list[Step] = [
    lambda world, who: world.patreon.join_free(who),
    lambda world, who: world.patreon.pledge(who, tier="Bronze"),
    lambda world, who: world.patreon.pledge(who, tier="Gold", cadence=12),
    lambda world, who: world.patreon.pledge(who, cents=770),
    lambda world, who: world.patreon.change_pledge(who, tier="Silver"),
    lambda world, who: world.patreon.change_pledge(who, cents=5_000),
    lambda world, who: world.patreon.decline(who),
    lambda world, who: world.patreon.break_card(who),
    lambda world, who: world.patreon.pay(who),
    lambda world, who: world.patreon.cancel(who),
    lambda world, who: world.patreon.cancel(who, at_once=False),
    lambda world, who: world.patreon.pledge(who, tier="Silver", card_works=False),
    lambda world, who: world.patreon.leave(who),
    lambda world, who: world.patreon.gift(who, "Silver", months=2),
    lambda world, who: world.patreon.trial(who, "Gold"),
    lambda world, who: world.patreon.refund(who),
    lambda world, who: world.patreon.fraud(who),
    lambda world, who: world.patreon.end_period(who),
    lambda world, _who: world.clock.move(timedelta(hours=5)),
    lambda world, _who: world.clock.move(timedelta(days=9)),
    lambda world, _who: world.clock.move(timedelta(days=45)),
]
LIVES = st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from(["Ann", "Ben", "Finn"])), max_size=25)


def live(world: World, steps: list[tuple[Step, str]]) -> None:
    """Do one thing after the other; what is impossible at that moment does not happen."""
    for step, who in steps:
        try:
            step(world, who)
        except LookupError:
            continue


def new_world() -> World:
    return small_world(clock=Clock(lambda: NOON))


def check(membership: Membership, now: datetime) -> None:
    assert membership.status in {None, "active_patron", "declined_patron", "former_patron"}
    assert membership.entitled_cents >= 0
    assert membership.lifetime_cents >= 0
    assert membership.due_at is None or membership.due_at > now
    if membership.status in {None, "former_patron"}:
        assert (membership.entitled_cents, membership.pledge_id, membership.will_pay_cents) == (0, None, 0)
        assert all(tier.amount_cents == 0 for tier in membership.entitled_tiers)
    if membership.gifted:
        assert membership.ends_at is not None
        assert membership.entitled_cents == 0
    if membership.declined_since is not None:
        assert membership.status == "declined_patron"
    if membership.entitled:
        assert membership.pledge_id is not None or membership.ends_at is not None


@settings(max_examples=150, deadline=None)
@given(LIVES)
def test_no_life_leads_into_an_impossible_state(steps: list[tuple[Step, str]]) -> None:
    world = new_world()
    live(world, steps)
    for membership in world.patreon.memberships.values():
        check(membership, world.clock.now())


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_what_webhooks_told_last_is_what_the_list_says(steps: list[tuple[Step, str]]) -> None:
    world = new_world()
    told: dict[str, Any] = {}
    gone: set[str] = set()

    def hear(patreon: PatreonWorld, trigger: str, membership: Membership) -> None:
        if trigger == "members:delete":
            gone.add(membership.id)
        elif trigger.startswith("members:"):
            told[membership.id] = json.loads(bodies.event(patreon, trigger, membership))["data"]

    world.patreon.subscribe(lambda one: hear(world.patreon, one.trigger, one.membership))
    live(world, steps)
    for membership in world.patreon.memberships.values():
        if membership.id in told:
            now_said = json.loads(bodies.event(world.patreon, "members:update", membership))["data"]
            assert told[membership.id] == now_said
    assert gone.isdisjoint(world.patreon.memberships)


@settings(max_examples=60, deadline=None)
@given(LIVES)
def test_v1_hears_of_the_pledges_it_lists(steps: list[tuple[Step, str]]) -> None:
    world = new_world()
    campaign = world.patreon.campaign()
    running = {one.account.id: one.pledge_id for one in current_pledges(campaign)}

    def hear(trigger: str, membership: Membership) -> None:
        if membership.campaign is not campaign or not trigger.startswith("pledges:"):
            return
        if trigger == "pledges:delete":
            running.pop(membership.account.id, None)
        else:
            running[membership.account.id] = membership.pledge_id

    world.patreon.subscribe(lambda one: hear(one.trigger, one.membership))
    live(world, steps)
    assert running == {one.account.id: one.pledge_id for one in current_pledges(campaign)}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=8))
def test_many_short_moves_end_where_one_long_move_does(days: list[int]) -> None:
    short, long = new_world(), new_world()
    for world in (short, long):
        world.patreon.break_card("Ann")
        world.patreon.trial("Ben", "Gold")
    for span in days:
        short.clock.move(timedelta(days=span))
    long.clock.move(timedelta(days=sum(days)))
    for who in ("Ann", "Ben"):
        one, other = short.patreon.membership(who), long.patreon.membership(who)
        assert one is not None
        assert other is not None
        assert _said(one) == _said(other)


def _said(membership: Membership) -> tuple[object, ...]:
    return (
        membership.status,
        membership.entitled_cents,
        membership.last_charge,
        membership.last_charge_at,
        membership.next_charge_at,
        membership.lifetime_cents,
        [tier.title for tier in membership.entitled_tiers],
        [(event.kind, event.at) for event in membership.history],
    )


@pytest.mark.parametrize("tier", TIERS)
def test_more_money_is_never_a_lower_tier(tier: str) -> None:
    patreon = new_world().patreon
    before = patreon.pledge("Ben", tier=tier)
    cents = before.entitled_cents
    patreon.change_pledge("Ben", tier="Gold", cents=2_000)
    assert before.entitled_cents >= cents
    assert [one.title for one in before.entitled_tiers] == ["Gold"]
