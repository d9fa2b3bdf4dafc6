"""The Patreon client the rest of the bot uses: who a token is, memberships, lists, campaigns, webhooks, renewal.

Here calls, tokens and answers meet. How bytes travel is ``transport``, how pairs live is ``renewal``, what bytes mean is
the dialect. Every method raises PatreonError, or what the vault raises, and nothing else.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Self

import aiohttp

from bot.clock import Hear, deaf
from bot.core.model import (
    CREATOR,
    Campaign,
    CampaignId,
    Membership,
    MembershipId,
    PatronId,
    TierId,
    TokenOwner,
    Tokens,
    patron_owner,
)
from bot.errors import (
    AccessDenied,
    NotThere,
    PatreonError,
    RequestRefused,
    UnexpectedAnswer,
    WrongToken,
)
from bot.patreon import oauth, v2_webhooks
from bot.patreon.answers import Currencies, Identity, ListPage, RegisteredWebhook
from bot.patreon.asking import Asker
from bot.patreon.dialect import dialect_of
from bot.patreon.pacing import EXCHANGE, RENEWAL
from bot.patreon.paging import ListReading
from bot.patreon.refusals import needs_creator
from bot.patreon.renewal import Renewer
from bot.patreon.settings import PatreonSettings
from bot.patreon.transport import LIST_PATIENCE, PATIENCE, Transport, loop_time
from bot.patreon.v2 import V2Dialect
from bot.patreon.vault import TokenVault
from bot.patreon.wire import Call

# Two calls stand between somebody's browser and its page.
BROWSER_PATIENCE = PATIENCE / 2


async def _none_stored() -> Currencies:
    return {}


class PatreonClient:
    """One registered client at Patreon, as an async context manager."""

    def __init__(
        self,
        settings: PatreonSettings,
        vault: TokenVault,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic: Callable[[], float] = loop_time,
        hear: Hear = deaf,
        session: aiohttp.ClientSession | None = None,
        currencies: Callable[[], Awaitable[Currencies]] = _none_stored,
    ) -> None:
        """Take the registration, where token pairs live, and time; a session handed in is not closed.

        ``hear`` takes the headers of each answer.
        """
        self._settings = settings
        self._vault = vault
        self._now = now
        self._dialect = dialect_of(settings.api_version)
        self._transport = Transport(settings, sleep=sleep, monotonic=monotonic, hear=hear, session=session)
        self._renewer = Renewer(vault, self._fetch_renewed, now=now, sleep=sleep)
        self._own: frozenset[CampaignId] | None = None
        self._currencies = currencies
        self._ask = Asker(self._dialect, self._transport, self._renewer).ask

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._renewer.settle()
        await self._transport.__aexit__(kind, problem, trace)

    # OAuth and token pairs

    def authorize_url(self, state: str, scopes: Iterable[str] | None = None) -> str:
        """Give the address to send a patron's browser to; it asks for the least that the version needs, or ``scopes``."""
        return oauth.authorize_url(self._settings, state, scopes or self._dialect.default_scopes)

    async def exchange_code(self, code: str) -> Tokens:
        """Return the pair a single-use code stands for; raise AccessRevoked when the code is used up or expired."""
        call = oauth.code_call(self._settings, code)
        body = await self._transport.send(call, key=EXCHANGE, patience=BROWSER_PATIENCE)
        return oauth.parse_tokens(body, self._now())

    async def renew(self, owner: TokenOwner) -> None:
        """Renew a stored pair, unless it is in the first half of its life; one that is dead is tried once a day."""
        await self._renewer.renew_ahead(owner)

    async def settle(self) -> None:
        """Wait for renewals under way because the process stops; closing the client waits no longer than this did."""
        await self._renewer.settle()

    # Who somebody is, and memberships

    async def fetch_identity(self, tokens: Tokens) -> Identity:
        """Return who a pair belongs to, right after consent; the pair need not be stored, and is not renewed."""
        body = await self._ask(tokens, self._dialect.identity_call, BROWSER_PATIENCE)
        return self._dialect.parse_identity(body, self._now(), await self._known_currencies())

    async def fetch_own_membership(self, patron: PatronId, campaign: CampaignId) -> Membership | None:
        """Read a patron's membership with their own stored pair; None only when Patreon says there is none.

        Raises WrongToken when the stored pair is somebody else's, AccessDenied when its scopes hide what was asked.
        """
        body = await self._ask(patron_owner(patron), self._dialect.identity_call)
        identity = self._dialect.parse_identity(body, self._now(), await self._known_currencies())
        if identity.patron != patron:
            raise WrongToken(f"the pair stored for patron {patron} is another account's; the patron's own was needed")
        found = identity.membership_of(campaign)
        if found is None and not identity.complete:
            raise UnexpectedAnswer("a membership that cannot be read may be the one that was asked for")
        if found is None:
            await self._raise_if_hidden(patron, campaign)
        return found

    async def _raise_if_hidden(self, patron: PatronId, campaign: CampaignId) -> None:
        """Raise AccessDenied when a pair could not show a membership; one whose scopes nobody told is trusted."""
        record = await self._vault.load(patron_owner(patron))
        scopes = record.tokens.scopes if record else frozenset()
        if not scopes:
            return
        scope = self._dialect.lacking(scopes, own=True)
        elsewhere = self._dialect.lacking(scopes, own=False)
        if scope is None and elsewhere is not None and not await self._is_own(campaign):
            scope = elsewhere
        if scope is not None:
            raise AccessDenied(f"the pair of patron {patron} does not show it: the scope {scope} is missing")

    async def _is_own(self, campaign: CampaignId) -> bool:
        """Say whether a campaign is the client's own; so it is taken to be while the creator's pair cannot tell."""
        if self._own is None:
            try:
                await self.fetch_campaigns()
            except PatreonError:
                return True
        return self._own is None or campaign in self._own

    async def fetch_membership(self, campaign: CampaignId, membership: MembershipId) -> Membership:
        """Read one membership with the creator's pair (v2 only). NotThere says nothing about the patron."""
        dialect = self._v2("one membership by its id")
        body = await self._ask(CREATOR, lambda: dialect.member_call(membership))
        found = dialect.parse_member(body, self._now())
        if found.campaign != campaign:
            raise UnexpectedAnswer("the membership of another campaign")
        return found

    async def fetch_paid_tier(self, membership: MembershipId) -> TierId | None:
        """Read which tier somebody's last payment was for, with the creator's pair (v2 only); None when none is named.

        The history is slow at Patreon and times out at times, so nothing should wait for it.
        """
        dialect = self._v2("the history of a membership")
        body = await self._ask(CREATOR, lambda: dialect.history_call(membership))
        return dialect.parse_history(body)

    async def read_campaign(self, campaign: CampaignId) -> AsyncIterator[ListPage]:
        """Read a campaign's whole list, page by page, with the creator's pair.

        The list counts only when the iteration ends by itself: IncompleteList can come after many good pages.
        """
        reading = ListReading()
        currencies = await self._known_currencies()
        while not reading.done:
            try:
                body = await self._ask(CREATOR, lambda: self._dialect.list_call(campaign, reading.cursor), LIST_PATIENCE)
            except AccessDenied as denied:
                raise needs_creator(campaign, denied) from None
            yield reading.take(self._dialect.parse_list(body, campaign, self._now(), currencies))

    async def _known_currencies(self) -> Currencies:
        """Load what is stored of campaigns' currencies, where the dialect's answers need not name them."""
        return {} if self._dialect.tells_currency else await self._currencies()

    # Campaigns

    async def fetch_campaigns(self) -> tuple[Campaign, ...]:
        """Read the creator's campaigns with their tiers."""
        body = await self._ask(CREATOR, self._dialect.campaigns_call)
        found = self._dialect.parse_campaigns(body)
        self._own = frozenset(one.campaign for one in found)
        return found

    async def fetch_campaign(self, campaign: CampaignId) -> Campaign:
        """Read one campaign with its tiers; raises NotThere when the creator's pair does not see it."""
        body = await self._ask(CREATOR, lambda: self._dialect.campaign_call(campaign))
        for one in self._dialect.parse_campaigns(body):
            if one.campaign == campaign:
                return one
        raise NotThere(f"the creator's pair does not see campaign {campaign}")

    # Webhooks, which only version 2 can register

    async def list_webhooks(self) -> tuple[RegisteredWebhook, ...]:
        """List the webhooks this client has registered, with their secrets and whether they are paused."""
        fields = self._v2("webhooks").fields
        body = await self._ask(CREATOR, lambda: v2_webhooks.webhooks_call(fields.query("webhook")))
        return v2_webhooks.parse_webhooks(body)

    async def create_webhook(self, campaign: CampaignId, uri: str) -> RegisteredWebhook:
        """Have Patreon call an https address about a campaign's members; its secret comes with the answer."""
        self._v2("webhooks")
        body = await self._ask(CREATOR, lambda: v2_webhooks.create_webhook_call(campaign, uri))
        return v2_webhooks.parse_webhook(body)

    async def change_webhook(
        self,
        webhook: str,
        *,
        uri: str | None = None,
        triggers: Iterable[str] | None = None,
        paused: bool | None = None,
    ) -> RegisteredWebhook:
        """Change what is named; ``paused=False`` makes Patreon send what it kept while the webhook was paused."""
        self._v2("webhooks")
        wanted = {"uri": uri, "triggers": list(triggers) if triggers is not None else None, "paused": paused}
        attributes = {name: value for name, value in wanted.items() if value is not None}
        body = await self._ask(CREATOR, lambda: v2_webhooks.change_webhook_call(webhook, attributes))
        return v2_webhooks.parse_webhook(body)

    async def delete_webhook(self, webhook: str) -> None:
        """Delete a webhook; one that is not there is as good as deleted."""
        self._v2("webhooks")
        try:
            await self._ask(CREATOR, lambda: v2_webhooks.delete_webhook_call(webhook))
        except NotThere:
            return

    # What is below all of these

    async def ask(self, bearer: TokenOwner | Tokens, call: Call) -> bytes:
        """Send any call in somebody's name and give its body: for calls that have no method here."""
        return await self._ask(bearer, lambda: call)

    async def _fetch_renewed(self, refresh: str) -> Tokens:
        body = await self._transport.send(oauth.renewal_call(self._settings, refresh), key=RENEWAL)
        return oauth.parse_tokens(body, self._now())

    def _v2(self, what: str) -> V2Dialect:
        if isinstance(self._dialect, V2Dialect):
            return self._dialect
        raise RequestRefused(f"version 1 of the API has no call for {what}")
