"""The routes of API v2 with which a client keeps its own webhooks: list, create, change, delete."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from sandbox.patreon import errors
from sandbox.patreon.document import Document
from sandbox.patreon.guard import Call, call_of, document
from sandbox.patreon.v2 import asked, own_campaign, require
from sandbox.patreon.v2_resources import WEBHOOK
from sandbox.patreon.view import JsonObject
from sandbox.world.patreon_hooks import V2_TRIGGERS, Webhook

SCOPE = "w:campaigns.webhook"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def routes(prefix: str) -> list[web.RouteDef]:
    """Return the webhook routes below ``prefix``."""
    return [
        web.get(f"{prefix}/webhooks", listing),
        web.post(f"{prefix}/webhooks", create),
        web.patch(f"{prefix}/webhooks/{{webhook}}", change),
        web.delete(f"{prefix}/webhooks/{{webhook}}", delete),
    ]


async def listing(request: web.Request) -> web.Response:
    """List the webhooks of the token's client, and of no other."""
    call = call_of(request)
    require(call, SCOPE)
    own = [hook for hook in call.patreon.hooks.webhooks.values() if hook.client is call.token.client]
    meta = {"pagination": {"cursors": {"next": None}, "total": len(own)}}
    doc, rows = _write(call, own)
    return document(doc.close(rows, meta=meta))


async def create(request: web.Request) -> web.Response:
    """Register a webhook for the caller's own campaign; the answer holds its secret."""
    call = call_of(request)
    require(call, SCOPE)
    body = await _body(request)
    attributes = _part(body, "attributes")
    reference = _part(_part(_part(body, "relationships"), "campaign"), "data")
    own = own_campaign(call, str(reference.get("id", "")))
    triggers = _triggers(attributes.get("triggers"))
    hook = call.patreon.hooks.register(call.token.client, own, _uri(attributes.get("uri")), triggers)
    call.patreon.timeline.add("patreon.webhook", f"Webhook {hook.id} is registered", webhook=hook.id, campaign=own.id)
    return _answer(call, hook, 201)


async def change(request: web.Request) -> web.Response:
    """Change triggers, address or ``paused``; un-pausing sends what waited. The word "false" counts as false."""
    call = call_of(request)
    require(call, SCOPE)
    hook = _own(call)
    attributes = _part(await _body(request), "attributes")
    if "triggers" in attributes:
        hook.triggers = tuple(_triggers(attributes["triggers"]))
    if "uri" in attributes:
        hook.uri = _uri(attributes["uri"])
    if "paused" in attributes:
        paused = str(attributes["paused"]).lower() == "true"
        if paused:
            call.patreon.hooks.pause(hook)
        else:
            call.patreon.hooks.resume(hook, call.patreon.now)
    return _answer(call, hook)


async def delete(request: web.Request) -> web.Response:
    """Forget a webhook: 204 without a body."""
    call = call_of(request)
    require(call, SCOPE)
    call.patreon.hooks.remove(_own(call))
    return web.Response(status=204)


def _own(call: Call) -> Webhook:
    hook = call.patreon.hooks.webhooks.get(call.request.match_info["webhook"])
    if hook is None or hook.client is not call.token.client:
        raise errors.plain(404)
    return hook


async def _body(request: web.Request) -> JsonObject:
    try:
        body = msgspec.json.decode(await request.read())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise errors.invalid_value("body", "The body is not JSON.") from None
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict) or data.get("type") != "webhook":
        raise errors.invalid_value("data", "The body must hold data of the type webhook.")
    return data


def _part(whole: JsonObject, name: str) -> JsonObject:
    """Return an object within the body, an empty one when it is missing. ApiError 400 when it is something else."""
    part = whole.get(name)
    if part is not None and not isinstance(part, dict):
        raise errors.invalid_value(name, f"{name} must be an object")
    return part or {}


def _triggers(value: Any) -> Sequence[str]:
    if not isinstance(value, list) or not value or any(trigger not in V2_TRIGGERS for trigger in value):
        raise errors.invalid_value("triggers", "triggers must be a list of known trigger names")
    return [str(trigger) for trigger in value]


def _uri(value: Any) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    # Patreon takes https only; a bot beside this sandbox has an address of the loopback instead.
    if parts is None or not (parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)):
        raise errors.invalid_value("uri", "uri must begin with https://")
    return str(value)


def _write(call: Call, hooks: Sequence[Webhook]) -> tuple[Document, list[JsonObject]]:
    """Write webhooks: all their attributes, or those that are asked for, and the relationships that are included."""
    tree, fields = asked(call, WEBHOOK, set())
    if "fields[webhook]" not in call.request.query:
        fields["webhook"] = dict(WEBHOOK.fields)
    doc = Document(call.view(), fields)
    return doc, [doc.write(WEBHOOK, hook, tree) for hook in hooks]


def _answer(call: Call, hook: Webhook, status: int = 200) -> web.Response:
    doc, (row,) = _write(call, [hook])
    return document(doc.close(row), status)
