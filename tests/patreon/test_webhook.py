"""Whose a webhook is, and what it says."""

import json

import pytest

from bot.core.model import CampaignId, Charge, PatronId, PatronStatus, Source
from bot.core.readings import absent
from bot.errors import WebhookRejected
from bot.patreon.answers import WebhookNotice
from bot.patreon.webhook import parse, sign, verify
from tests.patreon.samples import NOW, dump, member_body, raw, sample

SIGNED = sample("v1/webhook_pledges_create_anon.signed.json")
BODY = raw("v1/webhook_pledges_create_anon.body")


def documented_pledge() -> dict[str, object]:
    """Give the payload of the v1 documentation, with the objects it only hints at."""
    pledge = {
        "attributes": {
            "amount_cents": 250,
            "created_at": "2015-05-18T23:50:42+00:00",
            "declined_since": None,
            "patron_pays_fees": False,
            "pledge_cap_cents": None,
        },
        "id": "1",
        "relationships": {
            "creator": {"data": {"id": "3024102", "type": "user"}},
            "patron": {"data": {"id": "32187", "type": "user"}},
            "reward": {"data": {"id": "599336", "type": "reward"}},
        },
        "type": "pledge",
    }
    creator = {"type": "user", "id": "3024102", "relationships": {"campaign": {"data": {"type": "campaign", "id": "70"}}}}
    reward = {"type": "reward", "id": "599336", "attributes": {"amount_cents": 250}}
    return {"data": pledge, "included": [creator, {"type": "user", "id": "32187"}, reward]}


def test_the_signature_over_the_recorded_bytes_is_right() -> None:
    assert len(BODY) == SIGNED["bytes"]
    assert sign(BODY, SIGNED["secret"]) == SIGNED["signature"]
    verify(BODY, SIGNED["signature"], [SIGNED["secret"]])


def test_one_right_secret_among_several_is_enough() -> None:
    verify(BODY, SIGNED["signature"], ["another", SIGNED["secret"], ""])


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "0" * 32,
        SIGNED["signature"].upper(),
        SIGNED["signature"][:-1],
        SIGNED["signature"] + "0",
        " " + SIGNED["signature"],
        "ü" * 32,
        "ü" * 16,
        "\udcff" * 32,
        "\ud800" * 8,
    ],
)
def test_any_other_signature_is_refused_with_401(signature: str | None) -> None:
    with pytest.raises(WebhookRejected) as caught:
        verify(BODY, signature, [SIGNED["secret"]])
    assert caught.value.status == 401


@pytest.mark.parametrize("secrets", [[], [""], ["another"]])
def test_without_the_right_secret_nothing_is_patreons(secrets: list[str]) -> None:
    with pytest.raises(WebhookRejected):
        verify(BODY, SIGNED["signature"], secrets)
    with pytest.raises(WebhookRejected):
        verify(BODY, sign(BODY, ""), secrets)


def test_a_body_written_anew_is_not_what_was_signed() -> None:
    with pytest.raises(WebhookRejected):
        verify(json.dumps(json.loads(BODY)).encode(), SIGNED["signature"], [SIGNED["secret"]])


def test_the_order_of_a_returning_patron_as_it_was_recorded() -> None:
    names = ("seq1_members_update", "seq2_members_pledge_create", "seq3_members_update")
    triggers = ("members:update", "members:pledge:create", "members:update")
    notices = [parse(trigger, raw(f"v2/{name}.json"), NOW) for trigger, name in zip(triggers, names, strict=True)]
    assert {(one.patron, one.campaign) for one in notices} == {("642344", "8290127")}
    said = [one.membership for one in notices]
    assert [(one.charge, one.amount_cents, one.tier_cents, one.source) for one in said if one] == [
        (Charge.PENDING, 0, 0, Source.WEBHOOK),
        (Charge.PENDING, 500, 500, Source.WEBHOOK),
        (Charge.PAID, 500, 500, Source.WEBHOOK),
    ]
    assert notices[0].membership_id == "c8f779ff-0f41-4326-8142-6c475f38e7e4"


def test_a_free_member_who_joins() -> None:
    notice = parse("members:create", raw("v2/zulip_members_create.json"), NOW)
    assert notice.membership is not None
    assert (notice.membership.status, notice.membership.charge) == (PatronStatus.NONE, Charge.NONE)


def test_a_patron_who_pays_and_has_no_tier() -> None:
    notice = parse("members:pledge:create", raw("v2/zulip_members_pledge_create.json"), NOW)
    assert notice.membership is not None
    assert (notice.membership.amount_cents, notice.membership.tiers) == (500, frozenset())


@pytest.mark.parametrize("trigger", ["members:delete", "members:pledge:delete", "pledges:delete", "pledge:delete"])
def test_a_delete_says_that_it_is_over_though_its_body_still_says_active(trigger: str) -> None:
    body = dump(member_body()) if trigger.startswith("members") else dump(documented_pledge())
    said = parse(trigger, body, NOW).membership
    active = parse(trigger.replace("delete", "update"), body, NOW).membership
    assert said is not None
    assert active is not None
    assert (said.status, said.amount_cents, said.tiers, said.source) == (
        PatronStatus.FORMER,
        0,
        frozenset(),
        Source.WEBHOOK,
    )
    assert active.status is PatronStatus.ACTIVE
    assert (said.paid_through, said.since, said.membership) == (active.paid_through, active.since, active.membership)


@pytest.mark.parametrize("trigger", ["members:delete", "members:pledge:delete"])
def test_a_delete_that_cannot_be_read_says_that_it_is_over_all_the_same(trigger: str) -> None:
    body = member_body({"patron_status": "hibernating"})
    said = parse(trigger, dump(body), NOW).membership
    assert said == absent(PatronId("642344"), CampaignId("8290127"), NOW, source=Source.WEBHOOK)
    assert parse("members:pledge:update", dump(body), NOW).membership is None
    del body["data"]["relationships"]["campaign"]
    assert parse(trigger, dump(body), NOW).membership is None
    del body["data"]["relationships"]["user"]
    assert parse(trigger, dump(body), NOW).patron is None


@pytest.mark.parametrize(
    "name",
    [
        "v1/webhook_pledges_create_2020.json",
        "v1/webhook_pledges_create_anon.body",
        "v1/webhook_pledges_test_null_id.json",
        "v2/webhook_portaltest_a.json",
    ],
)
def test_the_test_button_says_nothing_of_anybody(name: str) -> None:
    assert parse("members:update", raw(name), NOW) == WebhookNotice("members:update")


def test_the_pledge_of_the_v1_documentation() -> None:
    notice = parse("pledges:create", dump(documented_pledge()), NOW)
    assert (notice.patron, notice.campaign, notice.membership_id) == ("32187", "70", None)
    assert notice.membership is not None
    assert notice.membership.amount_cents == 250
    assert notice.membership.tiers == {"599336"}


def test_a_pledge_whose_campaign_is_not_told_still_names_the_patron() -> None:
    body = documented_pledge()
    body["included"] = []
    assert parse("pledges:update", dump(body), NOW) == WebhookNotice("pledges:update", PatronId("32187"))


def test_a_pledge_that_cannot_be_read_still_names_the_patron() -> None:
    body = sample("v1/current_user.json")
    pledge = next(side for side in body["included"] if side["type"] == "pledge")
    pledge["attributes"]["status"] = "hibernating"
    notice = parse("pledges:update", dump({"data": pledge, "included": body["included"]}), NOW)
    assert (notice.patron, notice.campaign, notice.membership) == ("32187", "71481", None)


def test_a_pledge_of_nobody_says_nothing() -> None:
    body = sample("v1/current_user.json")
    pledge = next(side for side in body["included"] if side["type"] == "pledge")
    del pledge["relationships"]["patron"]
    assert parse("pledges:update", dump({"data": pledge}), NOW).patron is None


def test_a_member_that_cannot_be_read_still_names_the_patron() -> None:
    body = member_body({"patron_status": "hibernating_patron"})
    notice = parse("members:update", dump(body), NOW)
    assert (notice.patron, notice.campaign, notice.membership) == ("642344", CampaignId("8290127"), None)


def test_a_member_of_nobody_says_nothing() -> None:
    body = member_body()
    del body["data"]["relationships"]
    notice = parse("members:update", dump(body), NOW)
    assert (notice.patron, notice.campaign, notice.membership) == (None, None, None)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_refused_with_400(body: bytes) -> None:
    with pytest.raises(WebhookRejected) as caught:
        parse("members:update", body, NOW)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b"1",
        b"[]",
        b"{}",
        b'{"data": []}',
        b'{"data": null}',
        b'{"data": {"type": "post", "id": "1"}}',
        b'{"data": {"id": 1}}',
    ],
)
def test_json_that_is_not_ours_says_nothing_and_is_not_refused(body: bytes) -> None:
    assert parse("posts:publish", body, NOW) == WebhookNotice("posts:publish")


@pytest.mark.parametrize("trigger", [None, "", "x" * 1000, "members:update\nX-Evil: 1", "Ünknown"])
def test_a_trigger_that_is_none_of_patreons_words_is_not_repeated(trigger: str | None) -> None:
    assert parse(trigger, raw("v2/seq3_members_update.json"), NOW).trigger == "unknown"
