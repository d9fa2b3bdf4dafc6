"""What a person can do on the page: each act a verb of the world or its people. Collects the messages to be seen."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any

from sandbox.console.weather import Weather
from sandbox.discord.interaction import Interaction
from sandbox.discord.options import OptionValue
from sandbox.discord.server import DiscordServer
from sandbox.world import World
from sandbox.world.guild_events import Event, MessagePosted
from sandbox.world.guild_records import Guild, Json, Message

_KEPT = 40
_MAX_DAYS = 400


class Refused(Exception):
    """An act that makes no sense here; the message is for the person at the page."""


class Acts:
    """Acts in one guild. ``messages`` lists what anybody there has seen, oldest first, in the state it is in now."""

    def __init__(self, world: World, discord: DiscordServer, guild: Guild, weather: Weather) -> None:
        self._world = world
        self._discord = discord
        self._guild = guild
        self._weather = weather
        self._posted: list[Message] = []
        self._interactions: list[Interaction] = []
        self._forms: dict[str, Interaction] = {}

    def by_name(self) -> dict[str, Callable[[Json], Awaitable[Json]]]:
        """Return each act by the name the page posts it under."""
        return {
            "command": self.command,
            "complete": self.complete,
            "press": self.press,
            "select": self.select,
            "submit": self.submit,
            "patreon": self.patreon,
            "guild": self.guild,
            "clock": self.clock,
            "weather": self.weather,
            "webhooks": self.webhooks,
        }

    @property
    def messages(self) -> list[Message]:
        """Channel messages, DMs and the answers only one person sees, oldest first."""
        answers = [message for interaction in self._interactions for message in interaction.messages]
        unique = {message.id: message for message in [*self._posted, *answers]}
        return [unique[key] for key in sorted(unique)]

    @property
    def asked(self) -> dict[int, str]:
        """Say by message what it answers: who used which command, or pressed what."""
        names = {user.id: user.global_name or user.name for user in self._world.discord.users.values()}
        return {
            message.id: f"{names[interaction.user_id]} used {interaction.title}"
            for interaction in reversed(self._interactions)
            for message in interaction.messages
        }

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Collect what bots and people post while the block runs."""
        self._world.discord.listen(self._hear)
        try:
            yield
        finally:
            self._world.discord.unlisten(self._hear)

    async def command(self, asked: Json) -> Json:
        """Send a slash command as a member."""
        options = self._options(asked["command"], asked["values"])
        interaction = await self._discord.run_command(int(asked["user"]), asked["command"], options, guild=self._guild.id)
        return await self._follow(interaction)

    async def complete(self, asked: Json) -> Json:
        """Ask the bot what an option could be, given what is typed so far."""
        values = dict(asked["values"])
        text = str(values.pop(asked["option"], ""))
        options = self._options(asked["command"], values)
        choices = await self._discord.autocomplete(
            int(asked["user"]), asked["command"], asked["option"], text, options, guild=self._guild.id
        )
        return {"choices": choices}

    async def press(self, asked: Json) -> Json:
        """Press a button of a message."""
        message = self._message(asked["message"])
        return await self._follow(await self._discord.press(message, asked["custom_id"], int(asked["user"])))

    async def select(self, asked: Json) -> Json:
        """Choose in a select of a message."""
        message = self._message(asked["message"])
        user = int(asked["user"])
        return await self._follow(await self._discord.select(message, asked["custom_id"], asked["values"], user))

    async def submit(self, asked: Json) -> Json:
        """Send the form that an earlier act opened."""
        opened = self._forms.pop(asked["modal"], None)
        if opened is None:
            raise Refused("This form is no longer open.")
        return await self._follow(await self._discord.submit(opened, asked["values"], int(asked["user"])))

    async def patreon(self, asked: Json) -> Json:
        """Do something at Patreon as one of its accounts."""
        world, who = self._world.patreon, asked["account"]
        membership = world.membership(who)
        running = membership is not None and membership.pledge_id is not None
        match asked["verb"]:
            case "pledge" if running:
                world.change_pledge(who, tier=asked["tier"])
            case "pledge":
                world.pledge(who, tier=asked["tier"])
            case "decline":
                world.decline(who)
            case "pay":
                world.pay(who)
            case "cancel":
                world.cancel(who)
            case "join for free":
                world.join_free(who)
            case verb:
                raise Refused(f"Nobody can {verb} here.")
        return {}

    async def guild(self, asked: Json) -> Json:
        """Join or leave the guild."""
        user = int(asked["user"])
        match asked["verb"]:
            case "join":
                self._world.discord.join(self._guild.id, user)
            case "leave":
                self._world.discord.leave(self._guild.id, user)
            case verb:
                raise Refused(f"Nobody can {verb} a guild here.")
        return {}

    async def clock(self, asked: Json) -> Json:
        """Move the world's clock forward by some days."""
        days = int(asked["days"])
        if not 0 < days <= _MAX_DAYS:
            raise Refused("The clock moves forward, by up to 400 days.")
        self._world.timeline.add("world", f"The clock moves {days} day{'s' if days > 1 else ''} on")
        self._world.clock.move(timedelta(days=days))
        return {}

    async def weather(self, asked: Json) -> Json:
        """Change how Patreon is."""
        self._world.timeline.add("world", self._weather.set(asked["value"]))
        return {}

    async def webhooks(self, asked: Json) -> Json:
        """Let Patreon send webhooks, or not."""
        self._world.patreon.hooks.enabled = bool(asked["on"])
        self._world.timeline.add("world", f"Patreon {'sends webhooks again' if asked['on'] else 'sends no webhooks'}")
        return {}

    async def _follow(self, interaction: Interaction) -> Json:
        self._interactions = [*self._interactions[-_KEPT:], interaction]
        await interaction.response()
        if interaction.modal is None:
            return {}
        key = str(interaction.id)
        self._forms[key] = interaction
        return {"modal": {**interaction.modal, "id": key}}

    def _hear(self, event: Event) -> None:
        if isinstance(event, MessagePosted):
            self._posted.append(event.message)

    def _message(self, message: str) -> Message:
        found = next((one for one in self.messages if one.id == int(message)), None)
        if found is None:
            raise Refused("This message is gone.")
        return found

    def _options(self, command: str, values: dict[str, Any]) -> dict[str, OptionValue]:
        """Read the fields' texts as the types the command asks for."""
        kinds = {option["name"]: option["type"] for option in self._definitions(command)}
        return {name: _read(kinds.get(name, 0), value) for name, value in values.items()}

    def _definitions(self, command: str) -> list[Json]:
        name, *path = command.split(" ")
        offered = self._discord.visible_commands(self._guild.owner_id, self._guild.id)
        step: Json = next((one for one in offered if one["name"] == name), {})
        for part in path:
            step = next((one for one in step.get("options", ()) if one["name"] == part), {})
        return list(step.get("options") or ())


def _read(kind: int, value: str) -> OptionValue:
    match kind:
        case 4:
            return int(value)
        case 5:
            return value == "true"
        case 10:
            return float(value)
        case _:
            return value
