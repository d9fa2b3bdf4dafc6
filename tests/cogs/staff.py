"""What tests of the staff's side share: a rule, a staff channel, waiting for a message in it."""

from typing import Any

from bot.core.model import Condition, ConditionKind, RoleId
from sandbox.discord.components import text_of
from sandbox.world.guild_records import Message
from tests.cogs.place import Place
from tests.cogs.shelf import CAMPAIGN, GOLD_TIER


async def rule_for_gold(place: Place) -> None:
    async with place.store.write() as t:
        await t.rules.add(place.guild, CAMPAIGN, place.gold, Condition(ConditionKind.TIER, tier=GOLD_TIER))


async def staff_channel(place: Place) -> int:
    channel = place.town.world.add_channel(place.guild, "staff")
    await place.use_cases.settings.save_staff_channel(place.guild, channel.id)
    return channel.id


async def in_channel(place: Place, channel: int, words: str) -> Message:
    """Wait for a message with these words."""
    found: list[Message] = []

    async def there(_t: object) -> bool:
        found[:] = [m for m in place.town.world.history(channel) if words in text_of(m)]
        return bool(found)

    await place.until(there)
    return found[0]


async def seven_lose_gold(place: Place) -> list[int]:
    """Remove the rule of a role that seven patrons have from us: more than the five the brake lets pass."""
    await rule_for_gold(place)
    fans = list(place.town.world.add_members(place.guild, 7))
    for fan in fans:
        await place.link(fan, f"fan-{fan}")
        await place.give(fan, place.gold)
    (rule,) = await place.use_cases.rules.of_guild(place.guild)
    await place.use_cases.rules.remove(rule, stays=False)
    return fans


async def forty_rules(place: Place) -> list[int]:
    """Make forty rules with long names, of which only the last holds for a patron of the tier Gold."""
    roles = [place.town.world.add_role(place.guild, f"{number:x<90}").id for number in range(39)]
    async with place.store.write() as t:
        for role in roles:
            await t.rules.add(place.guild, CAMPAIGN, RoleId(role), Condition(ConditionKind.LIFETIME, 100_000))
    await rule_for_gold(place)
    return [*roles, place.gold]


async def every_page(place: Place, command: str, **options: Any) -> list[str]:
    """Press "More" until there is no more, and give the lines of all pages."""
    message = await place.answer(command, **options)
    lines = message.content.splitlines()
    while message.components:
        assert len(message.content) <= 2000
        before = message.content
        pressed = await place.press(message, "More")
        message = await pressed.wait_for(lambda answer, before=before: answer.content != before)  # type: ignore[misc]
        lines += message.content.splitlines()
    return lines
