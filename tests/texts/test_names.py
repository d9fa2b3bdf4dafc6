"""Names that people chose, in every text that has one: never markdown, never a mention, never nothing at all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.core.case import Decision, Verdict
from bot.core.model import (
    Block,
    Campaign,
    CampaignId,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    Entitlement,
    GuildId,
    ManualGrant,
    Membership,
    PatronId,
    PatronStatus,
    Policy,
    Reason,
    RoleChange,
    RoleId,
    RoleRule,
    Tier,
    TierId,
)
from bot.core.prospect import Effect, Held, Prospect
from bot.sync.reports import PatronSynced
from bot.texts import commands, explain, outcomes, patrons, staff, syncs

EVIL = "**@everyone** <@1> <@&2> [here](https://evil.test) `a` ||b|| _c_ ~d~\n# e\n> f\n- g"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
PAGE, TIER, GOLD, ANN, GUILD = CampaignId("77"), TierId("7"), RoleId(900), DiscordUserId(5), GuildId(1)
RULE = RoleRule(1, GUILD, PAGE, GOLD, Condition(ConditionKind.TIER, tier=TIER))
LOST = Verdict(RULE, holds=False)
SEEN = Membership(PatronId("1"), PAGE, PatronStatus.ACTIVE, NOW, amount_cents=500, tiers=frozenset({TIER}))
ENTITLED = Entitlement(active=True, reason=Reason.PAID)
ROLES = frozenset({GOLD})
DECISION = Decision({PAGE: ENTITLED}, (LOST,), ROLES, RoleChange(ROLES, ROLES), protected=ROLES)
PROSPECT = Prospect(DECISION, gets=ROLES, loses=ROLES, held=ROLES)


def campaign(name: str) -> Campaign:
    return Campaign(PAGE, None, name, "", "EUR", is_monthly=True, tiers=(Tier(TIER, name, 500),))


def synced(**changes: object) -> PatronSynced:
    values: dict[str, object] = {"change": RoleChange(ROLES, ROLES), "desired": ROLES, **changes}
    return PatronSynced(GUILD, ANN, PatronId("1"), Cause.LINKED, **values)  # type: ignore[arg-type]


def manual(name: str) -> ManualGrant:
    return ManualGrant(GUILD, ANN, GOLD, name, ANN, NOW)


TEXTS: dict[str, Callable[[str], str]] = {
    "rule": lambda name: explain.rule(replace(RULE, group=name), {GOLD: name}, campaign(name)),
    "lost tier": lambda name: explain.rule(
        replace(RULE, condition=Condition(ConditionKind.TIER, tier=TierId(name))), {}, None
    ),
    "membership": lambda name: explain.membership(SEEN, campaign(name)),
    "own membership": lambda name: commands.membership(name, PROSPECT, {PAGE: SEEN}, {GOLD: name}, {PAGE: campaign(name)}),
    "explained": lambda name: "\n".join(
        patrons.explained(
            ANN,
            PROSPECT,
            ledger={},
            manual=(manual(name),),
            held={GOLD: Held()},
            names={GOLD: name},
            campaigns={PAGE: campaign(name)},
        )
    ),
    "simulated": lambda name: "\n".join(patrons.simulated(ANN, PROSPECT, {GOLD: name}, {PAGE: campaign(name)})),
    "row": lambda name: patrons.row(ANN, ENTITLED, SEEN, campaign=campaign(name), roles=ROLES, names={GOLD: name}),
    "stats": lambda name: patrons.stats(
        campaign(name), reasons={}, active=0, linked=0, no_tier=0, new=0, sums={}, next_end=None, tiers={}
    ),
    "shown": lambda name: patrons.shown(ANN, None, {}, {}, {PAGE: campaign(name)}),
    "log": lambda name: patrons.log_line(NOW, "granted", GOLD, name, {GOLD: name}),
    "by hand": lambda name: staff.granted(manual(name), {GOLD: name}, Policy()),
    "ended by hand": lambda name: staff.ungranted(ANN, GOLD, {GOLD: name}, Policy()),
    "settings": lambda name: staff.settings(Policy(highest_only=frozenset({name})), None),
    "rules foot": lambda name: staff.rule_list_foot(Policy(highest_only=frozenset({name}))),
    "adopting": lambda name: staff.adopt_question(name, 1, 1),
    "blocked": lambda name: staff.blocked(GOLD, name, Block.RANK),
    "unlinking": lambda name: (
        commands.unlink_question(ROLES, ROLES, {GOLD: name}) + commands.unlinked(ROLES, ROLES, {GOLD: name})
    ),
    "brake": lambda name: syncs.brake_question(1, [(ANN, GOLD)], {GOLD: name}),
    "everybody": lambda name: syncs.everybody(
        {PAGE: "read"}, {PAGE: campaign(name), CampaignId("2"): campaign(name)}, Policy()
    ),
    "status": lambda name: syncs.campaign_status(name, NOW, 1, name),
    "read": lambda name: syncs.reads_campaign(name, 1, NOW),
    "unreached": lambda name: syncs.unreached(name, 1, 1),
    "setup": lambda name: syncs.setup(name, 1, []),
    "linked": lambda name: outcomes.linked(synced(), {GOLD: name}),
    "everywhere": lambda name: outcomes.linked_everywhere([(name, synced(), {GOLD: name})]),
    "somebody": lambda name: outcomes.somebody(ANN, synced(blocked=ROLES, held=ROLES, doubted=ROLES), {GOLD: name}),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_names_are_shown_as_they_are_and_do_nothing(text: Callable[[str], str]) -> None:
    assert text(EVIL).replace(explain.plain(EVIL), "Name") == text("Name")


@pytest.mark.parametrize("text", ["membership", "explained", "stats", "everybody", "status", "read", "unreached", "setup"])
def test_a_campaign_that_was_not_read_yet_is_called_something(text: str) -> None:
    assert "the campaign" in TEXTS[text]("")
    assert "****" not in TEXTS[text]("")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (syncs.progress(1, None), "1 membership."),
        (syncs.progress(0, 1), "0 of 1 membership."),
        (syncs.campaign_status("Page", NOW, 1, None), "1 membership"),
        (syncs.reads_campaign("Page", 1, NOW), "1 tier,"),
        (staff.settings(Policy(brake_percent=10), None), "share of the people with roles from me: **10 %**"),
        (staff.settings_question(Policy(), Policy(brake_percent=20), Effect()), "10 % → **20 %**"),
        (staff.settings(Policy(declined_grace=timedelta(days=1)), None), "**1 day**"),
    ],
)
def test_numbers_agree_with_their_nouns(told: str, words: str) -> None:
    assert words in told
