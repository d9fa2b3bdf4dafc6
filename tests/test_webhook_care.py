"""The care of the webhook: registered once, started again when Patreon paused it, its secret never lost."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pytest

from bot.core.model import CampaignId
from bot.patreon.answers import RegisteredWebhook
from bot.patreon.v2_webhooks import TRIGGERS
from bot.store import Store
from bot.store.records import WebhookRecord
from bot.webhook_care import TURN, Care, end_turn, has_doors, is_reachable, open_doors, take_turn, tend_webhook
from tests.conftest import Clock
from tests.doors import CAMPAIGN

URI = "https://bot.test/webhooks/patreon"


@dataclass
class Portal:
    """Patreon's list of webhooks; ``shows_secrets`` is whether a list repeats them."""

    hooks: dict[str, RegisteredWebhook] = field(default_factory=dict)
    shows_secrets: bool = True

    async def list_webhooks(self) -> list[RegisteredWebhook]:
        return [hook if self.shows_secrets else replace(hook, secret=None) for hook in self.hooks.values()]

    async def create_webhook(self, campaign: CampaignId, uri: str) -> RegisteredWebhook:
        assert campaign == CAMPAIGN
        number = str(len(self.hooks) + 1)
        self.hooks[number] = RegisteredWebhook(number, uri, TRIGGERS, paused=False, failures=0, secret=f"secret-{number}")
        return self.hooks[number]

    async def change_webhook(
        self, webhook: str, *, triggers: Iterable[str] | None = None, paused: bool | None = None
    ) -> RegisteredWebhook:
        old = self.hooks[webhook]
        wanted = old.triggers if triggers is None else tuple(triggers)
        self.hooks[webhook] = replace(old, triggers=wanted, paused=old.paused if paused is None else paused)
        return self.hooks[webhook]

    async def delete_webhook(self, webhook: str) -> None:
        self.hooks[webhook] = replace(self.hooks[webhook], uri="deleted")


async def stored(store: Store) -> WebhookRecord | None:
    async with store.read() as t:
        return await t.webhooks.load(CAMPAIGN)


async def test_a_missing_webhook_is_registered_and_its_secret_stored(store: Store) -> None:
    portal = Portal()

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.CREATED

    record = await stored(store)
    assert record is not None
    assert (record.uri, record.secret, record.previous_secret) == (URI, "secret-1", None)


async def test_a_registered_one_is_left_alone(store: Store) -> None:
    portal = Portal()
    await tend_webhook(store, portal, CAMPAIGN, URI)

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.FINE
    assert len(portal.hooks) == 1


async def test_a_paused_one_is_started_again(store: Store) -> None:
    portal = Portal()
    await tend_webhook(store, portal, CAMPAIGN, URI)
    portal.hooks["1"] = replace(portal.hooks["1"], paused=True, failures=9)

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.UNPAUSED
    assert not portal.hooks["1"].paused
    record = await stored(store)
    assert record is not None
    assert not record.paused


async def test_what_is_stored_of_one_is_what_was_seen_last(store: Store) -> None:
    portal = Portal()
    await tend_webhook(store, portal, CAMPAIGN, URI)
    portal.hooks["1"] = replace(portal.hooks["1"], triggers=(*TRIGGERS, "posts:publish"))
    record = await stored(store)
    assert record is not None
    async with store.write() as t:
        await t.webhooks.save(replace(record, paused=True, previous_secret="before"))

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.FINE

    record = await stored(store)
    assert record is not None
    assert (record.paused, record.secret, record.previous_secret) == (False, "secret-1", "before")
    assert record.triggers == {*TRIGGERS, "posts:publish"}


async def test_missing_triggers_are_added(store: Store) -> None:
    portal = Portal()
    await tend_webhook(store, portal, CAMPAIGN, URI)
    portal.hooks["1"] = replace(portal.hooks["1"], triggers=("members:create", "posts:publish"))

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.MENDED
    assert set(portal.hooks["1"].triggers) == {*TRIGGERS, "posts:publish"}


async def test_a_paused_one_that_lacks_triggers_is_mended_at_once(store: Store) -> None:
    portal = Portal()
    await tend_webhook(store, portal, CAMPAIGN, URI)
    portal.hooks["1"] = replace(portal.hooks["1"], triggers=("members:create",), paused=True)

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.UNPAUSED
    assert set(portal.hooks["1"].triggers) == set(TRIGGERS)


async def test_one_of_another_campaign_is_not_taken_for_ours(store: Store) -> None:
    portal = Portal()
    hook = await portal.create_webhook(CAMPAIGN, URI)
    portal.hooks["1"] = replace(hook, campaign=CampaignId("another"))

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.CREATED
    portal.hooks["2"] = replace(portal.hooks["2"], campaign=CAMPAIGN)
    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.FINE
    assert len(portal.hooks) == 2


async def test_somebody_elses_address_is_not_touched(store: Store) -> None:
    portal = Portal({"7": RegisteredWebhook("7", "https://other.test/", TRIGGERS, paused=True, failures=3, secret="x")})

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.CREATED
    assert portal.hooks["7"].paused


async def test_one_whose_secret_is_not_stored_is_taken_over_when_patreon_shows_it(store: Store) -> None:
    portal = Portal()
    await portal.create_webhook(CAMPAIGN, URI)

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.FINE

    record = await stored(store)
    assert record is not None
    assert record.secret == "secret-1"


async def test_one_whose_secret_nobody_knows_is_made_anew(store: Store) -> None:
    portal = Portal(shows_secrets=False)
    await portal.create_webhook(CAMPAIGN, URI)

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.CREATED

    record = await stored(store)
    assert record is not None
    assert record.secret == "secret-2"
    assert [hook.uri for hook in portal.hooks.values()].count(URI) == 1


async def test_a_new_one_keeps_the_old_secret_for_what_is_on_its_way(store: Store) -> None:
    portal = Portal()
    await tend_webhook(store, portal, CAMPAIGN, URI)
    portal.hooks["1"] = replace(portal.hooks["1"], uri="gone")

    await tend_webhook(store, portal, CAMPAIGN, URI)

    record = await stored(store)
    assert record is not None
    assert (record.secret, record.previous_secret) == ("secret-2", "secret-1")


@pytest.mark.parametrize(
    ("url", "reachable"),
    [
        ("https://bot.example", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("http://bot.example", False),
        ("http://10.0.0.7", False),
    ],
)
def test_patreon_calls_public_addresses_by_https_only(url: str, reachable: bool) -> None:
    assert is_reachable(url) is reachable


async def test_doors_are_where_they_were_opened_last(store: Store) -> None:
    assert not await has_doors(store, "https://bot.example")
    await open_doors(store, "https://old.example")
    await open_doors(store, "https://bot.example")
    assert await has_doors(store, "https://bot.example")
    assert not await has_doors(store, "https://old.example")


async def test_of_two_that_were_registered_the_known_one_stays(store: Store) -> None:
    portal = Portal(shows_secrets=False)
    await tend_webhook(store, portal, CAMPAIGN, URI)
    known = replace(portal.hooks["1"], campaign=CAMPAIGN)
    portal.hooks = {"0": replace(known, webhook="0", secret="unknown"), "1": known}
    others = {"8": replace(known, webhook="8", campaign=CampaignId("8")), "9": replace(known, webhook="9", uri="https://x")}
    portal.hooks |= others

    assert await tend_webhook(store, portal, CAMPAIGN, URI) is Care.FINE

    assert portal.hooks["0"].uri == "deleted"
    assert portal.hooks["1"] == known
    assert {name: portal.hooks[name] for name in others} == others


async def test_one_process_at_a_time_looks_after_a_webhook(any_store: Store, clock: Clock) -> None:
    async def both() -> list[bool]:
        return await asyncio.gather(*(take_turn(any_store, CAMPAIGN, clock()) for _ in range(2)))

    assert sorted(await both()) == [False, True]
    assert await take_turn(any_store, CampaignId("another"), clock())

    clock.move(TURN)
    assert sorted(await both()) == [False, True]

    await end_turn(any_store, CAMPAIGN)
    assert sorted(await both()) == [False, True]
