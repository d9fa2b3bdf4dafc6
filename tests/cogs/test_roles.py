"""Rules from the typed command to the roles of members; ranks are never passed (law 10)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.core.model import CREATOR, Campaign, CampaignId, Condition, ConditionKind, Origin, RoleId, Tier, TierId
from sandbox.discord.interaction import Interaction
from sandbox.world.guild_records import Permission
from tests.cogs.place import Place
from tests.cogs.shelf import CAMPAIGN, GOLD_TIER, SILVER_TIER, build_campaign
from tests.cogs.staff import every_page, forty_rules
from tests.waiting import until


async def add_rule(place: Place, role: RoleId | None = None, when: str = "tier", **options: Any) -> Interaction:
    chosen: dict[str, Any] = {"tier": str(GOLD_TIER), **options} if when == "tier" else options
    return await place.type("roles add", role=role or place.gold, when=when, **chosen)


async def save(place: Place, interaction: Interaction, button: str = "Save") -> str:
    await place.press(await interaction.settled(), button)
    return (await interaction.wait_for(lambda answer: "Saved as rule" in answer.content)).content


async def test_a_rule_shows_what_it_would_do_and_gives_the_role_once_saved(place: Place) -> None:
    await place.link(place.ann, "p1")
    interaction = await add_rule(place)
    question = await interaction.settled()
    assert interaction.ephemeral
    assert f"1 person gets <@&{place.gold}>: <@{place.ann}>" in question.content
    await place.has(place.ann)
    assert "**Gold** for everybody on the tier Gold. I'm giving the new roles now." in await save(place, interaction)
    await place.has(place.ann, "Gold")


async def test_a_rule_that_is_not_saved_is_not_there(place: Place) -> None:
    interaction = await add_rule(place)
    await place.press(await interaction.settled(), "Leave as it is")
    await interaction.wait_for(lambda answer: "Nothing was changed" in answer.content)
    assert "no rules yet" in (await place.answer("roles list")).content


@pytest.mark.parametrize(
    ("when", "options", "line"),
    [
        ("amount", {"amount": 7.5}, "at least 7.50 EUR a month"),
        ("lifetime", {"amount": 100.0}, "at least 100.00 EUR in all"),
        ("months", {"months": 6}, "at least 6 months since the first pledge"),
        ("months_in_a_row", {"months": 6}, "at least 6 months as a patron in a row"),
        ("paying", {}, "every paying patron"),
        ("free", {}, "free members"),
        ("gift_or_trial", {}, "gifted and trial members"),
        ("former", {"sticky": True, "group": "fans"}, "former patrons (group fans, sticky)"),
    ],
)
async def test_every_condition_can_be_made_a_rule(place: Place, when: str, options: dict[str, Any], line: str) -> None:
    await save(place, await add_rule(place, when=when, **options))
    assert f"**Gold** for {line}" in (await place.answer("roles list")).content


@pytest.mark.parametrize(
    ("when", "options", "hint"),
    [
        ("tier", {"tier": "gone"}, "I don't know a tier called “gone”"),
        ("amount", {}, "Say how much"),
        ("months", {}, "Say how many months"),
        ("paying", {"campaign": "88"}, "not connected to this server"),
        ("paying", {"group": "  "}, "A group needs a name"),
        ("tier", {"amount": 5.0}, "“on a tier” doesn't use “amount”"),
        ("amount", {"amount": 5.0, "tier": "tier-gold"}, "doesn't use “tier”"),
        ("months", {"months": 2, "amount": 5.0}, "doesn't use “amount”"),
        ("former", {"months": 2, "tier": "tier-gold"}, "doesn't use “tier” and “months”"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused_with_what_to_do(
    place: Place, when: str, options: dict[str, Any], hint: str
) -> None:
    interaction = await add_rule(place, when=when, **options)
    await interaction.wait_for(lambda answer: hint in answer.content)


async def test_tiers_are_offered_while_typing_with_their_price(place: Place) -> None:
    choices = await place.server.autocomplete(
        place.town.owner.id, "roles add", "tier", "gol", {"role": place.gold, "when": "tier"}, guild=place.guild
    )
    assert [(choice["name"], choice["value"]) for choice in choices] == [("Gold (10.00 EUR)", str(GOLD_TIER))]


async def test_a_tier_made_a_moment_ago_is_offered_where_the_stored_ones_are_old(place: Place) -> None:
    place.patreon.campaign = replace(build_campaign(), tiers=(Tier(TierId("new"), "Brass", 300),))
    async with place.store.write() as t:
        await t.campaigns.save(build_campaign(), place.now - timedelta(minutes=6))

    choices = await place.server.autocomplete(
        place.town.owner.id, "roles add", "tier", "br", {"role": place.gold, "when": "tier"}, guild=place.guild
    )

    assert [(choice["name"], choice["value"]) for choice in choices] == [("Brass (3.00 EUR)", "new")]


async def test_a_tier_can_be_typed_by_its_title(place: Place) -> None:
    interaction = await add_rule(place, when="tier", tier="gold")
    await interaction.wait_for(lambda answer: "everybody on the tier Gold" in answer.content)


async def test_a_campaign_that_was_not_read_yet_is_offered_by_another_name(place: Place) -> None:
    async with place.store.write() as t:
        unread = Campaign(CampaignId("88"), None, "", "", None, is_monthly=True, tiers=())
        await t.campaigns.save(unread, place.now, owner=CREATOR)
    options: dict[str, Any] = {"role": place.gold, "when": "paying"}
    choices = await place.server.autocomplete(place.town.owner.id, "roles add", "campaign", "", options, guild=place.guild)
    assert [choice["name"] for choice in choices] == ["Ann's <Comics>", "the campaign"]


async def test_a_moderator_cannot_hand_out_a_role_above_their_own(place: Place) -> None:
    interaction = await place.type("roles add", place.mod, role=place.gold, when="paying")
    await interaction.wait_for(lambda answer: "not below your own highest role" in answer.content)


async def test_a_moderator_may_hand_out_a_role_below_their_own(place: Place) -> None:
    interaction = await place.type("roles add", place.mod, role=place.silver, when="paying")
    assert "Save it?" in (await interaction.settled()).content


async def test_who_loses_their_rank_before_saving_saves_nothing(place: Place) -> None:
    async with place.store.write() as t:
        await t.rules.add(place.guild, CAMPAIGN, place.silver, Condition(ConditionKind.FORMER))
    (mods,) = place.town.guild.members.roles(place.mod)
    commands: dict[str, dict[str, str]] = {"roles add": {"when": "free"}, "roles adopt": {}}
    for (command, options), button in zip(commands.items(), ("Save", "Adopt"), strict=True):
        question = await (await place.type(command, place.mod, role=place.silver, **options)).settled()
        place.town.world.take_role(place.guild, place.mod, mods)
        pressed = await place.press(question, button, place.mod)
        await pressed.wait_for(lambda answer: "You may not manage roles" in answer.content)
        place.town.world.give_role(place.guild, place.mod, mods)
    assert len(await place.use_cases.rules.of_guild(place.guild)) == 1


async def test_a_moderator_cannot_remove_a_rule_whose_role_is_above_their_own(place: Place) -> None:
    rule = await made_rule(place)
    interaction = await place.type("roles remove", place.mod, rule=rule)
    await interaction.wait_for(lambda answer: "**Gold** is not below your own highest role" in answer.content)


async def test_a_moderator_cannot_let_a_rule_compete_with_one_above_their_own(place: Place) -> None:
    await place.use_cases.settings.change(place.guild, lambda policy: replace(policy, highest_only=frozenset({"main"})))
    await save(place, await add_rule(place, group="main"))
    options: dict[str, Any] = {"role": place.silver, "when": "lifetime", "amount": 900.0}
    refused = await place.type("roles add", place.mod, group="main", **options)
    await refused.wait_for(lambda answer: "**Gold** is not below your own highest role" in answer.content)
    assert "Save it?" in (await (await place.type("roles add", place.mod, group="other", **options)).settled()).content


async def test_a_rule_whose_role_is_gone_can_be_removed_by_who_may_manage_roles(place: Place) -> None:
    rule = await made_rule(place)
    place.town.world.delete_role(place.guild, place.gold)
    await until(lambda: place.gold not in place.use_cases.guilds.role_names(place.guild), "end of Gold")
    question = await (await place.type("roles remove", place.mod, rule=rule)).settled()
    assert "Remove the rule" in question.content


async def test_a_role_above_the_bot_is_refused_with_what_to_do(place: Place) -> None:
    crown = place.town.world.add_role(place.guild, "Crown")
    place.town.world.move_role(place.guild, crown.id, len(place.town.guild.roles) - 1)
    interaction = await add_rule(place, RoleId(crown.id), "paying")
    await interaction.wait_for(lambda answer: "drag my role above it" in answer.content)


async def test_a_managed_role_is_refused(place: Place) -> None:
    boost = place.town.world.add_role(place.guild, "Booster", managed=True)
    interaction = await add_rule(place, RoleId(boost.id), "paying")
    await interaction.wait_for(lambda answer: "nobody can give it by hand" in answer.content)


async def test_everyone_is_refused(place: Place) -> None:
    interaction = await add_rule(place, RoleId(place.guild), "paying")
    await interaction.wait_for(lambda answer: "everybody has @everyone" in answer.content)


async def test_a_powerful_role_is_saved_only_after_a_warning(place: Place) -> None:
    world = place.town.world
    keys = world.add_role(place.guild, "Keys", permissions=Permission.MANAGE_MESSAGES | Permission.BAN_MEMBERS)
    interaction = await add_rule(place, RoleId(keys.id), "paying")
    assert "ban members, delete messages" in (await interaction.settled()).content
    await save(place, interaction, "Save, with these powers")


async def made_rule(place: Place) -> int:
    return int((await save(place, await add_rule(place))).split("rule ")[1].split(":")[0])


async def test_a_removed_rule_takes_its_role_back(place: Place) -> None:
    await place.link(place.ann, "p1")
    rule = await made_rule(place)
    await place.has(place.ann, "Gold")
    interaction = await place.type("roles remove", rule=rule)
    assert f"1 person loses <@&{place.gold}>: <@{place.ann}>" in (await interaction.settled()).content
    await place.press(await interaction.settled(), "Take the role back")
    await place.has(place.ann)


async def test_a_removed_rule_can_leave_its_role_with_the_holders_for_good(place: Place) -> None:
    patron = await place.link(place.ann, "p1")
    rule = await made_rule(place)
    await place.has(place.ann, "Gold")
    interaction = await place.type("roles remove", rule=rule)
    await place.press(await interaction.settled(), "Let them keep it")
    await interaction.wait_for(lambda answer: "keep the role" in answer.content)
    place.patreon.pledge(patron, None)
    await (await place.type("sync now", member=place.ann)).wait_for(lambda answer: "has the roles" in answer.content)
    await place.has(place.ann, "Gold")


async def test_while_another_rule_gives_the_role_nothing_is_asked_about_it(place: Place) -> None:
    rule = await made_rule(place)
    await save(place, await add_rule(place, when="paying"))
    question = await (await place.type("roles remove", rule=rule)).settled()
    assert "Other rules go on giving this role" in question.content
    labels = [button["label"] for button in question.components[0]["components"]]
    assert labels == ["Remove", "Leave as it is"]


async def test_rules_are_offered_by_number_and_words(place: Place) -> None:
    rule = await made_rule(place)
    choices = await place.server.autocomplete(place.town.owner.id, "roles remove", "rule", "", guild=place.guild)
    assert choices == [{"name": f"{rule}: Gold for everybody on the tier Gold", "value": rule}]


async def test_all_rules_are_listed_however_many_there_are(place: Place) -> None:
    roles = await forty_rules(place)
    await place.use_cases.settings.change(place.guild, lambda policy: replace(policy, shadow=True))
    lines = await every_page(place, "roles list")
    assert [line.split("` ")[0] for line in lines if line[0] == "`"] == [f"`{number + 1}" for number in range(len(roles))]
    assert lines.count("Shadow mode is on: I only report what I would do.") > 1


async def test_a_rule_of_another_number_is_not_found(place: Place) -> None:
    interaction = await place.type("roles remove", rule=4711)
    await interaction.wait_for(lambda answer: "no such rule" in answer.content)


async def test_preview_says_when_everybody_is_right(place: Place) -> None:
    assert "Everybody has the roles" in (await place.answer("roles preview")).content


async def test_preview_counts_what_shadow_mode_does_not_do(place: Place) -> None:
    await place.link(place.ann, "p1")
    interaction = await place.type("settings", shadow=True)
    await place.press(await interaction.settled(), "Save")
    await interaction.wait_for(lambda answer: "shadow mode (report only): **yes**" in answer.content)
    await made_rule(place)
    message = await place.answer("roles preview")
    gets = f"If roles moved here now:\n1 person gets <@&{place.gold}>: <@{place.ann}>"
    assert message.content == f"Shadow mode is on: I only report what I would do.\n{gets}"
    await place.has(place.ann)


async def test_adopting_takes_over_the_holders_of_a_role(place: Place) -> None:
    async with place.store.write() as t:
        await t.rules.add(place.guild, CAMPAIGN, place.gold, Condition(ConditionKind.TIER, tier=GOLD_TIER))
    await place.link(place.ann, "p1", SILVER_TIER)
    await place.give(place.ann, place.gold, Origin.FOUND)
    interaction = await place.type("roles adopt", role=place.gold)
    assert "1 member has Gold, 1 of them linked" in (await interaction.settled()).content
    await place.press(await interaction.settled(), "Adopt")
    await interaction.wait_for(lambda answer: "Adopted 1 holder." in answer.content)
    await place.has(place.ann)


async def test_a_role_without_a_rule_cannot_be_adopted(place: Place) -> None:
    interaction = await place.type("roles adopt", role=place.gold)
    await interaction.wait_for(lambda answer: "Make one with /roles add first" in answer.content)


async def test_a_linked_patron_who_joins_gets_the_role_at_once(place: Place) -> None:
    await made_rule(place)
    newcomer = place.town.world.add_user("newcomer")
    await place.link(newcomer.id, "p9")
    place.town.world.join(place.guild, newcomer.id)
    await place.has(newcomer.id, "Gold")


async def test_a_role_comes_back_after_leaving_and_joining_again(place: Place) -> None:
    await place.link(place.ann, "p1")
    await made_rule(place)
    await place.has(place.ann, "Gold")
    place.town.world.leave(place.guild, place.ann)
    place.town.world.join(place.guild, place.ann)
    await place.has(place.ann, "Gold")


async def test_a_role_that_was_out_of_reach_is_given_once_it_is_moved_down(place: Place) -> None:
    await place.link(place.ann, "p1")
    rule = await made_rule(place)
    await place.has(place.ann, "Gold")
    crown = place.town.world.add_role(place.guild, "Crown")
    await save(place, await add_rule(place, RoleId(crown.id), "paying"))
    await place.has(place.ann, "Gold", "Crown")
    place.town.world.delete_role(place.guild, crown.id)
    assert rule
    message = await place.answer("doctor")
    assert "it no longer exists" in message.content
