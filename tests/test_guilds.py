"""Discord as the engine sees it, through an unmodified discord.py against the simulated Discord."""

from collections.abc import AsyncIterator

import pytest

from bot.core.model import Block, DiscordUserId, GuildId, RoleId
from bot.errors import GuildUnavailable, RoleBlocked
from bot.guilds import PAGE, Guilds
from sandbox.discord.faults import Fault
from sandbox.discord.server import DiscordServer
from tests.sandbox.discord_life import DiscordBot, Town, build_town, running

SOMEBODY_ELSE = DiscordUserId(424242)


@pytest.fixture
def town() -> Town:
    return build_town()


@pytest.fixture
async def server(town: Town) -> AsyncIterator[DiscordServer]:
    async with DiscordServer(town.world).serve() as serving:
        yield serving


@pytest.fixture
async def guilds(town: Town, server: DiscordServer) -> AsyncIterator[Guilds]:
    """Give the guilds of a bot that is ready in the town."""
    bot = DiscordBot()
    async with running(bot, server):
        yield Guilds(bot)


async def test_role_is_given_once_and_again_without_harm(town: Town, guilds: Guilds) -> None:
    home, ann, silver = _ids(town)

    assert await guilds.grant(home, ann, silver, "account linked: tier Silver")
    assert await guilds.grant(home, ann, silver, "account linked: tier Silver")

    assert town.world.role_names_of(home, ann) == {"Silver"}


async def test_role_is_taken_once_and_again_without_harm(town: Town, guilds: Guilds) -> None:
    home, ann, silver = _ids(town)
    town.world.give_role(home, ann, silver)

    assert await guilds.revoke(home, ann, silver, "membership ended")
    assert await guilds.revoke(home, ann, silver, "membership ended")

    assert town.world.role_names_of(home, ann) == set()


async def test_reason_stands_in_the_audit_log(town: Town, guilds: Guilds) -> None:
    home, ann, silver = _ids(town)

    await guilds.grant(home, ann, silver, "news from Patreon: tier “Über” (paid)")

    assert [entry.reason for entry in town.guild.audit_log][-1] == "news from Patreon: tier “Über” (paid)"


async def test_somebody_who_is_not_a_member_is_an_answer_and_no_failure(town: Town, guilds: Guilds) -> None:
    home, _, silver = _ids(town)
    stranger = DiscordUserId(town.world.add_user("bob").id)

    assert not await guilds.grant(home, stranger, silver, "x")
    assert not await guilds.revoke(home, stranger, silver, "x")
    assert await guilds.fetch_member(home, stranger) is None
    assert await guilds.fetch_member(home, SOMEBODY_ELSE) is None


async def test_roles_of_one_member_are_read(town: Town, guilds: Guilds) -> None:
    home, ann, silver = _ids(town)
    town.world.give_role(home, ann, silver)

    found = await guilds.fetch_member(home, ann)

    assert found is not None
    assert found.roles == {silver}
    assert not found.pending


async def test_members_are_read_page_by_page_in_order(town: Town, guilds: Guilds) -> None:
    home, ann, silver = _ids(town)
    town.world.give_role(home, ann, silver)
    town.world.add_members(home, 2 * PAGE)

    pages = [page async for page in guilds.read_members(home)]

    assert [len(page) for page in pages] == [PAGE, PAGE, 3]
    everybody = [user for page in pages for user, _ in page]
    assert everybody == sorted(everybody)
    assert dict(pages[0])[ann].roles == {silver}


async def test_role_above_our_own_is_blocked_by_rank(town: Town, guilds: Guilds) -> None:
    high = town.world.add_role(town.guild.id, "High")
    town.world.move_role(town.guild.id, high.id, len(town.guild.roles) - 1)
    await _heard(guilds, town, RoleId(high.id), Block.RANK)

    with pytest.raises(RoleBlocked):
        await guilds.grant(*_ids(town)[:2], RoleId(high.id), "x")


async def test_role_of_an_integration_is_blocked_as_managed(town: Town, guilds: Guilds) -> None:
    booster = town.world.add_role(town.guild.id, "Booster", managed=True)

    await _heard(guilds, town, RoleId(booster.id), Block.MANAGED)


async def test_everyone_and_unknown_roles_are_blocked(town: Town, guilds: Guilds) -> None:
    home = _ids(town)[0]

    assert guilds.blocked(home, RoleId(home)) is Block.EVERYONE
    assert guilds.blocked(home, RoleId(1)) is Block.GONE
    assert guilds.blocked(home, _ids(town)[2]) is None


async def test_lost_permission_blocks_every_role(town: Town, guilds: Guilds) -> None:
    ours = town.world.bot_role(town.guild.id, town.bot_id)
    town.world.set_permissions(town.guild.id, ours.id, 0)

    await _heard(guilds, town, _ids(town)[2], Block.PERMISSION)


async def test_roles_are_named_without_everyone(town: Town, guilds: Guilds) -> None:
    home = _ids(town)[0]

    assert {"Gold", "Silver"} <= set(guilds.role_names(home).values())
    assert RoleId(home) not in guilds.role_names(home)


async def test_guild_the_bot_is_not_in_is_unavailable(guilds: Guilds) -> None:
    nowhere = GuildId(5)

    assert not guilds.is_ready(nowhere)
    with pytest.raises(GuildUnavailable):
        guilds.blocked(nowhere, RoleId(1))
    with pytest.raises(GuildUnavailable):
        await guilds.grant(nowhere, SOMEBODY_ELSE, RoleId(1), "x")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("PUT *", times=9, cut=True),
        Fault("PUT *", times=9, status=400),
        Fault("PUT *", times=9, status=403, html=True),
        Fault("PUT *", times=9, status=404, html=True),
    ],
)
async def test_trouble_at_discord_is_one_error_for_the_engine(
    town: Town, server: DiscordServer, guilds: Guilds, fault: Fault
) -> None:
    server.faults.add(fault)

    with pytest.raises(GuildUnavailable) as caught:
        await guilds.grant(*_ids(town), "x")

    assert "token" not in str(caught.value)


async def test_hidden_members_say_what_to_turn_on(town: Town, server: DiscordServer, guilds: Guilds) -> None:
    server.faults.add(Fault("GET /guilds/*/members", times=9, status=403))

    with pytest.raises(GuildUnavailable, match="Server Members intent"):
        [page async for page in guilds.read_members(_ids(town)[0])]


def _ids(town: Town) -> tuple[GuildId, DiscordUserId, RoleId]:
    return GuildId(town.guild.id), DiscordUserId(town.ann.id), RoleId(town.silver.id)


async def _heard(guilds: Guilds, town: Town, role: RoleId, block: Block) -> None:
    """Wait until the gateway has told of a change; a call to Discord gives it the time."""
    home, ann, _ = _ids(town)
    for _ in range(20):
        if guilds.blocked(home, role) is block:
            return
        await guilds.fetch_member(home, ann)
    assert guilds.blocked(home, role) is block
