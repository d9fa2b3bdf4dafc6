"""The routes of API v2 that read posts, which are few here. Attributes are in v2_resources.py."""

from aiohttp import web

from sandbox.patreon import errors
from sandbox.patreon.document import Document
from sandbox.patreon.guard import Call, call_of, document
from sandbox.patreon.v2 import asked, own_campaign, page_meta, require
from sandbox.patreon.v2_resources import POST
from sandbox.patreon.view import View
from sandbox.world.patreon_model import Campaign

SCOPE = "campaigns.posts"


def routes(prefix: str) -> list[web.RouteDef]:
    """Return the routes of posts below ``prefix``."""
    return [
        web.get(f"{prefix}/campaigns/{{campaign}}/posts", posts),
        web.get(f"{prefix}/posts/{{post}}", post),
    ]


async def posts(request: web.Request) -> web.Response:
    """List the posts of the token's account's campaign, all in one page."""
    call = call_of(request)
    require(call, SCOPE)
    own = own_campaign(call, request.match_info["campaign"])
    tree, fields = asked(call, POST, {("user", "email")})
    doc = Document(_view(call, own), fields)
    rows = [doc.write(POST, one, tree) for one in own.posts]
    return document(doc.close(rows, meta=page_meta(None, len(rows))))


async def post(request: web.Request) -> web.Response:
    """Tell one post of the token's account's campaign."""
    call = call_of(request)
    require(call, SCOPE)
    number = request.match_info["post"]
    every = (one for campaign in call.patreon.campaigns.values() for one in campaign.posts)
    found = next((one for one in every if one.id == number), None)
    if found is None:
        raise errors.plain(404)
    own = own_campaign(call, found.campaign.id)
    tree, fields = asked(call, POST, {("user", "email")})
    doc = Document(_view(call, own), fields)
    link = f"{call.patreon.site_url}/api/oauth2/v2/posts/{found.id}"
    return document(doc.close(doc.write(POST, found, tree), links={"self": link}))


def _view(call: Call, campaign: Campaign) -> View:
    view = call.view()
    view.campaign = campaign
    return view
