"""The doctor, the set-up and simulations."""

from datetime import UTC, datetime, timedelta

from bot.core.model import CREATOR, Condition, ConditionKind, GuildId
from bot.sync.jumps import JUMPED
from cogs.admin.findings import of_clock
from sandbox.world.guild_records import Message, Permission
from tests.cogs.place import Place, Site, open_place
from tests.cogs.shelf import CAMPAIGN, GOLD_TIER
from tests.cogs.staff import in_channel, rule_for_gold, staff_channel


async def test_the_doctor_finds_a_healthy_place_healthy(place: Place) -> None:
    await staff_channel(place)
    await rule_for_gold(place)
    await place.link(place.ann, "p1")
    interaction = await place.type("sync now")
    await interaction.wait_for(lambda answer: "Read 1 membership." in answer.content)
    message = await place.answer("doctor")
    assert "❌" not in message.content
    assert "Every role of a rule is below mine" in message.content


async def test_the_doctor_names_what_is_wrong_and_what_to_do(place: Place) -> None:
    async with place.store.write() as t:
        await t.rules.add(place.guild, CAMPAIGN, place.gold, Condition(ConditionKind.TIER, tier=type(GOLD_TIER)("gone")))
        await t.tokens.mark_broken(CREATOR, 1, place.now)
    place.town.world.move_role(place.guild, place.gold, len(place.town.guild.roles) - 1)
    message = await place.answer("doctor")
    assert "❌ I may not give or take **Gold**" in message.content
    assert "❌ The tier of this rule is gone" in message.content
    assert "❌ Patreon refuses the creator's token" in message.content
    assert "❌ There is no staff channel, so my questions" in message.content


async def test_the_doctor_says_for_a_week_that_the_clock_jumped(place: Place) -> None:
    async with place.store.write() as t:
        await t.facts.set(JUMPED, (place.now - timedelta(days=1)).isoformat())
    assert "❌ The clock of my machine jumped" in (await place.answer("doctor")).content
    async with place.store.write() as t:
        await t.facts.set(JUMPED, (place.now - timedelta(days=8)).isoformat())
    assert "jumped" not in (await place.answer("doctor")).content


def test_the_doctor_says_how_far_the_clock_is_off_and_which_one_counts() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert list(of_clock(timedelta(), None, now)) == []
    [line] = of_clock(timedelta(days=365), None, now)
    assert line == "❌ The clock of my machine is 365 days ahead of Patreon's. I go by Patreon's; please have it set right"
    [line] = of_clock(-timedelta(minutes=90), None, now)
    assert "90 minutes behind Patreon's" in line


async def test_setup_takes_a_channel_and_makes_the_first_rule(place: Place) -> None:
    await place.link(place.ann, "p1")
    channel = place.town.world.add_channel(place.guild, "staff")
    interaction = await place.type("setup")
    panel = await interaction.settled()
    assert "Set-up for Ann's \\<Comics\\> (2 tiers)" in panel.content
    owner = place.town.owner.id
    await place.server.select(panel, _menu(panel, 0), [channel.id], owner)
    await in_channel(place, channel.id, "come here from now on")
    await place.server.select(panel, _menu(panel, 1), [str(GOLD_TIER)], owner)
    await place.server.select(panel, _menu(panel, 2), [place.gold], owner)
    pressed = await place.press(panel, "Make this rule")
    question = await pressed.wait_for(lambda answer: "Save it?" in answer.content)
    await place.press(question, "Save")
    await place.has(place.ann, "Gold")


def _menu(message: Message, row: int) -> str:
    return str(message.components[row]["components"][0]["custom_id"])


async def test_setup_wants_both_a_tier_and_a_role(place: Place) -> None:
    interaction = await place.type("setup")
    pressed = await place.press(await interaction.settled(), "Make this rule")
    await pressed.wait_for(lambda answer: "Pick a tier and a role first" in answer.content)


async def test_setup_lets_nobody_give_roles_who_may_only_manage_the_server(place: Place) -> None:
    helper = place.helper(permissions=Permission.MANAGE_GUILD)
    panel = await (await place.type("setup", helper)).settled()
    await place.server.select(panel, _menu(panel, 1), [str(GOLD_TIER)], helper)
    await place.server.select(panel, _menu(panel, 2), [place.silver], helper)
    pressed = await place.press(panel, "Make this rule", helper)
    await pressed.wait_for(lambda answer: "You may not manage roles in this server" in answer.content)


async def test_only_the_operator_connects_a_guild_the_configuration_does_not_name(site: Site) -> None:
    world, guild = site.town.world, site.town.guild.id
    operator = world.add_user("operator")
    world.bots[site.town.bot_id].owner_id = operator.id
    admin = world.add_role(guild, "Admin", permissions=Permission.ADMINISTRATOR)
    world.join(guild, operator.id, roles=[admin.id])
    async with open_place(site, served=False) as place:
        refused = await place.type("setup")
        await refused.wait_for(lambda answer: "Only whoever runs this bot" in answer.content)
        connected = await place.type("setup", operator.id)
        await connected.wait_for(lambda answer: "Set-up for" in answer.content)
        assert (await place.use_cases.campaigns.home(GuildId(place.guild))).settings.campaign == CAMPAIGN


async def test_simulate_tells_the_outcome_and_touches_nothing(place: Place) -> None:
    await rule_for_gold(place)
    asked = place.patreon.asked
    message = await place.answer("simulate", member=place.ann, status="declined", tier=str(GOLD_TIER), days=3)
    assert "To be given: **Gold**" in message.content
    assert (
        "the last payment was declined; what was paid for before stays while Patreon tries again, until" in message.content
    )
    assert "Only tried out" in message.content
    over = await place.answer("simulate", member=place.ann, status="declined", tier=str(GOLD_TIER), days=8)
    assert "Roles by the rules: no role" in over.content
    await place.has(place.ann)
    assert place.patreon.asked == asked


async def test_simulate_offers_the_tiers(place: Place) -> None:
    options: dict[str, str | int] = {"member": place.ann, "status": "active"}
    choices = await place.server.autocomplete(place.town.owner.id, "simulate", "tier", "si", options, guild=place.guild)
    assert [choice["name"] for choice in choices] == ["Silver *star* (5.00 EUR)"]
