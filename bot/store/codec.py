"""Values to bytes and back: memberships, campaigns, choices, token pairs. Encryption and statements live elsewhere."""

import hashlib
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

import msgspec

from bot.core.model import Campaign, Membership, Policy, Tokens
from bot.core.readings import names_none
from bot.errors import StoreError

_T = TypeVar("_T")

_UNKNOWN_SHAPE = "a stored value has a shape this version does not know"

# Sets come out sorted, so that equal values give equal bytes.
_encoder = msgspec.json.Encoder(order="deterministic")
# Of what ``carry`` adds, ``paid_for`` would only make every stored digest differ from the next list's.
_UNSAID = {"observed_at", "serial", "source", "paid_for"}
_content = attrgetter(*(each.name for each in fields(Membership) if each.name not in _UNSAID))

_memberships = msgspec.json.Decoder(Membership)
_campaigns = msgspec.json.Decoder(Campaign)
_choices = msgspec.json.Decoder(dict[str, Any])
_tokens = msgspec.json.Decoder(Tokens)
_texts = msgspec.json.Decoder(tuple[str, ...])
_instants = msgspec.json.Decoder(tuple[datetime, ...])


# What is stored as the digest of a membership that Patreon no longer names, so that no list finds it missing once more.
ABSENT = b""


def digest(membership: Membership) -> bytes:
    """Return 8 bytes that change when what Patreon said changed; when and how it was read does not count.

    An answer that names no membership has none: ABSENT.
    """
    if names_none(membership):
        return ABSENT
    return hashlib.blake2b(_encoder.encode(_content(membership)), digest_size=8).digest()


def encode(value: Membership | Campaign | Tokens) -> bytes:
    """Give a value's canonical JSON."""
    return _encoder.encode(value)


def encode_texts(texts: Iterable[str]) -> bytes:
    """Give a JSON array."""
    return _encoder.encode(tuple(texts))


def encode_instants(instants: Iterable[datetime]) -> bytes:
    """Return a JSON array of aware instants."""
    return _encoder.encode(tuple(instants))


def decode_instants(payload: bytes | None) -> tuple[datetime, ...]:
    """Read a JSON array of instants; nothing stored is none."""
    return () if payload is None else _decode(_instants, payload)


def decode_membership(payload: bytes) -> Membership:
    """Read a stored membership."""
    return _decode(_memberships, payload)


def decode_campaign(payload: bytes) -> Campaign:
    """Read a stored campaign."""
    return _decode(_campaigns, payload)


def encode_choices(stored: bytes | None, before: Policy, after: Policy) -> bytes:
    """Give the switches chosen so far and those in which ``after`` differs from ``before``, as a JSON object."""
    chosen = {} if stored is None else _decode(_choices, stored)
    both = ((each.name, getattr(before, each.name), getattr(after, each.name)) for each in fields(Policy))
    return _encoder.encode({**chosen, **{name: new for name, old, new in both if new != old}})


def decode_choices(policy: Policy, stored: bytes | None) -> Policy:
    """Give a policy with the switches somebody chose in place of its own."""
    if stored is None:
        return policy
    chosen = _decode(_choices, stored)
    try:
        return msgspec.convert({**msgspec.to_builtins(policy), **chosen}, Policy)
    except msgspec.ValidationError as error:
        raise StoreError(_UNKNOWN_SHAPE) from error


def decode_tokens(text: str) -> Tokens:
    """Read a token pair that was opened."""
    return _decode(_tokens, text.encode())


def decode_texts(payload: bytes) -> tuple[str, ...]:
    """Read a JSON array of texts."""
    return _decode(_texts, payload)


def _decode(decoder: "msgspec.json.Decoder[_T]", payload: bytes) -> _T:
    """Decode; what does not fit is a StoreError that says where, and never what."""
    try:
        return decoder.decode(payload)
    except msgspec.DecodeError as error:
        raise StoreError(_UNKNOWN_SHAPE) from error
