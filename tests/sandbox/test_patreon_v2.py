"""API v2 of the simulated Patreon: sparse fields, includes, paging, scopes, webhooks kept by the client."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from sandbox.world.examples import crowd
from tests.sandbox.patreon_life import Answer, Life, living, query_of, sample

MEMBER_FIELDS = "patron_status,currently_entitled_amount_cents,last_charge_status"


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with living() as one:
        yield one


def included(answer: Answer, kind: str) -> list[Any]:
    return [one for one in answer.json.get("included", []) if one["type"] == kind]


def members_path(life: Life) -> str:
    return f"/oauth2/v2/campaigns/{life.world.patreon.campaign().id}/members"


async def test_nothing_is_told_that_was_not_asked_for(life: Life) -> None:
    answer = await life.get("/oauth2/v2/identity", token=await life.token_of("Ann"))
    assert answer.json["data"]["attributes"] == {}
    assert "relationships" not in answer.json["data"]
    assert "included" not in answer.json
    assert answer.headers["Content-Type"] == "application/vnd.api+json"


async def test_identity_tells_the_membership_with_its_tiers_and_campaign(life: Life) -> None:
    answer = await life.get(
        "/oauth2/v2/identity",
        token=await life.token_of("Ann"),
        include="memberships.currently_entitled_tiers,memberships.campaign",
        fields__user="full_name",
        fields__member=MEMBER_FIELDS,
        fields__tier="title,amount_cents",
    )
    assert answer.json["data"]["attributes"] == {"full_name": "Ann Example"}
    [member] = included(answer, "member")
    assert member["attributes"] == {
        "patron_status": "active_patron",
        "currently_entitled_amount_cents": 500,
        "last_charge_status": "Paid",
    }
    assert member["relationships"]["campaign"]["data"]["id"] == life.world.patreon.campaign().id
    [tier] = included(answer, "tier")
    assert tier["attributes"] == {"title": "Silver", "amount_cents": 500}
    assert member["relationships"]["currently_entitled_tiers"]["data"] == [{"id": tier["id"], "type": "tier"}]


@pytest.mark.parametrize(("scope", "count"), [("identity", 0), ("identity identity.memberships", 1)])
async def test_memberships_of_other_creators_need_their_own_scope(life: Life, scope: str, count: int) -> None:
    answer = await life.get("/oauth2/v2/identity", token=await life.token_of("Finn", scope), include="memberships")
    assert len(answer.json["data"]["relationships"]["memberships"]["data"]) == count


async def test_who_is_nobodys_patron_has_no_memberships_and_nothing_included(life: Life) -> None:
    answer = await life.get("/oauth2/v2/identity", token=await life.token_of("Ben"), include="memberships")
    assert answer.json["data"]["relationships"]["memberships"]["data"] == []
    assert "included" not in answer.json


@pytest.mark.parametrize(("scope", "told"), [("identity", False), ("identity identity[email]", True)])
async def test_the_own_address_needs_its_own_scope(life: Life, scope: str, told: bool) -> None:
    answer = await life.get("/oauth2/v2/identity", token=await life.token_of("Ann", scope), fields__user="email")
    assert ("email" in answer.json["data"]["attributes"]) is told


async def test_discord_ids_are_told_only_while_patreons_own_integration_is_on(life: Life) -> None:
    campaign = life.world.patreon.campaign()
    life.world.patreon.account("Ann").discord_id = "296000000000000001"
    token = await life.token_of("Ann")
    for shows, expected in ((False, None), (True, {"url": None, "user_id": "296000000000000001"})):
        campaign.shows_discord = shows
        own = await life.get("/oauth2/v2/identity", token=token, fields__user="social_connections")
        assert own.json["data"]["attributes"]["social_connections"]["discord"] == expected
        seen = await life.get(members_path(life), include="user", fields__user="social_connections")
        assert included(seen, "user")[0]["attributes"]["social_connections"]["discord"] == expected


@pytest.mark.parametrize(
    ("query", "parameter", "name"),
    [
        ({"fields__member": "patron_status,secret_wish"}, "fields[member]", "secret_wish"),
        ({"fields__campaign": "pledge_sum"}, "fields[campaign]", "pledge_sum"),
        ({"fields__nonsense": "a"}, "fields[nonsense]", "nonsense"),
        ({"include": "user,pledge"}, "include", "pledge"),
        ({"include": "campaign.nothing"}, "include", "campaign.nothing"),
    ],
)
async def test_one_unknown_name_fails_the_whole_request(
    life: Life, query: dict[str, str], parameter: str, name: str
) -> None:
    answer = await life.get(members_path(life), **query)
    assert (answer.status, answer.error["code_name"]) == (400, "ParameterInvalidOnType")
    assert answer.error["source"] == {"parameter": parameter}
    assert name in answer.error["detail"]


async def test_a_field_can_be_withdrawn_and_then_fails_the_request(life: Life) -> None:
    asked = {"fields__member": "patron_status,is_gifted"}
    assert (await life.get(members_path(life), **asked)).status == 200
    life.world.patreon.withdrawn.add(("member", "is_gifted"))
    answer = await life.get(members_path(life), **asked)
    assert (answer.status, answer.error["source"]) == (400, {"parameter": "fields[member]"})
    assert (await life.get(members_path(life), fields__member="patron_status")).status == 200


@pytest.mark.parametrize("kind", ["post", "client", "webhook", "deliverable", "media", "goal", "benefit", "address"])
async def test_every_documented_type_may_be_named_anywhere(life: Life, kind: str) -> None:
    named = {"post": "title", "client": "name", "webhook": "uri"}.get(kind, "created_at")
    assert (await life.get("/oauth2/v2/identity", **{f"fields__{kind}": named})).status == 200


async def test_posts_are_told_to_who_may_see_them(life: Life) -> None:
    path = f"/oauth2/v2/campaigns/{life.world.patreon.campaign().id}/posts"
    (row,) = (await life.get(path, fields__post="title,is_public", include="user")).json["data"]
    assert row["attributes"] == {"title": "Welcome", "is_public": True}
    assert (await life.get(path, token=await life.token_of("Ann"))).status == 403
    dans = life.world.patreon.add_post("dan", "Not Clara's")
    assert (await life.get(f"/oauth2/v2/posts/{dans.id}")).status == 403
    assert (await life.get("/oauth2/v2/posts/7")).status == 404


async def test_a_documented_type_that_never_occurs_may_be_asked_for(life: Life) -> None:
    answer = await life.get(members_path(life), include="address", fields__address="city", fields__benefit="title")
    assert answer.json["data"][0]["relationships"]["address"] == {"data": None}


async def test_a_page_has_twenty_rows_unless_asked_and_its_links_lead_through_the_list(life: Life) -> None:
    crowd(life.world, 44)
    first = await life.get(members_path(life), fields__member="patron_status")
    assert (len(first.json["data"]), first.json["meta"]["pagination"]["total"]) == (20, 45)
    assert first.json["meta"]["pagination"]["cursors"]["next"] == query_of(first.json["links"]["next"])["page[cursor]"]
    seen = [row["id"] for row in first.json["data"]]
    answer = first
    while "links" in answer.json:
        assert "page%5Bcursor%5D=" in answer.json["links"]["next"]
        answer = await life.ask("GET", answer.json["links"]["next"], token=life.creator)
        seen += [row["id"] for row in answer.json["data"]]
        assert answer.json["data"][0]["attributes"] == {"patron_status": "active_patron"}
    assert answer.json["meta"]["pagination"]["cursors"] == {"next": None}
    assert seen == [one.id for one in life.world.patreon.campaign().memberships]


async def test_pages_may_be_large_but_not_larger_than_a_thousand(life: Life) -> None:
    crowd(life.world, 1_100)
    path = members_path(life)
    assert len((await life.get(path, page__count="5000")).json["data"]) == 1_000
    assert len((await life.get(path, page__count="5000", include="pledge_history")).json["data"]) == 500
    assert len((await life.get(path, page__count="7")).json["data"]) == 7


@pytest.mark.parametrize("query", [{"page__count": "0"}, {"page__count": "many"}, {"page__cursor": "%%%"}])
async def test_unreadable_paging_is_a_bad_request(life: Life, query: dict[str, str]) -> None:
    assert (await life.get(members_path(life), **query)).status == 400


async def test_rows_that_join_or_leave_while_paging_neither_repeat_nor_hide_others(life: Life) -> None:
    crowd(life.world, 5)
    first = await life.get(members_path(life), page__count="3")
    life.world.patreon.join_free("Ben")
    second = await life.get(
        members_path(life), page__count="9", page__cursor=first.json["meta"]["pagination"]["cursors"]["next"]
    )
    seen = [row["id"] for row in first.json["data"] + second.json["data"]]
    assert seen == [one.id for one in life.world.patreon.campaign().memberships]


async def test_free_and_former_members_are_listed_too(life: Life) -> None:
    life.world.patreon.join_free("Ben")
    life.world.patreon.cancel("Ann")
    answer = await life.get(members_path(life), fields__member="patron_status")
    assert [row["attributes"]["patron_status"] for row in answer.json["data"]] == ["former_patron", None]


async def test_a_deleted_account_is_referred_to_but_not_included(life: Life) -> None:
    life.world.patreon.delete_account("Ann")
    answer = await life.get(members_path(life), include="user", fields__user="full_name")
    assert answer.json["data"][0]["relationships"]["user"]["data"]["id"] == life.world.patreon.account("Ann").id
    assert included(answer, "user") == []


async def test_a_hidden_patron_has_neither_name_nor_address(life: Life) -> None:
    life.world.patreon.hide("Ann")
    answer = await life.get(members_path(life), include="user", fields__member="email,full_name", fields__user="full_name")
    assert answer.json["data"][0]["attributes"] == {"email": None, "full_name": ""}
    assert included(answer, "user")[0]["attributes"] == {"full_name": ""}


async def test_a_single_member_is_found_by_its_id(life: Life) -> None:
    ann = life.world.patreon.membership("Ann")
    assert ann is not None
    answer = await life.get(f"/oauth2/v2/members/{ann.id}", fields__member="full_name", include="pledge_history")
    assert answer.json["data"]["attributes"] == {"full_name": "Ann Example"}
    assert len(included(answer, "pledge-event")) == 2


async def test_unknown_members_campaigns_and_paths_are_not_found(life: Life) -> None:
    expected = sample("errors/404_not_found.json")["body"]["errors"][0]
    for path in (
        "/oauth2/v2/members/nobody",
        "/oauth2/v2/campaigns/1",
        "/oauth2/v2/campaigns/1/members",
        "/oauth2/v2/nothing",
    ):
        answer = await life.get(path)
        assert answer.status == 404
        assert answer.error.keys() == expected.keys()
        assert answer.error["code_name"] == expected["code_name"]


async def test_another_creators_campaign_is_forbidden(life: Life) -> None:
    dan = life.world.patreon.campaign("dan")
    finn = life.world.patreon.membership("Finn", "dan")
    assert finn is not None
    for path in (
        f"/oauth2/v2/campaigns/{dan.id}",
        f"/oauth2/v2/campaigns/{dan.id}/members",
        f"/oauth2/v2/members/{finn.id}",
    ):
        answer = await life.get(path)
        assert (answer.status, answer.error["code_name"]) == (403, "ViewForbidden")


async def test_each_route_wants_its_scope(life: Life) -> None:
    token = await life.token_of("Ann", "identity.memberships")
    for path in ("/oauth2/v2/identity", "/oauth2/v2/campaigns", members_path(life), "/oauth2/v2/webhooks"):
        assert (await life.get(path, token=token)).status == 403


async def test_a_patron_has_no_campaign_to_list(life: Life) -> None:
    answer = await life.get("/oauth2/v2/campaigns", token=await life.token_of("Ann", "identity campaigns"))
    assert answer.json == {"data": [], "meta": {"pagination": {"cursors": {"next": None}, "total": 0}}}


async def test_campaigns_come_with_their_tiers(life: Life) -> None:
    answer = await life.get(
        "/oauth2/v2/campaigns",
        include="tiers,creator",
        fields__campaign="vanity,patron_count",
        fields__tier="title,patron_count",
    )
    assert answer.json["data"][0]["attributes"] == {"vanity": "clara", "patron_count": 1}
    assert [(one["attributes"]["title"], one["attributes"]["patron_count"]) for one in included(answer, "tier")] == [
        ("Free", 0),
        ("Bronze", 0),
        ("Silver", 1),
        ("Gold", 0),
    ]
    one = await life.get(f"/oauth2/v2/campaigns/{life.world.patreon.campaign().id}", fields__campaign="name")
    assert one.json["data"]["attributes"] == {"name": "Clara paints"}


async def test_without_a_token_or_with_a_wrong_one_nothing_is_told(life: Life) -> None:
    assert (await life.ask("GET", "/oauth2/v2/identity")).status == 401
    assert (await life.get("/oauth2/v2/identity", token="wrong")).status == 401
    basic = await life.ask("GET", "/oauth2/v2/identity", headers={"Authorization": f"Basic {life.creator}"})
    assert basic.status == 401


async def test_wrong_methods_and_formats_have_patreons_answers(life: Life) -> None:
    wrong_method = await life.ask("PUT", "/oauth2/v2/identity", token=life.creator)
    assert (wrong_method.status, wrong_method.error["code_name"]) == (405, "MethodNotAllowed")
    wrong_format = await life.ask("GET", "/oauth2/v2/identity", token=life.creator, headers={"Accept": "text/csv"})
    assert wrong_format.status == 406


async def test_who_sends_no_user_agent_gets_the_edges_page(life: Life) -> None:
    answer = await life.ask("GET", "/oauth2/v2/identity", token=life.creator, headers={"User-Agent": ""})
    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (403, "text/html")
    assert "cf-ray" in answer.headers


async def test_both_hosts_paths_lead_to_the_same_answers_and_one_counter(life: Life) -> None:
    for base in (life.server.api_url, life.server.site_url):
        assert (await life.ask("GET", f"{base}/oauth2/v2/campaigns", token=life.creator)).status == 200
    assert life.world.patreon.requests["GET /oauth2/v2/campaigns"] == 2
    await life.get(members_path(life))
    assert life.world.patreon.requests["GET /oauth2/v2/campaigns/{campaign}/members"] == 1
    assert life.world.patreon.requests.total() == 3
    assert life.world.timeline.of("patreon.call")[0].text == "GET /oauth2/v2/campaigns → 200"


async def test_kept_pages_are_served_until_a_verb_changes_the_campaign(life: Life) -> None:
    life.world.patreon.keep_pages = True
    ann = life.world.patreon.account("Ann")
    asked = {"include": "user", "fields__user": "full_name", "fields__member": "patron_status"}
    await life.get(members_path(life), **asked)
    ann.last_name = "Married"
    kept = await life.get(members_path(life), **asked)
    assert included(kept, "user")[0]["attributes"]["full_name"] == "Ann Example"
    life.world.patreon.decline("Ann")
    fresh = await life.get(members_path(life), **asked)
    assert included(fresh, "user")[0]["attributes"]["full_name"] == "Ann Married"
    assert fresh.json["data"][0]["attributes"]["patron_status"] == "declined_patron"


async def test_time_goes_on_between_two_requests(life: Life) -> None:
    life.world.patreon.cancel("Ann")
    life.world.clock.move(timedelta(days=32))
    answer = await life.get(members_path(life), token=(await life.renew(_refresh(life))).json["access_token"])
    assert answer.status == 200
    ann = life.world.patreon.membership("Ann")
    assert ann is not None
    assert ann.status == "former_patron"


def _refresh(life: Life) -> str:
    return life.world.patreon.oauth.creator_pair(life.client).refresh
