"""Writes v2's JSON:API documents: sparse fields, nested includes, each resource once. Knows no single attribute."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from sandbox.patreon import errors
from sandbox.patreon.v2_resources import EMPTY_KINDS, KINDS
from sandbox.patreon.view import Getter, JsonObject, Kind, View

Tree = dict[str, "Tree"]
Pairs = AbstractSet[tuple[str, str]]
"""Fields as (type, field)."""


def parse_tree(include: str, top: Kind) -> Tree:
    """Turn ``a,b.c`` into a tree, checked against the relationships. ApiError 400 names what does not exist.

    What lies below a type that never occurs is not checked.
    """
    tree: Tree = {}
    for path in filter(None, include.split(",")):
        branch, kind = tree, top
        for name in path.split("."):
            relation = kind.relations.get(name)
            if relation is None:
                raise errors.invalid_parameter("include", kind.name, path)
            branch = branch.setdefault(name, {})
            if relation.kind in EMPTY_KINDS:
                break
            kind = KINDS[relation.kind]
    return tree


def parse_fields(
    query: Mapping[str, str], *, without: Pairs = frozenset(), withdrawn: Pairs = frozenset()
) -> dict[str, dict[str, Getter]]:
    """Read every ``fields[type]=a,b``. ApiError 400 for an unknown or withdrawn name; those in ``without`` are left out."""
    chosen: dict[str, dict[str, Getter]] = {}
    for parameter, value in query.items():
        if not parameter.startswith("fields["):
            continue
        name = parameter.removeprefix("fields[").removesuffix("]")
        kind = KINDS.get(name)
        if kind is None and name not in EMPTY_KINDS:
            raise errors.invalid_parameter(parameter, name, name)
        for field in filter(None, value.split(",") if kind is not None else ()):
            if kind is not None and (field not in kind.fields or (name, field) in withdrawn):
                raise errors.invalid_parameter(parameter, name, field)
            if kind is not None and (name, field) not in without:
                chosen.setdefault(name, {})[field] = kind.fields[field]
    return chosen


class Document:
    """One answer being written: rows first, with everything they include collected on the way."""

    def __init__(self, view: View, fields: Mapping[str, Mapping[str, Getter]]) -> None:
        self._view = view
        self._fields = fields
        self._included: dict[tuple[str, str], JsonObject] = {}
        self._api = f"{view.patreon.site_url}/api/oauth2/v2"

    def write(self, kind: Kind, thing: Any, tree: Tree) -> JsonObject:
        """Write one resource with the relationships that ``tree`` names; a resource without any has no such key."""
        view = self._view
        chosen = self._fields.get(kind.name, {})
        resource: JsonObject = {
            "attributes": {name: getter(thing, view) for name, getter in chosen.items()},
            "id": thing.id,
            "type": kind.name,
        }
        if tree:
            resource["relationships"] = {name: self._relate(kind, thing, name, branch) for name, branch in tree.items()}
        return resource

    def close(self, data: JsonObject | list[JsonObject], **more: Any) -> JsonObject:
        """Return the finished document; ``included`` is there only when something was, without the rows themselves."""
        document: JsonObject = {"data": data}
        rows = {(row["type"], row["id"]): row for row in (data if isinstance(data, list) else [data])}
        for key in rows.keys() & self._included.keys():
            beside = self._included.pop(key).get("relationships", {})
            if beside:
                rows[key]["relationships"] = beside | rows[key].get("relationships", {})
        if self._included:
            document["included"] = list(self._included.values())
        return {**document, **more}

    def _relate(self, kind: Kind, thing: Any, name: str, branch: Tree) -> JsonObject:
        relation = kind.relations[name]
        found = relation.find(thing, self._view)
        if relation.many:
            return {"data": [self._include(relation.kind, one, branch) for one in found]}
        if found is None:
            return {"data": None}
        reference: JsonObject = {"data": self._include(relation.kind, found, branch)}
        if relation.related:
            reference["links"] = {"related": f"{self._api}/{relation.related}/{found.id}"}
        return reference

    def _include(self, kind_name: str, thing: Any, tree: Tree) -> JsonObject:
        key = (kind_name, thing.id)
        known = self._included.get(key)
        if known is None and not getattr(thing, "deleted", False):
            self._included[key] = {}
            self._included[key].update(self.write(KINDS[kind_name], thing, tree))
        elif known is not None and tree:
            extra = {name: self._relate(KINDS[kind_name], thing, name, branch) for name, branch in tree.items()}
            known.setdefault("relationships", {}).update(extra)
        return {"id": thing.id, "type": kind_name}
