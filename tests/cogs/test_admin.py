"""Settings, syncs, the brake and reports, as staff use them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.model import CREATOR, Block, Cause, PatronId, RoleChange
from bot.errors import PatreonUnavailable
from bot.store.records import NudgeKind, RunReport
from bot.sync.reports import (
    CreatorTokenFailing,
    LinkBroken,
    NudgeStuck,
    PatreonBack,
    PatreonGone,
    PatronSynced,
    RefreshEnded,
    Report,
    RoleIsBlocked,
    WebhookUnpaused,
)
from bot.texts.syncs import VERSION_1_GONE
from sandbox.discord.interaction import Interaction
from sandbox.world.guild_records import Permission
from tests.cogs.place import STAFF, Place
from tests.cogs.shelf import CAMPAIGN
from tests.cogs.staff import in_channel, rule_for_gold, staff_channel


async def reported(place: Place, report: Report, interaction: Interaction, words: str) -> None:
    """Let the engine report something until an answer that begins to follow it says so."""

    async def told(_t: object) -> bool:
        await place.bot.hear(report)
        return words in interaction.text

    await place.until(told)


async def test_settings_show_what_holds(place: Place) -> None:
    message = await place.answer("settings")
    assert "grace after a declined payment: **7 days**" in message.content
    assert "staff channel: none" in message.content


async def test_a_setting_shows_its_effect_and_is_saved_on_yes(place: Place) -> None:
    interaction = await place.type("settings", grace_days=3, may_take="managed", group="main", stacking="highest")
    question = await interaction.settled()
    assert "grace after a declined payment: 7 days → **3 days**" in question.content
    assert "Nobody's roles change." in question.content
    await place.press(question, "Save")
    await interaction.wait_for(lambda answer: "grace after a declined payment: **3 days**" in answer.content)
    stored = (await place.use_cases.settings.load(place.guild)).policy
    assert (stored.declined_grace, stored.highest_only) == (timedelta(days=3), frozenset({"main"}))


async def test_a_setting_that_is_not_saved_changes_nothing(place: Place) -> None:
    interaction = await place.type("settings", count_gifts=False)
    await place.press(await interaction.settled(), "Leave as it is")
    await interaction.wait_for(lambda answer: "Nothing was changed" in answer.content)
    assert (await place.use_cases.settings.load(place.guild)).policy.count_gifts


async def test_a_setting_saved_late_undoes_nothing_that_was_changed_since(place: Place) -> None:
    late = await place.type("settings", grace_days=3, group="late", stacking="highest")
    question = await late.settled()
    await place.answer("sync pause")
    early = await place.type("settings", group="early", stacking="highest")
    await place.press(await early.settled(), "Save")
    await early.wait_for(lambda answer: "only the highest rule counts: **early**" in answer.content)
    await place.press(question, "Save")
    await late.wait_for(lambda answer: "grace after a declined payment: **3 days**" in answer.content)
    stored = (await place.use_cases.settings.load(place.guild)).policy
    assert (stored.paused, stored.highest_only) == (True, frozenset({"early", "late"}))


async def test_settings_are_changed_only_from_above_every_role_they_move(place: Place) -> None:
    helper = place.helper(permissions=STAFF)
    await rule_for_gold(place)
    interaction = await place.type("settings", place.mod, may_take="managed", brake_count=100)
    await interaction.wait_for(lambda answer: "**Gold** is not below your own highest role" in answer.content)
    pressed = await place.press(await place.answer("settings", helper, brake_count=100), "Leave as it is", helper)
    await pressed.wait_for(lambda answer: "Nothing was changed" in answer.content)


async def test_settings_are_not_changed_by_who_lost_their_rank_before_saving(place: Place) -> None:
    (mods,) = place.town.guild.members.roles(place.mod)
    question = await place.answer("settings", place.mod, grace_days=3)
    place.town.world.take_role(place.guild, place.mod, mods)
    pressed = await place.press(question, "Save", place.mod)
    await pressed.wait_for(lambda answer: "may not manage roles" in answer.content)
    assert (await place.use_cases.settings.load(place.guild)).policy.declined_grace == timedelta(days=7)


async def test_stacking_needs_a_group(place: Place) -> None:
    interaction = await place.type("settings", stacking="highest")
    await interaction.wait_for(lambda answer: "Name both" in answer.content)


async def test_stacking_needs_a_name_and_not_blanks(place: Place) -> None:
    interaction = await place.type("settings", group="  ", stacking="highest")
    await interaction.wait_for(lambda answer: "A group needs a name" in answer.content)
    assert (await place.use_cases.settings.load(place.guild)).policy.highest_only == frozenset()


async def test_a_staff_channel_the_bot_may_not_write_in_is_refused(place: Place) -> None:
    channel = place.town.world.add_channel(place.guild, "closed")
    place.town.world.overwrite(channel.id, place.guild, deny=Permission.SEND_MESSAGES)
    interaction = await place.type("settings", staff_channel=channel.id)
    await interaction.wait_for(lambda answer: "may not write in that channel" in answer.content)
    assert (await place.use_cases.settings.load(place.guild)).staff_channel is None


async def test_a_staff_channel_is_greeted_and_kept(place: Place) -> None:
    channel = place.town.world.add_channel(place.guild, "staff")
    assert f"staff channel: <#{channel.id}>" in (await place.answer("settings", staff_channel=channel.id)).content
    await in_channel(place, channel.id, "come here from now on")


async def test_a_staff_channel_named_beside_a_setting_is_saved_with_it_or_not_at_all(place: Place) -> None:
    channel = place.town.world.add_channel(place.guild, "staff").id
    question = await place.answer("settings", staff_channel=channel, grace_days=3)
    assert f"staff channel: <#{channel}>" in question.content
    pressed = await place.press(question, "Leave as it is")
    await pressed.wait_for(lambda answer: "Nothing was changed" in answer.content)
    assert (await place.use_cases.settings.load(place.guild)).staff_channel is None
    assert place.town.world.history(channel) == []
    pressed = await place.press(await place.answer("settings", staff_channel=channel, grace_days=3), "Save")
    await pressed.wait_for(lambda answer: "roles that may be taken" in answer.content)
    stored = await place.use_cases.settings.load(place.guild)
    assert (stored.staff_channel, stored.policy.declined_grace) == (channel, timedelta(days=3))


async def test_sync_now_reads_the_campaign_and_says_how_it_ended(place: Place) -> None:
    place.patreon.pledge(PatronId("p1"))
    interaction = await place.type("sync now")
    await interaction.wait_for(lambda answer: "Read 1 membership." in answer.content)


async def test_sync_now_says_that_a_failed_read_counts_for_nothing(place: Place) -> None:
    place.patreon.down = PatreonUnavailable("no answer")
    interaction = await place.type("sync now")
    await interaction.wait_for(lambda answer: "counts for nothing" in answer.content)


async def test_sync_now_says_that_patrons_are_asked_one_by_one(place: Place) -> None:
    async with place.store.write() as t:
        await t.tokens.mark_broken(CREATOR, 1, place.now)
    interaction = await place.type("sync now")
    await reported(place, RefreshEnded(1, CAMPAIGN, Cause.MANUAL, RunReport(), by_patrons=True), interaction, "in turn")


async def test_sync_of_one_member_answers_everybody_who_asked(place: Place) -> None:
    await place.use_cases.settings.pause(place.guild, paused=True)
    await place.link(place.ann, "p1")
    asked = [await place.type("sync now", user, member=place.ann) for user in (place.town.owner.id, place.mod)]
    for interaction in asked:
        await interaction.wait_for(lambda answer: "Looking at" in answer.content)
    report = PatronSynced(place.guild, place.ann, PatronId("p1"), Cause.MANUAL, RoleChange(), paused=True)
    for interaction in asked:
        await reported(place, report, interaction, "Paused")


async def test_sync_of_one_member_says_what_was_done(place: Place) -> None:
    await rule_for_gold(place)
    await place.link(place.ann, "p1")
    interaction = await place.type("sync now", member=place.ann)
    await interaction.wait_for(lambda answer: "got **Gold**" in answer.content)


async def test_sync_of_one_member_says_what_shadow_mode_did_not_do(place: Place) -> None:
    await rule_for_gold(place)
    await place.use_cases.settings.change(place.guild, lambda policy: replace(policy, shadow=True))
    await place.link(place.ann, "p1")
    interaction = await place.type("sync now", member=place.ann)
    await interaction.wait_for(lambda answer: "would get **Gold**" in answer.content)


async def test_sync_of_one_member_says_which_role_waits_for_a_second_reading(place: Place) -> None:
    await rule_for_gold(place)
    patron = await place.link(place.ann, "p1")
    await place.give(place.ann, place.gold)
    place.patreon.pledge(patron, None)
    interaction = await place.type("sync now", member=place.ann)
    await interaction.wait_for(lambda answer: "Kept until one more check with Patreon: **Gold**" in answer.content)


async def test_sync_of_one_member_says_which_role_is_out_of_reach(place: Place) -> None:
    await rule_for_gold(place)
    place.town.world.move_role(place.guild, place.gold, len(place.town.guild.roles) - 1)
    await place.link(place.ann, "p1")
    interaction = await place.type("sync now", member=place.ann)
    await interaction.wait_for(lambda answer: "I may not give or take **Gold**" in answer.content)


async def test_sync_of_one_member_says_that_patreon_does_not_answer(place: Place) -> None:
    await place.link(place.ann, "p1")
    place.patreon.down = PatreonUnavailable("503")
    interaction = await place.type("sync now", member=place.ann)
    await interaction.wait_for(lambda answer: "no usable answer about" in answer.content)


async def test_sync_of_somebody_unlinked_says_so(place: Place) -> None:
    interaction = await place.type("sync now", member=place.ann)
    await interaction.wait_for(lambda answer: "has not linked" in answer.content)


async def test_status_says_when_patreon_was_read_last(place: Place) -> None:
    interaction = await place.type("sync now")
    await interaction.wait_for(lambda answer: "Read 0 memberships." in answer.content)
    message = await place.answer("sync status")
    assert "**Ann's \\<Comics\\>**: read <t:" in message.content


async def test_while_paused_nobody_gets_a_role_and_resuming_gives_it(place: Place) -> None:
    await rule_for_gold(place)
    assert "Paused." in (await place.answer("sync pause")).content
    await place.link(place.ann, "p1")
    given = await place.answer("patrons grant", member=place.ann, role=place.silver, reason="test")
    assert given.content.startswith("Noted.")
    assert "Paused: nothing changes" in given.content
    assert "Paused: nothing changes" in (await place.answer("sync status")).content
    await place.has(place.ann)
    question = await place.answer("sync resume")
    assert f"1 person gets <@&{place.gold}>: <@{place.ann}>" in question.content
    assert f"1 person gets <@&{place.silver}>: <@{place.ann}>" in question.content
    await (await place.press(question, "Stay paused")).wait_for(lambda answer: "Nothing was changed" in answer.content)
    await place.has(place.ann)
    resumed = await place.press(await place.answer("sync resume"), "Resume")
    await resumed.wait_for(lambda answer: "Resumed. I'm catching up" in answer.content)
    await place.has(place.ann, "Gold", "Silver")


async def test_resuming_what_is_not_paused_changes_nothing_and_says_so(place: Place) -> None:
    assert (await place.answer("sync resume")).content == "Nothing is paused here."


async def test_resuming_in_shadow_mode_says_that_nothing_moves_yet(place: Place) -> None:
    await rule_for_gold(place)
    await place.link(place.ann, "p1")
    await place.use_cases.settings.change(place.guild, lambda policy: replace(policy, shadow=True, paused=True))
    question = await place.answer("sync resume")
    assert "Nobody's roles change." in question.content
    resumed = await place.press(question, "Resume")
    await resumed.wait_for(lambda answer: answer.content == "Resumed. Shadow mode is on: I only report what I would do.")


async def test_leaving_shadow_mode_names_whose_roles_change(place: Place) -> None:
    await place.use_cases.settings.change(place.guild, lambda policy: replace(policy, shadow=True))
    await rule_for_gold(place)
    await place.link(place.ann, "p1")
    question = await place.answer("settings", shadow=False)
    assert f"1 person gets <@&{place.gold}>: <@{place.ann}>" in question.content
    await place.press(question, "Save")
    await place.has(place.ann, "Gold")


async def test_the_staff_hears_that_patreon_is_away_and_that_it_is_back(place: Place) -> None:
    channel = await staff_channel(place)
    await place.bot.hear(PatreonGone(CAMPAIGN, place.now, "down"))
    await in_channel(place, channel, "gives no usable answer")
    await place.bot.hear(PatreonGone(CAMPAIGN, place.now, VERSION_1_GONE))
    await in_channel(place, channel, "PATREON_API_VERSION=2")
    await place.bot.hear(PatreonBack(CAMPAIGN))
    await in_channel(place, channel, "answers again")


async def test_the_staff_hears_that_the_webhook_was_paused(place: Place) -> None:
    channel = await staff_channel(place)
    await place.bot.hear(WebhookUnpaused(CAMPAIGN))
    await in_channel(place, channel, "had paused its webhook")


async def test_sync_of_one_member_says_that_the_server_is_paused(place: Place) -> None:
    await place.use_cases.settings.pause(place.guild, paused=True)
    await place.link(place.ann, "p1")
    interaction = await place.type("sync now", member=place.ann)
    report = PatronSynced(place.guild, place.ann, PatronId("p1"), Cause.MANUAL, RoleChange(), paused=True)
    await reported(place, report, interaction, "Paused: nothing changes until /sync resume.")


async def test_the_staff_hears_what_fails_again_and_again_but_not_of_each(place: Place) -> None:
    channel = await staff_channel(place)
    await place.link(place.ann, "p1")
    await place.bot.hear(NudgeStuck(NudgeKind.USER, str(place.ann), 5, "GuildUnavailable"))
    await in_channel(place, channel, f"<@{place.ann}> could not be synced 5 times in a row")
    await place.bot.hear(NudgeStuck(NudgeKind.USER, str(place.ann), 5, "GuildUnavailable"))
    await place.answer("sync status")
    place.town.world.clock.move(timedelta(hours=1))
    await place.bot.hear(NudgeStuck(NudgeKind.CAMPAIGN, CAMPAIGN, 5, "StoreError"))
    await in_channel(place, channel, "**Ann's \\<Comics\\>** could not be synced")
    assert len([m for m in place.town.world.history(channel) if "could not be synced" in m.content]) == 2


@pytest.mark.parametrize(("broken", "words"), [(True, "no longer accepts"), (False, "could not be renewed")])
async def test_the_staff_hears_that_the_creators_token_fails(place: Place, broken: bool, words: str) -> None:
    channel = await staff_channel(place)
    await place.bot.hear(CreatorTokenFailing(CREATOR, broken=broken, expires_at=place.now))
    await in_channel(place, channel, words)


async def test_the_staff_hears_which_role_is_out_of_reach_and_what_to_do(place: Place) -> None:
    channel = await staff_channel(place)
    await place.bot.hear(RoleIsBlocked(place.guild, place.gold, Block.RANK))
    message = await in_channel(place, channel, "I may not give or take **Gold**")
    assert "drag my role above it" in message.content


async def test_a_patron_whose_link_broke_gets_a_direct_message(place: Place) -> None:
    await place.bot.hear(LinkBroken(place.ann, PatronId("p1"), place.now))

    async def told(_t: object) -> bool:
        return any("Type /link" in message.content for message in place.town.world.dms(place.ann))

    await place.until(told)


async def test_closed_direct_messages_do_not_hurt(place: Place) -> None:
    place.town.world.close_dms(place.ann)
    await place.bot.hear(LinkBroken(place.ann, PatronId("p1"), place.now))
    assert "7 days" in (await place.answer("settings")).content
