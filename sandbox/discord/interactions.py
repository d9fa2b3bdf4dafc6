"""All interactions: starting one towards the bot, and what its answers make of it. Who may start one is asked elsewhere."""

import asyncio
from collections import deque

from sandbox.discord import message_forms
from sandbox.discord.errors import already_acknowledged, token_expired
from sandbox.discord.gateway import Gateway
from sandbox.discord.interaction import ANSWER_SECONDS, NO_ANSWER, TOKEN_LIFE, Callback, Interaction
from sandbox.discord.routes_channels import mentions_in
from sandbox.discord.session import encode
from sandbox.discord.wire import channel_json, member_json, message_json, user_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_ranks import permissions_in
from sandbox.world.guild_records import Attachment, Json, Message, MessageFlag, Unknown

_REMEMBERED = 2_000
_ATTACHMENT_LIMIT = 10 * 1024 * 1024


class Interactions:
    """Sends interactions over the gateway and keeps them for the answers. ``answer_seconds`` is Discord's three."""

    def __init__(self, world: DiscordWorld, gateway: Gateway) -> None:
        self._world = world
        self._gateway = gateway
        self._by_id: dict[int, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}
        self._order: deque[Interaction] = deque()
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self.answer_seconds = ANSWER_SECONDS
        self.base_url = ""

    def start(self, interaction: Interaction) -> None:
        """Send the interaction to the bot; without a connection it fails at once, else when three seconds pass."""
        interaction.started_at = self._world.clock.now()
        self._remember(interaction)
        text = f"{self._world.user(interaction.user_id).name}: {interaction.title}"
        self._world.timeline.add("discord.interaction", text, id=interaction.id, type=int(interaction.kind))
        sessions = self._gateway.reachable(interaction.bot.id, interaction.guild_id)
        if not sessions:
            self._give_up(interaction)
            return
        encoded = encode(self._payload(interaction))
        for session in sessions:
            session.dispatch("INTERACTION_CREATE", encoded)
            self._world.timeline.add(
                "discord.event", f"INTERACTION_CREATE to {interaction.bot.user.name}", id=interaction.id
            )
        timer = asyncio.get_running_loop().call_later(self.answer_seconds, self._give_up, interaction)
        self._timers[interaction.id] = timer

    def get(self, number: int) -> Interaction:
        """Return an interaction by its id; LookupError when it is forgotten or never was."""
        return self._by_id[number]

    def shown_to(self, user: int, channel: int) -> list[Message]:
        """Return the ephemeral messages one person sees in a channel, oldest first."""
        answers = (message for interaction in self._order for message in interaction.messages)
        mine = {m.id: m for m in answers if m.only_for == user and m.channel_id == channel and not m.deleted}
        return [mine[number] for number in sorted(mine)]

    def close(self) -> None:
        """Stop waiting for answers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def unanswered(self, number: int, token: str) -> Interaction:
        """Return the interaction a first answer is meant for. Discord's 404 when it is too late, 400 for a second one."""
        interaction = self._by_id.get(number)
        if interaction is None or interaction.token != token or interaction.error is not None:
            raise Unknown("interaction")
        if interaction.answered:
            raise already_acknowledged()
        return interaction

    def answered(self, application: int, token: str) -> Interaction:
        """Return the interaction an edit or followup belongs to. Discord's 404 before the first answer, 401 after 15 min."""
        interaction = self._by_token.get(token)
        if interaction is None or interaction.bot.id != application or not interaction.answered:
            raise Unknown("Webhook")
        if interaction.started_at is None or self._world.clock.now() - interaction.started_at > TOKEN_LIFE:
            raise token_expired()
        return interaction

    def acknowledge(self, interaction: Interaction, callback: Callback) -> None:
        """Take down that the first answer came."""
        timer = self._timers.pop(interaction.id, None)
        if timer is not None:
            timer.cancel()
        interaction.callback = callback
        if callback in {Callback.DEFERRED_UPDATE, Callback.UPDATE}:
            interaction.original = interaction.source
            interaction.messages += [] if interaction.source is None else [interaction.source]
        interaction.changed()

    def write(self, interaction: Interaction, form: Json, files: list[Attachment], *, original: bool) -> Message:
        """Make a message of the bot's for this interaction, as original answer or as followup."""
        message = self._blank(interaction, int(form.get("flags") or 0))
        message_forms.write(message, form, files)
        message.mentions = mentions_in(self._world, message.content)
        self._publish(interaction, message, original=original)
        return message

    def think(self, interaction: Interaction, flags: int) -> Message:
        """Show "thinking …" as the original answer."""
        message = self._blank(interaction, flags)
        message.flags |= MessageFlag.LOADING
        self._publish(interaction, message, original=True)
        return message

    def edit(self, interaction: Interaction, message: Message, form: Json, files: list[Attachment]) -> None:
        """Change one of the interaction's messages."""
        message_forms.write(message, form, files)
        message.mentions = mentions_in(self._world, message.content)
        self._world.edited(message)
        self._note(interaction, message, "edited")
        # Whoever has the message before them sees it change, whichever interaction changed it.
        for other in self._order:
            if any(shown is message for shown in other.messages):
                other.changed(message)

    def delete(self, interaction: Interaction, message: Message) -> None:
        """Remove one of the interaction's messages."""
        self._world.delete(message)
        interaction.messages.remove(message)
        interaction.changed()

    def find(self, interaction: Interaction, name: str) -> Message:
        """Return the message called ``@original`` or by its id."""
        if name == "@original":
            if interaction.original is not None and not interaction.original.deleted:
                return interaction.original
        elif name.isdecimal():
            for message in interaction.messages:
                if message.id == int(name):
                    return message
        raise Unknown("Message", name)

    def _blank(self, interaction: Interaction, flags: int) -> Message:
        ephemeral = flags & MessageFlag.EPHEMERAL
        return Message(
            self._world.new_id(),
            interaction.channel_id,
            interaction.bot.id,
            self._world.clock.now(),
            flags=ephemeral,
            guild_id=interaction.guild_id,
            only_for=interaction.user_id if ephemeral else None,
            application_id=interaction.bot.id,
            interaction=interaction.metadata() | {"user": user_json(self._world.user(interaction.user_id))},
        )

    def _publish(self, interaction: Interaction, message: Message, *, original: bool) -> None:
        if original:
            interaction.original = message
        interaction.messages.append(message)
        self._world.post(message)
        self._note(interaction, message, "thinks" if message.loading else "answered")
        interaction.changed(message)

    def _note(self, interaction: Interaction, message: Message, verb: str) -> None:
        text = f"{interaction.bot.user.name} {verb}: {interaction.title}"
        self._world.timeline.add("discord.answer", text, interaction=interaction.id, ephemeral=message.ephemeral)

    def _give_up(self, interaction: Interaction) -> None:
        self._timers.pop(interaction.id, None)
        interaction.error = NO_ANSWER
        self._world.timeline.add("discord.answer", f"{NO_ANSWER}: {interaction.title}", interaction=interaction.id)
        interaction.changed()

    def _remember(self, interaction: Interaction) -> None:
        self._by_id[interaction.id] = interaction
        self._by_token[interaction.token] = interaction
        self._order.append(interaction)
        if len(self._order) > _REMEMBERED:
            old = self._order.popleft()
            del self._by_id[old.id], self._by_token[old.token]

    def _payload(self, interaction: Interaction) -> Json:
        user = self._world.user(interaction.user_id)
        channel = self._world.channel(interaction.channel_id)
        payload: Json = {
            "id": str(interaction.id),
            "application_id": str(interaction.bot.id),
            "type": int(interaction.kind),
            "token": interaction.token,
            "version": 1,
            "data": interaction.data,
            "channel_id": str(channel.id),
            "channel": channel_json(self._world, channel),
            "locale": user.locale,
            "entitlements": [],
            "attachment_size_limit": _ATTACHMENT_LIMIT,
            "authorizing_integration_owners": interaction.metadata()["authorizing_integration_owners"],
        }
        if interaction.source is not None:
            payload["message"] = message_json(self._world, interaction.source, self.base_url)
        if interaction.guild_id is None:
            return payload | {"user": user_json(user), "context": 1, "app_permissions": "0"}
        guild = self._world.guild(interaction.guild_id)
        permissions = permissions_in(guild, channel, user.id)
        payload["channel"]["permissions"] = str(int(permissions))
        member = member_json(self._world, guild, user.id) | {"permissions": str(int(permissions))}
        return payload | {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
            "guild_locale": guild.locale,
            "member": member,
            "app_permissions": str(int(permissions_in(guild, channel, interaction.bot.id))),
            "context": 0,
        }
