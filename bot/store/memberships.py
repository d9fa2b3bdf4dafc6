"""Memberships as Patreon said them last. Lists on their way in are listings.py's; what follows from them is the core's."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import Row

from bot.core.model import CampaignId, Membership, PatronId
from bot.store.codec import decode_membership, digest, encode
from bot.store.listings import Listings
from bot.store.records import MembershipRow
from bot.store.schema import memberships
from bot.store.serials import Serials
from bot.store.statements import Insert, insert_into, pieces

_c = memberships.c
_PAGE = 5000


class Memberships(Listings):
    """The stored memberships, one per patron and campaign, and the lists being read (see ``Listings``)."""

    async def load(self, patron: PatronId, campaign: CampaignId) -> Membership | None:
        """Load one membership; None when nothing is known."""
        row = await self._row(_readable().where(_c.campaign_id == campaign, _c.patron_id == patron))
        return None if row is None else _to_membership(row)

    async def load_all(self, patron: PatronId) -> dict[CampaignId, Membership]:
        """Load all memberships of a patron, by campaign."""
        found = map(_to_membership, await self._rows(_readable().where(_c.patron_id == patron)))
        return {membership.campaign: membership for membership in found}

    async def load_many(self, patrons: Iterable[PatronId]) -> dict[PatronId, dict[CampaignId, Membership]]:
        """Load all memberships of many patrons; a patron of whom nothing is known is not in the answer."""
        found: dict[PatronId, dict[CampaignId, Membership]] = {}
        for row in await self._rows_in(_readable(), _c.patron_id, patrons):
            membership = _to_membership(row)
            found.setdefault(membership.patron, {})[membership.campaign] = membership
        return found

    async def page(self, campaign: CampaignId, after: PatronId | None = None, limit: int = 1000) -> list[Membership]:
        """Load the next memberships of a campaign in order of patron (as text), beginning behind ``after``."""
        behind = (_c.campaign_id == campaign) & (_c.patron_id > (after or ""))
        rows = await self._rows(_readable().where(behind).order_by(_c.patron_id).limit(limit))
        return [_to_membership(row) for row in rows]

    async def save(self, membership: Membership, due_at: datetime | None, *, digest: bytes | None = None) -> None:
        """Store one membership over the one before it; ``digest`` as in ``MembershipRow``."""
        await self.save_many([MembershipRow(membership, due_at, digest)])

    async def save_many(self, rows: Iterable[MembershipRow]) -> None:
        """Store any number of memberships over the ones before them, unless those are later in the order.

        What is asked of Patreon after this is later than all of them.
        """
        # In one order everywhere, so that two writers never wait for each other in a ring.
        ordered = sorted(rows, key=lambda row: (row.membership.campaign, row.membership.patron))
        for piece in pieces(map(_to_values, ordered)):
            await self._run(_later(self._on_postgres), piece)
        if ordered:
            await Serials(self._connection).take()

    async def touch(self, again: Membership) -> None:
        """Remember that Patreon said the same again, unless that is known to be later."""
        earlier = (_c.campaign_id == again.campaign) & (_c.patron_id == again.patron) & (_c.serial < again.serial)
        changes = {"observed_at": again.observed_at, "serial": again.serial}
        await self._run(update(memberships).where(earlier).values(**changes))

    async def set_due(self, patron: PatronId, campaign: CampaignId, due_at: datetime | None) -> None:
        """Say when time alone may change what follows from a membership; None: never."""
        one = (_c.campaign_id == campaign) & (_c.patron_id == patron)
        await self._run(update(memberships).where(one).values(due_at=due_at))

    async def due_of(self, patron: PatronId) -> dict[CampaignId, datetime | None]:
        """Say of each campaign a patron has a membership in when time alone may change what follows; None: never."""
        rows = await self._rows(select(_c.campaign_id, _c.due_at).where(_c.patron_id == patron))
        return {CampaignId(row.campaign_id): row.due_at for row in rows}

    async def due(self, now: datetime, limit: int = 1000) -> list[tuple[PatronId, CampaignId]]:
        """Name the memberships whose time has come, the longest overdue first."""
        question = select(_c.patron_id, _c.campaign_id).where(_c.due_at <= now).order_by(_c.due_at).limit(limit)
        return [(PatronId(row.patron_id), CampaignId(row.campaign_id)) for row in await self._rows(question)]


@cache
def _later(on_postgres: bool) -> Insert:
    """Build the upsert that keeps the later of two readings."""
    insert = insert_into(memberships, on_postgres)
    changes = {name: insert.excluded[name] for name in ("payload", "digest", "observed_at", "serial", "due_at")}
    later = _c.serial <= insert.excluded.serial
    return insert.on_conflict_do_update(index_elements=["campaign_id", "patron_id"], set_=changes, where=later)


def _readable() -> Any:
    return select(_c.payload, _c.observed_at, _c.serial)


def _to_values(row: MembershipRow) -> dict[str, object]:
    membership = row.membership
    return {
        "campaign_id": membership.campaign,
        "patron_id": membership.patron,
        "payload": encode(membership),
        "digest": digest(membership) if row.digest is None else row.digest,
        "observed_at": membership.observed_at,
        "serial": membership.serial,
        "due_at": row.due_at,
    }


def _to_membership(row: Row[Any]) -> Membership:
    """Decode; a later reading that said the same is remembered in the columns only."""
    return replace(decode_membership(row.payload), observed_at=row.observed_at, serial=row.serial)
