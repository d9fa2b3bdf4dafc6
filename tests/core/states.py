"""Reads ``data/memberships.json``: membership states, each with what it entitles to. Says nothing of wire formats.

A state's ``fields`` differ from BASE (a patron who paid, as ``v2/seq3_members_update.json`` recorded one), ``after``
names the state read before it, ``policy`` the settings that differ from the defaults, ``v2`` and ``v1`` what to change
in the recorded answers to get it from Patreon. ``fields`` null: no membership can be read from such an answer.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.core.entitlement import assess, carry
from bot.core.model import (
    CampaignId,
    Charge,
    Entitlement,
    Membership,
    MembershipId,
    PatronId,
    PatronStatus,
    Policy,
    TierId,
)

OBSERVED_AT = datetime.fromisoformat("2024-02-10T12:00:00Z")


def serial_at(instant: datetime) -> int:
    """Give the serial of what is read at an instant, in a world whose clock never jumps."""
    return (instant - OBSERVED_AT) // timedelta(microseconds=1)


BASE = Membership(
    patron=PatronId("642344"),
    campaign=CampaignId("8290127"),
    status=PatronStatus.ACTIVE,
    observed_at=OBSERVED_AT,
    serial=serial_at(OBSERVED_AT),
    charge=Charge.PAID,
    amount_cents=500,
    will_pay_cents=500,
    tiers=frozenset({TierId("8348592")}),
    tier_cents=500,
    paid_through=datetime.fromisoformat("2024-03-01T00:00:00Z"),
    lifetime_cents=5000,
    since=datetime.fromisoformat("2022-03-07T07:34:51.725Z"),
    membership=MembershipId("c8f779ff-0f41-4326-8142-6c475f38e7e4"),
)
_INSTANTS = {"paid_through", "declined_since", "since"}
_ENUMS = {"status": PatronStatus, "charge": Charge}


@dataclass(frozen=True)
class State:
    """One state of the data file; ``at`` is when it is read and judged."""

    name: str
    at: datetime
    fields: dict[str, Any] | None
    expect: dict[str, Any] | None
    policy: Policy
    after: str | None = None
    v2: dict[str, Any] | None = None
    v1: dict[str, Any] | None = field(default=None)

    @property
    def reading(self) -> Membership:
        """What Patreon says in this state."""
        assert self.fields is not None
        return replace(
            BASE,
            observed_at=self.at,
            serial=serial_at(self.at),
            **{name: _value(name, said) for name, said in self.fields.items()},
        )

    @property
    def before(self) -> "State | None":
        """The state that was read before this one."""
        return STATES[self.after] if self.after else None

    def known(self) -> Membership:
        """Give what is known after this reading."""
        return carry(self.before.known() if self.before else None, self.reading)

    def entitlement(self) -> Entitlement:
        """Ask the core."""
        return assess(self.known(), self.policy, self.at)


def expected(entitlement: Entitlement) -> dict[str, Any]:
    """Write an entitlement as the data file does."""
    found = {
        "active": entitlement.active,
        "reason": entitlement.reason.value,
        "ends": entitlement.ends_at.isoformat().replace("+00:00", "Z") if entitlement.ends_at else None,
        "amount": entitlement.amount_cents,
        "tiers": sorted(entitlement.tiers),
    }
    return found | ({"former": True} if entitlement.former else {})


def sorted_tiers(expect: dict[str, Any]) -> dict[str, Any]:
    """Put the tiers of an expectation in order: Patreon has none."""
    return expect | {"tiers": sorted(expect["tiers"])}


def _value(name: str, said: Any) -> Any:
    if said is None:
        return None
    if name in _INSTANTS:
        return datetime.fromisoformat(said)
    if name in _ENUMS:
        return _ENUMS[name](said)
    return frozenset(map(TierId, said)) if name == "tiers" else said


def _read(row: dict[str, Any]) -> State:
    settings = dict(row.get("policy", {}))
    grace = settings.pop("declined_grace_days", 7)
    return State(
        name=row["name"],
        at=datetime.fromisoformat(row["at"]) if "at" in row else OBSERVED_AT,
        fields=row["fields"],
        expect=row["expect"],
        policy=Policy(declined_grace=timedelta(days=grace), **settings),
        after=row.get("after"),
        v2=row.get("v2"),
        v1=row.get("v1"),
    )


_ROWS = json.loads((Path(__file__).parent / "data" / "memberships.json").read_text())
STATES = {row["name"]: _read(row) for row in _ROWS}
READABLE = [state for state in STATES.values() if state.fields is not None]
