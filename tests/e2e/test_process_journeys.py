"""Journeys of the bot as processes of its own: signals, web and worker apart, and what is never written down (law 11)."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from sandbox.discord.components import text_of
from sandbox.stage import Stage
from sandbox.world.examples import BOT_TOKEN, small_world
from sandbox.world.patreon_faults import Fault
from tests.e2e.processes import running
from tests.e2e.theatre import Theatre, link_of
from tests.waiting import PATIENCE


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Give both simulators, with no bot running."""
    stage = Stage(small_world())
    async with stage.serve():
        yield stage


async def test_sigterm_while_patreon_hangs_in_a_refresh_ends_with_0_and_the_next_start_completes_it(
    stage: Stage, sqlite_url: str
) -> None:
    house = Theatre(stage, sqlite_url)
    hanging = house.world.patreon.faults.add(Fault.SLOW, path="/members", seconds=120)

    async with running("run", house.environment) as bot:
        await house.until(lambda: hanging.met > 0, "a list under way")
        assert await bot.stop() == 0, bot.log
    assert "refresh_ended" not in bot.log
    assert '"event": "stopped"' in bot.log

    house.world.patreon.faults.clear()
    async with running("run", house.environment) as bot:
        await bot.said("refresh_ended")
        assert await bot.stop() == 0, bot.log


@pytest.mark.parametrize(("command", "code"), [("run", 0), ("web", 0), ("worker", 0), ("check", 1), ("migrate", 1)])
async def test_sigterm_is_heard_while_the_database_is_silent(stage: Stage, command: str, code: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(0)
        house = Theatre(stage, f"postgresql://bot@127.0.0.1:{silent.getsockname()[1]}/bot")
        async with running(command, house.environment) as bot, asyncio.timeout(PATIENCE):
            connection, _ = await asyncio.get_running_loop().sock_accept(silent)
            with connection:
                assert await bot.stop() == code, bot.log
    assert '"event": "stopped"' in bot.log


async def test_web_and_worker_on_one_database_link_a_patron_together(stage: Stage, postgres_url: str) -> None:
    house = Theatre(stage, postgres_url)
    async with running("web", house.environment) as web, running("worker", house.environment) as worker:
        await worker.said("gateway_ready")
        await web.said("web_listening")
        await house.rule("Silver", "Silver")

        interaction, page = await house.link("Ann")
        await house.until_roles("Ann", "Silver")
        await interaction.wait_for(lambda message: "Silver" in message.content)
        assert "Silver" in page

        await house.rule("Gold", "Gold")
        house.world.patreon.change_pledge("Ann", tier="Gold")
        await house.until_roles("Ann", "Gold")
        assert (await web.stop(), await worker.stop()) == (0, 0), web.log + worker.log


async def test_no_log_line_page_or_message_has_a_token_a_secret_or_an_e_mail_address(stage: Stage, sqlite_url: str) -> None:
    house = Theatre(stage, sqlite_url)
    pages: list[str] = []
    async with running("run", house.environment | {"LOG_LEVEL": "debug"}) as bot:
        await bot.said("gateway_ready")
        pages += await _eventful_day(house)
        await bot.said("refresh_failed")
        assert await bot.stop() == 0

    assert "linked" in bot.log
    shown = "\n".join([*pages, *_messages(house)])
    for secret in _secrets(house):
        assert secret not in bot.log
        assert secret not in shown
    assert not [line for line in bot.log.splitlines() if "@example" in line or re.search(r"\bAnn\b|\bClara\b", line)]


async def _eventful_day(house: Theatre) -> list[str]:
    """Let everything go right and wrong once; return the pages that were seen."""
    await house.staff_channel()
    await house.rule("Silver", "Silver")
    _, linked = await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    asked = await house.command("Finn", "link")
    confirm = await house.follow(link_of(asked), "Ann")
    pages = [linked, re.sub(r'name="token" value="[^"]+"', "", confirm)]
    async with aiohttp.ClientSession() as browser:
        for path in ("/link/made-up", "/oauth/redirect?code=c0de&state=st4te", "/metrics", "/readyz", "/privacy"):
            async with browser.get(f"{house.url}{path}") as answer:
                pages.append(await answer.text())
        async with browser.post(f"{house.url}/webhooks/patreon", data=b"{}") as answer:
            pages.append(await answer.text())
    for command in ("membership", "privacy"):
        await house.command("Ann", command)
    for command in ("doctor", "patrons list", "sync status", "settings"):
        await house.command("Clara", command)
    house.world.patreon.decline("Ann")
    house.world.patreon.oauth.revoke(house.world.patreon.account("Ann"))
    await house.press(await house.command("Ann", "membership"), "Ask Patreon again")
    house.world.patreon.oauth.revoke(house.world.patreon.account("Clara"))
    await house.command("Clara", "sync now")
    return pages


def _messages(house: Theatre) -> Iterator[str]:
    for channel in house.world.discord.channels.values():
        for message in channel.messages.values():
            yield text_of(message)
            yield str(message.components)
    for interaction in house.stage.discord.interactions._order:
        for message in interaction.snapshots:
            yield text_of(message)
            yield from (attachment.data.decode() for attachment in message.attachments)


def _secrets(house: Theatre) -> Iterator[str]:
    oauth = house.world.patreon.oauth
    for pair in oauth.pairs:
        yield pair.access
        yield pair.refresh
    for client in oauth.clients.values():
        yield client.secret
    for hook in house.world.patreon.hooks.webhooks.values():
        yield hook.secret
    for account in house.world.patreon.accounts.values():
        yield account.email
    yield BOT_TOKEN
    yield house.environment["SECRET_KEYS"]
    for interaction in house.stage.discord.interactions._order:
        yield interaction.token
