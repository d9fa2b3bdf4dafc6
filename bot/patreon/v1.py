"""The dialect of API version 1: users, campaigns, pledges. Builds its calls, reads its answers; no I/O, no v2.

Obeys Patreon's v1 documentation, sections "OAuth", "API" and "Webhooks". What reads everything that is documented, typed
and unabridged, is ``v1_objects``; here is what becomes of it in the core's types.
"""

import re
from collections.abc import Set as AbstractSet
from datetime import datetime
from urllib.parse import quote

import msgspec

from bot.core.model import Campaign, CampaignId, Membership, PatronId, Source, Tier, TierId
from bot.errors import UnexpectedAnswer
from bot.patreon.answers import Currencies, Identity, RawPage
from bot.patreon.fields import FieldLists
from bot.patreon.v1_pledges import PSEUDO_REWARDS, Beside, PledgeReader, PledgeRow, decode_page
from bot.patreon.wire import Call, Document, Index, Resource, parse_document, printable, to_roles, to_shape

# The documentation names no largest page; 100 is what long-lived clients ask for.
PAGE_SIZE = 100

FIELDS = {
    # Asking for any field drops the default ones, so these are named too.
    "pledge": (
        "amount_cents",
        "created_at",
        "declined_since",
        "patron_pays_fees",
        "pledge_cap_cents",
        "currency",
        "status",
        "total_historical_amount_cents",
    ),
}
ESSENTIAL = ("pledge.amount_cents", "pledge.declined_since")


class V1Dialect:
    """Calls and answers of version 1."""

    version = 1
    tells_currency = False
    default_scopes = ("users", "pledges-to-me")
    root_paths = frozenset({"/oauth2/api/current_user", "/oauth2/api/current_user/campaigns"})
    _judging = re.compile(r"/oauth2/api/(current_user(/campaigns)?|campaigns/[^/]+/pledges)")

    def __init__(self) -> None:
        """Start with all fields asked for."""
        self.fields = FieldLists(FIELDS, ESSENTIAL)

    def judges(self, path: str) -> bool:
        """Say whether a 401 at an address is about the token itself: at each of the documented ones."""
        return self._judging.fullmatch(path) is not None

    def lacking(self, scopes: AbstractSet[str], *, own: bool) -> str | None:
        """Name the scope without which ``current_user`` has no pledges; v2's name for it does as well."""
        del own
        return None if scopes & {"pledges-to-me", "identity.memberships"} else "pledges-to-me"

    def identity_call(self) -> Call:
        """Ask who the token's owner is, with their pledges; the default includes bring creators, rewards, campaigns."""
        return current_user_call(self.fields.query("pledge"))

    def parse_identity(self, body: bytes, now: datetime, currencies: Currencies | None = None) -> Identity:
        """Read ``current_user``; raises UnexpectedAnswer when it names no user.

        The documentation's own examples take "no pledge in ``included``" for "no pledge", and so do we.
        """
        document = parse_document(body)
        user, index = document.single(), document.index()
        if user.type != "user" or user.id is None:
            raise UnexpectedAnswer("current_user without a user")
        patron = PatronId(user.id)
        announced = [index.get(ref) for ref in user.many("pledges")]
        reader = reader_of(document, now, Source.FETCH, currencies)
        found = [_read_own(pledge, reader) for pledge in index.of_type("pledge") if _is_of(pledge, patron)]
        owned = {ref.id for ref in user.many("campaign")}
        owned |= {campaign.id for campaign in index.of_type("campaign") if campaign.id and _creator_of(campaign) == patron}
        return Identity(
            patron,
            printable(user.text("full_name")),
            frozenset(map(CampaignId, owned)),
            tuple(membership for membership in found if membership is not None),
            complete=None not in found and None not in announced,
        )

    def list_call(self, campaign: CampaignId, cursor: str | None) -> Call:
        """Ask for a page of a campaign's pledges; needs the creator's token, and 403 answers anybody else's."""
        return pledges_call(
            campaign,
            cursor=cursor,
            extra=(("include", "patron,reward,creator"), *self.fields.query("pledge")),
        )

    def parse_list(self, body: bytes, campaign: CampaignId, now: datetime, currencies: Currencies | None = None) -> RawPage:
        """Read a page of pledges: rows that cannot be read are named, a page that is no list raises UnexpectedAnswer."""
        page = decode_page(body)
        rows, unreadable = PledgeReader(page.included, now, Source.LIST, currencies).read_all(page, campaign)
        return RawPage(rows, page.total, page.cursor, unreadable)

    def campaigns_call(self) -> Call:
        """Ask for the campaigns of the token's owner with rewards, creator and goals."""
        return campaigns_call((("include", "rewards,creator,goals"),))

    def campaign_call(self, campaign: CampaignId) -> Call:
        """Ask for all campaigns, since v1 has no call for one."""
        del campaign
        return self.campaigns_call()

    def parse_campaigns(self, body: bytes) -> tuple[Campaign, ...]:
        """Read ``current_user/campaigns``; raises UnexpectedAnswer."""
        document = parse_document(body)
        index = document.index()
        return tuple(_to_campaign(resource, index) for resource in document.whole())


def current_user_call(query: tuple[tuple[str, str], ...] = ()) -> Call:
    """``GET current_user``: with a patron's token their profile and pledges, with the creator's the creator's."""
    return Call("GET", "/oauth2/api/current_user", query)


def campaigns_call(query: tuple[tuple[str, str], ...] = ()) -> Call:
    """``GET current_user/campaigns``: rewards, goals, creator and the first twenty pledges unless asked otherwise."""
    return Call("GET", "/oauth2/api/current_user/campaigns", query)


def pledges_call(
    campaign: CampaignId,
    *,
    count: int = PAGE_SIZE,
    cursor: str | None = None,
    sort: str = "created",
    extra: tuple[tuple[str, str], ...] = (),
) -> Call:
    """``GET campaigns/<id>/pledges``: a page, sorted by ``created`` or ``updated``, with ``-`` the newest first."""
    query = [("page[count]", str(count)), ("sort", sort), *extra]
    if cursor is not None:
        query.append(("page[cursor]", cursor))
    return Call("GET", f"/oauth2/api/campaigns/{quote(campaign, safe='')}/pledges", tuple(query))


def reader_of(document: Document, now: datetime, source: Source, currencies: Currencies | None = None) -> PledgeReader:
    """Give a reader of pledges that knows everything else in the document."""
    known = [*document.listed()] if isinstance(document.data, list) else [document.single()]
    return PledgeReader([_to_side(found) for found in [*known, *(document.included or [])]], now, source, currencies)


def to_row(pledge: Resource) -> PledgeRow:
    """Check a pledge's shape; raises UnexpectedAnswer."""
    return to_shape(msgspec.to_builtins(pledge), PledgeRow)


def _to_side(resource: Resource) -> Beside:
    wanted = resource.type in ("campaign", "reward", "user")
    return to_shape(msgspec.to_builtins(resource), Beside) if wanted else Beside(resource.type)


def _is_of(pledge: Resource, patron: PatronId) -> bool:
    """Leave out pledges of others, which come along when the token's owner is a creator."""
    stated = pledge.one("patron")
    return stated is None or stated.id == patron


def _creator_of(campaign: Resource) -> str | None:
    creator = campaign.one("creator")
    return creator.id if creator else None


def _read_own(pledge: Resource, reader: PledgeReader) -> Membership | None:
    try:
        row = to_row(pledge)
        campaign = reader.campaign_of(row)
        return reader.read(row, campaign) if campaign else None
    except UnexpectedAnswer:
        return None


class _CampaignAttributes(msgspec.Struct, gc=False):
    name: str | None = None
    creation_name: str | None = None
    url: str | None = None
    pledge_url: str | None = None
    currency: str | None = None
    pledge_sum_currency: str | None = None
    is_monthly: bool | None = None


class _RewardAttributes(msgspec.Struct, gc=False):
    title: str | None = None
    amount_cents: int | None = 0
    published: bool | None = True
    discord_role_ids: tuple[str | int, ...] | None = None


def _to_campaign(resource: Resource, index: Index) -> Campaign:
    if resource.type != "campaign" or resource.id is None:
        raise UnexpectedAnswer("a campaign was expected")
    read = to_shape(resource.attributes or {}, _CampaignAttributes)
    creator = _creator_of(resource)
    rewards = (index.get(ref) for ref in resource.many("rewards") if ref.id not in PSEUDO_REWARDS)
    return Campaign(
        CampaignId(resource.id),
        PatronId(creator) if creator else None,
        printable(read.name or read.creation_name),
        read.url or read.pledge_url or "",
        read.currency or read.pledge_sum_currency,
        is_monthly=read.is_monthly is not False,
        tiers=tuple(_to_tier(reward) for reward in rewards if reward is not None and reward.id is not None),
    )


def _to_tier(resource: Resource) -> Tier:
    read = to_shape(resource.attributes or {}, _RewardAttributes)
    return Tier(
        TierId(resource.id or ""),
        printable(read.title),
        read.amount_cents or 0,
        read.published is not False,
        to_roles(read.discord_role_ids),
    )
