"""Settings of guilds and the names of their roles."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from bot.core.model import GuildId, Policy, Revocable, RoleId
from bot.errors import StoreError
from bot.store import Store, open_store
from bot.store.records import GuildSettings
from tests.conftest import SECRET_KEY
from tests.store.makers import DAY, GOLD, GUILD, NOW, OTHER_GUILD, PAGE, SILVER

_CHOSEN = Policy(
    declined_grace=timedelta(days=3, hours=6),
    keep_paid_through=False,
    count_pending=False,
    count_trials=False,
    count_gifts=False,
    highest_only=frozenset({"tiers", "months"}),
    revocable=Revocable.MANAGED,
    restore_drift=False,
    shadow=True,
    paused=True,
    brake_percent=25,
    brake_count=0,
)


async def test_an_unknown_guild_has_the_defaults(any_store: Store) -> None:
    async with any_store.read() as t:
        assert await t.guilds.load(GUILD) == GuildSettings(GUILD, Policy())
        assert await t.guilds.all() == []


async def test_settings_come_back_as_they_were(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.guilds.audited(OTHER_GUILD, None)
        await t.guilds.choose(GUILD, Policy(), _CHOSEN)
        await t.guilds.connect(GUILD, PAGE)
        await t.guilds.save_staff_channel(GUILD, int(GOLD))
        await t.guilds.audited(GUILD, NOW)
        await t.guilds.joined(GUILD, NOW)
    async with any_store.read() as t:
        stored = GuildSettings(GUILD, _CHOSEN, PAGE, staff_channel=int(GOLD), audited_at=NOW, joined_at=NOW)
        assert await t.guilds.load(GUILD) == stored
        assert await t.guilds.all() == [stored, GuildSettings(OTHER_GUILD)]


async def test_a_guild_remembers_when_the_bot_came_first(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.guilds.joined(GUILD, NOW)
        await t.guilds.joined(GUILD, NOW + DAY)
        assert await t.guilds.load(GUILD) == GuildSettings(GUILD, joined_at=NOW)


async def test_a_switch_that_is_chosen_leaves_those_chosen_before(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.guilds.choose(GUILD, Policy(), _CHOSEN)
        await t.guilds.choose(GUILD, Policy(paused=True), Policy(paused=False))
        assert (await t.guilds.load(GUILD)).policy == replace(_CHOSEN, paused=False)


async def test_a_stored_switch_that_nobody_understands_is_a_store_error(store: Store) -> None:
    async with store.write() as t:
        await t.guilds.choose(GUILD, Policy(), Policy(brake_count=9))
        await t._connection.execute(text('UPDATE guilds SET policy = \'{"brake_count": "Ann Patron"}\''))
        with pytest.raises(StoreError) as caught:
            await t.guilds.load(GUILD)
    assert "Ann Patron" not in str(caught.value)


async def test_role_names_are_replaced_as_a_whole(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.guilds.save_roles(GUILD, {GOLD: "Gold", SILVER: "Sil\u2019ver \U0001f948"})
        await t.guilds.save_roles(OTHER_GUILD, {RoleId(5): "Other"})
        await t.guilds.save_roles(GUILD, {SILVER: "Silver", RoleId(9): "New"})
        assert await t.guilds.role_names(GUILD) == {SILVER: "Silver", RoleId(9): "New"}
        assert await t.guilds.role_names(OTHER_GUILD) == {RoleId(5): "Other"}
        await t.guilds.save_roles(GUILD, {})
        assert await t.guilds.role_names(GUILD) == {}


async def test_what_a_guild_did_not_choose_follows_the_operator_at_any_time(database_url: str) -> None:
    operators = Policy()
    opened = await open_store(database_url, [SECRET_KEY], policy=operators)
    async with opened.write() as t:
        await t.guilds.joined(GuildId(2), NOW)
        await t.guilds.choose(GuildId(3), operators, replace(operators, brake_count=9))
        await t.guilds.choose(GuildId(4), operators, replace(operators, declined_grace=timedelta(days=3)))
    await opened.close()
    for operators in (Policy(declined_grace=timedelta(days=21)), Policy(restore_drift=False)):
        opened = await open_store(database_url, [SECRET_KEY], policy=operators)
        async with opened.read() as t:
            assert (await t.guilds.load(GuildId(1))).policy == operators
            assert (await t.guilds.load(GuildId(2))).policy == operators
            assert (await t.guilds.load(GuildId(3))).policy == replace(operators, brake_count=9)
            assert (await t.guilds.load(GuildId(4))).policy == replace(operators, declined_grace=timedelta(days=3))
        await opened.close()


async def test_nobody_who_changes_a_guild_undoes_what_another_changed(database_url: str) -> None:
    one, other = [await open_store(database_url, [SECRET_KEY]) for _ in range(2)]
    begun = asyncio.Event()

    async def choose() -> None:
        async with one.write() as t:
            await t.guilds.choose(GUILD, Policy(), Policy(brake_count=9))
            begun.set()
            await asyncio.sleep(0.1)

    async def meanwhile() -> None:
        await begun.wait()
        async with other.write() as t:
            await t.guilds.choose(GUILD, Policy(), Policy(paused=True))
            await t.guilds.audited(GUILD, NOW)

    await asyncio.gather(choose(), meanwhile())

    async with one.read() as t:
        assert await t.guilds.load(GUILD) == GuildSettings(GUILD, Policy(brake_count=9, paused=True), audited_at=NOW)
    await one.close()
    await other.close()


async def test_lock_lets_one_unit_of_work_past_at_a_time(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.guilds.joined(GUILD, NOW)

    async def count() -> None:
        async with any_store.write() as t:
            await t.guilds.lock(GUILD)
            before = int(await t.facts.get("count") or 0)
            await asyncio.sleep(0.01)
            await t.facts.set("count", str(before + 1))

    await asyncio.gather(*(count() for _ in range(5)))

    async with any_store.read() as t:
        assert await t.facts.get("count") == "5"
