"""The token endpoint, as the v1 documentation and today's Patreon have it: parameters in the form or in the query."""

from aiohttp import web

from sandbox.patreon import errors
from sandbox.patreon.guard import call_of
from sandbox.world.patreon_oauth import OAuthError, Pair


def routes(prefix: str) -> list[web.RouteDef]:
    """Return the token route below ``prefix``."""
    return [web.post(f"{prefix}/token", token)]


async def token(request: web.Request) -> web.Response:
    """Exchange a code, or renew with a refresh token; both give a new pair. OAuthError is answered by the guard."""
    call = call_of(request)
    oauth = call.patreon.oauth
    form = await request.post()
    given = {**request.query, **{name: value for name, value in form.items() if isinstance(value, str)}}
    client = oauth.client_of(given.get("client_id"), given.get("client_secret"))
    wait = call.patreon.limits.wait(client.id, None)
    if wait:
        raise errors.throttled(wait)
    grant = given.get("grant_type")
    if grant == "authorization_code":
        pair = oauth.exchange(client, given.get("code"), given.get("redirect_uri"))
    elif grant == "refresh_token":
        pair = oauth.renew(client, given.get("refresh_token"))
    else:
        raise OAuthError("unsupported_grant_type", 400)
    return web.json_response(_write(pair, call.patreon.oauth.lifetime.total_seconds()))


def _write(pair: Pair, seconds: float) -> dict[str, str | int]:
    return {
        "access_token": pair.access,
        "expires_in": int(seconds),
        "refresh_token": pair.refresh,
        "scope": " ".join(sorted(pair.scopes)),
        "token_type": "Bearer",
        "version": "0.0.1",
    }
