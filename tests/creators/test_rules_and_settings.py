"""Ranks, campaigns, rules and settings, and what follows in the rows; commands are tests/cogs', roles the engine's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.campaigns import FACT
from bot.core.model import (
    Block,
    CampaignId,
    Condition,
    ConditionKind,
    GuildId,
    Origin,
    PatronStatus,
    Policy,
    RoleId,
    Tier,
    TierId,
)
from bot.creators import Draft
from bot.creators.ranks import Asker, Candidate, check
from bot.creators.rules import MOST_RULES
from bot.errors import RuleRefused
from bot.store import Store
from bot.store.records import NudgeKind
from tests.creators.desk import GOLD_TIER, PAYING, Desk, linked
from tests.store.makers import ANN, BOB, GOLD, GUILD, NOW, PAGE, campaign, grant, membership

NEW, NEW_TIER = CampaignId("99"), TierId("99")


@pytest.mark.parametrize(
    ("candidate", "asker", "allowed"),
    [
        (Candidate(3), Asker(top=4, may_manage=True), True),
        (Candidate(4), Asker(top=4, may_manage=True), False),
        (Candidate(5), Asker(top=4, may_manage=True), False),
        (Candidate(3), Asker(top=4), False),
        (Candidate(5), Asker(top=0, owner=True), True),
        (Candidate(1, Block.RANK), Asker(top=9, owner=True), False),
        (Candidate(1, Block.MANAGED), Asker(top=9, owner=True), False),
    ],
)
def test_nobody_hands_out_what_they_could_not_hand_out_themselves(candidate: Candidate, asker: Asker, allowed: bool) -> None:
    if allowed:
        check(candidate, asker)
    else:
        with pytest.raises(RuleRefused):
            check(candidate, asker)


async def test_a_guild_the_configuration_names_has_its_campaign_without_setup(desk: Desk) -> None:
    assert (await desk.campaigns.home(GUILD)).campaign() == campaign()


async def test_another_guild_sees_no_campaign_and_cannot_connect_itself(desk: Desk) -> None:
    elsewhere = GuildId(4)
    with pytest.raises(RuleRefused, match="/setup"):
        (await desk.campaigns.home(elsewhere)).campaign()
    with pytest.raises(RuleRefused, match="whoever runs this bot"):
        await desk.campaigns.connect(elsewhere, operator=False)
    assert await desk.patrons.stats(elsewhere) == []


async def test_the_operator_connects_another_guild(desk: Desk) -> None:
    assert await desk.campaigns.connect(GuildId(4), operator=True) == campaign()
    assert (await desk.campaigns.home(GuildId(4))).campaign() == campaign()
    assert await desk.campaigns.guilds_of(PAGE) == sorted([GuildId(4), GUILD])


@pytest.fixture
async def moved_desk(desk: Desk) -> Desk:
    """Give a desk whose configuration now names another campaign, which comes after the first one as text."""
    async with desk.store.write() as t:
        await t.campaigns.save(replace(campaign(), campaign=NEW, tiers=(Tier(NEW_TIER, "New", 900),)), NOW)
        await t.facts.set(FACT, NEW)
    return desk


async def test_the_campaign_of_the_configuration_counts_and_no_other_of_the_creator(moved_desk: Desk) -> None:
    assert list((await moved_desk.campaigns.home(GUILD)).by_id) == [NEW]
    assert (await moved_desk.campaigns.connect(GuildId(4), operator=True)).campaign == NEW
    assert await moved_desk.campaigns.guilds_of(PAGE) == []
    assert await moved_desk.campaigns.guilds_of(NEW) == sorted([GuildId(4), GUILD])


async def test_a_tier_of_another_campaign_of_the_guild_makes_a_rule_of_that_campaign(moved_desk: Desk) -> None:
    async with moved_desk.store.write() as t:
        await t.rules.add(GUILD, PAGE, GOLD, PAYING)
    made = await moved_desk.rules.draft(GUILD, Draft(GOLD, Condition(ConditionKind.TIER, tier=GOLD_TIER)))
    assert made.campaign == PAGE
    made = await moved_desk.rules.draft(GUILD, Draft(GOLD, Condition(ConditionKind.TIER, tier=NEW_TIER)))
    assert made.campaign == NEW
    assert (await moved_desk.rules.draft(GUILD, Draft(GOLD, PAYING))).campaign == NEW


async def test_connecting_waits_for_the_first_read_of_the_campaign(store: Store) -> None:
    with pytest.raises(RuleRefused, match="Wait a minute"):
        await Desk(store, frozenset({GUILD})).campaigns.connect(GUILD, operator=True)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        (Draft(GOLD, Condition(ConditionKind.TIER)), "which tier"),
        (Draft(GOLD, Condition(ConditionKind.TIER, tier=TierId("gone"))), "don't know a tier called “gone”"),
        (Draft(GOLD, Condition(ConditionKind.AMOUNT)), "how much"),
        (Draft(GOLD, Condition(ConditionKind.LIFETIME, -1)), "how much"),
        (Draft(GOLD, Condition(ConditionKind.MONTHS, 0)), "how many months"),
        (Draft(GOLD, Condition(ConditionKind.MONTHS, 601)), "how many months"),
        (Draft(GOLD, Condition(ConditionKind.MONTHS_IN_A_ROW, 0)), "how many months"),
        (Draft(GOLD, PAYING, campaign=CampaignId("1")), "not connected"),
        (Draft(GOLD, PAYING, group="x" * 41), "40 characters"),
        (Draft(GOLD, PAYING, group=""), "needs a name"),
        (Draft(GOLD, PAYING, group="  "), "needs a name"),
        (Draft(GOLD, PAYING, group="\u200b"), "needs a name"),
    ],
)
async def test_a_draft_that_makes_no_sense_is_refused(desk: Desk, asked: Draft, hint: str) -> None:
    with pytest.raises(RuleRefused, match=hint):
        await desk.rules.draft(GUILD, asked)


@pytest.mark.parametrize(
    ("condition", "worth"),
    [
        (Condition(ConditionKind.TIER, tier=GOLD_TIER), 500),
        (Condition(ConditionKind.AMOUNT, 700), 700),
        (Condition(ConditionKind.MONTHS, 12), 0),
        (Condition(ConditionKind.MONTHS_IN_A_ROW, 12), 0),
        (PAYING, 0),
    ],
)
async def test_a_rule_is_worth_what_its_condition_asks(desk: Desk, condition: Condition, worth: int) -> None:
    assert (await desk.rules.draft(GUILD, Draft(GOLD, condition))).worth_cents == worth


async def _with_tiers(desk: Desk, *tiers: Tier) -> None:
    home = await desk.campaigns.home(GUILD)
    async with desk.store.write() as t:
        await t.campaigns.save(replace(home.campaign(), currency="USD", tiers=tiers), NOW)


@pytest.mark.parametrize("typed", ["Gold", " gold ", "GOLD", "Gold (5.00 USD)", "2"])
async def test_a_tier_is_taken_by_its_title_its_label_or_its_id(desk: Desk, typed: str) -> None:
    await _with_tiers(desk, Tier(TierId("1"), "Silver", 300), Tier(TierId("2"), "Gold", 500))

    drafted = await desk.rules.draft(GUILD, Draft(GOLD, Condition(ConditionKind.TIER, tier=TierId(typed))))

    assert drafted.condition == Condition(ConditionKind.TIER, tier=TierId("2"))
    assert drafted.worth_cents == 500


async def test_a_title_that_no_tier_has_is_refused_with_those_there_are(desk: Desk) -> None:
    asked = Draft(GOLD, Condition(ConditionKind.TIER, tier=TierId("Platinum*")))
    await _with_tiers(desk, Tier(TierId("1"), "Silver", 300), Tier(TierId("2"), "Gold", 500), Tier(TierId("3"), "Gold", 900))

    with pytest.raises(RuleRefused) as refused:
        await desk.rules.draft(GUILD, asked)
    assert str(refused.value) == (
        "I don't know a tier called “Platinum\\*”. You have: Silver, Gold \\(5.00 USD\\), Gold \\(9.00 USD\\)."
    )
    await _with_tiers(desk)
    with pytest.raises(RuleRefused, match="no tiers yet"):
        await desk.rules.draft(GUILD, asked)


async def test_a_title_that_several_tiers_have_is_not_guessed(desk: Desk) -> None:
    await _with_tiers(desk, Tier(TierId("2"), "Gold", 500), Tier(TierId("3"), "gold", 900))

    with pytest.raises(RuleRefused, match="More than one tier"):
        await desk.rules.draft(GUILD, Draft(GOLD, Condition(ConditionKind.TIER, tier=TierId("Gold"))))
    by_label = await desk.rules.draft(GUILD, Draft(GOLD, Condition(ConditionKind.TIER, tier=TierId("gold (9.00 USD)"))))
    assert by_label.condition.tier == "3"


async def test_a_guild_has_a_most_number_of_rules(desk: Desk) -> None:
    async with desk.store.write() as t:
        for number in range(MOST_RULES):
            await t.rules.add(GUILD, PAGE, RoleId(number + 1), PAYING)
    with pytest.raises(RuleRefused, match="at most 200"):
        await desk.rules.draft(GUILD, Draft(GOLD, PAYING))


async def test_what_a_rule_would_do_is_counted_without_saving_it(desk: Desk) -> None:
    await linked(desk, ANN, 1)
    effect = await desk.rules.effect_of_adding(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    assert (effect.adds, effect.takes, effect.holds) == (1, 0, 0)
    assert await desk.rules.of_guild(GUILD) == ()
    assert desk.wakes == 0


async def test_a_saved_rule_makes_the_engine_look(desk: Desk) -> None:
    saved = await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING, group=" main ")))
    assert await desk.rules.load(GUILD, saved.rule) == saved
    assert saved.group == "main"
    assert await desk.nudged(NudgeKind.GUILD, GUILD)
    assert desk.wakes == 1


async def test_a_rule_of_another_guild_cannot_be_touched(desk: Desk) -> None:
    saved = await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    with pytest.raises(RuleRefused, match="no such rule"):
        await desk.rules.load(GuildId(4), saved.rule)


async def test_the_last_rule_of_a_role_can_leave_the_role_behind(desk: Desk) -> None:
    saved = await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    await linked(desk, ANN, 1)
    async with desk.store.write() as t:
        await t.ledger.put_many([grant(ANN)])
    effect, last = await desk.rules.effect_of_removing(saved)
    assert (effect.takes, last) == (1, True)
    await desk.rules.remove(saved, stays=True)
    async with desk.store.read() as t:
        assert await t.ledger.of(GUILD, ANN) == {}


async def test_while_another_rule_names_the_role_the_ledger_stays(desk: Desk) -> None:
    saved = await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, Condition(ConditionKind.FREE))))
    async with desk.store.write() as t:
        await t.ledger.put_many([grant(ANN)])
    assert not (await desk.rules.effect_of_removing(saved))[1]
    await desk.rules.remove(saved, stays=True)
    async with desk.store.read() as t:
        assert GOLD in await t.ledger.of(GUILD, ANN)


async def test_a_rule_removed_twice_is_refused(desk: Desk) -> None:
    saved = await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    await desk.rules.remove(saved, stays=False)
    with pytest.raises(RuleRefused, match="no such rule"):
        await desk.rules.remove(saved, stays=False)


async def test_adopting_takes_found_roles_over_and_counts_only_new_ones(desk: Desk) -> None:
    await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    async with desk.store.write() as t:
        await t.ledger.put_many([grant(ANN, origin=Origin.FOUND)])
    assert await desk.rules.adopt(GUILD, GOLD, {ANN, BOB}) == 2
    assert await desk.rules.adopt(GUILD, GOLD, {ANN, BOB}) == 0
    async with desk.store.read() as t:
        taken_over = await t.ledger.of_users(GUILD, [ANN, BOB])
    assert [taken_over[user][GOLD].origin for user in (ANN, BOB)] == [Origin.ADOPTED, Origin.ADOPTED]


async def test_adopting_a_role_no_rule_names_is_refused(desk: Desk) -> None:
    with pytest.raises(RuleRefused, match="/roles add"):
        await desk.rules.adopt(GUILD, GOLD, {ANN})


@pytest.mark.parametrize(
    "policy",
    [
        Policy(brake_percent=101),
        Policy(brake_percent=-1),
        Policy(brake_count=-1),
        Policy(declined_grace=timedelta(days=-1)),
        Policy(declined_grace=timedelta(days=366)),
    ],
)
async def test_settings_out_of_range_are_refused_and_not_saved(desk: Desk, policy: Policy) -> None:
    with pytest.raises(RuleRefused, match="out of range"):
        await desk.settings.change(GUILD, lambda _: policy)
    with pytest.raises(RuleRefused, match="out of range"):
        await desk.settings.effect(GUILD, policy)
    assert (await desk.settings.load(GUILD)).policy == Policy()


async def test_settings_show_what_they_would_take(desk: Desk) -> None:
    await linked(desk, ANN, 1, gifted=True, amount_cents=0, charge=membership().charge, status=PatronStatus.ACTIVE)
    await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    async with desk.store.write() as t:
        await t.ledger.put_many([grant(ANN)])
    assert (await desk.settings.effect(GUILD, Policy())).takes == 0
    assert (await desk.settings.effect(GUILD, Policy(count_gifts=False))).takes == 1


async def test_pausing_keeps_the_other_settings(desk: Desk) -> None:
    await desk.settings.change(GUILD, lambda policy: replace(policy, brake_count=9))
    await desk.settings.pause(GUILD, paused=True)
    assert (await desk.settings.load(GUILD)).policy == Policy(brake_count=9, paused=True)


async def test_a_guild_is_noted_once(desk: Desk) -> None:
    await desk.settings.joined(GUILD)
    await desk.settings.save_staff_channel(GUILD, 5)
    await desk.settings.joined(GUILD)
    assert (await desk.settings.load(GUILD)).staff_channel == 5
