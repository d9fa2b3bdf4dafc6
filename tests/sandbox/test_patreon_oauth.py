"""The simulated Patreon's login, consent and token endpoint, over sockets."""

from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from sandbox.world.examples import REDIRECT_URI, small_world
from sandbox.world.patreon_oauth import V2_SCOPES
from tests.sandbox.patreon_life import ALL_V1, Life, living, query_of, sample


@pytest.fixture
async def life() -> AsyncIterator[Life]:
    async with living() as one:
        yield one


def parameters(life: Life, code: str) -> dict[str, str]:
    return {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": life.client.id,
        "client_secret": life.client.secret,
        "redirect_uri": REDIRECT_URI,
    }


async def test_a_browser_logs_in_and_then_is_asked_for_consent(life: Life) -> None:
    url = life.authorize_url(scope="identity identity[email]")
    login = await life.ask("GET", url)
    assert "Who are you?" in login.text
    assert "Ann Example" in login.text
    ann = life.world.patreon.account("Ann")
    path = url.removeprefix(life.server.site_url)
    back = await life.ask("POST", f"{life.server.site_url}/oauth2/login", data={"account": ann.id, "next": path})
    assert (back.status, back.headers["Location"]) == (303, path)
    consent = await life.ask("GET", url)
    assert "You are logged in as <strong>Ann Example</strong>" in consent.text
    assert "See your e-mail address" in consent.text
    assert "Patron roles wants to connect" in consent.text
    allowed = await life.ask("POST", url, data={"decision": "allow"})
    assert allowed.status == 302
    assert query_of(allowed.headers["Location"]).keys() == {"code", "state"}


async def test_who_is_somebody_else_can_log_out(life: Life) -> None:
    url = life.authorize_url()
    ann = life.world.patreon.account("Ann")
    login = f"{life.server.site_url}/oauth2/login"
    await life.ask("POST", login, data={"account": ann.id, "next": "/"})
    await life.ask("POST", login, data={"account": "", "next": "/"})
    assert "Who are you?" in (await life.ask("GET", url)).text


async def test_login_never_leads_to_another_host(life: Life) -> None:
    form = {"account": "", "next": "https://elsewhere.example/path?x=1"}
    answer = await life.ask("POST", f"{life.server.site_url}/oauth2/login", data=form)
    assert answer.headers["Location"] == "/path?x=1"


async def test_allowing_leads_back_with_a_code_and_the_state(life: Life) -> None:
    location = await life.server.consent(life.authorize_url(), "Ann")
    assert location.startswith(f"{REDIRECT_URI}?")
    assert query_of(location)["state"] == "a state"


async def test_without_a_state_the_word_none_comes_back(life: Life) -> None:
    location = await life.server.consent(life.authorize_url(state=None), "Ann")
    assert query_of(location)["state"] == "None"


@pytest.mark.parametrize(("named", "expected"), [(True, {"error", "state"}), (False, {"state"})])
async def test_denying_leads_back_without_a_code(life: Life, named: bool, expected: set[str]) -> None:
    life.world.patreon.oauth.denial_names_error = named
    location = await life.server.consent(life.authorize_url(), "Ann", allow=False)
    assert query_of(location).keys() == expected


async def test_a_wrong_redirect_address_ends_on_patreons_own_error_page(life: Life) -> None:
    location = await life.server.consent(life.authorize_url(redirect_uri="https://elsewhere.example/"), "Ann")
    parts = urlsplit(location)
    assert f"{parts.scheme}://{parts.netloc}" == life.server.site_url
    assert parts.path == "/oauth2/errors"
    assert query_of(location)["error_description"] == "Mismatching redirect URI."
    assert "Mismatching redirect URI." in (await life.ask("GET", location)).text


async def test_an_unknown_client_ends_on_patreons_own_error_page(life: Life) -> None:
    location = await life.server.consent(life.authorize_url(client_id="nobody"), "Ann")
    expected = sample("errors/oauth_invalid_request_client_id.json")["body"]
    assert query_of(location)["error"] == expected["error"]
    assert query_of(location)["error_description"] == expected["error_description"]


async def test_an_unknown_scope_leads_back_with_an_error(life: Life) -> None:
    location = await life.server.consent(life.authorize_url(scope="identity everything"), "Ann")
    assert query_of(location)["error"] == "invalid_scope"


async def test_only_a_v1_client_may_leave_the_scope_out() -> None:
    async with living() as old:
        answer = await old.exchange(await old.code("Ann", None))
        assert answer.json["scope"].split() == ["my-campaign", "pledges-to-me", "users"]
    async with living(small_world(client_version=2)) as new:
        assert query_of(await new.server.consent(new.authorize_url(scope=None), "Ann"))["error"] == "invalid_scope"


async def test_an_unverified_address_stops_the_flow(life: Life) -> None:
    ann = life.world.patreon.account("Ann")
    ann.email_verified = False
    form = {"account": ann.id, "decision": "allow"}
    login = f"{life.server.site_url}/oauth2/login"
    await life.ask("POST", login, data={"account": ann.id, "next": "/"})
    assert (await life.ask("POST", life.authorize_url(), data=form)).status == 403


async def test_an_answer_of_the_token_endpoint_has_the_recorded_shape(life: Life) -> None:
    answer = await life.exchange(await life.code("Ann"))
    expected = sample("v2/token_response.json")
    assert answer.status == 200
    assert answer.json.keys() == expected.keys()
    assert {name: answer.json[name] for name in ("expires_in", "scope", "token_type", "version")} == {
        name: expected[name] for name in ("expires_in", "scope", "token_type", "version")
    }


async def test_token_parameters_may_stand_in_the_query_and_on_either_host(life: Life) -> None:
    given = parameters(life, await life.code("Ann"))
    answer = await life.ask("POST", f"{life.server.site_url}/oauth2/token", params=given)
    assert answer.status == 200


async def test_a_code_works_once_and_not_for_long(life: Life) -> None:
    code = await life.code("Ann")
    assert (await life.exchange(code)).status == 200
    again = await life.exchange(code)
    expected = sample("errors/oauth_invalid_grant.json")
    assert (again.status, again.json) == (expected["http_status"], expected["body"])
    late = await life.code("Ann")
    life.world.clock.move(timedelta(minutes=11))
    assert (await life.exchange(late)).status == 401


async def test_a_code_is_bound_to_its_redirect_address(life: Life) -> None:
    answer = await life.exchange(await life.code("Ann"), redirect_uri="http://127.0.0.1:8080/other")
    assert answer.json == {"error": "invalid_grant"}


async def test_a_missing_code_and_a_wrong_secret_are_answered_as_recorded(life: Life) -> None:
    missing = await life.exchange(None)
    expected = sample("errors/oauth_invalid_request_missing_code.json")
    assert (missing.status, missing.json) == (expected["http_status"], expected["body"])
    wrong = await life.exchange("code", client_secret="wrong")
    expected = sample("errors/oauth_invalid_client.json")
    assert (wrong.status, wrong.json) == (expected["http_status"], expected["body"])


async def test_an_unknown_grant_type_is_refused(life: Life) -> None:
    assert (await life.exchange("code", grant_type="password")).json == {"error": "unsupported_grant_type"}


async def test_renewing_rotates_both_tokens_and_kills_the_old_refresh_token(life: Life) -> None:
    first = (await life.exchange(await life.code("Ann"))).json
    second = (await life.renew(first["refresh_token"])).json
    assert {first["access_token"], first["refresh_token"]}.isdisjoint({second["access_token"], second["refresh_token"]})
    assert second["scope"] == first["scope"]
    again = await life.renew(first["refresh_token"])
    assert (again.status, again.json) == (401, {"error": "invalid_grant"})
    assert (await life.get("/oauth2/v2/identity", token=second["access_token"])).status == 200


async def test_a_renewal_whose_answer_was_lost_may_be_answered_again_until_its_pair_was_used(life: Life) -> None:
    life.world.patreon.oauth.repeats_renewals = True
    first = (await life.exchange(await life.code("Ann"))).json
    second = (await life.renew(first["refresh_token"])).json

    again = (await life.renew(first["refresh_token"])).json
    assert again["refresh_token"] == second["refresh_token"]
    await life.get("/oauth2/v2/identity", token=second["access_token"])
    assert (await life.renew(first["refresh_token"])).status == 401


@pytest.mark.parametrize(("dies", "status"), [(False, 200), (True, 401)])
async def test_the_old_access_token_may_live_on_or_die_on_renewal(life: Life, dies: bool, status: int) -> None:
    life.world.patreon.oauth.renewal_kills_access = dies
    first = (await life.exchange(await life.code("Ann"))).json
    await life.renew(first["refresh_token"])
    assert (await life.get("/oauth2/v2/identity", token=first["access_token"])).status == status


@pytest.mark.parametrize(("dies", "status"), [(False, 200), (True, 401)])
async def test_a_second_consent_may_void_the_first_pair(life: Life, dies: bool, status: int) -> None:
    life.world.patreon.oauth.consent_kills_older = dies
    first = await life.token_of("Ann")
    second = await life.token_of("Ann")
    assert (await life.get("/oauth2/v2/identity", token=first)).status == status
    assert (await life.get("/oauth2/v2/identity", token=second)).status == 200


async def test_an_access_token_may_be_unknown_for_a_while_after_it_was_issued(life: Life) -> None:
    life.world.patreon.oauth.lag = timedelta(seconds=3)
    token = await life.token_of("Ann")
    assert (await life.get("/oauth2/v2/identity", token=token)).status == 401
    life.world.clock.move(timedelta(seconds=3))
    assert (await life.get("/oauth2/v2/identity", token=token)).status == 200


async def test_an_access_token_may_be_voided_while_its_refresh_token_lives(life: Life) -> None:
    pair = (await life.exchange(await life.code("Ann"))).json
    assert life.world.patreon.oauth.void_access(life.world.patreon.account("Ann")) == 1
    assert (await life.get("/oauth2/v2/identity", token=pair["access_token"])).status == 401
    renewed = (await life.renew(pair["refresh_token"])).json
    assert (await life.get("/oauth2/v2/identity", token=renewed["access_token"])).status == 200


async def test_an_access_token_expires_while_its_refresh_token_still_works(life: Life) -> None:
    pair = (await life.exchange(await life.code("Ann"))).json
    life.world.clock.move(timedelta(days=32))
    expired = await life.get("/oauth2/v2/identity", token=pair["access_token"])
    expected = sample("errors/401_unauthorized.json")["body"]["errors"][0]
    assert expired.status == 401
    assert {**expired.error, "id": expected["id"]} == expected
    assert (await life.renew(pair["refresh_token"])).status == 200


async def test_revoking_kills_both_tokens_at_once(life: Life) -> None:
    pair = (await life.exchange(await life.code("Ann"))).json
    assert life.world.patreon.oauth.revoke(life.world.patreon.account("Ann"), life.client) == 1
    assert (await life.get("/oauth2/v2/identity", token=pair["access_token"])).status == 401
    assert (await life.renew(pair["refresh_token"])).status == 401


async def test_grants_add_up_over_consents(life: Life) -> None:
    await life.token_of("Ann", "identity[email]")
    answer = await life.exchange(await life.code("Ann", "identity"))
    assert answer.json["scope"] == "identity identity[email]"


async def test_the_clients_owner_is_granted_everything(life: Life) -> None:
    answer = await life.exchange(await life.code("Clara", "identity"))
    assert set(V2_SCOPES) <= set(answer.json["scope"].split())


async def test_the_creators_pair_rotates_like_any_other_and_the_portal_shows_the_newest(life: Life) -> None:
    oauth = life.world.patreon.oauth
    before = oauth.creator_pair(life.client)
    answer = await life.renew(before.refresh)
    assert oauth.creator_pair(life.client).access == answer.json["access_token"] != before.access
    await life.token_of("Clara")
    assert oauth.creator_pair(life.client).access == answer.json["access_token"]


async def test_become_patron_lets_a_stranger_pay_and_comes_back_with_a_code(life: Life) -> None:
    url = life.authorize_url(scope=ALL_V1).replace("/authorize?", "/become-patron?min_cents=500&")
    ben = life.world.patreon.account("Ben")
    assert "Who are you?" in (await life.ask("GET", url)).text
    await life.ask("POST", f"{life.server.site_url}/oauth2/login", data={"account": ben.id, "next": "/"})
    page = await life.ask("GET", url)
    assert "Silver" in page.text
    assert "Bronze" not in page.text
    silver = life.world.patreon.tier("Silver", life.world.patreon.campaign())
    paid = await life.ask("POST", url, data={"tier": silver.id})
    assert "code" in query_of(paid.headers["Location"])
    membership = life.world.patreon.membership("Ben")
    assert membership is not None
    assert membership.tier is silver
    again = await life.ask("GET", url)
    assert "code" in query_of(again.headers["Location"])


async def test_nobody_becomes_a_patron_of_a_tier_that_is_not_there(life: Life) -> None:
    url = life.authorize_url().replace("/authorize?", "/become-patron?")
    form = {"account": life.world.patreon.account("Ben").id, "tier": "1"}
    assert (await life.ask("POST", url, data=form)).status == 403
    assert life.world.patreon.membership("Ben") is None


async def test_a_campaign_has_a_page(life: Life) -> None:
    campaign = life.world.patreon.campaign()
    for path in ("clara", "checkout/clara?rid=1", f"bePatron?c={campaign.id}"):
        page = await life.ask("GET", f"{life.server.site_url}/{path}")
        assert "Clara paints" in page.text
    assert (await life.ask("GET", f"{life.server.site_url}/nowhere")).status == 404


async def test_names_are_escaped_on_every_page(life: Life) -> None:
    life.world.patreon.account("Ann").last_name = "<script>"
    page = await life.ask("GET", life.authorize_url())
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_no_secret_reaches_the_time_line_or_a_repr(life: Life) -> None:
    pair = (await life.exchange(await life.code("Ann"))).json
    shown = repr(life.world.timeline.entries) + repr(life.world.patreon.oauth.pairs) + repr(life.client)
    for secret in (pair["access_token"], pair["refresh_token"], life.client.secret, life.creator):
        assert secret not in shown
