"""Writes v1's JSON:API documents: attributes by default, relationships always complete, includes by each type's own tree."""

from collections.abc import Mapping
from typing import Any

from sandbox.patreon.v1_resources import (
    DEFAULTS,
    KINDS,
    OPTIONAL_OF_PLEDGE,
    PSEUDO_REWARD,
    SINCE_2020,
    PseudoReward,
    user_fields,
)
from sandbox.patreon.view import Getter, JsonObject, Kind, Relation, View

Tree = dict[str, "Tree | None"]
"""Relations to include by name. None below a name: follow that type's defaults; an empty tree: follow nothing."""

_ALIASES = {"pledge": "pledges", "reward": "rewards", "goal": "goals"}
_NOTHING = frozenset({"null", ""})


def default_tree(kind_name: str) -> Tree:
    """Return the includes of a type when nothing is asked for."""
    return dict.fromkeys(DEFAULTS[kind_name])


def parse_tree(query: Mapping[str, str], top: Kind, defaults: tuple[str, ...]) -> Tree:
    """Read ``include``, or ``includes`` as the documentation spells it.

    ``null`` is none, ``a.null`` is a without its own relations; ``json-api-use-default-includes=false`` stops all
    defaults. Names the type does not have are ignored: the documentation itself offers ``rewards`` for a user.
    """
    asked = query.get("include", query.get("includes"))
    follow = query.get("json-api-use-default-includes", "true").lower() != "false"
    if asked is None:
        return dict.fromkeys(defaults) if follow else {}
    tree: Tree = {}
    for path in asked.split(","):
        _grow(tree, path.strip().split("."), top, follow=follow)
    return tree


def parse_fields(query: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Read every ``fields[type]``; the word ``null`` asks for no attribute at all."""
    chosen = {}
    for parameter, value in query.items():
        if parameter.startswith("fields["):
            names = tuple(name for name in value.split(",") if name not in _NOTHING)
            chosen[parameter.removeprefix("fields[").removesuffix("]")] = names
    return chosen


class OldDocument:
    """One answer of v1 being written, with what it includes collected on the way."""

    def __init__(self, view: View, fields: Mapping[str, tuple[str, ...]]) -> None:
        self._view = view
        self._fields = fields
        self._included: dict[tuple[str, str], JsonObject] = {}
        self._rows: set[tuple[str, str]] = set()
        self._api = f"{view.patreon.site_url}/api"

    def row(self, kind: Kind, thing: Any, tree: Tree) -> JsonObject:
        """Write one resource of the answer's ``data`` and collect what ``tree`` includes; it is not included again."""
        self._rows.add((kind.name, _id_of(kind.name, thing)))
        return self._write(kind, thing, tree)

    def _write(self, kind: Kind, thing: Any, tree: Tree) -> JsonObject:
        if isinstance(thing, PseudoReward):
            kind = PSEUDO_REWARD
        view = self._view
        resource: JsonObject = {
            "attributes": {name: getter(thing, view) for name, getter in self._attributes(kind, thing).items()},
            "id": _id_of(kind.name, thing),
            "type": kind.name,
        }
        relations = self._relations(kind, thing, tree)
        if relations:
            resource["relationships"] = relations
        return resource

    def close(self, data: JsonObject | list[JsonObject], **more: Any) -> JsonObject:
        """Return the finished document."""
        document: JsonObject = {"data": data}
        if self._included:
            document["included"] = list(self._included.values())
        return {**document, **more}

    def _attributes(self, kind: Kind, thing: Any) -> Mapping[str, Getter]:
        own: Mapping[str, Getter] = user_fields(thing, self._view) if kind.name == "user" else kind.fields
        if self._view.patreon.old_v1:
            later = SINCE_2020.get(kind.name, frozenset())
            own = {name: getter for name, getter in own.items() if name not in later}
        asked = self._fields.get(kind.name)
        if asked is None:
            return own
        known = {**own, **OPTIONAL_OF_PLEDGE} if kind.name == "pledge" else own
        return {name: known[name] for name in asked if name in known}

    def _relations(self, kind: Kind, thing: Any, tree: Tree) -> JsonObject:
        shown = [name for name in kind.relations if name in DEFAULTS[kind.name] or name in tree]
        found = {name: self._relate(kind.relations[name], thing, name, tree) for name in shown}
        return {name: value for name, value in found.items() if not (name == "campaign" and value["data"] is None)}

    def _relate(self, relation: Relation, thing: Any, name: str, tree: Tree) -> JsonObject:
        found = relation.find(thing, self._view)
        if relation.many:
            return {"data": [self._refer(relation.kind, one, name, tree) for one in found]}
        if found is None:
            return {"data": None}
        reference: JsonObject = {"data": self._refer(relation.kind, found, name, tree)}
        if relation.related:
            reference["links"] = {"related": f"{self._api}/{relation.related}/{found.id}"}
        return reference

    def _refer(self, kind_name: str, thing: Any, name: str, tree: Tree) -> JsonObject:
        key = (kind_name, _id_of(kind_name, thing))
        if name in tree and key not in self._included and key not in self._rows:
            self._included[key] = {}
            below = tree[name]
            written = self._write(KINDS[kind_name], thing, default_tree(kind_name) if below is None else below)
            self._included[key].update(written)
        return {"id": key[1], "type": kind_name}


def _grow(tree: Tree, path: list[str], kind: Kind, *, follow: bool) -> None:
    name = path[0] if path[0] in kind.relations else _ALIASES.get(path[0], path[0])
    relation = kind.relations.get(name)
    if relation is None:
        return
    rest = path[1:]
    if not rest:
        tree.setdefault(name, None if follow else {})
        return
    below = tree.get(name)
    if below is None:
        # Naming something below a relation keeps that relation's own defaults, unless it says null.
        below = default_tree(relation.kind) if follow and rest[0] not in _NOTHING and relation.kind in DEFAULTS else {}
        tree[name] = below
    if rest[0] not in _NOTHING and relation.kind in KINDS:
        _grow(below, rest, KINDS[relation.kind], follow=follow)


def _id_of(kind_name: str, thing: Any) -> str:
    return str(thing.pledge_id if kind_name == "pledge" else thing.id)
