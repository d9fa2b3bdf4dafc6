"""JSON:API as Patreon speaks it: bounded decoding, documents, resolution of ``included``, cursors, instants.

Bytes and values only: no network, no clock, and nothing that only one of the two dialects knows.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from bot.core.model import RoleId
from bot.errors import IncompleteList, UnexpectedAnswer

T = TypeVar("T")

# A page of 1,000 members with everything asked for is 1.4 MB; v1 pages carry whole campaigns.
MAX_BODY_BYTES = 32 * 1024 * 1024

# Patreon's ids are digits, UUIDs, or ``pledge_start:157113733``.
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to the API, without its token. ``path`` is relative to the API's URL.

    ``repeatable`` is false when sending it twice could do something twice. ``form`` and ``body`` may hold secrets.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes | None = field(default=None, repr=False)
    repeatable: bool = True

    @property
    def fields(self) -> dict[str, tuple[str, ...]]:
        """The fields it asks for, by resource type."""
        named = {key[7:-1]: names for key, names in self.query if key.startswith("fields[")}
        return {kind: tuple(names.split(",")) for kind, names in named.items()}

    def url(self, base: str) -> str:
        """Give the whole URL; brackets and blanks are encoded, the ``=`` is not (Patreon's documentation, "API")."""
        return f"{base.rstrip('/')}{self.path}" + (f"?{urlencode(self.query)}" if self.query else "")


def is_token(text: str) -> bool:
    """Say whether text can be a token: it has to stand in a header."""
    return re.fullmatch(r"[\x21-\x7e]{1,4096}", text) is not None


class Ref(msgspec.Struct, frozen=True, gc=False):
    """A JSON:API resource identifier."""

    type: str
    id: Id


class Relation(msgspec.Struct, gc=False):
    """A JSON:API relationship; ``data`` may be missing where only ``links`` are given."""

    data: Ref | list[Ref] | msgspec.UnsetType | None = msgspec.UNSET
    links: dict[str, Any] | None = None

    def one(self) -> Ref | None:
        """Give the one resource it points to, if it points to one."""
        return self.data if isinstance(self.data, Ref) else None

    def many(self) -> tuple[Ref, ...]:
        """Give all resources it points to."""
        if isinstance(self.data, Ref):
            return (self.data,)
        return tuple(self.data) if isinstance(self.data, list) else ()


class Resource(msgspec.Struct, gc=False):
    """A JSON:API resource with whatever attributes came; ``id`` is None in bodies of the test button."""

    type: str
    id: Id | None = None
    attributes: dict[str, Any] | None = None
    relationships: dict[str, Relation | None] | None = None

    def __repr__(self) -> str:
        # Names and e-mail addresses are among the attributes (law 11).
        return f"Resource(type={self.type!r}, id={self.id!r})"

    def relation(self, name: str) -> Relation | None:
        """Give a relationship, None when it is missing or null."""
        return (self.relationships or {}).get(name)

    def one(self, name: str) -> Ref | None:
        """Give the resource a to-one relationship points to."""
        relation = self.relation(name)
        return relation.one() if relation else None

    def many(self, name: str) -> tuple[Ref, ...]:
        """Give the resources a to-many relationship points to."""
        relation = self.relation(name)
        return relation.many() if relation else ()

    def attribute(self, name: str) -> Any:
        """Give an attribute, None when it is missing."""
        return (self.attributes or {}).get(name)

    def text(self, name: str) -> str | None:
        """Give an attribute that is text, None when it is missing or anything else."""
        value = self.attribute(name)
        return value if isinstance(value, str) else None

    def cents(self, name: str) -> int | None:
        """Give an attribute that is an amount, None when it is missing or anything else."""
        value = self.attribute(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


class Document(msgspec.Struct, gc=False):
    """A whole JSON:API answer of any kind."""

    data: Resource | list[Resource] | None
    included: list[Resource] | None = None
    links: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None

    def single(self) -> Resource:
        """Give the one resource of the answer; raises UnexpectedAnswer for a list or null."""
        if isinstance(self.data, Resource):
            return self.data
        raise UnexpectedAnswer("one resource was expected at $.data")

    def listed(self) -> list[Resource]:
        """Give the resources of a list; raises UnexpectedAnswer when it is none."""
        if isinstance(self.data, list):
            return self.data
        raise UnexpectedAnswer("a list was expected at $.data")

    def whole(self) -> list[Resource]:
        """Give the resources of an answer that is to have no second page; raises IncompleteList when there is one."""
        pagination = (self.meta or {}).get("pagination")
        cursors = pagination.get("cursors") if isinstance(pagination, dict) else None
        following = cursors.get("next") if isinstance(cursors, dict) else None
        if following is not None or (self.links or {}).get("next") is not None:
            raise IncompleteList("the list has another page")
        return self.listed() if isinstance(self.data, list) else [self.single()]

    def index(self) -> "Index":
        """Give the lookup of everything in the answer, ``data`` first."""
        own = [self.data] if isinstance(self.data, Resource) else self.data or []
        return Index([*own, *(self.included or [])])


class Index:
    """Resolves references among the resources of one document."""

    def __init__(self, resources: Iterable[Resource]) -> None:
        """Take the resources; of two with one type and id the first counts, as JSON:API forbids the second."""
        self._found: dict[tuple[str, str], Resource] = {}
        for resource in resources:
            if resource.id is not None:
                self._found.setdefault((resource.type, resource.id), resource)

    def get(self, ref: Ref | None) -> Resource | None:
        """Give what a reference points to, None when the document does not carry it."""
        return self._found.get((ref.type, ref.id)) if ref else None

    def of_type(self, kind: str) -> list[Resource]:
        """Give all resources of a type, in the document's order."""
        return [resource for (type_, _), resource in self._found.items() if type_ == kind]


_DOCUMENT = msgspec.json.Decoder(Document)


def parse_document(body: bytes) -> Document:
    """Decode any JSON:API answer; raises UnexpectedAnswer."""
    return decode(body, _DOCUMENT)


def decode(body: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode JSON into the decoder's type; raises UnexpectedAnswer for all that is not of that shape.

    The message names the place and never the value. Depth is bounded by the decoder, size by MAX_BODY_BYTES.
    """
    if len(body) > MAX_BODY_BYTES:
        raise UnexpectedAnswer("the answer is larger than we read")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as problem:
        raise UnexpectedAnswer(f"wrong shape: {problem}") from None
    except RecursionError:
        raise UnexpectedAnswer("the answer is nested deeper than we read") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        # From None: the bytes themselves would ride along in the exception.
        raise UnexpectedAnswer("the answer is not JSON") from None


def decode_each(rows: Iterable[msgspec.Raw], decoder: msgspec.json.Decoder[T]) -> tuple[list[T], list[bytes]]:
    """Decode rows one by one: those of the right shape, and the bytes of the others."""
    good, bad = [], []
    for row in rows:
        raw = bytes(row)
        try:
            good.append(decode(raw, decoder))
        except UnexpectedAnswer:
            bad.append(raw)
    if bad and not good:
        raise UnexpectedAnswer("no row of the list can be read")
    return good, bad


def to_shape(value: Any, shape: type[T]) -> T:
    """Check decoded JSON against a type; raises UnexpectedAnswer naming the place and never the value."""
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as problem:
        raise UnexpectedAnswer(f"wrong shape: {problem}") from None


def to_instant(text: str) -> datetime:
    """Read an ISO 8601 instant as aware UTC; raises UnexpectedAnswer.

    Patreon writes an offset and 0, 3 or 6 digits of a second; an instant without offset is taken as UTC.
    """
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is UTC:
            return instant
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise UnexpectedAnswer("not an instant") from None


# For dates that repeat among members, as those of charges do.
to_repeated_instant = lru_cache(maxsize=1024)(to_instant)


def to_optional_instant(text: str | None) -> datetime | None:
    """Read an instant that may be missing."""
    return None if text is None else to_instant(text)


def to_lifetime(expires_in: float | str | None) -> timedelta:
    """Read how long a token lives: seconds, seen as a number and as text; 30 days when it cannot be read."""
    try:
        seconds = float(expires_in) if expires_in is not None else 0.0
    except ValueError:
        seconds = 0.0
    return timedelta(seconds=seconds) if 0 < seconds < _LONGEST_LIFETIME else _USUAL_LIFETIME


_USUAL_LIFETIME = timedelta(days=30)
_LONGEST_LIFETIME = 10 * 365 * 86_400


def cursor_of(link: Any) -> str | None:
    """Take the cursor out of a ``next`` link; raises UnexpectedAnswer when there is a link without one.

    The link itself is never followed: the next request is built anew for the configured host, so no answer can send
    the token elsewhere.
    """
    if link is None:
        return None
    try:
        cursors = parse_qs(urlsplit(link).query).get("page[cursor]") if isinstance(link, str) else None
    except ValueError:
        cursors = None
    if not cursors:
        raise UnexpectedAnswer("a next link without a cursor")
    return cursors[0]


def to_roles(ids: Iterable[str | int] | None) -> tuple[RoleId, ...]:
    """Read Discord role ids, which are text to Patreon; what is none is left out."""
    return tuple(RoleId(int(one)) for one in ids or () if re.fullmatch(r"[0-9]{1,20}", str(one)))


def printable(text: str | None) -> str:
    """Clean a name for people and databases: control characters (NUL among them) go."""
    return "".join(letter for letter in text or "" if letter.isprintable())[:200]
