"""The resources of API v1 as its documentation and the recorded answers have them. Not how they are included."""

from dataclasses import dataclass

from sandbox.patreon.view import Getter, Kind, Relation, View, always, empty, false, nothing, old_stamp, zero
from sandbox.world.patreon_model import Account, Campaign, Goal, Membership, Tier

_WELCOME = ("welcome_message", "welcome_message_unsafe", "welcome_video_embed", "welcome_video_url")
SINCE_2020: dict[str, frozenset[str]] = {
    "user": frozenset({"can_see_nsfw", "default_country_code", "google_id"}),
    "pledge": frozenset({"currency"}),
    "reward": frozenset({"currency", *_WELCOME}),
    "campaign": frozenset({"avatar_photo_url", "cover_photo_url", "currency", "is_charge_upfront", "name", "url"}),
}
"""Attributes the recorded answers of 2017 do not have and those of 2020 do."""

CONNECTIONS = ("deviantart", "facebook", "spotify", "twitch", "twitter", "youtube")


@dataclass(frozen=True, slots=True)
class PseudoReward:
    """One of the two rewards every campaign has and nobody set up."""

    id: str
    amount_cents: int
    description: str


EVERYONE = PseudoReward("-1", 0, "Everyone")
PATRONS_ONLY = PseudoReward("0", 1, "Patrons Only")


@dataclass(frozen=True, slots=True)
class Card:
    """The payment card v1 shows a patron beside the own pledges."""

    id: str
    owner: Account


def rewards(campaign: Campaign) -> list[Tier | PseudoReward]:
    """Return what v1 lists as a campaign's rewards: the two pseudo rewards and the paid tiers; it knows no free tier."""
    return [EVERYONE, PATRONS_ONLY, *(tier for tier in campaign.tiers.values() if tier.amount_cents)]


def current_pledges(campaign: Campaign) -> list[Membership]:
    """Return the running pledges, oldest first; a cancelled one is gone at once, whatever is paid for."""
    running = (one for one in campaign.memberships if one.pledge_id is not None)
    return sorted(running, key=lambda one: (one.pledged_at, one.number))


def _connections(account: Account, view: View) -> dict[str, dict[str, object] | None]:
    discord_id = view.discord_id(account)
    discord: dict[str, object] | None = {"scopes": ["identify"], "user_id": discord_id} if discord_id is not None else None
    return {"discord": discord, **dict.fromkeys(CONNECTIONS)}


def _image(account: Account, view: View) -> str:
    return view.image_url("user", account.id)


def _reward_of(membership: Membership, view: View) -> Tier | None:
    tier = membership.tier
    return None if tier is None or tier.deleted or view.tiers_hidden else tier


def _campaign_of_reward(tier: Tier, view: View) -> Campaign:
    return view.patreon.campaigns[tier.campaign_id]


def _patrons_of_reward(tier: Tier, view: View) -> int:
    campaign = view.patreon.campaigns[tier.campaign_id]
    running = (one for one in campaign.memberships if one.tier is tier and one.pledge_id is not None)
    return campaign.kept(f"pledges to {tier.id}", lambda: sum(1 for _ in running))


def _completed(goal: Goal, view: View) -> int:
    total = _pledge_sum(view.campaign, view) if view.campaign is not None else 0
    return min(100, total * 100 // goal.amount_cents) if goal.amount_cents else 100


def _pledge_sum(campaign: Campaign, _view: View) -> int:
    running = (one for one in campaign.memberships if one.pledge_id is not None)
    return campaign.kept("sum of pledges", lambda: sum(one.cents // (one.cadence or 1) for one in running))


def _pledge_count(campaign: Campaign, _view: View) -> int:
    running = (one for one in campaign.memberships if one.pledge_id is not None)
    return campaign.kept("count of pledges", lambda: sum(1 for _ in running))


_PUBLIC_USER: dict[str, Getter] = {
    "about": empty,
    "created": lambda one, _: old_stamp(one.created_at),
    "facebook": nothing,
    "first_name": lambda one, _: "" if one.hidden else one.first_name,
    "full_name": lambda one, _: "" if one.hidden else one.full_name,
    "gender": zero,
    "image_url": _image,
    "last_name": lambda one, _: "" if one.hidden else one.last_name,
    "thumb_url": _image,
    "twitch": nothing,
    "twitter": nothing,
    "url": lambda one, view: view.account_url(one),
    "vanity": lambda one, _: one.vanity,
    "youtube": nothing,
}
_PATRON: dict[str, Getter] = {
    **_PUBLIC_USER,
    "email": lambda one, _: None if one.hidden else one.email,
    "is_email_verified": lambda one, _: one.email_verified,
    "social_connections": _connections,
}
_OWN_USER: dict[str, Getter] = {
    **_PATRON,
    "discord_id": nothing,
    "facebook_id": nothing,
    "has_password": always(value=True),
    "is_deleted": lambda one, _: one.deleted,
    "is_nuked": false,
    "is_suspended": false,
    "can_see_nsfw": nothing,
    "default_country_code": nothing,
    "google_id": nothing,
}


def user_fields(account: Account, view: View) -> dict[str, Getter]:
    """Return the attributes the viewer sees of a person: everything of oneself, more of one's patrons than of others."""
    if view.account is account:
        return _OWN_USER
    if view.account is not None and view.campaign is not None and view.campaign.creator is view.account:
        return _PATRON if view.patreon.membership(account, view.campaign) is not None else _PUBLIC_USER
    return _PUBLIC_USER


USER = Kind(
    "user",
    _OWN_USER,
    {
        "campaign": Relation("campaign", lambda one, view: view.patreon.campaign_of(one), related="campaigns"),
        "pledges": Relation(
            "pledge",
            lambda one, view: [row for row in view.patreon.memberships_of(one) if row.pledge_id is not None],
            many=True,
        ),
    },
)

PLEDGE = Kind(
    "pledge",
    {
        "amount_cents": lambda one, _: one.pledge_cents,
        "created_at": lambda one, _: old_stamp(one.pledged_at),
        "declined_since": lambda one, _: old_stamp(one.declined_since),
        "patron_pays_fees": false,
        "pledge_cap_cents": nothing,
        "currency": lambda one, _: one.account.currency,
    },
    {
        "address": Relation("address", nothing),
        "campaign": Relation("campaign", lambda one, _: one.campaign, related="campaigns"),
        "card": Relation("card", lambda one, _: Card(f"cus_{one.account.id}", one.account), related="cards"),
        "creator": Relation("user", lambda one, _: one.campaign.creator, related="user"),
        "patron": Relation("user", lambda one, _: one.account, related="user"),
        "reward": Relation("reward", _reward_of, related="rewards"),
    },
)

OPTIONAL_OF_PLEDGE: dict[str, Getter] = {
    "has_shipping_address": false,
    "is_paused": false,
    "outstanding_payment_amount_cents": lambda one, _: one.cents if one.declined_since else 0,
    "status": lambda one, _: "declined" if one.declined_since else "valid",
    "total_historical_amount_cents": lambda one, _: one.lifetime_cents,
    "unread_count": zero,
}
"""Attributes a pledge has only for who asks for them with ``fields[pledge]``, which drops the defaults."""

REWARD = Kind(
    "reward",
    {
        "amount": lambda one, _: one.amount_cents,
        "amount_cents": lambda one, _: one.amount_cents,
        "created_at": lambda one, _: old_stamp(one.created_at),
        "description": lambda one, _: one.description,
        "discord_role_ids": lambda one, _: one.discord_role_ids or None,
        "edited_at": lambda one, _: old_stamp(one.created_at),
        "image_url": nothing,
        "patron_count": _patrons_of_reward,
        "post_count": zero,
        "published": lambda one, _: one.published,
        "published_at": lambda one, _: old_stamp(one.created_at) if one.published else None,
        "remaining": nothing,
        "requires_shipping": false,
        "title": lambda one, _: one.title,
        "unpublished_at": lambda one, _: None if one.published else old_stamp(one.created_at),
        "url": lambda one, view: f"/bePatron?c={_campaign_of_reward(one, view).id}&rid={one.id}",
        "user_limit": nothing,
        "currency": lambda one, view: _campaign_of_reward(one, view).currency,
        **dict.fromkeys(_WELCOME, nothing),
    },
    {"campaign": Relation("campaign", _campaign_of_reward, related="campaigns")},
)

PSEUDO_REWARD = Kind(
    "reward",
    {
        "amount": lambda one, _: one.amount_cents,
        "amount_cents": lambda one, _: one.amount_cents,
        "created_at": nothing,
        "description": lambda one, _: one.description,
        "remaining": zero,
        "requires_shipping": false,
        "url": nothing,
        "user_limit": nothing,
    },
)

CAMPAIGN = Kind(
    "campaign",
    {
        "created_at": lambda one, _: old_stamp(one.created_at),
        "creation_count": zero,
        "creation_name": lambda one, _: one.name,
        "discord_server_id": lambda one, _: one.discord_server_id,
        "display_patron_goals": false,
        "earnings_visibility": always("public"),
        "image_small_url": lambda one, view: view.image_url("campaign", one.id),
        "image_url": lambda one, view: view.image_url("campaign", one.id),
        "is_charged_immediately": lambda one, _: one.is_monthly,
        "is_monthly": lambda one, _: one.is_monthly,
        "is_nsfw": false,
        "is_plural": false,
        "main_video_embed": nothing,
        "main_video_url": nothing,
        "one_liner": nothing,
        "outstanding_payment_amount_cents": zero,
        "patron_count": _pledge_count,
        "pay_per_name": lambda one, _: "month" if one.is_monthly else "creation",
        "pledge_sum": _pledge_sum,
        "pledge_url": lambda one, _: f"/bePatron?c={one.id}",
        "published_at": lambda one, _: old_stamp(one.created_at),
        "summary": empty,
        "thanks_embed": empty,
        "thanks_msg": nothing,
        "thanks_video_url": nothing,
        "avatar_photo_url": lambda one, view: view.image_url("avatar", one.id),
        "cover_photo_url": lambda one, view: view.image_url("cover", one.id),
        "currency": lambda one, _: one.currency,
        "is_charge_upfront": lambda one, _: one.is_monthly,
        "name": lambda one, _: one.name,
        "url": lambda one, view: f"{view.patreon.site_url}/{one.vanity}",
    },
    {
        "creator": Relation("user", lambda one, _: one.creator, related="user"),
        "goals": Relation("goal", lambda one, _: one.goals, many=True),
        "pledges": Relation("pledge", lambda one, _: current_pledges(one)[:20], many=True),
        "rewards": Relation("reward", lambda one, _: rewards(one), many=True),
    },
)

GOAL = Kind(
    "goal",
    {
        "amount_cents": lambda one, _: one.amount_cents,
        "completed_percentage": _completed,
        "created_at": lambda one, _: old_stamp(one.created_at),
        "description": empty,
        "reached_at": nothing,
        "title": lambda one, _: one.title,
    },
)

CARD = Kind(
    "card",
    {
        "card_type": always("Card"),
        "created_at": lambda one, _: old_stamp(one.owner.created_at),
        "expiration_date": always("2035-01-01T00:00:00+00:00"),
        "has_a_failed_payment": false,
        "is_verified": always(value=True),
        "number": always("4242"),
        "payment_token": lambda one, _: one.id,
        "payment_token_id": zero,
    },
    {"user": Relation("user", lambda one, _: one.owner, related="user")},
)

KINDS = {kind.name: kind for kind in (USER, PLEDGE, REWARD, CAMPAIGN, GOAL, CARD)}

DEFAULTS = {
    "user": ("campaign",),
    "pledge": ("address", "creator", "patron", "reward"),
    "reward": ("campaign",),
    "campaign": ("creator", "goals", "rewards"),
    "goal": (),
    "card": ("user",),
}
"""The relationships every resource of a type shows, and that are followed unless the request says otherwise."""
