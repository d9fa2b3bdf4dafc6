"""OAuth as Patreon does it: the authorize address, the two token requests, their answer. Values only, no I/O.

Obeys the section "OAuth" of Patreon's documentation, steps 2 to 4 and 7. There is no PKCE, no device grant and no
documented way to revoke a grant.
"""

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlencode

import msgspec

from bot.core.model import Tokens
from bot.errors import UnexpectedAnswer
from bot.patreon.settings import PatreonSettings
from bot.patreon.wire import Call, decode, is_token, to_lifetime


def authorize_url(settings: PatreonSettings, state: str, scopes: Iterable[str]) -> str:
    """Give the address to send a browser to. Scopes are always named: Patreon's default list is v1's, for v2 too."""
    query = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": settings.redirect_uri,
        "scope": " ".join(scopes),
        "state": state,
    }
    return f"{settings.site_url.rstrip('/')}/oauth2/authorize?{urlencode(query)}"


def code_call(settings: PatreonSettings, code: str) -> Call:
    """Ask for the pair that a single-use code stands for."""
    return _token_call(settings, grant_type="authorization_code", code=code, redirect_uri=settings.redirect_uri)


def renewal_call(settings: PatreonSettings, refresh: str) -> Call:
    """Ask for a new pair; the refresh token is used up by it."""
    return _token_call(settings, grant_type="refresh_token", refresh_token=refresh)


def _token_call(settings: PatreonSettings, **parameters: str) -> Call:
    # In the body and not, as the documentation has it, in the address: addresses end up in logs. Patreon takes both.
    client = (("client_id", settings.client_id), ("client_secret", settings.client_secret))
    return Call("POST", "/oauth2/token", form=(*parameters.items(), *client))


class _TokenAnswer(msgspec.Struct, gc=False):
    access_token: str
    refresh_token: str
    # Seconds; some servers write them as text.
    expires_in: float | str | None = None
    scope: str | None = None


_ANSWER = msgspec.json.Decoder(_TokenAnswer)


def parse_tokens(body: bytes, now: datetime) -> Tokens:
    """Read the token endpoint's answer; raises UnexpectedAnswer, which never shows a token."""
    answer = decode(body, _ANSWER)
    if not (is_token(answer.access_token) and is_token(answer.refresh_token)):
        raise UnexpectedAnswer("a token that cannot stand in a header")
    return Tokens(
        answer.access_token,
        answer.refresh_token,
        now + to_lifetime(answer.expires_in),
        frozenset((answer.scope or "").split()),
    )
