"""The routes of API v2 that read: identity, campaigns, members. Attributes are in v2_resources.py."""

import base64
import bisect
from collections.abc import Sequence

from aiohttp import web

from sandbox.patreon import errors
from sandbox.patreon.document import Document, Tree, parse_fields, parse_tree
from sandbox.patreon.guard import Call, call_of, document
from sandbox.patreon.v2_resources import CAMPAIGN, MEMBER, USER
from sandbox.patreon.view import Getter, JsonObject, Kind
from sandbox.world.patreon_faults import Fault
from sandbox.world.patreon_model import Campaign, Membership

DEFAULT_PAGE = 20
LARGEST_PAGE = 1_000
LARGEST_PAGE_WITH_HISTORY = 500


def routes(prefix: str) -> list[web.RouteDef]:
    """Return the reading routes below ``prefix``."""
    return [
        web.get(f"{prefix}/identity", identity),
        web.get(f"{prefix}/campaigns", campaigns),
        web.get(f"{prefix}/campaigns/{{campaign}}", campaign),
        web.get(f"{prefix}/campaigns/{{campaign}}/members", members),
        web.get(f"{prefix}/members/{{member}}", member),
    ]


def require(call: Call, scope: str) -> None:
    """Raise ApiError 401 without a token, 403 when the token lacks ``scope``."""
    if not call.token.may(scope):
        raise errors.forbidden(f"You do not have the scope {scope}.")


async def identity(request: web.Request) -> web.Response:
    """Tell who the token's account is; its memberships of other campaigns only with ``identity.memberships``."""
    call = call_of(request)
    require(call, "identity")
    without = set() if call.token.may("identity[email]") else {("user", "email")}
    tree, fields = asked(call, USER, without | {("member", "email")})
    view = call.view()
    view.everywhere = call.token.may("identity.memberships")
    doc = Document(view, fields)
    link = f"{call.patreon.site_url}/api/oauth2/v2/user/{call.token.account.id}"
    return document(doc.close(doc.write(USER, call.token.account, tree), links={"self": link}))


async def campaigns(request: web.Request) -> web.Response:
    """List the campaign the token's account created, or none."""
    call = call_of(request)
    require(call, "campaigns")
    tree, fields = asked(call, CAMPAIGN, {("user", "email")})
    own = call.patreon.campaign_of(call.token.account)
    view = call.view()
    view.campaign = own
    doc = Document(view, fields)
    rows = [doc.write(CAMPAIGN, own, tree)] if own is not None else []
    return document(doc.close(rows, meta=page_meta(None, len(rows))))


async def campaign(request: web.Request) -> web.Response:
    """Tell one campaign of the token's account."""
    call = call_of(request)
    require(call, "campaigns")
    own = own_campaign(call, request.match_info["campaign"])
    tree, fields = asked(call, CAMPAIGN, {("user", "email")})
    doc = Document(call.view(), fields)
    link = f"{call.patreon.site_url}/api/oauth2/v2/campaigns/{own.id}"
    return document(doc.close(doc.write(CAMPAIGN, own, tree), links={"self": link}))


async def members(request: web.Request) -> web.Response:
    """List the members of the token's account's campaign, page by page."""
    call = call_of(request)
    require(call, "campaigns.members")
    own = own_campaign(call, request.match_info["campaign"])
    return call.listing(own, lambda: _members(call, own))


def _members(call: Call, own: Campaign) -> JsonObject:
    tree, fields = asked(call, MEMBER, _mail_scope(call))
    count = page_count(call, LARGEST_PAGE_WITH_HISTORY if "pledge_history" in tree else LARGEST_PAGE)
    wrong, cursor = call.list_faults(), call.request.query.get("page[cursor]")
    view = call.view()
    view.campaign = own
    rows, following = _page(own.memberships, cursor, count, jump=Fault.PAGE_MISSING in wrong)
    if following is None and Fault.LAST_PAGE_LOOPS in wrong:
        following = cursor or _cursor(own.memberships[-1].number)
    if Fault.CURSOR_REPEATED in wrong and cursor is not None:
        following = cursor
    doc = Document(view, fields)
    if Fault.EMPTY_LIST in wrong:
        return doc.close([], meta=page_meta(None, 0))
    more: JsonObject = {"meta": page_meta(following, len(own.memberships))}
    if following is not None:
        more["links"] = {"next": call.link({"page[cursor]": following})}
    return doc.close([doc.write(MEMBER, row, tree) for row in rows], **more)


async def member(request: web.Request) -> web.Response:
    """Tell one member of the token's account's campaign."""
    call = call_of(request)
    require(call, "campaigns.members")
    found = call.patreon.memberships.get(request.match_info["member"])
    if found is None:
        raise errors.plain(404)
    own = own_campaign(call, found.campaign.id)
    tree, fields = asked(call, MEMBER, _mail_scope(call))
    view = call.view()
    view.campaign = own
    doc = Document(view, fields)
    link = f"{call.patreon.site_url}/api/oauth2/v2/members/{found.id}"
    return document(doc.close(doc.write(MEMBER, found, tree), links={"self": link}))


def own_campaign(call: Call, campaign_id: str) -> Campaign:
    """Return the campaign when the token's account created it.

    ApiError 401 without a token, whatever was asked for; 404 when there is no such campaign, 403 for somebody else's.
    """
    account = call.token.account
    found = call.patreon.campaigns.get(campaign_id)
    if found is None:
        raise errors.plain(404)
    if found.creator is not account:
        raise errors.forbidden(f"You do not have permission to view campaign with id {campaign_id}.")
    return found


def page_count(call: Call, largest: int, default: int = DEFAULT_PAGE) -> int:
    """Read ``page[count]``, capped at ``largest``. ApiError 400 when it is no positive number."""
    text = call.request.query.get("page[count]", str(default))
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise errors.invalid_value("page[count]", "page[count] must be a positive number")
    return min(int(text), largest, call.patreon.largest_page or largest)


def asked(call: Call, kind: Kind, without: set[tuple[str, str]]) -> tuple[Tree, dict[str, dict[str, Getter]]]:
    """Read ``include`` and ``fields[...]``; fields in ``without`` are asked for in vain. ApiError 400 for unknown names."""
    query = call.request.query
    tree = parse_tree(query.get("include", ""), kind)
    if "address" in tree:
        require(call, "campaigns.members.address")
    return tree, parse_fields(query, without=without, withdrawn=call.patreon.withdrawn)


def _mail_scope(call: Call) -> set[tuple[str, str]]:
    hidden = {("user", "email")}
    return hidden if call.token.may("campaigns.members[email]") else hidden | {("member", "email")}


def page_meta(following: str | None, total: int) -> JsonObject:
    """Write where a list stands: the cursor to the next page, if there is one, and how many rows it has in all."""
    return {"pagination": {"cursors": {"next": following}, "total": total}}


def _page(
    rows: Sequence[Membership], cursor: str | None, count: int, *, jump: bool
) -> tuple[Sequence[Membership], str | None]:
    start = bisect.bisect_right(rows, _number(cursor), key=lambda row: row.number) if cursor else 0
    end = start + count
    page = rows[start:end]
    last = end + (count if jump else 0)
    return page, _cursor(rows[last - 1].number) if last < len(rows) else None


def _cursor(number: int) -> str:
    return "01:" + base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def _number(cursor: str) -> int:
    try:
        text = cursor.removeprefix("01:")
        return int(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        raise errors.invalid_value("page[cursor]", "page[cursor] is not one of ours") from None
