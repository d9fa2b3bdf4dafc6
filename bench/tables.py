"""The tables a benchmark prints, in Markdown, as they stand in docs/numbers.md. Nothing is judged here."""

from collections.abc import Sequence

from bench.costs import Ratio
from bench.scenarios import Row


def of_rows(rows: Sequence[Row]) -> str:
    """Print counts beside budgets, and the time of a row for each thing that changed."""
    head = ("N", "scenario", "Patreon reads", "Discord calls", "other Patreon requests", "seconds", "ms a change", "holds")
    return _table(head, [_cells(row) for row in rows])


def of_ratios(ratios: Sequence[Ratio]) -> str:
    """Print figures beside their yardsticks."""
    head = ("what", "measured", "against", "ratio", "limit", "holds")
    return _table(
        head,
        [
            (
                each.what,
                each.figure,
                each.yardstick,
                f"{each.ratio:.2f}",
                f"{'at most' if each.most else 'at least'} {each.limit:g}",
                _yes(each.held),
            )
            for each in ratios
        ],
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        f"{row.members:,}",
        row.scenario,
        f"{row.reads:,} of {row.reads_budget:,}",
        f"{row.calls:,} of {row.calls_budget:,}",
        f"{row.other:,}",
        f"{row.seconds:.1f}",
        f"{row.processor / row.work * 1000:.1f}" if row.work else "",
        _yes(row.held),
    )


def _yes(held: bool) -> str:  # a cell of a table
    return "yes" if held else "NO"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"
