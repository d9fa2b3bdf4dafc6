"""The configuration: file and environment, every problem at once, no secret shown."""

import json
from pathlib import Path

import pytest

from bot.config import Config, config_keys, load_config
from bot.errors import ConfigError

MINIMUM = {
    "DISCORD_TOKEN": "discord-token-of-the-test",
    "PATREON_CLIENT_ID": "client-id",
    "PATREON_CLIENT_SECRET": "client-secret-of-the-test",
    "PATREON_CREATOR_ACCESS_TOKEN": "access-token-of-the-test",
    "PATREON_CREATOR_REFRESH_TOKEN": "refresh-token-of-the-test",
    "WEB_PUBLIC_URL": "https://bot.example",
    "SECRET_KEYS": "a-key-of-32-characters-or-there-about",
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problems(environ: dict[str, str], path: Path | None = None) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        load_config(path, environ)
    return dict(caught.value.problems)


def write(path: Path, values: object) -> Path:
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def nested(environ: dict[str, str]) -> dict[str, object]:
    values: dict[str, dict[str, str]] = {"discord": {}, "patreon": {}, "web": {}}
    for key, names in config_keys().items():
        if names[0] in environ and "." in key:
            section, name = key.split(".")
            values[section][name] = environ[names[0]]
    return {**values, "secret_keys": [environ["SECRET_KEYS"]]}


def test_an_empty_configuration_lists_every_missing_key_at_once() -> None:
    assert list(problems({})) == [
        "discord.token",
        "patreon.client_id",
        "patreon.client_secret",
        "patreon.creator_access_token",
        "patreon.creator_refresh_token",
        "web.public_url",
        "secret_keys",
    ]


@pytest.mark.parametrize(
    "key", ["discord.token", "patreon.client_secret", "patreon.creator_access_token", "patreon.creator_refresh_token"]
)
@pytest.mark.parametrize("pasted", ["first-line\nsecond", "a\r\nX-Header: y", "two words", "schlüssel", "\x00", 7])
def test_a_token_with_what_no_token_has_is_named_and_not_shown(key: str, pasted: object, tmp_path: Path) -> None:
    values = nested(MINIMUM)
    section, name = key.split(".")
    values[section][name] = pasted  # type: ignore[index]
    found = problems({}, write(tmp_path / "config.json", values))
    assert list(found) == [key]
    assert str(pasted) not in found[key]


def test_blanks_around_a_pasted_token_are_dropped(tmp_path: Path) -> None:
    values = nested({**MINIMUM, "PATREON_CREATOR_ACCESS_TOKEN": "  pasted-token\n", "PATREON_WEBHOOK_SECRET": "own\n"})
    config = load_config(write(tmp_path / "config.json", values), {})
    assert config.patreon.creator_access_token.get_secret_value() == "pasted-token"
    assert config.patreon.webhook_secret is not None
    assert config.patreon.webhook_secret.get_secret_value() == "own"


def test_each_missing_key_names_its_environment_variable() -> None:
    assert "DISCORD_TOKEN" in problems({})["discord.token"]
    assert "SECRET_KEYS" in problems({})["secret_keys"]


def test_a_missing_encryption_key_says_how_to_make_one() -> None:
    assert "openssl rand -base64 32" in problems({})["secret_keys"]
    assert "openssl rand -base64 32" in problems(MINIMUM | {"SECRET_KEYS": ","})["secret_keys"]


@pytest.mark.parametrize("url", ["https://bot.example/", "https://bot.example:8443", "http://127.0.0.1:8080"])
def test_the_public_address_is_a_scheme_a_host_and_perhaps_a_port(url: str) -> None:
    assert load_config(None, MINIMUM | {"WEB_PUBLIC_URL": url}).web.public_url == url.rstrip("/")


def test_the_environment_alone_is_enough() -> None:
    config = load_config(None, MINIMUM)

    assert config.discord.token.get_secret_value() == "discord-token-of-the-test"
    assert config.redirect_uri == "https://bot.example/oauth/redirect"
    assert config.webhook_uri == "https://bot.example/webhooks/patreon"
    assert config.patreon.api_version == 2
    assert config.database_url == "sqlite:///data/patron-roles.db"
    assert config.sync.refresh_minutes == 30


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "mine.json", nested(MINIMUM)), {})

    assert config.patreon.client_id == "client-id"


def test_config_json_of_the_folder_is_read_without_being_asked_for(tmp_path: Path) -> None:
    write(tmp_path / "config.json", nested(MINIMUM))

    assert load_config(None, {}).patreon.client_id == "client-id"


def test_bot_config_names_the_file_and_the_option_wins_over_it(tmp_path: Path) -> None:
    first = write(tmp_path / "first.json", {"patreon": {"campaign_id": "1"}})
    second = write(tmp_path / "second.json", {"patreon": {"campaign_id": "2"}})

    assert load_config(None, MINIMUM | {"BOT_CONFIG": str(first)}).patreon.campaign_id == "1"
    assert load_config(second, MINIMUM | {"BOT_CONFIG": str(first)}).patreon.campaign_id == "2"


def test_the_environment_overrides_single_keys_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"log": {"level": "debug", "format": "json"}})

    config = load_config(path, MINIMUM | {"LOG_LEVEL": "error"})

    assert (config.log.level, config.log.format) == ("error", "json")


def test_a_blank_value_counts_as_missing_and_not_as_a_value(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"discord": {"token": ""}, "patreon": {"campaign_id": ""}})

    assert list(problems({name: value for name, value in MINIMUM.items() if name != "DISCORD_TOKEN"}, path)) == [
        "discord.token"
    ]
    assert load_config(path, MINIMUM).patreon.campaign_id is None


def test_lists_in_the_environment_are_separated_by_commas() -> None:
    config = load_config(None, MINIMUM | {"DISCORD_GUILD_IDS": "1, 22,", "SECRET_KEYS": "k" * 32 + "," + "l" * 32})

    assert config.discord.guild_ids == (1, 22)
    assert [key.get_secret_value() for key in config.secret_keys] == ["k" * 32, "l" * 32]


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("DISCORD_GUILD_IDS", "1,nonsense", "discord.guild_ids"),
        ("DISCORD_API_URL", "discord.example/api", "discord.api_url"),
        ("DISCORD_GATEWAY_URL", "https://gateway.example", "discord.gateway_url"),
        ("PATREON_API_VERSION", "3", "patreon.api_version"),
        ("WEB_PUBLIC_URL", "bot.example", "web.public_url"),
        ("WEB_PUBLIC_URL", "https://bot.example/patreon", "web.public_url"),
        ("WEB_PUBLIC_URL", "https://bot.example?to=bot", "web.public_url"),
        ("WEB_PUBLIC_URL", "https://bot.example#bot", "web.public_url"),
        ("WEB_PUBLIC_URL", "https://name:word@bot.example", "web.public_url"),
        ("WEB_PORT", "90000", "web.port"),
        ("DATABASE_URL", "mysql://host/name", "database_url"),
        ("DATABASE_URL", "postgres://name:geheim/word@host/name", "database_url"),
        ("DATABASE_URL", "postgres://name@host:no-port/name", "database_url"),
        ("SECRET_KEYS", "short", "secret_keys"),
        ("SECRET_KEYS", ",", "secret_keys"),
        ("SYNC_REFRESH_MINUTES", "0", "sync.refresh_minutes"),
        ("SYNC_DECLINED_GRACE_DAYS", "-1", "sync.declined_grace_days"),
        ("LOG_LEVEL", "loud", "log.level"),
        ("LOG_FORMAT", "xml", "log.format"),
    ],
)
def test_a_wrong_value_is_reported_under_its_key_without_the_value(name: str, value: str, key: str) -> None:
    found = problems(MINIMUM | {name: value})

    assert list(found) == [key]
    assert value == "," or value not in found[key]


def test_platforms_may_give_the_port_as_port_and_web_port_wins() -> None:
    assert load_config(None, MINIMUM | {"PORT": "5000"}).web.port == 5000
    assert load_config(None, MINIMUM | {"PORT": "5000", "WEB_PORT": "6000"}).web.port == 6000


def test_variables_a_platform_sets_beside_ours_do_no_harm() -> None:
    assert load_config(None, MINIMUM | {"WEB_CONCURRENCY": "2", "LOG_DRAIN": "x", "DISCORD_OTHER": "y"}).web.port == 8080


def test_an_unknown_key_of_the_file_is_reported_with_the_one_that_was_meant(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"discord": {"tokn": "very-secret-value"}, "nonsense": 1})

    found = problems(MINIMUM, path)

    assert "did you mean discord.token?" in found["discord.tokn"]
    assert "is not a key" in found["nonsense"]
    assert "very-secret-value" not in str(found)


def test_a_misspelt_variable_is_pointed_out_where_the_right_one_is_missing() -> None:
    environ = {name: value for name, value in MINIMUM.items() if name != "DISCORD_TOKEN"}

    assert "DISCORD_TOKN" in problems(environ | {"DISCORD_TOKN": "x"})["discord.token"]


def test_broken_json_is_reported_with_line_and_column_beside_everything_else(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text('{\n  "discord": {"token": "x",}\n}', encoding="utf-8")

    found = problems({}, path)

    assert "line 2" in found[str(path)]
    assert "discord.token" in found


@pytest.mark.parametrize("content", [b"[]", b"\xff\xfe", b"7"])
def test_a_file_that_holds_no_object_is_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)

    assert str(path) in problems(MINIMUM, path)


def test_a_named_file_that_is_missing_is_reported(tmp_path: Path) -> None:
    assert problems(MINIMUM, tmp_path / "gone.json") == {str(tmp_path / "gone.json"): "is not there"}


def test_a_section_that_is_no_object_is_reported(tmp_path: Path) -> None:
    assert "log" in problems(MINIMUM, write(tmp_path / "c.json", {"log": 7}))


def test_a_dyno_wants_a_database_of_its_own_unless_one_is_named() -> None:
    example = Path(__file__).parent.parent / "config.example.json"
    assert list(problems(MINIMUM | {"DYNO": "web.1"})) == ["database_url"]
    assert list(problems(MINIMUM | {"DYNO": "web.1"}, example)) == ["database_url"]
    assert list(problems(MINIMUM | {"DYNO": "web.1", "DATABASE_URL": "sqlite:///bot.db"})) == ["database_url"]
    for url in ("postgres://u:p@h/d", "sqlite:////mnt/litestream/bot.db"):
        assert load_config(None, MINIMUM | {"DYNO": "web.1", "DATABASE_URL": url}).database_url == url


def test_no_secret_shows_in_a_repr() -> None:
    config = load_config(None, MINIMUM | {"DATABASE_URL": "postgres://user:database-password@host/name"})

    shown = f"{config!r} {config!s} {config.patreon!r}"

    assert not [value for value in [*MINIMUM.values(), "database-password"] if "of-the-test" in value and value in shown]
    assert "database-password" not in shown
    assert MINIMUM["SECRET_KEYS"] not in shown


def test_the_configuration_cannot_be_changed() -> None:
    config = load_config(None, MINIMUM)

    with pytest.raises(ValueError, match="frozen"):
        config.web.port = 1


def test_the_example_file_is_complete_and_only_secrets_are_missing() -> None:
    example = Path(__file__).parent.parent / "config.example.json"
    values = json.loads(example.read_text(encoding="utf-8"))
    there = {f"{name}.{key}" for name, inner in values.items() if isinstance(inner, dict) for key in inner}
    there |= {name for name, inner in values.items() if not isinstance(inner, dict)}

    assert there == set(config_keys())
    assert isinstance(load_config(example, MINIMUM), Config)
