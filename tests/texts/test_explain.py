"""The words for money, times, names, conditions and decisions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.case import Decision, Verdict
from bot.core.model import (
    Block,
    Campaign,
    CampaignId,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    Doubt,
    Entitlement,
    GuildId,
    Holding,
    Membership,
    PatronId,
    PatronStatus,
    Policy,
    Reason,
    RoleChange,
    RoleId,
    RoleRule,
    Source,
    Tier,
    TierId,
)
from bot.core.prospect import Prospect
from bot.errors import LinkError, LinkProblem
from bot.texts import commands, explain, patrons, staff

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAGE = CampaignId("77")
GOLD = RoleId(900)
TIER = TierId("7")
CAMPAIGN = Campaign(
    PAGE, None, "Ann's [Comics]", "https://patreon.test", "EUR", is_monthly=True, tiers=(Tier(TIER, "*Gold*", 500),)
)
NAMES = {GOLD: "Gold_role"}


def rule(kind: ConditionKind = ConditionKind.TIER, threshold: int = 0, **changes: object) -> RoleRule:
    condition = Condition(kind, threshold, TIER if kind is ConditionKind.TIER else None)
    return RoleRule(1, GuildId(1), PAGE, GOLD, condition, **changes)  # type: ignore[arg-type]


def decision(verdict: Verdict, entitlement: Entitlement | None = None, **changes: object) -> Decision:
    held = entitlement or Entitlement(active=True, reason=Reason.PAID)
    values: dict[str, object] = {"desired": frozenset(), "change": RoleChange(), **changes}
    return Decision({PAGE: held}, (verdict,), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain", "plain"),
        ("*bold*", "\\*bold\\*"),
        ("<@123>", "\\<\\@123\\>"),
        ("[click](http)", "\\[click\\]\\(http\\)"),
        ("# head\nline", "\\# head line"),
    ],
)
def test_names_that_people_chose_lose_their_markdown(name: str, shown: str) -> None:
    assert explain.plain(name) == shown
    assert explain.bare(explain.plain(name)) == " ".join(name.split())


@pytest.mark.parametrize(
    ("cents", "currency", "text"),
    [
        (500, "EUR", "5.00 EUR"),
        (0, None, "0.00"),
        (1999, "USD", "19.99 USD"),
        (None, "EUR", "an amount that cannot be compared"),
    ],
)
def test_money_is_written_with_its_currency(cents: int | None, currency: str | None, text: str) -> None:
    assert explain.money(cents, currency) == text


def test_instants_are_shown_in_the_readers_own_time_zone() -> None:
    assert explain.moment(NOW) == "<t:1772366400:f> (<t:1772366400:R>)"


def test_long_messages_are_cut_at_the_end_of_a_line() -> None:
    text = "\n".join(f"line {number}" for number in range(1000))
    short = explain.cut(text)
    assert len(short) <= explain.LIMIT
    assert short.endswith("\n…")
    assert all(line in text.splitlines() for line in short.splitlines()[:-1])


def test_a_single_long_line_is_cut_as_well() -> None:
    assert len(explain.cut("x" * 5000)) == explain.LIMIT


def test_numbers_take_the_right_noun() -> None:
    assert explain.counted(1, "role") == "1 role"
    assert explain.counted(2, "look", "looks") == "2 looks"
    assert explain.days(timedelta(days=7)) == "7 days"


@pytest.mark.parametrize("kind", list(ConditionKind))
def test_every_condition_has_words_and_a_choice(kind: ConditionKind) -> None:
    assert explain.condition(Condition(kind, 500, TIER), CAMPAIGN)
    assert kind in staff.CONDITIONS


def test_a_rule_is_one_line_with_its_group_and_stickiness() -> None:
    line = explain.rule(rule(group="main", sticky=True), NAMES, CAMPAIGN)
    assert line == "**Gold\\_role** for everybody on the tier \\*Gold\\* (group main, sticky)"


def test_tiers_of_one_name_are_told_apart_by_price_and_those_of_one_price_by_id() -> None:
    twins = (Tier(TierId("1"), "Gold", 500), Tier(TierId("2"), "gold", 900), Tier(TierId("3"), "Gold", 500))
    campaign = replace(CAMPAIGN, tiers=(*twins, Tier(TierId("4"), "Silver", 500), Tier(TierId("5"), "x" * 200, 500)))

    labels = [explain.priced(tier, campaign) for tier in campaign.tiers]
    assert labels[:4] == ["Gold (5.00 EUR, tier 1)", "gold (9.00 EUR)", "Gold (5.00 EUR, tier 3)", "Silver (5.00 EUR)"]
    assert len(labels[4]) == 100
    assert labels[4].endswith("x (5.00 EUR)")
    lines = [explain.condition(Condition(ConditionKind.TIER, tier=tier.tier), campaign) for tier in campaign.tiers[1:4]]
    assert lines[0] == "everybody on the tier gold \\(9.00 EUR\\)"
    assert lines[1] == "everybody on the tier Gold \\(5.00 EUR, tier 3\\)"
    assert lines[2] == "everybody on the tier Silver"


def test_a_tier_that_is_gone_is_named_by_its_id() -> None:
    assert "no longer lists (7)" in explain.rule(rule(), {}, None)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_words(reason: Reason) -> None:
    assert explain.standing(Entitlement(active=False, reason=reason))


def test_cancelled_but_paid_for_says_until_when() -> None:
    held = Entitlement(active=True, reason=Reason.CANCELLED, ends_at=NOW)
    assert explain.standing(held).startswith(
        "the membership was cancelled, but the time that is paid for still counts, until <t:"
    )


@pytest.mark.parametrize(
    ("verdict", "entitlement", "words"),
    [
        (Verdict(rule(), holds=True), None, ": yes"),
        (Verdict(rule(group="a"), holds=True, outranked=True), None, "a higher role of its group counts"),
        (Verdict(rule(sticky=True), holds=False, earned_at=NOW), None, "earned for good on <t:"),
        (Verdict(rule(ConditionKind.AMOUNT, 900), holds=None), None, "cannot be judged"),
        (Verdict(rule(), holds=False), None, "not on this tier"),
        (
            Verdict(rule(ConditionKind.AMOUNT, 900), holds=False),
            Entitlement(active=True, reason=Reason.PAID, amount_cents=500),
            "it is 5.00 EUR",
        ),
        (
            Verdict(rule(ConditionKind.MONTHS, 6), holds=False),
            Entitlement(active=True, reason=Reason.PAID, months=2),
            "it has been 2 months so far",
        ),
        (
            Verdict(rule(ConditionKind.MONTHS_IN_A_ROW, 6), holds=False),
            Entitlement(active=True, reason=Reason.PAID, months=20, months_in_a_row=1),
            "it has been 1 month in a row so far",
        ),
        (
            Verdict(rule(ConditionKind.LIFETIME, 900), holds=False),
            Entitlement(active=True, reason=Reason.PAID, lifetime_cents=300),
            "it is 3.00 EUR so far",
        ),
        (Verdict(rule(), holds=False), Entitlement(active=False, reason=Reason.DECLINED), "the time to mend it is over"),
        (Verdict(rule(), holds=False), Entitlement(active=False, reason=Reason.UNLINKED), "no Patreon account is linked"),
    ],
)
def test_each_answer_of_a_rule_says_why(verdict: Verdict, entitlement: Entitlement | None, words: str) -> None:
    assert words in explain.verdict(verdict, decision(verdict, entitlement), NAMES, CAMPAIGN)


def test_a_decision_tells_what_is_given_taken_doubted_protected_and_due() -> None:
    verdict = Verdict(rule(), holds=True)
    made = decision(
        verdict,
        desired=frozenset({GOLD}),
        change=RoleChange(frozenset({GOLD}), frozenset({RoleId(1)})),
        doubts=(Doubt(GuildId(1), DiscordUserId(2), RoleId(3), 1, Source.FETCH),),
        protected=frozenset({RoleId(4)}),
        due_at=NOW,
    )
    given = Prospect(made, gets=frozenset({GOLD}), loses=frozenset({RoleId(1)}), doubted=frozenset({RoleId(3)}))
    text = "\n".join(explain.outlook(given, NAMES, {PAGE: CAMPAIGN}))
    assert "**Ann's \\[Comics\\]**: the membership is paid" in text
    assert "To be given: **Gold\\_role**" in text
    assert "To be taken: **role 1**" in text
    assert "Kept until one more check with Patreon: **role 3**" in text
    assert "Stays, since the bot did not give it: **role 4**" in text
    assert "Next change, if nothing else is heard: <t:" in text


def test_rules_that_hold_are_told_first() -> None:
    verdicts = [Verdict(rule(), holds=False), Verdict(rule(), holds=None), Verdict(rule(), holds=True)]
    made = replace(decision(verdicts[0]), verdicts=(*verdicts, Verdict(rule(), holds=False, earned_at=NOW)))
    assert [line[0] for line in explain.verdicts(made, NAMES, {PAGE: CAMPAIGN})] == ["✅", "✅", "❌", "❔"]


@pytest.mark.parametrize(
    ("room", "kept"),
    [
        (100, ["aaaa", "bbbb", "cccc"]),
        (15, ["aaaa", "bbbb", "cccc"]),
        (14, ["… and 3 more"]),
        (-5, ["… and 3 more"]),
    ],
)
def test_lines_that_do_not_fit_are_counted(room: int, kept: list[str]) -> None:
    assert explain.fitted(["aaaa", "bbbb", "cccc"], room) == kept


@given(st.lists(st.text(max_size=30), max_size=60), st.integers(20, 400))
def test_fitted_lines_fit_and_none_is_lost_uncounted(lines: list[str], room: int) -> None:
    kept = explain.fitted(lines, room)
    assert len("\n".join(kept)) <= room
    left_out = len(lines) - len(kept)
    assert kept == lines or kept == [*lines[: len(kept) - 1], f"… and {left_out + 1} more"]


def test_a_membership_tells_tier_amount_decline_and_age() -> None:
    seen = Membership(
        PatronId("1"), PAGE, PatronStatus.DECLINED, NOW, amount_cents=500, tiers=frozenset({TIER}), declined_since=NOW
    )
    text = explain.membership(seen, CAMPAIGN)
    assert "\\*Gold\\*, 5.00 EUR a month" in text
    assert "Payment declined since" in text
    assert "Patreon said so <t:1772366400:R>." in text


@pytest.mark.parametrize("problem", list(LinkProblem))
def test_every_problem_of_linking_has_words(problem: LinkProblem) -> None:
    assert commands.failure(LinkError(problem))


def test_what_is_not_our_error_has_no_words_of_its_own() -> None:
    assert commands.failure(RuntimeError("access-token-abc")) is None


@pytest.mark.parametrize("block", list(Block))
def test_every_block_says_why(block: Block) -> None:
    assert staff.blocked(GOLD, "Gold", block)
    assert staff.refused_role(block)


def test_every_setting_of_a_policy_has_a_name() -> None:
    assert set(staff.SETTING_NAMES) == set(Policy.__dataclass_fields__)


@pytest.mark.parametrize("words", [patrons._REASONS, patrons._CAUSES, patrons._HOLDINGS])
def test_every_short_word_is_there(words: dict[Enum, str]) -> None:
    kinds: dict[int, type[Enum]] = {id(patrons._REASONS): Reason, id(patrons._CAUSES): Cause, id(patrons._HOLDINGS): Holding}
    assert set(words) == set(kinds[id(words)])
