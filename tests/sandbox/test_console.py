"""The demo's page over HTTP: what it shows and what a person can do there. The bot's part is in tests/e2e."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from sandbox.console import Console
from sandbox.stage import Stage
from sandbox.world.examples import demo_world
from sandbox.world.guild_records import Message


@dataclass
class Page:
    """A browser's view of the page."""

    stage: Stage
    url: str
    session: aiohttp.ClientSession

    async def state(self) -> dict[str, Any]:
        async with self.session.get(f"{self.url}/state") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def act(self, name: str, **asked: Any) -> dict[str, Any]:
        async with self.session.post(f"{self.url}/{name}", json=asked) as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def account(self, name: str) -> dict[str, Any]:
        state = await self.state()
        found: dict[str, Any] = next(one for one in state["patreon"]["accounts"] if one["name"] == name)
        return found


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    stage = Stage(demo_world())
    console = Console(stage.world, stage.discord, stage.guild)
    async with stage.serve(), console.serve(), aiohttp.ClientSession() as session:
        yield Page(stage, console.url, session)


async def test_the_page_and_its_files_are_served(page: Page) -> None:
    for path, kind in (("/", "text/html"), ("/static/console.js", "javascript"), ("/static/console.css", "text/css")):
        async with page.session.get(page.url + path) as answer:
            assert answer.status == 200
            assert kind in answer.headers["Content-Type"]


async def test_the_state_shows_members_roles_and_what_patrons_pay(page: Page) -> None:
    state = await page.state()

    assert state["guild"] == "Clara's studio"
    assert {"Ann", "Ben", "Clara"} <= {member["name"] for member in state["members"]}
    assert next(role["name"] for role in state["roles"]) == "patron-roles"
    assert state["people"][-1] == {"id": state["people"][-1]["id"], "name": "Clara", "creator": True}
    assert (await page.account("Ann"))["state"] == "Silver, $5.00"
    assert (await page.account("Gil"))["state"] == "Silver, $5.00, declined"
    assert "cancelled, paid for" in (await page.account("Hana"))["state"]
    assert (await page.account("Lea"))["state"] == "Gold, $120.00 a year"
    assert (await page.account("Jo"))["state"] == "Gold, a gift"
    assert (await page.account("Ivo"))["state"] == "Bronze, free trial"
    assert (await page.account("Kim"))["state"] == "free member"
    assert (await page.account("Nia"))["state"] == "former patron"
    assert (await page.account("Ben"))["state"] == "not a member of this campaign"


async def test_pledges_are_made_raised_declined_paid_and_cancelled(page: Page) -> None:
    ben = await page.account("Ben")
    tiers = {tier["title"]: tier["id"] for tier in (await page.state())["patreon"]["tiers"]}

    assert await page.act("patreon", verb="pledge", account=ben["id"], tier=tiers["Bronze"]) == {}
    assert (await page.account("Ben"))["state"] == "Bronze, $3.00"
    await page.act("patreon", verb="pledge", account=ben["id"], tier=tiers["Gold"])
    assert (await page.account("Ben"))["state"] == "Gold, $10.00"
    await page.act("patreon", verb="decline", account=ben["id"])
    declined = await page.account("Ben")
    assert declined["verbs"] == ["pay", "cancel"]
    await page.act("patreon", verb="pay", account=ben["id"])
    assert (await page.account("Ben"))["verbs"] == ["decline", "cancel"]
    await page.act("patreon", verb="cancel", account=ben["id"])
    assert "cancelled" in (await page.account("Ben"))["state"]


async def test_somebody_joins_for_free(page: Page) -> None:
    ben = await page.account("Ben")

    await page.act("patreon", verb="join for free", account=ben["id"])

    assert (await page.account("Ben"))["state"] == "free member"


async def test_the_clock_moves_and_time_does_its_work(page: Page) -> None:
    before = page.stage.world.clock.now()

    await page.act("clock", days=31)

    assert (page.stage.world.clock.now() - before).days == 31
    assert (await page.account("Hana"))["state"] == "former patron"
    assert (await page.account("Hana"))["mood"] == "none"


async def test_the_last_day_that_is_paid_for_is_one_day(page: Page) -> None:
    await page.act("clock", days=8)
    page.stage.world.patreon.pledge("Ben", tier="Silver")
    page.stage.world.patreon.cancel("Ben", at_once=False)

    assert (await page.account("Ben"))["state"].startswith("Silver, cancelled, paid for ")
    assert (await page.account("Ben"))["mood"] == "ending"
    assert (await page.account("Hana"))["state"] == "Gold, cancelled, paid for 1 more day"


async def test_how_a_membership_does_is_said_in_a_word(page: Page) -> None:
    moods = {name: (await page.account(name))["mood"] for name in ("Ann", "Gil", "Hana", "Jo", "Ivo", "Kim", "Nia", "Ben")}

    assert moods == {
        "Ann": "good",
        "Gil": "bad",
        "Hana": "ending",
        "Jo": "good",
        "Ivo": "good",
        "Kim": "none",
        "Nia": "none",
        "Ben": "none",
    }


async def test_the_time_line_tells_what_happened_and_calls_only_when_asked_or_failed(page: Page) -> None:
    address = f"{page.stage.patreon.api_url}/oauth2/v2/identity"
    world, guild = page.stage.world, page.stage.guild
    gold = next(role.id for role in guild.roles.values() if role.name == "Gold")
    ann = next(user.id for user in world.discord.users.values() if user.name == "ann")
    world.discord.give_role(guild.id, ann, gold, reason="because")
    world.timeline.add("patreon.call", "GET /fine → 200", status=200)
    async with page.session.get(address) as answer:
        assert answer.status == 401

    state = await page.state()

    told = {entry["text"]: entry for entry in state["timeline"]}
    assert told["ann got Gold"]["why"] == "because"
    assert "GET /fine → 200" not in told
    assert "GET /fine → 200" in [entry["text"] for entry in state["calls"]]
    assert [entry["text"] for entry in state["timeline"] if entry["kind"] == "trouble"] == ["GET /oauth2/v2/identity → 401"]


@pytest.mark.parametrize("days", [0, -1, 401])
async def test_the_clock_moves_forward_only_and_within_reason(page: Page, days: int) -> None:
    assert "forward" in (await page.act("clock", days=days))["error"]


async def test_the_weather_changes_what_patreon_answers(page: Page) -> None:
    address = f"{page.stage.patreon.api_url}/oauth2/v2/identity"

    await page.act("weather", value="html")
    async with page.session.get(address) as answer:
        assert "text/html" in answer.headers["Content-Type"]
    await page.act("weather", value="fine")
    async with page.session.get(address) as answer:
        assert answer.status == 401
    assert (await page.state())["patreon"]["weather"]["now"] == "fine"


async def test_webhooks_are_switched_off_and_on(page: Page) -> None:
    await page.act("webhooks", on=False)
    assert (await page.state())["patreon"]["webhooks"] is False
    await page.act("webhooks", on=True)
    assert (await page.state())["patreon"]["webhooks"] is True


async def test_members_leave_and_join(page: Page) -> None:
    ann = next(member for member in (await page.state())["members"] if member["name"] == "Ann")

    await page.act("guild", verb="leave", user=ann["id"])
    assert int(ann["id"]) not in page.stage.guild.members
    await page.act("guild", verb="join", user=ann["id"])
    assert int(ann["id"]) in page.stage.guild.members


async def test_messages_of_the_channel_and_direct_ones_are_shown_to_whom_they_are_for(page: Page) -> None:
    world = page.stage.world.discord
    bot = next(iter(world.bots.values()))
    ann = next(user for user in world.users.values() if user.name == "ann")
    general = next(iter(page.stage.guild.channels.values()))
    now = page.stage.world.clock.now()

    world.post(Message(world.new_id(), general.id, bot.id, now, content="Hello all", guild_id=page.stage.guild.id))
    world.post(Message(world.new_id(), world.open_dm(bot.id, ann.id).id, bot.id, now, content="Hello Ann"))

    shown = [(message["content"], message["seen"]) for message in (await page.state())["messages"]]
    assert shown == [("Hello all", "#general"), ("Hello Ann", "direct message to Ann")]


@pytest.mark.parametrize(
    ("act", "asked"),
    [
        ("command", {"user": "1", "command": "link", "values": {}}),
        ("press", {"user": "1", "message": "1", "custom_id": "x"}),
        ("submit", {"user": "1", "modal": "1", "values": {}}),
        ("patreon", {"verb": "dance", "account": "Ann"}),
        ("patreon", {"verb": "pay", "account": "nobody"}),
        ("guild", {"verb": "dance", "user": "1"}),
        ("weather", {"value": "rain"}),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(page: Page, act: str, asked: dict[str, Any]) -> None:
    assert (await page.act(act, **asked))["error"]


async def test_another_sites_page_cannot_act_here(page: Page) -> None:
    headers = {"Origin": "http://elsewhere.example"}
    async with page.session.post(f"{page.url}/clock", json={"days": 1}, headers=headers) as answer:
        assert answer.status == 403


async def test_a_change_is_announced_to_the_open_page(page: Page) -> None:
    async with page.session.get(f"{page.url}/events") as stream:
        page.stage.world.timeline.add("world", "Something happens")
        assert await stream.content.readline() == b"data: look\n"
