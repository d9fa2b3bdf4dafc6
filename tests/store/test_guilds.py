"""Settings of guilds and the names of their roles."""

import asyncio
from datetime import UTC, datetime, timedelta

from bot.core.model import GuildId, Policy, Revocable, RoleId
from bot.store import Store, open_store
from bot.store.codec import decode_policy
from bot.store.records import GuildSettings
from tests.conftest import SECRET_KEY
from tests.store.makers import GOLD, GUILD, NOW, OTHER_GUILD, PAGE, SILVER

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
    chosen = GuildSettings(GUILD, _CHOSEN, PAGE, staff_channel=int(GOLD), audited_at=NOW, joined_at=NOW)
    async with any_store.write() as t:
        await t.guilds.save(GuildSettings(OTHER_GUILD))
        await t.guilds.save(GuildSettings(GUILD))
        await t.guilds.save(chosen)
    async with any_store.read() as t:
        assert await t.guilds.load(GUILD) == chosen
        assert await t.guilds.all() == [chosen, GuildSettings(OTHER_GUILD)]


def test_a_policy_stored_before_a_setting_existed_has_its_default() -> None:
    assert decode_policy(b'{"brake_count": 9}') == Policy(brake_count=9)


async def test_an_audit_is_remembered_and_other_settings_stay(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.guilds.audited(GUILD, NOW)
        assert await t.guilds.load(GUILD) == GuildSettings(GUILD, audited_at=NOW)
        await t.guilds.save(GuildSettings(GUILD, _CHOSEN, audited_at=NOW))
        await t.guilds.audited(GUILD, None)
        assert await t.guilds.load(GUILD) == GuildSettings(GUILD, _CHOSEN)


async def test_role_names_are_replaced_as_a_whole(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.guilds.save_roles(GUILD, {GOLD: "Gold", SILVER: "Sil\u2019ver \U0001f948"})
        await t.guilds.save_roles(OTHER_GUILD, {RoleId(5): "Other"})
        await t.guilds.save_roles(GUILD, {SILVER: "Silver", RoleId(9): "New"})
        assert await t.guilds.role_names(GUILD) == {SILVER: "Silver", RoleId(9): "New"}
        assert await t.guilds.role_names(OTHER_GUILD) == {RoleId(5): "Other"}
        await t.guilds.save_roles(GUILD, {})
        assert await t.guilds.role_names(GUILD) == {}


async def test_a_guild_that_saved_no_policy_has_the_operators(database_url: str) -> None:
    lenient = Policy(declined_grace=timedelta(days=21))
    opened = await open_store(database_url, [SECRET_KEY], policy=lenient)
    try:
        async with opened.write() as t:
            await t.guilds.audited(GuildId(2), datetime(2026, 3, 1, tzinfo=UTC))
            await t.guilds.save(GuildSettings(GuildId(3), Policy(brake_count=9)))
        async with opened.read() as t:
            assert (await t.guilds.load(GuildId(1))).policy == lenient
            assert (await t.guilds.load(GuildId(2))).policy == lenient
            assert (await t.guilds.load(GuildId(3))).policy == Policy(brake_count=9)
    finally:
        await opened.close()


async def test_lock_lets_one_unit_of_work_past_at_a_time(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.guilds.save(GuildSettings(GUILD))

    async def count() -> None:
        async with any_store.write() as t:
            await t.guilds.lock(GUILD)
            before = int(await t.facts.get("count") or 0)
            await asyncio.sleep(0.01)
            await t.facts.set("count", str(before + 1))

    await asyncio.gather(*(count() for _ in range(5)))

    async with any_store.read() as t:
        assert await t.facts.get("count") == "5"
