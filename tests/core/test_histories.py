"""The laws over time: pledges, declines, faulty answers, silence and clocks in any order, one look after each.

The diary below is the smallest engine there can be: it reads, carries, decides, and Discord does as it is told.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile

from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.case import Case
from bot.core.model import (
    CampaignId,
    Cause,
    Charge,
    Doubt,
    Grant,
    Membership,
    Origin,
    PatronStatus,
    Policy,
    RoleChange,
    RoleId,
    RoleRule,
    Source,
)
from bot.core.readings import absent, carry, vanished
from bot.core.reconcile import reconcile
from tests.core.cases import BRONZE, GOLD, GUILD, NOW, OURS, PAYING, SILVER, THEIRS, USER, amount, by_hand, rule
from tests.core.states import BASE, serial_at
from tests.core.worlds import ROLES

MINUTE = timedelta(minutes=1)
BLANK = replace(BASE, amount_cents=0, will_pay_cents=0, tiers=frozenset(), tier_cents=None, paid_through=None)
TRUTHS = {
    "paid": BASE,
    "more": replace(BASE, amount_cents=900, tier_cents=900),
    "pending": replace(BASE, charge=Charge.PENDING),
    "declined": replace(BASE, status=PatronStatus.DECLINED, charge=Charge.DECLINED),
    "cancelled": replace(BLANK, status=PatronStatus.FORMER),
    "given up": replace(BLANK, status=PatronStatus.FORMER, charge=Charge.DELETED),
    "ending": replace(BASE, will_pay_cents=0),
    "refunded": replace(BASE, charge=Charge.REFUNDED),
    "free": replace(BLANK, status=PatronStatus.NONE, charge=Charge.NONE),
    "gifted": replace(BASE, charge=Charge.NONE, amount_cents=0, gifted=True),
}
# What Patreon has said of paying patrons by mistake.
FAULTS = {
    "blanked": BLANK,
    "former": replace(BLANK, status=PatronStatus.FORMER),
    "nobody": None,
}
RULES = (rule(BRONZE), rule(SILVER, amount(500)), rule(GOLD, amount(900)), rule(BRONZE, campaign=THEIRS))

campaigns = st.sampled_from([OURS, THEIRS])
spans = st.sampled_from([MINUTE, timedelta(hours=6), timedelta(days=3), timedelta(days=40)])
changes = st.tuples(st.just("becomes"), campaigns, st.sampled_from(sorted(TRUTHS)))
readings = st.tuples(st.just("read"), campaigns, st.just(""))
# A webhook may tell what is true, or what was true when it was sent.
webhooks = st.tuples(st.just("hears"), campaigns, st.sampled_from(["", *sorted(TRUTHS)]))
faults = st.tuples(st.just("fault"), campaigns, st.sampled_from(sorted(FAULTS)))
silences = st.tuples(st.just("silence"), campaigns, st.just(""))
waits = st.tuples(st.just("wait"), campaigns, st.just(""))
Event = tuple[str, CampaignId, str]
histories = st.lists(st.tuples(st.one_of(changes, readings, webhooks, faults, silences, waits), spans), max_size=25)


@dataclass
class Diary:
    """What is true, what we know, what Discord shows; and each reading as it was known."""

    rules: tuple[RoleRule, ...] = RULES
    now: datetime = NOW
    truth: dict[CampaignId, str] = field(default_factory=lambda: {OURS: "paid", THEIRS: "free"})
    known: dict[CampaignId, Membership] = field(default_factory=dict)
    past: dict[CampaignId, list[Membership]] = field(default_factory=lambda: {OURS: [], THEIRS: []})
    ledger: dict[RoleId, Grant] = field(default_factory=dict)
    doubts: dict[RoleId, Doubt] = field(default_factory=dict)

    def live(self, event: Event, span: timedelta) -> RoleChange:
        """Let time pass, let something happen, and look."""
        kind, campaign, what = event
        self.now += span
        if kind == "becomes":
            self.truth[campaign] = what
        elif kind == "read":
            self.read(campaign, TRUTHS[self.truth[campaign]])
        elif kind == "hears":
            self.read(campaign, replace(TRUTHS[what or self.truth[campaign]], source=Source.WEBHOOK))
        elif kind == "fault":
            self.read(campaign, FAULTS[what])
        return self.look(frozenset({campaign}) if kind == "silence" else frozenset())

    def read(self, campaign: CampaignId, said: Membership | None) -> None:
        """Take an answer in, as the engine does; None: the answer no longer names the patron."""
        previous = self.known.get(campaign)
        if said is not None:
            paid_through = self.now + timedelta(days=30) if said.paid_through else None
            reading = replace(
                said, campaign=campaign, observed_at=self.now, serial=serial_at(self.now), paid_through=paid_through
            )
            self.known[campaign] = carry(previous, reading)
        elif previous is not None:
            self.known[campaign] = vanished(previous, self.now, serial=serial_at(self.now))
        else:
            self.known[campaign] = absent(BASE.patron, campaign, self.now, serial=serial_at(self.now))
        self.past[campaign].append(self.known[campaign])

    def case(self, unreadable: frozenset[CampaignId] = frozenset()) -> Case:
        """Give everything known now."""
        return Case(
            guild=GUILD,
            user=USER,
            linked=True,
            present=True,
            policy=Policy(),
            rules=self.rules,
            memberships=dict(self.known),
            ledger=dict(self.ledger),
            doubts=dict(self.doubts),
            unreadable=unreadable,
        )

    def look(self, unreadable: frozenset[CampaignId] = frozenset()) -> RoleChange:
        """Decide and do."""
        decision = reconcile(self.case(unreadable), self.now)
        for role in decision.change.revoke:
            del self.ledger[role]
        for role in decision.change.grant:
            self.ledger[role] = Grant(GUILD, USER, role, Origin.OURS, self.now, Cause.REFRESH)
        self.doubts = {doubt.role: doubt for doubt in decision.doubts}
        return decision.change

    def entitled_by(self, campaign: CampaignId, membership: Membership) -> frozenset[RoleId]:
        """Give the roles one campaign's reading would give if it were the only one."""
        alone = replace(self.case(), memberships={campaign: membership}, ledger={}, doubts={})
        return reconcile(alone, self.now).desired


@given(history=histories)
@example(history=[(("read", OURS, ""), MINUTE), (("fault", OURS, "nobody"), MINUTE), (("wait", OURS, ""), MINUTE)])
def test_law_3_the_last_two_readings_of_every_campaign_agree_when_a_role_goes(
    history: list[tuple[Event, timedelta]],
) -> None:
    diary = Diary()
    for event, span in history:
        for role in diary.live(event, span).revoke:
            for campaign in {each.campaign for each in RULES if each.role == role}:
                # A webhook that vouched for the role meanwhile counts for nothing when Patreon's answer contradicts it.
                past = [
                    reading
                    for reading in diary.past[campaign]
                    if reading.source is not Source.WEBHOOK or role not in diary.entitled_by(campaign, reading)
                ]
                last_two = past[-2:]
                assert len({reading.serial for reading in last_two}) == 2
                assert all(role not in diary.entitled_by(campaign, reading) for reading in last_two)
                agreeing = takewhile(
                    lambda reading: role not in diary.entitled_by(campaign, reading),  # noqa: B023 # used in this turn
                    reversed(past),
                )
                assert {reading.source for reading in agreeing} != {Source.WEBHOOK}


@given(history=histories)
def test_law_3_nothing_goes_in_an_hour_without_a_reading(history: list[tuple[Event, timedelta]]) -> None:
    diary = Diary()
    for event, span in history:
        change = diary.live(event, span)
        assert not change.revoke or event[0] in {"read", "fault", "hears"}


@given(history=histories)
def test_law_1_one_faulty_answer_between_good_ones_takes_nothing(history: list[tuple[Event, timedelta]]) -> None:
    diary = Diary()
    diary.live(("read", OURS, ""), MINUTE)
    had = set(diary.ledger)
    for event, span in history:
        if event[0] in {"fault", "silence", "wait"}:
            diary.live((event[0], OURS, event[2]), MINUTE)
            assert set(diary.ledger) == had
            diary.live(("read", OURS, ""), min(span, timedelta(days=3)))
            assert set(diary.ledger) == had


@given(history=histories)
@example(history=[(("read", OURS, ""), MINUTE), (("becomes", OURS, "free"), MINUTE)])
def test_in_the_end_the_roles_are_what_patreon_says(history: list[tuple[Event, timedelta]]) -> None:
    diary = Diary()
    for event, span in history:
        diary.live(event, span)
    # A year on, grace and paid time are over for whoever stopped; then everything is read three times.
    diary.now += timedelta(days=365)
    for _ in range(3):
        diary.live(("read", OURS, ""), MINUTE)
        diary.live(("read", THEIRS, ""), MINUTE)

    gives: dict[str, set[RoleId]] = {"paid": {BRONZE, SILVER}, "pending": {BRONZE, SILVER}, "gifted": {BRONZE, SILVER}}
    gives |= {"more": {BRONZE, SILVER, GOLD}, "free": set()}
    ours, theirs = diary.truth[OURS], diary.truth[THEIRS]
    if {ours, theirs} <= gives.keys():  # grace and paid time may still run for the others
        assert set(diary.ledger) == gives[ours] | (gives[theirs] & {BRONZE})
        assert not diary.doubts


@given(history=histories)
def test_law_6_looking_again_without_news_does_nothing(history: list[tuple[Event, timedelta]]) -> None:
    diary = Diary()
    for event, span in history:
        diary.live(event, span)
        doubts = dict(diary.doubts)
        assert not diary.look(frozenset({event[1]}) if event[0] == "silence" else frozenset())
        assert diary.doubts == doubts


@given(history=histories)
def test_law_2_a_role_that_was_there_before_us_survives_everything(history: list[tuple[Event, timedelta]]) -> None:
    diary = Diary()
    found = {role: Grant(GUILD, USER, role, Origin.FOUND, NOW, Cause.AUDIT) for role in ROLES}
    diary.ledger = dict(found)
    for event, span in history:
        assert not diary.live(event, span)
    assert diary.ledger == found


@given(history=histories)
def test_a_role_given_by_hand_survives_everything_patreon_says(history: list[tuple[Event, timedelta]]) -> None:
    diary = Diary()
    for event, span in history:
        diary.live(event, span)
        by_the_creator = replace(diary.case(), manual=(by_hand(GOLD),))
        decision = reconcile(by_the_creator, diary.now)
        assert GOLD in decision.desired
        assert GOLD not in decision.change.revoke


def test_a_declined_patron_who_mends_the_card_in_time_never_notices() -> None:
    diary = Diary(rules=(rule(BRONZE, PAYING),))
    diary.live(("read", OURS, ""), MINUTE)
    diary.live(("becomes", OURS, "declined"), MINUTE)
    for _ in range(6):
        assert not diary.live(("read", OURS, ""), timedelta(days=1))
    diary.live(("becomes", OURS, "paid"), timedelta(hours=12))

    assert not diary.live(("read", OURS, ""), timedelta(days=3))


def test_a_declined_patron_loses_the_role_with_the_first_reading_after_the_grace() -> None:
    diary = Diary(rules=(rule(BRONZE, PAYING),))
    diary.live(("read", OURS, ""), MINUTE)
    diary.live(("becomes", OURS, "declined"), timedelta(days=30))
    diary.live(("read", OURS, ""), MINUTE)

    assert not diary.live(("wait", OURS, ""), Policy().declined_grace - MINUTE)
    assert not diary.live(("wait", OURS, ""), MINUTE)
    assert diary.doubts
    assert diary.live(("read", OURS, ""), MINUTE).revoke == {BRONZE}
