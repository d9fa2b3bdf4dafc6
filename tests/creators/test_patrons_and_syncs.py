"""Grants by hand, lists, exports, numbers, syncs and imagined memberships."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.core.entitlement import assess
from bot.core.model import (
    Charge,
    DiscordUserId,
    GuildId,
    PatronId,
    PatronStatus,
    Policy,
    Reason,
    Tier,
    TierId,
)
from bot.creators import Which
from bot.creators.imagination import Imagined, imagine
from bot.creators.manual import Asked
from bot.creators.syncs import Concerned
from bot.errors import RuleRefused
from bot.store.records import NudgeKind
from tests.creators.desk import GOLD_TIER, SILVER_TIER, Desk, linked
from tests.store.makers import ANN, BOB, DAY, GOLD, GUILD, NOW, PAGE, SILVER, campaign, membership


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
    found = {which: [user async for user in listed(desk, which)] for which in Which}
    assert found[Which.EVERYBODY] == [ANN, BOB]
    assert ANN in found[Which.PAYING]
    assert found[Which.DECLINED] == found[Which.BROKEN] == []


async def test_pages_of_a_list_neither_skip_nor_repeat_anybody(desk: Desk) -> None:
    users = [DiscordUserId(100 + number) for number in range(7)]
    for number, user in enumerate(users):
        await linked(desk, user, number)
    for number in range(7):
        assert [user async for user in listed(desk, Which.EVERYBODY, after=users[number])] == users[number + 1 :]
    assert [user async for user in listed(desk, Which.EVERYBODY)] == users


async def listed(desk: Desk, which: Which, after: DiscordUserId | None = None) -> AsyncIterator[DiscordUserId]:
    async for rows in desk.patrons.listed(GUILD, which, after):
        assert {row.link.user for row in rows} == {rows[0].link.user}
        yield rows[0].link.user


async def test_an_export_never_holds_a_formula(desk: Desk) -> None:
    evil = replace(campaign(), tiers=(Tier(GOLD_TIER, "=cmd()", 500), Tier(SILVER_TIER, "Silver", 300)))
    async with desk.store.write() as t:
        await t.campaigns.save(evil, NOW)
    await linked(desk, ANN, 1, tiers=frozenset({GOLD_TIER}))
    rows = list(csv.DictReader(io.StringIO((await desk.patrons.export(GUILD)).decode())))
    assert [row["tiers"] for row in rows] == ["'=cmd()"]
    assert (rows[0]["amount"], rows[0]["per"]) == ("5.00", "month")


async def test_stats_leave_the_creator_out_and_count_who_has_no_tier(desk: Desk) -> None:
    await linked(desk, ANN, 1, tiers=frozenset(), since=NOW)
    async with desk.store.write() as t:
        await t.memberships.save(replace(membership(3), patron=PatronId("1")), due_at=None)
    (stats,) = await desk.patrons.stats(GUILD)
    assert (stats.active, stats.linked, stats.no_tier, stats.new) == (1, 1, 1, 1)
    assert stats.sums == {Reason.PAID: {"EUR": 500}}


async def test_stats_count_what_comes_what_may_come_and_what_ends_apart(desk: Desk) -> None:
    states: list[dict[str, Any]] = [
        {"charge": Charge.PAID},
        {"charge": Charge.PAID, "will_pay_cents": 420},
        {"charge": Charge.PENDING},
        {"status": PatronStatus.DECLINED, "charge": Charge.DECLINED, "paid_through": None},
        {"status": PatronStatus.DECLINED, "charge": Charge.DECLINED, "paid_through": NOW + DAY},
        {"charge": Charge.REFUNDED},
        {"charge": Charge.PAID, "will_pay_cents": 0, "paid_through": NOW + 9 * DAY},
        {"charge": Charge.PAID, "will_pay_cents": 0, "paid_through": NOW + 3 * DAY},
        {"gifted": True, "amount_cents": 0, "will_pay_cents": 0},
        {"charge": Charge.PAID, "amount_cents": 0, "will_pay_cents": 0},
        {"trial": True, "will_pay_cents": 0},
        {"status": PatronStatus.FORMER, "amount_cents": 0, "tiers": frozenset(), "tier_cents": None, "paid_through": None},
    ]
    for number, state in enumerate(states):
        await linked(desk, DiscordUserId(100 + number), number, **state)

    (stats,) = await desk.patrons.stats(GUILD)

    assert stats.sums == {
        Reason.PAID: {"EUR": 920},
        Reason.PENDING: {"EUR": 500},
        Reason.DECLINED: {"EUR": 500},
        Reason.GRACE: {"EUR": 500},
        Reason.REFUNDED: {"EUR": 500},
        Reason.ENDING: {"EUR": 1000},
    }
    assert stats.next_end == NOW + 3 * DAY
    assert stats.reasons == {
        **dict.fromkeys([Reason.PENDING, Reason.DECLINED, Reason.GRACE, Reason.REFUNDED, Reason.TRIAL, Reason.CANCELLED], 1),
        **dict.fromkeys([Reason.PAID, Reason.ENDING, Reason.GIFT], 2),
    }


async def test_a_pledge_that_ends_is_listed_as_leaving_while_patreon_calls_it_active(desk: Desk) -> None:
    await linked(desk, ANN, 1, charge=Charge.PAID, will_pay_cents=0, paid_through=NOW + DAY)
    await linked(desk, BOB, 2)

    assert [user async for user in listed(desk, Which.LEAVING)] == [ANN]


@pytest.mark.parametrize(("total", "reason"), [(None, Reason.GRACE), (1, Reason.GRACE), (0, Reason.DECLINED)])
def test_an_imagined_decline_may_be_of_the_first_payment_ever(total: int | None, reason: Reason) -> None:
    wanted = Imagined(PatronStatus.DECLINED, tier=GOLD_TIER, lifetime_cents=total)

    assert assess(imagine(campaign(), wanted, NOW), Policy(), NOW).reason is reason


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


@pytest.mark.parametrize(
    ("kind", "key", "found"),
    [
        (NudgeKind.GUILD, "4", Concerned((GuildId(4),))),
        (NudgeKind.CAMPAIGN, PAGE, Concerned((GUILD,), campaign=campaign())),
        (NudgeKind.CAMPAIGN, "unknown", Concerned(())),
        (NudgeKind.USER, str(ANN), Concerned((GUILD,), ANN)),
    ],
)
async def test_what_fails_concerns_the_servers_of_the_campaign_or_the_person(
    desk: Desk, kind: NudgeKind, key: str, found: Concerned
) -> None:
    await linked(desk, ANN, 1)
    async with desk.store.write() as t:
        await t.presence.put(GuildId(4), ANN, present=True, seen_at=NOW)
    assert await desk.syncs.concerned(kind, key) == found


async def test_the_status_counts_what_is_held(desk: Desk) -> None:
    async with desk.store.write() as t:
        await t.holds.open(GUILD, 5, {ANN: [GOLD, SILVER]}, NOW)
    status = await desk.syncs.status(GUILD)
    assert (status.held, [hold.run for hold in status.holds]) == (2, [5])
    question = await desk.syncs.oldest_question(GUILD)
    assert (question.run, question.shown_at) == (5, None)
    assert question.revocations == tuple((ANN, role) for role in sorted([GOLD, SILVER]))


@pytest.mark.parametrize(
    ("wanted", "active", "reason"),
    [
        (Imagined(PatronStatus.ACTIVE, tier=GOLD_TIER), True, Reason.PAID),
        (Imagined(PatronStatus.ACTIVE, amount_cents=700), True, Reason.PAID),
        (Imagined(PatronStatus.ACTIVE, tier=GOLD_TIER, gift=True), True, Reason.GIFT),
        (Imagined(PatronStatus.DECLINED, tier=GOLD_TIER, days=3), True, Reason.GRACE),
        (Imagined(PatronStatus.DECLINED, tier=GOLD_TIER, days=8), False, Reason.DECLINED),
        (Imagined(PatronStatus.FORMER, tier=GOLD_TIER, days=5), True, Reason.ENDING),
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
