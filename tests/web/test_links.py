"""The patron's way through the browser: what each page says, for every outcome, and what it must never say."""

import io
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model import CampaignId
from bot.errors import AccessDenied, AccessRevoked, PatreonError, PatreonUnavailable, RateLimited, UnexpectedAnswer
from bot.texts import pages as texts
from tests.doors import ANN, BOB, CREATOR_ID, OTHER_PATRON, PATRON, identity, membership
from tests.web.conftest import Doors


async def test_the_button_sends_the_browser_to_patreon_with_a_state(doors: Doors) -> None:
    answer = await doors.client.get(await doors.start(), allow_redirects=False)

    assert answer.status == 303
    assert answer.headers["Location"].startswith("https://patreon.test/oauth2/authorize?state=")
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_page_that_asks_names_both_accounts_escaped(doors: Doors) -> None:
    answer = await doors.client.get(f"/oauth/redirect?code=ann&state={await doors.consent()}")
    page = await answer.text()

    assert answer.status == 200
    assert "Ann &lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "Ann &lt;b&gt; (@ann)" in page
    assert "<script" not in page
    assert 'action="/link/confirm"' in page


async def test_a_user_discord_does_not_name_is_shown_by_number(doors: Doors) -> None:
    doors.names.clear()

    answer = await doors.client.get(f"/oauth/redirect?code=ann&state={await doors.consent()}")

    assert f"Discord user {ANN}" in await answer.text()


async def test_a_patron_without_a_name_is_shown_by_number(doors: Doors) -> None:
    doors.patreon.people["ann"] = identity(PATRON, membership(), name="")

    answer = await doors.client.get(f"/oauth/redirect?code=ann&state={await doors.consent()}")

    assert f"account {PATRON}" in await answer.text()


async def test_confirming_links_and_shows_the_roles_escaped(doors: Doors) -> None:
    token = await doors.question()

    answer = await doors.client.post("/link/confirm", data={"token": token, "answer": "yes"})
    page = await answer.text()

    assert answer.status == 200
    assert texts.LINKED_TITLE in page
    assert "Gold &lt;3" in page
    assert doors.woken == ["link"]
    assert await doors.count("patron_roles_link_steps_total", outcome="linked") == 1


async def test_this_is_not_me_links_nothing(doors: Doors) -> None:
    token = await doors.question()

    answer = await doors.client.post("/link/confirm", data={"token": token, "answer": "no"})

    assert "No link was made" in await answer.text()
    assert (await doors.client.post("/link/confirm", data={"token": token, "answer": "yes"})).status == 410
    async with doors.store.read() as t:
        assert await t.links.load(ANN) is None


async def test_an_answer_that_is_neither_yes_nor_no_does_not_link(doors: Doors) -> None:
    token = await doors.question()

    await doors.client.post("/link/confirm", data={"token": token})

    async with doors.store.read() as t:
        assert await t.links.load(ANN) is None


async def test_a_double_click_shows_the_result_twice(doors: Doors) -> None:
    form = {"token": await doors.question(), "answer": "yes"}
    await doors.client.post("/link/confirm", data=form)

    answer = await doors.client.post("/link/confirm", data=form)

    assert answer.status == 200
    assert "Gold &lt;3" in await answer.text()
    assert doors.woken == ["link"]


async def test_a_double_click_on_no_says_no_link_was_made_twice(doors: Doors) -> None:
    form = {"token": await doors.question(), "answer": "no"}
    await doors.client.post("/link/confirm", data=form)

    answer = await doors.client.post("/link/confirm", data=form)

    assert answer.status == 200
    assert "No link was made" in await answer.text()


async def test_opening_the_confirming_address_links_nothing(doors: Doors) -> None:
    token = await doors.question()

    answer = await doors.client.get(f"/link/confirm?token={token}&answer=yes")

    assert answer.status == 400, "it is taken for a start link, and there is no such one"
    async with doors.store.read() as t:
        assert await t.links.load(ANN) is None


@pytest.mark.parametrize(
    "form", [{}, {"answer": "yes"}, {"token": "", "answer": "yes"}, {"token": "forged", "answer": "yes"}]
)
async def test_a_form_without_our_token_is_not_ours(doors: Doors, form: dict[str, str]) -> None:
    assert (await doors.client.post("/link/confirm", data=form)).status == 400


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/x-www-form-urlencoded; charset=nonsense", b"token=x"),
        ("multipart/form-data", b"token=x"),
        ("multipart/form-data; boundary=x", b"token=x"),
    ],
)
async def test_a_form_that_cannot_be_read_is_not_our_fault(doors: Doors, kind: str, body: bytes) -> None:
    answer = await doors.client.post("/link/confirm", data=body, headers={"Content-Type": kind})

    assert answer.status == 400
    assert texts.BAD_REQUEST.title in await answer.text()


async def test_a_file_in_place_of_the_token_is_not_ours(doors: Doors) -> None:
    assert (await doors.client.post("/link/confirm", data={"token": io.BytesIO(b"bytes"), "answer": "yes"})).status == 400


@pytest.mark.parametrize("query", ["", "?state=forged&code=ann", "?code=ann", "?error=access_denied", "?state=None&code=x"])
async def test_a_return_without_our_state_is_not_ours(doors: Doors, query: str) -> None:
    answer = await doors.client.get(f"/oauth/redirect{query}")

    assert answer.status == 400
    assert texts.START_AGAIN in await answer.text()


@pytest.mark.parametrize("query", ["", "&error=access_denied", "&error=&code="])
async def test_a_refusal_at_patreon_is_told_kindly(doors: Doors, query: str) -> None:
    answer = await doors.client.get(f"/oauth/redirect?state={await doors.consent()}{query}")

    assert answer.status == 200
    assert "No link was made" in await answer.text()


@pytest.mark.parametrize(("error", "logged_as"), [("invalid_scope", "invalid_scope"), ("<b>%0a", "an unknown error")])
async def test_a_set_up_that_patreon_refuses_is_not_called_a_no_and_is_in_the_log(
    doors: Doors, logged: list[MutableMapping[str, Any]], error: str, logged_as: str
) -> None:
    answer = await doors.client.get(f"/oauth/redirect?state={await doors.consent()}&error={error}")
    page = await answer.text()

    assert answer.status == 502
    assert "not set up right" in page
    assert "You chose" not in page
    (entry,) = [entry for entry in logged if entry["event"] == "page_failed"]
    assert (entry["log_level"], entry["detail"]) == ("warning", f"the consent page said {logged_as}")


async def test_patreon_in_trouble_on_its_consent_page_is_told_as_down(doors: Doors) -> None:
    answer = await doors.client.get(f"/oauth/redirect?state={await doors.consent()}&error=temporarily_unavailable")

    assert answer.status == 503
    assert "Patreon does not answer" in await answer.text()


async def test_a_campaign_that_was_not_read_yet_goes_without_a_name(doors: Doors) -> None:
    async with doors.store.write() as t:
        (state,) = await t.campaigns.load_all()
        await t.campaigns.save(replace(state.campaign, name="", url=""), doors.clock())
    doors.patreon.people["ann"] = identity(PATRON)

    answer = await doors.client.post("/link/confirm", data={"token": await doors.question(), "answer": "yes"})

    assert "is not a patron of the campaign yet" in await answer.text()


async def test_an_expired_link_says_so_at_every_step(doors: Doors) -> None:
    path, state, token = await doors.start(), await doors.consent(), await doors.question()
    doors.clock.move(timedelta(minutes=11))

    for answer in (
        await doors.client.get(path),
        await doors.client.get(f"/oauth/redirect?code=ann&state={state}"),
        await doors.client.post("/link/confirm", data={"token": token, "answer": "yes"}),
    ):
        assert answer.status == 410
        assert "has expired" in await answer.text()


async def test_an_account_of_another_discord_user_says_so_without_naming_them(doors: Doors) -> None:
    token = await doors.question()
    await doors.client.post("/link/confirm", data={"token": token, "answer": "yes"})
    doors.patreon.people["again"] = identity(PATRON, membership())

    answer = await doors.client.get(f"/oauth/redirect?code=again&state={await doors.consent(BOB)}")
    page = await answer.text()

    assert answer.status == 409
    assert "linked to another Discord user" in page
    assert str(ANN) not in page


async def test_another_patreon_account_than_before_says_to_unlink_first(doors: Doors) -> None:
    token = await doors.question()
    await doors.client.post("/link/confirm", data={"token": token, "answer": "yes"})
    doors.patreon.people["other"] = identity(OTHER_PATRON, membership(OTHER_PATRON))

    answer = await doors.client.get(f"/oauth/redirect?code=other&state={await doors.consent()}")

    assert answer.status == 409
    assert "/unlink" in await answer.text()


async def test_the_creator_is_told_that_there_is_nothing_to_link(doors: Doors) -> None:
    doors.patreon.people["creator"] = identity(CREATOR_ID)

    answer = await doors.client.get(f"/oauth/redirect?code=creator&state={await doors.consent()}")

    assert answer.status == 409
    assert "creator" in await answer.text()


async def test_a_patron_of_somebody_else_is_shown_the_campaign(doors: Doors) -> None:
    doors.patreon.people["ann"] = identity(PATRON, membership(campaign=CampaignId("888")))
    token = await doors.question()

    answer = await doors.client.post("/link/confirm", data={"token": token, "answer": "yes"})
    page = await answer.text()

    assert "not a patron of Ann&#39;s &lt;Comics&gt; yet" in page
    assert 'href="https://patreon.test/comics"' in page


@pytest.mark.parametrize(
    ("failure", "status", "sentence"),
    [
        (PatreonUnavailable("HTML where JSON belongs"), 503, "Patreon does not answer"),
        (AccessRevoked("invalid_grant"), 502, "did not accept the sign-in"),
        (AccessDenied("invalid_client"), 502, "not set up right"),
        (UnexpectedAnswer("data.attributes"), 502, "did not accept the sign-in"),
    ],
)
async def test_patreons_failures_are_told_in_plain_words(
    doors: Doors, failure: PatreonError, status: int, sentence: str
) -> None:
    state = await doors.consent()
    doors.patreon.down = failure

    answer = await doors.client.get(f"/oauth/redirect?code=ann&state={state}")
    page = await answer.text()

    assert answer.status == status
    assert sentence in page
    assert str(failure) not in page


async def test_who_has_to_wait_sees_a_page_that_says_so_and_goes_on_by_itself(doors: Doors) -> None:
    address = f"/oauth/redirect?code=ann&state={await doors.consent()}"
    doors.patreon.down = RateLimited(timedelta(seconds=12.4))

    answer = await doors.client.get(address)
    page = await answer.text()

    assert answer.status == 200
    assert '<meta http-equiv="refresh" content="14">' in page
    assert "in about 14 seconds" in page
    assert '<a class="button" href="">' in page, "for those whose browser does not open it anew"
    assert "<script" not in page
    assert await doors.count("patron_roles_link_steps_total", outcome="waiting") == 1
    doors.patreon.down = None
    assert texts.CONFIRM_TITLE in await (await doors.client.get(address)).text()


async def test_a_page_that_waits_for_minutes_shows_every_minute_that_it_is_alive(doors: Doors) -> None:
    doors.patreon.down = RateLimited(timedelta(minutes=4))

    page = await (await doors.client.get(f"/oauth/redirect?code=ann&state={await doors.consent()}")).text()

    assert 'content="60"' in page
    assert "in about 5 minutes" in page


async def test_a_wait_that_no_link_outlives_says_when_to_come_back(doors: Doors) -> None:
    doors.patreon.down = RateLimited(timedelta(minutes=30))

    answer = await doors.client.get(f"/oauth/redirect?code=ann&state={await doors.consent()}")
    page = await answer.text()

    assert answer.status == 503
    assert "for about 30 minutes" in page
    assert "http-equiv" not in page


async def test_ten_refused_codes_an_hour_are_told_as_that(doors: Doors) -> None:
    states = [await doors.consent()]
    for _ in range(10):
        states.append(await doors.consent())
        await doors.client.get(f"/oauth/redirect?code=made-up&state={states.pop()}")

    answer = await doors.client.get(f"/oauth/redirect?code=ann&state={states[0]}")

    assert answer.status == 429
    assert "Too many sign-ins" in await answer.text()


async def test_patreon_down_at_the_last_step_links_and_says_that_roles_follow(doors: Doors) -> None:
    token = await doors.question()
    doors.patreon.down = PatreonUnavailable("503")

    answer = await doors.client.post("/link/confirm", data={"token": token, "answer": "yes"})

    assert answer.status == 200
    assert texts.LINKED_PENDING in await answer.text()


async def test_steps_that_fail_are_counted_by_their_problem(doors: Doors) -> None:
    await doors.client.get("/link/forged")

    assert await doors.count("patron_roles_link_steps_total", outcome="forged") == 1
