"""What the page of a finished link promises where no role moves: nothing."""

import pytest

from bot.core.model import Policy
from bot.texts import pages as texts
from tests.doors import ANN, GUILD, START
from tests.web.conftest import Doors


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [(Policy(paused=True), "has paused all changes of roles"), (Policy(shadow=True), "is only trying the bot out")],
)
async def test_the_page_says_why_no_role_is_on_its_way(doors: Doors, policy: Policy, sentence: str) -> None:
    async with doors.store.write() as t:
        await t.guilds.choose(GUILD, Policy(), policy)

    answer = await doors.client.post("/link/confirm", data={"token": await doors.question(), "answer": "yes"})
    page = await answer.text()

    assert sentence in page
    assert texts.LINKED_ROLES not in page
    assert texts.LINKED_NO_ROLE_YET not in page
    assert "See Ann" not in page


async def test_the_page_says_that_the_rules_come_first(doors: Doors) -> None:
    async with doors.store.write() as t:
        await t.presence.put(GUILD, ANN, present=True, seen_at=START)
        await t.presence.screen(GUILD, {ANN: True})

    answer = await doors.client.post("/link/confirm", data={"token": await doors.question(), "answer": "yes"})

    assert "rules in Discord first" in await answer.text()
