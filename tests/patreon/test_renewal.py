"""Keeping pairs alive: when, by whom, in which order with the disk, and what comes of failure."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import CREATOR, PatronId, TokenOwner, Tokens, patron_owner
from bot.errors import (
    AccessDenied,
    AccessRevoked,
    PatreonError,
    PatreonUnavailable,
    RateLimited,
    StoreError,
    UnexpectedAnswer,
)
from bot.patreon import renewal
from bot.patreon.renewal import COOL_DOWN, LEASE, REQUEST_SECONDS, SAVE_SECONDS, SHORT_COOL_DOWN, Renewer
from tests.patreon.doubles import START, Clock, MemoryVault, pair

ANN = patron_owner(PatronId("7"))


class Patreon:
    """The token endpoint: takes each refresh token once, or fails as told."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.good = {"old-refresh"}
        self.failure: Exception | None = None
        self.lifetime = timedelta(days=31)
        self.gate: asyncio.Event | None = None
        self.reached = asyncio.Event()

    async def renew(self, refresh: str) -> Tokens:
        self.asked.append(refresh)
        self.reached.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if refresh not in self.good:
            raise AccessRevoked("invalid_grant")
        self.good.remove(refresh)
        name = f"new{len(self.asked)}"
        self.good.add(f"{name}-refresh")
        return Tokens(f"{name}-access", f"{name}-refresh", self.clock.at + self.lifetime)


class Stand:
    """A vault, a token endpoint, and as many renewers as there are processes."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.vault = MemoryVault()
        self.patreon = Patreon(self.clock)
        self.vault.put(ANN, pair("old"))
        self.renewer = self.process()

    def process(self, sleep: Callable[[float], Awaitable[object]] | None = None) -> Renewer:
        return Renewer(self.vault, self.patreon.renew, now=self.clock.now, sleep=sleep or self.clock.sleep)


@pytest.fixture
def stand() -> Stand:
    return Stand()


async def test_a_pair_with_time_left_is_used_as_it_is(stand: Stand) -> None:
    assert (await stand.renewer.usable(ANN)).tokens == pair("old")
    assert stand.patreon.asked == []


async def test_a_pair_about_to_end_is_renewed_before_it_is_used(stand: Stand) -> None:
    stand.clock.at += timedelta(days=31) - timedelta(minutes=1)
    record = await stand.renewer.usable(ANN)
    assert (record.tokens.access, record.version) == ("new1-access", 2)
    assert stand.vault.journal == ["save new1-access"]


async def test_a_pair_is_renewed_ahead_of_time_at_half_of_its_life(stand: Stand) -> None:
    stand.clock.at += timedelta(days=15)
    await stand.renewer.renew_ahead(ANN)
    assert stand.patreon.asked == []
    stand.clock.at += timedelta(days=1)
    await stand.renewer.renew_ahead(ANN)
    await stand.renewer.renew_ahead(ANN)
    assert stand.patreon.asked == ["old-refresh"]


async def test_short_lived_pairs_have_their_own_half(stand: Stand) -> None:
    stand.patreon.lifetime = timedelta(minutes=10)
    stand.clock.at += timedelta(days=20)
    await stand.renewer.renew_ahead(ANN)
    stand.clock.at += timedelta(minutes=4)
    await stand.renewer.renew_ahead(ANN)
    assert len(stand.patreon.asked) == 1
    stand.clock.at += timedelta(minutes=2)
    await stand.renewer.renew_ahead(ANN)
    assert len(stand.patreon.asked) == 2


async def test_many_callers_make_one_request(stand: Stand) -> None:
    records = await asyncio.gather(*(stand.renewer.renew(ANN, 1) for _ in range(50)))
    assert {record.version for record in records} == {2}
    assert stand.patreon.asked == ["old-refresh"]


async def test_who_comes_late_gets_the_pair_that_is_already_there(stand: Stand) -> None:
    await stand.renewer.renew(ANN, 1)
    assert (await stand.renewer.renew(ANN, 1)).tokens.access == "new1-access"
    assert stand.patreon.asked == ["old-refresh"]


async def test_two_processes_make_one_request(stand: Stand) -> None:
    async def breath(_seconds: float) -> None:
        await asyncio.sleep(0)

    processes = [stand.process(breath) for _ in range(4)]
    stand.patreon.gate = asyncio.Event()
    renewals = [asyncio.create_task(process.renew(ANN, 1)) for process in processes]
    for _ in range(20):
        await asyncio.sleep(0)
    assert stand.patreon.asked == ["old-refresh"]
    stand.patreon.gate.set()
    assert {record.tokens.access for record in await asyncio.gather(*renewals)} == {"new1-access"}
    assert stand.patreon.asked == ["old-refresh"]


async def test_a_process_that_died_with_the_lease_is_waited_for_only_so_long(stand: Stand) -> None:
    stand.vault.leases[ANN] = ("somebody who died", START + LEASE)
    record = await stand.renewer.renew(ANN, 1)
    assert record.tokens.access == "new1-access"
    assert stand.clock.at >= START + LEASE


async def test_a_lease_that_never_ends_is_given_up_on(stand: Stand) -> None:
    stand.vault.leases[ANN] = ("somebody busy", START + timedelta(days=1))
    with pytest.raises(PatreonUnavailable, match="another process"):
        await stand.renewer.renew(ANN, 1)
    assert stand.patreon.asked == []


async def test_a_clock_that_stands_still_does_not_wait_for_ever(stand: Stand) -> None:
    async def no_time(_seconds: float) -> None:
        """Let no time pass."""

    stand.vault.leases[ANN] = ("somebody busy", START + LEASE)
    with pytest.raises(PatreonUnavailable):
        await stand.process(no_time).renew(ANN, 1)


async def test_a_cancelled_caller_does_not_lose_the_pair(stand: Stand) -> None:
    stand.patreon.gate = asyncio.Event()
    caller = asyncio.create_task(stand.renewer.renew(ANN, 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    stand.patreon.gate.set()
    await stand.renewer.settle()
    assert stand.vault.journal == ["save new1-access"]
    await stand.renewer.settle()


async def test_a_renewal_that_hangs_keeps_a_stopping_process_waiting_once(stand: Stand) -> None:
    stand.patreon.gate = asyncio.Event()
    caller = asyncio.create_task(stand.renewer.renew(ANN, 1))
    await asyncio.sleep(0)
    await stand.renewer.settle(0.01)
    async with asyncio.timeout(5):
        await stand.renewer.settle()
    stand.patreon.gate.set()
    assert (await caller).tokens.access == "new1-access"


async def test_a_cancelled_caller_of_a_failing_renewal_leaves_no_noise(stand: Stand) -> None:
    stand.patreon.gate, stand.patreon.failure = asyncio.Event(), PatreonUnavailable("down")
    caller = asyncio.create_task(stand.renewer.renew(ANN, 1))
    await asyncio.sleep(0)
    caller.cancel()
    stand.patreon.gate.set()
    await stand.renewer.settle()
    assert stand.vault.records[ANN].broken_since is None
    assert ANN not in stand.vault.leases


async def test_a_dead_pair_is_marked_and_left_alone(stand: Stand) -> None:
    stand.patreon.good.clear()
    for _ in range(5):
        with pytest.raises(AccessRevoked):
            await stand.renewer.renew(ANN, 1)
    assert stand.patreon.asked == ["old-refresh"]
    assert stand.vault.records[ANN].broken_since == START
    assert ANN not in stand.vault.leases


async def test_a_dead_pair_is_used_to_its_end_and_not_renewed(stand: Stand) -> None:
    stand.patreon.good.clear()
    stand.clock.at += timedelta(days=31) - timedelta(hours=12)
    for _ in range(3):
        with pytest.raises(AccessRevoked):
            await stand.renewer.renew_ahead(ANN)
        assert (await stand.renewer.usable(ANN)).tokens.access == "old-access"
    stand.clock.at += timedelta(hours=12)
    with pytest.raises(AccessRevoked, match="refuses to renew"):
        await stand.renewer.usable(ANN)
    assert stand.patreon.asked == ["old-refresh"]


async def test_a_mark_of_which_nobody_knows_when_it_was_tried_is_tried_at_once(stand: Stand) -> None:
    stand.vault.put(ANN, pair("old"), broken_since=START)
    await stand.renewer.renew_ahead(ANN)
    assert stand.vault.records[ANN].broken_since is None


async def test_a_refusal_by_a_clock_that_was_ahead_does_not_keep_a_pair_dead(stand: Stand) -> None:
    stand.vault.put(ANN, pair("old"), broken_since=START, refused_at=START + timedelta(days=365))
    await stand.renewer.renew_ahead(ANN)
    assert stand.vault.records[ANN].broken_since is None


async def test_a_spare_that_came_since_is_tried_at_once(stand: Stand) -> None:
    stand.patreon.good = {"again-refresh"}
    with pytest.raises(AccessRevoked):
        await stand.renewer.renew(ANN, 1)
    await stand.vault.save_spare(ANN, pair("again"))
    assert (await stand.renewer.renew(ANN, 1)).broken_since is None


async def test_a_late_refusal_does_not_break_the_pair_that_was_stored_meanwhile(stand: Stand) -> None:
    stand.patreon.gate = asyncio.Event()
    stand.patreon.good.clear()
    renewing = asyncio.create_task(stand.renewer.renew(ANN, 1))
    await stand.patreon.reached.wait()
    await stand.vault.save_renewed(ANN, pair("linked again"))
    stand.patreon.gate.set()
    assert (await renewing).tokens == pair("linked again")
    assert stand.vault.records[ANN].broken_since is None


@pytest.mark.parametrize("kept", ["previous", "spare"])
def test_what_was_kept_is_tried_before_a_pair_is_called_dead(stand: Stand, kept: str) -> None:
    stand.vault.records[ANN] = replace(stand.vault.records[ANN], **{kept: pair("kept")})  # type: ignore[arg-type]
    stand.patreon.good = {"kept-refresh"}
    record = asyncio.run(stand.renewer.renew(ANN, 1))
    assert record.tokens.access == "new2-access"
    assert stand.patreon.asked == ["old-refresh", "kept-refresh"]
    assert record.broken_since is None


async def test_only_a_refusal_makes_it_try_what_was_kept(stand: Stand) -> None:
    stand.vault.records[ANN] = replace(stand.vault.records[ANN], previous=pair("kept"))
    stand.patreon.failure = PatreonUnavailable("down")
    with pytest.raises(PatreonUnavailable):
        await stand.renewer.renew(ANN, 1)
    assert stand.patreon.asked == ["old-refresh"]


@pytest.mark.parametrize(
    ("failure", "rest"),
    [
        (PatreonUnavailable("down"), SHORT_COOL_DOWN),
        (UnexpectedAnswer("half a pair"), COOL_DOWN),
        (AccessDenied("invalid_client"), COOL_DOWN),
        (RateLimited(timedelta(minutes=30)), timedelta(minutes=30)),
    ],
)
async def test_after_a_failure_patreon_is_left_alone_for_a_while(
    stand: Stand, failure: PatreonError, rest: timedelta
) -> None:
    stand.patreon.failure = failure
    for _ in range(10):
        with pytest.raises(type(failure)):
            await stand.renewer.renew(ANN, 1)
    assert len(stand.patreon.asked) == 1
    assert stand.vault.records[ANN].broken_since is None
    stand.clock.at += rest
    stand.patreon.failure = None
    assert (await stand.renewer.renew(ANN, 1)).version == 2


async def test_a_wait_that_was_asked_for_shrinks_as_time_passes(stand: Stand) -> None:
    stand.patreon.failure = RateLimited(timedelta(minutes=30))
    with pytest.raises(RateLimited):
        await stand.renewer.renew(ANN, 1)
    stand.clock.at += timedelta(minutes=10)
    with pytest.raises(RateLimited) as caught:
        await stand.renewer.renew(ANN, 1)
    assert caught.value.retry_after == timedelta(minutes=20)


async def test_a_new_pair_ends_the_rest(stand: Stand) -> None:
    stand.patreon.good.clear()
    with pytest.raises(AccessRevoked):
        await stand.renewer.renew(ANN, 1)
    await stand.vault.save_renewed(ANN, pair("linked again"))
    stand.patreon.good = {"linked again-refresh"}
    assert (await stand.renewer.renew(ANN, 2)).version == 3


async def test_a_failed_renewal_ahead_of_the_end_does_not_stop_a_call(stand: Stand) -> None:
    stand.patreon.failure = PatreonUnavailable("down")
    stand.clock.at += timedelta(days=31) - timedelta(minutes=1)
    assert (await stand.renewer.usable(ANN)).tokens.access == "old-access"
    stand.clock.at += timedelta(minutes=2)
    with pytest.raises(PatreonUnavailable):
        await stand.renewer.usable(ANN)


async def test_a_pair_the_disk_refused_is_not_lost(stand: Stand) -> None:
    stand.vault.failing = 3
    record = await stand.renewer.renew(ANN, 1)
    assert record.tokens.access == "new1-access"
    assert stand.patreon.asked == ["old-refresh"]


async def test_a_pair_the_disk_goes_on_refusing_is_kept_under_the_lease(stand: Stand) -> None:
    stand.vault.failing = 1000
    with pytest.raises(StoreError):
        await stand.renewer.renew(ANN, 1)
    with pytest.raises(StoreError):
        await stand.renewer.renew_ahead(ANN)
    assert stand.vault.leases[ANN][1] > stand.clock.at
    assert (await stand.renewer.usable(ANN)).tokens.access == "old-access", "until its end"
    stand.vault.failing = 0
    await stand.renewer.renew_ahead(ANN)
    assert stand.vault.records[ANN].tokens.access == "new1-access"
    assert stand.patreon.asked == ["old-refresh"]


async def test_a_pair_the_disk_refused_for_longer_than_the_lease_mends_what_another_process_broke(stand: Stand) -> None:
    stand.vault.failing = 1000
    with pytest.raises(StoreError):
        await stand.renewer.renew(ANN, 1)
    stand.vault.failing = 0
    with pytest.raises(AccessRevoked):
        await stand.process().renew(ANN, 1)
    assert stand.clock.at >= START + LEASE
    assert stand.vault.records[ANN].broken_since is not None
    record = await stand.renewer.usable(ANN)
    assert (record.tokens.access, record.broken_since) == ("new1-access", None)


async def test_a_pair_the_disk_refused_is_forgotten_when_another_was_stored(stand: Stand) -> None:
    stand.vault.failing = 1000
    with pytest.raises(StoreError):
        await stand.renewer.renew(ANN, 1)
    stand.vault.failing = 0
    await stand.vault.save_renewed(ANN, pair("linked again"))
    assert (await stand.renewer.renew(ANN, 1)).tokens == pair("linked again")
    assert stand.renewer._unsaved == {}


async def test_a_renewal_that_takes_too_long_ends_before_its_lease(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    assert timedelta(seconds=REQUEST_SECONDS + SAVE_SECONDS) < LEASE
    monkeypatch.setattr(renewal, "REQUEST_SECONDS", 0.01)
    stand.patreon.gate = asyncio.Event()
    with pytest.raises(PatreonUnavailable, match="too long"):
        await stand.renewer.renew(ANN, 1)
    assert ANN not in stand.vault.leases


async def test_a_renewal_of_an_older_pair_is_not_waited_for(stand: Stand) -> None:
    stand.patreon.gate = asyncio.Event()
    older = asyncio.create_task(stand.renewer.renew(ANN, 1))
    await stand.patreon.reached.wait()
    await stand.vault.save_renewed(ANN, pair("linked again"))
    newer = asyncio.create_task(stand.renewer.renew(ANN, 2))
    stand.patreon.good = {"linked again-refresh"}
    stand.patreon.gate.set()
    assert (await newer).version == 3
    assert (await older).version >= 2


async def test_the_pair_before_is_kept_until_the_new_one_has_worked(stand: Stand) -> None:
    record = await stand.renewer.renew(ANN, 1)
    assert record.previous == pair("old")
    await stand.renewer.worked(ANN, record)
    await stand.renewer.worked(ANN, replace(record, previous=None))
    assert stand.vault.records[ANN].previous is None
    assert stand.vault.journal == ["save new1-access", "drop before new1-access"]


async def test_an_owner_without_a_pair_has_to_link(stand: Stand) -> None:
    for attempt in (stand.renewer.usable, stand.renewer.renew_ahead):
        with pytest.raises(AccessRevoked, match="no token pair"):
            await attempt(TokenOwner("patron:4711"))
    assert CREATOR == "creator"
