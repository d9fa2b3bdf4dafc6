"""A person's stored data as a JSON file they can read. Which data that is, the use case says."""

import dataclasses
import json
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any


def to_json(value: object) -> bytes:
    """Write any of our values as indented JSON; ids become text, since JavaScript would round Discord's."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False).encode()


def _plain(value: Any) -> Any:
    match value:
        case bool() | None:
            return value
        case int() | str():
            return str(value)
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case Mapping():
            return {str(_plain(key)): _plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [_plain(inner) for inner in value]
        case set() | frozenset():
            return sorted(_plain(inner) for inner in value)
        case _ if dataclasses.is_dataclass(value):
            return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return str(value)
