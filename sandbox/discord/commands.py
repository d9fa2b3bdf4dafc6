"""The application commands that bots registered, and what Discord refuses to register.

Source of the limits: Discord's documentation, "Application Commands".
"""

import re
from typing import Any

from sandbox.discord.errors import ApiError, invalid_form
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_records import Json, Unknown

CHAT_INPUT, USER, MESSAGE = 1, 2, 3
SUBCOMMAND, GROUP = 1, 2
_MOST = {CHAT_INPUT: 100, USER: 15, MESSAGE: 15}
_NAME = re.compile(r"[-_'\w]{1,32}")
_DESCRIPTION = 100
_MOST_OPTIONS = 25
_MOST_CHARACTERS = 8000
GLOBAL = 0
"""Stands for "every guild" where a guild's id is asked for."""


class CommandBook:
    """Commands by application and guild (:data:`GLOBAL` for those of every guild), in Discord's JSON."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self._commands: dict[tuple[int, int], dict[int, Json]] = {}

    def of(self, application: int, guild: int = GLOBAL) -> list[Json]:
        """Return the commands registered for exactly this place."""
        return list(self._commands.get((application, guild), {}).values())

    def get(self, application: int, guild: int, command: int) -> Json:
        """Return one command."""
        try:
            return self._commands[application, guild][command]
        except KeyError:
            raise Unknown("application command", command) from None

    def find(self, guild: int | None, name: str, kind: int = CHAT_INPUT) -> list[Json]:
        """Return the commands of that name a user could meet in a guild (or in DMs), the guild's own before global ones."""
        places = (GLOBAL,) if guild is None else (guild, GLOBAL)
        return [
            command
            for wanted in places
            for (_, place), commands in self._commands.items()
            if place == wanted
            for command in commands.values()
            if command["name"] == name and command["type"] == kind
        ]

    def replace(self, application: int, guild: int, forms: list[Json]) -> list[Json]:
        """Put ``forms`` in place of all commands there; those of the same name and type keep their id."""
        before = {(c["name"], c["type"]): c for c in self.of(application, guild)}
        for index, form in enumerate(forms):
            check_command(form, str(index))
        self._check_numbers(forms)
        fresh = [self._command(application, guild, form, before.get((form["name"], form.get("type", 1)))) for form in forms]
        self._commands[application, guild] = {int(command["id"]): command for command in fresh}
        return fresh

    def add(self, application: int, guild: int, form: Json) -> tuple[Json, bool]:
        """Register one command, in place of one of the same name and type; True when it is a new one."""
        check_command(form, "")
        same = [c for c in self.of(application, guild) if (c["name"], c["type"]) == (form["name"], form.get("type", 1))]
        command = self._command(application, guild, form, same[0] if same else None)
        self._check_numbers([*self.of(application, guild), *([] if same else [command])])
        self._commands.setdefault((application, guild), {})[int(command["id"])] = command
        return command, not same

    def change(self, application: int, guild: int, command: int, form: Json) -> Json:
        """Change what ``form`` names of a command."""
        old = self.get(application, guild, command)
        check_command(old | form, "")
        self._commands[application, guild][command] = self._command(application, guild, old | form, old)
        return self._commands[application, guild][command]

    def remove(self, application: int, guild: int, command: int) -> None:
        """Unregister a command."""
        self.get(application, guild, command)
        del self._commands[application, guild][command]

    def _check_numbers(self, forms: list[Json]) -> None:
        for kind, most in _MOST.items():
            if sum(form.get("type", 1) == kind for form in forms) > most:
                raise ApiError(400, 30032, f"Maximum number of application commands reached ({most})")
        names = [(form["name"], form.get("type", 1)) for form in forms]
        if len(set(names)) < len(names):
            raise invalid_form("name", "Application command names must be unique", "APPLICATION_COMMANDS_DUPLICATE_NAME")

    def _command(self, application: int, guild: int, form: Json, old: Json | None) -> Json:
        command: Json = {
            "id": old["id"] if old else str(self._world.new_id()),
            "application_id": str(application),
            "version": str(self._world.new_id()),
            "type": form.get("type", CHAT_INPUT),
            "name": form["name"],
            "name_localizations": form.get("name_localizations"),
            "description": form.get("description", ""),
            "description_localizations": form.get("description_localizations"),
            "default_member_permissions": _permissions(form),
            "dm_permission": form.get("dm_permission", True),
            "contexts": form.get("contexts"),
            "integration_types": form.get("integration_types") or [0],
            "options": form.get("options") or [],
            "nsfw": bool(form.get("nsfw")),
        }
        if guild != GLOBAL:
            command["guild_id"] = str(guild)
        return command


def _permissions(form: Json) -> str | None:
    given = form.get("default_member_permissions")
    return None if given is None else str(given)


def check_command(form: Json, path: str) -> None:
    """Raise Discord's 400 for a command it would not take; ``path`` is put before the names of faulty fields."""
    kind = form.get("type", CHAT_INPUT)
    prefix = f"{path}." if path else ""
    _check_name(form, prefix, free=kind != CHAT_INPUT)
    if kind == CHAT_INPUT:
        _check_description(form, prefix)
        _check_options(form.get("options") or [], prefix)
        if _characters(form) > _MOST_CHARACTERS:
            raise invalid_form(f"{prefix}name", "Command exceeds maximum size (8000)", "APPLICATION_COMMAND_TOO_LARGE")


def _check_name(form: Json, prefix: str, *, free: bool) -> None:
    name = form.get("name") or ""
    fine = 1 <= len(name) <= 32 if free else bool(_NAME.fullmatch(name)) and name == name.lower()  # noqa: PLR2004
    if not fine:
        raise invalid_form(f"{prefix}name", "Command name is invalid", "APPLICATION_COMMAND_INVALID_NAME")


def _check_description(form: Json, prefix: str) -> None:
    if not 1 <= len(form.get("description") or "") <= _DESCRIPTION:
        raise invalid_form(f"{prefix}description", "Must be between 1 and 100 in length.", "BASE_TYPE_BAD_LENGTH")


def _check_options(options: list[Json], prefix: str) -> None:
    if len(options) > _MOST_OPTIONS:
        raise invalid_form(f"{prefix}options", "Must be 25 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    optional_seen = False
    for index, option in enumerate(options):
        path = f"{prefix}options.{index}."
        _check_name(option, path, free=False)
        _check_description(option, path)
        if option["type"] in {SUBCOMMAND, GROUP}:
            _check_options(option.get("options") or [], path)
            continue
        if option.get("required") and optional_seen:
            sentence = "Required options must be placed before non-required options"
            raise invalid_form(path + "required", sentence, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID")
        optional_seen = optional_seen or not option.get("required")
        _check_choices(option, path)
    if len({option["name"] for option in options}) < len(options):
        sentence = "Option names must be unique"
        raise invalid_form(f"{prefix}options", sentence, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS")


def _check_choices(option: Json, path: str) -> None:
    choices = option.get("choices") or []
    if len(choices) > _MOST_OPTIONS:
        raise invalid_form(path + "choices", "Must be 25 or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    if choices and option.get("autocomplete"):
        sentence = "Choices and autocomplete cannot both be set"
        raise invalid_form(path + "autocomplete", sentence, "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_INVALID")
    for number, choice in enumerate(choices):
        check_choice(choice, f"{path}choices.{number}.")


def check_choice(choice: Json, path: str) -> None:
    """Raise Discord's 400 for a choice whose name or text is empty or over a hundred characters."""
    for key in ("name", "value"):
        value: Any = choice.get(key)
        if isinstance(value, str) and not 1 <= len(value) <= _DESCRIPTION:
            raise invalid_form(path + key, "Must be between 1 and 100 in length.", "BASE_TYPE_BAD_LENGTH")


def _characters(form: Json) -> int:
    """Return what counts towards the 8,000: names, descriptions and choices' texts of a command with all its options."""
    total = len(form["name"]) + len(form.get("description") or "")
    for choice in form.get("choices") or []:
        total += len(str(choice["name"])) + len(str(choice["value"]))
    return total + sum(_characters(option) for option in form.get("options") or [])
