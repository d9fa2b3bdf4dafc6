"""``docs/patreon.md`` is true: its examples run, and what its tables name exists."""

import ast
import inspect
import re
import types
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "patreon.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
ROWS = re.findall(r"\| `([\w/]+\.py):([\w.]+)` \| `([\w/]+\.py)::(\w+)` \|", TEXT)


async def test_the_examples_run_one_after_the_other(blocking_calls_fail: BlockBuster) -> None:
    names: dict[str, Any] = {"__name__": "docs.patreon"}
    # Importing reads files, which is nothing to do inside the event loop that the examples run in.
    blocking_calls_fail.deactivate()
    for number, example in enumerate(EXAMPLES):
        code = compile(example, f"docs/patreon.md example {number + 1}", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        result = types.FunctionType(code, names)()
        if inspect.iscoroutine(result):
            await result
    assert len(EXAMPLES) == 9
    assert names["renewed"].version == 2


@pytest.mark.parametrize(("file", "name"), sorted({(file, name) for file, name, _, _ in ROWS}))
def test_everything_the_tables_name_is_there(file: str, name: str) -> None:
    found: Any = import_module(file.removesuffix(".py").replace("/", "."))
    for part in name.split("."):
        found = getattr(found, part)
    assert found is not None


def test_every_test_the_tables_name_is_there() -> None:
    missing = [f"{file}::{name}" for _, _, file, name in ROWS if f"def {name}(" not in (ROOT / file).read_text()]
    assert missing == []


def test_the_tables_are_whole() -> None:
    rows = [line for line in TEXT.splitlines() if "::test_" in line]
    assert len(rows) == len(ROWS) >= 40
    for documented in ("current_user", "current_user/campaigns", "campaigns/<id>/pledges", "identity", "members/{id}"):
        assert any(f"GET {documented}" in row for row in rows)


def test_every_file_of_the_package_is_in_the_overview() -> None:
    files = {file.name for file in (ROOT / "bot" / "patreon").glob("*.py")}
    unnamed = files - set(re.findall(r"`(\w+\.py)`", TEXT)) - {"__init__.py"}
    assert unnamed == {"answers.py", "dialect.py", "fields.py", "settings.py"}
