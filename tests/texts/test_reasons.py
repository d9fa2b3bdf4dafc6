"""What moderators read in Discord's audit log."""

import pytest

from bot.core.case import Decision, Verdict
from bot.core.model import (
    CampaignId,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    Entitlement,
    GuildId,
    ManualGrant,
    Reason,
    RoleChange,
    RoleId,
    RoleRule,
    TierId,
)
from bot.texts.reasons import LIMIT, grant_reason, revoke_reason
from tests.core.cases import NOW

CAMPAIGN, ROLE = CampaignId("1"), RoleId(7)
TIER = TierId("gold")
KINDS = {
    ConditionKind.TIER: "tier Gold",
    ConditionKind.AMOUNT: "at least 5.00",
    ConditionKind.LIFETIME: "at least 5.00 in all",
    ConditionKind.MONTHS: "at least 500 months since the first pledge",
    ConditionKind.MONTHS_IN_A_ROW: "patron for at least 500 months in a row",
    ConditionKind.PAYING: "any paying patron",
    ConditionKind.FREE: "free member",
    ConditionKind.GIFT_OR_TRIAL: "gifted or trial member",
    ConditionKind.FORMER: "former patron",
}


def decision(
    *, kind: ConditionKind = ConditionKind.TIER, reason: Reason = Reason.PAID, holds: bool = True, outranked: bool = False
) -> Decision:
    rule = RoleRule(3, GuildId(1), CAMPAIGN, ROLE, Condition(kind, 500, TIER))
    entitlements = {CAMPAIGN: Entitlement(holds, reason)}
    verdicts = (Verdict(rule, holds, outranked),)
    return Decision(entitlements, verdicts, desired=frozenset(), change=RoleChange())


@pytest.mark.parametrize("kind", ConditionKind)
def test_each_condition_has_words(kind: ConditionKind) -> None:
    found = grant_reason(ROLE, decision(kind=kind), Cause.WEBHOOK, {TIER: "Gold"}, ())

    assert found == f"news from Patreon: {KINDS[kind]} (paid, rule 3)"


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("reason", Reason)
def test_each_cause_and_standing_has_words(cause: Cause, reason: Reason) -> None:
    found = revoke_reason(ROLE, decision(reason=reason, holds=False), cause, {})

    assert ": no longer tier gold (" in found
    assert found.endswith(", rule 3)")


def test_role_that_lost_to_a_higher_one_says_so() -> None:
    assert revoke_reason(ROLE, decision(outranked=True), Cause.RULES, {}).endswith("a higher rule counts")


def test_role_whose_rule_is_gone_says_so() -> None:
    assert revoke_reason(RoleId(8), decision(), Cause.RULES, {}).endswith("no rule gives this role any more")


def test_role_given_by_a_creator_says_so_and_does_not_repeat_the_note() -> None:
    by_hand = ManualGrant(GuildId(1), DiscordUserId(2), RoleId(8), "because of Ann", DiscordUserId(3), NOW)

    found = grant_reason(RoleId(8), decision(), Cause.MANUAL, {}, [by_hand])

    assert found == "asked for by hand: given by a creator through the bot"


def test_role_kept_without_a_rule_that_holds_still_has_a_reason() -> None:
    assert grant_reason(ROLE, decision(holds=False), Cause.AUDIT, {}, ()) == "regular check of the server: kept"


def test_reason_is_never_longer_than_discord_takes() -> None:
    assert len(grant_reason(ROLE, decision(), Cause.CLOCK, {TIER: "x" * 1000}, ())) == LIMIT


def test_role_that_a_creators_grant_kept_to_the_last_goes_with_that_grant() -> None:
    found = revoke_reason(ROLE, decision(holds=False), Cause.CLOCK, {}, by_hand=True)

    assert found == "a date has come: the grant by hand through the bot ended"
