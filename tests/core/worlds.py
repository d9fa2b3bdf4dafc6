"""Generated worlds for the laws: every status, charge, rule, policy and ledger that can be, plausible or not."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from bot.core.case import Case
from bot.core.model import (
    CampaignId,
    Cause,
    Charge,
    Condition,
    ConditionKind,
    Doubt,
    Grant,
    Holding,
    ManualGrant,
    Membership,
    MembershipId,
    Origin,
    PaidFor,
    PatronStatus,
    Policy,
    Revocable,
    RoleId,
    RoleRule,
    Source,
    TierId,
)
from tests.core.cases import BRONZE, GOLD, GUILD, NOW, OURS, SILVER, THEIRS, USER, by_hand
from tests.core.states import BASE, serial_at

FREE, SMALL, LARGE = TierId("free"), TierId("small"), TierId("large")
PRICES = {FREE: 0, SMALL: 300, LARGE: 900}
ROLES = (BRONZE, SILVER, GOLD, RoleId(40))
# Conditions that more money can only bring nearer; the others ask for its absence, or who paid.
MONTHS = (ConditionKind.MONTHS, ConditionKind.MONTHS_IN_A_ROW)
BOUGHT = (ConditionKind.TIER, ConditionKind.AMOUNT, ConditionKind.LIFETIME, ConditionKind.MONTHS, ConditionKind.PAYING)

spans = st.integers(-20, 20).map(lambda half_days: timedelta(hours=12 * half_days))
instants = spans.map(lambda span: NOW + span)
cents = st.sampled_from([0, 100, 300, 500, 900, 2000])


@st.composite
def memberships(draw: st.DrawFn, campaign: CampaignId = OURS) -> Membership:
    """Draw a reading in any combination of what Patreon may say, contradictions included."""
    observed_at = draw(instants)
    tiers = draw(st.frozensets(st.sampled_from([FREE, SMALL, LARGE])))
    priced = draw(st.booleans())
    return replace(
        BASE,
        campaign=campaign,
        status=draw(st.sampled_from(PatronStatus)),
        charge=draw(st.sampled_from(Charge)),
        observed_at=observed_at,
        serial=serial_at(observed_at),
        amount_cents=draw(st.none() | cents),
        will_pay_cents=draw(st.none() | cents),
        tiers=tiers,
        tier_cents=max((PRICES[tier] for tier in tiers), default=None) if priced else None,
        declined_since=draw(st.none() | instants),
        paid_through=draw(st.none() | instants),
        lifetime_cents=draw(st.none() | cents),
        since=draw(st.none() | instants.map(lambda instant: instant - timedelta(days=300))),
        gifted=draw(st.booleans()),
        trial=draw(st.booleans()),
        membership=draw(st.sampled_from([None, MembershipId("m")])),
        source=draw(st.sampled_from(Source)),
        paid_for=draw(st.sampled_from([None, PaidFor(frozenset({SMALL}), 300, 300), PaidFor(frozenset(), 2000, None)])),
    )


@st.composite
def rules(draw: st.DrawFn, kinds: tuple[ConditionKind, ...] = tuple(ConditionKind)) -> RoleRule:
    """Draw a rule of one of the kinds; a tier it names costs money where only BOUGHT kinds are asked for."""
    kind = draw(st.sampled_from(kinds))
    tiers = [SMALL, LARGE] if kinds == BOUGHT else [FREE, SMALL, LARGE]
    if kind is ConditionKind.TIER:
        condition = Condition(kind, tier=draw(st.sampled_from(tiers)))
    else:
        condition = Condition(kind, draw(st.integers(8, 12) if kind in MONTHS else cents))
    return RoleRule(
        rule=draw(st.integers(0, 99)),
        guild=GUILD,
        campaign=draw(st.sampled_from([OURS, THEIRS])),
        role=draw(st.sampled_from(ROLES)),
        condition=condition,
        group=draw(st.sampled_from(["", "tiers"])),
        sticky=draw(st.booleans()),
        worth_cents=draw(cents),
    )


policies = st.builds(
    Policy,
    declined_grace=st.integers(0, 10).map(lambda days: timedelta(days=days)),
    keep_paid_through=st.booleans(),
    count_pending=st.booleans(),
    count_trials=st.booleans(),
    count_gifts=st.booleans(),
    count_refunded=st.booleans(),
    highest_only=st.sampled_from([frozenset(), frozenset({"tiers"})]),
    revocable=st.sampled_from(Revocable),
    restore_drift=st.booleans(),
    shadow=st.booleans(),
    paused=st.booleans(),
)


@st.composite
def ledgers(draw: st.DrawFn) -> dict[RoleId, Grant]:
    """Draw what is known of somebody's managed roles."""
    roles = draw(st.frozensets(st.sampled_from(ROLES)))
    return {
        role: Grant(GUILD, USER, role, draw(st.sampled_from(Origin)), NOW, Cause.LINKED, draw(st.sampled_from(Holding)))
        for role in sorted(roles)
    }


@st.composite
def manual_grants(draw: st.DrawFn) -> ManualGrant:
    """Draw a creator's own grant."""
    return by_hand(draw(st.sampled_from(ROLES)), draw(st.none() | instants))


@st.composite
def cases(draw: st.DrawFn, kinds: tuple[ConditionKind, ...] = tuple(ConditionKind)) -> Case:
    """Draw one person in one guild, with everything that may be known of them."""
    read = draw(st.frozensets(st.sampled_from([OURS, THEIRS])))
    doubted = draw(st.dictionaries(st.sampled_from(ROLES), st.tuples(instants, st.sampled_from(Source))))
    return Case(
        guild=GUILD,
        user=USER,
        linked=draw(st.sampled_from([True, True, True, False])),
        present=draw(st.sampled_from([True, True, True, False])),
        policy=draw(policies),
        rules=tuple(draw(st.lists(rules(kinds), max_size=5))),
        memberships={campaign: draw(memberships(campaign)) for campaign in sorted(read)},
        manual=tuple(draw(st.lists(manual_grants(), max_size=2))),
        ledger=draw(ledgers()),
        doubts={role: Doubt(GUILD, USER, role, serial_at(at), source) for role, (at, source) in doubted.items()},
        unreadable=draw(st.sampled_from([frozenset(), frozenset(), frozenset({OURS})])),
        broken_since=draw(st.none() | instants),
        earned=draw(st.dictionaries(st.integers(0, 99), instants, max_size=3)),
    )
