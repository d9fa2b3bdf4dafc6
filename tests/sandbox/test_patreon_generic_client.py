"""A client that knows OAuth and JSON:API and nothing of this simulator runs against both versions of its API.

It sends one map of fields with every request, follows links, and resolves references, as generic libraries do.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from yarl import URL

from sandbox.world.examples import REDIRECT_URI, crowd
from tests.sandbox.patreon_life import Life, living, query_of

FIELDS = {
    "address": "addressee,city,country,created_at,line_1,line_2,phone_number,postal_code,state",
    "benefit": "benefit_type,created_at,description,is_deleted,rule_type,tiers_count,title",
    "campaign": "created_at,creation_name,is_monthly,patron_count,pledge_url,published_at,summary,url,vanity",
    "client": "author_name,description,domain,name,privacy_policy_url,redirect_uris,tos_url,version",
    "deliverable": "completed_at,delivery_status,due_at",
    "goal": "amount_cents,completed_percentage,created_at,description,reached_at,title",
    "media": "created_at,download_url,file_name,image_urls,metadata,mimetype,size_bytes,state",
    "member": "currently_entitled_amount_cents,full_name,is_follower,last_charge_date,patron_status,pledge_cadence",
    "pledge-event": "amount_cents,currency_code,date,payment_status,tier_id,tier_title,type",
    "post": "app_id,app_status,content,embed_data,embed_url,is_paid,is_public,published_at,title,url",
    "tier": "amount_cents,created_at,description,discord_role_ids,patron_count,published,title,url",
    "user": "about,created,email,first_name,full_name,image_url,is_email_verified,last_name,thumb_url,url,vanity",
    "webhook": "last_attempted_at,num_consecutive_times_failed,paused,secret,triggers,uri",
}
V1_SCOPES = "users pledges-to-me my-campaign pledges"
V2_SCOPES = "identity identity[email] identity.memberships campaigns campaigns.members campaigns.posts w:campaigns.webhook"


@dataclass
class Graph:
    """Everything that was read, each resource once: attributes and references by (type, id)."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    resources: dict[tuple[str, str], Any] = field(default_factory=dict)

    def add(self, document: Any) -> None:
        """Take a document in; raises AssertionError when one reference in it leads nowhere."""
        data = document["data"]
        own = data if isinstance(data, list) else [data]
        here = [*own, *document.get("included", [])]
        keys = [(one["type"], one["id"]) for one in here]
        assert len(keys) == len(set(keys)), "no resource twice"
        pointed = [reference for one in here for reference in self._references(one)]
        assert set(pointed) <= set(keys), "full linkage"
        self.rows += [key for key in keys[: len(own)] if key not in self.rows]
        self.resources |= dict(zip(keys, here, strict=True))

    def of_type(self, kind: str) -> list[Any]:
        return [one for (type_, _), one in self.resources.items() if type_ == kind]

    def follow(self, resource: Any, name: str) -> Any:
        reference = resource["relationships"][name]["data"]
        return self.resources[reference["type"], reference["id"]]

    @staticmethod
    def _references(resource: Any) -> list[tuple[str, str]]:
        relations = [one.get("data") for one in resource.get("relationships", {}).values()]
        every = [one for data in relations for one in (data if isinstance(data, list) else [data] if data else [])]
        return [(one["type"], one["id"]) for one in every]


class GenericClient:
    """OAuth with parameters where its user wants them, and JSON:API over whole lists."""

    def __init__(self, http: aiohttp.ClientSession, base: str, registration: dict[str, str], *, in_query: bool) -> None:
        self._http = http
        self._base = base
        self._registration = registration
        self._in_query = in_query
        self.token = ""

    async def sign_in(self, code: str) -> dict[str, Any]:
        return await self._grant(grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI)

    async def renew(self, refresh: str) -> dict[str, Any]:
        return await self._grant(grant_type="refresh_token", refresh_token=refresh)

    async def read(self, path: str, include: str = "", **query: str) -> Graph:
        """Read a resource or a whole list with everything that is included, page after page."""
        asked = {f"fields[{kind}]": names for kind, names in FIELDS.items()} | query
        url: str | None = f"{self._base}{path}?{urlencode(asked | ({'include': include} if include else {}))}"
        graph, seen = Graph(), set[str]()
        while url is not None:
            assert url not in seen, "a list that runs in a circle"
            seen.add(url)
            document = await self._send("GET", url)
            graph.add(document)
            url = document.get("links", {}).get("next")
        return graph

    async def _grant(self, **parameters: str) -> dict[str, Any]:
        every = urlencode(parameters | self._registration)
        url = f"{self._base}/oauth2/token"
        if self._in_query:
            answer = await self._send("POST", f"{url}?{every}")
        else:
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = await self._send("POST", url, data=every, headers=form)
        self.token = answer["access_token"]
        return dict(answer)

    async def _send(self, method: str, url: str, *, headers: dict[str, str] | None = None, data: str | None = None) -> Any:
        sent = {"User-Agent": "generic/1.0", "Authorization": f"Bearer {self.token}", **(headers or {})}
        async with self._http.request(method, URL(url, encoded=True), headers=sent, data=data) as response:
            document = await response.json(content_type=None)
            assert response.status == 200, document
            return document


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with living() as one:
        crowd(one.world, 3)
        yield one


@pytest.fixture(params=[False, True], ids=["form", "query"])
def client(request: pytest.FixtureRequest, life: Life) -> GenericClient:
    registration = {"client_id": life.client.id, "client_secret": life.client.secret}
    return GenericClient(life.http, life.server.api_url, registration, in_query=request.param)


async def sign_in(life: Life, client: GenericClient, who: str, scope: str) -> None:
    """Consent in a browser; use the renewed pair, as though the first had ended."""
    back = await life.server.consent(life.authorize_url(scope=scope), who)
    tokens = await client.sign_in(query_of(back)["code"])
    renewed = await client.renew(tokens["refresh_token"])
    assert renewed["access_token"] != tokens["access_token"]


async def test_version_2_is_read_whole_by_a_client_that_was_not_written_for_it(life: Life, client: GenericClient) -> None:
    campaign = life.world.patreon.campaign()
    life.world.patreon.hooks.register(life.client, campaign, "https://hooks.example/", ["members:create"])
    await sign_in(life, client, "Clara", V2_SCOPES)
    me = await client.read("/oauth2/v2/identity", "campaign.tiers,campaign.creator,memberships.currently_entitled_tiers")
    assert me.of_type("user")[0]["attributes"]["full_name"] == "Clara Example"
    campaigns = await client.read("/oauth2/v2/campaigns", "tiers.campaign,creator,benefits.deliverables,goals")
    assert campaigns.rows == [("campaign", campaign.id)]
    assert len((await client.read(f"/oauth2/v2/campaigns/{campaign.id}", "tiers")).of_type("tier")) == 4
    related = (
        "user,campaign,currently_entitled_tiers.benefits,pledge_history.tier,pledge_history.patron,pledge_history.campaign"
    )
    members = await client.read(f"/oauth2/v2/campaigns/{campaign.id}/members", related, **{"page[count]": "1"})
    assert len(members.rows) == len(campaign.memberships) == 4
    for event in members.of_type("pledge-event"):
        assert members.follow(event, "tier")["attributes"]["title"] == event["attributes"]["tier_title"]
        assert members.follow(event, "campaign")["id"] == campaign.id
    one = await client.read(f"/oauth2/v2/members/{members.rows[0][1]}", related)
    assert one.follow(one.resources[one.rows[0]], "user")["attributes"]["first_name"] == "Ann"
    posts = await client.read(f"/oauth2/v2/campaigns/{campaign.id}/posts", "user,campaign")
    (post,) = posts.of_type("post")
    assert (await client.read(f"/oauth2/v2/posts/{post['id']}")).of_type("post")[0]["attributes"] == post["attributes"]
    hooks = await client.read("/oauth2/v2/webhooks", "campaign,client")
    assert hooks.follow(hooks.of_type("webhook")[0], "client")["attributes"]["name"] == life.client.name


async def test_version_1_is_read_whole_by_a_client_that_was_not_written_for_it(life: Life, client: GenericClient) -> None:
    campaign = life.world.patreon.campaign()
    await sign_in(life, client, "Clara", V1_SCOPES)
    me = await client.read("/oauth2/api/current_user")
    assert me.of_type("user")[0]["attributes"]["full_name"] == "Clara Example"
    campaigns = await client.read("/oauth2/api/current_user/campaigns", "rewards,creator,goals,pledges")
    assert campaigns.rows == [("campaign", campaign.id)]
    assert len(campaigns.of_type("pledge")) == 4
    path = f"/oauth2/api/campaigns/{campaign.id}/pledges"
    for count, sort in (("1", "created"), ("1", "-updated"), ("3", "-created"), ("100", "updated")):
        pledges = await client.read(path, "patron.null,reward,creator", **{"page[count]": count, "sort": sort})
        assert len(pledges.rows) == 4
        names = [pledges.follow(one, "patron")["attributes"]["first_name"] for one in pledges.of_type("pledge")]
        assert sorted(names) == ["Ann", "Patron0", "Patron1", "Patron2"]


async def test_a_patron_reads_the_own_membership_in_either_version(life: Life, client: GenericClient) -> None:
    await sign_in(life, client, "Ann", f"{V1_SCOPES} {V2_SCOPES}")
    old = await client.read("/oauth2/api/current_user")
    assert [one["attributes"]["amount_cents"] for one in old.of_type("pledge")] == [500]
    new = await client.read("/oauth2/v2/identity", "memberships.campaign,memberships.currently_entitled_tiers")
    assert [one["attributes"]["currently_entitled_amount_cents"] for one in new.of_type("member")] == [500]
