"""Filling in forms and selects: what a person enters, checked like Discord's client does, as the JSON the bot gets."""

from collections.abc import Mapping, Sequence

from sandbox.discord.components import SELECTS, ComponentType
from sandbox.discord.interaction import NotPossible
from sandbox.discord.options import Resolver
from sandbox.world.guild_records import Json

Value = str | bool | Sequence[str | int] | Sequence[tuple[str, bytes]]
"""Text; a ticked box; chosen values or ids; files as name and bytes."""


_MOST = 10
"""Files or boxes one field takes."""


def chosen(component: Json, values: Sequence[str | int], resolver: Resolver) -> list[str]:
    """Return the values of a select as the bot gets them. NotPossible for what the menu does not offer."""
    least, most = _bounds(component, 1)
    if not least <= len(values) <= most:
        raise NotPossible(f"{least} to {most} values can be chosen, not {len(values)}")
    match component["type"]:
        case ComponentType.USER_SELECT:
            return [resolver.user(int(value)) for value in values]
        case ComponentType.ROLE_SELECT:
            return [resolver.role(int(value)) for value in values]
        case ComponentType.MENTIONABLE_SELECT:
            return [resolver.mentionable(int(value)) for value in values]
        case ComponentType.CHANNEL_SELECT:
            return [resolver.channel(int(value)) for value in values]
        case _:
            return [_offered(component, str(value)) for value in values]


def filled(parts: list[Json], values: Mapping[str, Value], resolver: Resolver) -> list[Json]:
    """Return a form's components as they are submitted. NotPossible for a field nobody can fill in like that."""
    left = dict(values)
    submitted: list[Json] = []
    for part in parts:
        shape: Json = {"type": part["type"], "id": part["id"]}
        if part["type"] == ComponentType.ACTION_ROW:
            shape["components"] = [_field(field, field.get("label", ""), left, resolver) for field in part["components"]]
        elif part["type"] == ComponentType.LABEL:
            shape["component"] = _field(part["component"], part["label"], left, resolver)
        submitted.append(shape)
    if left:
        raise NotPossible(f"the form has no field {', '.join(left)}")
    return submitted


def _field(field: Json, label: str, left: dict[str, Value], resolver: Resolver) -> Json:
    custom_id: str = field["custom_id"]
    given = left.pop(custom_id, None)
    if given is None:
        given = left.pop(label, None)
    shape: Json = {"type": field["type"], "custom_id": custom_id, "id": field["id"]}
    match field["type"]:
        case ComponentType.TEXT_INPUT:
            return shape | {"value": _text(field, label, field.get("value", "") if given is None else str(given))}
        case ComponentType.CHECKBOX:
            return shape | {"value": field.get("default", False) if given is None else bool(given)}
        case ComponentType.RADIO_GROUP:
            return shape | {"value": _radio(field, label, given)}
        case ComponentType.FILE_UPLOAD:
            files = [item for item in _several(given) if isinstance(item, tuple)]
            _check_count(field, label, len(files))
            return shape | {"values": [resolver.file(*file) for file in files]}
        case _:
            return shape | {"values": _choices(field, label, given, resolver)}


def _text(field: Json, label: str, text: str) -> str:
    if field.get("required", True) and not text:
        raise NotPossible(f"the field {label!r} is required")
    if text and not field.get("min_length", 0) <= len(text) <= field.get("max_length", 4000):
        raise NotPossible(f"the text in {label!r} is too short or too long")
    return text


def _radio(field: Json, label: str, given: Value | None) -> str | None:
    if given is None:
        default = next((option["value"] for option in field.get("options", ()) if option.get("default")), None)
        if default is None and field.get("required", True):
            raise NotPossible(f"the field {label!r} is required")
        return default
    return _offered(field, str(given))


def _choices(field: Json, label: str, given: Value | None, resolver: Resolver) -> list[str]:
    several = [item for item in _several(given) if not isinstance(item, tuple)]
    if not several and not field.get("required", True):
        return []
    if field["type"] in SELECTS:
        return chosen(field, several, resolver)
    _check_count(field, label, len(several))
    return [_offered(field, str(value)) for value in several]


def _several(given: Value | None) -> Sequence[str | int | tuple[str, bytes]]:
    if given is None or isinstance(given, bool):
        return ()
    return (given,) if isinstance(given, str) else given


def _check_count(field: Json, label: str, number: int) -> None:
    least, most = _bounds(field, _MOST)
    if not (least if field.get("required", True) else 0) <= number <= most:
        raise NotPossible(f"{number} is no possible number of answers in {label!r}")


def _bounds(component: Json, most: int) -> tuple[int, int]:
    # Both may be null, which is as good as absent.
    low, high = component.get("min_values"), component.get("max_values")
    return 1 if low is None else low, most if high is None else high


def _offered(component: Json, value: str) -> str:
    if value not in [option["value"] for option in component.get("options", ())]:
        raise NotPossible(f"{value!r} is not among the options")
    return value
