"""What people do in Discord's client: type commands, press buttons, select, fill in forms. The verbs of tests and demo.

A person can only do what the client offers; :class:`NotPossible` is raised for anything else, and the bot hears nothing.
"""

from collections.abc import Mapping, Sequence

from sandbox.discord import components, modals
from sandbox.discord.commands import CHAT_INPUT, MESSAGE, USER, CommandBook
from sandbox.discord.interaction import Interaction, Kind, NotPossible
from sandbox.discord.interactions import Interactions
from sandbox.discord.options import Options, Resolver, fill, leaf, nest
from sandbox.discord.wire import message_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_ranks import may_see, permissions_in
from sandbox.world.guild_records import Bot, Channel, Guild, Json, Message, Permission

_GUILD_CONTEXT, _DM_CONTEXT = 0, 1
Target = int | Message
"""Whom or what a context-menu command is used on: a user's id or a message."""


class People:
    """Starts interactions. Every verb returns at once with the interaction; await its answers there.

    ``user``, ``guild`` and ``channel`` are ids. Without ``guild`` it happens in the user's DM with the bot; without
    ``channel`` in the guild's first channel the user sees.
    """

    def __init__(self, world: DiscordWorld, book: CommandBook, interactions: Interactions) -> None:
        self._world = world
        self._book = book
        self._interactions = interactions
        self.base_url = ""

    def visible_commands(self, user: int, guild: int | None = None) -> list[Json]:
        """Return the commands Discord's client offers this person here, sorted by name."""
        found = []
        for bot in self._world.bots.values():
            channel = self._place(bot, user, guild, None)
            everywhere = self._book.of(bot.id) + ([] if guild is None else self._book.of(bot.id, guild))
            found += [command for command in everywhere if self._hidden(command, user, guild, channel) is None]
        return sorted(found, key=lambda command: (command["name"], command["type"]))

    def sees(self, user: int, channel: int) -> list[Message]:
        """Return the messages this person sees in a channel or DM, ephemeral ones among them, oldest first."""
        together = self._world.history(channel) + self._interactions.shown_to(user, channel)
        return sorted(together, key=lambda message: message.id)

    async def run_command(
        self,
        user: int,
        command: str,
        options: Options | None = None,
        *,
        guild: int | None = None,
        channel: int | None = None,
        target: Target | None = None,
    ) -> Interaction:
        """Use a slash command, subcommands included (``"roles add"``), or with ``target`` one of the context menu."""
        kind = CHAT_INPUT if target is None else USER if isinstance(target, int) else MESSAGE
        name, *path = command.split(" ") if kind == CHAT_INPUT else [command]
        registered, where = self._command(user, name, kind, guild, channel)
        resolver = self._resolver(guild)
        data: Json = {"id": registered["id"], "name": name, "type": kind}
        if "guild_id" in registered:
            data["guild_id"] = registered["guild_id"]
        if kind == CHAT_INPUT:
            data["options"] = nest(registered, path, fill(leaf(registered, path), options or {}, resolver))
        else:
            data["target_id"] = self._target(target, resolver)
        if resolver.found:
            data["resolved"] = resolver.found
        return self._start(Kind.COMMAND, int(registered["application_id"]), user, where, title=f"/{command}", data=data)

    async def autocomplete(
        self,
        user: int,
        command: str,
        option: str,
        text: str = "",
        options: Options | None = None,
        *,
        guild: int | None = None,
        channel: int | None = None,
    ) -> list[Json]:
        """Type ``text`` into an option and return the choices (``name``, ``value``) the bot offers, or raise NoAnswer."""
        name, *path = command.split(" ")
        registered, where = self._command(user, name, CHAT_INPUT, guild, channel)
        definitions = leaf(registered, path)
        if not any(definition["name"] == option and definition.get("autocomplete") for definition in definitions):
            raise NotPossible(f"/{command} has no option {option!r} with autocompletion")
        resolver = self._resolver(guild)
        filled = fill(definitions, {**(options or {}), option: text}, resolver, focused=option)
        data: Json = {"id": registered["id"], "name": name, "type": CHAT_INPUT, "options": nest(registered, path, filled)}
        title = f"/{command} {option}: {text}…"
        interaction = self._start(Kind.AUTOCOMPLETE, int(registered["application_id"]), user, where, title=title, data=data)
        await interaction.response()
        return interaction.choices or []

    async def press(self, message: Message, button: str, user: int) -> Interaction:
        """Press a button, named by its ``custom_id`` or label."""
        component = self._component(message, button, user)
        if component["type"] != components.ComponentType.BUTTON or "custom_id" not in component:
            raise NotPossible(f"{button!r} is nothing to press")
        data = {"custom_id": component["custom_id"], "component_type": component["type"], "id": component["id"]}
        return self._start_on(message, user, f"[{component.get('label') or button}]", data)

    async def select(self, message: Message, menu: str, values: Sequence[str | int], user: int) -> Interaction:
        """Choose in a select, named by its ``custom_id``: values of its options, or ids of users, roles or channels."""
        component = self._component(message, menu, user)
        if component["type"] not in components.SELECTS:
            raise NotPossible(f"{menu!r} is no select")
        resolver = self._resolver(message.guild_id)
        data: Json = {
            "custom_id": component["custom_id"],
            "component_type": component["type"],
            "id": component["id"],
            "values": modals.chosen(component, values, resolver),
        }
        if resolver.found:
            data["resolved"] = resolver.found
        return self._start_on(message, user, f"select {', '.join(map(str, values))}", data)

    async def submit(self, opened: Interaction, values: Mapping[str, modals.Value], user: int | None = None) -> Interaction:
        """Fill in and send the form an interaction opened; fields are named by ``custom_id`` or label."""
        if opened.modal is None:
            raise NotPossible(f"{opened!r} opened no form")
        resolver = self._resolver(opened.guild_id)
        data: Json = {
            "custom_id": opened.modal["custom_id"],
            "components": modals.filled(opened.modal["components"], values, resolver),
        }
        if resolver.found:
            data["resolved"] = resolver.found
        where = self._world.channel(opened.channel_id)
        title = f"form {opened.modal['title']}"
        return self._start(
            Kind.MODAL, opened.bot.id, user or opened.user_id, where, title=title, data=data, source=opened.source
        )

    # --- what the client looks at first -------------------------------------------------------------------------------

    def _command(self, user: int, name: str, kind: int, guild: int | None, channel: int | None) -> tuple[Json, Channel]:
        why = f"there is no command {name!r} here"
        for command in self._book.find(guild, name, kind):
            bot = self._world.bots[int(command["application_id"])]
            where = self._place(bot, user, guild, channel)
            hidden = self._hidden(command, user, guild, where)
            if hidden is None:
                return command, where
            why = hidden
        raise NotPossible(why)

    def _place(self, bot: Bot, user: int, guild: int | None, channel: int | None) -> Channel:
        if guild is None:
            return self._world.open_dm(bot.id, user)
        home = self._world.guild(guild)
        self._world.require_member(guild, user)
        if channel is not None:
            return self._world.channel(channel)
        seen = next((c for c in home.channels.values() if may_see(home, c, user)), None)
        if seen is None:
            raise NotPossible("the user sees no channel")
        return seen

    def _hidden(self, command: Json, user: int, guild: int | None, channel: Channel) -> str | None:
        """Return why Discord's client does not offer the command; None when it does."""
        name, contexts = command["name"], command["contexts"]
        if guild is None:
            reachable = command["dm_permission"] if contexts is None else _DM_CONTEXT in contexts
            return None if reachable else f"/{name} is not for DMs"
        if contexts is not None and _GUILD_CONTEXT not in contexts:
            return f"/{name} is not for guilds"
        home = self._world.guild(guild)
        if int(command["application_id"]) not in home.members:
            return f"/{name} belongs to no bot of this guild"
        held = permissions_in(home, channel, user)
        if not held & Permission.VIEW_CHANNEL or not held & Permission.USE_APPLICATION_COMMANDS:
            return "the user may not use commands in this channel"
        needed = command["default_member_permissions"]
        if needed is None or held & Permission.ADMINISTRATOR:
            return None
        # "0" hides a command from everybody but administrators.
        return None if int(needed) and held & int(needed) == int(needed) else f"the user does not see /{name}"

    def _component(self, message: Message, name: str, user: int) -> Json:
        if message.deleted or (message.only_for is not None and message.only_for != user):
            raise NotPossible("the user does not see this message")
        if message.guild_id is not None:
            home = self._world.guild(message.guild_id)
            if not may_see(home, home.channels[message.channel_id], user):
                raise NotPossible("the user does not see this message")
        try:
            component = components.find(message.components, name)
        except LookupError as missing:
            raise NotPossible(str(missing)) from None
        if component.get("disabled"):
            raise NotPossible(f"{name!r} is disabled")
        return component

    def _resolver(self, guild: int | None) -> Resolver:
        return Resolver(self._world, self._guild(guild), self.base_url)

    def _guild(self, guild: int | None) -> Guild | None:
        return None if guild is None else self._world.guild(guild)

    def _target(self, target: Target | None, resolver: Resolver) -> str:
        if isinstance(target, Message):
            shape = message_json(self._world, target, self.base_url)
            resolver.found["messages"] = {str(target.id): shape}
            return str(target.id)
        return resolver.user(target or 0)

    def _start_on(self, message: Message, user: int, title: str, data: Json) -> Interaction:
        where = self._world.channel(message.channel_id)
        return self._start(Kind.COMPONENT, message.author_id, user, where, title=title, data=data, source=message)

    def _start(
        self, kind: Kind, bot: int, user: int, where: Channel, *, title: str, data: Json, source: Message | None = None
    ) -> Interaction:
        interaction = Interaction(
            self._world.new_id(),
            kind,
            self._world.bots[bot],
            user_id=user,
            channel_id=where.id,
            guild_id=where.guild_id,
        )
        interaction.title, interaction.data, interaction.source = title, data, source
        self._interactions.start(interaction)
        return interaction
