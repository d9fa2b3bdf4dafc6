"""Patreon's OAuth as state: clients, codes, token pairs, and what each token may see. No HTTP, no pages."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeGuard

from sandbox.world.clock import Clock
from sandbox.world.patreon_model import Account, Campaign

V1_SCOPES = ("users", "pledges-to-me", "my-campaign")
"""What a request without ``scope`` asks for, from a client of either version."""

V2_SCOPES = (
    "identity",
    "identity[email]",
    "identity.memberships",
    "campaigns",
    "w:campaigns.webhook",
    "campaigns.members",
    "campaigns.members[email]",
    "campaigns.members.address",
    "campaigns.posts",
)
KNOWN_V1 = frozenset({*V1_SCOPES, "pledges", "campaigns"})
_MEANS = {
    "users": ("identity", "identity[email]"),
    "pledges-to-me": ("identity.memberships",),
    "my-campaign": ("campaigns",),
    "pledges": ("campaigns.members", "campaigns.members[email]", "campaigns.members.address"),
}


class OAuthError(Exception):
    """An answer of the token endpoint or the authorize page that is not a yes: OAuth's code, status and description."""

    def __init__(self, code: str, status: int, description: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.description = description


@dataclass(slots=True, kw_only=True, eq=False)
class Client:
    """A registered API client. ``version`` 2 cannot ask for v1's scopes nor call v1; ``campaign`` is its owner's."""

    id: str
    secret: str = field(repr=False)
    name: str
    owner: Account
    campaign: Campaign | None
    redirect_uris: list[str]
    version: int


@dataclass(slots=True, kw_only=True, eq=False)
class Pair:
    """One access and one refresh token of an account at a client. ``dead`` ends the access, ``spent`` the refresh token.

    ``successor`` is the pair its renewal brought; ``used``: its access token was shown.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    account: Account
    client: Client
    scopes: frozenset[str]
    expires_at: datetime
    issued_at: datetime
    dead: bool = False
    spent: bool = False
    portal: bool = False
    used: bool = False
    successor: "Pair | None" = None

    def may(self, scope: str) -> bool:
        """Whether the token carries ``scope``, by either version's name for it."""
        return scope in self.scopes or any(scope in _MEANS.get(own, ()) for own in self.scopes)


@dataclass(slots=True, kw_only=True, eq=False)
class Code:
    """A single-use authorization code."""

    value: str = field(repr=False)
    account: Account
    client: Client
    redirect_uri: str
    scopes: frozenset[str]
    expires_at: datetime


class OAuth:
    """Issues codes and tokens. What Patreon has not documented is a switch with the gentler answer as its default.

    ``renewal_kills_access``: the old access token dies with its refresh token. ``consent_kills_older``: a second consent
    of the same account voids the first pair. ``denial_names_error``: a refusal says ``error=access_denied``, or nothing.
    ``repeats_renewals``: a renewal whose answer was lost brings the same pair again, for as long as nobody used that.
    ``lag``: how long an access token is answered 401 after it was issued.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.clients: dict[str, Client] = {}
        self.pairs: list[Pair] = []
        self.lifetime = timedelta(days=31)
        self.code_lifetime = timedelta(minutes=10)
        self.renewal_kills_access = False
        self.consent_kills_older = False
        self.denial_names_error = True
        self.repeats_renewals = False
        self.lag = timedelta()
        self._codes: dict[str, Code] = {}
        self._by_access: dict[str, Pair] = {}
        self._by_refresh: dict[str, Pair] = {}
        self._granted: dict[tuple[str, str], frozenset[str]] = {}

    def register(
        self, name: str, owner: Account, campaign: Campaign | None, redirect_uris: list[str], version: int = 2
    ) -> Client:
        """Register a client as the portal does, with a creator's pair of its own (see :meth:`creator_pair`)."""
        client = Client(
            id=f"client-{len(self.clients) + 1}-{secrets.token_hex(6)}",
            secret=secrets.token_urlsafe(32),
            name=name,
            owner=owner,
            campaign=campaign,
            redirect_uris=list(redirect_uris),
            version=version,
        )
        self.clients[client.id] = client
        self._mint(owner, client, frozenset((*V2_SCOPES, *KNOWN_V1)), portal=True)
        return client

    def creator_pair(self, client: Client) -> Pair:
        """Return the newest pair the portal shows for ``client``: the owner's, with every scope."""
        return next(pair for pair in reversed(self.pairs) if pair.client is client and pair.portal)

    def scopes_for(self, client: Client, asked: str | None) -> frozenset[str]:
        """Return what a consent may grant. OAuthError ``invalid_scope`` for unknown scopes, or v1's from a v2 client."""
        names = frozenset((asked or " ".join(V1_SCOPES)).replace("+", " ").split())
        known = frozenset(V2_SCOPES) if client.version == 2 else KNOWN_V1 | frozenset(V2_SCOPES)  # noqa: PLR2004
        if names - known:
            raise OAuthError("invalid_scope", 400, f"Unknown scopes for this client: {', '.join(sorted(names - known))}")
        return names

    def consent(self, account: Account, client: Client, redirect_uri: str, scopes: frozenset[str]) -> Code:
        """Return a code: the account allowed it. Grants add up over consents; the client's owner is granted everything."""
        key = (account.id, client.id)
        granted = self._granted.get(key, frozenset()) | scopes
        if account is client.owner:
            granted |= frozenset(V2_SCOPES)
        self._granted[key] = granted
        expires_at = self.clock.now() + self.code_lifetime
        value = secrets.token_urlsafe(24)
        code = Code(
            value=value, account=account, client=client, redirect_uri=redirect_uri, scopes=granted, expires_at=expires_at
        )
        self._codes[value] = code
        return code

    def client_of(self, client_id: str | None, secret: str | None) -> Client:
        """Return the client that identified itself, or raise OAuthError as the token endpoint answers it."""
        client = self.clients.get(client_id or "")
        if client is None or not secrets.compare_digest(client.secret.encode(), (secret or "").encode()):
            raise OAuthError("invalid_client", 401)
        return client

    def exchange(self, client: Client, code: str | None, redirect_uri: str | None) -> Pair:
        """Turn a code into a pair, once. OAuthError ``invalid_request`` without a code, ``invalid_grant`` for a bad one."""
        if not code:
            raise OAuthError("invalid_request", 400, "Missing code parameter.")
        found = self._codes.pop(code, None)
        if found is None or found.client is not client or found.redirect_uri != redirect_uri:
            raise OAuthError("invalid_grant", 401)
        if found.expires_at <= self.clock.now():
            raise OAuthError("invalid_grant", 401)
        if self.consent_kills_older:
            self.revoke(found.account, client, forget=False)
        return self._mint(found.account, client, found.scopes)

    def renew(self, client: Client, refresh: str | None) -> Pair:
        """Turn a refresh token into a new pair, once; a spent or revoked one gives ``invalid_grant``."""
        pair = self._by_refresh.get(refresh or "")
        if pair is not None and pair.client is client and self.repeats_renewals and _is_unclaimed(pair.successor):
            return pair.successor
        if pair is None or pair.spent or pair.client is not client:
            raise OAuthError("invalid_grant", 401)
        pair.spent = True
        pair.dead = pair.dead or self.renewal_kills_access
        pair.successor = self._mint(pair.account, client, pair.scopes, portal=pair.portal)
        return pair.successor

    def find(self, access: str) -> Pair | None:
        """Return the pair whose access token works at this moment, or None."""
        pair = self._by_access.get(access)
        now = self.clock.now()
        if pair is None or pair.dead or pair.account.deleted or pair.expires_at <= now:
            return None
        if timedelta() <= now - pair.issued_at < self.lag:
            return None
        pair.used = True
        return pair

    def void_access(self, account: Account) -> int:
        """Kill the access tokens of an account and let their refresh tokens live; return how many."""
        living = [pair for pair in self.pairs if pair.account is account and not pair.dead]
        for pair in living:
            pair.dead = True
        return len(living)

    def revoke(self, account: Account, client: Client | None = None, *, forget: bool = True) -> int:
        """Kill every token of the account (at one client, or at all), as in Settings > Connected apps; return how many."""
        pairs = [pair for pair in self.pairs if pair.account is account and (client is None or pair.client is client)]
        for pair in pairs:
            pair.dead = pair.spent = True
        if forget:
            self._granted = {key: value for key, value in self._granted.items() if key[0] != account.id}
        return len(pairs)

    def _mint(self, account: Account, client: Client, scopes: frozenset[str], *, portal: bool = False) -> Pair:
        pair = Pair(
            access=secrets.token_urlsafe(32),
            refresh=secrets.token_urlsafe(32),
            account=account,
            client=client,
            scopes=scopes,
            expires_at=self.clock.now() + self.lifetime,
            issued_at=self.clock.now(),
            portal=portal,
        )
        self.pairs.append(pair)
        self._by_access[pair.access] = self._by_refresh[pair.refresh] = pair
        return pair


def _is_unclaimed(pair: Pair | None) -> TypeGuard[Pair]:
    return pair is not None and not (pair.used or pair.spent or pair.dead)
