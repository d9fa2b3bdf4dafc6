"""Rate limits: the windows by themselves, over HTTP, and how an unmodified discord.py lives with them."""

import asyncio

import aiohttp
import pytest

from sandbox.discord.limits import GIVE_ROLE, TAKE_ROLE, Limit, RateLimits
from sandbox.discord.server import DiscordServer
from tests.sandbox.discord_life import TOKEN, DiscordBot, build_town, running


class Watch:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_a_window_takes_its_number_and_no_more(watch: Watch) -> None:
    limits = RateLimits(watch)
    limits.set(GIVE_ROLE, 2, 5.0)
    first, second, third = (limits.count(GIVE_ROLE, "1", 7) for _ in range(3))
    assert [v.headers["X-RateLimit-Remaining"] for v in (first, second, third)] == ["1", "0", "0"]
    assert first.refused is second.refused is None
    assert third.refused is not None
    assert third.refused["global"] is False
    assert third.refused["retry_after"] == pytest.approx(5.0, abs=0.01)
    assert third.headers["X-RateLimit-Scope"] == "user"
    assert limits.refused[GIVE_ROLE] == 1


def test_a_new_window_begins_when_the_old_one_ends(watch: Watch) -> None:
    limits = RateLimits(watch)
    limits.set(GIVE_ROLE, 1, 5.0)
    limits.count(GIVE_ROLE, "1", 7)
    watch.time += 4.9
    late = limits.count(GIVE_ROLE, "1", 7)
    assert late.refused is not None
    watch.time += late.refused["retry_after"]
    assert limits.count(GIVE_ROLE, "1", 7).refused is None


def test_each_guild_and_each_method_has_its_own_window(watch: Watch) -> None:
    limits = RateLimits(watch)
    for route in (GIVE_ROLE, TAKE_ROLE):
        limits.set(route, 1, 5.0)
    verdicts = [limits.count(GIVE_ROLE, "1", 7), limits.count(GIVE_ROLE, "2", 7), limits.count(TAKE_ROLE, "1", 7)]
    assert [verdict.refused for verdict in verdicts] == [None, None, None]
    assert verdicts[0].headers["X-RateLimit-Bucket"] == verdicts[1].headers["X-RateLimit-Bucket"]
    assert verdicts[0].headers["X-RateLimit-Bucket"] != verdicts[2].headers["X-RateLimit-Bucket"]


def test_the_global_limit_counts_a_bots_calls_but_no_interactions(watch: Watch) -> None:
    limits = RateLimits(watch)
    limits.global_limit = Limit(2, 1.0)
    assert all(limits.count(f"GET /{n}", "", 7, exempt=True).refused is None for n in range(9))
    assert all(limits.count(f"GET /{n}", "", 7).refused is None for n in range(2))
    refused = limits.count("GET /x", "", 7)
    assert refused.refused is not None
    assert refused.refused["global"] is True
    assert refused.headers["X-RateLimit-Global"] == "true"
    assert limits.count("GET /x", "", 8).refused is None
    watch.time += 1.0
    assert limits.count("GET /x", "", 7).refused is None


def test_lifted_limits_refuse_nothing_and_can_be_restored(watch: Watch) -> None:
    limits = RateLimits(watch)
    limits.set(GIVE_ROLE, 1, 5.0)
    limits.lift()
    assert all(limits.count(GIVE_ROLE, "1", 7).refused is None for _ in range(200))
    limits.restore()
    assert [limits.count(GIVE_ROLE, "1", 7).refused is None for _ in range(2)] == [True, False]


def test_ended_windows_are_forgotten_and_running_ones_are_not(watch: Watch) -> None:
    limits = RateLimits(watch)
    limits.set(GIVE_ROLE, 1, 500.0)
    limits.global_limit = None
    limits.count(GIVE_ROLE, "mine", 7)
    for number in range(10_001):
        limits.count("POST /interactions", str(number), 7)
    watch.time += 2.0
    limits.count("POST /interactions", "new", 7)
    assert len(limits._windows) == 2
    assert limits.count(GIVE_ROLE, "mine", 7).refused is not None


async def test_a_caller_without_patience_gets_a_429_that_changes_nothing() -> None:
    town = build_town()
    path = f"/guilds/{town.guild.id}/members/{town.ann.id}/roles/"
    headers = {"Authorization": f"Bot {TOKEN}"}
    async with DiscordServer(town.world).serve() as server, aiohttp.ClientSession(headers=headers) as session:
        server.limits.set(GIVE_ROLE, 1, 60.0)
        async with session.put(f"{server.api_url}{path}{town.gold.id}") as first:
            assert (first.status, first.headers["X-RateLimit-Limit"]) == (204, "1")
        async with session.put(f"{server.api_url}{path}{town.silver.id}") as second:
            assert second.status == 429
            assert second.headers["Content-Type"] == "application/json"
            assert 59 < float(second.headers["X-RateLimit-Reset-After"]) <= 60
            assert set(await second.json()) == {"message", "retry_after", "global"}
    assert town.world.role_names_of(town.guild.id, town.ann.id) == {"Gold"}
    assert server.limits.refused == {GIVE_ROLE: 1}


async def test_discord_py_reads_the_headers_and_never_provokes_a_429() -> None:
    town = build_town()
    async with DiscordServer(town.world).serve() as server:
        server.limits.set(GIVE_ROLE, 5, 0.05)
        bot = DiscordBot()
        async with running(bot, server):
            crowd = town.world.add_members(town.guild.id, 20)
            await asyncio.gather(*(bot.http.add_role(town.guild.id, user, town.gold.id) for user in crowd))
    assert town.guild.members.holders(town.gold.id) == list(crowd)
    assert server.calls[GIVE_ROLE] == 20
    assert not server.limits.refused


async def test_discord_py_waits_out_a_429_and_tries_again() -> None:
    town = build_town()
    async with DiscordServer(town.world).serve() as server:
        bot = DiscordBot()
        async with running(bot, server):
            server.limits.set(GIVE_ROLE, 1, 0.05)
            server.limits.count(GIVE_ROLE, str(town.guild.id), town.bot_id)
            await bot.http.add_role(town.guild.id, town.ann.id, town.gold.id)
    assert server.limits.refused[GIVE_ROLE] == 1
    assert town.world.role_names_of(town.guild.id, town.ann.id) == {"Gold"}
