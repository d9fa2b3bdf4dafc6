"""One Discord user, one patron."""

import asyncio
from dataclasses import replace

import pytest

from bot.core.model import DiscordUserId
from bot.errors import LinkError, LinkProblem
from bot.store import Store
from tests.store.makers import ANN, BOB, CYD, DAY, GUILD, HOUR, NOW, OTHER_GUILD, link, patron


async def test_a_saved_link_is_found_from_either_side(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.links.save(link())
    async with any_store.read() as t:
        assert await t.links.load(ANN) == link()
        assert await t.links.load_of_patron(patron(1)) == link()
        assert await t.links.load(BOB) is None
        assert await t.links.load_of_patron(patron(2)) is None


async def test_a_patron_of_somebody_else_is_taken(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.links.save(link(ANN, 1))
    with pytest.raises(LinkError) as caught:
        async with any_store.write() as t:
            await t.links.save(link(BOB, 1))
    assert caught.value.problem is LinkProblem.PATRON_TAKEN
    async with any_store.read() as t:
        assert await t.links.load(BOB) is None
        assert await t.links.load_of_patron(patron(1)) == link(ANN, 1)


async def test_a_user_linked_to_another_patron_is_taken(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.links.save(link(ANN, 1))
    with pytest.raises(LinkError) as caught:
        async with any_store.write() as t:
            await t.links.save(link(ANN, 2))
    assert caught.value.problem is LinkProblem.USER_TAKEN


async def test_two_users_who_link_one_patron_at_once_leave_one_link(any_store: Store) -> None:
    async def try_link(user: DiscordUserId) -> LinkProblem | None:
        try:
            async with any_store.write() as t:
                await t.links.save(link(user, 1))
        except LinkError as error:
            return error.problem
        return None

    outcomes = await asyncio.gather(*(try_link(user) for user in (ANN, BOB, CYD)))
    assert outcomes.count(None) == 1
    assert outcomes.count(LinkProblem.PATRON_TAKEN) == 2
    async with any_store.read() as t:
        assert await t.links.count() == 1


async def test_linking_the_same_pair_again_mends_the_link(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.links.save(link())
        await t.links.mark_broken(ANN, NOW + HOUR)
        await t.links.save(link(at=NOW + DAY))
    async with any_store.read() as t:
        assert await t.links.load(ANN) == link(at=NOW + DAY)
        assert await t.links.count() == 1


async def test_a_broken_link_remembers_when_it_broke_first(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.links.save(link())
        await t.links.mark_broken(ANN, NOW + HOUR)
        await t.links.mark_broken(ANN, NOW + DAY)
    async with any_store.write() as t:
        assert await t.links.load(ANN) == replace(link(), broken_since=NOW + HOUR)


async def test_many_links_are_loaded_by_patron_and_by_user(any_store: Store) -> None:
    users = [DiscordUserId(int(ANN) + number) for number in range(2500)]
    async with any_store.write() as t:
        for number, user in enumerate(users[:3]):
            await t.links.save(link(user, number))
    async with any_store.read() as t:
        of_patrons = await t.links.load_of_patrons(patron(number) for number in range(2500))
        assert {name: found.user for name, found in of_patrons.items()} == {patron(n): users[n] for n in range(3)}
        assert set(await t.links.load_many(users)) == set(users[:3])
        assert await t.links.linked_users(users[1:]) == set(users[1:3])
        assert await t.links.linked_users([]) == set()


async def test_links_are_paged_in_order_of_user_without_a_gap(any_store: Store) -> None:
    users = [DiscordUserId(number) for number in (30, 10, 20, 50, 40)]
    async with any_store.write() as t:
        for number, user in enumerate(users):
            await t.links.save(link(user, number))
    async with any_store.read() as t:
        first = await t.links.page(limit=2)
        second = await t.links.page(first[-1].user, limit=2)
        third = await t.links.page(second[-1].user, limit=2)
        assert await t.links.page(third[-1].user) == []
    assert [each.user for each in (*first, *second, *third)] == sorted(users)


async def test_links_in_a_guild_are_those_of_people_known_to_be_there(any_store: Store) -> None:
    async with any_store.write() as t:
        for number, user in enumerate((ANN, BOB, CYD)):
            await t.links.save(link(user, number))
        await t.presence.put_many(GUILD, {ANN: True, BOB: False, DiscordUserId(5): True}, NOW)
        await t.presence.put(OTHER_GUILD, CYD, present=True, seen_at=NOW)
    async with any_store.read() as t:
        assert [each.user for each in await t.links.in_guild(GUILD)] == [ANN]
        assert await t.links.in_guild(GUILD, after=ANN) == []
        assert [each.user for each in await t.links.in_guild(OTHER_GUILD)] == [CYD]
