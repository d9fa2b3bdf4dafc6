"""Bounded decoding, documents, cursors, instants."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from bot.errors import UnexpectedAnswer
from bot.patreon.wire import (
    MAX_BODY_BYTES,
    Call,
    cursor_of,
    parse_document,
    printable,
    to_instant,
    to_lifetime,
    to_optional_instant,
    to_roles,
    to_shape,
)
from tests.patreon.samples import dump, raw


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html>",
        b"\xff\xfe",
        b'"\\ud800"',
        b"[1, 2]",
        b"{}",
        b'{"data": 1}',
        b'{"data": [{"id": "1"}]}',
        b'{"data": {"type": "user", "id": 7}}',
        b'{"data": {"type": "user", "id": ""}}',
        b'{"x":' + b"[" * 100_000,
        b'{"data": null, "meta": {"a": ' * 3000,
    ],
)
def test_what_is_no_document_raises_and_shows_nothing_of_itself(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswer) as caught:
        parse_document(body)
    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 200


def test_a_wrong_value_is_named_by_its_place_and_not_shown() -> None:
    with pytest.raises(UnexpectedAnswer, match="attributes") as caught:
        parse_document(dump({"data": {"type": "user", "id": "1", "attributes": "ann@example.com"}}))
    assert "ann@example.com" not in str(caught.value)
    with pytest.raises(UnexpectedAnswer) as caught:
        to_shape("ann@example.com", int)
    assert "ann@example.com" not in str(caught.value)


def test_an_answer_above_the_bound_is_not_even_decoded() -> None:
    with pytest.raises(UnexpectedAnswer, match="larger"):
        parse_document(b" " * (MAX_BODY_BYTES + 1))


def test_references_are_resolved_among_data_and_included() -> None:
    document = parse_document(raw("v1/pledges_page_1.json"))
    index = document.index()
    pledge = document.listed()[2]
    reward = index.get(pledge.one("reward"))
    assert reward is not None
    assert reward.cents("amount_cents") == 100
    assert reward.text("title") == "Behind The Scene, but neil"
    assert reward.cents("title") is None
    assert reward.text("amount_cents") is None
    assert index.get(pledge.one("address")) is None
    assert index.get(pledge.one("no such relation")) is None
    assert len(index.of_type("pledge")) == 10


def test_of_two_resources_with_one_id_the_first_counts() -> None:
    first = {"type": "tier", "id": "1", "attributes": {"amount_cents": 1}}
    second = {"type": "tier", "id": "1", "attributes": {"amount_cents": 2}}
    found = parse_document(dump({"data": [], "included": [first, second]})).index().of_type("tier")
    assert [tier.cents("amount_cents") for tier in found] == [1]


def test_relations_may_be_null_missing_or_links_only() -> None:
    relations = {"a": None, "b": {"links": {"first": "x"}}, "c": {"data": None}, "d": {"data": [{"type": "t", "id": "1"}]}}
    resource = parse_document(dump({"data": {"type": "x", "id": "1", "relationships": relations}})).single()
    assert [resource.one(name) for name in "abcde"] == [None] * 5
    assert [len(resource.many(name)) for name in "abcde"] == [0, 0, 0, 1, 0]
    assert resource.attribute("anything") is None


def test_a_list_is_no_single_resource_nor_the_other_way_round() -> None:
    with pytest.raises(UnexpectedAnswer, match="one resource"):
        parse_document(b'{"data": []}').single()
    with pytest.raises(UnexpectedAnswer, match="a list"):
        parse_document(b'{"data": null}').listed()
    assert parse_document(b'{"data": null}').index().of_type("user") == []


def test_the_cursor_is_taken_out_of_patreons_own_link() -> None:
    links = parse_document(raw("v1/pledges_page_1.json")).links or {}
    assert cursor_of(links["next"]) == "2017-11-10T00:12:57.670910+00:00"
    assert cursor_of(None) is None


@pytest.mark.parametrize("link", ["https://www.patreon.com/api?page%5Bcount%5D=10", 7, {}, "", "http://[::1"])
def test_a_next_link_without_a_cursor_is_a_lost_page(link: object) -> None:
    with pytest.raises(UnexpectedAnswer, match="cursor"):
        cursor_of(link)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2017-05-25T22:32:30.623472+00:00", datetime(2017, 5, 25, 22, 32, 30, 623472, UTC)),
        ("2024-01-31T20:46:10.000+00:00", datetime(2024, 1, 31, 20, 46, 10, tzinfo=UTC)),
        ("2016-07-25T20:59:52+00:00", datetime(2016, 7, 25, 20, 59, 52, tzinfo=UTC)),
        ("2024-03-01T02:00:00+02:00", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03-01T00:00:00Z", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024-03-01T00:00:00", datetime(2024, 3, 1, tzinfo=UTC)),
    ],
)
def test_instants_are_read_as_utc(text: str, instant: datetime) -> None:
    assert to_instant(text) == instant
    assert to_instant(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01T00:00:00Z", "0001-01-01T00:00:00+23:59"])
def test_what_is_no_instant_raises(text: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="instant"):
        to_instant(text)
    assert to_optional_instant(None) is None


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(300, 300), ("300", 300), (12.5, 12.5), (None, None), ("soon", None), (-1, None), (0, None), (1e20, None)],
)
def test_a_lifetime_is_a_number_or_text_and_thirty_days_otherwise(said: float | str | None, seconds: float | None) -> None:
    assert to_lifetime(said) == (timedelta(days=30) if seconds is None else timedelta(seconds=seconds))


def test_calls_encode_brackets_and_leave_the_equals_sign() -> None:
    call = Call("GET", "/oauth2/v2/identity", (("fields[user]", "a,b"), ("include", "x.y")))
    assert call.url("https://h/api/") == "https://h/api/oauth2/v2/identity?fields%5Buser%5D=a%2Cb&include=x.y"
    assert Call("GET", "/oauth2/v2/identity").url("https://h/api") == "https://h/api/oauth2/v2/identity"


def test_a_call_does_not_show_what_it_carries() -> None:
    call = Call("POST", "/oauth2/token", form=(("client_secret", "top-secret"),), body=b"top-secret")
    assert "top-secret" not in repr(call)


def test_role_ids_are_text_numbers_or_nothing() -> None:
    assert to_roles(["947148212534386738", 5, "x", "", "9" * 5000, "\u0663"]) == (947148212534386738, 5)
    assert to_roles(None) == ()


def test_names_lose_what_a_database_or_a_page_could_stumble_over() -> None:
    assert printable("Ann\x00\n\u202e Example") == "Ann Example"
    assert printable(None) == ""
    assert len(printable("x" * 1000)) == 200


def test_msgspec_still_bounds_the_depth_by_itself() -> None:
    with pytest.raises(RecursionError):
        msgspec.json.decode(b"[" * 100_000)
