"""The patrons' commands, from the typed command to the role and back."""

import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from bot.core.model import Cause, Condition, ConditionKind, GuildId, PatronId, RoleChange, RoleId
from bot.errors import PatreonUnavailable
from bot.linking import Confirmation
from bot.sync.reports import PatronSynced
from sandbox.discord.components import text_of
from tests.cogs.place import Place, Site, open_place
from tests.cogs.shelf import CAMPAIGN, GOLD_TIER
from tests.cogs.staff import forty_rules


async def make_gold_rule(place: Place) -> None:
    async with place.store.write() as t:
        await t.rules.add(place.guild, CAMPAIGN, place.gold, Condition(ConditionKind.TIER, tier=GOLD_TIER))


async def go_through_patreon(place: Place, url: str, patron: str) -> None:
    """Do what the browser does, without one."""
    linking = place.use_cases.linking
    state = parse_qs(urlsplit(await linking.authorize(url.rsplit("/", 1)[1])).query)["state"][0]
    asked = await linking.returned(state, patron)
    assert isinstance(asked, Confirmation)
    await linking.finish(asked.token)


async def test_link_shows_a_personal_button_and_then_the_roles(place: Place) -> None:
    await make_gold_rule(place)
    place.patreon.pledge(PatronId("ann-at-patreon"))
    interaction = await place.type("link", place.ann)
    message = await interaction.settled()
    assert interaction.ephemeral
    button = message.components[0]["components"][0]
    assert button["url"].startswith("https://bot.test/link/")
    await go_through_patreon(place, button["url"], "ann-at-patreon")
    linked = await interaction.wait_for(lambda answer: "Linked." in answer.content)
    assert "**Gold**" in linked.content
    assert linked.components == []
    await place.has(place.ann, "Gold")


async def test_link_is_answered_after_a_restart_in_the_middle(site: Site) -> None:
    async with open_place(site) as before:
        await make_gold_rule(before)
        before.patreon.pledge(PatronId("ann-at-patreon"))
        interaction = await before.type("link", before.ann)
        message = await interaction.settled()
        linking = before.use_cases.linking
        url = await linking.authorize(message.components[0]["components"][0]["url"].rsplit("/", 1)[1])
        asked = await linking.returned(parse_qs(urlsplit(url).query)["state"][0], "ann-at-patreon")
        assert isinstance(asked, Confirmation)
    async with open_place(site) as after:
        await after.use_cases.linking.finish(asked.token)
        linked = await interaction.wait_for(lambda answer: "Linked." in answer.content)
        assert "**Gold**" in linked.content


async def test_link_of_somebody_without_a_pledge_says_so(place: Place) -> None:
    await make_gold_rule(place)
    interaction = await place.type("link", place.ann)
    message = await interaction.settled()
    await go_through_patreon(place, message.components[0]["components"][0]["url"], "nobody-special")
    await interaction.wait_for(lambda answer: "gives no role" in answer.content)


async def test_link_promises_no_role_in_a_server_that_only_tries_me_out(place: Place) -> None:
    await make_gold_rule(place)
    await place.use_cases.settings.change(place.guild, lambda policy: replace(policy, shadow=True))
    place.patreon.pledge(PatronId("ann-at-patreon"))
    interaction = await place.type("link", place.ann)
    message = await interaction.settled()
    await go_through_patreon(place, message.components[0]["components"][0]["url"], "ann-at-patreon")
    linked = await interaction.wait_for(lambda answer: answer.content.startswith("Linked."))
    assert "By the rules: **Gold**. The server's team is only trying me out" in linked.content
    await place.has(place.ann)


async def test_link_works_in_a_direct_message(place: Place) -> None:
    await make_gold_rule(place)
    place.patreon.pledge(PatronId("ann-at-patreon"))
    interaction = await place.server.run_command(place.ann, "link")
    message = await interaction.settled()
    await go_through_patreon(place, message.components[0]["components"][0]["url"], "ann-at-patreon")
    linked = await interaction.wait_for(lambda answer: answer.content.startswith("Linked."))
    assert linked.content == "Linked.\n### Workshop\nYour roles: **Gold**.\nNew: **Gold**."


async def test_link_in_a_direct_message_sums_up_every_server(place: Place) -> None:
    other = GuildId(place.town.world.add_guild("Elsewhere", owner=place.town.owner.id).id)
    await place.link(place.ann, "p1")
    async with place.store.write() as t:
        await t.presence.put(other, place.ann, present=True, seen_at=place.now)
        await t.guilds.save_roles(other, {RoleId(5): "Fan"})
    interaction = await place.server.run_command(place.ann, "link")
    await interaction.settled()
    await place.link(place.ann, "p1")
    for guild, role in ((place.guild, place.gold), (other, RoleId(5)), (GuildId(4), RoleId(6))):
        await place.bot.hear(linked_in(place, guild, role))
    linked = await interaction.wait_for(lambda answer: "**Fan**" in answer.content and "**Gold**" in answer.content)
    assert "role 6" not in linked.content


async def test_the_button_of_link_stays_until_the_person_is_linked(place: Place) -> None:
    await place.link(place.ann, "p1")
    interaction = await place.type("link", place.ann)
    await interaction.settled()
    await place.bot.hear(linked_in(place, place.guild, place.gold))
    await place.answer("settings")
    assert [text_of(message) for message in interaction.snapshots[2:]] == []


async def test_link_shows_the_roles_of_the_server_it_was_typed_in(site: Site) -> None:
    async with open_place(site) as before:
        await before.link(before.ann, "p1")
        interaction = await before.type("link", before.ann)
        url = (await interaction.settled()).components[0]["components"][0]["url"]
        before.patreon.pledge(PatronId("p1"))
    async with open_place(site) as after:
        await go_through_patreon(after, url, "p1")
        await interaction.wait_for(lambda answer: answer.content.startswith("Linked."))
        await after.bot.hear(linked_in(after, GuildId(4), RoleId(6)))
        await after.answer("settings")
        assert "role 6" not in interaction.text


def linked_in(place: Place, guild: GuildId, role: RoleId) -> PatronSynced:
    return PatronSynced(guild, place.ann, PatronId("p1"), Cause.LINKED, RoleChange(), frozenset({role}))


async def test_unlink_asks_first_and_names_what_goes(place: Place) -> None:
    await make_gold_rule(place)
    await place.link(place.ann, "p1")
    await place.give(place.ann, place.gold)
    interaction = await place.type("unlink", place.ann)
    question = await interaction.settled()
    assert "**Gold**" in question.content
    await place.press(question, "Keep the link", place.ann)
    await interaction.wait_for(lambda answer: "The link stays" in answer.content)
    interaction = await place.type("unlink", place.ann)
    await place.press(await interaction.settled(), "Unlink", place.ann)
    await interaction.wait_for(lambda answer: "Unlinked" in answer.content)
    await place.has(place.ann)


async def test_unlink_does_not_name_a_role_that_stays_since_it_was_given_by_hand(place: Place) -> None:
    await make_gold_rule(place)
    await place.link(place.ann, "p1")
    await place.give(place.ann, place.gold)
    await place.answer("patrons grant", member=place.ann, role=place.silver, reason="raffle")
    await place.has(place.ann, "Gold", "Silver")
    await place.until(lambda t: t.log.of(place.guild, place.ann))
    assert "These roles go: **Gold**." in (await place.answer("unlink", place.ann)).content


async def test_unlink_promises_nothing_of_a_server_in_which_no_role_moves(place: Place) -> None:
    await make_gold_rule(place)
    await place.link(place.ann, "p1")
    await place.give(place.ann, place.gold)
    await place.use_cases.settings.pause(place.guild, paused=True)
    told = (await place.answer("unlink", place.ann)).content
    assert "These roles go" not in told
    assert "once the server's team lets roles change again: **Gold**." in told


async def test_membership_says_that_the_link_is_broken_while_nothing_newer_is_known(place: Place) -> None:
    await place.link(place.ann, "p1")
    async with place.store.write() as t:
        await t.links.mark_broken(place.ann, place.now)
    assert "Type /link in the server to mend it" in (await place.answer("membership", place.ann)).content
    async with place.store.write() as t:
        later = place.patreon.pledge(PatronId("p1"), serial=await t.serials.take())
        await t.memberships.save(later, due_at=None)
    assert "mend it" not in (await place.answer("membership", place.ann)).content


async def test_unlink_of_somebody_who_is_not_linked_says_what_to_do(place: Place) -> None:
    interaction = await place.type("unlink", place.ann)
    await interaction.wait_for(lambda answer: "Type /link" in answer.content)


async def test_membership_tells_the_tier_each_rule_and_the_age_of_the_data(place: Place) -> None:
    await make_gold_rule(place)
    await place.link(place.ann, "p1")
    message = await place.answer("membership", place.ann)
    assert "Gold, 10.00 EUR a month" in message.content
    assert "✅ **Gold** for everybody on the tier Gold: yes" in message.content
    assert "Patreon said so <t:" in message.content


async def test_membership_says_what_follows_before_the_rules_and_how_many_it_leaves_out(place: Place) -> None:
    await forty_rules(place)
    await place.link(place.ann, "p1")
    content = (await place.answer("membership", place.ann)).content
    assert len(content) <= 2000
    assert content.index("Roles by the rules: **Gold**") < content.index("✅ **Gold**") < content.index("❔")
    shown = sum(line.startswith(("✅", "❔")) for line in content.splitlines())
    assert content.endswith(f"… and {40 - shown} more")


async def test_membership_can_be_refreshed_but_not_hammered(place: Place) -> None:
    await make_gold_rule(place)
    patron = await place.link(place.ann, "p1")
    interaction = await place.type("membership", place.ann)
    message = await interaction.settled()
    place.patreon.pledge(patron, None)
    pressed = await place.press(message, "Ask Patreon again", place.ann)
    await pressed.wait_for(lambda answer: "no tier, 0.00 EUR" in answer.content)
    asked = place.patreon.asked
    again = await place.press(message, "Ask Patreon again", place.ann)
    await again.wait_for(lambda answer: "Try again" in answer.content)
    assert place.patreon.asked == asked


async def test_a_refresh_says_that_it_goes_on_and_that_patreon_does_not_answer(place: Place) -> None:
    await place.link(place.ann, "p1")
    message = await (await place.type("membership", place.ann)).settled()
    place.patreon.down = PatreonUnavailable("503")
    pressed = await place.press(message, "Ask Patreon again", place.ann)
    await pressed.wait_for(lambda answer: "Patreon gives no usable answer now" in answer.content)
    assert any("Asking Patreon again" in text_of(shown) for shown in pressed.snapshots)
    place.patreon.down = None
    place.town.world.clock.move(timedelta(minutes=1))
    await pressed.wait_for(lambda answer: answer.content.startswith("### Workshop"))


async def test_privacy_exports_everything_stored_as_json(place: Place) -> None:
    await place.link(place.ann, "p1")
    interaction = await place.type("privacy", place.ann)
    await place.press(await interaction.settled(), "Export", place.ann)
    message = await interaction.wait_for(lambda answer: bool(answer.attachments))
    data = json.loads(message.attachments[0].data)
    assert data["user"] == str(place.ann)
    assert data["link"]["patron"] == "p1"


async def test_privacy_deletes_only_after_a_second_yes(place: Place) -> None:
    await place.link(place.ann, "p1")
    interaction = await place.type("privacy", place.ann)
    await place.press(await interaction.settled(), "Delete everything", place.ann)
    question = await interaction.wait_for(lambda answer: "cannot be undone" in answer.content)
    async with place.store.read() as t:
        assert await t.links.load(place.ann) is not None
    await place.press(question, "Delete", place.ann)
    await interaction.wait_for(lambda answer: answer.content.startswith("Deleted."))
    async with place.store.read() as t:
        assert await t.links.load(place.ann) is None


async def test_privacy_still_answers_when_somebody_takes_their_time(place: Place) -> None:
    await place.link(place.ann, "p1")
    message = await (await place.type("privacy", place.ann)).settled()
    for button in ("Delete everything", "Delete"):
        place.town.world.clock.move(timedelta(minutes=9))
        pressed = await place.press(message, button, place.ann)
        words = "cannot be undone" if button != "Delete" else "Deleted."
        message = await pressed.wait_for(lambda answer, words=words: words in answer.content)  # type: ignore[misc]


async def test_of_many_buttons_only_the_newest_five_are_told_what_came_of_it(place: Place) -> None:
    await make_gold_rule(place)
    place.patreon.pledge(PatronId("ann-at-patreon"))
    typed = [await place.type("link", place.ann) for _ in range(7)]
    buttons = [(await interaction.settled()).components[0]["components"][0]["url"] for interaction in typed]
    await go_through_patreon(place, buttons[-1], "ann-at-patreon")
    for interaction in typed[2:]:
        await interaction.wait_for(lambda answer: "Linked." in answer.content)
    # The oldest would have been told first.
    assert [bool((await interaction.settled()).components) for interaction in typed[:2]] == [True, True]
