"""Selects and form fields of every kind, filled in rightly and wrongly, without a bot."""

from typing import Any

import pytest

from sandbox.discord import modals
from sandbox.discord.interaction import NotPossible
from sandbox.discord.options import Resolver
from tests.sandbox.discord_life import Town, build_town

OPTIONS = [{"label": "Big", "value": "b"}, {"label": "Small", "value": "s"}]


@pytest.fixture
def town() -> Town:
    return build_town()


@pytest.fixture
def resolver(town: Town) -> Resolver:
    return Resolver(town.world, town.guild, "http://here")


def label(kind: int, **more: Any) -> list[dict[str, Any]]:
    """Return a form with one labelled field called X."""
    return [{"type": 18, "id": 1, "label": "X", "component": {"type": kind, "id": 2, "custom_id": "x"} | more}]


def answer(parts: list[dict[str, Any]]) -> Any:
    component = parts[0]["component"]
    assert {"type", "id", "custom_id"} < set(component)
    return component.get("values", component.get("value"))


@pytest.mark.parametrize("kind", [5, 6, 7, 8])
def test_each_select_resolves_what_was_picked(town: Town, resolver: Resolver, kind: int) -> None:
    picked = {5: town.ann.id, 6: town.gold.id, 7: town.gold.id, 8: next(iter(town.guild.channels))}[kind]
    assert modals.chosen({"type": kind}, [picked], resolver) == [str(picked)]
    section = {5: "users", 6: "roles", 7: "roles", 8: "channels"}[kind]
    assert list(resolver.found[section]) == [str(picked)]
    assert ("members" in resolver.found) == (kind == 5)


def test_a_mentionable_select_takes_users_too(town: Town, resolver: Resolver) -> None:
    assert modals.chosen({"type": 7, "max_values": 2}, [town.ann.id, town.gold.id], resolver)
    assert set(resolver.found) == {"users", "members", "roles"}


@pytest.mark.parametrize(("values", "fine"), [([], False), (["b"], True), (["b", "s"], True), (["b", "s", "b"], False)])
def test_the_number_of_values_is_bounded(resolver: Resolver, values: list[str], *, fine: bool) -> None:
    menu = {"type": 3, "min_values": 1, "max_values": 2, "options": OPTIONS}
    if fine:
        assert modals.chosen(menu, values, resolver) == values
    else:
        with pytest.raises(NotPossible):
            modals.chosen(menu, values, resolver)


@pytest.mark.parametrize(
    ("form", "given", "sent"),
    [
        (label(4), {"x": "hi"}, "hi"),
        (label(4), {"X": "hi"}, "hi"),
        (label(4, value="before"), {}, "before"),
        (label(4, required=False), {}, ""),
        (label(23), {}, False),
        (label(23, default=True), {}, True),
        (label(23), {"X": True}, True),
        (label(21, options=OPTIONS), {"X": "b"}, "b"),
        (label(21, options=[OPTIONS[0], {**OPTIONS[1], "default": True}]), {}, "s"),
        (label(21, options=OPTIONS, required=False), {}, None),
        (label(22, options=OPTIONS, max_values=2), {"X": ["b", "s"]}, ["b", "s"]),
        (label(22, options=OPTIONS, required=False), {}, []),
        (label(3, options=OPTIONS), {"X": "b"}, ["b"]),
        (label(3, options=OPTIONS, required=False), {}, []),
        (label(19, required=False), {}, []),
    ],
)
def test_a_field_is_sent_as_its_kind_demands(
    resolver: Resolver, form: list[dict[str, Any]], given: dict[str, Any], sent: object
) -> None:
    assert answer(modals.filled(form, given, resolver)) == sent


@pytest.mark.parametrize(
    ("form", "given"),
    [
        (label(4), {}),
        (label(4, min_length=3), {"X": "hi"}),
        (label(4, max_length=1), {"X": "hi"}),
        (label(4), {"X": "hi", "Y": "there"}),
        (label(21, options=OPTIONS), {}),
        (label(21, options=OPTIONS), {"X": "huge"}),
        (label(22, options=OPTIONS, max_values=1), {"X": ["b", "s"]}),
        (label(22, options=OPTIONS), {"X": ["huge"]}),
        (label(3, options=OPTIONS), {}),
        (label(19), {}),
        (label(19, max_values=1), {"X": [("a", b""), ("b", b"")]}),
    ],
)
def test_a_field_that_cannot_be_filled_in_like_that_is_refused(
    resolver: Resolver, form: list[dict[str, Any]], given: dict[str, Any]
) -> None:
    with pytest.raises(NotPossible):
        modals.filled(form, given, resolver)


def test_files_are_uploaded_and_resolved(town: Town, resolver: Resolver) -> None:
    [number] = answer(modals.filled(label(19), {"X": [("a b.txt", b"text")]}, resolver))
    assert town.world.files[int(number)].data == b"text"
    assert resolver.found["attachments"][number]["url"].endswith("/a%20b.txt")


def test_text_between_fields_is_sent_back_empty_handed(resolver: Resolver) -> None:
    form = [{"type": 10, "id": 1, "content": "Hello"}, *label(4)]
    assert modals.filled(form, {"X": "hi"}, resolver)[0] == {"type": 10, "id": 1}
