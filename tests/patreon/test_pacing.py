"""Turns within Patreon's limits, pauses it asked for, and the ban we never earn."""

import asyncio
from datetime import timedelta

import pytest

from bot.errors import RateLimited
from bot.patreon.pacing import EXCHANGE, RENEWAL, Pacer, Window
from tests.patreon.doubles import START, Clock

PATIENT = timedelta(hours=1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacer(clock: Clock) -> Pacer:
    return Pacer(clock.sleep, clock.monotonic)


async def test_no_minute_has_more_than_a_hundred_requests_of_one_token(pacer: Pacer, clock: Clock) -> None:
    turns = []
    for _ in range(350):
        await pacer.turn("creator", PATIENT)
        turns.append(clock.monotonic())
    assert all(later - sooner >= 60 for sooner, later in zip(turns, turns[100:], strict=False))
    assert turns[-1] < 3.2 * 60, "and no longer than the limit asks for"


async def test_no_two_seconds_have_more_than_a_hundred_requests_of_the_client(pacer: Pacer, clock: Clock) -> None:
    turns = []
    for number in range(350):
        await pacer.turn(f"patron:{number}", PATIENT)
        turns.append(clock.monotonic())
    assert all(later - sooner >= 2 for sooner, later in zip(turns, turns[100:], strict=False))
    assert turns[-1] < 10


async def test_one_tokens_queue_does_not_hold_up_another(pacer: Pacer, clock: Clock) -> None:
    for _ in range(100):
        await pacer.turn("creator", PATIENT)
    clock.at += timedelta(seconds=3)
    before = clock.at
    await pacer.turn("patron:1", PATIENT)
    assert clock.at == before


async def test_who_cannot_wait_that_long_is_told_when_to_come_back(pacer: Pacer, clock: Clock) -> None:
    for _ in range(100):
        await pacer.turn("creator", PATIENT)
    with pytest.raises(RateLimited) as caught:
        await pacer.turn("creator", timedelta(seconds=10))
    assert caught.value.retry_after == timedelta(seconds=61) - (clock.at - START)


async def test_a_pause_is_for_one_token(pacer: Pacer, clock: Clock) -> None:
    pacer.pause("creator", timedelta(seconds=9))
    await pacer.turn("patron:1", PATIENT)
    assert clock.slept == []
    await pacer.turn("creator", PATIENT)
    assert clock.slept == [9]


async def test_a_long_pause_is_for_all(pacer: Pacer, clock: Clock) -> None:
    pacer.pause("creator", timedelta(minutes=30))
    with pytest.raises(RateLimited) as caught:
        await pacer.turn("patron:1", timedelta(seconds=10))
    assert caught.value.retry_after == timedelta(minutes=30)
    clock.at += timedelta(minutes=30)
    await pacer.turn("patron:1", timedelta(0))


async def test_a_shorter_pause_does_not_end_a_longer_one(pacer: Pacer) -> None:
    pacer.pause("creator", timedelta(seconds=30))
    pacer.pause("creator", timedelta(seconds=5))
    with pytest.raises(RateLimited) as caught:
        await pacer.turn("creator", timedelta(seconds=10))
    assert caught.value.retry_after == timedelta(seconds=30)


class Held:
    """Time that moves by hand, and sleepers who wake when it did."""

    def __init__(self) -> None:
        self.at = 0.0
        self._moved = asyncio.Event()

    def now(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        until = self.at + seconds
        while self.at < until:
            await self._moved.wait()

    async def move_to(self, at: float) -> None:
        self.at = at
        self._moved.set()
        self._moved = asyncio.Event()
        await breathe()


async def breathe() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_those_who_waited_out_a_pause_are_counted_for_when_they_left() -> None:
    held = Held()
    pacer = Pacer(held.sleep, held.now)
    pacer.pause("creator", timedelta(seconds=50))
    queue = [asyncio.create_task(pacer.turn("creator", PATIENT)) for _ in range(100)]
    await breathe()
    await held.move_to(50.0)
    await asyncio.gather(*queue)
    held.at = 70.0
    with pytest.raises(RateLimited) as caught:
        await pacer.turn("creator", timedelta(0))
    assert caught.value.retry_after == timedelta(seconds=50 + 61 - 70)


async def test_a_pause_reaches_those_who_wait_already() -> None:
    held = Held()
    pacer = Pacer(held.sleep, held.now)
    for number in range(100):
        await pacer.turn(f"patron:{number}", PATIENT)
    hurried = asyncio.create_task(pacer.turn("creator", timedelta(seconds=10)))
    patient = asyncio.create_task(pacer.turn("creator", PATIENT))
    await breathe()
    pacer.pause("patron:1", timedelta(minutes=30))
    await held.move_to(3.0)
    with pytest.raises(RateLimited):
        await hurried
    assert not patient.done()
    await held.move_to(1800.0)
    await patient


async def test_a_pause_of_calls_without_a_token_is_theirs_alone(pacer: Pacer, clock: Clock) -> None:
    pacer.pause(EXCHANGE, timedelta(seconds=30))
    await pacer.turn("creator", timedelta(0))
    await pacer.turn(RENEWAL, timedelta(0))
    await pacer.turn(EXCHANGE, PATIENT)
    assert clock.slept == [30]


@pytest.mark.parametrize("calls", [EXCHANGE, RENEWAL])
async def test_calls_without_a_token_know_no_limit_but_the_clients(pacer: Pacer, clock: Clock, calls: str) -> None:
    turns = []
    for _ in range(500):
        await pacer.turn(calls, PATIENT)
        turns.append(clock.monotonic())
    assert all(later - sooner >= 2 for sooner, later in zip(turns, turns[100:], strict=False))
    assert turns[-1] < 10


async def test_who_cannot_wait_for_the_client_takes_nobodys_turn() -> None:
    held = Held()
    pacer = Pacer(held.sleep, held.now)
    queue = [asyncio.create_task(pacer.turn(EXCHANGE, PATIENT)) for _ in range(300)]
    await breathe()
    for _ in range(500):
        with pytest.raises(RateLimited) as caught:
            await pacer.turn(EXCHANGE, timedelta(seconds=5))
        assert timedelta(seconds=5) < caught.value.retry_after < timedelta(seconds=7)
    await held.move_to(4.2)
    await asyncio.gather(*queue)
    await held.move_to(6.4)
    await pacer.turn(EXCHANGE, timedelta(0))


async def test_after_a_long_pause_one_call_tries_and_the_others_follow_its_answer() -> None:
    held = Held()
    pacer = Pacer(held.sleep, held.now)
    pacer.pause("creator", timedelta(minutes=30))
    await held.move_to(1800.0)
    await pacer.turn("creator", timedelta(0))
    with pytest.raises(RateLimited):
        await pacer.turn("patron:1", timedelta(seconds=5))
    pacer.pause("creator", timedelta(minutes=30))
    await held.move_to(3599.0)
    with pytest.raises(RateLimited):
        await pacer.turn("patron:1", timedelta(0))
    await held.move_to(3600.0)
    await pacer.turn("patron:1", timedelta(0))
    pacer.note_answer()
    await pacer.turn("creator", timedelta(0))


async def test_an_answer_to_a_call_sent_before_a_long_pause_does_not_end_it() -> None:
    held = Held()
    pacer = Pacer(held.sleep, held.now)
    pacer.pause("creator", timedelta(minutes=30))
    pacer.note_answer()
    with pytest.raises(RateLimited):
        await pacer.turn("patron:1", timedelta(seconds=10))
    await held.move_to(1800.0)
    await pacer.turn("creator", timedelta(0))
    with pytest.raises(RateLimited):
        await pacer.turn("patron:1", timedelta(0))


async def test_a_trial_that_is_never_answered_holds_nobody_for_long() -> None:
    held = Held()
    pacer = Pacer(held.sleep, held.now)
    pacer.pause("creator", timedelta(minutes=30))
    await held.move_to(1800.0)
    await pacer.turn("creator", timedelta(0))
    await held.move_to(1810.0)
    await pacer.turn("patron:1", timedelta(0))


async def test_refused_codes_stop_exchanges_and_nobody_else(pacer: Pacer, clock: Clock) -> None:
    for _ in range(500):
        await pacer.turn(EXCHANGE, PATIENT)
        pacer.note_bad(code=True)
    with pytest.raises(RateLimited):
        await pacer.turn(EXCHANGE, timedelta(minutes=5))
    for key in ("creator", "patron:1", RENEWAL):
        await pacer.turn(key, timedelta(seconds=10))
    clock.at += timedelta(minutes=10)
    await pacer.turn(EXCHANGE, timedelta(0))


async def test_bad_requests_stop_long_before_the_ban(pacer: Pacer, clock: Clock) -> None:
    bad = 0
    while clock.monotonic() < 599:
        try:
            await pacer.turn(f"patron:{bad}", timedelta(0))
        except RateLimited:
            clock.at += timedelta(seconds=0.2)
        else:
            pacer.note_bad()
            bad += 1
        clock.at += timedelta(milliseconds=20)
    assert bad == 1000
    clock.at += timedelta(minutes=10)
    await pacer.turn("patron:1", timedelta(0))


async def test_tokens_that_are_idle_are_forgotten(pacer: Pacer, clock: Clock) -> None:
    for number in range(1500):
        await pacer.turn(f"patron:{number}", PATIENT)
        clock.at += timedelta(seconds=1)
    assert len(pacer._tokens) <= 1000


def test_a_window_that_was_never_used_is_idle() -> None:
    window = Window(2, 10.0)
    assert window.idle(0.0)
    window.take(0.0)
    assert not window.idle(9.9)
    assert window.idle(10.0)


class Leaping(Held):
    """Time that jumps to the next sleeper once everybody sleeps."""

    def __init__(self) -> None:
        super().__init__()
        self._due: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self._due.append(self.at + seconds)
        await super().sleep(seconds)

    async def run(self, tasks: list[asyncio.Task[None]]) -> None:
        while not all(task.done() for task in tasks):
            await breathe()
            self._due = [due for due in self._due if due > self.at]
            if self._due:
                await self.move_to(min(self._due))
        await asyncio.gather(*tasks)


async def _turn_or_wait(pacer: Pacer, key: str, patience: timedelta) -> float | None:
    try:
        await pacer.turn(key, patience)
    except RateLimited as limited:
        return limited.retry_after.total_seconds()
    return None


async def test_five_hundred_people_who_link_within_a_minute_are_all_through_soon_after_it() -> None:
    """Each opens the page anew when told to, as their browsers do; nobody's browser hangs for more than ten seconds."""
    time = Leaping()
    pacer = Pacer(time.sleep, time.now)
    patience = timedelta(seconds=5)
    sent, hung = [], []

    async def person(number: int, comes_at: float) -> None:
        await time.sleep(comes_at)
        for key in (EXCHANGE, f"patron:{number}"):
            while True:
                opened_at = time.now()
                wait = await _turn_or_wait(pacer, key, patience)
                hung.append(time.now() - opened_at)
                if wait is None:
                    break
                await time.sleep(wait + 1)
            sent.append(time.now())

    # Most of them in the first seconds: a creator has told a crowd to link.
    arrivals = [0.01 * number if number < 400 else 0.1 * number for number in range(500)]
    await time.run([asyncio.create_task(person(number, at)) for number, at in enumerate(arrivals)])

    assert len(sent) == 1000
    assert max(sent) < 75
    assert max(hung) <= patience.total_seconds()
    assert all(later - sooner >= 2 for sooner, later in zip(sorted(sent), sorted(sent)[100:], strict=False))
