"""Every sentence is said somewhere: what nobody shows any more is deleted with what showed it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = ROOT / "bot" / "texts"
MODULES = sorted(path.stem for path in TEXTS.glob("*.py") if path.stem != "__init__")
SOURCES = {path: ast.parse(path.read_text("utf-8")) for part in ("bot", "cogs") for path in (ROOT / part).rglob("*.py")}


def defined(module: str) -> Iterator[str]:
    for node in SOURCES[TEXTS / f"{module}.py"].body:
        match node:
            case ast.FunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Assign():
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name() as target):
                yield target.id
            case _:
                pass


def used(module: str) -> Iterator[str]:
    for path, tree in SOURCES.items():
        home = path == TEXTS / f"{module}.py"
        called: set[str] = set()
        for node in ast.walk(tree):
            match node:
                case ast.ImportFrom(module="bot.texts"):
                    called |= {alias.asname or alias.name for alias in node.names if alias.name == module}
                case ast.ImportFrom() if node.module == f"bot.texts.{module}":
                    yield from (alias.name for alias in node.names)
                case ast.Name(ctx=ast.Load()) if home:
                    yield node.id
                case _:
                    pass
        attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))
        yield from (each.attr for each in attributes if isinstance(each.value, ast.Name) and each.value.id in called)
    if module == "pages":
        for template in (ROOT / "bot" / "web" / "templates").glob("*.html"):
            yield from re.findall(r"texts\.(\w+)", template.read_text("utf-8"))


@pytest.mark.parametrize("module", MODULES)
def test_every_text_is_used(module: str) -> None:
    assert sorted(set(defined(module)) - set(used(module))) == []
