"""The hot path of version 2: a page of members into ``Membership`` values. Part of the v2 dialect; no I/O, no v1.

A list of 100,000 passes here at each refresh, so rows are decoded straight into narrow structs, everything not asked
for is skipped unread, and what repeats among members (tier sets, dates) is built once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec

from bot.core.model import CampaignId, Charge, Membership, MembershipId, PatronId, PatronStatus, Source, TierId
from bot.errors import UnexpectedAnswer
from bot.patreon.wire import Id, Ref, cursor_of, decode, decode_each, to_instant, to_repeated_instant

STATUSES = {
    "active_patron": PatronStatus.ACTIVE,
    "declined_patron": PatronStatus.DECLINED,
    "former_patron": PatronStatus.FORMER,
    # Null is a free member, or somebody who never paid: not an error.
    None: PatronStatus.NONE,
}
CHARGES = {
    None: Charge.NONE,
    "Paid": Charge.PAID,
    "Pending": Charge.PENDING,
    "Declined": Charge.DECLINED,
    "Fraud": Charge.FRAUD,
    "Refunded": Charge.REFUNDED,
    "Refunded by Patreon": Charge.REFUNDED,
    # The creator has the money so far, kept part of it, or all.
    "Refund Pending": Charge.PAID,
    "Partially Refunded": Charge.PAID,
    "Refund Declined": Charge.PAID,
    "Deleted": Charge.DELETED,
    "Free Trial": Charge.TRIAL,
}

Cents = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class MemberAttributes(msgspec.Struct, gc=False):
    """What we ask of a member. Unset is not null: null says something, a missing field says nothing."""

    patron_status: str | msgspec.UnsetType | None = msgspec.UNSET
    last_charge_status: str | None = None
    last_charge_date: str | None = None
    next_charge_date: str | None = None
    currently_entitled_amount_cents: Cents | None = None
    will_pay_amount_cents: Cents | None = None
    campaign_lifetime_support_cents: Cents | None = None
    is_free_trial: bool | None = None
    is_gifted: bool | None = None
    pledge_cadence: int | str | msgspec.UnsetType | None = msgspec.UNSET
    pledge_relationship_start: str | None = None


class _One(msgspec.Struct, gc=False):
    data: Ref | None = None


class _Many(msgspec.Struct, gc=False):
    data: list[Ref] | None = None


class _Relations(msgspec.Struct, gc=False):
    user: _One | None = None
    currently_entitled_tiers: _Many | msgspec.UnsetType | None = msgspec.UNSET


class MemberRow(msgspec.Struct, gc=False):
    """A row of the list, before anything is concluded from it."""

    id: Id
    type: str = ""
    attributes: MemberAttributes | None = None
    relationships: _Relations | None = None


class _Priced(msgspec.Struct, gc=False):
    amount_cents: Cents | None = None


class _Included(msgspec.Struct, gc=False):
    type: str
    id: Id | None = None
    attributes: _Priced | None = None


class _Cursors(msgspec.Struct, gc=False):
    next: str | None = None


class _Pagination(msgspec.Struct, gc=False):
    cursors: _Cursors | None = None
    total: int | None = None


class _Meta(msgspec.Struct, gc=False):
    pagination: _Pagination | None = None


class _Page(msgspec.Struct, gc=False):
    data: list[MemberRow]
    included: list[_Included] | None = None
    meta: _Meta | None = None
    links: dict[str, str | None] | None = None


class _RoughPage(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    included: list[_Included] | None = None
    meta: _Meta | None = None
    links: dict[str, str | None] | None = None


class _Named(msgspec.Struct, gc=False):
    id: Id
    relationships: _Relations | None = None


_PAGE = msgspec.json.Decoder(_Page)
_ROUGH_PAGE = msgspec.json.Decoder(_RoughPage)
_ROW = msgspec.json.Decoder(MemberRow)
_NAMED = msgspec.json.Decoder(_Named)


@dataclass(frozen=True, slots=True)
class MemberPage:
    """A decoded page. ``broken`` has the rows of a wrong shape: who they are about, by member id."""

    rows: list[MemberRow]
    prices: dict[str, int]
    total: int | None
    cursor: str | None
    broken: dict[str, str]


def decode_page(body: bytes) -> MemberPage:
    """Decode a page of members; raises UnexpectedAnswer when it is no list.

    One row of a wrong shape does not spoil the page: it is named in ``broken``, and nothing follows from it.
    """
    try:
        page = decode(body, _PAGE)
    except UnexpectedAnswer:
        return _decode_row_by_row(body)
    return _to_page(page, page.data, {})


def _decode_row_by_row(body: bytes) -> MemberPage:
    page = decode(body, _ROUGH_PAGE)
    rows, bad = decode_each(page.data, _ROW)
    named = [decode(row, _NAMED) for row in bad]
    return _to_page(page, rows, {row.id: patron_of(row.relationships) or row.id for row in named})


def _to_page(page: _Page | _RoughPage, rows: list[MemberRow], broken: dict[str, str]) -> MemberPage:
    """Take the cursor from ``meta.pagination`` or else ``links.next``: both forms occur, on one-page lists neither."""
    pagination = page.meta.pagination if page.meta else None
    cursor = pagination.cursors.next if pagination and pagination.cursors else None
    return MemberPage(
        rows,
        {
            found.id: found.attributes.amount_cents
            for found in page.included or ()
            if found.type == "tier" and found.id and found.attributes and found.attributes.amount_cents is not None
        },
        pagination.total if pagination else None,
        cursor or cursor_of((page.links or {}).get("next")),
        broken,
    )


def patron_of(relations: _Relations | None) -> str | None:
    """Give the Patreon user a row belongs to, None for rows of deleted users that no longer name one."""
    user = relations.user.data if relations and relations.user else None
    return user.id if user and user.type == "user" else None


class MemberReader:
    """Turns rows into memberships for one answer: knows its tiers' prices and the instant it was read."""

    def __init__(self, prices: Mapping[str, int], now: datetime, source: Source) -> None:
        """Take the prices of the tiers that came along, in cents by tier id."""
        self._prices = prices
        self._now = now
        self._source = source
        self._tiers: dict[tuple[str, ...], tuple[frozenset[TierId], int | None]] = {}

    def read_all(self, page: MemberPage, campaign: CampaignId) -> tuple[dict[str, Membership | None], set[str]]:
        """Read a page: the memberships by row, and the patron or member ids of those that cannot be read."""
        rows: dict[str, Membership | None] = dict.fromkeys(page.broken)
        unreadable = set(page.broken.values())
        for row in page.rows:
            patron = patron_of(row.relationships)
            try:
                rows[row.id] = self.read(row, PatronId(patron), campaign) if patron else None
            except UnexpectedAnswer:
                rows[row.id] = None
            if rows[row.id] is None:
                unreadable.add(patron or row.id)
        return rows, unreadable

    def read(self, row: MemberRow, patron: PatronId, campaign: CampaignId) -> Membership:
        """Read one row; raises UnexpectedAnswer when it does not say what it was asked.

        A status text we do not know could mean anything, so nothing is concluded from such a row either.
        """
        said, relations = row.attributes, row.relationships
        if said is None or relations is None or relations.currently_entitled_tiers is msgspec.UNSET:
            raise UnexpectedAnswer("a member without attributes or tiers")
        status = STATUSES.get(said.patron_status) if said.patron_status is not msgspec.UNSET else None
        if status is None:
            raise UnexpectedAnswer("a member of no known status")
        charge = CHARGES.get(said.last_charge_status, Charge.OTHER)
        tiers, tier_cents = self._tiers_of(relations.currently_entitled_tiers)
        return Membership(
            patron,
            campaign,
            status,
            self._now,
            charge,
            _a_month(said.currently_entitled_amount_cents, said.pledge_cadence),
            _a_month(said.will_pay_amount_cents, said.pledge_cadence),
            None,
            tiers,
            tier_cents,
            self._declined_since(status, charge, said.last_charge_date),
            self._paid_through(status, charge, said.next_charge_date),
            said.campaign_lifetime_support_cents,
            to_instant(said.pledge_relationship_start) if said.pledge_relationship_start is not None else None,
            said.is_gifted is True,
            said.is_free_trial is True or (said.is_free_trial is None and charge is Charge.TRIAL),
            MembershipId(row.id),
            self._source,
        )

    def _tiers_of(self, relation: _Many | None) -> tuple[frozenset[TierId], int | None]:
        refs = relation.data if relation and relation.data else ()
        key = tuple([ref.id for ref in refs])
        found = self._tiers.get(key)
        if found is None:
            known = [self._prices[tier] for tier in key if tier in self._prices]
            found = self._tiers[key] = frozenset(map(TierId, key)), max(known, default=None)
        return found

    def _declined_since(self, status: PatronStatus, charge: Charge, last_charge_date: str | None) -> datetime | None:
        """Say when the last try to charge failed, an upper bound of when the decline began: v2 names nothing closer."""
        if status is not PatronStatus.DECLINED or charge is not Charge.DECLINED or last_charge_date is None:
            return None
        return min(to_instant(last_charge_date), self._now)

    def _paid_through(self, status: PatronStatus, charge: Charge, next_charge_date: str | None) -> datetime | None:
        """Return until when it is paid: the next charge, while that lies ahead and the last one went through.

        Patreon leaves the date of a pledge that was cancelled, one that was never paid included.
        """
        if next_charge_date is None or charge is not Charge.PAID or status is PatronStatus.DECLINED:
            return None
        until = to_repeated_instant(next_charge_date)
        return until if until > self._now else None


def _a_month(cents: int | None, cadence: int | str | msgspec.UnsetType | None) -> int | None:
    """Divide what is paid a period by the months of the period, to the nearest cent; None when the period is not known.

    Amounts of annual memberships are for the whole year (Patreon's WordPress plug-in, issue 120). Null is no period:
    free members, gifts, campaigns that charge per creation.
    """
    if cents is None or cadence is None or cadence == 1:
        return cents
    if isinstance(cadence, msgspec.UnsetType):
        return None
    # Typed as text in places of the documentation; longer text would be no number of months.
    months = cadence if isinstance(cadence, int) else int(cadence) if cadence in _CADENCES_AS_TEXT else 0
    return (2 * cents + months) // (2 * months) if 1 <= months <= _LONGEST_CADENCE else None


_LONGEST_CADENCE = 120
_CADENCES_AS_TEXT = frozenset(map(str, range(1, _LONGEST_CADENCE + 1)))
