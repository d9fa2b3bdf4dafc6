"""What Patreon posts to us: is it Patreon's, and which patron should be looked at. Bytes and values only.

A webhook is a hint. Bodies come late, twice, out of order, from the portal's test button, and contradict the API; what
they say is never more than one reading. There is no timestamp and no delivery id, so nothing here can tell a replay.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from bot.core.model import CampaignId, Membership, MembershipId, PatronId, Source
from bot.core.readings import absent, ended
from bot.errors import UnexpectedAnswer, WebhookRejected
from bot.patreon.answers import Currencies, WebhookNotice
from bot.patreon.v1 import reader_of, to_row
from bot.patreon.v2 import V2Dialect
from bot.patreon.wire import Document, Resource, parse_document

log = structlog.get_logger(__name__)

_TRIGGER = re.compile(r"[a-z:]{1,60}")
_HEX_DIGITS = 32


def sign(body: bytes, secret: str) -> str:
    """Give Patreon's signature of a body: HMAC-MD5 in lower-case hex (its documentation, section "Webhooks")."""
    return hmac.new(secret.encode(), body, hashlib.md5).hexdigest()


def verify(body: bytes, signature: str | None, secrets: Sequence[str]) -> None:
    """Check the signature over the raw bytes against every secret; raises WebhookRejected with 401.

    Without a secret nothing is Patreon's. Compared as bytes and in constant time: a header can hold any letters.
    """
    given = (signature or "").encode("utf-8", "replace")
    matches = [hmac.compare_digest(given, sign(body, secret).encode()) for secret in secrets if secret]
    if len(given) != _HEX_DIGITS or not any(matches):
        raise WebhookRejected(401, "the signature is missing or wrong")


def parse(trigger: str | None, body: bytes, now: datetime, currencies: Currencies | None = None) -> WebhookNotice:
    """Read a verified body of either version; raises WebhookRejected with 400 for what is not JSON.

    Everything else that is signed is answered with a notice, an empty one for test deliveries, posts and shapes we do
    not know: refusing those would only make Patreon pause the webhook. ``currencies`` are those stored of campaigns.
    """
    known = trigger if trigger is not None and _TRIGGER.fullmatch(trigger) else "unknown"
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise WebhookRejected(400, "the body is not JSON") from None
    try:
        document = parse_document(body)
        resource = document.single()
        if resource.type == "pledge" and resource.id is not None:
            return _pledge_notice(known, document, resource, now, currencies)
        return _notice(known, resource, body, now)
    except UnexpectedAnswer as problem:
        log.warning("patreon_webhook_not_understood", trigger=known, problem=str(problem))
        return WebhookNotice(known)


def _notice(trigger: str, resource: Resource, body: bytes, now: datetime) -> WebhookNotice:
    # The portal's test button sends a resource that does not exist.
    if resource.id is None:
        return WebhookNotice(trigger)
    return _member_notice(trigger, resource, body, now) if resource.type == "member" else WebhookNotice(trigger)


def _member_notice(trigger: str, member: Resource, body: bytes, now: datetime) -> WebhookNotice:
    user, about = member.one("user"), member.one("campaign")
    patron, campaign = PatronId(user.id) if user else None, CampaignId(about.id) if about else None
    try:
        reading: Membership | None = V2Dialect().parse_member(body, now, Source.WEBHOOK)
    except UnexpectedAnswer:
        reading = None
    said = _said(trigger, reading, patron, campaign, now)
    return WebhookNotice(trigger, patron, campaign, said, MembershipId(member.id) if member.id else None)


def _pledge_notice(
    trigger: str, document: Document, pledge: Resource, now: datetime, currencies: Currencies | None
) -> WebhookNotice:
    reader, row = reader_of(document, now, Source.WEBHOOK, currencies), to_row(pledge)
    patron, campaign = row.ref("patron"), reader.campaign_of(row)
    # The test button makes the creator their own patron; nobody else can be.
    if patron is None or reader.is_own_page(row):
        return WebhookNotice(trigger)
    try:
        reading = reader.read(row, campaign) if campaign else None
    except UnexpectedAnswer:
        reading = None
    said = _said(trigger, reading, PatronId(patron), campaign, now)
    return WebhookNotice(trigger, PatronId(patron), campaign, said)


def _said(
    trigger: str, reading: Membership | None, patron: PatronId | None, campaign: CampaignId | None, now: datetime
) -> Membership | None:
    """Return what a delivery says. A ``*:delete`` says that it is over, whatever its body lists or hides."""
    if not trigger.endswith(":delete"):
        return reading
    if reading is not None:
        return ended(reading)
    return absent(patron, campaign, now, source=Source.WEBHOOK) if patron and campaign else None
