"""From Patreon's own words to the entitlement: each state of ``data/memberships.json`` in both API versions.

That each answer is read field by field as the row says is tested in ``tests/patreon/test_states.py``.
"""

from datetime import datetime

import pytest

from bot.core.entitlement import assess, carry
from bot.core.model import Entitlement, Membership, Policy, Reason
from bot.patreon.v2 import V2Dialect
from tests.core.states import BASE, OBSERVED_AT, READABLE, State, expected, sorted_tiers
from tests.patreon.samples import dump, identity, member_body, raw
from tests.patreon.test_states import v1_reading, v2_body

IN_V2 = [state for state in READABLE if state.v2 is not None]
IN_V1 = [state for state in READABLE if state.v1 is not None]


def known_by_v2(state: State | None) -> Membership | None:
    if state is None:
        return None
    reading = V2Dialect().parse_member(dump(v2_body(state.v2 or {})), state.at)
    return carry(known_by_v2(state.before), reading)


def known_by_v1(state: State | None) -> Membership | None:
    return carry(known_by_v1(state.before), v1_reading(state)) if state else None


@pytest.mark.parametrize("state", IN_V2, ids=lambda state: state.name)
def test_version_2_entitles_to_what_the_row_says(state: State) -> None:
    assert state.expect is not None

    assert expected(assess(known_by_v2(state), state.policy, state.at)) == sorted_tiers(state.expect)


@pytest.mark.parametrize("state", IN_V1, ids=lambda state: state.name)
def test_version_1_entitles_to_the_same(state: State) -> None:
    assert state.expect is not None

    assert expected(assess(known_by_v1(state), state.policy, state.at)) == sorted_tiers(state.expect)


def recorded(name: str, now: datetime = OBSERVED_AT) -> Entitlement:
    return assess(carry(None, V2Dialect().parse_member(raw(f"v2/{name}.json"), now)), Policy(), now)


@pytest.mark.parametrize(
    ("name", "active", "reason", "cents"),
    [
        ("seq1_members_update", False, Reason.PENDING, 0),
        ("seq2_members_pledge_create", True, Reason.PENDING, 500),
        ("seq3_members_update", True, Reason.PAID, 500),
        ("zulip_members_create", False, Reason.FREE, 0),
        ("zulip_members_pledge_create", True, Reason.PAID, 500),
    ],
)
def test_recorded_answers_unchanged(name: str, reason: Reason, cents: int, *, active: bool) -> None:
    entitlement = recorded(name)

    assert (entitlement.active, entitlement.reason, entitlement.amount_cents) == (active, reason, cents)


def test_another_campaigns_membership_first_in_the_list_is_not_ours() -> None:
    ours = member_body()
    theirs = member_body({"patron_status": "former_patron", "currently_entitled_amount_cents": 0}, tiers=[])
    theirs["data"]["id"] = "elsewhere"
    theirs["data"]["relationships"]["campaign"]["data"]["id"] = "1"

    found = V2Dialect().parse_identity(dump(identity(str(BASE.patron), theirs, ours)), OBSERVED_AT)

    assert [membership.campaign for membership in found.memberships] == ["1", BASE.campaign]
    assert found.membership_of(BASE.campaign) == BASE
