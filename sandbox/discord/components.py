"""Buttons, selects, containers and modals as trees: walking, finding one, reading their text, and Discord's limits.

Pure functions over the JSON a bot sent. Source of the limits: Discord's documentation, "Component Reference".
"""

from collections.abc import Iterator
from copy import deepcopy

from sandbox.discord.errors import invalid_form
from sandbox.world.guild_records import Json, Message


class ComponentType:
    """Discord's component types."""

    ACTION_ROW = 1
    BUTTON = 2
    STRING_SELECT = 3
    TEXT_INPUT = 4
    USER_SELECT = 5
    ROLE_SELECT = 6
    MENTIONABLE_SELECT = 7
    CHANNEL_SELECT = 8
    SECTION = 9
    TEXT_DISPLAY = 10
    THUMBNAIL = 11
    MEDIA_GALLERY = 12
    FILE = 13
    SEPARATOR = 14
    CONTAINER = 17
    LABEL = 18
    FILE_UPLOAD = 19
    RADIO_GROUP = 21
    CHECKBOX_GROUP = 22
    CHECKBOX = 23


SELECTS = frozenset({3, 5, 6, 7, 8})
_CHILDREN = ("components", "component", "accessory")
_LINK_STYLE, _PREMIUM_STYLE = 5, 6
_MOST_COMPONENTS = 40
_MOST_ROWS = 5
_ROW_WIDTH = 5
_MOST_OPTIONS = 25
_MOST_TEXT = 4000
_DEFAULTS: dict[int, Json] = {
    ComponentType.CONTAINER: {"accent_color": None, "spoiler": False},
    ComponentType.SEPARATOR: {"divider": True, "spacing": 1},
    **{select: {"min_values": 1, "max_values": 1} for select in SELECTS},
}
_LENGTHS = {"custom_id": 100, "label": 80, "placeholder": 150}


def walk(components: list[Json], path: str = "components") -> Iterator[tuple[str, Json]]:
    """Yield every component with its dotted path, parents first."""
    for index, component in enumerate(components):
        here = f"{path}.{index}"
        yield here, component
        for key in _CHILDREN:
            child = component.get(key)
            if child is not None:
                yield from walk(child if isinstance(child, list) else [child], f"{here}.{key}")


def find(components: list[Json], name: str) -> Json:
    """Return the component with this ``custom_id``, or else with this label. LookupError when there is none."""
    every = [component for _, component in walk(components)]
    for component in every:
        if component.get("custom_id") == name:
            return component
    for component in every:
        if component.get("label") == name:
            inner: Json = component.get("component") or component
            return inner
    raise LookupError(f"no component {name!r} among {[c.get('label') or c.get('custom_id') for c in every]}")


def text_of(message: Message) -> str:
    """Return all that can be read in a message: content, embeds, text displays, in this order, a line each."""
    lines = [message.content]
    for embed in message.embeds:
        fields = [part for field in embed.get("fields", ()) for part in (field["name"], field["value"])]
        footer = embed.get("footer", {}).get("text", "")
        lines += [embed.get("title", ""), embed.get("description", ""), *fields, footer]
    lines += [
        component["content"] for _, component in walk(message.components) if component["type"] == ComponentType.TEXT_DISPLAY
    ]
    return "\n".join(line for line in lines if line)


def complete(components: list[Json]) -> list[Json]:
    """Return a copy where each component has an ``id`` and what Discord fills in by default."""
    components = deepcopy(components)
    taken = {component["id"] for _, component in walk(components) if component.get("id")}
    fresh = (candidate for candidate in range(1, 10_000) if candidate not in taken)
    for _, component in walk(components):
        if not component.get("id"):
            component["id"] = next(fresh)
        for key, value in _DEFAULTS.get(component["type"], {}).items():
            component.setdefault(key, value)
    return components


def check(components: list[Json], *, v2: bool) -> None:
    """Raise Discord's 400 for a message's components it would not take. ``v2`` says whether the message has that flag."""
    every = list(walk(components))
    limit = _MOST_COMPONENTS if v2 else _MOST_ROWS
    if (len(every) if v2 else len(components)) > limit:
        raise invalid_form("components", f"Must be {limit} or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    seen: set[str] = set()
    for path, component in every:
        if not isinstance(component.get("type"), int):
            raise invalid_form(f"{path}.type", "This field is required", "BASE_TYPE_REQUIRED")
        if not v2 and path.count(".") == 1 and component["type"] != ComponentType.ACTION_ROW:
            raise invalid_form(path, 'Value of field "type" must be one of (1,).', "UNION_TYPE_CHOICES")
        _check_one(path, component)
        custom_id = component.get("custom_id")
        if custom_id is not None and custom_id in seen:
            raise invalid_form(
                f"{path}.custom_id", "Component custom id cannot be duplicated", "COMPONENT_CUSTOM_ID_DUPLICATED"
            )
        seen.add(str(custom_id))
    text = sum(len(c["content"]) for _, c in every if c["type"] == ComponentType.TEXT_DISPLAY)
    if text > _MOST_TEXT:
        raise invalid_form("components", f"Text displays must be {_MOST_TEXT} or fewer in length.", "BASE_TYPE_MAX_LENGTH")


def _check_one(path: str, component: Json) -> None:
    for key, longest in _LENGTHS.items():
        if len(component.get(key) or "") > longest:
            raise invalid_form(f"{path}.{key}", f"Must be {longest} or fewer in length.", "BASE_TYPE_BAD_LENGTH")
    kind = component["type"]
    if kind == ComponentType.ACTION_ROW:
        children = component.get("components") or []
        widest = 1 if any(child.get("type") in SELECTS for child in children) else _ROW_WIDTH
        if not 1 <= len(children) <= widest:
            raise invalid_form(f"{path}.components", f"Must be between 1 and {widest} in length.", "BASE_TYPE_BAD_LENGTH")
    elif kind == ComponentType.BUTTON:
        _check_button(path, component)
    elif kind in SELECTS and not component.get("custom_id"):
        raise invalid_form(f"{path}.custom_id", "This field is required", "BASE_TYPE_REQUIRED")
    elif kind == ComponentType.STRING_SELECT and not 1 <= len(component.get("options") or []) <= _MOST_OPTIONS:
        raise invalid_form(f"{path}.options", "Must be between 1 and 25 in length.", "BASE_TYPE_BAD_LENGTH")
    elif kind == ComponentType.TEXT_DISPLAY and not component.get("content"):
        raise invalid_form(f"{path}.content", "This field is required", "BASE_TYPE_REQUIRED")


def _check_button(path: str, button: Json) -> None:
    needed = {_LINK_STYLE: "url", _PREMIUM_STYLE: "sku_id"}.get(button.get("style", 0), "custom_id")
    if not button.get(needed):
        raise invalid_form(f"{path}.{needed}", "This field is required", "BASE_TYPE_REQUIRED")
    if needed != "sku_id" and not button.get("label") and not button.get("emoji"):
        raise invalid_form(f"{path}.label", "A button must have a label or emoji", "BUTTON_COMPONENT_LABEL_REQUIRED")
