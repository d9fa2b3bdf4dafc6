"""Version 1's objects as its documentation has them: User, Campaign, Pledge, Reward, Goal. Typed, unknown attributes kept.

For whoever wants all Patreon says; the bot itself needs no more than ``v1`` makes of it. No I/O.
"""

from typing import Any, TypeVar

import msgspec

from bot.errors import UnexpectedAnswer
from bot.patreon.wire import Document, Ref, Resource, cursor_of, to_shape


class V1Object(msgspec.Struct, kw_only=True, frozen=True):
    """What all objects share. ``extra`` has the attributes the documentation does not name, as they came.

    ``relations`` has the relationships that have no field of their own. Dates are text as Patreon wrote them
    (``wire.to_instant`` reads them), amounts whole cents; everything may be missing except the id.
    """

    id: str
    extra: dict[str, Any] = {}
    relations: dict[str, tuple[Ref, ...]] = {}

    def __repr__(self) -> str:
        # Names and e-mail addresses are among the attributes (law 11).
        return f"{type(self).__name__}(id={self.id!r})"


class User(V1Object, kw_only=True, frozen=True):
    """A Patreon account. E-mail is there only for the token's own user; ``discord_id`` has always been null."""

    first_name: str | None = None
    last_name: str | None = None
    full_name: str | None = None
    vanity: str | None = None
    email: str | None = None
    about: str | None = None
    facebook_id: str | None = None
    image_url: str | None = None
    thumb_url: str | None = None
    youtube: str | None = None
    twitter: str | None = None
    facebook: str | None = None
    is_suspended: bool | None = None
    is_deleted: bool | None = None
    is_nuked: bool | None = None
    created: str | None = None
    url: str | None = None
    social_connections: dict[str, Any] | None = None
    campaign: Ref | None = None
    pledges: tuple[Ref, ...] = ()


class Campaign(V1Object, kw_only=True, frozen=True):
    """A creator's page. ``pledges_next`` is the cursor to the pledges beyond those that came along."""

    summary: str | None = None
    creation_name: str | None = None
    pay_per_name: str | None = None
    one_liner: str | None = None
    main_video_embed: str | None = None
    main_video_url: str | None = None
    image_small_url: str | None = None
    image_url: str | None = None
    thanks_video_url: str | None = None
    thanks_embed: str | None = None
    thanks_msg: str | None = None
    is_monthly: bool | None = None
    is_nsfw: bool | None = None
    created_at: str | None = None
    published_at: str | None = None
    pledge_url: str | None = None
    pledge_sum: int | None = None
    patron_count: int | None = None
    creation_count: int | None = None
    outstanding_payment_amount_cents: int | None = None
    creator: Ref | None = None
    rewards: tuple[Ref, ...] = ()
    goals: tuple[Ref, ...] = ()
    pledges: tuple[Ref, ...] = ()
    pledges_next: str | None = None


class Pledge(V1Object, kw_only=True, frozen=True):
    """A patron's pledge to a creator; ``amount_cents`` is in the patron's currency, and an edit gives it a new id.

    From ``total_historical_amount_cents`` on the attributes come only when they are asked for by name.
    """

    amount_cents: int | None = None
    created_at: str | None = None
    declined_since: str | None = None
    pledge_cap_cents: int | None = None
    patron_pays_fees: bool | None = None
    currency: str | None = None
    total_historical_amount_cents: int | None = None
    is_paused: bool | None = None
    has_shipping_address: bool | None = None
    status: str | None = None
    outstanding_payment_amount_cents: int | None = None
    unread_count: int | None = None
    patron: Ref | None = None
    reward: Ref | None = None
    creator: Ref | None = None
    address: Ref | None = None
    card: Ref | None = None
    pledge_vat_location: Ref | None = None
    campaign: Ref | None = None


class Reward(V1Object, kw_only=True, frozen=True):
    """A level of a campaign, priced in the campaign's currency. Ids ``-1`` and ``0`` are on every campaign."""

    amount: int | None = None
    amount_cents: int | None = None
    title: str | None = None
    description: str | None = None
    discord_role_ids: tuple[str, ...] | None = None
    patron_count: int | None = None
    post_count: int | None = None
    remaining: int | None = None
    user_limit: int | None = None
    requires_shipping: bool | None = None
    published: bool | None = None
    created_at: str | None = None
    edited_at: str | None = None
    published_at: str | None = None
    unpublished_at: str | None = None
    image_url: str | None = None
    url: str | None = None
    campaign: Ref | None = None


class Goal(V1Object, kw_only=True, frozen=True):
    """What a creator works towards; campaigns that hide their earnings show no amounts."""

    amount_cents: int | None = None
    completed_percentage: int | None = None
    created_at: str | None = None
    description: str | None = None
    reached_at: str | None = None
    title: str | None = None


class Other(V1Object, kw_only=True, frozen=True):
    """Any other kind (address, card, …): everything it says is in ``extra``."""

    kind: str = ""


_KINDS: dict[str, type[V1Object]] = {"user": User, "campaign": Campaign, "pledge": Pledge, "reward": Reward, "goal": Goal}
_TO_MANY = frozenset({"pledges", "rewards", "goals"})

Kind = TypeVar("Kind", bound=V1Object)


class V1Document:
    """An answer of v1 with its objects, and the way from a reference to what it points to."""

    def __init__(self, document: Document) -> None:
        """Take a decoded answer; raises UnexpectedAnswer when a documented attribute has a wrong type."""
        self._document = document
        own = document.data if isinstance(document.data, list) else [document.single()]
        self.data = tuple(to_object(resource) for resource in own)
        self._found: dict[tuple[str, str], V1Object] = {}
        sides = ((resource, to_object(resource)) for resource in document.included or ())
        for resource, one in (*zip(own, self.data, strict=True), *sides):
            self._found.setdefault((resource.type, one.id), one)

    @property
    def next_cursor(self) -> str | None:
        """The cursor to the next page, None on the last one."""
        return cursor_of((self._document.links or {}).get("next"))

    @property
    def total(self) -> int | None:
        """How many rows the whole list has, where Patreon says so."""
        count = (self._document.meta or {}).get("count")
        return count if isinstance(count, int) else None

    def resolve(self, ref: Ref | None, kind: type[Kind]) -> Kind | None:
        """Give the object a reference points to, None when the answer does not carry it as that kind."""
        found = self._found.get((ref.type, ref.id)) if ref else None
        return found if isinstance(found, kind) else None

    def every(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """Give all objects of a kind, ``data`` first."""
        return tuple(one for one in self._found.values() if isinstance(one, kind))


def to_object(resource: Resource) -> V1Object:
    """Type one resource; raises UnexpectedAnswer when a documented attribute has a wrong type."""
    kind = _KINDS.get(resource.type, Other)
    if resource.id is None:
        raise UnexpectedAnswer("a resource without an id")
    fields = set(kind.__struct_fields__) - {"id", "extra", "relations", "kind", "pledges_next"}
    said, ties = resource.attributes or {}, resource.relationships or {}
    known: dict[str, Any] = {name: value for name, value in said.items() if name in fields and name not in ties}
    extra = {name: value for name, value in said.items() if name not in known}
    relations = {name: relation.many() for name, relation in ties.items() if relation and name not in fields}
    for name in fields & ties.keys():
        known[name] = resource.many(name) if name in _TO_MANY else resource.one(name)
    if kind is Campaign and (pledges := resource.relation("pledges")):
        known["pledges_next"] = cursor_of((pledges.links or {}).get("next"))
    if kind is Other:
        known["kind"] = resource.type
    return to_shape({**msgspec.to_builtins(known), "id": resource.id, "extra": extra, "relations": relations}, kind)
