"""What the brake holds back, and what the staff answered."""

import asyncio

from bot.core.model import DiscordUserId
from bot.store import Store, Tables
from bot.store.records import BrakeHold, HeldRevocation
from tests.store.makers import ANN, BOB, CYD, DAY, GOLD, GUILD, HOUR, NOW, OTHER_GUILD, SILVER


async def _hold(t: Tables, run: int = 1) -> int:
    return await t.holds.open(GUILD, run, {ANN: [GOLD, SILVER], BOB: [GOLD]}, NOW)


async def test_a_hold_remembers_what_it_holds(any_store: Store) -> None:
    async with any_store.write() as t:
        assert await _hold(t) == 3
    async with any_store.read() as t:
        assert await t.holds.load(GUILD, 1) == BrakeHold(GUILD, 1, NOW)
        assert await t.holds.revocations(GUILD, 1) == [
            HeldRevocation(GUILD, 1, ANN, GOLD, NOW),
            HeldRevocation(GUILD, 1, ANN, SILVER, NOW),
            HeldRevocation(GUILD, 1, BOB, GOLD, NOW),
        ]
        assert await t.holds.waiting(GUILD) == [BrakeHold(GUILD, 1, NOW)]
        assert await t.holds.count_waiting(GUILD) == 3
        assert await t.holds.waiting(OTHER_GUILD) == []


async def test_what_is_held_already_is_not_asked_again(any_store: Store) -> None:
    async with any_store.write() as t:
        await _hold(t)
        assert await _hold(t, run=2) == 0
        assert await t.holds.load(GUILD, 2) is None
        assert await t.holds.open(GUILD, 3, {ANN: [GOLD], CYD: [GOLD]}, NOW + DAY) == 1
        assert await t.holds.revocations(GUILD, 3) == [HeldRevocation(GUILD, 3, CYD, GOLD, NOW + DAY)]
        assert [hold.run for hold in await t.holds.waiting(GUILD)] == [1, 3]


async def test_a_question_is_asked_once_and_found_again(any_store: Store) -> None:
    async with any_store.write() as t:
        await _hold(t)
        await t.holds.open(OTHER_GUILD, 2, {ANN: [GOLD]}, NOW + HOUR)
        assert [(hold.guild, hold.run) for hold in await t.holds.unasked()] == [(GUILD, 1), (OTHER_GUILD, 2)]
        await t.holds.asked(GUILD, 1, channel=11, message=22, at=NOW + HOUR)
        assert [hold.run for hold in await t.holds.unasked()] == [2]
        assert await t.holds.load(GUILD, 1) == BrakeHold(GUILD, 1, NOW, NOW + HOUR, channel=11, message=22)


async def test_the_first_answer_counts(any_store: Store) -> None:
    async with any_store.write() as t:
        await _hold(t)

    async def answer(approved: bool, by: DiscordUserId) -> bool:
        async with any_store.write() as t:
            return await t.holds.decide(GUILD, 1, approved, by, NOW + HOUR)

    answers = await asyncio.gather(answer(approved=True, by=BOB), answer(approved=False, by=CYD))
    assert sorted(answers) == [False, True]
    approved = answers[0]
    async with any_store.read() as t:
        expected = BrakeHold(GUILD, 1, NOW, approved=approved, decided_by=BOB if approved else CYD, decided_at=NOW + HOUR)
        assert await t.holds.load(GUILD, 1) == expected
        assert await t.holds.waiting(GUILD) == []
        assert await t.holds.unasked() == []
        assert await t.holds.count_waiting(GUILD) == 0


async def test_nobody_decides_about_a_hold_that_is_not_there(any_store: Store) -> None:
    async with any_store.write() as t:
        assert not await t.holds.decide(GUILD, 1, approved=True, by=BOB, at=NOW)


async def test_of_people_it_is_known_what_was_answered_about_each_role(any_store: Store) -> None:
    async with any_store.write() as t:
        await _hold(t)
        await t.holds.open(GUILD, 2, {BOB: [SILVER]}, NOW)
        await t.holds.open(GUILD, 3, {CYD: [GOLD]}, NOW)
        await t.holds.decide(GUILD, 2, approved=True, by=CYD, at=NOW)
        await t.holds.decide(GUILD, 3, approved=False, by=CYD, at=NOW)
        assert await t.holds.of_users(GUILD, [ANN, BOB, CYD, DiscordUserId(5)]) == {
            ANN: {GOLD: None, SILVER: None},
            BOB: {GOLD: None, SILVER: True},
            CYD: {GOLD: False},
        }


async def test_a_revocation_no_longer_due_vanishes_and_an_empty_hold_with_it(any_store: Store) -> None:
    async with any_store.write() as t:
        await _hold(t)
        await t.holds.drop(GUILD, ANN, [GOLD, SILVER])
        assert await t.holds.of_users(GUILD, [ANN, BOB]) == {BOB: {GOLD: None}}
        assert len(await t.holds.waiting(GUILD)) == 1
        await t.holds.drop(GUILD, BOB, [GOLD])
        assert await t.holds.waiting(GUILD) == []
        assert await t.holds.load(GUILD, 1) is None


async def test_dropping_in_one_guild_leaves_the_others(any_store: Store) -> None:
    async with any_store.write() as t:
        await _hold(t)
        await t.holds.open(OTHER_GUILD, 1, {ANN: [GOLD]}, NOW)
        await t.holds.drop(OTHER_GUILD, ANN, [GOLD])
        assert await t.holds.count_waiting(GUILD) == 3
        assert await t.holds.count_waiting(OTHER_GUILD) == 0


async def test_hold_whose_last_rows_go_at_the_same_moment_vanishes(any_store: Store) -> None:
    crowd = [DiscordUserId(1000 + number) for number in range(10)]
    async with any_store.write() as t:
        await t.holds.open(GUILD, 1, {user: [GOLD] for user in crowd}, NOW)

    async def let_go(user: DiscordUserId) -> None:
        async with any_store.write() as t:
            await t.holds.drop(GUILD, user, [GOLD])
            await asyncio.sleep(0.01)

    await asyncio.gather(*map(let_go, crowd))

    async with any_store.read() as t:
        assert await t.holds.load(GUILD, 1) is None


async def test_who_lost_something_lately_is_counted_once_and_forgotten_later(any_store: Store) -> None:
    async with any_store.write() as t:
        for user, at in ((ANN, NOW), (ANN, NOW + HOUR), (BOB, NOW), (CYD, NOW + HOUR)):
            await t.holds.lost(GUILD, user, at)
        await t.holds.lost(OTHER_GUILD, DiscordUserId(99), NOW + HOUR)
        assert await t.holds.count_lost(GUILD, NOW, but=DiscordUserId(0)) == 3
        assert await t.holds.count_lost(GUILD, NOW + HOUR, but=DiscordUserId(0)) == 2
        assert await t.holds.count_lost(GUILD, NOW + HOUR, but=CYD) == 1
        await t.holds.forget_losses(NOW + HOUR)
        assert await t.holds.count_lost(GUILD, NOW, but=DiscordUserId(0)) == 2
        await t.erase_everything(ANN)
        assert await t.holds.count_lost(GUILD, NOW, but=DiscordUserId(0)) == 1
