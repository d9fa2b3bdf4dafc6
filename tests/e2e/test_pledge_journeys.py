"""Journeys of linked patrons whose pledges change, on both versions of the API."""

from functools import partial

import pytest

from sandbox.world.patreon_faults import Fault, Rule
from tests.e2e.theatre import Theatre, theatre


@pytest.fixture
async def ann(house: Theatre) -> Theatre:
    """Give a house in which Ann is linked and has her role."""
    await house.link("Ann")
    await house.until_roles("Ann", "Silver")
    return house


async def test_an_upgrade_and_a_downgrade_change_the_role(ann: Theatre) -> None:
    ann.world.patreon.change_pledge("Ann", tier="Gold")
    await ann.until_roles("Ann", "Gold")

    ann.world.patreon.change_pledge("Ann", tier="Bronze")
    await ann.until_roles("Ann", "Bronze")


async def test_a_custom_amount_counts_for_a_rule_on_amounts(house: Theatre) -> None:
    await house.rule("Gold", when="amount", amount=6.5)
    house.world.patreon.pledge("Ben", cents=700)

    await house.link("Ben")

    await house.until_roles("Ben", "Gold")


async def test_a_declined_patron_who_pays_within_the_grace_never_loses_the_role(ann: Theatre) -> None:
    ann.world.patreon.decline("Ann")
    await ann.calm()
    await ann.refresh()
    await ann.wait(days=5)
    assert ann.roles("Ann") == {"Silver"}

    ann.world.patreon.pay("Ann")
    await ann.refresh()
    await ann.wait(days=5)
    await ann.refresh()

    assert ann.roles("Ann") == {"Silver"}
    assert not [entry for entry in ann.world.timeline.of("discord.role") if "lost" in entry.text]


async def test_a_declined_patron_loses_the_role_when_the_grace_is_over(ann: Theatre) -> None:
    ann.world.patreon.break_card("Ann")
    await ann.wait(days=32)
    await ann.refresh()
    assert ann.roles("Ann") == {"Silver"}

    await ann.wait(days=8)
    await ann.refresh()
    await ann.refresh()

    assert ann.roles("Ann") == set()


@pytest.mark.parametrize(("api_version", "setting"), [(2, "guild"), (2, "operator"), (1, "operator")])
async def test_without_a_grace_a_declined_patron_loses_the_role_once_two_lists_agree(
    sqlite_url: str, api_version: int, setting: str
) -> None:
    grace = "0" if setting == "operator" else "7"
    async with theatre(sqlite_url, api_version=api_version, SYNC_DECLINED_GRACE_DAYS=grace) as house:
        await house.rules()
        if setting == "guild":
            await house.agree("Clara", "settings", grace_days=0)
        house.world.patreon.hooks.enabled = False
        ben = house.world.patreon.pledge("Ben", tier="Silver")
        ben.next_charge_at = None  # or paid time would outlast the grace
        await house.link("Ben")
        await house.until_roles("Ben", "Silver")
        house.world.patreon.decline("Ben")

        await house.refresh()
        assert house.roles("Ben") == {"Silver"}

        await house.refresh()
        await house.until_roles("Ben")


async def test_a_first_payment_that_is_declined_gives_nothing_however_often_it_is_tried(house: Theatre) -> None:
    await house.link("Ben")
    for _ in range(2):
        house.world.patreon.pledge("Ben", tier="Gold", card_works=False)
        await house.refresh()
        await house.refresh()
        assert house.roles("Ben") == set()

        house.world.patreon.cancel("Ben")
        await house.wait(days=6)


async def test_a_cancelled_patron_keeps_the_role_for_the_paid_time_and_then_loses_it(ann: Theatre) -> None:
    ann.world.patreon.cancel("Ann")
    await ann.calm()
    assert ann.roles("Ann") == {"Silver"}

    await ann.wait(days=35)
    await ann.refresh()
    await ann.refresh()

    assert ann.roles("Ann") == set()


async def test_the_last_patron_of_a_tier_loses_the_role(ann: Theatre) -> None:
    """With webhooks off: only the list tells, and the list has nobody left in the tier."""
    ann.world.patreon.hooks.enabled = False
    ann.world.patreon.cancel("Ann")

    await ann.wait(days=35)
    await ann.refresh()
    await ann.refresh()

    assert ann.roles("Ann") == set()


def spoilt(rule: Rule) -> bool:
    return rule.met > 0


async def test_no_bad_answer_takes_a_role(ann: Theatre) -> None:
    """Ann did cancel, so that an answer which is believed, or a confirmation of one, would show."""
    ann.world.patreon.hooks.enabled = False
    await ann.agree("Clara", "settings", keep_paid_time=False)
    ann.world.patreon.cancel("Ann")

    for fault in (Fault.SERVER_ERROR, Fault.HTML_PAGE, Fault.CUT, Fault.BROKEN_JSON, Fault.GONE):
        ann.world.patreon.faults.clear()
        rule = ann.world.patreon.faults.add(fault)
        asked = await ann.command("Clara", "sync now")
        await asked.wait_for(lambda message: "counts for nothing" in message.content, 20)
        await ann.until(partial(spoilt, rule), f"an answer spoilt: {fault}")
        assert ann.roles("Ann") == {"Silver"}, fault

    ann.world.patreon.faults.clear()
    await ann.refresh()
    await ann.refresh()
    await ann.until_roles("Ann")


async def test_an_expired_access_token_is_renewed_once_and_the_new_pair_is_stored(ann: Theatre) -> None:
    def renewals() -> int:
        return sum(count for route, count in ann.world.patreon.requests.items() if "token" in route)

    before = renewals()

    await ann.wait(days=32)
    ann.world.patreon.change_pledge("Ann", tier="Gold")
    await ann.until_roles("Ann", "Gold")

    # The creator's pair and Ann's, once each.
    assert 1 <= renewals() - before <= 2
