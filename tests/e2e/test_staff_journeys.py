"""Journeys of creators and their staff: the brake, roles given by hand, moving from another bot, trying things out."""

import pytest

from sandbox.world.examples import crowd
from tests.e2e.theatre import Theatre

pytestmark = pytest.mark.parametrize("api_version", [2])

FANS = [f"Fan{number}" for number in range(7)]


@pytest.fixture
async def held(house: Theatre) -> Theatre:
    """Give a house in which seven fans lose their pledges at once, and the staff are asked."""
    await house.staff_channel()
    await house.agree("Clara", "settings", keep_paid_time=False)
    crowd(house.world, 20)
    for name in FANS:
        house.world.patreon.add_account(name, "Example")
        house.world.patreon.pledge(name, tier="Silver")
        house.world.discord.join(house.guild.id, house.world.discord.add_user(name.lower()).id)
        await house.link(name)
    for name in FANS:
        await house.until_roles(name, "Silver")
    await house.refresh()
    house.world.patreon.hooks.enabled = False
    for name in FANS:
        house.world.patreon.cancel(name)
    await house.refresh()
    await house.refresh()
    await house.until_staff("more than your brake allows")
    return house


async def test_what_the_brake_holds_is_taken_when_the_staff_say_so(held: Theatre) -> None:
    question = await held.until_staff("more than your brake allows")
    assert all(held.roles(name) == {"Silver"} for name in FANS)
    assert "holds 7 roles" in (await held.command("Clara", "sync status")).text

    await held.stage.discord.press(question, "Take these roles", held.guild.owner_id)

    for name in FANS:
        await held.until_roles(name)
    await held.until_staff("will be taken")


async def test_what_the_brake_holds_is_kept_when_the_staff_say_so(held: Theatre) -> None:
    question = await held.until_staff("more than your brake allows")

    await held.stage.discord.press(question, "Keep these roles", held.guild.owner_id)
    await held.until_staff("the held roles stay")
    await held.refresh()
    await held.refresh()

    assert all(held.roles(name) == {"Silver"} for name in FANS)


async def test_only_who_may_manage_roles_answers_the_brake(held: Theatre) -> None:
    question = await held.until_staff("more than your brake allows")

    pressed = await held.stage.discord.press(question, "Take these roles", held.user("Fan0"))
    await pressed.wait_for(lambda message: "may not use this" in message.content)
    await held.calm()

    assert all(held.roles(name) == {"Silver"} for name in FANS)


async def test_a_role_given_by_hand_comes_at_once_and_goes_when_its_days_are_over(house: Theatre) -> None:
    ben, gold = str(house.user("Ben")), str(house.role("Gold"))
    await house.command("Clara", "patrons grant", member=ben, role=gold, reason="won the raffle", days=3)
    await house.until_roles("Ben", "Gold")
    assert "won the raffle" in (await house.command("Clara", "patrons explain", member=ben)).text

    await house.wait(days=2)
    assert house.roles("Ben") == {"Gold"}

    await house.wait(days=2)
    await house.until_roles("Ben")


async def test_a_role_given_by_hand_ends_when_the_staff_end_it_but_not_what_is_paid_for(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    ann = str(house.user("Ann"))
    for name in ("Silver", "Gold"):
        await house.command("Clara", "patrons grant", member=ann, role=str(house.role(name)), reason="thanks")
    await house.until_roles("Ann", "Silver", "Gold")

    for name in ("Silver", "Gold"):
        await house.command("Clara", "patrons ungrant", member=ann, role=str(house.role(name)))

    await house.until_roles("Ann", "Silver")


async def test_adopted_holders_lose_the_role_when_their_pledge_ends(house: Theatre) -> None:
    house.world.discord.give_role(house.guild.id, house.user("Ann"), house.role("Silver"))
    await house.link("Ann")
    await house.calm()

    await house.agree("Clara", "roles adopt", role=str(house.role("Silver")))
    house.world.patreon.cancel("Ann")
    await house.wait(days=35)
    await house.refresh()

    await house.until_roles("Ann")


async def test_in_shadow_mode_nothing_moves_and_afterwards_everything_follows(house: Theatre) -> None:
    await house.agree("Clara", "settings", shadow=True)
    await house.link("Ann")
    await house.refresh()
    assert house.roles("Ann") == set()
    assert house.role_calls() == 0
    assert "only report" in (await house.command("Clara", "roles preview")).text

    await house.agree("Clara", "settings", shadow=False)

    await house.until_roles("Ann", "Silver")


async def test_paused_nothing_moves_and_resumed_everything_follows(house: Theatre) -> None:
    await house.command("Clara", "sync pause")
    await house.link("Ann")
    await house.refresh()
    assert house.role_calls() == 0

    await house.agree("Clara", "sync resume")

    await house.until_roles("Ann", "Silver")


async def test_simulating_tells_what_would_follow_and_touches_nothing(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    before = house.role_calls(), sum(house.world.patreon.requests.values())
    gold = house.world.patreon.tier("Gold", house.world.patreon.campaign()).id

    raised = await house.command("Clara", "simulate", member=str(house.user("Ann")), status="active", tier=gold)
    ended = await house.command("Clara", "simulate", member=str(house.user("Ann")), status="former")

    assert "Gold" in raised.text
    assert "cancelled" in ended.text
    await house.calm()
    assert (house.role_calls(), sum(house.world.patreon.requests.values())) == before
    assert house.roles("Ann") == {"Silver"}


async def test_explaining_names_each_rule_and_why(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")

    text = (await house.command("Clara", "patrons explain", member=str(house.user("Ann")))).text

    assert "✅ **Silver**" in text
    assert "❌ **Gold**" in text
    assert "given by me" in text


async def test_removing_a_rule_takes_its_role_or_lets_its_holders_keep_it(house: Theatre) -> None:
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")

    asked = await house.command("Clara", "roles remove", rule=2)
    await house.press(asked, "Let them keep it")
    await asked.wait_for(lambda message: "keep the role" in message.content)
    await house.calm()
    assert house.roles("Ann") == {"Silver"}

    await house.rule("Bronze", when="paying")
    await house.until_roles("Ann", "Silver", "Bronze")
    asked = await house.command("Clara", "roles remove", rule=4)
    await house.press(asked, "Remove")
    # Another rule gives the role to those of a tier, so that a list has to say once more that Ann is not one of them.
    await house.until_roles("Ann", "Silver")


async def test_people_without_the_permission_are_not_offered_what_is_for_the_staff(house: Theatre) -> None:
    offered = {command["name"] for command in house.stage.discord.visible_commands(house.user("Ann"), house.guild.id)}

    assert offered == {"link", "unlink", "membership", "privacy"}
