"""Webhooks of the simulated Patreon: registration, signatures, order, retries on the world's clock, pausing, flushing."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from sandbox.world.patreon_hooks import PAUSED_AFTER, RETRY_AFTER, V1_TRIGGERS, V2_TRIGGERS, Webhook
from tests.sandbox.patreon_life import Inbox, Life, inbox, living, sample

MEMBERS = [trigger for trigger in V2_TRIGGERS if trigger.startswith("members:")]


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with living() as one:
        yield one


@pytest.fixture
async def box() -> AsyncIterator[Inbox]:
    async with inbox() as one:
        yield one


@pytest.fixture
def hook(life: Life, box: Inbox) -> Webhook:
    return life.world.patreon.hooks.register(life.client, life.world.patreon.campaign(), box.url, MEMBERS)


def registration(uri: str, campaign: str, triggers: object = ("members:create",)) -> dict[str, object]:
    return {
        "data": {
            "type": "webhook",
            "attributes": {"triggers": triggers, "uri": uri},
            "relationships": {"campaign": {"data": {"type": "campaign", "id": campaign}}},
        }
    }


async def test_a_returning_patron_makes_the_recorded_sequence(life: Life, hook: Webhook, box: Inbox) -> None:
    life.world.patreon.join_free("Ben")
    life.world.patreon.pledge("Ben", tier="Gold")
    await life.server.sender.settled()
    assert box.triggers == ["members:create", "members:update", "members:pledge:create", "members:update"]
    assert box.signed_with(hook.secret)
    assert box.data("members:update")["attributes"]["last_charge_status"] == "Paid"
    assert box.data("members:pledge:create")["attributes"]["last_charge_status"] == "Pending"


async def test_v1_is_signed_with_the_clients_secret_unless_the_webhook_has_its_own(life: Life, box: Inbox) -> None:
    patreon = life.world.patreon
    hook = patreon.hooks.register(life.client, patreon.campaign(), box.url, V1_TRIGGERS)
    patreon.pledge("Ben", tier="Gold")
    patreon.change_pledge("Ben", tier="Silver")
    patreon.cancel("Ben")
    await life.server.sender.settled()
    assert box.triggers == ["pledges:create", "pledges:update", "pledges:delete"]
    assert hook.secret == life.client.secret
    assert box.signed_with(life.client.secret)
    own = patreon.hooks.register(life.client, patreon.campaign(), box.url, V1_TRIGGERS, secret="its own")
    assert own.secret == "its own"


async def test_a_deleted_pledge_is_still_whole_in_its_own_webhook(life: Life, box: Inbox) -> None:
    life.world.patreon.hooks.register(life.client, life.world.patreon.campaign(), box.url, V1_TRIGGERS)
    ann = life.world.patreon.membership("Ann")
    assert ann is not None
    pledge_id = ann.pledge_id
    life.world.patreon.cancel("Ann")
    await life.server.sender.settled()
    data = box.data("pledges:delete")
    assert (data["id"], data["attributes"]["amount_cents"]) == (pledge_id, 500)
    assert data["relationships"]["patron"]["data"]["id"] == ann.account.id


async def test_a_webhook_hears_of_its_own_campaign_and_triggers_only(life: Life, box: Inbox) -> None:
    patreon = life.world.patreon
    patreon.hooks.register(life.client, patreon.campaign(), box.url, ["members:pledge:delete"])
    patreon.cancel("Finn", "dan")
    patreon.decline("Ann")
    patreon.cancel("Ann")
    await life.server.sender.settled()
    assert box.triggers == ["members:pledge:delete"]


async def test_the_test_button_sends_a_signed_body_about_nobody(life: Life, hook: Webhook, box: Inbox) -> None:
    life.server.sender.test(hook, "members:create")
    await life.server.sender.settled()
    assert box.data("members:create")["id"] is None
    assert box.signed_with(hook.secret)


async def test_the_same_bytes_can_be_delivered_again(life: Life, hook: Webhook, box: Inbox) -> None:
    life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    life.server.sender.again(life.world.patreon.hooks.log[0])
    await life.server.sender.settled()
    assert len(box.bodies) == 2
    assert box.bodies[0] == box.bodies[1]
    assert hook.failures == 0


async def test_deliveries_can_be_switched_off(life: Life, hook: Webhook, box: Inbox) -> None:
    life.world.patreon.hooks.enabled = False
    life.world.patreon.decline("Ann")
    life.world.patreon.hooks.enabled = True
    life.world.patreon.pay("Ann")
    await life.server.sender.settled()
    assert box.triggers == ["members:update"]
    assert box.data("members:update")["attributes"]["patron_status"] == "active_patron"
    assert not hook.paused


async def test_what_failed_is_retried_when_the_clock_says_so(life: Life, hook: Webhook, box: Inbox) -> None:
    box.status = 500
    life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    await life.server.sender.settled()
    assert (len(box.bodies), hook.failures, hook.paused) == (1, 1, False)
    life.world.clock.move(RETRY_AFTER[0])
    await life.server.sender.settled()
    assert (len(box.bodies), hook.failures) == (2, 2)
    box.status = 200
    life.world.clock.move(RETRY_AFTER[1])
    await life.server.sender.settled()
    assert (len(box.bodies), hook.failures) == (3, 0)
    assert life.world.patreon.hooks.log[0].answers == [500, 500, 200]


async def test_a_webhook_that_keeps_failing_is_paused_and_its_events_wait(life: Life, hook: Webhook, box: Inbox) -> None:
    box.status = 500
    for _ in range(PAUSED_AFTER):
        life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    assert hook.paused
    seen = len(box.bodies)
    life.world.patreon.pay("Ann")
    await life.server.sender.settled()
    assert len(box.bodies) == seen
    box.status = 200
    life.world.clock.move(RETRY_AFTER[0])
    await life.server.sender.settled()
    assert (hook.paused, hook.failures) == (False, 0)
    assert life.world.patreon.hooks.waiting == []
    assert box.data("members:update")["attributes"]["patron_status"] == "active_patron"


async def test_after_the_last_retry_only_unpausing_helps(life: Life, hook: Webhook, box: Inbox) -> None:
    box.status = 500
    life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    for span in RETRY_AFTER:
        life.world.patreon.hooks.enabled = False
        life.world.clock.move(span)
        await life.server.sender.settled()
    attempts = len(box.bodies)
    assert attempts == 1 + len(RETRY_AFTER)
    life.world.clock.move(timedelta(days=60))
    await life.server.sender.settled()
    assert len(box.bodies) == attempts
    box.status = 200
    life.world.patreon.hooks.resume(hook, life.world.clock.now())
    await life.server.sender.settled()
    assert len(box.bodies) == attempts + 1


async def test_nobody_listening_counts_as_a_failure(life: Life) -> None:
    patreon = life.world.patreon
    hook = patreon.hooks.register(life.client, patreon.campaign(), "http://127.0.0.1:9/webhooks/patreon", MEMBERS)
    patreon.decline("Ann")
    await life.server.sender.settled()
    assert (hook.failures, patreon.hooks.log[0].answers) == (1, [0])
    assert life.world.timeline.of("patreon.webhook")[-1].text == "members:update not taken: no answer"


async def test_a_redirect_is_no_success(life: Life, hook: Webhook, box: Inbox) -> None:
    box.status = 302
    life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    assert hook.failures == 1


async def test_a_client_registers_its_webhook_by_api_as_recorded(life: Life, box: Inbox) -> None:
    campaign = life.world.patreon.campaign()
    made = await life.ask(
        "POST", "/oauth2/v2/webhooks", token=life.creator, json=registration(box.url, campaign.id, ["members:update"])
    )
    recorded = sample("v2/webhook_created.json")
    assert made.status == 201
    assert made.json.keys() == recorded.keys()
    assert made.json["data"]["attributes"].keys() == recorded["data"]["attributes"].keys()
    listed = await life.get("/oauth2/v2/webhooks")
    assert listed.json["data"] == [made.json["data"]]
    assert listed.json["data"][0].keys() == sample("v2/webhooks_list.json")["data"][0].keys()
    life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    assert box.signed_with(made.json["data"]["attributes"]["secret"])


async def test_a_client_sees_only_its_own_webhooks(life: Life, hook: Webhook) -> None:
    clara = life.world.patreon.account("Clara")
    other = life.world.patreon.oauth.register("Other", clara, life.world.patreon.campaign(), [])
    token = life.world.patreon.oauth.creator_pair(other).access
    assert (await life.get("/oauth2/v2/webhooks", token=token)).json["data"] == []
    assert (await life.ask("DELETE", f"/oauth2/v2/webhooks/{hook.id}", token=token)).status == 404


async def test_fields_of_a_webhook_may_be_chosen(life: Life, hook: Webhook) -> None:
    answer = await life.get("/oauth2/v2/webhooks", fields__webhook="paused,uri")
    assert answer.json["data"][0]["attributes"] == {"paused": False, "uri": hook.uri}
    assert (await life.get("/oauth2/v2/webhooks", fields__webhook="colour")).status == 400


@pytest.mark.parametrize("word", [False, "false"])
async def test_unpausing_sends_what_waited_and_takes_the_word_false(
    life: Life, hook: Webhook, box: Inbox, word: object
) -> None:
    box.status = 500
    for _ in range(PAUSED_AFTER):
        life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    assert hook.paused
    box.status = 200
    body = {"data": {"type": "webhook", "id": hook.id, "attributes": {"paused": word}}}
    answer = await life.ask("PATCH", f"/oauth2/v2/webhooks/{hook.id}", token=life.creator, json=body)
    assert answer.json["data"]["attributes"]["paused"] is False
    await life.server.sender.settled()
    assert life.world.patreon.hooks.waiting == []
    assert len(box.bodies) == 2 * PAUSED_AFTER


async def test_a_webhook_names_its_campaign_and_client_when_asked(life: Life, hook: Webhook) -> None:
    listed = await life.get("/oauth2/v2/webhooks", include="campaign,client", fields__webhook="uri", fields__client="name")
    (row,) = listed.json["data"]
    campaign = life.world.patreon.campaign()
    assert row["relationships"]["campaign"]["data"] == {"type": "campaign", "id": campaign.id}
    assert row["relationships"]["client"]["data"] == {"type": "client", "id": life.client.id}
    names = {one["type"]: one["attributes"] for one in listed.json["included"]}
    assert names == {"campaign": {}, "client": {"name": life.client.name}}


async def test_triggers_and_address_can_be_changed_and_a_webhook_paused_by_hand(
    life: Life, hook: Webhook, box: Inbox
) -> None:
    attributes = {"triggers": ["members:delete"], "uri": f"{box.url}?x=1", "paused": True}
    body = {"data": {"type": "webhook", "attributes": attributes}}
    answer = await life.ask("PATCH", f"/oauth2/v2/webhooks/{hook.id}", token=life.creator, json=body)
    assert {name: answer.json["data"]["attributes"][name] for name in attributes} == attributes


async def test_a_webhook_paused_by_hand_is_not_tried_again_until_it_is_un_paused(
    life: Life, hook: Webhook, box: Inbox
) -> None:
    async def pause(*, paused: bool) -> None:
        body = {"data": {"type": "webhook", "id": hook.id, "attributes": {"paused": paused}}}
        assert (await life.ask("PATCH", f"/oauth2/v2/webhooks/{hook.id}", token=life.creator, json=body)).status == 200

    box.status = 500
    life.world.patreon.change_pledge("Ann", cents=700)
    await life.server.sender.settled()
    tried = len(box.bodies)
    await pause(paused=True)
    box.status = 200
    life.world.clock.move(timedelta(hours=1))
    await life.server.sender.settled()
    assert (len(box.bodies), hook.paused) == (tried, True)
    await pause(paused=False)
    await life.server.sender.settled()
    assert len(box.bodies) > tried
    assert not hook.paused


async def test_a_deleted_webhook_gets_nothing_any_more(life: Life, hook: Webhook, box: Inbox) -> None:
    box.status = 500
    life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    gone = await life.ask("DELETE", f"/oauth2/v2/webhooks/{hook.id}", token=life.creator)
    assert (gone.status, gone.text) == (204, "")
    assert life.world.patreon.hooks.waiting == []
    assert (await life.ask("DELETE", f"/oauth2/v2/webhooks/{hook.id}", token=life.creator)).status == 404


async def test_unreadable_registrations_are_refused(life: Life, box: Inbox) -> None:
    campaign = life.world.patreon.campaign().id
    bad = [
        registration("http://elsewhere.example/hook", campaign),
        registration(box.url, campaign, ["pledges:create"]),
        registration(box.url, campaign, []),
        registration(box.url, campaign, "members:create"),
        registration("", campaign),
        registration(box.url, campaign, [["members:create"]]),
        {"data": {"type": "webhook", "attributes": [1]}},
        {"data": {"type": "webhook", "relationships": "x"}},
        {"data": {"type": "webhook", "relationships": {"campaign": {"data": [1]}}}},
        {"data": {"type": "member"}},
        {"data": [7]},
        [],
    ]
    for body in bad:
        answer = await life.ask("POST", "/oauth2/v2/webhooks", token=life.creator, json=body)
        assert (answer.status, answer.error["code_name"]) == (400, "ParameterInvalid")
    for unreadable in (b"{", b"\xff", b"[" * 100_000):
        assert (await life.ask("POST", "/oauth2/v2/webhooks", token=life.creator, data=unreadable)).status == 400
    other = registration(box.url, life.world.patreon.campaign("dan").id)
    assert (await life.ask("POST", "/oauth2/v2/webhooks", token=life.creator, json=other)).status == 403
    assert life.world.patreon.hooks.webhooks == {}


async def test_an_https_address_may_be_anywhere(life: Life) -> None:
    body = registration("https://hooks.example.com/patreon", life.world.patreon.campaign().id)
    assert (await life.ask("POST", "/oauth2/v2/webhooks", token=life.creator, json=body)).status == 201


async def test_what_happened_before_serving_is_delivered_once_serving(box: Inbox) -> None:
    async with living() as life:
        life.world.patreon.hooks.register(life.client, life.world.patreon.campaign(), box.url, MEMBERS)
    life.world.patreon.decline("Ann")
    assert box.bodies == []
    async with life.server.serve():
        await life.server.sender.settled()
    assert box.triggers == ["members:update"]


async def test_no_secret_of_a_webhook_is_shown(life: Life, hook: Webhook) -> None:
    life.world.patreon.decline("Ann")
    await life.server.sender.settled()
    assert hook.secret not in repr(hook) + repr(life.world.timeline.entries) + repr(life.world.patreon.hooks.log)
