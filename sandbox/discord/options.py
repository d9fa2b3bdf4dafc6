"""What a person types after a command's name, as an interaction carries it: subcommands, options, resolved objects."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.discord.interaction import NotPossible
from sandbox.discord.wire import attachment_json, channel_json, member_json, role_json, user_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_records import Attachment, Guild, Json

OptionValue = str | int | float | bool | tuple[str, bytes]
"""Text, number or truth; the id of a user, role or channel; a file as its name and bytes."""
Options = Mapping[str, OptionValue]

_SUBCOMMAND, _GROUP, _STRING, _INTEGER, _BOOLEAN, _USER, _CHANNEL, _ROLE, _MENTIONABLE, _NUMBER, _ATTACHMENT = range(1, 12)
_PYTHON: dict[int, type | tuple[type, ...]] = {_STRING: str, _INTEGER: int, _BOOLEAN: bool, _NUMBER: (int, float)}


class Resolver:
    """Collects the full objects behind the ids that a person picked: Discord's ``resolved``."""

    def __init__(self, world: DiscordWorld, guild: Guild | None, base_url: str) -> None:
        self._world = world
        self._guild = guild
        self._base_url = base_url
        self.found: Json = {}

    def user(self, user: int) -> str:
        """Add a user, and the member if there is one; return the id as Discord writes it."""
        self._put("users", user, user_json(self._world.user(user)))
        if self._guild is not None and user in self._guild.members:
            member = member_json(self._world, self._guild, user)
            del member["user"]
            self._put("members", user, member | {"permissions": "0"})
        return str(user)

    def role(self, role: int) -> str:
        """Add a role of the guild."""
        if self._guild is None or role not in self._guild.roles:
            raise NotPossible(f"there is no role {role} to pick here")
        self._put("roles", role, role_json(self._guild.roles[role]))
        return str(role)

    def mentionable(self, target: int) -> str:
        """Add a role or else a user."""
        if self._guild is not None and target in self._guild.roles:
            return self.role(target)
        return self.user(target)

    def channel(self, channel: int) -> str:
        """Add a channel of the guild."""
        if self._guild is None or channel not in self._guild.channels:
            raise NotPossible(f"there is no channel {channel} to pick here")
        self._put("channels", channel, channel_json(self._world, self._guild.channels[channel]) | {"permissions": "0"})
        return str(channel)

    def file(self, name: str, data: bytes) -> str:
        """Upload a file."""
        attachment = Attachment(self._world.new_id(), name, "application/octet-stream", data)
        self._world.files[attachment.id] = attachment
        self._put("attachments", attachment.id, attachment_json(attachment, 0, self._base_url))
        return str(attachment.id)

    def value(self, kind: int, given: Any) -> Any:
        """Return what goes over the wire for a value of an option of type ``kind``."""
        pick = {_USER: self.user, _ROLE: self.role, _CHANNEL: self.channel, _MENTIONABLE: self.mentionable}.get(kind)
        if pick is not None:
            return pick(int(given))
        if kind == _ATTACHMENT:
            return self.file(*given)
        right = _PYTHON[kind]
        if not isinstance(given, right) or (isinstance(given, bool) and kind != _BOOLEAN):
            raise NotPossible(f"{given!r} cannot be entered where {right} is asked for")
        return given

    def _put(self, section: str, key: int, shape: Json) -> None:
        self.found.setdefault(section, {})[str(key)] = shape


def leaf(command: Json, path: Sequence[str]) -> list[Json]:
    """Return the options of the subcommand that ``path`` leads to. NotPossible when there is none."""
    options: list[Json] = command["options"]
    for name in path:
        step = next((o for o in options if o["name"] == name and o["type"] in {_SUBCOMMAND, _GROUP}), None)
        if step is None:
            raise NotPossible(f"/{command['name']} has no {name!r}")
        options = step.get("options") or []
    if any(option["type"] in {_SUBCOMMAND, _GROUP} for option in options):
        raise NotPossible(f"/{' '.join([command['name'], *path])} needs a subcommand")
    return options


def nest(command: Json, path: Sequence[str], filled: list[Json]) -> list[Json]:
    """Wrap filled options into the subcommand and group they belong to."""
    kinds: list[int] = []
    options: list[Json] = command["options"]
    for name in path:
        step = next(o for o in options if o["name"] == name)
        kinds.append(step["type"])
        options = step.get("options") or []
    for name, kind in zip(reversed(path), reversed(kinds), strict=True):
        filled = [{"name": name, "type": kind, "options": filled}]
    return filled


def fill(definitions: list[Json], given: Options, resolver: Resolver, *, focused: str | None = None) -> list[Json]:
    """Return the options as an interaction carries them. NotPossible for what a client would not send.

    With ``focused`` the person is still typing that option, so that others may be missing and values are not checked.
    """
    unknown = set(given) - {definition["name"] for definition in definitions}
    if unknown:
        raise NotPossible(f"the command has no option {', '.join(sorted(unknown))}")
    filled: list[Json] = []
    for definition in definitions:
        name, kind = definition["name"], definition["type"]
        if name not in given:
            if definition.get("required") and focused is None:
                raise NotPossible(f"the option {name!r} is required")
            continue
        if name == focused:
            # What is being typed goes over the wire as text, whatever the option's type.
            filled.append({"name": name, "type": kind, "value": str(given[name]), "focused": True})
            continue
        value = resolver.value(kind, given[name])
        _check(definition, value)
        filled.append({"name": name, "type": kind, "value": value})
    return filled


def _check(definition: Json, value: Any) -> None:
    name = definition["name"]
    choices = definition.get("choices") or []
    if choices and value not in [choice["value"] for choice in choices]:
        raise NotPossible(f"{value!r} is no choice of {name!r}")
    size = len(value) if definition["type"] == _STRING else value
    if definition["type"] in {_STRING, _INTEGER, _NUMBER}:
        word = "length" if definition["type"] == _STRING else "value"
        low, high = definition.get(f"min_{word}"), definition.get(f"max_{word}")
        if (low is not None and size < low) or (high is not None and size > high):
            raise NotPossible(f"{value!r} is outside the bounds of {name!r}")
