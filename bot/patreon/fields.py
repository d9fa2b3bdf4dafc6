"""The fields one dialect asks for, in one place, and the memory of those Patreon has refused."""

from collections.abc import Iterable, Mapping

import structlog

log = structlog.get_logger(__name__)


class FieldLists:
    """What to ask of each resource type.

    ``essential`` names the fields (``type.field``) whose absence would make an answer mean something else; these are
    never dropped.
    """

    def __init__(self, asked: Mapping[str, tuple[str, ...]], essential: Iterable[str]) -> None:
        """Take the lists by resource type."""
        self._asked = dict(asked)
        self._essential = frozenset(essential)

    def query(self, *kinds: str) -> tuple[tuple[str, str], ...]:
        """Give the ``fields[...]`` parameters for some resource types; one of which nothing is left is not named."""
        return tuple((f"fields[{kind}]", ",".join(self._asked[kind])) for kind in kinds if self._asked[kind])

    def query_some(self, kind: str, *names: str) -> tuple[tuple[str, str], ...]:
        """Give the parameter for those of a type's fields that one call needs, as far as they are still asked for."""
        left = [name for name in names if name in self._asked[kind]]
        return ((f"fields[{kind}]", ",".join(left)),) if left else ()

    def drop(self, kind: str, name: str) -> None:
        """Stop asking for a field Patreon refused, unless we cannot do without it."""
        if f"{kind}.{name}" in self._essential or name not in self._asked.get(kind, ()):
            return
        self._asked[kind] = tuple(other for other in self._asked[kind] if other != name)
        log.warning("patreon_field_dropped", resource=kind, field=name)
