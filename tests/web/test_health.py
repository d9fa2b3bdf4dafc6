"""What machines ask: alive, ready, numbers."""

from dataclasses import replace
from datetime import timedelta

from bot.core.model import CampaignId
from bot.errors import StoreError
from bot.metrics import Metrics
from bot.store import Store
from bot.web.health import Health
from bot.web.readiness import Readiness
from tests.conftest import Clock
from tests.doors import CAMPAIGN, furnish
from tests.web.conftest import Doors


async def test_alive_is_plain_and_short(doors: Doors) -> None:
    answer = await doors.client.get("/healthz")

    assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_ready_is_200_with_each_parts_word(doors: Doors) -> None:
    answer = await doors.client.get("/readyz")

    assert answer.status == 200
    assert await answer.json() == {"database": {"ready": True, "detail": "answers"}}


async def test_ready_is_503_while_one_part_is_not(doors: Doors) -> None:
    doors.health["database"] = Health(ready=False, detail="does not answer")

    answer = await doors.client.get("/readyz")

    assert answer.status == 503
    assert (await answer.json())["database"]["ready"] is False


async def test_metrics_speak_prometheus_and_name_nobody(doors: Doors) -> None:
    answer = await doors.client.get("/metrics")
    text = await answer.text()

    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "patron_roles_links 3.0" in text
    assert "patron_roles_webhooks_total" in text


def readiness(store: Store, clock: Clock, metrics: Metrics, *, gateway: bool | None = None) -> Readiness:
    return Readiness(
        store,
        metrics,
        now=clock,
        refresh_every=timedelta(minutes=30),
        gateway_ready=None if gateway is None else lambda: gateway,
    )


async def test_a_refresh_that_was_missed_three_times_is_not_ready(store: Store, clock: Clock) -> None:
    await furnish(store)
    metrics = Metrics()
    probe = readiness(store, clock, metrics).refresh
    assert await probe() == Health(ready=True, detail="none yet")
    async with store.write() as t:
        await t.campaigns.refreshed(CAMPAIGN, clock(), 10, serial=1)

    clock.move(timedelta(minutes=90))
    assert (await probe()).ready
    clock.move(timedelta(seconds=1))
    assert not (await probe()).ready


async def test_a_campaign_that_is_served_no_more_makes_nothing_unready(store: Store, clock: Clock) -> None:
    await furnish(store)
    async with store.write() as t:
        (state,) = await t.campaigns.load_all()
        await t.campaigns.save(replace(state.campaign, campaign=CampaignId("served before")), clock())
        await t.campaigns.refreshed(CampaignId("served before"), clock(), 10, serial=1)
        now = clock.move(timedelta(days=1))
        await t.campaigns.refreshed(CAMPAIGN, now, 10, serial=1)
    metrics = Metrics()
    asked = readiness(store, clock, metrics)

    assert await asked.refresh() == Health(ready=True, detail=now.isoformat(timespec="seconds"))
    await asked.set_gauges()
    assert metrics.registry.get_sample_value("patron_roles_refreshed_timestamp_seconds") == now.timestamp()


async def test_before_any_campaign_is_settled_there_is_no_refresh_to_miss(store: Store, clock: Clock) -> None:
    assert await readiness(store, clock, Metrics()).refresh() == Health(ready=True, detail="none yet")


async def test_only_a_process_with_a_gateway_is_asked_about_it(store: Store, clock: Clock) -> None:
    metrics = Metrics()

    assert set(readiness(store, clock, metrics).probes()) == {"database", "refresh"}
    assert set(readiness(store, clock, metrics, gateway=False).probes()) == {"database", "refresh", "gateway"}
    assert not (await readiness(store, clock, metrics, gateway=False).gateway()).ready
    assert (await readiness(store, clock, metrics, gateway=True).gateway()).ready


async def test_gauges_are_read_from_the_rows(store: Store, clock: Clock) -> None:
    await furnish(store)
    metrics = Metrics()
    async with store.write() as t:
        await t.campaigns.refreshed(CAMPAIGN, clock(), 10, serial=1)

    assert (await readiness(store, clock, metrics).database()).ready

    assert metrics.registry.get_sample_value("patron_roles_nudges_pending") == 0
    assert metrics.registry.get_sample_value("patron_roles_refreshed_timestamp_seconds") == clock().timestamp()


async def test_a_closed_database_is_not_ready(store: Store, clock: Clock) -> None:
    broken = readiness(_Gone(), clock, Metrics())  # type: ignore[arg-type]

    assert not (await broken.database()).ready
    assert not (await broken.refresh()).ready


class _Gone:
    async def check(self) -> None:
        raise StoreError("gone")
