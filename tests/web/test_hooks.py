"""Patreon's webhook: what is stored before 200, what is refused, and what is none of our business."""

import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from bot.core.model import CampaignId, Cause, Charge, Link, PatronStatus, Source
from bot.patreon.webhook import sign
from bot.store.records import Nudge, NudgeKind, WebhookRecord
from tests.doors import ANN, CAMPAIGN, PATRON
from tests.web.conftest import SECRET, Doors

EVENT = "members:pledge:update"
TIER = b'"data":[{"type":"tier","id":"1"}]'


def body(patron: str | None = PATRON, campaign: str = CAMPAIGN, *, status: str = "active_patron", note: str = "x") -> bytes:
    """Give a v2 body as Patreon writes it, as far as it matters."""
    user = f'"user":{{"data":{{"id":"{patron}","type":"user"}}}},' if patron else ""
    member = '"6d2a3b60-0000-4000-8000-000000000001"' if patron else "null"
    return (
        f'{{"data":{{"id":{member},"type":"member","attributes":{{"patron_status":"{status}","note":"{note}",'
        '"currently_entitled_amount_cents":500,"last_charge_status":"Paid","full_name":"Ann","email":"a@b.example"},'
        f'"relationships":{{{user}"campaign":{{"data":{{"id":"{campaign}","type":"campaign"}}}},'
        '"currently_entitled_tiers":{"data":[]}}},"included":[]}'
    ).encode()


async def send(
    doors: Doors, content: bytes, *, signature: str | None = None, event: str = EVENT, path: str = "/webhooks/patreon"
) -> int:
    headers = {"X-Patreon-Event": event, "X-Patreon-Signature": sign(content, SECRET) if signature is None else signature}
    if not headers["X-Patreon-Signature"]:
        del headers["X-Patreon-Signature"]
    answer = await doors.client.post(path, data=io.BytesIO(content), headers=headers)
    return answer.status


async def link(doors: Doors) -> None:
    async with doors.store.write() as t:
        await t.links.save(Link(ANN, PATRON, doors.clock()))


async def nudges(doors: Doors) -> list[Nudge]:
    async with doors.store.write() as t:
        return await t.nudges.claim("test", doors.clock(), doors.clock(), 10, NudgeKind.USER)


async def test_a_signed_webhook_is_on_disk_before_it_is_answered(doors: Doors) -> None:
    await link(doors)

    assert await send(doors, body()) == 200

    (nudge,) = await nudges(doors)
    assert (nudge.kind, nudge.key, nudge.cause) == (NudgeKind.USER, str(ANN), Cause.WEBHOOK)
    assert [(reading.status, reading.charge) for reading in nudge.readings] == [(PatronStatus.ACTIVE, Charge.PAID)]
    assert doors.woken == ["hook"]


async def test_the_same_webhook_ten_times_is_one_row(doors: Doors) -> None:
    await link(doors)

    assert [await send(doors, body()) for _ in range(10)] == [200] * 10

    assert len(await nudges(doors)) == 1


async def test_a_body_that_is_posted_again_later_only_makes_the_bot_ask(doors: Doors) -> None:
    await link(doors)
    await send(doors, body())
    (nudge,) = await nudges(doors)
    async with doors.store.write() as t:
        await t.nudges.finish(nudge)

    assert await send(doors, body(), event="members:update") == 200

    (again,) = await nudges(doors)
    assert again.cause is Cause.WEBHOOK
    assert again.readings == ()


@pytest.mark.parametrize("signature", ["", "0" * 32, "not hex", "é" * 32, "0" * 4_000])
async def test_a_wrong_or_absent_signature_is_401_and_stores_nothing(doors: Doors, signature: str) -> None:
    await link(doors)

    assert await send(doors, body(), signature=signature) == 401

    assert await nudges(doors) == []
    assert doors.woken == []


async def test_a_signature_over_another_body_is_401(doors: Doors) -> None:
    await link(doors)

    assert await send(doors, body(), signature=sign(body(note="y"), SECRET)) == 401


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"not json"])
async def test_signed_bytes_that_are_not_json_are_400(doors: Doors, content: bytes) -> None:
    assert await send(doors, content) == 400


async def test_a_body_of_two_mebibytes_is_413(doors: Doors) -> None:
    assert await send(doors, b"x" * 2 * 1024 * 1024) == 413


@pytest.mark.parametrize("content", [b"{}", b"[]", b'{"data": null}', b'{"data": {"type": "post", "id": "1"}}'])
async def test_json_that_is_not_about_a_membership_is_200_and_nothing(doors: Doors, content: bytes) -> None:
    await link(doors)

    assert await send(doors, content) in {200, 400}

    assert await nudges(doors) == []


async def test_patreons_test_button_is_200_and_nothing(doors: Doors) -> None:
    assert await send(doors, body(patron=None)) == 200
    assert await nudges(doors) == []


async def test_somebody_who_is_not_linked_is_200_and_nothing(doors: Doors) -> None:
    assert await send(doors, body()) == 200
    assert await nudges(doors) == []
    assert await doors.count("patron_roles_webhooks_total", outcome="not_linked") == 1


async def test_another_campaign_is_200_and_nothing(doors: Doors) -> None:
    await link(doors)

    assert await send(doors, body(campaign="888")) == 200

    assert await nudges(doors) == []


@pytest.mark.parametrize("status", ["active_patron", "former_patron", None])
async def test_a_deletion_says_that_it_is_over_whatever_its_body_still_names(doors: Doors, status: str | None) -> None:
    await link(doors)
    content = body().replace(b'"active_patron"', f'"{status}"'.encode() if status else b"null")
    paying = content.replace(b"500", b'500,"pledge_cadence":1')
    gifted = content.replace(b"500", b'0,"is_gifted":true').replace(b'"data":[]', TIER)
    for changed in (paying, gifted):
        assert await send(doors, changed, event="members:pledge:delete") == 200

        (nudge,) = await nudges(doors)
        (said,) = nudge.readings
        assert said.status is (PatronStatus.FORMER if status else PatronStatus.NONE)
        assert (said.amount_cents, said.tiers, said.gifted, said.source) == (0, frozenset(), False, Source.WEBHOOK)
        doors.clock.move(timedelta(minutes=1))


async def test_a_deletion_that_names_nothing_confirms_a_loss(doors: Doors) -> None:
    await link(doors)
    content = body(status="former_patron").replace(b"500", b"0")

    assert await send(doors, content, event="members:pledge:delete") == 200

    (nudge,) = await nudges(doors)
    assert [reading.status for reading in nudge.readings] == [PatronStatus.FORMER]


async def test_a_v1_pledge_is_compared_with_the_currency_that_is_stored_of_its_campaign(doors: Doors) -> None:
    await link(doors)
    pledge = {
        "type": "pledge",
        "id": "1",
        "attributes": {"amount_cents": 470, "currency": "USD", "declined_since": None},
        "relationships": {
            "patron": {"data": {"type": "user", "id": PATRON}},
            "campaign": {"data": {"type": "campaign", "id": CAMPAIGN}},
        },
    }

    assert await send(doors, json.dumps({"data": pledge}).encode(), event="pledges:update") == 200

    (nudge,) = await nudges(doors)
    assert [reading.amount_cents for reading in nudge.readings] == [470]


async def test_the_secret_of_a_registered_webhook_counts_and_the_one_before_it(doors: Doors) -> None:
    await link(doors)
    record = WebhookRecord("9", CAMPAIGN, "https://bot.test/webhooks/patreon", "new-secret", previous_secret="old-secret")
    async with doors.store.write() as t:
        await t.webhooks.save(record)

    for secret in ("new-secret", "old-secret", SECRET):
        assert await send(doors, body(), signature=sign(body(), secret)) == 200
    assert await send(doors, body(), signature=sign(body(), "another-secret")) == 401
    async with doors.store.read() as t:
        kept = await t.webhooks.load(CAMPAIGN)
        assert kept is not None
        assert kept.received_at == doors.clock()


async def test_a_connected_campaign_has_an_address_and_a_secret_of_its_own(doors: Doors) -> None:
    await link(doors)
    other = CampaignId("888")
    async with doors.store.write() as t:
        await t.webhooks.save(WebhookRecord("9", other, "https://bot.test/webhooks/patreon/888", "its-own-secret"))
    content = body(campaign="888")
    path = "/webhooks/patreon/888"

    assert await send(doors, content, signature=sign(content, SECRET), path=path) == 401
    assert await send(doors, content, signature=sign(content, "its-own-secret"), path=path) == 200
    assert len(await nudges(doors)) == 1


async def test_a_campaign_without_a_secret_refuses_until_there_is_one(doors: Doors) -> None:
    assert await send(doors, body(campaign="999"), path="/webhooks/patreon/999") == 503


async def test_bodies_captured_from_patreon_are_taken(doors: Doors) -> None:
    folder = Path(__file__).parents[1] / "data" / "patreon"
    captured = sorted(folder.rglob("*member*.json"))
    assert captured, "the samples are there"

    for file in captured:
        assert await send(doors, file.read_bytes(), event="members:update") == 200, file.name
