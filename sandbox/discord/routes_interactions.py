"""The routes a bot answers interactions on: the callback, the original answer, followups. The token is the key."""

from typing import Any

from sandbox.discord import components
from sandbox.discord.commands import check_choice
from sandbox.discord.errors import invalid_form
from sandbox.discord.interaction import Callback, Interaction, Kind
from sandbox.discord.interactions import Interactions
from sandbox.discord.rest import Answer, Call, Route
from sandbox.discord.wire import message_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_records import Json, Message

_WEBHOOK = "/webhooks/{webhook_id}/{token}"
_MODAL_TITLE = 45
_MODAL_PARTS = 5
_CHOICES = 25
_FIRST_ANSWERS = {
    Kind.COMMAND: {Callback.MESSAGE, Callback.DEFERRED_MESSAGE, Callback.MODAL},
    Kind.COMPONENT: set(Callback) - {Callback.CHOICES},
    Kind.AUTOCOMPLETE: {Callback.CHOICES},
    Kind.MODAL: set(Callback) - {Callback.CHOICES, Callback.MODAL},
}


class InteractionRoutes:
    """Takes the bot's answers."""

    def __init__(self, world: DiscordWorld, interactions: Interactions) -> None:
        self._world = world
        self._interactions = interactions
        self.base_url = ""

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("POST", "/interactions/{interaction_id}/{token}/callback", self.callback, by_token=True),
            Route("POST", _WEBHOOK, self.follow_up, by_token=True),
            Route("GET", _WEBHOOK + "/messages/{message_id}", self.message, by_token=True),
            Route("PATCH", _WEBHOOK + "/messages/{message_id}", self.edit, by_token=True),
            Route("DELETE", _WEBHOOK + "/messages/{message_id}", self.delete, by_token=True),
        ]

    async def callback(self, call: Call) -> Answer:
        """Take the first answer; 204, or what it made when ``with_response`` asks for it."""
        number, token = call.id("interaction_id"), call.request.match_info["token"]
        self._interactions.unanswered(number, token)
        form = await call.form()
        interaction = self._interactions.unanswered(number, token)
        callback = self._type(interaction, form)
        message = self._take(interaction, callback, form.get("data") or {}, call)
        if call.request.query.get("with_response", "").lower() not in {"1", "true"}:
            return None
        return self._response(interaction, callback, message)

    async def follow_up(self, call: Call) -> Answer:
        """Take a further message; the first one after "thinking …" takes its place, as at Discord."""
        interaction = self._interaction(call)
        form = await call.form()
        original = interaction.original
        if original is not None and original.loading:
            self._interactions.edit(interaction, original, form, call.files)
            return self._shape(original)
        return self._shape(self._interactions.write(interaction, form, call.files, original=False))

    async def message(self, call: Call) -> Answer:
        """Return one of the bot's messages of this interaction."""
        return self._shape(self._message(call))

    async def edit(self, call: Call) -> Answer:
        """Edit one of the bot's messages of this interaction."""
        interaction, message = self._interaction(call), self._message(call)
        self._interactions.edit(interaction, message, await call.form(), call.files)
        return self._shape(message)

    async def delete(self, call: Call) -> Answer:
        """Delete one of the bot's messages of this interaction."""
        self._interactions.delete(self._interaction(call), self._message(call))
        return None

    def _type(self, interaction: Interaction, form: Any) -> Callback:
        try:
            callback = Callback(form["type"])
        except (KeyError, TypeError, ValueError):
            raise invalid_form("type", "Value must be one of (4, 5, 6, 7, 8, 9).", "BASE_TYPE_CHOICES") from None
        updates = callback in {Callback.UPDATE, Callback.DEFERRED_UPDATE}
        if callback not in _FIRST_ANSWERS[interaction.kind] or (updates and interaction.source is None):
            raise invalid_form("type", "This answer does not fit the interaction", "INTERACTION_RESPONSE_TYPE_INVALID")
        return callback

    def _take(self, interaction: Interaction, callback: Callback, data: Json, call: Call) -> Message | None:
        match callback:
            # A body that Discord refuses is no answer, so it is acknowledged only once it is written.
            case Callback.MESSAGE:
                self._interactions.write(interaction, data, call.files, original=True)
            case Callback.DEFERRED_MESSAGE:
                self._interactions.think(interaction, int(data.get("flags") or 0))
            case Callback.CHOICES:
                interaction.choices = _checked_choices(data)
            case Callback.MODAL:
                interaction.modal = _checked_modal(data)
            case Callback.UPDATE if interaction.source is not None:
                self._interactions.edit(interaction, interaction.source, data, call.files)
            case _:
                pass
        self._interactions.acknowledge(interaction, callback)
        return interaction.original

    def _response(self, interaction: Interaction, callback: Callback, message: Message | None) -> Json:
        about: Json = {"id": str(interaction.id), "type": int(interaction.kind), "channel_id": str(interaction.channel_id)}
        if interaction.guild_id is not None:
            about["guild_id"] = str(interaction.guild_id)
        response: Json = {"interaction": about}
        if message is not None:
            about |= {
                "response_message_id": str(message.id),
                "response_message_loading": message.loading,
                "response_message_ephemeral": message.ephemeral,
            }
            if callback is not Callback.DEFERRED_UPDATE:
                response["resource"] = {"type": int(callback), "message": self._shape(message)}
        return response

    def _interaction(self, call: Call) -> Interaction:
        return self._interactions.answered(call.id("webhook_id"), call.request.match_info["token"])

    def _message(self, call: Call) -> Message:
        return self._interactions.find(self._interaction(call), call.request.match_info["message_id"])

    def _shape(self, message: Message) -> Json:
        return message_json(self._world, message, self.base_url)


def _checked_choices(data: Json) -> list[Json]:
    choices: list[Json] = data.get("choices") or []
    if len(choices) > _CHOICES:
        raise invalid_form("data.choices", f"Must be {_CHOICES} or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    for index, choice in enumerate(choices):
        check_choice(choice, f"data.choices.{index}.")
    return choices


def _checked_modal(data: Json) -> Json:
    if not 1 <= len(data.get("title") or "") <= _MODAL_TITLE:
        raise invalid_form("data.title", f"Must be between 1 and {_MODAL_TITLE} in length.", "BASE_TYPE_BAD_LENGTH")
    if not data.get("custom_id"):
        raise invalid_form("data.custom_id", "This field is required", "BASE_TYPE_REQUIRED")
    if not 1 <= len(data.get("components") or []) <= _MODAL_PARTS:
        raise invalid_form("data.components", f"Must be between 1 and {_MODAL_PARTS} in length.", "BASE_TYPE_BAD_LENGTH")
    return data | {"components": components.complete(data["components"])}
