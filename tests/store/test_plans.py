"""How the database finds what is asked for often in tables that grow with people: by an index, and without sorting.

SQLite plans by the schema alone until somebody runs ANALYZE, so that an empty database plans as one of millions of rows.
"""

import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import event

from bot.core.model import Cause
from bot.store import Store, Tables
from bot.store.records import Nudge, NudgeKind
from tests.store.makers import ANN, BOB, GOLD, GUILD, HOUR, NOW, PAGE, patron

_HELD = Nudge(NudgeKind.USER, str(ANN), Cause.WEBHOOK, NOW, 1, "a")

Asking = Callable[[Tables], Awaitable[object]]

OFTEN: dict[str, Asking] = {
    "an engine claims": lambda t: t.nudges.claim("a", NOW, NOW + HOUR, 32, NudgeKind.USER),
    "an engine claims urgent ones": lambda t: t.nudges.claim("a", NOW, NOW + HOUR, 32, NudgeKind.USER, urgent=True),
    "an engine asks when to look again": lambda t: t.nudges.next_due(),
    "an engine keeps its claims": lambda t: t.nudges.extend([_HELD], NOW + HOUR),
    "an engine gives its claims back": lambda t: t.nudges.release("a"),
    "an engine counts what webhooks told": lambda t: t.nudges.waiting(NudgeKind.USER, Cause.WEBHOOK, 10),
    "the clock asks whose time has come": lambda t: t.memberships.due(NOW),
    "the clock asks for manual grants": lambda t: t.manual.expired(NOW),
    "the clock asks for ending tokens": lambda t: t.tokens.expiring(NOW, not_refused_since=NOW, now=NOW),
    "the clock asks for broken tokens": lambda t: t.tokens.broken(not_refused_since=NOW, now=NOW, limit=1),
    "the brake counts who lost something": lambda t: t.holds.count_lost(GUILD, NOW, ANN),
    "the clock asks what nobody saw": lambda t: t.ledger.unseen([GUILD], NOW),
    "the brake counts who was given something": lambda t: t.ledger.count_holders(GUILD, 10),
    "the brake asks what is held": lambda t: t.holds.of_users(GUILD, [ANN]),
    "a person's guilds": lambda t: t.guilds_of(ANN),
    "a person's link": lambda t: t.links.load(ANN),
    "a patron's link": lambda t: t.links.load_of_patron(patron(1)),
    "a patron's memberships": lambda t: t.memberships.load_many([patron(1)]),
    "a person's entries": lambda t: t.ledger.of_users(GUILD, [ANN, BOB]),
    "a person's manual grants": lambda t: t.manual.of_users(GUILD, [ANN]),
    "a person's doubts": lambda t: t.doubts.of_users(GUILD, [ANN]),
    "a person's presence": lambda t: t.presence.of_users(GUILD, [ANN]),
    "a person's log": lambda t: t.log.of(GUILD, ANN),
    "a person's log is erased": lambda t: t.log.erase(ANN),
    "a guild's linked people": lambda t: t.links.in_guild(GUILD, ANN, 500),
    "a guild's people with entries": lambda t: t.ledger.users(GUILD, ANN, 500),
    "a guild's people with doubts": lambda t: t.doubts.users(GUILD, ANN, 500),
    "a role is dropped": lambda t: t.ledger.drop_role(GUILD, GOLD),
    "all links": lambda t: t.links.page(ANN, 500),
    "a page of a list": lambda t: t.memberships.digests(PAGE, [patron(1), patron(2)]),
    "old log entries are deleted": lambda t: t.log.purge(NOW),
}


# Answered by an index alone, however many rows it points at.
COUNTED = {
    "an engine asks when to look again": "nudges",
    "the brake counts who lost something": "losses",
    "the brake counts who was given something": "ledger",
}


@pytest.mark.parametrize("asking", OFTEN.values(), ids=OFTEN.keys())
async def test_what_is_asked_often_needs_no_scan_and_no_sorting(store: Store, asking: Asking) -> None:
    quick = (
        "SEARCH .+ USING .*(INDEX|PRIMARY KEY)|COMPOUND QUERY|LEFT-MOST SUBQUERY|UNION ALL|SCALAR SUBQUERY|SCAN CONSTANT ROW"
    )

    assert [step for step in await _steps(store, asking) if not re.match(quick, step)] == []


@pytest.mark.parametrize(("what", "table"), COUNTED.items())
async def test_what_is_counted_is_not_looked_at(store: Store, what: str, table: str) -> None:
    steps = [step for step in await _steps(store, OFTEN[what]) if f" {table} " in step]

    assert steps
    assert [step for step in steps if "COVERING INDEX" not in step] == []


async def _steps(store: Store, asking: Asking) -> list[str]:
    """Say how each statement of a question is carried out."""
    statements: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, _context: object, many: bool) -> None:
        statements.append((statement, values[0] if many else values))

    event.listen(store._engines.writing.sync_engine, "before_cursor_execute", note)
    async with store.write() as t:
        await asking(t)
        asked = [each for each in statements if not each[0].startswith(("BEGIN", "INSERT"))]
        steps = [step for each in asked for step in await _plan(t, *each)]
    assert steps
    # What is counted as far as a limit is gathered first.
    return [step for step in steps if not re.fullmatch("(CO-ROUTINE|SCAN) anon_1", step)]


async def _plan(t: Tables, statement: str, values: Any) -> list[str]:
    rows = await t._connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    return [row.detail for row in rows]
