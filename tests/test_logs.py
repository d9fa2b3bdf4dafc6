"""Log lines: one format for everybody, and no secret in any of them."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.logs import Redactor, set_up_logs

SECRET = "a-secret-nobody-may-read"


@pytest.fixture(autouse=True)
def _leave_logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_our_lines_and_those_of_libraries_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", "json")

    structlog.get_logger("bot.mine").info("role_granted", guild=1)
    logging.getLogger("discord.gateway").warning("shard %s is late", 3)

    mine, theirs = lines(capsys)
    assert (mine["event"], mine["guild"], mine["level"], mine["logger"]) == ("role_granted", 1, "info", "bot.mine")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == ("shard 3 is late", "warning", "discord.gateway")
    assert "timestamp" in mine
    assert "timestamp" in theirs


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("warning", "json")

    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")

    assert lines(capsys) == []


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_shows_no_local_variable_and_no_secret(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", style, secrets=[SECRET])

    def fail() -> None:
        local_token = "held-in-a-local-variable"
        raise ValueError(SECRET, len(local_token))

    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("it_failed")

    out = capsys.readouterr().out
    assert "it_failed" in out
    assert "ValueError" in out
    assert SECRET not in out
    assert out.count("held-in-a-local-variable") <= 1, "only the source line of a frame may show it, no variable"


@pytest.mark.parametrize("style", ["json", "console"])
def test_the_secrets_of_the_configuration_never_reach_a_line(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs("info", style, secrets=[SECRET])

    structlog.get_logger().info(f"said {SECRET}", detail=f"x{SECRET}x", deep={"list": [SECRET]}, other=(SECRET,))
    logging.getLogger("aiohttp").error("bad header %s", SECRET)

    assert SECRET not in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefghijklmnopqrstuvwxyz",
        "GET /oauth/redirect?code=abcdefghijklmnopqrstuvwxyz&x=1",
        "refresh_token=abcdefghijklmnopqrstuvwxyz",
        "/link/abcdefghijklmnopqrstuvwxyz was opened",
        "POST https://discord.example/api/v10/webhooks/123/abcdefghijklmnopqrstuvwxyz/messages/@original",
        "postgres://user:abcdefghijklmnopqrstuvwxyz@host/name",
    ],
)
def test_what_looks_like_a_secret_is_hidden_even_if_nobody_knew_it(text: str) -> None:
    assert "abcdefghijklmnopqrstuvwxyz" not in Redactor().text(text)


def test_values_under_a_telling_name_are_hidden_and_ids_are_not() -> None:
    event = Redactor()(
        None, "info", {"event": "x", "access_token": "abc", "patron": "123", "guild": 9, "mail": "a@b.example"}
    )

    assert event == {"event": "x", "access_token": "[hidden]", "patron": "123", "guild": 9, "mail": "[hidden]"}
