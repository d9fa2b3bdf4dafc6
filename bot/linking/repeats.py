"""A step taken twice, by a second tab, a double click or a page sent again: what came of the first time counts.

Only looks; the steps themselves are in ``linking``.
"""

import hashlib
from base64 import urlsafe_b64encode
from datetime import datetime

from bot.core.model import Link
from bot.linking.outlook import Linked, Readings, look_ahead
from bot.store import Tables
from bot.store.records import AttemptStage, LinkAttempt


def state_of(start_token: str) -> str:
    """Give the OAuth state of a start link: always the same one, so that it does not matter in which tab one goes on.

    Nobody can tell it who does not have the link itself, the database included: that knows hashes of both, and no more.
    """
    return urlsafe_b64encode(hashlib.sha256(f"state of {start_token}".encode()).digest()).decode().rstrip("=")


async def agreed(t: Tables, attempt: LinkAttempt | None, readings: Readings | None, now: datetime) -> Linked | None:
    """Give the result of an attempt that has led to a link which still stands; ``readings`` may be newer than the stored."""
    link = await _made_by(t, attempt) if attempt else None
    if attempt is None or link is None:
        return None
    known = readings or tuple((await t.memberships.load_all(link.patron)).values()) or readings
    return await look_ahead(t, link, attempt.guild, known, now)


async def denied(t: Tables, attempt: LinkAttempt | None) -> bool:
    """Say whether an attempt was answered, and not by a link."""
    return attempt is not None and attempt.stage is AttemptStage.DONE and await _made_by(t, attempt) is None


async def _made_by(t: Tables, attempt: LinkAttempt) -> Link | None:
    link = await t.links.load(attempt.user)
    if link is None or link.patron != attempt.patron or link.linked_at < attempt.created_at:
        return None
    return link
