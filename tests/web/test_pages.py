"""What holds for every answer: headers, limits, error pages, and that nothing secret is in a log line."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from bot.errors import LinkProblem, StoreError
from bot.texts import pages as texts
from bot.web.server import MAX_BODY, build_web, serving
from tests.web.conftest import Doors


@pytest.mark.parametrize(
    "path", ["/privacy", "/static/style.css", "/link/forged", "/nowhere", "/healthz", "/readyz", "/metrics"]
)
async def test_every_answer_carries_the_security_headers(doors: Doors, path: str) -> None:
    answer = await doors.client.get(path)

    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "patron-roles"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/privacy", "/link/forged", "/readyz"])
async def test_nothing_but_the_style_sheet_may_be_kept(doors: Doors, path: str) -> None:
    assert (await doors.client.get(path)).headers["Cache-Control"] == "no-store"
    assert "max-age" in (await doors.client.get("/static/style.css")).headers["Cache-Control"]


async def test_pages_hold_no_script_and_no_inline_style(doors: Doors) -> None:
    for path in ("/privacy", "/link/forged", "/nowhere"):
        page = await (await doors.client.get(path)).text()
        assert "<script" not in page
        assert "style=" not in page
        assert 'name="viewport"' in page


async def test_the_privacy_page_says_what_is_stored(doors: Doors) -> None:
    page = await (await doors.client.get("/privacy")).text()

    assert "What the bot keeps" in page
    assert "/unlink erases" in page


async def test_an_unknown_address_gets_a_page_that_helps(doors: Doors) -> None:
    answer = await doors.client.get("/nowhere")

    assert answer.status == 404
    assert "/link" in await answer.text()


async def test_a_wrong_method_says_which_are_allowed(doors: Doors) -> None:
    answer = await doors.client.post("/privacy")

    assert answer.status == 405
    assert "GET" in answer.headers["Allow"]


async def test_opening_a_step_with_head_uses_nothing_up(doors: Doors) -> None:
    path = await doors.start()

    assert (await doors.client.head(path)).status == 405
    assert (await doors.client.get(path, allow_redirects=False)).status == 303


async def test_a_form_that_is_too_large_is_refused(doors: Doors) -> None:
    answer = await doors.client.post("/link/confirm", data={"token": "x" * (MAX_BODY + 1)})

    assert answer.status == 413
    assert texts.TOO_LARGE.title in await answer.text()


async def test_what_nobody_foresaw_gets_a_page_without_a_word_of_it(logged: list[dict[str, object]]) -> None:
    async def breaks(_request: web.Request) -> web.Response:
        raise ZeroDivisionError("very-secret-detail")

    async with TestClient(TestServer(await build_web([web.get("/breaks/{token}", breaks)]))) as client:
        answer = await client.get("/breaks/one-time-token")
        page = await answer.text()

    assert answer.status == 500
    assert texts.BUG.title in page
    assert "very-secret-detail" not in page
    (entry,) = logged
    assert (entry["event"], entry["route"]) == ("page_broke", "/breaks/{token}")


@pytest.mark.parametrize(
    "sent",
    [b"what-is-this\r\n\r\n", b"GET / HTTP/1.1\r\nHost : secret-header\r\n\r\n", b"GET /%ff" + b"x" * 9000 + b"\r\n\r\n"],
)
async def test_what_is_no_http_is_answered_with_our_headers_and_without_a_word_of_it(sent: bytes) -> None:
    async with serving(await build_web([]), "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = (await reader.read()).decode()
        writer.close()
        await writer.wait_closed()

    assert " 400 " in answer.partition("\r\n")[0]
    assert "Server: patron-roles\r\n" in answer
    assert "Content-Security-Policy: default-src 'none'" in answer
    assert texts.BAD_REQUEST.title in answer
    assert not [word for word in ("aiohttp", "Python", "what-is-this", "secret-header", "xxx") if word in answer]


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 400 "),
        (b"Content-Length: 100\r\n\r\nabc", ""),
    ],
)
async def test_a_body_that_breaks_off_or_cannot_be_unpacked_is_not_our_fault(
    logged: list[dict[str, object]], sent: bytes, answered: str
) -> None:
    async def take(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with serving(await build_web([web.post("/take", take)]), "127.0.0.1", 0) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /take HTTP/1.1\r\nHost: bot.test\r\nConnection: close\r\n" + sent)
        if not answered:
            writer.write_eof()
        assert (await reader.read()).decode().startswith(answered)
        writer.close()
        await writer.wait_closed()

    assert [entry["event"] for entry in logged] == ["web_listening"]


async def test_a_database_that_is_gone_gets_a_page_that_says_try_again() -> None:
    async def breaks(_request: web.Request) -> web.Response:
        raise StoreError("the database refused")

    async with TestClient(TestServer(await build_web([web.get("/breaks", breaks)]))) as client:
        answer = await client.get("/breaks")

        assert answer.status == 503
        assert texts.STORE_DOWN.title in await answer.text()


def test_every_way_linking_can_end_has_a_page() -> None:
    assert set(texts.LINK_PROBLEMS) == set(LinkProblem)
