"""The resources of API v2 with every documented attribute and relationship. Not who may see which of them."""

from sandbox.patreon.view import Kind, Relation, View, always, empty, false, nothing, stamp, zero
from sandbox.world.patreon_model import Account, Campaign, Membership, Tier

CONNECTIONS = (
    "facebook",
    "google",
    "instagram",
    "reddit",
    "spotify",
    "spotify_open_access",
    "tiktok",
    "twitch",
    "twitter",
    "vimeo",
    "youtube",
)


def _connections(account: Account, view: View) -> dict[str, dict[str, str | None] | None]:
    discord_id = view.discord_id(account)
    discord = {"url": None, "user_id": discord_id} if discord_id is not None else None
    return {"discord": discord, **dict.fromkeys(CONNECTIONS)}


def _user_image(account: Account, view: View) -> str:
    return view.image_url("user", account.id)


def _patrons(campaign: Campaign) -> int:
    active = (one for one in campaign.memberships if one.status == "active_patron")
    return campaign.kept("active patrons", lambda: sum(1 for _ in active))


def _patrons_of_tier(tier: Tier, view: View) -> int:
    campaign = view.patreon.campaigns[tier.campaign_id]
    entitled = (one for one in campaign.memberships if one.tier is tier and one.entitled)
    return campaign.kept(f"entitled to {tier.id}", lambda: sum(1 for _ in entitled))


def _checkout(tier: Tier, view: View) -> str:
    return f"/checkout/{view.patreon.campaigns[tier.campaign_id].vanity}?rid={tier.id}"


def _next_charge(membership: Membership, _view: View) -> str | None:
    return None if membership.gifted or membership.trial else stamp(membership.next_charge_at)


def _user_of(membership: Membership, _view: View) -> Account:
    return membership.account


def _masked(account: Account, text: str) -> str:
    return "" if account.hidden else text


USER = Kind(
    "user",
    {
        "about": empty,
        "can_see_nsfw": nothing,
        "created": lambda one, _: stamp(one.created_at),
        "email": lambda one, _: one.email,
        "first_name": lambda one, _: None if one.hidden else one.first_name,
        "full_name": lambda one, _: _masked(one, one.full_name),
        "hide_pledges": lambda one, _: one.hidden,
        "image_url": _user_image,
        "is_creator": lambda one, view: view.patreon.campaign_of(one) is not None,
        "is_email_verified": lambda one, _: one.email_verified,
        "last_name": lambda one, _: None if one.hidden else one.last_name,
        "like_count": zero,
        "social_connections": _connections,
        "thumb_url": _user_image,
        "url": lambda one, view: view.account_url(one),
        "vanity": lambda one, _: one.vanity,
    },
    {
        "campaign": Relation("campaign", lambda one, view: view.patreon.campaign_of(one), related="campaigns"),
        "memberships": Relation("member", lambda one, view: view.memberships(one), many=True),
    },
)

MEMBER = Kind(
    "member",
    {
        "campaign_lifetime_support_cents": lambda one, _: one.lifetime_cents,
        "currently_entitled_amount_cents": lambda one, view: 0 if view.tiers_hidden else one.entitled_cents,
        "email": lambda one, _: None if one.account.hidden else one.account.email,
        "full_name": lambda one, _: _masked(one.account, one.account.full_name),
        "is_follower": false,
        "is_free_trial": lambda one, _: one.trial,
        "is_gifted": lambda one, _: one.gifted,
        "last_charge_date": lambda one, _: stamp(one.last_charge_at),
        "last_charge_status": lambda one, _: one.last_charge,
        "lifetime_support_cents": lambda one, _: one.lifetime_cents,
        "next_charge_date": _next_charge,
        "note": empty,
        "patron_status": lambda one, _: one.status,
        "pledge_cadence": lambda one, _: one.cadence,
        "pledge_relationship_start": lambda one, _: stamp(one.started_at),
        "will_pay_amount_cents": lambda one, _: one.will_pay_cents,
    },
    {
        "address": Relation("address", nothing),
        "campaign": Relation("campaign", lambda one, _: one.campaign, related="campaigns"),
        "currently_entitled_tiers": Relation("tier", lambda one, view: view.tiers(one), many=True),
        "pledge_history": Relation("pledge-event", lambda one, _: one.history[::-1], many=True),
        "user": Relation("user", _user_of, related="user"),
    },
)

TIER = Kind(
    "tier",
    {
        "amount_cents": lambda one, _: one.amount_cents,
        "created_at": lambda one, _: stamp(one.created_at),
        "description": lambda one, _: one.description,
        "discord_role_ids": lambda one, _: one.discord_role_ids or None,
        "edited_at": lambda one, _: stamp(one.created_at),
        "image_url": nothing,
        "patron_count": _patrons_of_tier,
        "post_count": zero,
        "published": lambda one, _: one.published,
        "published_at": lambda one, _: stamp(one.created_at) if one.published else None,
        "remaining": nothing,
        "requires_shipping": false,
        "title": lambda one, _: one.title,
        "unpublished_at": lambda one, _: None if one.published else stamp(one.created_at),
        "url": _checkout,
        "user_limit": nothing,
    },
    {
        "benefits": Relation("benefit", always([]), many=True),
        "campaign": Relation("campaign", lambda one, view: view.patreon.campaigns[one.campaign_id], related="campaigns"),
        "tier_image": Relation("media", nothing),
    },
)

CAMPAIGN = Kind(
    "campaign",
    {
        "created_at": lambda one, _: stamp(one.created_at),
        "creation_name": lambda one, _: one.name,
        "currency": lambda one, _: one.currency,
        "discord_server_id": lambda one, _: one.discord_server_id,
        "google_analytics_id": nothing,
        "has_rss": false,
        "has_sent_rss_notify": false,
        "image_small_url": lambda one, view: view.image_url("campaign", one.id),
        "image_url": lambda one, view: view.image_url("campaign", one.id),
        "is_charged_immediately": lambda one, _: one.is_monthly,
        "is_eligible_for_live": false,
        "is_monthly": lambda one, _: one.is_monthly,
        "is_nsfw": false,
        "main_video_embed": nothing,
        "main_video_url": nothing,
        "name": lambda one, _: one.name,
        "one_liner": nothing,
        "patron_count": lambda one, _: _patrons(one),
        "pay_per_name": lambda one, _: "month" if one.is_monthly else "creation",
        "pledge_url": lambda one, _: f"/checkout/{one.vanity}",
        "published_at": lambda one, _: stamp(one.created_at),
        "rss_artwork_url": nothing,
        "rss_feed_title": nothing,
        "show_earnings": false,
        "summary": nothing,
        "thanks_embed": nothing,
        "thanks_msg": nothing,
        "thanks_video_url": nothing,
        "url": lambda one, view: f"{view.patreon.site_url}/{one.vanity}",
        "vanity": lambda one, _: one.vanity,
    },
    {
        "benefits": Relation("benefit", always([]), many=True),
        "campaign_installations": Relation("campaign-installation", always([]), many=True),
        "categories": Relation("category", always([]), many=True),
        "creator": Relation("user", lambda one, _: one.creator, related="user"),
        "goals": Relation("goal", always([]), many=True),
        "tiers": Relation("tier", lambda one, _: list(one.tiers.values()), many=True),
    },
)


PLEDGE_EVENT = Kind(
    "pledge-event",
    {
        "amount_cents": lambda one, _: one.amount_cents,
        "currency_code": lambda _one, view: view.campaign.currency if view.campaign else "USD",
        "date": lambda one, _: stamp(one.at),
        "payment_status": lambda one, _: one.payment,
        "pledge_payment_status": lambda one, _: None if one.kind == "subscription" else "valid",
        "tier_id": lambda one, _: one.tier.id if one.tier else None,
        "tier_title": lambda one, _: one.tier.title if one.tier else None,
        "type": lambda one, _: one.kind,
    },
    {
        "campaign": Relation("campaign", lambda one, _: one.membership.campaign, related="campaigns"),
        "patron": Relation("user", lambda one, _: one.membership.account, related="user"),
        "tier": Relation("tier", lambda one, _: one.tier),
    },
)

POST = Kind(
    "post",
    {
        "app_id": nothing,
        "app_status": nothing,
        "content": lambda one, _: one.content,
        "embed_data": nothing,
        "embed_url": nothing,
        "is_paid": lambda one, _: not one.campaign.is_monthly,
        "is_public": lambda one, _: one.is_public,
        "published_at": lambda one, _: stamp(one.published_at),
        "title": lambda one, _: one.title,
        "url": lambda one, _: f"/posts/{one.id}",
    },
    {
        "campaign": Relation("campaign", lambda one, _: one.campaign, related="campaigns"),
        "user": Relation("user", lambda one, _: one.campaign.creator, related="user"),
    },
)

CLIENT = Kind(
    "client",
    {
        "author_name": lambda one, _: one.owner.full_name,
        "client_secret": lambda one, _: one.secret,
        "default_scopes": empty,
        "description": empty,
        "domain": nothing,
        "icon_url": nothing,
        "name": lambda one, _: one.name,
        "privacy_policy_url": nothing,
        "redirect_uris": lambda one, _: " ".join(one.redirect_uris),
        "tos_url": nothing,
        "version": lambda one, _: one.version,
    },
    {
        "apps": Relation("platform-app", always([]), many=True),
        "campaign": Relation("campaign", lambda one, _: one.campaign, related="campaigns"),
        "creator_token": Relation("oauth-token", nothing),
        "user": Relation("user", lambda one, _: one.owner, related="user"),
    },
)

WEBHOOK = Kind(
    "webhook",
    {
        "last_attempted_at": lambda one, _: stamp(one.last_attempted_at),
        "num_consecutive_times_failed": lambda one, _: one.failures,
        "paused": lambda one, _: one.paused,
        "secret": lambda one, _: one.secret,
        "triggers": lambda one, _: list(one.triggers),
        "uri": lambda one, _: one.uri,
    },
    {
        "campaign": Relation("campaign", lambda one, _: one.campaign, related="campaigns"),
        "client": Relation("client", lambda one, _: one.client),
    },
)

EMPTY_KINDS = (
    "address",
    "benefit",
    "campaign-installation",
    "category",
    "deliverable",
    "goal",
    "media",
    "oauth-token",
    "platform-app",
)
"""Types that are documented and never occur here; their names are known in ``fields[...]`` all the same."""

KINDS = {kind.name: kind for kind in (USER, MEMBER, TIER, CAMPAIGN, PLEDGE_EVENT, POST, CLIENT, WEBHOOK)}
