"""One request and its answer, over real sockets: headers, bounds, retries, waiting."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
import structlog

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
from bot.patreon import pacing
from bot.patreon import transport as transport_module
from bot.patreon.pacing import EXCHANGE, RENEWAL
from bot.patreon.refusals import FieldRefused
from bot.patreon.transport import Transport
from bot.patreon.wire import Call
from tests.patreon.doubles import HTML, Answer, Clock, FakePatreon, json_answer, refusal, serving, settings

PATH = "/oauth2/v2/identity"
GET = Call("GET", PATH)
YES = json_answer({"data": []})


class Line:
    """A transport to a scripted Patreon."""

    def __init__(self, fake: FakePatreon) -> None:
        self.fake = fake
        self.clock = Clock()
        self.transport = Transport(settings(fake.base), sleep=self.clock.sleep, monotonic=self.clock.monotonic)

    async def send(self, *answers: Answer, call: Call = GET, **more: Any) -> bytes:
        self.fake.on(call.path, *answers)
        return await self.transport.send(call, access="secret-access", key="creator", **more)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    async with serving() as fake:
        made = Line(fake)
        async with made.transport:
            yield made


async def test_every_request_says_who_we_are_and_wants_json(line: Line) -> None:
    assert await line.send(YES) == YES.body
    (seen,) = line.fake.seen
    assert seen.headers["User-Agent"].startswith("patron-roles/")
    assert "application/json" in seen.headers["Accept"]
    assert seen.token == "secret-access"


async def test_a_form_goes_in_the_body_and_never_in_the_address(line: Line) -> None:
    call = Call("POST", "/oauth2/token", form=(("code", "c1"), ("client_secret", "top-secret")))
    line.fake.on(call.path, YES)
    await line.transport.send(call)
    (seen,) = line.fake.seen
    assert seen.form == {"code": "c1", "client_secret": "top-secret"}
    assert seen.raw_query == ""
    assert "Authorization" not in seen.headers
    assert seen.headers["User-Agent"]


async def test_a_body_goes_as_json(line: Line) -> None:
    await line.send(YES, call=Call("POST", "/oauth2/v2/webhooks", body=b'{"data": 1}'))
    assert line.fake.seen[0].headers["Content-Type"] == "application/json"
    assert line.fake.seen[0].body == b'{"data": 1}'


async def test_the_query_arrives_as_patreon_wants_it(line: Line) -> None:
    await line.send(YES, call=Call("GET", PATH, (("fields[user]", "a,b"), ("page[cursor]", "2017-11-10T00:12:57+00:00"))))
    assert line.fake.seen[0].raw_query.startswith("fields%5Buser%5D=a")
    assert line.fake.seen[0].query["page[cursor]"] == "2017-11-10T00:12:57+00:00"


@pytest.mark.parametrize(
    "passing", [refusal(500), refusal(503), refusal(504), HTML, Answer(520), Answer(200, b"<html>"), Answer()]
)
async def test_what_may_pass_is_tried_again(line: Line, passing: Answer) -> None:
    assert await line.send(passing, passing, YES) == YES.body
    assert len(line.fake.seen) == 3


async def test_a_connection_that_is_cut_is_tried_again(line: Line) -> None:
    assert await line.send(Answer(200, b'{"data": [', cut=True), YES) == YES.body


async def test_tries_come_to_an_end(line: Line) -> None:
    with pytest.raises(PatreonUnavailable, match="503"):
        await line.send(refusal(503))
    assert len(line.fake.seen) == 4


async def test_what_must_not_happen_twice_is_sent_once(line: Line) -> None:
    with pytest.raises(PatreonUnavailable):
        await line.send(refusal(503), call=Call("POST", "/oauth2/v2/webhooks", body=b"{}", repeatable=False))
    assert len(line.fake.seen) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal(400), RequestRefused),
        (refusal(401), AccessRevoked),
        (refusal(403), AccessDenied),
        (refusal(404), NotThere),
        (refusal(405), RequestRefused),
        (refusal(406), RequestRefused),
        (refusal(410), NotThere),
        (Answer(302, b"", {"Location": "https://elsewhere.example/"}), UnexpectedAnswer),
    ],
)
async def test_a_refusal_is_never_repeated(line: Line, answer: Answer, kind: type[PatreonError]) -> None:
    if answer.status == 302:
        answer = Answer(302, b"{}", answer.headers)
    with pytest.raises(kind):
        await line.send(answer)
    assert len(line.fake.seen) == 1


async def test_nobody_there_is_unavailable(line: Line) -> None:
    async with Transport(settings("http://127.0.0.1:1"), sleep=line.clock.sleep) as nowhere:
        with pytest.raises(PatreonUnavailable) as caught:
            await nowhere.send(GET, access="secret-access")
    assert caught.value.__cause__ is None


async def test_a_short_429_is_waited_out_in_the_queue(line: Line) -> None:
    throttled = refusal(429, "RequestThrottled", retry_after_seconds=9)
    assert await line.send(throttled, YES) == YES.body
    assert line.clock.slept == [9]


async def test_a_429_may_speak_through_its_header(line: Line) -> None:
    throttled = Answer(429, b"slow down", {"Retry-After": "4"})
    await line.send(throttled, YES)
    assert line.clock.slept == [4]


async def test_a_long_429_is_handed_back_and_nothing_is_sent_meanwhile(line: Line) -> None:
    banned = json_answer({"errors": [{"detail": "Too many bad requests.", "retry_after_seconds": 1800}]}, 429)
    for _ in range(3):
        with pytest.raises(RateLimited):
            await line.send(banned, YES)
    with pytest.raises(RateLimited) as caught:
        await line.send(banned, YES)
    assert caught.value.retry_after == timedelta(minutes=30)
    assert len(line.fake.seen) == 1
    assert line.clock.slept == []


async def test_patience_decides_which_wait_is_long(line: Line) -> None:
    throttled = refusal(429, retry_after_seconds=50)
    assert await line.send(throttled, YES, patience=timedelta(seconds=60)) == YES.body
    with pytest.raises(RateLimited):
        await line.send(throttled, YES, patience=timedelta(seconds=40))


async def test_waits_take_no_longer_than_patience_together(line: Line) -> None:
    with pytest.raises(RateLimited):
        await line.send(refusal(429, retry_after_seconds=4), patience=timedelta(seconds=10))
    assert line.clock.slept == [4, 4]


async def test_codes_that_patreon_refuses_stop_no_other_call(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BAD_LIMIT", (2, 600.0))
    exchange = Call("POST", "/oauth2/token", form=(("code", "bad"),))
    line.fake.on(exchange.path, json_answer({"error": "invalid_grant"}, 401))
    async with Transport(settings(line.fake.base), sleep=line.clock.sleep, monotonic=line.clock.monotonic) as transport:
        line.fake.on(PATH, YES)
        for _ in range(5):
            with pytest.raises(AccessRevoked):
                await transport.send(exchange, key=EXCHANGE)
        assert await transport.send(GET, access="secret-access", key="creator") == YES.body
        for _ in range(2):
            with pytest.raises(AccessRevoked):
                await transport.send(exchange, key=RENEWAL)
        with pytest.raises(RateLimited):
            await transport.send(GET, access="secret-access", key="creator")


async def test_a_429_without_end_comes_to_an_end(line: Line) -> None:
    with pytest.raises(RateLimited):
        await line.send(refusal(429, retry_after_seconds=1))
    assert len(line.fake.seen) == 5


async def test_an_answer_above_the_bound_is_not_read_to_its_end(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "MAX_BODY_BYTES", 1000)
    with pytest.raises(UnexpectedAnswer, match="larger"):
        await line.send(Answer(200, b" " * 5000))


async def test_the_bound_counts_what_is_unpacked(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip  # noqa: PLC0415 # only this test packs anything

    monkeypatch.setattr(transport_module, "MAX_BODY_BYTES", 100_000)
    bomb = Answer(200, gzip.compress(b" " * 1_000_000), {"Content-Encoding": "gzip"})
    assert len(bomb.body) < 2000
    with pytest.raises(UnexpectedAnswer, match="larger"):
        await line.send(bomb)


async def test_nothing_to_say_is_an_answer_where_204_says_so(line: Line) -> None:
    assert await line.send(Answer(204), call=Call("DELETE", "/oauth2/v2/webhooks/1")) == b""


async def test_a_refused_field_is_named(line: Line) -> None:
    answer = refusal(400, "ParameterInvalidOnType", detail="Invalid parameter for type user: vanity")
    with pytest.raises(FieldRefused) as caught:
        await line.send(answer, call=Call("GET", PATH, (("fields[user]", "full_name,vanity"),)))
    assert (caught.value.kind, caught.value.name) == ("user", "vanity")


async def test_the_token_endpoint_has_its_own_words(line: Line) -> None:
    with pytest.raises(AccessRevoked, match="grant"):
        await line.send(json_answer({"error": "invalid_grant"}, 400), call=Call("POST", "/oauth2/token"))
    with pytest.raises(AccessDenied, match="invalid_client"):
        await line.send(json_answer({"error": "invalid_client"}, 401), call=Call("POST", "/oauth2/token"))


async def test_refusals_are_logged_without_secrets(line: Line) -> None:
    call = Call("POST", "/oauth2/token", form=(("client_secret", "top-secret"),))
    private = json_answer({"error": "invalid_client", "error_description": "ann@example.com"}, 401)
    with structlog.testing.capture_logs() as logs, pytest.raises(AccessDenied):
        await line.send(private, call=call)
    with structlog.testing.capture_logs() as more, pytest.raises(PatreonUnavailable):
        await line.send(HTML)
    told = repr(logs + more)
    assert "patreon_refused" in told
    assert "8f1" in told, "the network's own id of the page"
    for secret in ("secret-access", "top-secret", "ann@example.com"):
        assert secret not in told


async def test_a_session_that_was_handed_in_stays_open(line: Line) -> None:
    async with aiohttp.ClientSession() as session:
        line.fake.on(PATH, YES)
        async with Transport(settings(line.fake.base), sleep=line.clock.sleep, session=session) as borrowed:
            assert await borrowed.send(GET) == YES.body
        assert not session.closed


async def test_it_is_of_no_use_outside_of_its_context() -> None:
    clock = Clock()
    with pytest.raises(RuntimeError, match="context"):
        await Transport(settings("http://127.0.0.1:1"), sleep=clock.sleep).send(GET)
