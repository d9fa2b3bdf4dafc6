"""The brake's question: asked once, kept up to date, answered in the staff channel or by command, and closed then."""

from collections.abc import Awaitable

from bot.core.model import Cause, Condition, ConditionKind
from bot.creators import Draft
from bot.sync.reports import BrakeHeld
from sandbox.discord.components import text_of
from sandbox.world.guild_records import Message, Permission
from tests.cogs.place import Place, Site, open_place
from tests.cogs.shelf import GOLD_TIER
from tests.cogs.staff import in_channel, seven_lose_gold, staff_channel


async def test_the_brake_asks_the_staff_and_takes_on_yes(place: Place) -> None:
    channel = await staff_channel(place)
    fans = await seven_lose_gold(place)
    question = await in_channel(place, channel, "more than your brake allows")
    assert f"<@{fans[0]}>: **Gold**" in question.content
    pressed = await place.press(question, "Take these roles")
    await pressed.wait_for(lambda answer: "will be taken, says" in answer.content)
    for fan in fans:
        await place.has(fan)


async def test_the_brake_keeps_the_roles_on_no(place: Place) -> None:
    channel = await staff_channel(place)
    fans = await seven_lose_gold(place)
    pressed = await place.press(await in_channel(place, channel, "brake"), "Keep these roles")
    await pressed.wait_for(lambda answer: "stay, says" in answer.content)
    await place.has(fans[0], "Gold")


async def test_only_who_may_manage_roles_answers_the_brake(place: Place) -> None:
    channel = await staff_channel(place)
    await seven_lose_gold(place)
    pressed = await place.press(await in_channel(place, channel, "brake"), "Take these roles", place.ann)
    await pressed.wait_for(lambda answer: "may not use this" in answer.content)


async def test_who_may_manage_permissions_of_the_staff_channel_does_not_answer_the_brake(place: Place) -> None:
    channel = await staff_channel(place)
    await seven_lose_gold(place)
    question = await in_channel(place, channel, "brake")
    helper = place.helper()
    place.town.world.overwrite(channel, helper, allow=Permission.MANAGE_ROLES)
    pressed = await place.press(question, "Take these roles", helper)
    await pressed.wait_for(lambda answer: "may not use this" in answer.content)


async def test_roles_above_the_one_who_answers_are_kept_and_not_taken(place: Place) -> None:
    channel = await staff_channel(place)
    await seven_lose_gold(place)
    question = await in_channel(place, channel, "brake")
    pressed = await place.press(question, "Take these roles", place.mod)
    await pressed.wait_for(lambda answer: "**Gold** is not below your own highest role" in answer.content)
    by_command = await place.press(await place.answer("sync approve", place.mod), "Take these roles", place.mod)
    await by_command.wait_for(lambda answer: "**Gold** is not below your own highest role" in answer.content)
    pressed = await place.press(question, "Keep these roles", place.mod)
    await pressed.wait_for(lambda answer: "stay, says" in answer.content)


async def test_without_a_staff_channel_the_brake_is_answered_by_command(place: Place) -> None:
    fans = await seven_lose_gold(place)
    await place.until(lambda t: t.holds.waiting(place.guild))
    assert "The brake holds 7 roles" in (await place.answer("sync status")).content
    interaction = await place.type("sync approve")
    await place.press(await interaction.settled(), "Take these roles")
    await interaction.wait_for(lambda answer: "will be taken" in answer.content)
    await place.has(fans[0])


async def test_approving_when_nothing_is_held_says_so(place: Place) -> None:
    interaction = await place.type("sync approve")
    await interaction.wait_for(lambda answer: "holds nothing" in answer.content)


async def test_the_brakes_buttons_work_after_a_restart(site: Site) -> None:
    async with open_place(site) as before:
        channel = await staff_channel(before)
        fans = await seven_lose_gold(before)
        question = await in_channel(before, channel, "brake")
    async with open_place(site) as after:
        pressed = await after.press(question, "Take these roles")
        await pressed.wait_for(lambda answer: "will be taken" in answer.content)
        await after.has(fans[0])


async def test_a_question_nobody_was_asked_is_asked_after_a_restart(site: Site) -> None:
    async with open_place(site) as before:
        before.town.world.close_dms(before.town.owner.id)
        await seven_lose_gold(before)
        await before.until(lambda t: t.holds.waiting(before.guild))
        channel = await staff_channel(before)
    async with open_place(site) as after:
        await in_channel(after, channel, "brake")


async def test_a_question_nobody_answered_moves_to_a_channel_that_is_chosen(place: Place) -> None:
    await seven_lose_gold(place)
    asked = await _told_the_owner(place, "more than your brake allows")
    channel = place.town.world.add_channel(place.guild, "staff").id
    await place.answer("settings", staff_channel=channel)
    await in_channel(place, channel, "more than your brake allows")
    assert "asked this again in the staff channel" in asked.content
    assert not asked.components


async def test_a_question_is_asked_once_however_many_bring_it_up(place: Place) -> None:
    place.town.world.close_dms(place.town.owner.id)
    await seven_lose_gold(place)
    await place.until(lambda t: t.holds.waiting(place.guild))
    channel, run = await staff_channel(place), await open_run(place)
    place.bot.dispatch("ready")
    await place.bot.hear(BrakeHeld(place.guild, run, Cause.RULES, 7))
    await stands(place)
    await place.answer("sync status")
    assert len([message for message in place.town.world.history(channel) if "brake" in text_of(message)]) == 1


async def test_a_question_that_grows_says_what_is_held_by_now(place: Place) -> None:
    channel = await staff_channel(place)
    await seven_lose_gold(place)
    question = await in_channel(place, channel, "would take 7 roles")
    await stands(place)
    await one_more(place)
    await place.bot.hear(BrakeHeld(place.guild, await open_run(place), Cause.WEBHOOK, 8))
    assert await in_channel(place, channel, "would take 8 roles") is question
    assert f"<@{place.ann}>: **Gold**" in question.content
    assert question.components

    async def shown(_t: object) -> bool:
        found = await place.use_cases.syncs.oldest_question(place.guild)
        return found.shown_at == found.held_at

    await place.until(shown)


async def test_a_question_somebody_deleted_is_asked_anew_when_it_grows(place: Place) -> None:
    channel = await staff_channel(place)
    await seven_lose_gold(place)
    question = await in_channel(place, channel, "would take 7 roles")
    await stands(place)
    place.town.world.delete(question)
    await one_more(place)
    await place.bot.hear(BrakeHeld(place.guild, await open_run(place), Cause.WEBHOOK, 8))
    await in_channel(place, channel, "would take 8 roles")


async def test_a_question_that_grew_before_it_was_answered_by_command_is_asked_again(place: Place) -> None:
    fans = await seven_lose_gold(place)
    await place.until(lambda t: t.holds.waiting(place.guild))
    question = await place.answer("sync approve")
    await one_more(place)
    pressed = await place.press(question, "Take these roles")
    grown = await pressed.wait_for(lambda answer: "would take 8 roles" in answer.content)
    await place.has(fans[0], "Gold")
    pressed = await place.press(grown, "Take these roles")
    await pressed.wait_for(lambda answer: "will be taken" in answer.content)


async def test_a_question_answered_by_command_is_closed_in_the_channel(place: Place) -> None:
    channel = await staff_channel(place)
    await seven_lose_gold(place)
    question = await in_channel(place, channel, "brake")
    await stands(place)
    await place.press(await place.answer("sync approve"), "Keep these roles")
    assert await in_channel(place, channel, "the held roles stay, says") is question
    assert question.components == []


async def test_a_question_that_settled_itself_is_closed_after_a_restart(site: Site) -> None:
    async with open_place(site) as before:
        channel = await staff_channel(before)
        await seven_lose_gold(before)
        question = await in_channel(before, channel, "brake")
        await stands(before)
    async with open_place(site) as after:
        draft = await after.use_cases.rules.draft(
            after.guild, Draft(after.gold, Condition(ConditionKind.TIER, tier=GOLD_TIER))
        )
        await after.use_cases.rules.add(draft)
        assert await in_channel(after, channel, "nothing is held any more") is question
    assert question.components == []


async def open_run(place: Place) -> int:
    return (await place.use_cases.syncs.oldest_question(place.guild)).run


async def stands(place: Place) -> None:
    """Wait until it is stored where the question stands."""

    async def known(_t: object) -> bool:
        return (await place.use_cases.syncs.oldest_question(place.guild)).message is not None

    await place.until(known)


async def one_more(place: Place) -> None:
    """Let the brake hold Ann's role too, under the open question."""
    run = await open_run(place)
    async with place.store.write() as t:
        await t.holds.open(place.guild, run, {place.ann: [place.gold]}, place.now)


# --- without a channel


async def _told_the_owner(place: Place, words: str) -> Message:
    async def there(_t: object) -> list[Message]:
        return [message for message in place.town.world.dms(place.town.owner.id) if words in text_of(message)]

    found: list[Message] = []
    await place.until(lambda t: _keep(found, there(t)))
    return found[0]


async def _keep(found: list[Message], asked: Awaitable[list[Message]]) -> bool:
    found[:] = await asked
    return bool(found)


async def test_without_a_staff_channel_the_owner_is_asked_by_direct_message(place: Place) -> None:
    fans = await seven_lose_gold(place)
    question = await _told_the_owner(place, "more than your brake allows")
    assert f"**{place.town.guild.name}** has no staff channel" in question.content
    pressed = await place.press(question, "Take these roles")
    await pressed.wait_for(lambda answer: "will be taken, says" in answer.content)
    for fan in fans:
        await place.has(fan)


async def test_with_a_deleted_staff_channel_the_owner_is_asked(place: Place) -> None:
    channel = await staff_channel(place)
    place.town.world.delete_channel(channel)
    fans = await seven_lose_gold(place)
    pressed = await place.press(await _told_the_owner(place, "brake"), "Keep these roles")
    await pressed.wait_for(lambda answer: "stay, says" in answer.content)
    await place.has(fans[0], "Gold")


async def test_an_owner_who_was_asked_and_is_owner_no_more_answers_nothing(place: Place) -> None:
    await seven_lose_gold(place)
    question = await _told_the_owner(place, "brake")
    place.town.world.transfer(place.guild, place.mod)
    pressed = await place.press(question, "Take these roles")
    await pressed.wait_for(lambda answer: "may not use this" in answer.content)


async def test_that_nothing_reaches_the_owner_stands_in_doctor_and_status(place: Place) -> None:
    place.town.world.close_dms(place.town.owner.id)
    assert "go to the server's owner as direct messages" in (await place.answer("doctor")).content
    await seven_lose_gold(place)

    async def tried(_t: object) -> bool:
        return "doesn't accept direct messages" in (await place.answer("sync status")).content

    await place.until(tried)
    assert "reach nobody" in (await place.answer("doctor")).content
