"""Both dialects against the table of membership states: what is said there of Patreon's answer is what is read from it."""

from dataclasses import replace
from typing import Any

import pytest

from bot.core.model import CampaignId, Membership, PatronStatus, Source
from bot.core.readings import ended
from bot.errors import UnexpectedAnswer
from bot.patreon.v1 import V1Dialect
from bot.patreon.v2 import V2Dialect
from bot.patreon.webhook import parse
from tests.core.states import BASE, STATES, State
from tests.patreon.samples import dump, member_body, pledge_body

IN_V2 = [name for name, state in STATES.items() if state.v2 is not None]
IN_V1 = [name for name, state in STATES.items() if state.v1 is not None]


def v2_body(said: dict[str, Any]) -> Any:
    """Change the recorded paying member as a state asks."""
    special = {"tiers", "prices", "user", "drop", "owner", "trigger"}
    body = member_body({name: value for name, value in said.items() if name not in special}, tiers=said.get("tiers"))
    for name in said.get("drop", ()):
        del body["data"]["attributes"][name]
    for tier, cents in said.get("prices", {}).items():
        body["included"] = [side for side in body["included"] if side["id"] != tier]
        body["included"].append({"type": "tier", "id": tier, "attributes": {"amount_cents": cents}})
    if "user" in said:
        users = [side for side in body["included"] if side["type"] == "user"]
        body["included"] = [side for side in body["included"] if side["type"] != "user"]
        if said["user"] is not None:
            body["included"].append({**users[0], "attributes": said["user"]})
    if "owner" in said:
        body["data"]["relationships"]["user"] = {"data": said["owner"]}
    return body


@pytest.mark.parametrize("name", IN_V2)
def test_version_2(name: str) -> None:
    state: State = STATES[name]
    assert state.v2 is not None
    body = dump(v2_body(state.v2))
    if state.fields is None:
        with pytest.raises(UnexpectedAnswer):
            V2Dialect().parse_member(body, state.at)
        return
    assert V2Dialect().parse_member(body, state.at) == replace(state.reading, serial=0)
    heard = replace(state.reading, source=Source.WEBHOOK, serial=0)
    assert parse("members:update", body, state.at).membership == heard
    assert parse("members:pledge:delete", body, state.at).membership == ended(heard)


def v1_reading(state: State) -> Membership:
    said = dict(state.v1 or {})
    reward = said.pop("reward", "8348592")
    page = pledge_body({"amount_cents": 500, **said}, reward=reward, patron=str(BASE.patron))
    tier = {"type": "reward", "id": "8348592", "attributes": {"amount_cents": 500}}
    tier["relationships"] = {"campaign": {"data": {"type": "campaign", "id": str(BASE.campaign)}}}
    page["included"] = [tier]
    (found,) = V1Dialect().parse_list(dump(page), CampaignId(BASE.campaign), state.at).rows.values()
    assert found is not None
    return found


@pytest.mark.parametrize("name", IN_V1)
def test_version_1(name: str) -> None:
    state = STATES[name]
    found, expected = v1_reading(state), state.reading
    assert (found.patron, found.campaign, found.tiers) == (expected.patron, expected.campaign, expected.tiers)
    assert (found.amount_cents, found.tier_cents) == (expected.amount_cents, expected.tier_cents)
    assert found.status is expected.status
    # v1 names the first decline where v2 names the last try, so it can only be earlier.
    assert (found.declined_since is None) is (found.status is not PatronStatus.DECLINED)
    assert found.declined_since is None or found.declined_since <= state.at


def test_both_versions_are_asked_about_enough_states() -> None:
    assert len(IN_V2) >= 40
    assert len(IN_V1) >= 10
