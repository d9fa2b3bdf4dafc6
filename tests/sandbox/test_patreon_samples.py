"""The simulated Patreon's answers have the shapes of the recorded ones: the same keys at the same places."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from sandbox.patreon import bodies
from tests.sandbox.patreon_life import ALL_V1, SAMPLES, Life, living, sample

RECORDED_BODY = SAMPLES / "v1/webhook_pledges_create_anon.body"


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with living() as one:
        yield one


def attributes(document: Any, kind: str, number: str | None = None) -> list[set[str]]:
    """Return the distinct sets of attribute names that resources of a type have in a document."""
    rows = document["data"] if isinstance(document["data"], list) else [document["data"]]
    found = [one for one in [*rows, *document.get("included", [])] if one["type"] == kind]
    sets: list[set[str]] = []
    for one in found:
        names = set(one["attributes"])
        if names not in sets and number in {None, one["id"]}:
            sets.append(names)
    return sets


def relations(resource: Any) -> dict[str, tuple[str, bool]]:
    """Return each relationship's kind of data and whether it has links."""
    shape = {}
    for name, value in resource.get("relationships", {}).items():
        shape[name] = (type(value["data"]).__name__, "links" in value)
    return shape


async def v1(life: Life, path: str, who: str | None = None) -> Any:
    life.world.patreon.old_v1 = True
    token = await life.token_of(who, ALL_V1) if who else None
    return (await life.get(f"/oauth2/api/{path}", token=token)).json


async def test_current_user_has_the_recorded_shape(life: Life) -> None:
    recorded, made = sample("v1/current_user.json"), await v1(life, "current_user", "Ann")
    assert made.keys() == recorded.keys()
    assert made["data"]["attributes"].keys() == recorded["data"]["attributes"].keys()
    assert relations(made["data"]) == relations(recorded["data"])
    for kind in ("pledge", "card", "campaign", "goal"):
        assert attributes(made, kind)[0] in attributes(recorded, kind)
    [creator] = attributes(made, "user", life.world.patreon.account("Clara").id)
    assert creator in attributes(recorded, "user")
    assert "email" not in creator


async def test_current_users_pledges_relate_to_what_the_recorded_ones_do(life: Life) -> None:
    recorded, made = sample("v1/current_user.json"), await v1(life, "current_user", "Ann")
    with_reward = "1188921"
    [expected] = [
        one
        for one in recorded["included"]
        if one["type"] == "pledge" and (one["relationships"]["reward"]["data"] or {}).get("id") == with_reward
    ]
    [pledge] = [one for one in made["included"] if one["type"] == "pledge"]
    assert relations(pledge) == relations(expected)
    [campaign] = [one for one in made["included"] if one["type"] == "campaign"]
    assert relations(campaign) == relations(next(one for one in recorded["included"] if one["type"] == "campaign"))


async def test_pages_of_pledges_have_the_recorded_shape(life: Life) -> None:
    life.world.patreon.pledge("Ben", tier="Gold")
    life.world.patreon.pledge("Finn", cents=700)
    recorded = sample("v1/pledges_page_1.json")
    path = f"campaigns/{life.world.patreon.campaign().id}/pledges?page%5Bcount%5D=2"
    made = await v1(life, path)
    assert made.keys() == recorded.keys()
    assert made["links"].keys() == recorded["links"].keys()
    assert made["meta"].keys() == recorded["meta"].keys()
    assert made["data"][0]["attributes"].keys() == recorded["data"][0]["attributes"].keys()
    assert relations(made["data"][0]) == relations(recorded["data"][2])
    for kind in ("user", "reward", "campaign", "goal"):
        assert all(names in attributes(recorded, kind) for names in attributes(made, kind))
    last = await life.ask("GET", made["links"]["next"], token=life.creator)
    assert last.json["links"].keys() == sample("v1/pledges_page_2.json")["links"].keys()


async def test_a_custom_pledge_has_no_reward_as_recorded(life: Life) -> None:
    life.world.patreon.change_pledge("Ann", cents=650)
    made = await v1(life, f"campaigns/{life.world.patreon.campaign().id}/pledges")
    assert relations(made["data"][0]) == relations(sample("v1/pledges_page_1.json")["data"][0])


async def test_links_of_pages_are_written_as_recorded(life: Life) -> None:
    life.world.patreon.pledge("Ben", tier="Gold")
    life.world.clock.move(timedelta(seconds=1))
    life.world.patreon.pledge("Finn", tier="Gold")
    made = (await v1(life, f"campaigns/{life.world.patreon.campaign().id}/pledges?page%5Bcount%5D=2"))["links"]
    recorded = sample("v1/pledges_page_1.json")["links"]
    assert [_parameters(made[name]) for name in ("first", "next")] == [
        _parameters(recorded[name]) for name in ("first", "next")
    ]
    assert "T" in made["next"]
    assert made["next"].endswith("%2B00%3A00")


def _parameters(url: str) -> list[str]:
    return [pair.partition("=")[0] for pair in url.partition("?")[2].split("&")]


async def test_campaigns_have_the_recorded_shape_and_the_first_pledges(life: Life) -> None:
    recorded, made = sample("v1/campaigns.json"), await v1(life, "current_user/campaigns")
    assert made["data"][0]["attributes"].keys() == recorded["data"][0]["attributes"].keys()
    shape = relations(made["data"][0])
    assert shape.pop("pledges") == ("list", True)
    assert shape == relations(recorded["data"][0])
    assert all(names in attributes(recorded, "reward") for names in attributes(made, "reward"))
    assert attributes(made, "goal") == attributes(recorded, "goal")


async def test_a_page_of_members_has_the_recorded_shape(life: Life) -> None:
    life.world.patreon.campaign().shows_discord = True
    life.world.patreon.account("Ann").discord_id = "450636273385059377"
    recorded = sample("v2/members_page_min.json")
    path = f"/oauth2/v2/campaigns/{life.world.patreon.campaign().id}/members"
    made = (
        await life.get(path, include="user,currently_entitled_tiers", fields__user="social_connections", page__count="500")
    ).json
    assert made.keys() == recorded.keys()
    assert made["meta"] == recorded["meta"]
    assert made["data"][0].keys() == recorded["data"][0].keys()
    assert relations(made["data"][0]) == relations(recorded["data"][0])
    assert {one["type"]: one.keys() for one in made["included"]} == {one["type"]: one.keys() for one in recorded["included"]}
    connections = made["included"][0]["attributes"]["social_connections"]
    assert connections["discord"] == recorded["included"][0]["attributes"]["social_connections"]["discord"]


@pytest.mark.parametrize(
    ("name", "trigger", "newer"),
    [
        ("seq1_members_update", "members:update", {"is_gifted"}),
        ("seq2_members_pledge_create", "members:pledge:create", {"is_gifted"}),
        ("seq3_members_update", "members:update", {"is_gifted"}),
        ("zulip_members_pledge_create", "members:pledge:create", {"is_gifted"}),
    ],
)
async def test_bodies_of_v2s_webhooks_have_the_recorded_shape(life: Life, name: str, trigger: str, newer: set[str]) -> None:
    recorded = sample(f"v2/{name}.json")
    ann = life.world.patreon.membership("Ann")
    assert ann is not None
    made = json.loads(bodies.event(life.world.patreon, trigger, ann))
    assert made.keys() == recorded.keys()
    assert set(made["data"]["attributes"]) - newer == set(recorded["data"]["attributes"]) - newer
    assert relations(made["data"]) == relations(recorded["data"])
    for kind in ("campaign", "tier"):
        assert not attributes(recorded, kind) or attributes(made, kind) == attributes(recorded, kind)
    [user] = attributes(made, "user")
    assert user - {"social_connections"} == attributes(recorded, "user")[0] - {"social_connections"}
    assert "email" not in user


async def test_the_three_bodies_of_a_returning_patron_tell_what_the_recorded_three_tell(life: Life) -> None:
    patreon = life.world.patreon
    patreon.join_free("Ben")
    told: list[Any] = []
    patreon.subscribe(lambda one: told.append((one.trigger, json.loads(bodies.event(patreon, one.trigger, one.membership)))))
    patreon.pledge("Ben", tier="Silver")
    made = [(trigger, _story(body)) for trigger, body in told if trigger.startswith("members:")]
    names = ("seq1_members_update", "seq2_members_pledge_create", "seq3_members_update")
    recorded = [_story(sample(f"v2/{name}.json")) for name in names]
    assert [story for _, story in made] == recorded
    assert [trigger for trigger, _ in made] == ["members:update", "members:pledge:create", "members:update"]


def _story(body: Any) -> tuple[Any, ...]:
    member = body["data"]["attributes"]
    tiers = {one["id"]: one["attributes"]["amount_cents"] for one in body["included"] if one["type"] == "tier"}
    entitled = [tiers[one["id"]] > 0 for one in body["data"]["relationships"]["currently_entitled_tiers"]["data"]]
    names = ("patron_status", "last_charge_status", "currently_entitled_amount_cents", "will_pay_amount_cents")
    return (*(member[name] for name in names), entitled)


async def test_the_body_of_v1s_webhook_has_the_recorded_shape(life: Life) -> None:
    life.world.patreon.old_v1 = True
    recorded = json.loads(RECORDED_BODY.read_bytes())
    ann = life.world.patreon.membership("Ann")
    assert ann is not None
    made = json.loads(bodies.event(life.world.patreon, "pledges:create", ann))
    assert made.keys() - {"links"} == recorded.keys() - {"links"}
    assert made["data"]["attributes"].keys() == recorded["data"]["attributes"].keys()
    expected = relations(recorded["data"])
    assert {name: shape for name, shape in relations(made["data"]).items() if name in expected and name != "address"} == {
        name: shape for name, shape in expected.items() if name in {"creator", "patron", "reward"}
    }


async def test_the_body_of_v1s_webhook_has_the_shape_recorded_in_2020(life: Life) -> None:
    recorded = sample("v1/webhook_pledges_create_2020.json")
    clara = life.world.patreon.account("Clara")
    life.world.patreon.pledge(clara, tier="Silver")
    membership = life.world.patreon.membership(clara)
    assert membership is not None
    made = json.loads(bodies.event(life.world.patreon, "pledges:create", membership))
    assert made.keys() == recorded.keys()
    assert made["data"]["attributes"].keys() == recorded["data"]["attributes"].keys()
    assert relations(made["data"]) == relations(recorded["data"])
    assert attributes(made, "campaign") == attributes(recorded, "campaign")
    assert attributes(made, "user") == attributes(recorded, "user")
    assert all(names in attributes(recorded, "reward") for names in attributes(made, "reward"))


async def test_a_body_is_compact_ascii_as_the_recorded_one(life: Life) -> None:
    recorded = RECORDED_BODY.read_bytes()
    life.world.patreon.account("Ann").last_name = "Żółć"
    ann = life.world.patreon.membership("Ann")
    assert ann is not None
    for trigger in ("pledges:create", "members:update"):
        made = bodies.event(life.world.patreon, trigger, ann)
        assert made.isascii()
        assert b"\\u017b" in made
        assert b'": ' not in made.replace(b'\\"', b"")
    assert recorded.isascii()


async def test_the_recorded_signature_is_what_we_would_sign() -> None:
    vector = sample("v1/webhook_pledges_create_anon.signed.json")
    body = RECORDED_BODY.read_bytes()
    assert bodies.sign(body, vector["secret"]) == vector["signature"]


async def test_the_test_button_of_v2_sends_a_shape_of_its_own(life: Life) -> None:
    recorded = sample("v2/webhook_portaltest_a.json")
    made = json.loads(bodies.button(life.world.patreon, "members:create", life.world.patreon.campaign()))
    assert made["data"]["id"] is None
    assert made["data"]["attributes"].keys() == recorded["data"]["attributes"].keys()
    assert made["data"]["relationships"].keys() == recorded["data"]["relationships"].keys()
    assert made["links"]["self"].endswith("/members/None")
    assert {"campaign", "user", "reward"} <= {one["type"] for one in made["included"]}


async def test_the_test_button_of_v1_sends_a_pledge_of_nobody(life: Life) -> None:
    life.world.patreon.old_v1 = True
    recorded = sample("v1/webhook_pledges_test_null_id.json")
    made = json.loads(bodies.button(life.world.patreon, "pledges:create", life.world.patreon.campaign()))
    assert (made["data"]["id"], made["data"]["attributes"]["created_at"]) == (None, None)
    assert made["data"]["attributes"].keys() == recorded["data"]["attributes"].keys()
    assert made["links"]["self"].endswith("/pledges/None")
    patron, creator = (made["data"]["relationships"][name]["data"]["id"] for name in ("patron", "creator"))
    assert patron == creator == life.world.patreon.account("Clara").id
