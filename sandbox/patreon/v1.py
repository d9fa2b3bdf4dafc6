"""The routes of API v1: current_user and its campaigns, a campaign's pledges. Attributes are in v1_resources.py."""

import bisect
from datetime import UTC, datetime

from aiohttp import web

from sandbox.patreon import errors
from sandbox.patreon.guard import Call, call_of, document
from sandbox.patreon.v1_document import OldDocument, parse_fields, parse_tree
from sandbox.patreon.v1_resources import CAMPAIGN, PLEDGE, USER, current_pledges
from sandbox.patreon.v2 import own_campaign, page_count
from sandbox.patreon.view import JsonObject
from sandbox.world.patreon_faults import Fault
from sandbox.world.patreon_model import Campaign, Membership

EMBEDDED = 20
LARGEST_PAGE = 1_000
"""Patreon does not say where it stops; clients were seen asking for 100."""

_BEHIND = "/"
_SORTS = {"created": "pledged_at", "updated": "updated_at"}


def routes(prefix: str) -> list[web.RouteDef]:
    """Return the routes of v1 below ``prefix``."""
    return [
        web.get(f"{prefix}/current_user", current_user),
        web.get(f"{prefix}/current_user/campaigns", current_user_campaigns),
        web.get(f"{prefix}/campaigns/{{campaign}}/pledges", pledges),
    ]


async def current_user(request: web.Request) -> web.Response:
    """Tell who the token's account is, with the running pledges to every creator."""
    call = call_of(request)
    _require(call, "users", "identity")
    tree = parse_tree(request.query, USER, ("campaign", "pledges"))
    if "pledges" in tree and not (call.token.may("pledges-to-me") or call.token.may("identity.memberships")):
        del tree["pledges"]
    elif "pledges" in tree and tree["pledges"] is None:
        tree["pledges"] = dict.fromkeys(("address", "card", "creator", "patron", "reward"))
    doc = OldDocument(call.view(), parse_fields(request.query))
    account = call.token.account
    return document(
        doc.close(doc.row(USER, account, tree), links={"self": f"{call.patreon.site_url}/api/user/{account.id}"})
    )


async def current_user_campaigns(request: web.Request) -> web.Response:
    """List the account's own campaign with rewards, goals, creator and the first twenty pledges with their next link."""
    call = call_of(request)
    _require(call, "my-campaign", "campaigns")
    own = call.patreon.campaign_of(call.token.account)
    view = call.view()
    view.campaign = own
    tree = parse_tree(request.query, CAMPAIGN, ("creator", "goals", "pledges", "rewards"))
    doc = OldDocument(view, parse_fields(request.query))
    rows = []
    if own is not None:
        row = doc.row(CAMPAIGN, own, tree)
        if "pledges" in tree:
            row["relationships"]["pledges"]["links"] = _pledge_links(call, own)
        rows.append(row)
    return document(doc.close(rows))


async def pledges(request: web.Request) -> web.Response:
    """List the running pledges to one's own campaign, page by page; 403 for another creator's."""
    call = call_of(request)
    own = own_campaign(call, request.match_info["campaign"])
    _require(call, "my-campaign", "campaigns", "pledges", "campaigns.members")
    return call.listing(own, lambda: _pledges(call, own))


def _pledges(call: Call, own: Campaign) -> JsonObject:
    query = call.request.query
    count = page_count(call, LARGEST_PAGE)
    sort = query.get("sort", "created")
    if sort.removeprefix("-") not in _SORTS:
        raise errors.invalid_value("sort", "sort must be created or updated")
    rows = _sorted(own, sort)
    wrong, cursor = call.list_faults(), query.get("page[cursor]")
    empty, jump = Fault.EMPTY_LIST in wrong, Fault.PAGE_MISSING in wrong
    view = call.view()
    view.campaign = own
    start = _start(rows, sort, cursor)
    page = [] if empty else rows[start : start + count]
    tree = parse_tree(query, PLEDGE, ("address", "creator", "patron", "reward"))
    doc = OldDocument(view, parse_fields(query))
    asked = {"page[count]": str(count), "sort": sort}
    links = {"first": call.link(asked)}
    last = start + count + (count if jump else 0)
    if Fault.CURSOR_REPEATED in wrong and cursor is not None:
        links["next"] = call.link({**asked, "page[cursor]": cursor})
    elif last < len(rows) and page:
        links["next"] = call.link({**asked, "page[cursor]": _next_cursor(rows, sort, start, last)})
    data = [doc.row(PLEDGE, row, tree) for row in page]
    return doc.close(data, links=links, meta={"count": 0 if empty else len(rows)})


def _require(call: Call, *scopes: str) -> None:
    client = call.token.client
    if client.version != 1:
        detail = f"You do not have permission to view OAuth Client with id {client.id}"
        raise errors.forbidden(detail, "OAuthClientViewForbidden")
    if not any(call.token.may(scope) for scope in scopes):
        raise errors.forbidden(f"You do not have the scope {scopes[0]}.")


def _sorted(campaign: Campaign, sort: str) -> list[Membership]:
    def make() -> list[Membership]:
        rows = current_pledges(campaign)
        if sort.removeprefix("-") == "updated":
            rows = sorted(rows, key=lambda row: (_value(row, sort), row.number))
        return rows[::-1] if sort.startswith("-") else rows

    return campaign.kept(f"pledges by {sort}", make)


def _value(row: Membership, sort: str) -> datetime:
    value = row.updated_at if sort.removeprefix("-") == "updated" else row.pledged_at
    return value or row.started_at


def _start(rows: list[Membership], sort: str, cursor: str | None) -> int:
    """Find the first row whose sorted attribute equals the cursor: the row that ended the last page comes again."""
    if not cursor:
        return 0
    cursor, _, number = cursor.partition(_BEHIND)
    if number:
        return next((place + 1 for place, row in enumerate(rows) if row.pledge_id == number), len(rows))
    try:
        at = datetime.fromisoformat(cursor.replace(" ", "+"))
    except ValueError:
        raise errors.invalid_value("page[cursor]", "page[cursor] is no timestamp") from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    if sort.startswith("-"):
        return bisect.bisect_left(rows, -at.timestamp(), key=lambda row: -_value(row, sort).timestamp())
    return bisect.bisect_left(rows, at, key=lambda row: _value(row, sort))


def _next_cursor(rows: list[Membership], sort: str, start: int, end: int) -> str:
    """Write the cursor behind a page: the instant of its last row, and which row that is where an instant leads nowhere.

    That is so on pages of one row, and where as many rows as a page has are of one instant.
    """
    cursor = _cursor(rows[end - 1], sort)
    return cursor if _start(rows, sort, cursor) > start else f"{cursor}{_BEHIND}{rows[end - 1].pledge_id}"


def _cursor(row: Membership, sort: str) -> str:
    return _value(row, sort).isoformat()


def _pledge_links(call: Call, campaign: Campaign) -> dict[str, str]:
    api = call.request.path.removesuffix("/current_user/campaigns")
    base = f"{call.request.scheme}://{call.request.host}{api}/campaigns/{campaign.id}/pledges"
    first = f"{base}?page%5Bcount%5D={EMBEDDED}&sort=created"
    rows = current_pledges(campaign)
    if len(rows) <= EMBEDDED:
        return {"first": first}
    cursor = _cursor(rows[EMBEDDED - 1], "created").replace(":", "%3A").replace("+", "%2B")
    return {"first": first, "next": f"{first}&page%5Bcursor%5D={cursor}"}
