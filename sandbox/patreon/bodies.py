"""The bodies of webhooks, byte by byte as Patreon sends them: compact, sorted, ASCII only. Not whom they go to, nor when."""

import hashlib
import hmac
import json

from sandbox.patreon.document import Document
from sandbox.patreon.v1_document import OldDocument
from sandbox.patreon.v1_resources import CAMPAIGN as OLD_CAMPAIGN
from sandbox.patreon.v1_resources import PLEDGE
from sandbox.patreon.v2_resources import CAMPAIGN, MEMBER, TIER, USER
from sandbox.patreon.view import JsonObject, View
from sandbox.world import PatreonWorld
from sandbox.world.patreon_model import Account, Campaign, Membership

_OF_USER = set(USER.fields) - {"email", "can_see_nsfw", "is_email_verified"}
_OF_CAMPAIGN = set(CAMPAIGN.fields) - {"currency", "name", "is_eligible_for_live", "show_earnings"}
_V2_FIELDS = {
    "member": MEMBER.fields,
    "user": {name: getter for name, getter in USER.fields.items() if name in _OF_USER},
    "campaign": {name: getter for name, getter in CAMPAIGN.fields.items() if name in _OF_CAMPAIGN},
    "tier": TIER.fields,
}


def sign(body: bytes, secret: str) -> str:
    """Return ``X-Patreon-Signature``: the hex HMAC-MD5 of the raw body under the webhook's secret."""
    return hmac.new(secret.encode(), body, hashlib.md5).hexdigest()


def encode(document: JsonObject) -> bytes:
    """Write JSON as Patreon's deliveries do, so that non-ASCII names come as escapes."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()


def event(patreon: PatreonWorld, trigger: str, membership: Membership) -> bytes:
    """Return the body of ``trigger`` for a membership as it is now: v1's pledge or v2's member."""
    view = View(patreon, membership.campaign.creator, membership.campaign)
    return encode(_pledge(view, membership) if trigger.startswith("pledges:") else _member(view, membership))


def button(patreon: PatreonWorld, trigger: str, campaign: Campaign) -> bytes:
    """Return what the portal's "send test" button sends: no id, the creator as patron, and in v2 a shape of its own."""
    view = View(patreon, campaign.creator, campaign)
    return encode(_test_pledge(view, campaign) if trigger.startswith("pledges:") else _test_member(view, campaign))


def _member(view: View, membership: Membership) -> JsonObject:
    doc = Document(view, _V2_FIELDS)
    data = doc.write(MEMBER, membership, {"address": {}, "campaign": {}, "currently_entitled_tiers": {}, "user": {}})
    return doc.close(data, links={"self": f"{view.patreon.site_url}/api/oauth2/v2/members/{membership.id}"})


def _pledge(view: View, membership: Membership) -> JsonObject:
    doc = OldDocument(view, {})
    page = "creator" if view.patreon.old_v1 else "campaign"
    data = doc.row(PLEDGE, membership, dict.fromkeys(("address", page, "patron", "reward")))
    if page != "creator":
        # Bodies recorded in 2020 name the campaign in place of its creator.
        del data["relationships"]["creator"]
    return doc.close(data, links={"self": f"{view.patreon.site_url}/api/pledges/{membership.pledge_id}"})


def _test_pledge(view: View, campaign: Campaign) -> JsonObject:
    tier = next((one for one in campaign.tiers.values() if one.amount_cents), None)
    stand_in = Membership(
        id="", number=0, account=campaign.creator, campaign=campaign, started_at=campaign.created_at, tier=tier, cents=150
    )
    body = _pledge(view, stand_in)
    body["data"]["id"] = None
    body["data"]["attributes"]["created_at"] = None
    return body


def _test_member(view: View, campaign: Campaign) -> JsonObject:
    doc = OldDocument(view, {})
    shown = doc.row(OLD_CAMPAIGN, campaign, dict.fromkeys(("creator", "rewards")))
    included = doc.close({}).get("included", [])
    api = f"{view.patreon.site_url}/api"
    data = {
        "attributes": _test_attributes(campaign.creator, campaign),
        "id": None,
        "relationships": {
            "address": {"data": None},
            "campaign": _reference(api, "campaign", "campaigns", campaign.id),
            "user": _reference(api, "user", "user", campaign.creator.id),
        },
        "type": "member",
    }
    return {"data": data, "included": [shown, *included], "links": {"self": f"{api}/members/None"}}


def _test_attributes(creator: Account, campaign: Campaign) -> JsonObject:
    return {
        "access_expires_at": None,
        "campaign_currency": campaign.currency,
        "campaign_lifetime_support_cents": 12345,
        "campaign_pledge_amount_cents": 50,
        "full_name": creator.full_name,
        "is_follower": False,
        "is_free_member": None,
        "is_free_trial": None,
        "last_charge_date": "2014-04-01T00:00:00.000+00:00",
        "last_charge_status": "Paid",
        "lifetime_support_cents": 12345,
        "patron_status": "active_patron",
        "pledge_amount_cents": 50,
        "pledge_relationship_start": "2014-03-14T00:00:00.000+00:00",
    }


def _reference(api: str, kind: str, path: str, number: str) -> JsonObject:
    return {"data": {"id": number, "type": kind}, "links": {"related": f"{api}/{path}/{number}"}}
