"""The words for money, times, names, conditions and decisions."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.case import Decision, Verdict
from bot.core.entitlement import assess
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
from tests.core import worlds

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


@given(worlds.memberships(), worlds.policies)
def test_every_state_has_words(seen: Membership, policy: Policy) -> None:
    assert explain.standing(assess(seen, policy, seen.observed_at))


def test_every_reason_has_words() -> None:
    assert explain.COUNTS.keys() | explain.COUNTS_NOT.keys() == set(Reason)


def test_the_end_of_what_counts_and_the_beginning_of_what_does_not_are_told() -> None:
    held = Entitlement(active=True, reason=Reason.ENDING, ends_at=NOW)
    over = Entitlement(active=False, reason=Reason.CANCELLED, ends_at=NOW)
    assert explain.standing(held).startswith("the membership was cancelled, and what is paid for stays, until <t:")
    assert explain.standing(over).startswith("the membership was cancelled, since <t:")
    assert explain.standing(replace(held, ends_at=None)).endswith("stays")


def told(*verdicts: Verdict, ends_at: datetime | None = NOW, to_patron: bool = True) -> str:
    held = Entitlement(active=True, reason=Reason.ENDING, ends_at=ends_at)
    made = replace(decision(verdicts[0], held), verdicts=verdicts)
    return explain.outlook(Prospect(made), NAMES, {PAGE: CAMPAIGN}, to_patron=to_patron)[0]


def test_who_cancelled_reads_which_roles_stay_until_when() -> None:
    assert told(Verdict(rule(), holds=True)) == (
        f"**Ann's \\[Comics\\]**: You cancelled. You keep **Gold\\_role** until {explain.moment(NOW)}."
    )
    assert "cancelled; they keep **Gold\\_role** until" in told(Verdict(rule(), holds=True), to_patron=False)


@pytest.mark.parametrize(
    "verdicts",
    [
        (Verdict(rule(), holds=False),),
        (Verdict(rule(), holds=None),),
        (Verdict(rule(group="a"), holds=True, outranked=True),),
        (Verdict(rule(sticky=True), holds=True),),
        (Verdict(rule(ConditionKind.LIFETIME, 500), holds=True),),
        (Verdict(rule(), holds=True), Verdict(rule(ConditionKind.LIFETIME, 500), holds=True)),
        (Verdict(rule(), holds=True), Verdict(rule(sticky=True), holds=False, earned_at=NOW)),
        (Verdict(rule(), holds=True), Verdict(replace(rule(), campaign=CampaignId("78")), holds=True)),
    ],
)
def test_no_end_is_told_of_a_role_that_stays_or_is_not_theirs(verdicts: tuple[Verdict, ...]) -> None:
    assert "the membership was cancelled, and what is paid for stays, until" in told(*verdicts)


def test_no_end_is_told_where_patreon_names_none() -> None:
    assert told(Verdict(rule(), holds=True), ends_at=None).endswith(
        "the membership was cancelled, and what is paid for stays"
    )


def test_per_creation_is_said_where_it_is_so() -> None:
    by_the_post = replace(CAMPAIGN, is_monthly=False)
    seen = Membership(PatronId("1"), PAGE, PatronStatus.ACTIVE, NOW, amount_cents=500, tiers=frozenset({TIER}))
    asked = Condition(ConditionKind.AMOUNT, 500)
    held = Entitlement(active=True, reason=Reason.PAID, amount_cents=500)

    assert "5.00 EUR per creation" in explain.membership(seen, by_the_post)
    assert explain.condition(asked, by_the_post) == "at least 5.00 EUR per creation"
    assert explain.condition(asked, CAMPAIGN) == "at least 5.00 EUR a month"
    row = patrons.row(DiscordUserId(2), held, seen, campaign=by_the_post, roles=frozenset(), names={})
    assert "5.00 EUR per creation, paid:" in row


def test_an_end_that_is_over_is_not_announced_in_a_list() -> None:
    over = Entitlement(active=False, reason=Reason.CANCELLED, ends_at=NOW)
    row = patrons.row(DiscordUserId(2), over, None, campaign=CAMPAIGN, roles=frozenset(), names={})
    assert "until" not in row
    held = Entitlement(active=True, reason=Reason.ENDING, ends_at=NOW)
    row = patrons.row(DiscordUserId(2), held, None, campaign=CAMPAIGN, roles=frozenset(), names={})
    assert f"cancelled, paid time left, until {explain.ago(NOW)}:" in row


def stats(**given: Any) -> list[str]:
    numbers: dict[str, Any] = {
        "reasons": {},
        "active": 0,
        "linked": 0,
        "no_tier": 0,
        "new": 0,
        "sums": {},
        "next_end": None,
        "tiers": {},
        **given,
    }
    return patrons.stats(numbers.pop("campaign", CAMPAIGN), **numbers).splitlines()


def test_the_numbers_tell_what_comes_what_may_come_and_what_ends_apart() -> None:
    people = {Reason.GIFT: 1, Reason.ENDING: 1, Reason.GRACE: 1, Reason.PAID: 4, Reason.TRIAL: 1, Reason.FREE: 2}
    sums = {Reason.PAID: {"EUR": 2200}, Reason.GRACE: {"EUR": 500, "USD": 0}, Reason.ENDING: {"EUR": 1000}}

    lines = stats(reasons=people, sums=sums, next_end=NOW)

    assert lines[1] == (
        "**4** paying: 22.00 EUR a month · **1** declined, in grace: 5.00 EUR a month · **1** ending: 10.00 EUR a month · "
        f"**1** gifted · **1** on trial · the next one ends {explain.moment(NOW)}"
    )
    assert lines[-1] == "free member: 2"


def test_numbers_per_creation_and_of_nobody_say_so() -> None:
    by_the_post = replace(CAMPAIGN, is_monthly=False)
    assert stats(campaign=by_the_post, reasons={Reason.PAID: 1}, sums={Reason.PAID: {"EUR": 500}})[1] == (
        "**1** paying: 5.00 EUR per creation"
    )
    assert stats()[1] == "Nobody pays yet."


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
        (Verdict(rule(), holds=False), Entitlement(active=False, reason=Reason.DECLINED), "the last payment was declined"),
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
    assert "declined since" not in explain.membership(replace(seen, status=PatronStatus.FORMER), CAMPAIGN)
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


def test_the_document_for_creators_explains_each_state_in_the_same_words() -> None:
    told = (Path(__file__).parents[2] / "docs" / "patreon.md").read_text().partition("## What each state means\n")[2]
    counts, counts_not = (table.partition("\n\n")[0] for table in told.split("| words |")[1:])
    assert re.findall(r"^\| ([^|]+?) \|", counts, re.MULTILINE) == list(explain.COUNTS.values())
    assert set(re.findall(r"^\| ([^|]+?) \|", counts_not, re.MULTILINE)) == set(explain.COUNTS_NOT.values())
