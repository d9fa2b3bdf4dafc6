"""Runs, the role log, single facts and webhooks."""

from dataclasses import replace
from typing import Any

import pytest

from bot.core.model import Cause, DiscordUserId
from bot.errors import StoreError
from bot.store import Store, Tables
from bot.store.records import LogAction, LogEntry, Run, RunKind, RunReport, WebhookRecord
from tests.store.makers import ANN, BOB, DAY, GOLD, GUILD, HOUR, NOW, OTHER_GUILD, OTHER_PAGE, PAGE, membership


async def _last(t: Tables, kind: RunKind, **of: Any) -> int | None:
    found = await t.runs.last(kind, **of)
    return None if found is None else found.run


async def test_a_run_is_shown_while_it_goes_on_and_after(any_store: Store) -> None:
    half = RunReport(read=500, total=1000, granted=3)
    whole = RunReport(1000, 1000, granted=7, revoked=2, held=4, blocked=1, failed=5, error="IncompleteList")
    async with any_store.write() as t:
        run = await t.runs.start(RunKind.REFRESH, NOW, campaign=PAGE)
        begun = Run(run, RunKind.REFRESH, NOW, campaign=PAGE)
        assert await t.runs.last(RunKind.REFRESH) == begun
        await t.runs.progress(run, half)
        assert await t.runs.last(RunKind.REFRESH) == replace(begun, report=half)
        await t.runs.end(run, whole, NOW + HOUR)
        assert await t.runs.last(RunKind.REFRESH) == replace(begun, ended_at=NOW + HOUR, report=whole)


async def test_the_last_run_is_found_by_kind_campaign_and_guild(any_store: Store) -> None:
    async with any_store.write() as t:
        ended = await t.runs.start(RunKind.REFRESH, NOW, campaign=PAGE)
        await t.runs.end(ended, RunReport(), NOW)
        elsewhere = await t.runs.start(RunKind.REFRESH, NOW, campaign=OTHER_PAGE)
        audit = await t.runs.start(RunKind.AUDIT, NOW, guild=GUILD)
        running = await t.runs.start(RunKind.REFRESH, NOW, campaign=PAGE)
        assert await _last(t, RunKind.REFRESH) == running
        assert await _last(t, RunKind.REFRESH, campaign=PAGE, ended=True) == ended
        assert await _last(t, RunKind.REFRESH, campaign=OTHER_PAGE) == elsewhere
        assert await _last(t, RunKind.REFRESH, campaign=OTHER_PAGE, ended=True) is None
        assert await _last(t, RunKind.AUDIT, guild=GUILD) == audit
        assert await _last(t, RunKind.AUDIT, guild=OTHER_GUILD) is None


async def test_a_campaign_is_read_by_one_refresh_at_a_time(any_store: Store) -> None:
    async with any_store.write() as t:
        killed = await t.runs.start(RunKind.REFRESH, NOW, campaign=PAGE)
        await t.runs.start(RunKind.REFRESH, NOW, campaign=OTHER_PAGE)
        await t.runs.start(RunKind.AUDIT, NOW, guild=GUILD)
        going = await t.runs.start(RunKind.REFRESH, NOW + HOUR, campaign=PAGE)
        last = await t.runs.last(RunKind.REFRESH, campaign=PAGE, ended=True)
        assert last == Run(
            killed, RunKind.REFRESH, NOW, campaign=PAGE, ended_at=NOW + HOUR, report=RunReport(error="Interrupted")
        )
        assert await _last(t, RunKind.REFRESH, campaign=PAGE) == going
        assert await _last(t, RunKind.REFRESH, campaign=OTHER_PAGE, ended=True) is None
        assert await _last(t, RunKind.AUDIT, ended=True) is None


async def test_old_runs_are_purged_but_for_those_whose_revocations_are_held(any_store: Store) -> None:
    async with any_store.write() as t:
        old = await t.runs.start(RunKind.SYNC, NOW, guild=OTHER_GUILD)
        held = await t.runs.start(RunKind.SYNC, NOW, guild=GUILD)
        for run in (old, held):
            await t.runs.end(run, RunReport(), NOW + DAY)
        await t.holds.open(GUILD, held, {ANN: [GOLD]}, NOW)
        await t.runs.start(RunKind.AUDIT, NOW, guild=GUILD)
        fresh = await t.runs.start(RunKind.REFRESH, NOW + HOUR, campaign=PAGE)
        await t.runs.purge(NOW + HOUR)
        assert await _last(t, RunKind.SYNC, guild=OTHER_GUILD) is None
        assert await _last(t, RunKind.SYNC, guild=GUILD) == held
        assert await _last(t, RunKind.AUDIT) is None
        assert await _last(t, RunKind.REFRESH) == fresh


async def test_the_number_of_a_purged_run_is_never_given_to_another(any_store: Store) -> None:
    async with any_store.write() as t:
        old = await t.runs.start(RunKind.SYNC, NOW, guild=GUILD)
        await t.runs.purge(NOW + HOUR)
        assert await t.runs.start(RunKind.SYNC, NOW, guild=GUILD) > old


async def test_what_is_kept_for_a_while_is_deleted_after_it(any_store: Store) -> None:
    """Log entries for 400 days, runs for 30; the pages of one that began so long ago go with it."""
    async with any_store.write() as t:
        await t.log.add([_entry(detail="old", at=NOW - 401 * DAY), _entry(detail="new", at=NOW - 399 * DAY)])
        old = await t.runs.start(RunKind.REFRESH, NOW - 31 * DAY, campaign=OTHER_PAGE)
        new = await t.runs.start(RunKind.REFRESH, NOW - 29 * DAY, campaign=PAGE)
        for run in (old, new):
            await t.memberships.stage(run, [membership()])
        await t.tidy(NOW)
        assert [entry.detail for entry in await t.log.of(GUILD, ANN)] == ["new"]
        assert await _last(t, RunKind.REFRESH, campaign=OTHER_PAGE) is None
        assert await _last(t, RunKind.REFRESH, campaign=PAGE) == new
        assert await t.memberships.staged(new) == [membership()]
        with pytest.raises(StoreError, match="ended"):
            await t.memberships.staged(old)


def _entry(user: DiscordUserId = ANN, detail: str = "tier Gold", **changes: Any) -> LogEntry:
    values = {"action": LogAction.GRANTED, "cause": Cause.WEBHOOK, "at": NOW, "run": None, **changes}
    return LogEntry(GUILD, user, GOLD, detail=detail, **values)


async def test_the_log_tells_the_newest_first(any_store: Store) -> None:
    entries = [_entry(detail=str(number)) for number in range(3)]
    async with any_store.write() as t:
        await t.log.add(entries)
        await t.log.add([_entry(BOB)])
        await t.log.add([])
    async with any_store.read() as t:
        assert await t.log.of(GUILD, ANN) == entries[::-1]
        assert await t.log.of(GUILD, ANN, limit=1) == entries[2:]
        assert await t.log.of(OTHER_GUILD, ANN) == []


async def test_a_fact_is_what_was_set_last(any_store: Store) -> None:
    async with any_store.write() as t:
        assert await t.facts.get("commands") is None
        await t.facts.set("commands", "abc")
        await t.facts.set("commands", "def")
        await t.facts.set("other", "x")
        assert await t.facts.get("commands") == "def"
        await t.facts.drop("commands")
        assert await t.facts.get("commands") is None
        assert await t.facts.get("other") == "x"
        await t.facts.set("of_%", "y")
        await t.facts.set("of_them", "z")
        assert list(await t.facts.beginning_with("of_")) == ["of_%", "of_them"]
        assert list(await t.facts.beginning_with("of_%")) == ["of_%"]
        assert list(await t.facts.beginning_with("of_%", "other", "of")) == ["of_%", "other"]


def _webhook(webhook: str = "99", **changes: Any) -> WebhookRecord:
    values = {"campaign": PAGE, "uri": "https://bot.example/webhooks/patreon", "secret": "hook-secret", **changes}
    return WebhookRecord(webhook, **values)


async def test_a_webhook_comes_back_as_it_was_and_hides_its_secrets(any_store: Store) -> None:
    record = _webhook(
        triggers=frozenset({"members:update", "members:delete"}),
        paused=True,
        previous_secret="older-secret",
        received_at=NOW,
    )
    async with any_store.write() as t:
        await t.webhooks.save(record)
    async with any_store.read() as t:
        assert await t.webhooks.load(PAGE) == record
        assert await t.webhooks.load(OTHER_PAGE) is None
        shown = repr(await t.webhooks.load(PAGE))
    assert "hook-secret" not in shown
    assert "older-secret" not in shown


async def test_a_campaign_has_one_webhook_the_last_registered(any_store: Store) -> None:
    elsewhere = _webhook("100", campaign=OTHER_PAGE)
    async with any_store.write() as t:
        for record in (_webhook("99"), elsewhere, _webhook("101", secret="newer")):
            await t.webhooks.save(record)
        assert await t.webhooks.load(PAGE) == _webhook("101", secret="newer")
        assert await t.webhooks.load(OTHER_PAGE) == elsewhere


async def test_a_webhook_that_comes_in_is_not_paused(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.webhooks.save(_webhook(paused=True))
        await t.webhooks.received(PAGE, NOW)
        assert await t.webhooks.load(PAGE) == _webhook(received_at=NOW)


async def test_a_body_is_new_once_and_again_when_it_was_forgotten(any_store: Store) -> None:
    async with any_store.write() as t:
        news = [await t.webhooks.is_first(body, NOW) for body in (b"{}", b"[]", b"{}")]
    async with any_store.write() as t:
        news.append(await t.webhooks.is_first(b"[]", NOW))
        await t.tidy(NOW + 91 * DAY)
        news.append(await t.webhooks.is_first(b"[]", NOW))

    assert news == [True, True, False, False, True]
