"""The verbs of the simulated Patreon, and what time does by itself. State and events only; no sockets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.world import Clock, PatreonWorld, World
from sandbox.world.examples import crowd, demo_world, small_world
from sandbox.world.patreon_billing import months_later
from sandbox.world.patreon_model import Membership

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def world() -> World:
    return small_world(clock=Clock(lambda: NOON))


@pytest.fixture
def patreon(world: World) -> PatreonWorld:
    return world.patreon


@pytest.fixture
def events(patreon: PatreonWorld) -> list[str]:
    told: list[str] = []
    patreon.subscribe(lambda happened: told.append(happened.trigger))
    return told


def titles(membership: Membership) -> list[str]:
    return [tier.title for tier in membership.entitled_tiers]


def state(membership: Membership) -> tuple[str | None, int, list[str]]:
    return membership.status, membership.entitled_cents, titles(membership)


def test_a_new_patron_is_first_pending_then_entitled_then_paid(patreon: PatreonWorld) -> None:
    seen = []
    patreon.subscribe(lambda one: seen.append((one.trigger, one.membership.last_charge, *state(one.membership)[1:])))
    patreon.pledge("Ben", tier="Gold")
    assert seen == [
        ("members:create", "Pending", 0, ["Free"]),
        ("members:pledge:create", "Pending", 1000, ["Gold"]),
        ("pledges:create", "Pending", 1000, ["Gold"]),
        ("members:update", "Paid", 1000, ["Gold"]),
    ]


def test_a_free_member_who_pledges_is_updated_not_created(patreon: PatreonWorld, events: list[str]) -> None:
    patreon.join_free("Ben")
    assert state(patreon.join_free("Ben")) == (None, 0, ["Free"])
    patreon.pledge("Ben", tier="Bronze")
    assert events == ["members:create", "members:update", "members:pledge:create", "pledges:create", "members:update"]


def test_a_custom_pledge_has_cents_and_no_tier(patreon: PatreonWorld) -> None:
    assert state(patreon.pledge("Ben", cents=700)) == ("active_patron", 700, [])
    with pytest.raises(ValueError, match="paid tier or cents"):
        patreon.pledge("Ben", tier="Free")


def test_a_yearly_pledge_holds_the_years_sum_and_is_charged_after_a_year(world: World) -> None:
    lea = world.patreon.pledge("Ben", tier="Silver", cadence=12)
    assert (lea.cents, lea.cadence, lea.next_charge_at) == (6000, 12, datetime(2027, 3, 10, 12, tzinfo=UTC))
    world.clock.move(300 * DAY)
    assert lea.lifetime_cents == 6000
    world.clock.move(66 * DAY)
    assert lea.lifetime_cents == 12000


def test_a_campaign_that_bills_per_creation_does_not_charge_at_once(patreon: PatreonWorld) -> None:
    posts = patreon.add_campaign("Ben", "Ben bakes", "ben", is_monthly=False)
    patreon.add_tier(posts, "Crumb", 200)
    membership = patreon.pledge("Ann", "ben", tier="Crumb")
    assert state(membership) == ("active_patron", 200, ["Crumb"])
    assert membership.last_charge is None
    assert membership.next_charge_at == datetime(2026, 4, 1, tzinfo=UTC)


def test_raising_a_pledge_counts_at_once_and_gives_it_a_new_id(patreon: PatreonWorld, events: list[str]) -> None:
    ann = patreon.membership("Ann")
    assert ann is not None
    before = ann.pledge_id
    assert state(patreon.change_pledge("Ann", tier="Gold")) == ("active_patron", 1000, ["Gold"])
    assert ann.pledge_id != before
    assert events == ["pledges:update", "members:pledge:update", "members:update"]
    assert state(patreon.change_pledge("Ann", tier="Silver", cents=650)) == ("active_patron", 650, ["Silver"])
    assert [event.kind for event in ann.history][-2:] == ["pledge_upgrade", "pledge_downgrade"]


def test_who_pledges_twice_changes_the_pledge(patreon: PatreonWorld, events: list[str]) -> None:
    assert state(patreon.pledge("Ann", tier="Gold")) == ("active_patron", 1000, ["Gold"])
    assert events == ["pledges:update", "members:pledge:update", "members:update"]


@pytest.mark.parametrize("give", [PatreonWorld.gift, PatreonWorld.trial])
def test_gifts_and_trials_are_not_for_who_pays(patreon: PatreonWorld, give: Callable[..., object]) -> None:
    with pytest.raises(LookupError, match="no pledge running"):
        give(patreon, "Ann", "Gold")


def test_a_declined_patron_keeps_the_pledge_and_may_pay_after_all(patreon: PatreonWorld, events: list[str]) -> None:
    ann = patreon.decline("Ann")
    assert (ann.status, ann.last_charge, ann.declined_since) == ("declined_patron", "Declined", NOON)
    assert titles(ann) == ["Silver"]
    patreon.pay("Ann")
    assert (ann.status, ann.last_charge, ann.declined_since) == ("active_patron", "Paid", None)
    assert events == ["members:update", "members:update"]


def test_a_declined_patron_may_also_be_listed_without_a_tier(patreon: PatreonWorld) -> None:
    patreon.declined_keeps_tier = False
    assert state(patreon.decline("Ann")) == ("declined_patron", 0, [])


def test_a_declined_card_is_tried_again_until_the_pledge_is_given_up(world: World, events: list[str]) -> None:
    ann = world.patreon.decline("Ann")
    world.clock.move(20 * DAY)
    assert (ann.status, ann.declined_since) == ("declined_patron", NOON)
    world.clock.move(10 * DAY)
    assert (ann.status, ann.pledge_id, ann.last_charge) == ("former_patron", None, "Deleted")
    assert events[-3:] == ["pledges:delete", "members:pledge:delete", "members:update"]


def test_a_broken_card_shows_at_the_next_charge(world: World) -> None:
    ann = world.patreon.break_card("Ann")
    assert ann.status == "active_patron"
    world.clock.move(31 * DAY)
    assert ann.status == "declined_patron"
    assert ann.declined_since == datetime(2026, 4, 10, 12, tzinfo=UTC)


def test_a_cancelled_patron_keeps_what_is_paid_for_to_the_end_of_the_period(world: World, events: list[str]) -> None:
    ann = world.patreon.cancel("Ann", at_once=False)
    assert state(ann) == ("active_patron", 500, ["Silver"])
    assert (ann.will_pay_cents, ann.pledge_id) == (0, None)
    assert events == ["pledges:delete", "members:pledge:delete", "members:update"]
    world.clock.move(30 * DAY)
    assert ann.status == "active_patron"
    world.clock.move(2 * DAY)
    assert state(ann) == ("former_patron", 0, [])
    assert ann.lifetime_cents == 500


def test_a_cancelled_patron_is_listed_as_recorded_ones_are(patreon: PatreonWorld) -> None:
    ann = patreon.cancel("Ann")
    assert state(ann) == ("former_patron", 0, [])
    assert (ann.last_charge, ann.will_pay_cents) == ("Paid", 0)
    assert ann.next_charge_at is not None
    with pytest.raises(LookupError, match="no running pledge"):
        patreon.cancel("Ann")


def test_a_declined_patron_who_cancels_is_former_at_once(patreon: PatreonWorld) -> None:
    patreon.decline("Ann")
    ann = patreon.cancel("Ann", at_once=False)
    assert (state(ann), ann.last_charge) == (("former_patron", 0, []), "Deleted")


def test_a_first_charge_may_be_declined(patreon: PatreonWorld, events: list[str]) -> None:
    ben = patreon.pledge("Ben", tier="Gold", card_works=False)
    assert (state(ben), ben.last_charge) == (("declined_patron", 1000, ["Gold"]), "Declined")
    assert ben.lifetime_cents == 0
    assert events[-3:] == ["members:pledge:create", "pledges:create", "members:update"]
    patreon.cancel("Ben")
    assert patreon.pledge("Ben", tier="Gold").last_charge == "Paid"


def test_a_raise_that_the_card_does_not_pay_for_changes_the_last_charge_only(patreon: PatreonWorld) -> None:
    patreon.break_card("Ann")
    ann = patreon.change_pledge("Ann", tier="Gold")
    assert (state(ann), ann.last_charge, ann.will_pay_cents) == (("active_patron", 500, ["Silver"]), "Declined", 1000)
    assert state(patreon.change_pledge("Ann", tier="Bronze")) == ("active_patron", 300, ["Bronze"])


def test_who_comes_back_after_cancelling_is_a_patron_again(world: World) -> None:
    world.patreon.cancel("Ann")
    world.clock.move(40 * DAY)
    ann = world.patreon.pledge("Ann", tier="Bronze")
    assert state(ann) == ("active_patron", 300, ["Bronze"])
    assert ann.started_at == world.clock.now()
    assert ann.ends_at is None


def test_a_gift_has_a_tier_without_cents_and_ends(world: World, events: list[str]) -> None:
    ben = world.patreon.gift("Ben", "Gold", months=2)
    assert state(ben) == ("active_patron", 0, ["Gold"])
    assert (ben.cadence, ben.next_charge_at, ben.last_charge, ben.pledge_id) == (None, None, None, None)
    assert events == ["members:create"]
    world.clock.move(62 * DAY)
    assert state(ben) == (None, 0, ["Free"])


def test_a_trial_costs_nothing_until_it_ends_with_the_first_charge(world: World) -> None:
    ben = world.patreon.trial("Ben", "Silver", days=7)
    assert state(ben) == ("active_patron", 500, ["Silver", "Free"])
    assert (ben.trial, ben.will_pay_cents, ben.last_charge) == (True, 0, None)
    world.clock.move(8 * DAY)
    assert (ben.trial, ben.last_charge, ben.lifetime_cents) == (False, "Paid", 500)


def test_a_cancelled_trial_ends_without_a_charge(world: World) -> None:
    ben = world.patreon.trial("Ben", "Silver")
    world.patreon.cancel("Ben", at_once=False)
    world.clock.move(8 * DAY)
    assert (state(ben), ben.lifetime_cents) == (("former_patron", 0, []), 0)


@pytest.mark.parametrize(("word", "total"), [("Refunded", 0), ("Refunded by Patreon", 0), ("Refund Pending", 500)])
def test_a_refund_ends_no_membership(world: World, word: str, total: int) -> None:
    ann = world.patreon.refund("Ann", status=word)
    assert (state(ann), ann.last_charge, ann.lifetime_cents) == (("active_patron", 500, ["Silver"]), word, total)
    world.patreon.end_period("Ann")
    assert (state(ann), ann.last_charge) == (("active_patron", 500, ["Silver"]), "Paid")


def test_a_fraud_ends_the_pledge(patreon: PatreonWorld, events: list[str]) -> None:
    ann = patreon.fraud("Ann")
    assert (state(ann), ann.last_charge) == (("former_patron", 0, []), "Fraud")
    assert events == ["pledges:delete", "members:update", "members:pledge:delete"]


def test_monthly_charges_happen_each_at_its_own_moment(world: World, events: list[str]) -> None:
    ann = world.patreon.membership("Ann")
    assert ann is not None
    world.clock.move(100 * DAY)
    assert ann.lifetime_cents == 4 * 500
    assert [event.at.date().isoformat() for event in ann.history if event.payment == "Paid"] == [
        "2026-03-10",
        "2026-04-10",
        "2026-05-10",
        "2026-06-10",
    ]
    assert events.count("members:update") == 6  # Ann's three and Finn's three


def test_a_deleted_tier_leaves_every_entitlement_and_no_webhook_tells(patreon: PatreonWorld, events: list[str]) -> None:
    ann = patreon.membership("Ann")
    assert ann is not None
    patreon.delete_tier("Silver")
    assert state(ann) == ("active_patron", 500, [])
    assert "Silver" not in [tier.title for tier in patreon.campaign().tiers.values()]
    assert events == []


def test_who_never_paid_vanishes_on_leaving_others_stay_as_former_patrons(patreon: PatreonWorld, events: list[str]) -> None:
    patreon.join_free("Ben")
    patreon.leave("Ben")
    assert patreon.membership("Ben") is None
    assert events == ["members:create", "members:delete"]
    patreon.leave("Ann")
    ann = patreon.membership("Ann")
    assert ann is not None
    assert ann.status == "former_patron"


def test_deleting_an_account_ends_its_pledges_and_tokens(patreon: PatreonWorld) -> None:
    client = next(iter(patreon.oauth.clients.values()))
    code = patreon.oauth.consent(patreon.account("Ann"), client, client.redirect_uris[0], frozenset({"identity"}))
    pair = patreon.oauth.exchange(client, code.value, client.redirect_uris[0])
    patreon.delete_account("Ann")
    ann = patreon.membership("Ann")
    assert ann is not None
    assert ann.status == "former_patron"
    assert patreon.oauth.find(pair.access) is None


def test_people_campaigns_and_tiers_are_found_by_id_or_by_name(patreon: PatreonWorld) -> None:
    ann = patreon.account("Ann")
    assert patreon.account(ann.id) is patreon.account(ann) is ann
    assert patreon.campaign().vanity == "clara"
    assert patreon.campaign("dan") is patreon.campaign(patreon.campaign("dan").id)
    for search in (
        lambda: patreon.account("Nobody"),
        lambda: patreon.campaign("nowhere"),
        lambda: patreon.tier("Choir", patreon.campaign()),
        lambda: patreon.cancel("Ben"),
    ):
        _raises_lookup(search)


def _raises_lookup(search: Callable[[], object]) -> None:
    with pytest.raises(LookupError):
        search()


def test_every_verb_leaves_a_line_on_the_time_line_without_an_address(world: World) -> None:
    world.patreon.decline("Ann")
    entry = world.timeline.of("world.patreon")[-1]
    assert entry.text == "Ann has a declined card"
    assert "@" not in repr(world.timeline.entries)


@pytest.mark.parametrize(
    ("month", "day", "months", "expected"),
    [(1, 31, 1, "2026-02-28"), (12, 5, 1, "2027-01-05"), (11, 30, 3, "2027-02-28"), (2, 28, 12, "2027-02-28")],
)
def test_a_month_later_is_the_same_day_or_the_months_last(month: int, day: int, months: int, expected: str) -> None:
    assert months_later(datetime(2026, month, day, tzinfo=UTC), months).date().isoformat() == expected


def test_the_demo_has_a_patron_of_each_kind() -> None:
    patreon = demo_world().patreon
    found = {one.account.first_name: one for one in patreon.memberships.values()}
    assert state(found["Ann"]) == ("active_patron", 500, ["Silver"])
    assert (found["Gil"].status, found["Hana"].status, found["Hana"].last_charge) == (
        "declined_patron",
        "former_patron",
        "Paid",
    )
    assert (found["Ivo"].trial, found["Jo"].gifted, found["Kim"].status) == (True, True, None)
    assert (found["Lea"].cadence, found["Max"].tier, found["Nia"].status) == (12, None, "former_patron")
    assert "Ben" not in found
    assert found["Finn"].campaign.vanity == "dan"


def test_a_crowd_pays_for_all_tiers_in_turn_and_tells_nobody(world: World, events: list[str]) -> None:
    crowd(world, 9, first_discord_id=500)
    added = world.patreon.campaign().memberships[-9:]
    assert [titles(one)[0] for one in added] == ["Bronze", "Silver", "Gold"] * 3
    assert [one.account.discord_id for one in added][:2] == ["500", "501"]
    assert events == []
    assert len({one.pledged_at for one in added}) == 9


@pytest.mark.parametrize("keeps_first_start", [False, True])
def test_who_comes_back_starts_anew_as_documented_or_where_they_began_as_recorded(
    world: World, patreon: PatreonWorld, *, keeps_first_start: bool
) -> None:
    patreon.campaign().keeps_first_start = keeps_first_start
    first = patreon.pledge("Ben", tier="Gold").started_at
    patreon.cancel("Ben", at_once=True)
    world.clock.move(60 * DAY)

    again = patreon.pledge("Ben", tier="Gold").started_at

    assert again == (first if keeps_first_start else first + 60 * DAY)
