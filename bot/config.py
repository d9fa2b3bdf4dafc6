"""The configuration: ``config.json`` and the environment in, one frozen ``Config`` or every problem at once out.

Each key, its environment name, its default and its check live here and nowhere else; docs/operating.md explains them
and a test compares the two. What a value means to a part belongs to that part: nothing here opens a file but
``config.json``, a socket or a database. Values never appear in a problem, secrets never in a ``repr``.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from yarl import URL

from bot.errors import ConfigError

DEFAULT_PATH = Path("config.json")
"""Read when it exists and neither ``--config`` nor ``BOT_CONFIG`` names another file."""

DEFAULT_DATABASE = "sqlite:///data/patron-roles.db"

MIN_SECRET_KEY = 32
"""Characters a key for encryption needs at least."""

RANDOM_KEY = "a random one: openssl rand -base64 32"
"""How to make a key for encryption."""

Problem = tuple[str, str]


def _split(value: object) -> object:
    """Take the comma list an environment variable holds; a list of the file passes as it is."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _to_url(value: object, schemes: tuple[str, ...]) -> str:
    """Check scheme and host, and drop a trailing slash, so that paths can be appended."""
    if not isinstance(value, str):
        raise TypeError("must be text")
    url = URL(value)
    if url.scheme not in schemes or not url.host:
        raise ValueError("must be an address that starts with " + " or ".join(f"{scheme}://" for scheme in schemes))
    return value.rstrip("/")


def _to_http(value: object) -> str:
    return _to_url(value, ("https", "http"))


def _to_origin(value: object) -> str:
    """Take nothing behind the host: pages name one another by absolute paths, and Patreon compares to the letter."""
    origin = _to_http(value)
    if URL(origin).path != "/" or any(mark in origin for mark in "?#@"):
        raise ValueError("must be scheme, host and port only: no path, query, fragment or credentials")
    return origin


def _to_gateway(value: object) -> str:
    return _to_url(value, ("wss", "ws"))


def _to_number(value: object) -> object:
    """Let ``"2"`` from the environment be the 2 that a literal asks for."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _to_database(value: object) -> str:
    if not isinstance(value, str) or not value.startswith(("sqlite://", "postgres://", "postgresql://")):
        raise ValueError("must start with sqlite://, postgres:// or postgresql://")
    try:
        URL(value)
    except ValueError:
        # From None, and without yarl's words: they may repeat parts of the password.
        raise ValueError("is no address: encode what is special in the password, such as / as %2F") from None
    return value


def _check_key(value: SecretStr | str) -> SecretStr | str:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if len(plain) < MIN_SECRET_KEY:
        raise ValueError(f"must have at least {MIN_SECRET_KEY} characters; {RANDOM_KEY}")
    return value


def _to_token(value: SecretStr) -> SecretStr:
    """Drop the blanks that come along when a token is pasted; what is left has to stand in a header."""
    plain = value.get_secret_value().strip()
    if not re.fullmatch(r"[\x21-\x7e]+", plain):
        raise ValueError("holds a blank, a line break or a letter that no token has: paste it anew, in one piece")
    return SecretStr(plain)


HttpUrl = Annotated[str, BeforeValidator(_to_http)]
Token = Annotated[SecretStr, AfterValidator(_to_token)]
SecretKey = Annotated[SecretStr, BeforeValidator(_check_key)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class DiscordConfig(_Section):
    """The bot's account. ``guild_ids``: the guilds the configured campaign serves; empty: any guild that connects."""

    token: Token
    api_url: HttpUrl = "https://discord.com/api/v10"
    gateway_url: Annotated[str, BeforeValidator(_to_gateway)] | None = None
    guild_ids: Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(_split)] = ()


class PatreonConfig(_Section):
    """The Patreon client and the creator's first token pair; the stored pair wins once it has been renewed."""

    api_version: Annotated[Literal[1, 2], BeforeValidator(_to_number)] = 2
    site_url: HttpUrl = "https://www.patreon.com"
    api_url: HttpUrl = "https://www.patreon.com/api"
    client_id: str
    client_secret: Token
    creator_access_token: Token
    creator_refresh_token: Token
    campaign_id: str | None = None
    webhook_secret: Token | None = None


class WebConfig(_Section):
    """The HTTP doors. ``public_url`` is how a browser and Patreon reach them."""

    public_url: Annotated[str, BeforeValidator(_to_origin)]
    host: str = "0.0.0.0"  # noqa: S104 - a dyno or a container is reached from outside only on every interface
    port: Annotated[int, Field(ge=0, le=65535)] = 8080


class SyncConfig(_Section):
    """How often a campaign is read, and how long a declined patron keeps their roles where a guild says nothing else."""

    refresh_minutes: Annotated[int, Field(ge=1, le=7 * 24 * 60)] = 30
    declined_grace_days: Annotated[int, Field(ge=0, le=365)] = 7


class LogConfig(_Section):
    """What is logged and how it looks."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Config(_Section):
    """Everything an operator decides; frozen, so that it can be handed around."""

    discord: DiscordConfig
    patreon: PatreonConfig
    web: WebConfig
    database_url: Annotated[str, BeforeValidator(_to_database), Field(repr=False)] = DEFAULT_DATABASE
    secret_keys: Annotated[tuple[SecretKey, ...], BeforeValidator(_split), Field(min_length=1)]
    sync: SyncConfig = SyncConfig()
    log: LogConfig = LogConfig()

    @property
    def redirect_uri(self) -> str:
        """Where Patreon sends the browser back; registered with the Patreon client, to the letter."""
        return f"{self.web.public_url}/oauth/redirect"

    @property
    def webhook_uri(self) -> str:
        """Where Patreon posts the webhooks of the configured campaign."""
        return f"{self.web.public_url}/webhooks/patreon"

    def secrets(self) -> tuple[str, ...]:
        """Gather every secret value, for the one who hides them in log lines."""
        inside = [value for section in (self.discord, self.patreon) for _, value in section]
        hidden = [*inside, *self.secret_keys]
        plain = [value.get_secret_value() for value in hidden if isinstance(value, SecretStr)]
        return (*plain, *filter(None, [URL(self.database_url).password]))


def config_keys() -> dict[str, tuple[str, ...]]:
    """Return each dotted key with the environment names that set it, the strongest first."""
    keys: dict[str, tuple[str, ...]] = {}
    for name, field in Config.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, _Section):
            keys |= {f"{name}.{key}": (f"{name}_{key}".upper(),) for key in section.model_fields}
        else:
            keys[name] = (name.upper(),)
    keys["web.port"] += ("PORT",)  # the name hosting platforms give
    return keys


def load_config(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the file (``path``, else ``BOT_CONFIG``, else ``config.json`` if there) and lay the environment over it.

    Raises:
        ConfigError: with every problem found, each under its key.

    """
    values, problems = _read_file(path, environ)
    for key, names in config_keys().items():
        found = next((environ[name] for name in names if environ.get(name, "").strip()), None)
        if found is not None:
            _put(values, key, found.strip())
    if "DYNO" in environ and _lies_with_the_program(values.get("database_url") or DEFAULT_DATABASE):
        problems.append(("database_url", "a dyno forgets its files at each restart: add a PostgreSQL database"))
    try:
        config = Config.model_validate(_without_blanks(values))
    except ValidationError as error:
        problems += _explain(error, environ)
    else:
        if not problems:
            return config
    raise ConfigError(sorted(set(problems), key=_file_order))


def _lies_with_the_program(url: object) -> bool:
    """Say whether a database is a file named from the program's folder; an absolute path may be a mounted disk."""
    return isinstance(url, str) and url.startswith("sqlite:///") and not url.startswith("sqlite:////")


def _file_order(problem: Problem) -> tuple[int, str]:
    keys = list(config_keys())
    return (keys.index(problem[0]) if problem[0] in keys else -1, problem[0])


def _read_file(path: Path | None, environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    named = path or (Path(environ["BOT_CONFIG"]) if environ.get("BOT_CONFIG") else None)
    file = named or DEFAULT_PATH
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}, [] if named is None else [(str(file), "is not there")]
    except OSError as error:
        return {}, [(str(file), f"cannot be read: {error.strerror}")]
    except json.JSONDecodeError as error:
        return {}, [(str(file), f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")]
    except UnicodeDecodeError:
        return {}, [(str(file), "is not UTF-8 text")]
    if not isinstance(values, dict):
        return {}, [(str(file), "must hold an object: { ... }")]
    return values, []


def _put(values: dict[str, Any], key: str, value: str) -> None:
    section, _, name = key.rpartition(".")
    if not section:
        values[name] = value
        return
    inner = values.get(section)
    values[section] = {**(inner if isinstance(inner, dict) else {}), name: value}


def _without_blanks(values: dict[str, Any]) -> dict[str, Any]:
    """Drop what the example file leaves blank, so that blank means missing, and give each section a place."""
    known = {key.partition(".")[0] for key in config_keys() if "." in key}
    whole = {name: {} for name in known} | values
    return {
        name: {key: inner for key, inner in value.items() if inner not in ("", None)} if isinstance(value, dict) else value
        for name, value in whole.items()
        if value not in ("", None)
    }


def _explain(error: ValidationError, environ: Mapping[str, str]) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False, include_context=True):
        names = [str(part) for part in detail["loc"] if isinstance(part, str) and not part.startswith("function-")]
        key = ".".join(names[:2])
        yield key, _message(key, dict(detail), environ)


def _message(key: str, detail: dict[str, Any], environ: Mapping[str, str]) -> str:
    if detail["type"] == "missing":
        return _missing(key, environ)
    if detail["type"] == "extra_forbidden":
        close = difflib.get_close_matches(key, config_keys(), n=1, cutoff=0.5)
        return "is not a key" + (f"; did you mean {close[0]}?" if close else "")
    if detail["type"] == "too_short":
        return _missing(key, environ)
    if detail["type"] in {"value_error", "assertion_error"}:
        return str(detail["ctx"]["error"])
    if key == "discord.guild_ids":
        return "must be ids, in the environment separated by commas"
    return str(detail["msg"]).replace("Input should", "must").replace(", unable to parse string as an integer", "")


def _missing(key: str, environ: Mapping[str, str]) -> str:
    names = config_keys().get(key, (key.upper(),))
    message = f"is missing: set {key} in config.json, or {names[0]} in the environment"
    if key == "secret_keys":
        message += f"; {RANDOM_KEY}"
    unknown = [name for name in environ if name not in _all_names()]
    close = difflib.get_close_matches(names[0], unknown, n=1, cutoff=0.8)
    return message + (f" (there is a {close[0]}: is it meant?)" if close else "")


def _all_names() -> set[str]:
    return {name for names in config_keys().values() for name in names}
