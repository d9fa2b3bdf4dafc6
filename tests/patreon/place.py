"""A simulated Patreon that is served, and a client of it."""

from collections.abc import Iterable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from bot.core.model import CREATOR, CampaignId, PatronId, Tokens, patron_owner
from bot.patreon.client import PatreonClient
from bot.patreon.settings import PatreonSettings
from sandbox.patreon.server import PatreonServer
from sandbox.world.examples import REDIRECT_URI, small_world
from tests.patreon.doubles import MemoryVault


class Place:
    """A small world, its Patreon served, and a client of it whose waiting moves the world's clock."""

    def __init__(self, version: int, client_version: int) -> None:
        self.world = small_world(client_version=client_version, past=True)
        self.patreon = self.world.patreon
        self.server = PatreonServer(self.world)
        self.vault = MemoryVault()
        self.version = version
        self.began = self.world.clock.now()

    def open(self) -> PatreonClient:
        registered = next(iter(self.patreon.oauth.clients.values()))
        portal = self.patreon.oauth.creator_pair(registered)
        self.vault.put(CREATOR, Tokens(portal.access, portal.refresh, portal.expires_at, portal.scopes))
        settings = PatreonSettings(
            client_id=registered.id,
            client_secret=registered.secret,
            redirect_uri=REDIRECT_URI,
            api_version=self.version,
            site_url=self.server.site_url,
            # v1's documentation has the API on a host of its own, without the /api in front.
            api_url=self.server.api_url if self.version == 2 else self.server.site_url,
        )
        now = self.world.clock.now
        return PatreonClient(settings, self.vault, now=now, sleep=self.sleep, monotonic=self.monotonic)

    def monotonic(self) -> float:
        return (self.world.clock.now() - self.began).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.world.clock.move(timedelta(seconds=seconds))

    @property
    def campaign(self) -> CampaignId:
        return CampaignId(self.patreon.campaign().id)

    async def link(self, client: PatreonClient, name: str, scopes: Iterable[str] | None = None) -> PatronId:
        """Consent as somebody and store their pair."""
        back = await self.server.consent(client.authorize_url("state-1", scopes), name)
        query = parse_qs(urlsplit(back).query)
        assert query["state"] == ["state-1"]
        tokens = await client.exchange_code(query["code"][0])
        identity = await client.fetch_identity(tokens)
        self.vault.put(patron_owner(identity.patron), tokens)
        return identity.patron


async def patrons(client: PatreonClient, campaign: CampaignId) -> list[str]:
    return [one.patron async for page in client.read_campaign(campaign) for one in page.memberships]
