"""Whether a list that comes in pages is whole. Values only: the client fetches, this judges.

A list counts for nothing unless it counts as a whole: whoever is missing from half a list would look like gone.
"""

from bot.errors import IncompleteList
from bot.patreon.answers import ListPage, RawPage

_MOST_PAGES = 20_000


class ListReading:
    """One reading of one list. Feed it each page; it hands back what is new, or raises IncompleteList.

    v1's cursor is the instant of a page's last row and means "from there on", so that row may come twice.
    """

    def __init__(self) -> None:
        """Start before the first page."""
        self.cursor: str | None = None
        self.done = False
        self._pages = 0
        self._cursors: set[str] = set()
        # Hashes in place of ids: a list can have 100,000 rows, and a clash in 64 bits will not happen.
        self._seen: set[int] = set()
        self._totals: list[int] = []

    def take(self, page: RawPage) -> ListPage:
        """Judge a page and give its new rows. After the last one ``done`` is true, and the list was whole."""
        self._pages += 1
        if page.total is not None:
            self._totals.append(page.total)
        new = {row: reading for row, reading in page.rows.items() if hash(row) not in self._seen}
        self._seen.update(map(hash, new))
        if page.cursor is None:
            self._finish()
        elif page.cursor in self._cursors or not new:
            self._stop_going_round(page)
        else:
            self._go_on(page.cursor)
        memberships = tuple(reading for reading in new.values() if reading is not None)
        return ListPage(memberships, page.total, page.unreadable)

    def _go_on(self, cursor: str) -> None:
        if self._pages >= _MOST_PAGES:
            raise IncompleteList("the list does not end")
        self._cursors.add(cursor)
        self.cursor = cursor

    def _stop_going_round(self, page: RawPage) -> None:
        """End at a page that leads nowhere new: v2 has been seen to hand out the last page's own cursor once more.

        Without an end in so many words only Patreon's own count, exactly met, says that nobody is missing.
        """
        if page.total != len(self._seen):
            raise IncompleteList(
                "the list repeats a cursor"
                if page.cursor in self._cursors
                else "a page in the middle of the list adds nothing"
            )
        self.done = True

    def _finish(self) -> None:
        """Compare with Patreon's own count, which may have moved while the pages were read."""
        if self._totals and not min(self._totals) <= len(self._seen) <= max(self._totals):
            raise IncompleteList(f"the list has {len(self._seen)} rows and says {self._totals[-1]}")
        self.done = True
