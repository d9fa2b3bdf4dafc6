"""What holds for the repository as a whole: documented keys, routes and numbers, sizes, docstrings, no foreign hosts."""

import ast
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bot.config import config_keys
from bot.metrics import Metrics

ROOT = Path(__file__).parent.parent
OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")

LONGEST_FILE = 450
LONGEST_FUNCTION = 60

LONGER = {"bot/core/model.py": 500}
"""The data types of the core are one page that everybody looks things up in."""


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py") if "versions" not in path.parts)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_every_key_and_its_environment_names_are_documented() -> None:
    rows = {row.split("|")[1].strip(" `"): row for row in OPERATING.splitlines() if row.startswith("| `")}

    for key, names in config_keys().items():
        assert key in rows, key
        assert all(f"`{one}`" in rows[key] for one in names), key


def test_every_number_of_the_metrics_page_is_documented() -> None:
    for metric in Metrics().registry.collect():
        assert f"`{metric.name}`" in OPERATING, metric.name


def test_every_route_is_documented() -> None:
    routes = [
        (method.upper(), path)
        for file in sources("bot/web")
        for method, path in re.findall(r'web\.(get|post)\("([^"]+)"', file.read_text(encoding="utf-8"))
    ]

    assert len(routes) >= 9
    for method, path in routes:
        assert f"`{method} {path}`" in OPERATING, path


def test_every_command_of_the_command_line_is_documented() -> None:
    main = (ROOT / "bot" / "__main__.py").read_text(encoding="utf-8")
    commands = re.findall(r"@cli\.command\(.*\)\ndef (\w+)", main)

    assert set(commands) == {"run", "web", "worker", "check", "migrate"}
    assert all(f"python -m bot {command}" in OPERATING for command in commands)


@pytest.mark.parametrize("path", sources("bot", "cogs", "sandbox"), ids=name)
def test_files_are_short_and_say_what_lives_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= LONGER.get(name(path), LONGEST_FILE)
    assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", sources("bot", "cogs", "sandbox"), ids=name)
def test_functions_are_short(path: Path) -> None:
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert long == []


def test_an_image_holds_the_program_and_neither_configuration_nor_database() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {"!bot", "!cogs", "!requirements.txt"}


def test_nothing_is_called_utils() -> None:
    assert [path for path in sources("bot", "cogs", "sandbox", "tests") if path.stem in {"utils", "helpers", "misc"}] == []


def tracked() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)  # noqa: S607
    if listed.returncode != 0:
        pytest.skip("not a git clone")
    for entry in listed.stdout.decode().split("\0"):
        path = ROOT / entry
        if entry and path.is_file():
            yield entry, path.read_bytes().decode("utf-8", errors="ignore")


def test_no_file_names_the_host_of_a_package_registry() -> None:
    # Written in halves, so that this file is none of those it looks for.
    hosts = [f"{first}.{second}" for first, second in [("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org")]]

    assert [path for path, text in tracked() if any(host in text for host in hosts)] == []


def test_no_file_holds_the_path_of_somebodys_machine() -> None:
    homes = re.compile(r"/(?:home|Users)/[a-z]\w+/|/" + r"work/(?:main|shared)\b")

    assert [path for path, text in tracked() if homes.search(text)] == []


def _pins(file: str) -> dict[str, set[str]]:
    """Give the extras of each locked package."""
    found = re.findall(r"^([a-z0-9-]+)(?:\[([a-z0-9,-]+)\])?==", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
    return {package: set(extras.split(",")) for package, extras in found}


@pytest.mark.parametrize("file", ["requirements.txt", "requirements-test.txt"])
def test_every_lock_names_the_extras_that_its_packages_ask_for(file: str) -> None:
    """Pip looks for the newest release of ``package[extra]`` otherwise, and refuses it for want of a hash."""
    pins = _pins(file)
    asked = [
        Requirement(text)
        for distribution in distributions()
        if canonicalize_name(distribution.name) in pins
        for text in distribution.requires or ()
        if "extra ==" not in text
    ]

    assert len(pins) > 30
    for requirement in asked:
        assert requirement.extras <= pins.get(canonicalize_name(requirement.name), requirement.extras), str(requirement)
