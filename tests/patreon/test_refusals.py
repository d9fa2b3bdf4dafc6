"""Every status and body by which Patreon says no, and the error it becomes."""

from datetime import timedelta

import pytest

from bot.errors import (
    AccessDenied,
    AccessRevoked,
    NotThere,
    PatreonError,
    PatreonUnavailable,
    RateLimited,
    RequestRefused,
    UnexpectedAnswer,
)
from bot.patreon.refusals import MEANINGS, read_refusal, refused_field, to_error, to_token_error
from bot.patreon.v2 import FIELDS
from tests.patreon.samples import dump, error_sample

HTML = b"<!DOCTYPE html><html><title>Attention Required! | Cloudflare</title></html>"


def error_of(status: int, body: bytes, **headers: str) -> PatreonError:
    return to_error(read_refusal(status, body, headers))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, RequestRefused),
        (401, AccessRevoked),
        (403, AccessDenied),
        (404, NotThere),
        (405, RequestRefused),
        (406, RequestRefused),
        (410, NotThere),
        (429, RateLimited),
        (500, PatreonUnavailable),
        (503, PatreonUnavailable),
    ],
)
def test_each_documented_status_is_an_error_of_its_own_meaning(status: int, kind: type[PatreonError]) -> None:
    error = error_of(status, dump({"errors": [{"code_name": "Name", "status": str(status)}]}))
    assert type(error) is kind
    assert (error.status, error.code_name) == (status, "Name")
    assert status == 429 or MEANINGS[status] in str(error)
    assert len(set(MEANINGS.values())) == 10


@pytest.mark.parametrize(
    ("name", "kind", "code_name"),
    [
        ("401_unauthorized", AccessRevoked, "Unauthorized"),
        ("403_oauth_client_view_forbidden", AccessDenied, "OAuthClientViewForbidden"),
        ("404_not_found", NotThere, "NotFound"),
        ("429_throttled", RateLimited, "RequestThrottled"),
        ("429_edge_too_many_bad_requests", RateLimited, None),
        ("v1_error_go", AccessRevoked, "Unauthorized"),
    ],
)
def test_recorded_refusals(name: str, kind: type[PatreonError], code_name: str | None) -> None:
    error = error_of(*error_sample(name))
    assert type(error) is kind
    assert error.code_name == code_name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("oauth_invalid_grant", AccessRevoked),
        ("oauth_invalid_client", AccessDenied),
        ("oauth_access_denied", AccessDenied),
        ("oauth_invalid_request_client_id", AccessDenied),
        ("oauth_invalid_request_missing_code", AccessDenied),
    ],
)
def test_recorded_refusals_of_the_token_endpoint(name: str, kind: type[PatreonError]) -> None:
    error = to_token_error(read_refusal(*error_sample(name), {}))
    assert type(error) is kind
    assert error.code_name == error_sample(name)[1].decode().split('"')[3]


def test_only_invalid_grant_kills_a_pair() -> None:
    assert type(to_token_error(read_refusal(400, b'{"error": "invalid_grant"}', {}))) is AccessRevoked
    assert type(to_token_error(read_refusal(401, dump({"errors": []}), {}))) is AccessDenied
    assert type(to_token_error(read_refusal(401, HTML, {}))) is PatreonUnavailable
    assert type(to_token_error(read_refusal(429, HTML, {}))) is RateLimited
    assert type(to_token_error(read_refusal(500, b"", {}))) is PatreonUnavailable


@pytest.mark.parametrize(
    ("status", "word", "kind"),
    [
        (429, "slow_down", RateLimited),
        (500, "server_error", PatreonUnavailable),
        (503, "temporarily_unavailable", PatreonUnavailable),
    ],
)
def test_a_busy_or_broken_token_endpoint_refuses_no_client(status: int, word: str, kind: type[PatreonError]) -> None:
    error = to_token_error(read_refusal(status, dump({"error": word}), {"Retry-After": "7"}))
    assert type(error) is kind
    assert (error.status, error.code_name) == (status, word)


@pytest.mark.parametrize("status", [400, 403, 404, 502, 503, 504, 520, 525])
def test_a_page_in_place_of_json_means_try_later_and_never_no_access(status: int) -> None:
    assert type(error_of(status, HTML)) is PatreonUnavailable


def test_a_page_with_401_is_how_old_servers_refused_a_token() -> None:
    error = error_of(401, HTML)
    assert type(error) is AccessRevoked
    assert error.code_name is None


@pytest.mark.parametrize("status", [302, 409, 418])
def test_statuses_nobody_told_of_are_unexpected(status: int) -> None:
    assert type(error_of(status, b"{}")) is UnexpectedAnswer


@pytest.mark.parametrize("body", [b'{"errors": 1}', b'{"errors": []}', b'{"errors": [1]}', b'{"errors": [{"source": 1}]}'])
def test_errors_of_a_strange_shape_still_count_by_their_status(body: bytes) -> None:
    assert type(error_of(403, body)) is AccessDenied


def test_patreons_free_text_stays_out_of_our_messages() -> None:
    private = {"errors": [{"code_name": "ann@example.com is wrong", "detail": "ann@example.com"}], "error": ["x"]}
    assert "ann@example.com" not in str(error_of(403, dump(private)))


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        (error_sample("429_throttled")[1], {}, 9),
        (error_sample("429_edge_too_many_bad_requests")[1], {}, 1800),
        (b"{}", {"Retry-After": "7"}, 7),
        (HTML, {"Retry-After": "7"}, 7),
        (HTML, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30),
        (b"{}", {}, 30),
        (dump({"errors": [{"retry_after_seconds": "4"}]}), {}, 4),
        (dump({"errors": [{"retry_after_seconds": -4}]}), {}, 30),
        (dump({"errors": [{"retry_after_seconds": 1e300}]}), {}, 1800),
        (b'{"errors": [{"retry_after_seconds": "inf"}]}', {}, 30),
    ],
)
def test_a_429_waits_what_body_or_header_say(body: bytes, headers: dict[str, str], seconds: float) -> None:
    error = error_of(429, body, **headers)
    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("parameter", "detail", "found"),
    [
        ("fields[member]", "is_gifted is not a valid field of member", ("member", "is_gifted")),
        ("is_gifted", "", ("member", "is_gifted")),
        ("", "Invalid parameter for type tier: amount_cents", ("tier", "amount_cents")),
        ("fields[campaign]", "Invalid parameter for type campaign: url", ("campaign", "url")),
        ("include", "Invalid parameter for type member: user", None),
        ("", "", None),
    ],
)
def test_the_field_a_400_is_about_is_found(parameter: str, detail: str, found: tuple[str, str] | None) -> None:
    error = {"code_name": "ParameterInvalidOnType", "detail": detail, "source": {"parameter": parameter}}
    assert refused_field(read_refusal(400, dump({"errors": [error]}), {}), FIELDS) == found


def test_other_refusals_are_about_no_field() -> None:
    error = {"code_name": "ParameterInvalid", "detail": "is_gifted"}
    assert refused_field(read_refusal(400, dump({"errors": [error]}), {}), FIELDS) is None
    named = {"code_name": "ParameterInvalidOnType", "detail": "is_gifted"}
    assert refused_field(read_refusal(404, dump({"errors": [named]}), {}), FIELDS) is None
