"""Journeys of patrons who link and unlink, on both versions of the API."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import aiohttp

from bot.core.model import DiscordUserId, GuildId, PatronId, patron_owner
from sandbox.world.patreon_faults import Fault
from tests.e2e.theatre import Theatre, link_of
from tests.waiting import PATIENCE, until_found


async def test_the_first_link_gives_the_role_and_edits_the_link_message(house: Theatre) -> None:
    interaction, page = await house.link("Ann")

    await house.until_roles("Ann", "Silver")
    assert "Silver" in page
    await interaction.wait_for(
        lambda message: f"<@&{house.role('Silver')}>" in message.content or "Silver" in message.content
    )


async def test_the_page_names_both_accounts_before_anything_is_linked(house: Theatre) -> None:
    interaction = await house.command("Ann", "link")

    page = await house.follow(link_of(interaction), "Ann")

    assert "Ann Example" in page
    assert "ann" in page
    async with house.app.store.read() as t:
        assert await t.links.load(DiscordUserId(house.user("Ann"))) is None


async def test_who_says_no_on_the_page_is_not_linked_and_the_page_is_spent(house: Theatre) -> None:
    interaction = await house.command("Ann", "link")
    page = await house.follow(link_of(interaction), "Ann")

    await house.confirm(page, answer="no")
    again = await house.confirm(page)

    assert "/link" in again
    await house.calm()
    assert house.roles("Ann") == set()


async def test_who_refuses_at_patreon_is_told_so_and_nothing_is_stored(house: Theatre) -> None:
    _, page = await house.link("Ann", allow=False)

    assert "/link" in page
    assert house.roles("Ann") == set()


async def test_a_patron_of_another_creator_only_is_told_and_shown_the_campaign(house: Theatre) -> None:
    _, page = await house.link("Finn")

    assert "Clara paints" in page
    assert "clara" in page
    await house.calm()
    assert house.roles("Finn") == set()


async def test_unlinking_takes_back_our_roles_and_erases_the_tokens(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")

    asked = await house.command("Ann", "unlink")
    await house.press(asked, "Unlink")

    await house.until_roles("Ann")
    patron = PatronId(house.world.patreon.account("Ann").id)
    async with house.app.store.read() as t:
        assert await t.tokens.load(patron_owner(patron)) is None
        assert await t.links.load(DiscordUserId(house.user("Ann"))) is None
        assert await t.memberships.load_all(patron) == {}


async def test_who_leaves_and_rejoins_has_the_role_again_without_a_question_to_patreon(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    house.world.discord.leave(house.guild.id, house.user("Ann"))
    await house.calm()
    before = house.world.patreon.requests.copy()

    house.world.discord.join(house.guild.id, house.user("Ann"))

    await house.until_roles("Ann", "Silver")
    assert house.world.patreon.requests == before


async def test_who_links_before_joining_has_the_role_on_joining(house: Theatre) -> None:
    interaction = await house.command("Ann", "link")
    page = await house.follow(link_of(interaction), "Ann")
    house.world.discord.leave(house.guild.id, house.user("Ann"))
    await house.confirm(page)
    await house.calm()

    house.world.discord.join(house.guild.id, house.user("Ann"))

    await house.until_roles("Ann", "Silver")


async def test_a_role_given_by_hand_before_linking_stays_when_the_pledge_ends(house: Theatre) -> None:
    house.world.discord.give_role(house.guild.id, house.user("Ann"), house.role("Silver"))
    await house.link("Ann")
    await house.calm()

    house.world.patreon.cancel("Ann")
    await house.calm()
    await house.wait(days=40)
    await house.refresh()
    await house.refresh()

    assert house.roles("Ann") == {"Silver"}


async def test_a_start_link_works_once(house: Theatre) -> None:
    interaction = await house.command("Ann", "link")
    await house.follow(link_of(interaction), "Ann")

    page = await house.follow(link_of(interaction), "Ann")

    assert "/link" in page
    assert 'name="token"' not in page


async def test_a_start_link_that_waited_too_long_says_so(house: Theatre) -> None:
    interaction = await house.command("Ann", "link")
    house.world.clock.move(timedelta(minutes=11))

    page = await house.follow(link_of(interaction), "Ann")

    assert "/link" in page
    assert 'name="token"' not in page


async def test_a_state_is_single_use(house: Theatre) -> None:
    interaction = await house.command("Ann", "link")
    async with aiohttp.ClientSession() as browser:
        async with browser.get(link_of(interaction), allow_redirects=False) as answer:
            at_patreon = answer.headers["Location"]
        back = await house.stage.patreon.consent(at_patreon, "Ann")
        state = parse_qs(urlsplit(back).query)["state"][0]
        async with browser.get(back) as first:
            assert 'name="token"' in await first.text()
        code = parse_qs(urlsplit(await house.stage.patreon.consent(at_patreon, "Ann")).query)["code"][0]
        async with browser.get(f"{house.url}/oauth/redirect", params={"code": code, "state": state}) as second:
            assert second.status in {400, 410}
            assert 'name="token"' not in await second.text()


async def test_a_forged_state_or_confirmation_links_nobody(house: Theatre) -> None:
    async with aiohttp.ClientSession() as browser:
        async with browser.get(f"{house.url}/oauth/redirect", params={"code": "x", "state": "made-up"}) as answer:
            assert answer.status >= 400
        form = {"token": "made-up", "answer": "yes"}
        async with browser.post(f"{house.url}/link/confirm", data=form) as answer:
            assert answer.status >= 400


async def test_one_patron_has_one_discord_user(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")

    _, page = await house.link("Ben", "Ann")

    assert "another Discord" in page
    await house.calm()
    assert house.roles("Ben") == set()
    assert house.roles("Ann") == {"Silver"}


async def test_the_creator_signing_in_is_told_and_keeps_the_creators_pair(house: Theatre) -> None:
    _, page = await house.link("Clara")

    assert "creator" in page.lower()
    await house.refresh()
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")


async def test_patreon_being_down_while_linking_says_try_again_and_links_nobody(house: Theatre) -> None:
    house.world.patreon.faults.add(Fault.SERVER_ERROR)

    _, page = await house.link("Ann")

    assert "/link" in page
    assert house.roles("Ann") == set()


async def test_who_has_everything_deleted_loses_every_role_of_the_bot_and_leaves_no_row(house: Theatre) -> None:
    ann, guild = DiscordUserId(house.user("Ann")), GuildId(house.guild.id)
    await house.link("Ann")
    await house.command("Clara", "patrons grant", member=str(ann), role=str(house.role("Gold")), reason="a friend")
    await house.until_roles("Ann", "Silver", "Gold")

    asked = await house.command("Ann", "privacy")
    await house.press(asked, "Delete everything")
    await asked.wait_for(lambda message: "cannot be undone" in message.content, PATIENCE)
    await house.press(asked, "Delete")
    await house.until_roles("Ann")

    async def nothing_left() -> bool:
        house.world.clock.move(timedelta(minutes=1))
        async with house.app.store.read() as t:
            rows = [await t.manual.of(guild, ann), await t.ledger.of(guild, ann), await t.log.of(guild, ann)]
            return not any(rows) and await t.presence.present(guild, ann) is None

    await until_found(nothing_left)
