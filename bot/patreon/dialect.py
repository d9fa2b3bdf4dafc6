"""What the client asks of a dialect. Both versions fulfil it; only ``dialect_of`` knows which there are."""

from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from bot.core.model import Campaign, CampaignId
from bot.patreon.answers import Currencies, Identity, RawPage
from bot.patreon.fields import FieldLists
from bot.patreon.v1 import V1Dialect
from bot.patreon.v2 import V2Dialect
from bot.patreon.wire import Call


class Dialect(Protocol):
    """A version of the API: builds calls, reads answers. The parsers raise UnexpectedAnswer."""

    @property
    def version(self) -> int:
        """1 or 2."""

    @property
    def default_scopes(self) -> tuple[str, ...]:
        """The least a patron has to grant."""

    def lacking(self, scopes: AbstractSet[str], *, own: bool) -> str | None:
        """Name the scope without which a token does not show that there is a membership; None when it has what it needs.

        ``own``: the campaign is that of the client itself.
        """

    @property
    def root_paths(self) -> frozenset[str]:
        """The addresses that exist for every token."""

    def judges(self, path: str) -> bool:
        """Say whether a 401 at an address is about the token itself; elsewhere it can be about a scope."""

    @property
    def fields(self) -> FieldLists:
        """The fields it asks for."""

    def identity_call(self) -> Call:
        """Ask who a token belongs to, with their memberships."""

    @property
    def tells_currency(self) -> bool:
        """Whether every amount is in the campaign's currency; else what is stored of campaigns helps to compare."""

    def parse_identity(self, body: bytes, now: datetime, currencies: Currencies | None = None) -> Identity:
        """Read the answer to ``identity_call``."""

    def list_call(self, campaign: CampaignId, cursor: str | None) -> Call:
        """Ask for a page of a campaign's list; the first without a cursor."""

    def parse_list(self, body: bytes, campaign: CampaignId, now: datetime, currencies: Currencies | None = None) -> RawPage:
        """Read a page."""

    def campaigns_call(self) -> Call:
        """Ask for the campaigns of a token's owner."""

    def campaign_call(self, campaign: CampaignId) -> Call:
        """Ask for one campaign, or for all of them where there is no call for one."""

    def parse_campaigns(self, body: bytes) -> tuple[Campaign, ...]:
        """Read the answer to either."""


def dialect_of(version: int) -> Dialect:
    """Give a fresh dialect of a version of the API."""
    return V1Dialect() if version == 1 else V2Dialect()
