"""The pages a person sees at Patreon: log in, allow or deny, become a patron, a campaign, an error. No API, no tokens."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import jinja2
from aiohttp import web

from sandbox.world import PatreonWorld
from sandbox.world.patreon_model import Account, Campaign, Tier
from sandbox.world.patreon_oauth import Client, OAuthError

COOKIE = "sandbox_patreon_account"
_WORDS = {
    "identity": "See your public profile",
    "identity[email]": "See your e-mail address",
    "identity.memberships": "See your memberships of all creators",
    "campaigns": "See your campaign and its tiers",
    "w:campaigns.webhook": "Receive news about your campaign",
    "campaigns.members": "See the members of your campaign",
    "campaigns.members[email]": "See your members' e-mail addresses",
    "campaigns.members.address": "See your members' addresses",
    "campaigns.posts": "See your posts",
    "users": "See your profile",
    "pledges-to-me": "See your pledges",
    "my-campaign": "See your campaign",
    "pledges": "See the pledges to your campaign",
}
Handler = Callable[[web.Request], Awaitable[web.Response]]


def routes(patreon: PatreonWorld) -> list[web.RouteDef]:
    """Return the routes of the pages; the campaign's page answers every path of one segment, so it comes last."""
    pages = _Pages(patreon)
    return [
        web.get("/oauth2/authorize", pages.authorize),
        web.post("/oauth2/authorize", pages.decide),
        web.post("/oauth2/login", pages.login),
        web.get("/oauth2/become-patron", pages.checkout),
        web.post("/oauth2/become-patron", pages.pay),
        web.get("/oauth2/errors", pages.error),
        web.get("/bePatron", pages.campaign),
        web.get("/checkout/{vanity}", pages.campaign),
        web.get("/{vanity}", pages.campaign),
    ]


class _Pages:
    def __init__(self, patreon: PatreonWorld) -> None:
        loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
        self._templates = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
        self._patreon = patreon

    async def authorize(self, request: web.Request) -> web.Response:
        client, _, scopes = self._asked(request)
        account = self._logged_in(request)
        if account is None:
            return self._login_page(request.path_qs)
        if not account.email_verified:
            raise self._refuse("Verify your e-mail address", "Patreon connects no account whose address is unverified.")
        words = [_WORDS.get(scope, scope) for scope in sorted(scopes)]
        return self._page(
            "consent.html",
            client=client.name,
            name=account.full_name,
            account=account.id,
            scopes=words,
            action=request.path_qs,
        )

    async def decide(self, request: web.Request) -> web.Response:
        client, redirect_uri, scopes = self._asked(request)
        form = await request.post()
        account = self._account(str(form.get("account", ""))) or self._logged_in(request)
        if account is None or not account.email_verified:
            return await self.authorize(request)
        if form.get("decision") != "allow":
            refused = {"error": "access_denied"} if self._patreon.oauth.denial_names_error else {}
            self._patreon.timeline.add("patreon.consent", f"{account.first_name} denies {client.name}", account=account.id)
            raise self._back(redirect_uri, request, **refused)
        raise self._allow(request, account, client, redirect_uri, scopes)

    async def login(self, request: web.Request) -> web.Response:
        form = await request.post()
        target = urlsplit(str(form.get("next", "/")))
        response = web.Response(status=303, headers={"Location": urlunsplit(("", "", target.path, target.query, ""))})
        account = self._account(str(form.get("account", "")))
        if account is None:
            response.del_cookie(COOKIE)
        else:
            response.set_cookie(COOKIE, account.id, httponly=True, samesite="Lax")
        return response

    async def checkout(self, request: web.Request) -> web.Response:
        client, redirect_uri, scopes = self._asked(request)
        account = self._logged_in(request)
        if account is None:
            return self._login_page(request.path_qs)
        campaign = self._campaign_of(client)
        membership = self._patreon.membership(account, campaign)
        if membership is not None and membership.entitled and membership.cents >= self._least(request):
            raise self._allow(request, account, client, redirect_uri, scopes)
        tiers = [tier for tier in campaign.tiers.values() if tier.amount_cents >= max(1, self._least(request))]
        return self._page(
            "checkout.html",
            campaign=campaign.name,
            name=account.full_name,
            account=account.id,
            tiers=[_show(tier, campaign) for tier in tiers if tier.published],
            action=request.path_qs,
        )

    async def pay(self, request: web.Request) -> web.Response:
        client, redirect_uri, scopes = self._asked(request)
        form = await request.post()
        account = self._account(str(form.get("account", ""))) or self._logged_in(request)
        if account is None:
            return await self.checkout(request)
        campaign = self._campaign_of(client)
        tier = campaign.tiers.get(str(form.get("tier", "")))
        if tier is None or not tier.amount_cents:
            raise self._refuse("No such tier", "The tier may have been removed in the meantime.")
        self._patreon.pledge(account, campaign, tier=tier)
        raise self._allow(request, account, client, redirect_uri, scopes)

    async def error(self, request: web.Request) -> web.Response:
        lines = [request.query.get("error", ""), request.query.get("error_description", "")]
        return self._page("message.html", heading="This link does not work", lines=[line for line in lines if line])

    async def campaign(self, request: web.Request) -> web.Response:
        named = {request.match_info.get("vanity"), request.query.get("c")}
        found = next((one for one in self._patreon.campaigns.values() if named & {one.vanity, one.id}), None)
        if found is None:
            raise web.HTTPNotFound(text="There is no such page here.")
        tiers = [_show(tier, found) for tier in found.tiers.values() if tier.published]
        return self._page("campaign.html", campaign=found.name, creator=found.creator.full_name, tiers=tiers)

    def _asked(self, request: web.Request) -> tuple[Client, str, frozenset[str]]:
        query = request.query
        client = self._patreon.oauth.clients.get(query.get("client_id", ""))
        if client is None:
            raise self._broken(request, "Invalid client_id parameter value.")
        redirect_uri = query.get("redirect_uri", "")
        if redirect_uri not in client.redirect_uris:
            raise self._broken(request, "Mismatching redirect URI.")
        if query.get("response_type", "code") != "code":
            raise self._back(redirect_uri, request, error="unsupported_response_type")
        try:
            scopes = self._patreon.oauth.scopes_for(client, query.get("scope"))
        except OAuthError as error:
            raise self._back(redirect_uri, request, error=error.code, error_description=error.description or "") from None
        return client, redirect_uri, scopes

    def _allow(
        self, request: web.Request, account: Account, client: Client, redirect_uri: str, scopes: frozenset[str]
    ) -> web.HTTPFound:
        code = self._patreon.oauth.consent(account, client, redirect_uri, scopes)
        self._patreon.timeline.add("patreon.consent", f"{account.first_name} allows {client.name}", account=account.id)
        return self._back(redirect_uri, request, code=code.value)

    def _back(self, redirect_uri: str, request: web.Request, **answer: str) -> web.HTTPFound:
        # A client that sent no state was seen to get the word None back; it must not take that for its own.
        parts = urlsplit(redirect_uri)
        query = [*parse_qsl(parts.query), *answer.items(), ("state", request.query.get("state", "None"))]
        return web.HTTPFound(urlunsplit(parts._replace(query=urlencode(query))))

    def _broken(self, request: web.Request, description: str) -> web.HTTPFound:
        query = {"error": "invalid_request", "error_description": description}
        if "state" in request.query:
            query["state"] = request.query["state"]
        return web.HTTPFound(f"/oauth2/errors?{urlencode(query)}")

    def _refuse(self, heading: str, line: str) -> web.HTTPForbidden:
        text = self._templates.get_template("message.html").render(heading=heading, lines=[line])
        return web.HTTPForbidden(text=text, content_type="text/html")

    def _login_page(self, following: str) -> web.Response:
        people = [self._person(account) for account in self._patreon.accounts.values() if not account.deleted][:100]
        return self._page("login.html", people=people, next=following)

    def _person(self, account: Account) -> dict[str, str]:
        own = self._patreon.campaign_of(account)
        pledged = [one for one in self._patreon.memberships_of(account) if one.pledge_id is not None]
        about = f"Creator of {own.name}" if own else "Patron of " + ", ".join(one.campaign.name for one in pledged)
        return {
            "id": account.id,
            "name": account.full_name,
            "initial": account.first_name[:1],
            "about": about if own or pledged else "Patron of nobody",
        }

    def _logged_in(self, request: web.Request) -> Account | None:
        return self._account(request.cookies.get(COOKIE, ""))

    def _account(self, number: str) -> Account | None:
        account = self._patreon.accounts.get(number)
        return None if account is None or account.deleted else account

    def _campaign_of(self, client: Client) -> Campaign:
        if client.campaign is None:
            raise self._refuse("Nothing to support", "The owner of this app has no campaign.")
        return client.campaign

    def _least(self, request: web.Request) -> int:
        text = request.query.get("min_cents", "0")
        return int(text) if text.isascii() and text.isdigit() else 0

    def _page(self, template: str, **values: Any) -> web.Response:
        return web.Response(text=self._templates.get_template(template).render(**values), content_type="text/html")


def _show(tier: Tier, campaign: Campaign) -> dict[str, str]:
    price = f"{tier.amount_cents / 100:.2f} {campaign.currency} a month" if tier.amount_cents else "free"
    return {"id": tier.id, "title": tier.title, "initial": tier.title[:1], "price": price}
