"""Rules: which condition gives which role."""

import pytest

from bot.core.model import Condition, ConditionKind, RoleRule, TierId
from bot.store import Store
from tests.store.makers import GOLD, GUILD, OTHER_GUILD, OTHER_PAGE, PAGE, SILVER

_TIER = Condition(ConditionKind.TIER, tier=TierId("7"))
_AMOUNT = Condition(ConditionKind.AMOUNT, threshold=1500)


async def test_a_rule_gets_a_number_and_comes_back_as_it_was(any_store: Store) -> None:
    async with any_store.write() as t:
        rule = await t.rules.add(GUILD, PAGE, GOLD, _TIER, group="tiers", sticky=True, worth_cents=500)
    assert rule == RoleRule(rule.rule, GUILD, PAGE, GOLD, _TIER, "tiers", sticky=True, worth_cents=500)
    async with any_store.read() as t:
        assert await t.rules.load(rule.rule) == rule
        assert await t.rules.of_guild(GUILD) == (rule,)
        assert await t.rules.load(rule.rule + 1) is None


@pytest.mark.parametrize("kind", ConditionKind)
async def test_every_kind_of_condition_can_be_stored(any_store: Store, kind: ConditionKind) -> None:
    condition = Condition(kind, 12, TierId("7") if kind is ConditionKind.TIER else None)
    async with any_store.write() as t:
        assert (await t.rules.add(GUILD, PAGE, GOLD, condition)).condition == condition


async def test_the_same_condition_again_changes_the_rule_instead_of_doubling_it(any_store: Store) -> None:
    async with any_store.write() as t:
        first = await t.rules.add(GUILD, PAGE, GOLD, _TIER)
        again = await t.rules.add(GUILD, PAGE, GOLD, _TIER, group="tiers", sticky=True, worth_cents=900)
        assert again.rule == first.rule
        assert await t.rules.of_guild(GUILD) == (again,)
        assert (again.group, again.sticky, again.worth_cents) == ("tiers", True, 900)


async def test_rules_are_found_by_guild_and_by_campaign_the_oldest_first(any_store: Store) -> None:
    async with any_store.write() as t:
        one = await t.rules.add(GUILD, PAGE, GOLD, _TIER)
        two = await t.rules.add(OTHER_GUILD, PAGE, GOLD, _AMOUNT)
        three = await t.rules.add(GUILD, OTHER_PAGE, SILVER, _AMOUNT)
        assert await t.rules.of_guild(GUILD) == (one, three)
        assert await t.rules.all() == (one, two, three)
        assert await t.rules.connections() == {(GUILD, PAGE), (OTHER_GUILD, PAGE), (GUILD, OTHER_PAGE)}
        assert await t.rules.managed(GUILD) == {GOLD, SILVER}
        assert await t.rules.guilds_of(PAGE) == [GUILD, OTHER_GUILD]
        assert await t.rules.guilds_of(OTHER_PAGE) == [GUILD]


async def test_a_removed_rule_is_returned_once(any_store: Store) -> None:
    async with any_store.write() as t:
        rule = await t.rules.add(GUILD, PAGE, GOLD, _TIER)
        assert await t.rules.remove(rule.rule) == rule
        assert await t.rules.remove(rule.rule) is None
        assert await t.rules.managed(GUILD) == frozenset()


async def test_the_number_of_a_removed_rule_is_never_given_to_another(any_store: Store) -> None:
    """Somebody may still look at a list in which it was the old one's."""
    async with any_store.write() as t:
        old = await t.rules.add(GUILD, PAGE, GOLD, _TIER)
        await t.rules.remove(old.rule)
        assert (await t.rules.add(GUILD, PAGE, SILVER, _TIER)).rule > old.rule
