"""What takes a role away, and what does not: two agreeing readings, time, silence and our own facts (law 3)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.core.case import Case
from bot.core.model import Doubt, Holding, Origin, Policy, Reason, RoleId, Source
from bot.core.reconcile import dated_back, reconcile
from tests.core.cases import (
    BRONZE,
    DAY,
    GOLD,
    GUILD,
    MINUTE,
    NOTHING,
    NOW,
    OURS,
    SILVER,
    THEIRS,
    USER,
    amount,
    by_hand,
    carried_out,
    case,
    doubt,
    grant,
    read_at,
    rule,
)
from tests.core.states import BASE, STATES, serial_at

LOST = case(rule(BRONZE), membership=read_at(NOTHING, NOW), ledger=grant(BRONZE))


def taken(known: Case) -> frozenset[RoleId]:
    return reconcile(known, NOW).change.revoke


def test_a_first_reading_only_leaves_a_doubt() -> None:
    decision = reconcile(LOST, NOW + DAY)

    assert not decision.change
    assert decision.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW), Source.FETCH),)


def test_the_same_reading_looked_at_again_is_no_second_one() -> None:
    again = replace(LOST, doubts=doubt(BRONZE, NOW))

    decision = reconcile(again, NOW + DAY)

    assert not decision.change
    assert decision.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW), Source.FETCH),)


def test_a_second_reading_that_agrees_takes_the_role() -> None:
    second = replace(LOST, doubts=doubt(BRONZE, NOW - MINUTE))

    decision = reconcile(second, NOW)

    assert decision.change.revoke == {BRONZE}
    assert decision.doubts == ()


def test_a_reading_in_between_that_disagrees_clears_the_doubt() -> None:
    paid = reconcile(replace(LOST, memberships={OURS: BASE}, doubts=doubt(BRONZE, NOW - MINUTE)), NOW)

    assert not paid.change
    assert paid.doubts == ()


def test_a_doubt_about_one_role_says_nothing_of_another() -> None:
    two = replace(LOST, rules=(rule(BRONZE), rule(SILVER)), ledger=grant(BRONZE) | grant(SILVER))

    decision = reconcile(replace(two, doubts=doubt(SILVER, NOW - MINUTE)), NOW)

    assert decision.change.revoke == {SILVER}
    assert decision.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW), Source.FETCH),)


def test_every_campaign_that_could_give_the_role_must_be_read_again() -> None:
    both = replace(
        LOST,
        rules=(rule(BRONZE), rule(BRONZE, campaign=THEIRS)),
        memberships={OURS: read_at(NOTHING, NOW), THEIRS: read_at(NOTHING, NOW - DAY, THEIRS)},
    )
    first = reconcile(both, NOW)
    ours_again = {OURS: read_at(NOTHING, NOW + MINUTE), THEIRS: both.memberships[THEIRS]}
    theirs_again = ours_again | {THEIRS: read_at(NOTHING, NOW + MINUTE, THEIRS)}
    doubted = carried_out(both, first)

    assert first.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW), Source.FETCH),)
    assert reconcile(replace(doubted, memberships=ours_again), NOW + DAY).doubts == first.doubts
    assert not reconcile(replace(doubted, memberships=ours_again), NOW + DAY).change
    assert reconcile(replace(doubted, memberships=theirs_again), NOW + DAY).change.revoke == {BRONZE}


def test_a_campaign_that_cannot_give_the_role_need_not_be_read() -> None:
    other = replace(
        LOST,
        rules=(rule(BRONZE), rule(GOLD, campaign=THEIRS)),
        unreadable=frozenset({THEIRS}),
        doubts=doubt(BRONZE, NOW - MINUTE),
    )

    assert taken(other) == {BRONZE}


def test_a_campaign_never_read_for_the_person_takes_nothing() -> None:
    unread = replace(LOST, rules=(rule(BRONZE), rule(BRONZE, campaign=THEIRS)))

    assert reconcile(unread, NOW).doubts == ()
    assert not reconcile(unread, NOW).change
    doubted = replace(unread, doubts=doubt(BRONZE, NOW - MINUTE))
    assert not reconcile(doubted, NOW).change
    assert reconcile(doubted, NOW).doubts == tuple(doubted.doubts.values())


@pytest.mark.parametrize(
    ("first", "second", "goes"),
    [
        (Source.WEBHOOK, Source.WEBHOOK, False),
        (Source.WEBHOOK, Source.FETCH, True),
        (Source.WEBHOOK, Source.LIST, True),
        (Source.FETCH, Source.WEBHOOK, True),
        (Source.LIST, Source.LIST, True),
    ],
)
def test_two_webhooks_are_not_two_readings(first: Source, second: Source, *, goes: bool) -> None:
    heard = replace(LOST, memberships={OURS: replace(read_at(NOTHING, NOW), source=first)})
    doubted = carried_out(heard, reconcile(heard, NOW))
    again = replace(doubted, memberships={OURS: replace(read_at(NOTHING, NOW + MINUTE), source=second)})

    decision = reconcile(again, NOW + MINUTE)

    assert doubted.doubts == doubt(BRONZE, NOW, first)
    assert bool(decision.change.revoke) is goes
    assert decision.doubts == (() if goes else tuple(doubted.doubts.values()))


def test_a_doubt_that_rests_on_a_webhook_of_one_campaign_is_settled_by_no_other_webhook() -> None:
    both = replace(
        LOST,
        rules=(rule(BRONZE), rule(BRONZE, campaign=THEIRS)),
        memberships={
            OURS: replace(read_at(NOTHING, NOW - DAY), source=Source.WEBHOOK),
            THEIRS: replace(read_at(NOTHING, NOW, THEIRS), source=Source.LIST),
        },
    )
    doubted = carried_out(both, reconcile(both, NOW))
    heard = {
        OURS: replace(read_at(NOTHING, NOW + MINUTE), source=Source.WEBHOOK),
        THEIRS: replace(read_at(NOTHING, NOW + MINUTE, THEIRS), source=Source.LIST),
    }

    assert doubted.doubts == doubt(BRONZE, NOW, Source.WEBHOOK)
    assert not taken(replace(doubted, memberships=heard))
    assert taken(replace(doubted, memberships=heard | {OURS: read_at(NOTHING, NOW + MINUTE)})) == {BRONZE}


def test_a_campaign_that_cannot_be_read_now_takes_nothing_and_the_doubt_waits() -> None:
    outage = replace(LOST, unreadable=frozenset({OURS}))
    doubted = replace(outage, doubts=doubt(BRONZE, NOW - MINUTE))

    assert reconcile(outage, NOW).doubts == ()
    assert not reconcile(outage, NOW).change
    assert reconcile(doubted, NOW).doubts == tuple(doubted.doubts.values())
    assert not reconcile(doubted, NOW).change


def test_an_unreadable_campaign_still_gives() -> None:
    assert reconcile(case(rule(BRONZE), unreadable=frozenset({OURS})), NOW).change.grant == {BRONZE}


def test_what_cannot_be_judged_takes_nothing_and_agrees_with_nothing() -> None:
    foreign = STATES["other currency, without a tier"].known()
    unjudged = replace(
        LOST, rules=(rule(BRONZE, amount(500)),), memberships={OURS: foreign}, doubts=doubt(BRONZE, NOW - MINUTE)
    )

    decision = reconcile(unjudged, NOW)

    assert not decision.change
    assert decision.doubts == ()
    assert decision.verdicts[0].holds is None


def test_an_unlink_takes_the_roles_at_once_also_while_patreon_is_down() -> None:
    unlinked = replace(LOST, memberships={OURS: BASE}, linked=False, unreadable=frozenset({OURS}))

    assert taken(unlinked) == {BRONZE}


def test_a_role_whose_rules_are_all_gone_goes_without_a_reading_if_we_gave_it() -> None:
    orphan = replace(LOST, rules=(rule(SILVER),), unreadable=frozenset({OURS}))

    assert taken(orphan) == {BRONZE}
    assert taken(replace(orphan, ledger=grant(BRONZE, Origin.HAND))) == {BRONZE}
    assert not taken(replace(orphan, ledger=grant(BRONZE, Origin.FOUND)))


def test_an_ended_manual_grant_still_needs_the_readings_of_the_roles_rules() -> None:
    ended = replace(LOST, manual=(by_hand(BRONZE, NOW),))

    assert reconcile(ended, NOW).doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW), Source.FETCH),)
    assert taken(replace(ended, doubts=doubt(BRONZE, NOW - MINUTE))) == {BRONZE}


@pytest.mark.parametrize("state", ["declined, day 3 of 7, after another try", "cancelled with paid time left"])
def test_time_alone_takes_nothing_only_a_reading_younger_than_the_end_does(state: str) -> None:
    known = STATES[state].known()
    assert known.declined_since or known.paid_through
    end = reconcile(case(rule(BRONZE), membership=known), STATES[state].at).entitlements[OURS].ends_at
    assert end

    by_the_clock = reconcile(case(rule(BRONZE), membership=known, ledger=grant(BRONZE)), end)
    doubted = carried_out(case(rule(BRONZE), ledger=grant(BRONZE)), by_the_clock)
    before_the_end = replace(doubted, memberships={OURS: read_at(known, end - MINUTE)})
    at_the_end = replace(doubted, memberships={OURS: read_at(known, end)})

    assert by_the_clock.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(known.observed_at), Source.FETCH),)
    assert not reconcile(before_the_end, end + MINUTE).change
    assert reconcile(before_the_end, end + MINUTE).doubts == by_the_clock.doubts
    assert reconcile(at_the_end, end + MINUTE).change.revoke == {BRONZE}


def test_a_downgrade_in_paid_time_does_not_wait_for_the_end_of_that_time() -> None:
    cancelled = STATES["cancelled with paid time left"]
    known = cancelled.known()
    now = cancelled.at
    dearer = case(rule(GOLD, amount(501)), membership=known, ledger=grant(GOLD), doubts=doubt(GOLD, now - MINUTE))

    assert reconcile(dearer, now).change.revoke == {GOLD}


def test_a_broken_links_end_is_its_own_confirmation() -> None:
    end = NOW + Policy().declined_grace
    broken = case(rule(BRONZE), rule(BRONZE, campaign=THEIRS), ledger=grant(BRONZE), broken_since=NOW)
    elsewhere = {OURS: BASE, THEIRS: read_at(NOTHING, NOW + MINUTE, THEIRS)}

    decision = reconcile(replace(broken, memberships=elsewhere), end)

    assert decision.entitlements[OURS].reason is Reason.UNLINKED
    assert decision.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW + MINUTE), Source.FETCH),)
    assert reconcile(replace(broken, rules=(rule(BRONZE),)), end).change.revoke == {BRONZE}


def test_a_role_outranked_by_another_campaigns_rule_rests_on_that_campaigns_word_too() -> None:
    ranked = case(
        rule(BRONZE, group="tiers", worth_cents=1),
        rule(GOLD, campaign=THEIRS, group="tiers", worth_cents=2),
        rule(SILVER, campaign=THEIRS, group="elsewhere"),
        policy=Policy(highest_only=frozenset({"tiers"})),
        memberships={OURS: BASE, THEIRS: read_at(BASE, NOW, THEIRS)},
        ledger=grant(BRONZE),
        doubts=doubt(BRONZE, NOW - timedelta(seconds=1)),
    )

    decision = reconcile(ranked, NOW)

    assert decision.change.grant == {GOLD, SILVER}
    assert decision.change.revoke == {BRONZE}
    assert not reconcile(replace(ranked, unreadable=frozenset({THEIRS})), NOW).change.revoke
    stale = {OURS: BASE, THEIRS: read_at(BASE, NOW - DAY, THEIRS)}
    assert not reconcile(replace(ranked, memberships=stale), NOW).change.revoke


# --- a webhook's word


TOLD = case(rule(BRONZE), membership=replace(read_at(BASE, NOW), source=Source.WEBHOOK))


def test_a_webhooks_word_alone_gives_nothing() -> None:
    decision = reconcile(TOLD, NOW)

    assert not decision.change
    assert decision.doubts == ()
    assert BRONZE in decision.desired


def test_a_webhooks_word_counts_alone_while_patreon_does_not_answer_and_stays_in_doubt() -> None:
    decision = reconcile(replace(TOLD, unanswered=frozenset({OURS})), NOW)

    assert decision.change.grant == {BRONZE}
    assert decision.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW), Source.WEBHOOK),)
    assert decision.doubted == frozenset()


def test_that_patreon_is_silent_about_another_campaign_proves_nothing() -> None:
    assert not reconcile(replace(TOLD, unanswered=frozenset({THEIRS})), NOW).change


def test_the_first_answer_that_contradicts_a_webhook_takes_what_its_word_gave() -> None:
    given = carried_out(TOLD, reconcile(replace(TOLD, unanswered=frozenset({OURS})), NOW))

    answered = replace(given, memberships={OURS: read_at(NOTHING, NOW + MINUTE)})

    assert taken(answered) == {BRONZE}


def test_an_answer_that_agrees_with_a_webhook_ends_the_doubt() -> None:
    given = carried_out(TOLD, reconcile(replace(TOLD, unanswered=frozenset({OURS})), NOW))

    decision = reconcile(replace(given, memberships={OURS: read_at(BASE, NOW + MINUTE)}), NOW + MINUTE)

    assert not decision.change
    assert decision.doubts == ()


def test_a_webhook_ends_a_doubt_that_an_answer_began_and_none_that_a_webhook_began() -> None:
    held = replace(TOLD, ledger=grant(BRONZE))

    answered = reconcile(replace(held, doubts=doubt(BRONZE, NOW - MINUTE)), NOW)
    told = reconcile(replace(held, doubts=doubt(BRONZE, NOW - MINUTE, Source.WEBHOOK)), NOW)

    assert answered.doubts == ()
    assert told.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW - MINUTE), Source.WEBHOOK),)
    assert told.doubted == frozenset()


def test_a_role_that_was_held_before_a_webhook_named_it_is_not_in_doubt() -> None:
    assert reconcile(replace(TOLD, ledger=grant(BRONZE)), NOW).doubts == ()


def test_a_grant_that_was_begun_on_a_webhooks_word_is_finished() -> None:
    known = replace(TOLD, ledger=grant(BRONZE, holding=Holding.GIVING), doubts=doubt(BRONZE, NOW, Source.WEBHOOK))

    decision = reconcile(known, NOW)

    assert decision.change.grant == {BRONZE}
    assert decision.doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW), Source.WEBHOOK),)


def test_what_another_campaigns_answer_gives_does_not_wait_for_a_webhooks_proof() -> None:
    both = case(rule(BRONZE), rule(BRONZE, campaign=THEIRS))
    heard = replace(read_at(BASE, NOW, THEIRS), source=Source.WEBHOOK)

    decision = reconcile(replace(both, memberships={**both.memberships, THEIRS: heard}), NOW)

    assert decision.change.grant == {BRONZE}


def test_of_two_webhooks_that_vouch_for_a_role_the_later_one_dates_the_doubt() -> None:
    both = case(rule(BRONZE), rule(BRONZE, campaign=THEIRS))
    heard = {
        campaign: replace(read_at(BASE, at, campaign), source=Source.WEBHOOK)
        for campaign, at in ((OURS, NOW), (THEIRS, NOW - MINUTE))
    }

    decision = reconcile(replace(both, memberships=heard, unanswered=frozenset({OURS})), NOW)

    assert [each.serial for each in decision.doubts] == [serial_at(NOW)]


def test_what_a_creator_gives_by_hand_needs_no_proof_of_a_webhook() -> None:
    assert reconcile(replace(TOLD, manual=(by_hand(BRONZE),)), NOW).change.grant == {BRONZE}


def test_a_role_that_was_being_taken_and_is_given_again_on_a_webhooks_word_is_doubted_anew() -> None:
    known = replace(TOLD, ledger=grant(BRONZE, holding=Holding.TAKING), doubts=doubt(BRONZE, NOW - MINUTE))

    assert reconcile(known, NOW).doubts == (Doubt(GUILD, USER, BRONZE, serial_at(NOW), Source.WEBHOOK),)


def test_a_role_earned_for_good_is_no_hearsay() -> None:
    known = case(
        rule(BRONZE, amount(100_000), sticky=True),
        membership=replace(read_at(BASE, NOW), source=Source.WEBHOOK),
        ledger=grant(BRONZE),
        doubts=doubt(BRONZE, NOW - MINUTE, Source.WEBHOOK),
        earned={0: NOW - DAY},
    )

    assert reconcile(known, NOW).doubts == ()


def test_a_webhooks_word_earns_nothing_for_good() -> None:
    told = replace(TOLD, rules=(rule(BRONZE, sticky=True),), unanswered=frozenset({OURS}))

    assert reconcile(told, NOW).earned == frozenset()
    assert reconcile(replace(told, memberships={OURS: BASE}), NOW).earned == {0}


@pytest.mark.parametrize("source", [Source.LIST, Source.FETCH])
def test_two_readings_that_agree_settle_in_whatever_order_they_are_worked_on(source: Source) -> None:
    newer = replace(LOST, memberships={OURS: replace(read_at(NOTHING, NOW), source=source)})
    doubted = carried_out(newer, reconcile(newer, NOW))
    older = replace(read_at(NOTHING, NOW - MINUTE), source=Source.WEBHOOK)

    late = dated_back(doubted, older, NOW)

    assert late == tuple(doubt(BRONZE, NOW - MINUTE, Source.WEBHOOK).values())
    assert taken(replace(doubted, doubts={each.role: each for each in late})) == {BRONZE}


def test_two_webhooks_worked_on_in_the_wrong_order_are_still_not_two_readings() -> None:
    newer = replace(LOST, memberships={OURS: replace(read_at(NOTHING, NOW), source=Source.WEBHOOK)})
    doubted = carried_out(newer, reconcile(newer, NOW))
    older = replace(read_at(NOTHING, NOW - MINUTE), source=Source.WEBHOOK)

    late = dated_back(doubted, older, NOW)

    assert not taken(replace(doubted, doubts={each.role: each for each in late}))


def test_an_older_reading_that_disagrees_or_speaks_of_another_campaign_leaves_the_doubt_as_it_is() -> None:
    both = replace(
        LOST,
        rules=(rule(BRONZE), rule(BRONZE, campaign=THEIRS)),
        memberships={OURS: read_at(NOTHING, NOW), THEIRS: read_at(NOTHING, NOW - DAY, THEIRS)},
    )
    for known, older in ((LOST, read_at(BASE, NOW - MINUTE)), (both, read_at(NOTHING, NOW - MINUTE, THEIRS))):
        doubted = carried_out(known, reconcile(known, NOW))
        assert doubted.doubts
        assert dated_back(doubted, older, NOW) == tuple(doubted.doubts.values())
