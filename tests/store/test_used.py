"""The store offers what the product asks for: nobody looks after a statement that only tests use."""

import inspect
import re
from pathlib import Path
from typing import Any, cast

import pytest

from bot.core.model import Policy
from bot.store import Store, Tables
from bot.store.crypto import Cipher
from bot.store.statements import Subject
from tests.conftest import SECRET_KEY

_REPOSITORY = Path(__file__).parents[2]
_PRODUCT = "\n".join(path.read_text() for folder in ("bot", "cogs") for path in (_REPOSITORY / folder).rglob("*.py"))
_SUBJECTS = {
    name: type(subject)
    for name, subject in vars(Tables(cast("Any", None), Cipher([SECRET_KEY]), Policy())).items()
    if isinstance(subject, Subject)
}


def _methods(kind: type[object]) -> list[str]:
    return [name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")]


def _is_called(name: str, by: str, code: str) -> bool:
    return re.search(rf"\b{by}\.{name}\(", code) is not None


@pytest.mark.parametrize("subject", sorted(_SUBJECTS.keys()))
def test_every_statement_is_one_the_product_asks_for(subject: str) -> None:
    kind = _SUBJECTS[subject]
    own = inspect.getsource(kind)
    methods = _methods(kind)
    assert methods
    assert [m for m in methods if not _is_called(m, subject, _PRODUCT) and not _is_called(m, "self", own)] == []


@pytest.mark.parametrize("kind", [Store, Tables])
def test_every_way_into_the_store_is_one_the_product_takes(kind: type[object]) -> None:
    assert [method for method in _methods(kind) if not _is_called(method, r"\w+", _PRODUCT)] == []
