"""What the bench measures is what it says: whole pages become memberships, every row of them."""

import pytest

from bench.decode import CAMPAIGN, NOW, best, members_page, pledges_page
from bot.patreon.dialect import dialect_of


@pytest.mark.parametrize(("version", "body"), [(1, pledges_page()), (2, members_page())], ids=["v1", "v2"])
def test_a_page_of_a_thousand_becomes_a_thousand_memberships(version: int, body: bytes) -> None:
    page = dialect_of(version).parse_list(body, CAMPAIGN, NOW)
    readings = [one for one in page.rows.values() if one is not None]
    assert len(readings) == 1000
    assert page.unreadable == set()
    assert all(one.tiers and one.since and one.amount_cents is not None for one in readings)


def test_both_works_are_timed() -> None:
    done: list[str] = []
    times = best(lambda: done.append("a"), lambda: done.append("b"))
    assert done[:4] == ["a", "b", "a", "b"]
    assert all(0 <= time < float("inf") for time in times)
