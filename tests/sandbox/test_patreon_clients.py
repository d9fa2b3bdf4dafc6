"""Other people's Patreon clients run against the simulator: the documentation's own examples, step by step."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlparse

import pytest

from sandbox.world.examples import REDIRECT_URI, crowd
from tests.sandbox.patreon_life import Life, living, query_of


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with living() as one:
        yield one


class DocumentedClient:
    """What the client libraries of the v1 documentation do: everything in the query, sorted, brackets encoded."""

    def __init__(self, life: Life, host: str) -> None:
        self.life = life
        self.host = host
        self.registration = {"client_id": life.client.id, "client_secret": life.client.secret}

    async def get_tokens(self, code: str) -> Any:
        return await self._update(grant_type="authorization_code", code=code, redirect_uri=REDIRECT_URI)

    async def refresh_token(self, refresh: str) -> Any:
        return await self._update(grant_type="refresh_token", refresh_token=refresh)

    async def fetch(self, token: str, suffix: str, **query: Any) -> Any:
        given = sorted(
            (name.replace("page_", "page[") + ("]" if "page_" in name else ""), value) for name, value in query.items()
        )
        url = f"{self.host}/oauth2/api/{suffix}" + (f"?{urlencode(given)}" if given else "")
        return (await self.life.ask("GET", url, token=token)).json

    @staticmethod
    def extract_cursor(page: Any) -> str | None:
        following = page.get("links", {}).get("next")
        if following is None:
            return None
        return str(parse_qs(urlparse(following).query)["page[cursor]"][0])

    async def _update(self, **query: str) -> Any:
        url = f"{self.host}/oauth2/token?{urlencode(sorted({**query, **self.registration}.items()))}"
        return (await self.life.ask("POST", url)).json


@pytest.fixture(params=["api.patreon.com", "www.patreon.com/api"])
def client(request: pytest.FixtureRequest, life: Life) -> DocumentedClient:
    """Give the client with either of the two hosts the libraries were written for."""
    return DocumentedClient(life, life.server.site_url if request.param == "api.patreon.com" else life.server.api_url)


async def sign_in(life: Life, client: DocumentedClient, who: str) -> Any:
    location = await life.server.consent(life.authorize_url(scope=None, state="their_session_id"), who)
    assert query_of(location)["state"] == "their_session_id"
    return await client.get_tokens(query_of(location)["code"])


async def test_log_in_with_patreon_and_find_the_pledge_to_the_creator(life: Life, client: DocumentedClient) -> None:
    tokens = await sign_in(life, client, "Ann")
    user_response = await client.fetch(tokens["access_token"], "current_user")
    creator_id = life.world.patreon.account("Clara").id
    included = user_response.get("included") or []
    pledge = next(
        (obj for obj in included if obj["type"] == "pledge" and obj["relationships"]["creator"]["data"]["id"] == creator_id),
        None,
    )
    assert pledge is not None
    reward_id = pledge["relationships"]["reward"]["data"]["id"]
    reward = next(obj for obj in included if obj["type"] == "reward" and obj["id"] == reward_id)
    assert (pledge["attributes"]["amount_cents"], reward["attributes"]["title"]) == (500, "Silver")


async def test_who_pledges_to_somebody_else_has_no_pledge_to_the_creator(life: Life, client: DocumentedClient) -> None:
    tokens = await sign_in(life, client, "Finn")
    user_response = await client.fetch(tokens["access_token"], "current_user")
    creators = [
        obj["relationships"]["creator"]["data"]["id"] for obj in user_response["included"] if obj["type"] == "pledge"
    ]
    assert creators == [life.world.patreon.account("Dan").id]


async def test_fetch_the_own_campaign_and_page_through_all_pledges(life: Life, client: DocumentedClient) -> None:
    crowd(life.world, 60)
    tokens = await sign_in(life, client, "Clara")
    campaign_response = await client.fetch(tokens["access_token"], "current_user/campaigns")
    campaign_id = campaign_response["data"][0]["id"]
    names: set[str] = set()
    cursor: str | None = None
    while True:
        query = {"page_count": 25} if cursor is None else {"page_count": 25, "page_cursor": cursor}
        pledges_response = await client.fetch(tokens["access_token"], f"campaigns/{campaign_id}/pledges", **query)
        users = {obj["id"]: obj for obj in pledges_response["included"] if obj["type"] == "user"}
        for pledge in pledges_response["data"]:
            patron_id = pledge["relationships"]["patron"]["data"]["id"]
            names.add(users[patron_id]["attributes"]["full_name"])
        cursor = client.extract_cursor(pledges_response)
        if not cursor:
            break
    assert len(names) == 61


async def test_the_token_does_not_work_so_get_a_newer_one(life: Life, client: DocumentedClient) -> None:
    pair = life.world.patreon.oauth.creator_pair(life.client)
    pair.dead = True
    campaign_response = await client.fetch(pair.access, "current_user/campaigns")
    assert campaign_response["errors"]
    tokens = await client.refresh_token(pair.refresh)
    again = await client.fetch(tokens["access_token"], "current_user/campaigns")
    assert again["data"][0]["type"] == "campaign"
    assert (await client.refresh_token(pair.refresh)) == {"error": "invalid_grant"}


async def test_the_documented_includes_are_taken_in_the_documented_spelling(life: Life, client: DocumentedClient) -> None:
    page = await client.fetch(life.creator, "current_user/campaigns", includes="rewards,creator,goals")
    kinds = {obj["type"] for obj in page["included"]}
    assert kinds == {"reward", "user", "goal"}


async def test_a_json_api_client_resolves_every_reference_it_is_given(life: Life) -> None:
    life.world.patreon.pledge("Ben", cents=900)
    life.world.patreon.pledge("Ann", "dan", tier="Choir")
    token = await life.token_of("Ann", "users pledges-to-me my-campaign")
    campaign = life.world.patreon.campaign().id
    for page in (
        (await life.get("/oauth2/api/current_user", token=token)).json,
        (await life.get("/oauth2/api/current_user/campaigns")).json,
        (await life.get(f"/oauth2/api/campaigns/{campaign}/pledges")).json,
        (
            await life.get(
                f"/oauth2/v2/campaigns/{campaign}/members", include="user,campaign.tiers,currently_entitled_tiers"
            )
        ).json,
    ):
        rows = page["data"] if isinstance(page["data"], list) else [page["data"]]
        every = [*rows, *page["included"]]
        known = {(obj["type"], obj["id"]) for obj in every}
        assert len(known) == len(every)
        assert {reference for obj in every for reference in references(obj)} <= known


def references(resource: Any) -> list[tuple[str, str]]:
    """Return what the relationships of a resource point at."""
    found = []
    for relation in resource.get("relationships", {}).values():
        data = relation["data"]
        found += [(one["type"], one["id"]) for one in (data if isinstance(data, list) else [data] if data else [])]
    return found


async def test_todays_clients_ask_for_the_fields_they_need(life: Life) -> None:
    given = {
        "include": "memberships.currently_entitled_tiers,memberships.campaign",
        "fields[user]": "full_name,social_connections",
        "fields[member]": (
            "patron_status,last_charge_status,last_charge_date,next_charge_date,currently_entitled_amount_cents,"
            "will_pay_amount_cents,is_free_trial,is_gifted,pledge_cadence,pledge_relationship_start"
        ),
        "fields[tier]": "title,amount_cents",
        "fields[campaign]": "vanity",
    }
    token = await life.token_of("Ann", "identity identity.memberships")
    for spelling in (urlencode(given), urlencode(given, safe=",")):
        answer = await life.ask("GET", f"/oauth2/v2/identity?{spelling}", token=token)
        [member] = [obj for obj in answer.json["included"] if obj["type"] == "member"]
        assert set(member["attributes"]) == set(given["fields[member]"].split(","))


async def test_brackets_may_stay_as_they_are(life: Life) -> None:
    campaign = life.world.patreon.campaign().id
    answer = await life.ask(
        "GET", f"/oauth2/v2/campaigns/{campaign}/members?page[count]=1&fields[member]=full_name", token=life.creator
    )
    assert answer.json["data"][0]["attributes"] == {"full_name": "Ann Example"}
