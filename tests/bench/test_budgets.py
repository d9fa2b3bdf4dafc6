"""What a sync costs in requests and calls: the real bot on both simulators, with lists and guilds of several pages."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from bench import costs, scenarios
from bench.place import Place
from bench.scenarios import Row
from bench.stand import Stand, call
from sandbox.stage import Stage
from sandbox.world.examples import small_world

MEMBERS, LINKED, GUILD = 1_200, 60, 2_500


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Give a place whose simulators run in this process."""
    async with Stage(small_world(client_version=2)).serve() as stage:
        yield Place(partial(call, Stand(stage)), tmp_path, hurry=True)


def _counts(rows: list[Row]) -> list[tuple[int, int]]:
    return [(row.reads, row.calls) for row in rows]


async def test_a_life_costs_the_lists_and_a_call_for_each_role_that_changes(place: Place) -> None:
    rows = await scenarios.one_life(place, MEMBERS, GUILD, LINKED)

    first, quiet, changed, told, restart = _counts(rows)
    assert first == (2, LINKED + 3)
    assert quiet == (2, 0)
    assert changed == (4, 2)
    assert told == (2, 4)
    assert restart == (0, 0)
    assert all(row.held for row in rows)


async def test_people_who_are_not_in_the_guild_cost_no_call_after_the_audit(place: Place) -> None:
    rows = await scenarios.some_are_away(place, MEMBERS, GUILD)

    assert _counts(rows) == [(2, 3), (2, 0)]


async def test_flood_of_webhooks_is_read_by_lists(place: Place) -> None:
    (row,) = await scenarios.flood(place, MEMBERS, 100, 1.0)

    assert row.reads <= 2 * 2 + 100
    assert row.calls == 2 * 5


async def test_roles_go_out_as_fast_as_discord_lets_them_and_never_faster(place: Place) -> None:
    ratio = await costs.pace(place, 10, 0.5, 40)

    assert ratio.figure
    assert "0 refused" in ratio.what


async def test_bytes_that_are_measured_against_are_those_of_the_whole_list(place: Place) -> None:
    ratio = await costs.quiet_refresh(place, 1_200, GUILD)

    assert ratio.ratio > 0


def test_row_over_its_budget_does_not_hold() -> None:
    row = Row("any", 1, 2, 2, 3, 3, 0, 0, 0.0, 0.0)

    assert row.held
    assert not Row("any", 1, 3, 2, 3, 3, 0, 0, 0.0, 0.0).held
    assert not Row("any", 1, 2, 2, 4, 3, 0, 0, 0.0, 0.0).held
    assert not Row("any", 1, 2, 2, 3, 3, 0, 0, 0.0, 0.0, refused=1).held
