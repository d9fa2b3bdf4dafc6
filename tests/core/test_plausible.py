"""Which complete answers are believed."""

from dataclasses import replace

import pytest

from bot.core.model import Membership
from bot.core.plausible import Census, census, lost_at_once
from tests.core.states import BASE, STATES

TIERLESS = replace(BASE, tiers=frozenset(), tier_cents=None)
PENNILESS = replace(BASE, amount_cents=0)
FOREIGN = replace(TIERLESS, amount_cents=None)


def test_an_answer_is_counted_as_patreon_gave_it() -> None:
    free = STATES["free member"].reading

    assert census([BASE, TIERLESS, PENNILESS, FOREIGN, free]) == Census(memberships=5, with_tier=2, with_money=3)
    assert census([]) == Census()


def test_pages_add_up_in_any_order() -> None:
    first, second = census([BASE] * 3), census([TIERLESS, PENNILESS])

    assert first + second == census([TIERLESS, PENNILESS, BASE, BASE, BASE])


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        ([], True),
        ([BASE] * 4, True),
        ([BASE] * 5, False),
        ([BASE] * 20, False),
        ([TIERLESS] * 10, True),
        ([PENNILESS] * 10, True),
        ([TIERLESS] * 5 + [BASE] * 5, False),
        ([TIERLESS] * 6 + [BASE] * 4, True),
        ([PENNILESS] * 5 + [BASE] * 5, False),
    ],
)
def test_an_answer_that_lost_more_than_half_at_once_is_not_believed(after: list[Membership], *, lost: bool) -> None:
    assert lost_at_once(census([BASE] * 10), census(after)) is lost


@pytest.mark.parametrize(("patrons", "lost"), [(4, False), (5, True)])
def test_a_handful_of_patrons_may_really_leave_at_once(patrons: int, *, lost: bool) -> None:
    assert lost_at_once(census([BASE] * patrons), Census()) is lost


def test_the_first_list_ever_is_believed() -> None:
    assert not lost_at_once(Census(), census([BASE]))
