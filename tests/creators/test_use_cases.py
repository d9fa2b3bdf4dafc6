"""What creators may make, and what follows from it in the rows; commands are tests/cogs', roles the engine's."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.entitlement import assess
from bot.core.model import (
    Block,
    CampaignId,
    Condition,
    ConditionKind,
    DiscordUserId,
    GuildId,
    Origin,
    PatronId,
    PatronStatus,
    Policy,
    Reason,
    RoleId,
    Tier,
    TierId,
)
from bot.creators import Campaigns, Draft, ManualGrants, Patrons, Rules, Settings, Syncs, Which
from bot.creators.imagination import Imagined, imagine
from bot.creators.manual import Asked
from bot.creators.ranks import Asker, Candidate, check
from bot.creators.rules import MOST_RULES
from bot.errors import RuleRefused
from bot.store import Store
from bot.store.records import NudgeKind
from bot.sync import Previews
from tests.store.makers import ANN, BOB, DAY, GOLD, GUILD, NOW, PAGE, SILVER, campaign, grant, link, membership

Clock = Callable[[], datetime]
PAYING = Condition(ConditionKind.PAYING)
GOLD_TIER, SILVER_TIER = TierId("7"), TierId("3")


class Desk:
    """All use cases over one store; ``wakes`` counts how often the engine was woken."""

    def __init__(self, store: Store, served: frozenset[GuildId]) -> None:
        self.store = store
        self.wakes = 0
        self.campaigns = Campaigns(store, served=served)
        previews = Previews(store, now=self.now)
        self.rules = Rules(store, self.campaigns, previews, now=self.now, wake=self.wake)
        self.settings = Settings(store, self.campaigns, previews, now=self.now, wake=self.wake)
        self.patrons = Patrons(store, self.campaigns, now=self.now)
        self.manual = ManualGrants(store, now=self.now, wake=self.wake)
        self.syncs = Syncs(store, self.campaigns, now=self.now, wake=self.wake)

    def now(self) -> datetime:
        return NOW

    def wake(self) -> None:
        self.wakes += 1

    async def nudged(self, kind: NudgeKind, key: object) -> bool:
        async with self.store.read() as t:
            return await t.nudges.load(kind, str(key)) is not None


@pytest.fixture
async def desk(store: Store) -> Desk:
    """Give the use cases of a guild that the configuration names, with its campaign read."""
    async with store.write() as t:
        await t.campaigns.save(campaign(), NOW)
    return Desk(store, frozenset({GUILD}))


async def linked(desk: Desk, user: DiscordUserId, number: int, **changes: object) -> None:
    async with desk.store.write() as t:
        await t.links.save(link(user, number))
        await t.presence.put(GUILD, user, present=True, seen_at=NOW)
        await t.memberships.save(membership(number, **changes), due_at=None)


@pytest.mark.parametrize(
    ("candidate", "asker", "allowed"),
    [
        (Candidate(3), Asker(top=4), True),
        (Candidate(4), Asker(top=4), False),
        (Candidate(5), Asker(top=4), False),
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


async def test_connecting_waits_for_the_first_read_of_the_campaign(store: Store) -> None:
    with pytest.raises(RuleRefused, match="Wait a minute"):
        await Desk(store, frozenset({GUILD})).campaigns.connect(GUILD, operator=True)


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        (Draft(GOLD, Condition(ConditionKind.TIER)), "which tier"),
        (Draft(GOLD, Condition(ConditionKind.TIER, tier=TierId("gone"))), "not in the campaign"),
        (Draft(GOLD, Condition(ConditionKind.AMOUNT)), "how much"),
        (Draft(GOLD, Condition(ConditionKind.LIFETIME, -1)), "how much"),
        (Draft(GOLD, Condition(ConditionKind.MONTHS, 0)), "how many months"),
        (Draft(GOLD, Condition(ConditionKind.MONTHS, 601)), "how many months"),
        (Draft(GOLD, PAYING, campaign=CampaignId("1")), "not connected"),
        (Draft(GOLD, PAYING, group="x" * 41), "40 characters"),
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
        (PAYING, 0),
    ],
)
async def test_a_rule_is_worth_what_its_condition_asks(desk: Desk, condition: Condition, worth: int) -> None:
    assert (await desk.rules.draft(GUILD, Draft(GOLD, condition))).worth_cents == worth


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
    async with desk.store.write() as t:
        await t.ledger.put(grant(ANN))
        await t.presence.put(GUILD, ANN, present=True, seen_at=NOW)
    effect, last = await desk.rules.effect_of_removing(saved)
    assert (effect.takes, last) == (1, True)
    await desk.rules.remove(saved, stays=True)
    async with desk.store.read() as t:
        assert await t.ledger.of(GUILD, ANN) == {}


async def test_while_another_rule_names_the_role_the_ledger_stays(desk: Desk) -> None:
    saved = await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, Condition(ConditionKind.FREE))))
    async with desk.store.write() as t:
        await t.ledger.put(grant(ANN))
    assert not (await desk.rules.effect_of_removing(saved))[1]
    await desk.rules.remove(saved, stays=True)
    async with desk.store.read() as t:
        assert GOLD in await t.ledger.of(GUILD, ANN)


async def test_a_rule_removed_twice_is_refused(desk: Desk) -> None:
    saved = await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    await desk.rules.remove(saved, stays=False)
    with pytest.raises(RuleRefused, match="no such rule"):
        await desk.rules.remove(saved, stays=False)


async def test_adopting_makes_found_roles_ours_and_counts_only_new_ones(desk: Desk) -> None:
    await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    async with desk.store.write() as t:
        await t.ledger.put(grant(ANN, origin=Origin.FOUND))
    assert await desk.rules.adopt(GUILD, GOLD, {ANN, BOB}) == 2
    assert await desk.rules.adopt(GUILD, GOLD, {ANN, BOB}) == 0
    async with desk.store.read() as t:
        assert [(each.user, each.origin) for each in await t.ledger.holders(GUILD, GOLD)] == [
            (ANN, Origin.OURS),
            (BOB, Origin.OURS),
        ]


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
        await desk.settings.save_policy(GUILD, policy)
    with pytest.raises(RuleRefused, match="out of range"):
        await desk.settings.effect(GUILD, policy)
    assert (await desk.settings.load(GUILD)).policy == Policy()


async def test_settings_show_what_they_would_take(desk: Desk) -> None:
    await linked(desk, ANN, 1, gifted=True, amount_cents=0, charge=membership().charge, status=PatronStatus.ACTIVE)
    await desk.rules.add(await desk.rules.draft(GUILD, Draft(GOLD, PAYING)))
    async with desk.store.write() as t:
        await t.ledger.put(grant(ANN))
    assert (await desk.settings.effect(GUILD, Policy())).takes == 0
    assert (await desk.settings.effect(GUILD, Policy(count_gifts=False))).takes == 1


async def test_pausing_keeps_the_other_settings(desk: Desk) -> None:
    await desk.settings.save_policy(GUILD, Policy(brake_count=9))
    await desk.settings.pause(GUILD, paused=True)
    assert (await desk.settings.load(GUILD)).policy == Policy(brake_count=9, paused=True)


async def test_a_guild_is_noted_once(desk: Desk) -> None:
    await desk.settings.joined(GUILD)
    await desk.settings.save_staff_channel(GUILD, 5)
    await desk.settings.joined(GUILD)
    assert (await desk.settings.load(GUILD)).staff_channel == 5


@pytest.mark.parametrize(("note", "days"), [("", None), ("   ", None), ("x" * 201, None), ("fine", 0), ("fine", 3651)])
async def test_a_grant_by_hand_needs_a_reason_and_a_possible_end(desk: Desk, note: str, days: int | None) -> None:
    with pytest.raises(RuleRefused):
        await desk.manual.grant(Asked(GUILD, ANN, GOLD, note, BOB, days))


async def test_a_grant_by_hand_is_listed_until_it_ends(desk: Desk) -> None:
    given = await desk.manual.grant(Asked(GUILD, ANN, GOLD, "raffle", BOB, 3))
    assert given.expires_at == NOW + 3 * DAY
    assert await desk.manual.of_guild(GUILD) == [given]
    assert await desk.nudged(NudgeKind.USER, ANN)
    assert await desk.manual.end(GUILD, ANN, GOLD) == given
    with pytest.raises(RuleRefused):
        await desk.manual.end(GUILD, ANN, GOLD)


async def test_an_expired_grant_is_not_listed(desk: Desk) -> None:
    given = await desk.manual.grant(Asked(GUILD, ANN, GOLD, "raffle", BOB, 3))
    async with desk.store.write() as t:
        await t.manual.add(replace(given, role=SILVER, expires_at=NOW - DAY))
    assert await desk.manual.of_guild(GUILD) == [given]


async def test_lists_show_whom_they_are_about(desk: Desk) -> None:
    await linked(desk, ANN, 1)
    await linked(desk, BOB, 2, status=PatronStatus.FORMER, tiers=frozenset(), amount_cents=0, tier_cents=None)
    found = {which: [row.link.user for row in (await desk.patrons.page(GUILD, which, None, 9))[0]] for which in Which}
    assert found[Which.EVERYBODY] == [ANN, BOB]
    assert ANN in found[Which.PAYING]
    assert found[Which.DECLINED] == found[Which.BROKEN] == []


async def test_pages_of_a_list_neither_skip_nor_repeat_anybody(desk: Desk) -> None:
    users = [DiscordUserId(100 + number) for number in range(7)]
    for number, user in enumerate(users):
        await linked(desk, user, number)
    seen: list[DiscordUserId] = []
    after: DiscordUserId | None = None
    while True:
        rows, after = await desk.patrons.page(GUILD, Which.EVERYBODY, after, 3)
        seen += [row.link.user for row in rows]
        if after is None:
            break
    assert seen == users


async def test_an_export_never_holds_a_formula(desk: Desk) -> None:
    evil = replace(campaign(), tiers=(Tier(GOLD_TIER, "=cmd()", 500), Tier(SILVER_TIER, "Silver", 300)))
    async with desk.store.write() as t:
        await t.campaigns.save(evil, NOW)
    await linked(desk, ANN, 1, tiers=frozenset({GOLD_TIER}))
    rows = list(csv.DictReader(io.StringIO((await desk.patrons.export(GUILD)).decode())))
    assert [row["tiers"] for row in rows] == ["'=cmd()"]
    assert rows[0]["amount_a_month"] == "5.00"


async def test_stats_leave_the_creator_out_and_count_who_has_no_tier(desk: Desk) -> None:
    await linked(desk, ANN, 1, tiers=frozenset(), since=NOW)
    async with desk.store.write() as t:
        await t.memberships.save(replace(membership(3), patron=PatronId("1")), due_at=None)
    (stats,) = await desk.patrons.stats(GUILD)
    assert (stats.active, stats.linked, stats.no_tier, stats.new) == (1, 1, 1, 1)
    assert stats.sums == {"EUR": 500}


async def test_a_sync_of_everybody_nudges_each_campaign(desk: Desk) -> None:
    assert await desk.syncs.everybody(GUILD) == 1
    assert await desk.nudged(NudgeKind.CAMPAIGN, PAGE)
    with pytest.raises(RuleRefused):
        await desk.syncs.everybody(GuildId(4))


async def test_a_sync_of_somebody_needs_a_link(desk: Desk) -> None:
    assert not await desk.syncs.somebody(ANN)
    await linked(desk, ANN, 1)
    assert await desk.syncs.somebody(ANN)
    assert await desk.nudged(NudgeKind.USER, ANN)


async def test_the_status_counts_what_is_held(desk: Desk) -> None:
    async with desk.store.write() as t:
        await t.holds.open(GUILD, 5, {ANN: [GOLD, SILVER]}, NOW)
    status = await desk.syncs.status(GUILD)
    assert (status.held, [hold.run for hold in status.holds]) == (2, [5])
    assert (await desk.syncs.oldest_question(GUILD)).run == 5
    assert [each.role for each in await desk.syncs.held(GUILD, 5)] == sorted([GOLD, SILVER])


@pytest.mark.parametrize(
    ("wanted", "active", "reason"),
    [
        (Imagined(PatronStatus.ACTIVE, tier=GOLD_TIER), True, Reason.PAID),
        (Imagined(PatronStatus.ACTIVE, amount_cents=700), True, Reason.PAID),
        (Imagined(PatronStatus.ACTIVE, tier=GOLD_TIER, gift=True), True, Reason.GIFT),
        (Imagined(PatronStatus.DECLINED, tier=GOLD_TIER, days=3), True, Reason.GRACE),
        (Imagined(PatronStatus.DECLINED, tier=GOLD_TIER, days=8), False, Reason.DECLINED),
        (Imagined(PatronStatus.FORMER, tier=GOLD_TIER, days=5), True, Reason.CANCELLED),
        (Imagined(PatronStatus.FORMER, tier=GOLD_TIER), False, Reason.CANCELLED),
        (Imagined(PatronStatus.NONE), False, Reason.FREE),
    ],
)
def test_an_imagined_membership_is_judged_like_a_real_one(wanted: Imagined, active: bool, reason: Reason) -> None:
    held = assess(imagine(campaign(), wanted, NOW), Policy(), NOW)
    assert (held.active, held.reason) == (active, reason)


@pytest.mark.parametrize("months", [0, 1, 2, 13, 600])
@pytest.mark.parametrize("now", [NOW, datetime(2026, 3, 31, 23, tzinfo=UTC), datetime(2024, 2, 29, tzinfo=UTC)])
def test_an_imagined_patron_has_exactly_the_months_asked_for(months: int, now: datetime) -> None:
    made = imagine(campaign(), Imagined(PatronStatus.ACTIVE, amount_cents=500, months=months), now)
    assert assess(made, Policy(), now).months == months


def test_a_tier_nobody_has_cannot_be_imagined() -> None:
    with pytest.raises(RuleRefused):
        imagine(campaign(), Imagined(PatronStatus.ACTIVE, tier=TierId("gone")), NOW)
