"""The dialect of API version 2: members. Builds its calls, reads its answers into the core's types; no I/O, no v1.

Obeys the section "APIv2" of Patreon's documentation. v2 gives nothing but ids unless asked through ``fields[...]``,
and refuses a whole request for one unknown field: hence the lists below, short and in one place.
"""

import re
from collections.abc import Set as AbstractSet
from datetime import datetime
from urllib.parse import quote

import msgspec

from bot.core.model import (
    Campaign,
    CampaignId,
    Membership,
    MembershipId,
    PatronId,
    Source,
    Tier,
    TierId,
)
from bot.errors import UnexpectedAnswer
from bot.patreon.answers import Currencies, Identity, RawPage
from bot.patreon.fields import FieldLists
from bot.patreon.v2_members import MemberReader, MemberRow, decode_page
from bot.patreon.wire import (
    Call,
    Index,
    Resource,
    parse_document,
    printable,
    to_instant,
    to_roles,
    to_shape,
)

PAGE_SIZE = 1000

FIELDS = {
    "user": ("full_name",),
    "member": (
        "patron_status",
        "last_charge_status",
        "last_charge_date",
        "next_charge_date",
        "currently_entitled_amount_cents",
        "will_pay_amount_cents",
        "campaign_lifetime_support_cents",
        "is_free_trial",
        "is_gifted",
        "pledge_cadence",
        "pledge_relationship_start",
    ),
    "tier": ("title", "amount_cents", "published", "discord_role_ids"),
    "campaign": ("name", "url", "vanity", "creation_name", "currency", "is_monthly"),
    "pledge-event": ("date", "type", "payment_status", "tier_id"),
    "webhook": ("triggers", "uri", "paused", "secret", "num_consecutive_times_failed", "last_attempted_at"),
}
# Without these a membership, or a webhook, would read as something it is not.
ESSENTIAL = (
    "member.patron_status",
    "member.currently_entitled_amount_cents",
    "pledge-event.date",
    "pledge-event.payment_status",
    "pledge-event.tier_id",
    "webhook.uri",
    "webhook.triggers",
)


class V2Dialect:
    """Calls and answers of version 2."""

    version = 2
    tells_currency = True
    default_scopes = ("identity",)
    root_paths = frozenset({"/oauth2/v2/identity", "/oauth2/v2/campaigns"})
    _judging = re.compile(r"/oauth2/v2/(identity|campaigns(/[^/]+(/members)?)?)")

    def __init__(self) -> None:
        """Start with all fields asked for."""
        self.fields = FieldLists(FIELDS, ESSENTIAL)

    def judges(self, path: str) -> bool:
        """Say whether a 401 at an address is about the token itself; webhooks and single members can be about a scope."""
        return self._judging.fullmatch(path) is not None

    def lacking(self, scopes: AbstractSet[str], *, own: bool) -> str | None:
        """Name the scope without which ``identity`` has no membership of any campaign but the client's own."""
        return None if own or "identity.memberships" in scopes else "identity.memberships"

    def identity_call(self) -> Call:
        """Ask who the token's owner is, with their memberships; needs the scope ``identity``."""
        include = "memberships.currently_entitled_tiers,memberships.campaign,campaign"
        fields = self.fields.query("user", "member", "tier")
        return Call("GET", "/oauth2/v2/identity", (("include", include), *fields))

    def parse_identity(self, body: bytes, now: datetime, currencies: Currencies | None = None) -> Identity:
        """Read ``identity``; raises UnexpectedAnswer when the memberships it was asked for are not even listed."""
        del currencies
        document = parse_document(body)
        user, index = document.single(), document.index()
        relation = user.relation("memberships")
        if user.type != "user" or user.id is None or relation is None or not isinstance(relation.data, list):
            raise UnexpectedAnswer("identity without a user or without memberships")
        patron = PatronId(user.id)
        members = [index.get(ref) for ref in relation.data]
        found = [_read_own(member, patron, index, now) for member in members]
        return Identity(
            patron,
            printable(user.text("full_name")),
            frozenset(CampaignId(ref.id) for ref in user.many("campaign")),
            tuple(membership for membership in found if membership is not None),
            complete=None not in found,
        )

    def list_call(self, campaign: CampaignId, cursor: str | None) -> Call:
        """Ask for a page of a campaign's members; needs ``campaigns.members``. v2 documents no order."""
        query = [
            ("include", "user,currently_entitled_tiers"),
            *self._member_fields(),
        ]
        # Without a count a page had 20 of 501 rows; 1,000 is the documented most.
        query.append(("page[count]", str(PAGE_SIZE)))
        if cursor is not None:
            query.append(("page[cursor]", cursor))
        return Call("GET", f"/oauth2/v2/campaigns/{quote(campaign, safe='')}/members", tuple(query))

    def parse_list(self, body: bytes, campaign: CampaignId, now: datetime, currencies: Currencies | None = None) -> RawPage:
        """Read a page of members: rows that cannot be read are named, a page that is no list raises UnexpectedAnswer."""
        del currencies
        page = decode_page(body)
        rows, unreadable = MemberReader(page.prices, now, Source.LIST).read_all(page, campaign)
        return RawPage(rows, page.total, page.cursor, unreadable)

    def member_call(self, membership: MembershipId) -> Call:
        """Ask for one membership by its id; needs ``campaigns.members``."""
        include = ("include", "user,campaign,currently_entitled_tiers")
        return Call(
            "GET",
            f"/oauth2/v2/members/{quote(membership, safe='')}",
            (include, *self._member_fields()),
        )

    def _member_fields(self) -> tuple[tuple[str, str], ...]:
        """Name what is asked of members; of the tiers their price will do, of users nothing but their ids."""
        return (*self.fields.query("member"), *self.fields.query_some("tier", "amount_cents"))

    def parse_member(self, body: bytes, now: datetime, source: Source = Source.FETCH) -> Membership:
        """Read one membership, as ``members/{id}`` and webhooks carry it; raises UnexpectedAnswer."""
        document = parse_document(body)
        member = document.single()
        user = member.one("user")
        if user is None:
            raise UnexpectedAnswer("a member without a user")
        return _read(member, PatronId(user.id), document.index(), now, source)

    def history_call(self, membership: MembershipId) -> Call:
        """Ask for the pledges and payments of one membership; needs ``campaigns.members``.

        Documented for the list of members, where it makes pages slow and small; that it works here, too, is not.
        """
        fields = self.fields.query("pledge-event")
        return Call("GET", f"/oauth2/v2/members/{quote(membership, safe='')}", (("include", "pledge_history"), *fields))

    def parse_history(self, body: bytes) -> TierId | None:
        """Return the tier that was paid for last, None when no event names one; raises UnexpectedAnswer.

        It is that of the last payment that went through, or of an upgrade since; a downgrade would have begun after it.
        """
        document = parse_document(body)
        document.single()
        events = [to_shape(event.attributes or {}, _PledgeEvent) for event in document.index().of_type("pledge-event")]
        dated = sorted(((to_instant(event.date), event) for event in events if event.date), key=lambda each: each[0])
        tier: str | int | None = None
        paid = False
        for _, event in dated:
            paid = paid or event.payment_status == "Paid"
            if event.payment_status == "Paid" or (paid and event.type == "pledge_upgrade"):
                tier = event.tier_id
        return TierId(str(tier)) if tier is not None else None

    def campaigns_call(self) -> Call:
        """Ask for the campaigns of the token's owner with their tiers; needs ``campaigns``."""
        return Call("GET", "/oauth2/v2/campaigns", self._campaign_query())

    def campaign_call(self, campaign: CampaignId) -> Call:
        """Ask for one campaign with its tiers."""
        return Call("GET", f"/oauth2/v2/campaigns/{quote(campaign, safe='')}", self._campaign_query())

    def _campaign_query(self) -> tuple[tuple[str, str], ...]:
        return (("include", "tiers,creator"), *self.fields.query("campaign", "tier"), ("page[count]", "100"))

    def parse_campaigns(self, body: bytes) -> tuple[Campaign, ...]:
        """Read one or several campaigns; raises UnexpectedAnswer."""
        document = parse_document(body)
        index = document.index()
        return tuple(_to_campaign(resource, index) for resource in document.whole())


def _read_own(member: Resource | None, patron: PatronId, index: Index, now: datetime) -> Membership | None:
    """Read a member of ``identity``, which names no user of its own: it is the token's owner."""
    try:
        return _read(member, patron, index, now, Source.FETCH) if member else None
    except UnexpectedAnswer:
        return None


def _read(member: Resource, patron: PatronId, index: Index, now: datetime, source: Source) -> Membership:
    campaign = member.one("campaign")
    if member.type != "member" or member.id is None or campaign is None:
        raise UnexpectedAnswer("a member without an id or a campaign")
    row = to_shape(msgspec.to_builtins(member), MemberRow)
    prices = {
        tier.id: cents for tier in index.of_type("tier") if tier.id and (cents := tier.cents("amount_cents")) is not None
    }
    return MemberReader(prices, now, source).read(row, patron, CampaignId(campaign.id))


class _PledgeEvent(msgspec.Struct, gc=False):
    date: str | None = None
    type: str | None = None
    payment_status: str | None = None
    tier_id: str | int | None = None


class _CampaignAttributes(msgspec.Struct, gc=False):
    name: str | None = None
    url: str | None = None
    vanity: str | None = None
    creation_name: str | None = None
    currency: str | None = None
    is_monthly: bool | None = None


class _TierAttributes(msgspec.Struct, gc=False):
    title: str | None = None
    amount_cents: int | None = 0
    published: bool | None = True
    discord_role_ids: tuple[str | int, ...] | None = None


def _to_campaign(resource: Resource, index: Index) -> Campaign:
    if resource.type != "campaign" or resource.id is None:
        raise UnexpectedAnswer("a campaign was expected")
    read = to_shape(resource.attributes or {}, _CampaignAttributes)
    creator = resource.one("creator")
    tiers = (index.get(ref) for ref in resource.many("tiers"))
    return Campaign(
        CampaignId(resource.id),
        PatronId(creator.id) if creator else None,
        # ``name`` exists since March 2026 only; ``vanity`` is what stands in the address.
        printable(read.name or read.vanity or read.creation_name),
        read.url or "",
        read.currency,
        is_monthly=read.is_monthly is not False,
        tiers=tuple(_to_tier(tier) for tier in tiers if tier is not None and tier.id is not None),
    )


def _to_tier(resource: Resource) -> Tier:
    read = to_shape(resource.attributes or {}, _TierAttributes)
    return Tier(
        TierId(resource.id or ""),
        printable(read.title),
        read.amount_cents or 0,
        read.published is not False,
        to_roles(read.discord_role_ids),
    )
