"""Registering webhooks: calls and answers."""

import json

import pytest

from bot.core.model import CampaignId
from bot.errors import UnexpectedAnswer
from bot.patreon.v2_webhooks import (
    TRIGGERS,
    change_webhook_call,
    create_webhook_call,
    delete_webhook_call,
    parse_webhooks,
    webhooks_call,
)
from tests.patreon.samples import dump, raw, sample


def test_the_documented_list() -> None:
    (found,) = parse_webhooks(raw("v2/webhooks_list.json"))
    assert (found.webhook, found.uri, found.paused, found.failures) == ("2793", "https://hooks.example.com/1", False, 0)
    assert found.triggers == ("members:create", "members:delete", "members:update")
    assert found.last_attempted_at is not None
    assert found.secret == "sample-webhook-secret"
    assert "sample-webhook-secret" not in repr(found)


def test_a_webhook_may_say_about_which_campaign_it_tells() -> None:
    body = sample("v2/webhook_created.json")
    assert parse_webhooks(dump(body))[0].campaign is None
    body["data"]["relationships"] = {"campaign": {"data": {"type": "campaign", "id": "8290127"}}}
    assert parse_webhooks(dump(body))[0].campaign == "8290127"


def test_the_documented_answer_to_creating_one() -> None:
    (found,) = parse_webhooks(raw("v2/webhook_created.json"))
    assert (found.webhook, found.last_attempted_at) == ("3955", None)


@pytest.mark.parametrize(("said", "paused"), [(True, True), ("true", True), ("false", False), (None, False)])
def test_paused_may_be_text(said: object, paused: bool) -> None:
    body = sample("v2/webhook_created.json")
    body["data"]["attributes"]["paused"] = said
    body["data"]["attributes"]["num_consecutive_times_failed"] = None
    assert parse_webhooks(dump(body))[0].paused is paused


def test_what_is_no_webhook_raises() -> None:
    body = sample("v2/webhook_created.json")
    for change in ({"type": "member"}, {"id": None}, {"attributes": {"uri": 1}}):
        with pytest.raises(UnexpectedAnswer):
            parse_webhooks(dump({"data": {**body["data"], **change}}))


def test_creating_names_triggers_address_and_campaign_and_is_not_repeated() -> None:
    call = create_webhook_call(CampaignId("8290127"), "https://bot.example/webhooks/patreon")
    assert not call.repeatable
    data = json.loads(call.body or b"")["data"]
    assert data["attributes"] == {"triggers": list(TRIGGERS), "uri": "https://bot.example/webhooks/patreon"}
    assert data["relationships"]["campaign"]["data"] == {"type": "campaign", "id": "8290127"}


def test_changing_names_the_webhook_in_path_and_body() -> None:
    call = change_webhook_call("3955", {"paused": False})
    assert (call.method, call.path) == ("PATCH", "/oauth2/v2/webhooks/3955")
    assert json.loads(call.body or b"") == {"data": {"id": "3955", "type": "webhook", "attributes": {"paused": False}}}


def test_listing_and_deleting() -> None:
    call = webhooks_call((("fields[webhook]", "uri"),))
    assert call.query == (("include", "campaign"), ("fields[webhook]", "uri"), ("page[count]", "100"))
    assert delete_webhook_call("3955").method == "DELETE"
