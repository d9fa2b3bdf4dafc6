"""Changed samples: never a crash, only our errors, and never more entitlement than the unchanged parts carry."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot.core.entitlement import assess
from bot.core.model import CampaignId, Entitlement, Membership, Policy
from bot.errors import PatreonError, WebhookRejected
from bot.patreon.oauth import parse_tokens
from bot.patreon.refusals import read_refusal, refused_field, to_error, to_token_error
from bot.patreon.v1 import V1Dialect
from bot.patreon.v1_objects import V1Document
from bot.patreon.v2 import FIELDS, V2Dialect
from bot.patreon.v2_webhooks import parse_webhooks
from bot.patreon.webhook import parse
from bot.patreon.wire import parse_document
from tests.patreon.samples import DATA, NOW, another, dump, identity, member_body, members_page, raw, sample

CAMPAIGN = CampaignId("8290127")
SAMPLES = sorted(str(file.relative_to(DATA)) for file in DATA.rglob("*.json"))
JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "1", "-1", "user"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give the way to every value inside."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(value[key], (*path, key))


def changed(value: Any, path: tuple[Any, ...], junk: Any, *, drop: bool) -> Any:
    """Give a copy with one value replaced or left out."""
    copied = copy.deepcopy(value)
    target = copied
    for key in path[:-1]:
        target = target[key]
    if drop:
        del target[path[-1]]
    else:
        target[path[-1]] = junk
    return copied


@st.composite
def mutants(draw: st.DrawFn, original: Any) -> bytes:
    """Draw JSON with one to three changes."""
    value = original
    for _ in range(draw(st.integers(1, 3))):
        if found := list(places(value)):
            value = changed(value, draw(st.sampled_from(found)), draw(JUNK), drop=draw(st.booleans()))
    return json.dumps(value).encode()


def read_everything(body: bytes) -> None:
    """Read a body in every way there is; only our own errors may come of it."""
    attempts: list[Callable[[], object]] = [
        lambda: V2Dialect().parse_member(body, NOW),
        lambda: V1Document(parse_document(body)).next_cursor,
        lambda: parse_webhooks(body),
        lambda: parse_tokens(body, NOW),
    ]
    for dialect in (V1Dialect(), V2Dialect()):
        attempts += [
            partial(dialect.parse_list, body, CAMPAIGN, NOW),
            partial(dialect.parse_identity, body, NOW),
            partial(dialect.parse_campaigns, body),
        ]
    for attempt in attempts:
        with suppress(PatreonError):
            attempt()
    with suppress(WebhookRejected):
        parse("members:update", body, NOW)
    refusal = read_refusal(400, body, {})
    assert isinstance(to_error(refusal), PatreonError)
    assert isinstance(to_token_error(refusal), PatreonError)
    refused_field(refusal, FIELDS)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changed_samples_never_crash(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(SAMPLES))
    read_everything(data.draw(mutants(sample(name))))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_bytes_never_crash(data: st.DataObject) -> None:
    body = bytearray(raw(data.draw(st.sampled_from(SAMPLES))))
    for _ in range(data.draw(st.integers(1, 5))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    read_everything(bytes(body[: data.draw(st.integers(0, len(body)))]))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_never_crash(body: bytes) -> None:
    read_everything(body)


def judged(reading: Membership | None) -> Entitlement:
    """Ask the core with everything counted."""
    return assess(reading, Policy(), NOW)


FORMER = {"patron_status": "former_patron", "last_charge_status": "Deleted", "next_charge_date": None}
NOTHING = {**FORMER, "currently_entitled_amount_cents": 0, "will_pay_amount_cents": 0}
# What a change of these says is what Patreon says: they are what entitles.
ENTITLING = {
    "patron_status",
    "last_charge_status",
    "last_charge_date",
    "next_charge_date",
    "currently_entitled_amount_cents",
    "will_pay_amount_cents",
    "is_free_trial",
    "is_gifted",
    "currently_entitled_tiers",
    "amount_cents",
    "data",
    "attributes",
    "relationships",
    "included",
}


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_somebody_entitled_to_nothing_is_not_entitled_by_damage_elsewhere(data: st.DataObject) -> None:
    body = member_body(NOTHING, tiers=[])
    elsewhere = [path for path in places(body) if path[-1] not in ENTITLING]
    mutant = changed(body, data.draw(st.sampled_from(elsewhere)), data.draw(JUNK), drop=data.draw(st.booleans()))
    page = members_page(another(member_body(), "paying", "4711"), mutant) if isinstance(mutant.get("data"), dict) else None
    with suppress(PatreonError):
        assert not judged(V2Dialect().parse_member(dump(mutant), NOW)).active
    if page is not None and "id" in mutant["data"]:
        with suppress(PatreonError, KeyError):
            for row, reading in V2Dialect().parse_list(dump(page), CAMPAIGN, NOW).rows.items():
                assert row == "paying" or not judged(reading).active


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_damage_inside_one_membership_entitles_nobody_to_more(data: st.DataObject) -> None:
    annual = {"currently_entitled_amount_cents": 6000, "pledge_cadence": 12}
    body = member_body(data.draw(st.sampled_from([{}, annual])))
    attributes = body["data"]["attributes"]
    whole = judged(V2Dialect().parse_member(dump(body), NOW))
    junk = data.draw(st.none() | st.booleans() | st.text(max_size=20) | st.floats(allow_nan=False) | st.lists(st.integers()))
    name = data.draw(st.sampled_from(sorted(attributes)))
    drop = data.draw(st.booleans())
    # Null is an answer here: no period at all.
    assume(drop or junk is not None or name != "pledge_cadence")
    mutant = changed(body, ("data", "attributes", name), junk, drop=drop)
    with suppress(PatreonError):
        found = judged(V2Dialect().parse_member(dump(mutant), NOW))
        assert found.tiers <= whole.tiers
        assert found.amount_cents is None or found.amount_cents <= (whole.amount_cents or 0)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_never_gives_one_patrons_membership_to_another(data: st.DataObject) -> None:
    paying, free = member_body(), another(member_body(NOTHING, tiers=[]), "free", "4711")
    answer = identity("4711", free) if data.draw(st.booleans()) else members_page(paying, free)
    ids = {"642344", "c8f779ff-0f41-4326-8142-6c475f38e7e4"}
    structure = [path for path in places(answer) if not set(map(str, path)) & (ENTITLING - {"data", "included"})]
    mutant = changed(answer, data.draw(st.sampled_from(structure)), data.draw(JUNK), drop=data.draw(st.booleans()))
    with suppress(PatreonError):
        readings = (
            V2Dialect().parse_identity(dump(mutant), NOW).memberships
            if isinstance(mutant.get("data"), dict)
            else V2Dialect().parse_list(dump(mutant), CAMPAIGN, NOW).rows.values()
        )
        assert all(not judged(one).active for one in readings if one and one.patron == "4711")
        assert all(one.patron in ids for one in readings if one and judged(one).active)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_pledges_entitle_nobody_to_more(data: st.DataObject) -> None:
    page = sample("v1/pledges_page_1.json")
    if data.draw(st.booleans()):
        for one in page["data"]:
            one["attributes"]["currency"] = "EUR"
        for side in page["included"]:
            side["attributes"]["currency"] = data.draw(st.sampled_from(["EUR", "USD"]))
    whole = {row: judged(one) for row, one in V1Dialect().parse_list(dump(page), CampaignId("70261"), NOW).rows.items()}
    row = data.draw(st.integers(0, len(page["data"]) - 1))
    inside = [path for path in places(page["data"][row]) if path[-1] not in ("id", "declined_since")]
    path = ("data", row, *data.draw(st.sampled_from(inside)))
    junk = data.draw(st.none() | st.booleans() | st.text(max_size=20) | st.lists(st.integers(), max_size=3))
    with suppress(PatreonError):
        readings = V1Dialect().parse_list(
            dump(changed(page, path, junk, drop=data.draw(st.booleans()))), CampaignId("70261"), NOW
        )
        for identifier, one in readings.rows.items():
            found = judged(one)
            assert found.tiers <= whole[identifier].tiers
            assert found.amount_cents is None or found.amount_cents <= (whole[identifier].amount_cents or 0)
