"""A list is whole, or it counts for nothing."""

from dataclasses import replace

import pytest

from bot.core.model import CampaignId, Membership, PatronId, PatronStatus
from bot.errors import IncompleteList
from bot.patreon.answers import RawPage
from bot.patreon.paging import ListReading
from tests.patreon.samples import NOW


def page(rows: str, cursor: str | None = None, total: int | None = None) -> RawPage:
    one = Membership(PatronId(""), CampaignId("1"), PatronStatus.ACTIVE, NOW)
    return RawPage({row: replace(one, patron=PatronId(row)) for row in rows}, total, cursor)


def read(*pages: RawPage) -> list[str]:
    reading = ListReading()
    taken = [reading.take(one) for one in pages]
    assert reading.done
    return ["".join(found.patron for found in one.memberships) for one in taken]


def test_a_list_of_several_pages() -> None:
    assert read(page("abc", "1", 5), page("de", None, 5)) == ["abc", "de"]


def test_the_row_at_a_v1_cursor_comes_once() -> None:
    assert read(page("abc", "1", 4), page("cd", None, 4)) == ["abc", "d"]


def test_a_last_page_may_hold_nothing_but_the_row_at_the_cursor() -> None:
    assert read(page("abc", "1", 3), page("c", None, 3)) == ["abc", ""]


def test_an_empty_list_is_whole_when_patreon_counts_none() -> None:
    assert read(page("", None, 0)) == [""]
    assert read(page("")) == [""]


def test_people_may_come_and_go_while_the_list_is_read() -> None:
    assert read(page("abc", "1", 5), page("def", None, 6)) == ["abc", "def"]
    assert read(page("abc", "1", 6), page("de", None, 5)) == ["abc", "de"]


def test_a_last_page_that_leads_to_itself_is_the_last_when_nobody_is_missing() -> None:
    assert read(page("abc", "1", 5), page("de", "1", 5)) == ["abc", "de"]
    assert read(page("abc", "1", 5), page("de", "2", 5), page("de", "2", 5)) == ["abc", "de", ""]
    assert read(page("abc", "1", 3), page("abc", "1", 3)) == ["abc", ""]
    assert read(page("", "1", 0)) == [""]


def test_a_page_is_judged_by_its_cursor_and_says_where_to_go_on() -> None:
    reading = ListReading()
    first = reading.cursor
    reading.take(page("a", "next please"))
    assert (first, reading.cursor, reading.done) == (None, "next please", False)


def test_unreadable_rows_count_as_rows_and_are_named() -> None:
    reading = ListReading()
    whole = RawPage({"a": None, "b": None}, 2, None, frozenset({"7"}))
    assert reading.take(whole).unreadable == {"7"}
    assert reading.done


@pytest.mark.parametrize(
    ("pages", "why"),
    [
        ([page("ab", "1"), page("cd", "1")], "repeats a cursor"),
        ([page("ab", "1"), page("ab", "2")], "adds nothing"),
        ([page("", "1", 5)], "adds nothing"),
        ([page("ab", "1", 5), page("cd", "1", 5)], "repeats a cursor"),
        ([page("ab", "1", 3), page("cd", "1", 3)], "repeats a cursor"),
        ([page("ab", "1", 4), page("cd", "2", 4), page("cd", "2", 5)], "repeats a cursor"),
        ([page("ab", "1", 4), page("ab", "2", 4)], "adds nothing"),
        ([page("ab", "1", 5), page("c", None, 5)], "3 rows and says 5"),
        ([page("", None, 5)], "0 rows and says 5"),
        ([page("abc", None, 2)], "3 rows and says 2"),
    ],
)
def test_a_list_that_is_not_whole_raises(pages: list[RawPage], why: str) -> None:
    with pytest.raises(IncompleteList, match=why):
        read(*pages)


def test_a_list_without_an_end_is_given_up() -> None:
    reading = ListReading()
    for number in range(19_999):
        reading.take(RawPage({str(number): None}, None, str(number)))
    with pytest.raises(IncompleteList, match="does not end"):
        reading.take(RawPage({"last": None}, None, "last"))
