"""Authorize addresses, token requests, token answers."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.errors import UnexpectedAnswer
from bot.patreon.oauth import authorize_url, code_call, parse_tokens, renewal_call
from tests.patreon.doubles import START, settings
from tests.patreon.samples import dump, raw

SETTINGS = settings("https://www.patreon.com")


def test_the_authorize_address_has_every_documented_parameter() -> None:
    address = urlsplit(authorize_url(SETTINGS, "st&te=1", ("identity[email]", "campaigns")))
    assert address.geturl().startswith("https://www.patreon.com/oauth2/authorize?")
    assert parse_qs(address.query) == {
        "response_type": ["code"],
        "client_id": ["client-1"],
        "redirect_uri": ["https://bot.example/oauth/redirect"],
        "scope": ["identity[email] campaigns"],
        "state": ["st&te=1"],
    }
    assert "%5Bemail%5D" in address.query


def test_a_code_is_exchanged_with_the_address_it_came_to() -> None:
    call = code_call(SETTINGS, "code-1")
    assert (call.method, call.path, call.query) == ("POST", "/oauth2/token", ())
    assert dict(call.form) == {
        "grant_type": "authorization_code",
        "code": "code-1",
        "redirect_uri": "https://bot.example/oauth/redirect",
        "client_id": "client-1",
        "client_secret": "top-secret",
    }


def test_a_renewal_names_no_address() -> None:
    assert dict(renewal_call(SETTINGS, "refresh-1").form) == {
        "grant_type": "refresh_token",
        "refresh_token": "refresh-1",
        "client_id": "client-1",
        "client_secret": "top-secret",
    }


def test_the_recorded_token_answer() -> None:
    tokens = parse_tokens(raw("v2/token_response.json"), START)
    assert (tokens.access, tokens.refresh) == ("sample-access", "sample-refresh")
    assert tokens.expires_at == START + timedelta(days=31)
    assert tokens.scopes == {"identity"}
    assert "sample" not in repr(tokens)


def test_expiry_may_be_text_or_missing() -> None:
    answer = {"access_token": "a", "refresh_token": "r"}
    assert parse_tokens(dump({**answer, "expires_in": "300"}), START).expires_at == START + timedelta(seconds=300)
    assert parse_tokens(dump(answer), START).expires_at == START + timedelta(days=30)
    assert parse_tokens(dump(answer), START).scopes == frozenset()


@pytest.mark.parametrize(
    "answer",
    [
        {"access_token": "secret-1"},
        {"access_token": "secret-1", "refresh_token": ""},
        {"access_token": "secret-1\nX: y", "refresh_token": "secret-2"},
        {"access_token": 5, "refresh_token": "secret-2"},
        ["secret-1"],
    ],
)
def test_half_a_pair_raises_and_shows_no_token(answer: object) -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        parse_tokens(dump(answer), START)
    assert "secret" not in str(caught.value)


def test_settings_hide_the_client_secret() -> None:
    assert "top-secret" not in repr(SETTINGS)
