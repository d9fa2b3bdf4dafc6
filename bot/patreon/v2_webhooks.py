"""Registering webhooks, in the dialect of version 2; no I/O. What arrives through one is read by ``webhook``.

Obeys the section "Webhooks" of Patreon's v2 documentation.
"""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from bot.core.model import CampaignId
from bot.errors import UnexpectedAnswer
from bot.patreon.answers import RegisteredWebhook
from bot.patreon.wire import Call, Resource, parse_document, to_optional_instant, to_shape

# Everything Patreon tells about memberships.
TRIGGERS = (
    "members:create",
    "members:update",
    "members:delete",
    "members:pledge:create",
    "members:pledge:update",
    "members:pledge:delete",
)


def webhooks_call(fields: tuple[tuple[str, str], ...]) -> Call:
    """Ask for this client's webhooks with these fields; needs ``w:campaigns.webhook``, as do the other three."""
    return Call("GET", "/oauth2/v2/webhooks", (("include", "campaign"), *fields, ("page[count]", "100")))


def create_webhook_call(campaign: CampaignId, uri: str) -> Call:
    """Ask Patreon to tell an https address all about memberships; sending this twice makes two webhooks."""
    data = {
        "type": "webhook",
        "attributes": {"triggers": TRIGGERS, "uri": uri},
        "relationships": {"campaign": {"data": {"type": "campaign", "id": campaign}}},
    }
    body = msgspec.json.encode({"data": data})
    return Call("POST", "/oauth2/v2/webhooks", body=body, repeatable=False)


def change_webhook_call(webhook: str, attributes: Mapping[str, object]) -> Call:
    """Ask to change ``triggers``, ``uri`` or ``paused``; un-pausing makes Patreon send what it kept."""
    body = msgspec.json.encode({"data": {"id": webhook, "type": "webhook", "attributes": attributes}})
    return Call("PATCH", f"/oauth2/v2/webhooks/{quote(webhook, safe='')}", body=body)


def delete_webhook_call(webhook: str) -> Call:
    """Ask to delete a webhook."""
    return Call("DELETE", f"/oauth2/v2/webhooks/{quote(webhook, safe='')}")


def parse_webhooks(body: bytes) -> tuple[RegisteredWebhook, ...]:
    """Read one or several registered webhooks; raises UnexpectedAnswer."""
    return tuple(_to_webhook(found) for found in parse_document(body).whole())


def parse_webhook(body: bytes) -> RegisteredWebhook:
    """Read the one webhook that was created or changed; raises UnexpectedAnswer."""
    for webhook in parse_webhooks(body):
        return webhook
    raise UnexpectedAnswer("a webhook was expected")


class _WebhookAttributes(msgspec.Struct, gc=False):
    uri: str = ""
    triggers: tuple[str, ...] = ()
    # The documentation's own sample has the text "false"; the typed form is a boolean.
    paused: bool | str | None = False
    num_consecutive_times_failed: int | None = 0
    secret: str | None = None
    last_attempted_at: str | None = None


def _to_webhook(resource: Resource) -> RegisteredWebhook:
    if resource.type != "webhook" or resource.id is None:
        raise UnexpectedAnswer("a webhook was expected")
    read = to_shape(resource.attributes or {}, _WebhookAttributes)
    campaign = resource.one("campaign")
    return RegisteredWebhook(
        resource.id,
        read.uri,
        read.triggers,
        paused=read.paused is True or read.paused == "true",
        failures=read.num_consecutive_times_failed or 0,
        secret=read.secret,
        last_attempted_at=to_optional_instant(read.last_attempted_at),
        campaign=CampaignId(campaign.id) if campaign else None,
    )
