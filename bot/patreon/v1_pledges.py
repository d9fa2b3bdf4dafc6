"""Pledges of version 1 into ``Membership`` values. Part of the v1 dialect; no I/O, no v2.

Obeys the pledge object of Patreon's v1 documentation. Two things it does not say: a pledge's amount is in the patron's
currency while rewards are priced in the campaign's, and which campaign a pledge belongs to has to be found by its creator.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import msgspec

from bot.core.model import CampaignId, Charge, Membership, PatronId, PatronStatus, Source, TierId
from bot.core.readings import ended
from bot.errors import UnexpectedAnswer
from bot.patreon.wire import Id, Ref, cursor_of, decode, decode_each, to_instant, to_optional_instant

# Rewards every campaign has without having made them: "everyone" and "patrons only".
PSEUDO_REWARDS = frozenset({"-1", "0"})

Cents = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class PledgeAttributes(msgspec.Struct, gc=False):
    """What we ask of a pledge; ``declined_since`` unset is not null, since null says that the pledge is in order."""

    amount_cents: Cents | None = None
    created_at: str | None = None
    declined_since: str | msgspec.UnsetType | None = msgspec.UNSET
    currency: str | None = None
    status: str | None = None
    total_historical_amount_cents: Cents | None = None


class _One(msgspec.Struct, gc=False):
    data: Ref | None = None


class _PledgeRelations(msgspec.Struct, gc=False):
    patron: _One | None = None
    reward: _One | None = None
    creator: _One | None = None
    campaign: _One | None = None


class PledgeRow(msgspec.Struct, gc=False):
    """A pledge before anything is concluded from it."""

    id: Id
    type: str = ""
    attributes: PledgeAttributes | None = None
    relationships: _PledgeRelations | None = None

    def ref(self, name: str) -> str | None:
        """Give the id a relationship points to."""
        return _ref(getattr(self.relationships, name, None))


class _SideAttributes(msgspec.Struct, gc=False):
    amount_cents: Cents | None = None
    currency: str | None = None
    pledge_sum_currency: str | None = None


class _SideRelations(msgspec.Struct, gc=False):
    creator: _One | None = None
    campaign: _One | None = None


class Beside(msgspec.Struct, gc=False):
    """An included resource, as far as it helps to read pledges."""

    type: str
    id: Id | None = None
    attributes: _SideAttributes | None = None
    relationships: _SideRelations | None = None


class _Meta(msgspec.Struct, gc=False):
    count: int | None = None


class _Page(msgspec.Struct, gc=False):
    data: list[PledgeRow]
    included: list[Beside] | None = None
    links: dict[str, str | None] | None = None
    meta: _Meta | None = None


class _RoughPage(msgspec.Struct, gc=False):
    data: list[msgspec.Raw]
    included: list[Beside] | None = None
    links: dict[str, str | None] | None = None
    meta: _Meta | None = None


class _NamedRelations(msgspec.Struct, gc=False):
    patron: _One | None = None


class _Named(msgspec.Struct, gc=False):
    id: Id
    relationships: _NamedRelations | None = None


_PAGE = msgspec.json.Decoder(_Page)
_ROUGH_PAGE = msgspec.json.Decoder(_RoughPage)
_ROW = msgspec.json.Decoder(PledgeRow)
_NAMED = msgspec.json.Decoder(_Named)


@dataclass(frozen=True, slots=True)
class PledgePage:
    """A decoded page. ``broken`` has the rows of a wrong shape: who they are about, by pledge id."""

    rows: list[PledgeRow]
    included: list[Beside]
    total: int | None
    cursor: str | None
    broken: dict[str, str]


def decode_page(body: bytes) -> PledgePage:
    """Decode a page of pledges; raises UnexpectedAnswer when it is no list. A broken row does not spoil the page."""
    page: _Page | _RoughPage
    try:
        page = decoded = decode(body, _PAGE)
        rows, bad = decoded.data, list[bytes]()
    except UnexpectedAnswer:
        page = rough = decode(body, _ROUGH_PAGE)
        rows, bad = decode_each(rough.data, _ROW)
    named = [decode(row, _NAMED) for row in bad]
    return PledgePage(
        rows,
        page.included or [],
        page.meta.count if page.meta else None,
        cursor_of((page.links or {}).get("next")),
        {row.id: _ref(row.relationships.patron if row.relationships else None) or row.id for row in named},
    )


class PledgeReader:
    """Turns pledges into memberships for one answer: knows its rewards, campaigns and creators."""

    def __init__(
        self, included: Iterable[Beside], now: datetime, source: Source, currencies: Mapping[CampaignId, str] | None = None
    ) -> None:
        """Take what came along with the pledges, and the currencies of campaigns known from before, by campaign id."""
        self._now = now
        self._source = source
        self._prices: dict[str, int] = {}
        self._currencies: dict[str, str] = {}
        self._stored = currencies or {}
        self._campaign_of: dict[tuple[str, str], str] = {}
        self._tiers: dict[str, frozenset[TierId]] = {}
        for side in included:
            self._learn(side)

    def _learn(self, side: Beside) -> None:
        if side.id is None:
            return
        said, relations = side.attributes, side.relationships
        campaign = _ref(relations.campaign) if relations else None
        if campaign is not None:
            self._campaign_of[side.type, side.id] = campaign
        if side.type == "campaign" and relations and (creator := _ref(relations.creator)):
            self._campaign_of["user", creator] = side.id
        if side.type == "reward" and said and said.amount_cents is not None:
            self._prices[side.id] = said.amount_cents
        priced_in = side.id if side.type == "campaign" else campaign if side.type == "reward" else None
        if said and priced_in and (currency := said.currency or said.pledge_sum_currency):
            self._currencies[priced_in] = currency

    def read_all(self, page: PledgePage, campaign: CampaignId) -> tuple[dict[str, Membership | None], set[str]]:
        """Read a page: the memberships by row, and the patron or pledge ids of those that cannot be read."""
        rows: dict[str, Membership | None] = dict.fromkeys(page.broken)
        unreadable = set(page.broken.values())
        for row in page.rows:
            try:
                rows[row.id] = self.read(row, campaign)
            except UnexpectedAnswer:
                rows[row.id] = None
                unreadable.add(row.ref("patron") or row.id)
        return rows, unreadable

    def campaign_of(self, row: PledgeRow) -> CampaignId | None:
        """Find the campaign a pledge belongs to: it says so (since 2020), or its creator or its reward does."""
        stated, creator, reward = row.ref("campaign"), row.ref("creator"), row.ref("reward")
        found = stated or self._campaign_of.get(("user", creator or "")) or self._campaign_of.get(("reward", reward or ""))
        return CampaignId(found) if found else None

    def is_own_page(self, row: PledgeRow) -> bool:
        """Say whether patron and creator are one, as only Patreon's test button has it."""
        patron = row.ref("patron")
        creator = row.ref("creator")
        owned = self._campaign_of.get(("user", patron or ""))
        return patron is not None and (patron == creator or (owned is not None and owned == row.ref("campaign")))

    def read(self, row: PledgeRow, campaign: CampaignId) -> Membership:
        """Read one pledge; raises UnexpectedAnswer when it does not say what it was asked."""
        said, relations = row.attributes, row.relationships
        patron = _ref(relations.patron) if relations else None
        if said is None or patron is None or said.declined_since is msgspec.UNSET:
            raise UnexpectedAnswer("a pledge without a patron or without its state")
        status, charge = _state_of(said)
        reward = _ref(relations.reward) if relations else None
        price = self._prices.get(reward) if reward and reward not in PSEUDO_REWARDS else None
        currency = self._currencies.get(campaign)
        if currency is None and said.currency is not None:
            currency = self._stored.get(campaign)
        # Where neither says one, it is the time when all of Patreon was in dollars.
        comparable = said.currency == currency
        found = Membership(
            PatronId(patron),
            campaign,
            status,
            self._now,
            charge,
            # In another currency the price of the reward, which is in the campaign's, is all that can be compared.
            said.amount_cents if comparable else None,
            None,
            said.currency or currency,
            self._tiers_of(reward),
            price,
            to_optional_instant(said.declined_since),
            None,
            said.total_historical_amount_cents if comparable else None,
            to_instant(said.created_at) if said.created_at is not None else None,
            source=self._source,
        )
        return ended(found) if status is PatronStatus.FORMER else found

    def _tiers_of(self, reward: str | None) -> frozenset[TierId]:
        if reward is None or reward in PSEUDO_REWARDS:
            return frozenset()
        found = self._tiers.get(reward)
        if found is None:
            found = self._tiers[reward] = frozenset({TierId(reward)})
        return found


def _state_of(said: PledgeAttributes) -> tuple[PatronStatus, Charge]:
    """Derive what v2 calls the patron's status: v1 lists current pledges only and tells declined ones by an instant."""
    if said.declined_since is not None or said.status == "declined":
        return PatronStatus.DECLINED, Charge.DECLINED
    try:
        return _STATES[said.status]
    except KeyError:
        raise UnexpectedAnswer("a pledge of no known status") from None


# The words of v2's ``pledge_payment_status``, which are the states of a pledge.
_STATES = {
    None: (PatronStatus.ACTIVE, Charge.NONE),
    "valid": (PatronStatus.ACTIVE, Charge.NONE),
    "queued": (PatronStatus.ACTIVE, Charge.PENDING),
    "pending": (PatronStatus.ACTIVE, Charge.PENDING),
    "fraud": (PatronStatus.ACTIVE, Charge.FRAUD),
    "disabled": (PatronStatus.FORMER, Charge.NONE),
}


def _ref(relation: _One | None) -> str | None:
    return relation.data.id if relation and relation.data else None
