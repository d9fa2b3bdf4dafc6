"""Journeys of what comes to the webhook's door, from Patreon and from anybody else, on both versions of the API."""

from io import BytesIO

import aiohttp
import pytest

from bot.core.model import PatronId
from sandbox.patreon import bodies
from sandbox.world.patreon_hooks import Webhook
from tests.e2e.theatre import Theatre


@pytest.fixture
async def ann(house: Theatre) -> Theatre:
    """Give a house in which Ann is linked and has her role."""
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    await house.calm()
    return house


def hook_of(house: Theatre) -> Webhook:
    return next(iter(house.world.patreon.hooks.webhooks.values()))


async def post(house: Theatre, body: bytes, **headers: str) -> int:
    address = f"{house.url}/webhooks/patreon"
    async with aiohttp.ClientSession() as session, session.post(address, data=BytesIO(body), headers=headers) as answer:
        return answer.status


async def post_signed(house: Theatre, body: bytes) -> int:
    hook = hook_of(house)
    headers = {"X-Patreon-Event": hook.triggers[1], "X-Patreon-Signature": bodies.sign(body, hook.secret)}
    return await post(house, body, **headers)


async def untouched(house: Theatre, requests: int) -> bool:
    """Say whether Ann has her role, no nudge was stored and nothing was asked of Patreon."""
    await house.calm()
    async with house.app.store.read() as t:
        waiting = await t.nudges.pending()
    return house.roles("Ann") == {"Silver"} and not waiting and asked(house) == requests


def asked(house: Theatre) -> int:
    return sum(house.world.patreon.requests.values())


async def test_what_patreon_did_not_sign_is_refused_and_the_next_real_one_works(ann: Theatre) -> None:
    """Ann's pledge did change, so that a forged body which was believed, or only looked into, would show."""
    ann.world.patreon.hooks.enabled = False
    membership = ann.world.patreon.change_pledge("Ann", tier="Gold")
    trigger = hook_of(ann).triggers[1]
    body, before = bodies.event(ann.world.patreon, trigger, membership), asked(ann)

    for signature in ("0" * 32, bodies.sign(body, "somebody else's secret"), "", "ünterschrift", "💥"):
        headers = {"X-Patreon-Event": trigger, "X-Patreon-Signature": signature}
        assert await post(ann, body, **headers) == 401, signature
    assert await post(ann, body, **{"X-Patreon-Event": trigger}) == 401
    assert await untouched(ann, before)

    assert await post_signed(ann, body) == 200
    await ann.until_roles("Ann", "Gold")


async def test_bodies_that_are_too_big_or_not_ours_are_refused_and_the_bot_lives_on(ann: Theatre) -> None:
    before = asked(ann)

    assert await post_signed(ann, b" " * 2 * 2**20) == 413
    for body in (b"", b"\xff\xfe", b"{", b"[]", b'"data"', b'{"hello": 1}', b'{"data": []}', b"[" * 100_000):
        assert await post_signed(ann, body) in {200, 400}, body[:20]
    assert await untouched(ann, before)

    ann.world.patreon.change_pledge("Ann", tier="Gold")
    await ann.until_roles("Ann", "Gold")


async def test_patreons_test_button_is_taken_and_changes_nothing(ann: Theatre) -> None:
    hook, before = hook_of(ann), asked(ann)

    deliveries = [ann.stage.patreon.sender.test(hook, trigger) for trigger in hook.triggers]

    assert await untouched(ann, before)
    assert [delivery.answers for delivery in deliveries] == [[200]] * len(hook.triggers)


async def test_the_same_webhook_ten_times_changes_nothing_twice(ann: Theatre) -> None:
    ann.world.patreon.change_pledge("Ann", tier="Gold")
    await ann.until_roles("Ann", "Gold")
    await ann.calm()
    before, delivery = ann.role_calls(), ann.world.patreon.hooks.log[-1]

    again = [ann.stage.patreon.sender.again(delivery) for _ in range(10)]
    await ann.calm()

    assert all(one.delivered for one in again)
    assert ann.roles("Ann") == {"Gold"}
    assert ann.role_calls() == before


async def test_a_webhook_about_somebody_who_is_not_linked_costs_no_request_and_is_not_kept(ann: Theatre) -> None:
    before = asked(ann)

    ann.world.patreon.pledge("Ben", tier="Gold")
    ann.world.patreon.decline("Ben")

    assert await untouched(ann, before)
    assert all(delivery.delivered for delivery in ann.world.patreon.hooks.log)
    async with ann.app.store.read() as t:
        assert await t.memberships.load_all(PatronId(ann.world.patreon.account("Ben").id)) == {}


async def test_what_patreon_was_told_200_for_is_done_although_the_bot_stopped_in_between(ann: Theatre) -> None:
    ann.world.patreon.hooks.enabled = False
    membership = ann.world.patreon.change_pledge("Ann", tier="Gold")
    body = bodies.event(ann.world.patreon, hook_of(ann).triggers[1], membership)
    worker = ann.app.worker
    assert worker is not None
    worker._stop.set()
    await worker.task

    assert await post_signed(ann, body) == 200
    assert ann.roles("Ann") == {"Silver"}

    async with ann.bot(WEB_PORT="0"):
        await ann.until_roles("Ann", "Gold")
