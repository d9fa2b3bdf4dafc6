"""The bodies bots send to make or change a message: checked against Discord's limits and written into the world's record."""

from typing import Any

from sandbox.discord import components
from sandbox.discord.errors import empty_message, invalid_form
from sandbox.world.guild_records import Attachment, Json, Message, MessageFlag

_CONTENT = 2000
_EMBEDS = 10
_EMBED_LENGTHS = {"title": 256, "description": 4096}
_FIELDS = 25
_FIELD_LENGTHS = {"name": 256, "value": 1024}
_EMBED_TOTAL = 6000
_SETTABLE = MessageFlag.COMPONENTS_V2 | 1 << 2 | 1 << 12
"""Flags a bot may set on any message: components v2, no embeds of links, no notification."""


def write(message: Message, form: Json, files: list[Attachment]) -> None:
    """Change ``message`` as ``form`` says; keys that are absent leave things as they are. Raises Discord's 400."""
    flags = message.flags | (int(form.get("flags") or 0) & _SETTABLE)
    v2 = bool(flags & MessageFlag.COMPONENTS_V2)
    parts: dict[str, Any] = {
        "content": form["content"] or "" if "content" in form else message.content,
        "embeds": form["embeds"] or [] if "embeds" in form else message.embeds,
        "components": form["components"] or [] if "components" in form else message.components,
    }
    kept = _kept(message, form)
    _check_text(parts["content"], parts["embeds"])
    components.check(parts["components"], v2=v2)
    if v2 and (parts["content"] or parts["embeds"]):
        sentence = "The 'content' and 'embeds' fields cannot be used with MessageFlags.IS_COMPONENTS_V2"
        raise invalid_form("flags", sentence, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2")
    if not any(parts.values()) and not kept and not files:
        raise empty_message()
    message.flags = flags & ~MessageFlag.LOADING
    message.content = parts["content"]
    message.embeds = [{"type": "rich"} | embed for embed in parts["embeds"]]
    message.components = components.complete(parts["components"])
    message.attachments = kept + files


def _kept(message: Message, form: Json) -> list[Attachment]:
    if form.get("attachments") is None:
        return message.attachments
    named = {str(item.get("id")) for item in form["attachments"]}
    return [attachment for attachment in message.attachments if str(attachment.id) in named]


def _check_text(content: str, embeds: list[Json]) -> None:
    if len(content) > _CONTENT:
        raise invalid_form("content", f"Must be {_CONTENT} or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    if len(embeds) > _EMBEDS:
        raise invalid_form("embeds", f"Must be {_EMBEDS} or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    total = 0
    for index, embed in enumerate(embeds):
        total += _check_embed(f"embeds.{index}", embed)
    if total > _EMBED_TOTAL:
        raise invalid_form("embeds", f"Embed size exceeds maximum size of {_EMBED_TOTAL}", "MAX_EMBED_SIZE_EXCEEDED")


def _check_embed(path: str, embed: Json) -> int:
    """Return how many characters count towards the limit of all embeds together."""
    fields = embed.get("fields") or []
    if len(fields) > _FIELDS:
        raise invalid_form(f"{path}.fields", f"Must be {_FIELDS} or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    texts = [(f"{path}.{key}", embed.get(key) or "", longest) for key, longest in _EMBED_LENGTHS.items()]
    for number, field in enumerate(fields):
        for key, longest in _FIELD_LENGTHS.items():
            value = field.get(key) or ""
            if not value:
                raise invalid_form(f"{path}.fields.{number}.{key}", "This field is required", "BASE_TYPE_REQUIRED")
            texts.append((f"{path}.fields.{number}.{key}", value, longest))
    for where, value, longest in texts:
        if len(value) > longest:
            raise invalid_form(where, f"Must be {longest} or fewer in length.", "BASE_TYPE_MAX_LENGTH")
    small = len((embed.get("footer") or {}).get("text") or "") + len((embed.get("author") or {}).get("name") or "")
    return small + sum(len(value) for _, value, _ in texts)
