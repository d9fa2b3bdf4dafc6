"""What staff read of patrons: one, a list, the numbers, a simulation. Sentences only; names are escaped by ``explain``."""

from collections.abc import Mapping
from datetime import datetime

from bot.core.model import (
    Campaign,
    CampaignId,
    Cause,
    DiscordUserId,
    Entitlement,
    Grant,
    Holding,
    Link,
    ManualGrant,
    Membership,
    Origin,
    Reason,
    RoleId,
    TierId,
)
from bot.core.prospect import Held, Prospect
from bot.texts import explain
from bot.texts.staff import state

UNLINKED = "<@{user}> has not linked a Patreon account. They can type /link."
NOBODY = "Nobody to show."
NO_LOG = "The bot has not changed a role of theirs yet."
SIMULATED = "Only tried out: nothing was changed and Patreon was not asked."
STATS_NOTHING = "No campaign is connected to this server. Type /setup first."

_REASONS = {
    Reason.PAID: "paid",
    Reason.PENDING: "payment being processed",
    Reason.GIFT: "gifted",
    Reason.TRIAL: "trial",
    Reason.GRACE: "declined, in grace",
    Reason.DECLINED: "declined",
    Reason.ENDING: "cancelled, paid time left",
    Reason.CANCELLED: "cancelled",
    Reason.REFUNDED: "refunded",
    Reason.FRAUD: "payment taken back as fraudulent",
    Reason.FREE: "free member",
    Reason.NEVER: "no membership",
    Reason.UNLINKED: "not linked",
}

_CAUSES = {
    Cause.LINKED: "linked",
    Cause.UNLINKED: "unlinked",
    Cause.WEBHOOK: "news from Patreon",
    Cause.REFRESH: "regular sync",
    Cause.JOINED: "joined",
    Cause.RULES: "rules changed",
    Cause.MANUAL: "asked for by hand",
    Cause.CLOCK: "a date came",
    Cause.REACHED: "within my reach again",
    Cause.AUDIT: "regular look at the server",
}

_HOLDINGS = {
    Holding.HELD: "has it",
    Holding.LEFT: "had it when they left",
    Holding.TAKEN: "somebody took it by hand",
    Holding.GIVING: "being given",
    Holding.GIVEN: "being given",
    Holding.TAKING: "being taken",
    Holding.REVOKED: "being taken",
}

_ACTIONS = {
    "found": "found, given by somebody else:",
    "taken": "taken by somebody in Discord:",
    "undone": "undone by something in Discord, so I do it again:",
}

_ORIGINS = {
    Origin.OURS: "given by me",
    Origin.HAND: "given by me, as a creator asked",
    Origin.ADOPTED: "given by somebody else and handed over to me",
    Origin.FOUND: "given by somebody else",
}


def shown(
    user: DiscordUserId,
    link: Link | None,
    memberships: Mapping[CampaignId, Membership],
    entitlements: Mapping[CampaignId, Entitlement],
    campaigns: Mapping[CampaignId, Campaign],
) -> str:
    """Show one patron: the link, what Patreon said, what that is worth."""
    if link is None:
        return UNLINKED.format(user=user)
    lines = [f"<@{user}> is patron `{link.patron}`, linked {explain.ago(link.linked_at)}."]
    if link.broken_since:
        lines.append(f"⚠️ Patreon no longer lets me look since {explain.moment(link.broken_since)}. They can type /link.")
    for key, campaign in campaigns.items():
        seen = memberships.get(key)
        lines.append(
            explain.membership(seen, campaign)
            if seen
            else f"**{explain.campaign_name(campaign.name)}**: no membership known"
        )
        if key in entitlements:
            lines.append(f"So: {explain.standing(entitlements[key])}.")
    return "\n".join(lines)


def explained(
    user: DiscordUserId,
    given: Prospect,
    *,
    ledger: Mapping[RoleId, Grant],
    manual: tuple[ManualGrant, ...],
    held: Mapping[RoleId, Held],
    names: Mapping[RoleId, str],
    campaigns: Mapping[CampaignId, Campaign],
) -> list[str]:
    """Explain one person's roles: what follows, what was given by hand, each rule and why, whose doing each role is."""
    lines = [f"<@{user}>", *explain.outlook(given, names, campaigns)]
    lines += [_by_hand(grant, names) for grant in manual]
    asked = given.held | given.kept | given.loses | given.doubted
    lines += [f"{explain.named(names.get(role), role)}: {_answered(held[role])}" for role in sorted(asked & held.keys())]
    lines += explain.verdicts(given.decision, names, campaigns)
    lines += [ledger_line(grant, names) for _, grant in sorted(ledger.items())]
    return lines + state(given).split("\n")[1:]


def _by_hand(grant: ManualGrant, names: Mapping[RoleId, str]) -> str:
    """Write a grant by hand; one that has ended is there until its role was taken, and is the reason why that goes."""
    end = f", until {explain.moment(grant.expires_at)}" if grant.expires_at else ""
    return f"By hand: {explain.named(names.get(grant.role), grant.role)}: {explain.plain(grant.note)}{end}"


def _answered(held: Held) -> str:
    """Say what the staff answered about a role that the brake asked about, which no rule gives any more."""
    if held.approved is None or held.decided_by is None or held.decided_at is None:
        return "on hold until someone answers /sync approve"
    answer = "take" if held.approved else "keep"
    return f"<@{held.decided_by}> answered “{answer}” {explain.ago(held.decided_at)} (no rule gives it any more)"


def ledger_line(grant: Grant, names: Mapping[RoleId, str]) -> str:
    """Say whose doing a role is."""
    role = explain.named(names.get(grant.role), grant.role)
    since = f"since {explain.ago(grant.since)}, {_CAUSES[grant.cause]}"
    return f"{role}: {_HOLDINGS[grant.holding]}, {_ORIGINS[grant.origin]} ({since})"


def row(
    user: DiscordUserId,
    entitlement: Entitlement,
    membership: Membership | None,
    *,
    campaign: Campaign | None,
    roles: frozenset[RoleId],
    names: Mapping[RoleId, str],
) -> str:
    """Write one line of a list."""
    tiers = ", ".join(explain.tier_name(tier, campaign) for tier in sorted(membership.tiers)) if membership else ""
    amount = f"{explain.money(entitlement.amount_cents, campaign.currency if campaign else None)} {explain.per(campaign)}"
    ends = f", until {explain.ago(entitlement.ends_at)}" if entitlement.active and entitlement.ends_at else ""
    return f"<@{user}>: {tiers or 'no tier'}, {amount}, {_REASONS[entitlement.reason]}{ends}: {explain.roles(roles, names)}"


def stats(
    campaign: Campaign,
    *,
    reasons: Mapping[Reason, int],
    active: int,
    linked: int,
    no_tier: int,
    new: int,
    sums: Mapping[Reason, Mapping[str, int]],
    next_end: datetime | None,
    tiers: Mapping[TierId, tuple[int, int]],
) -> str:
    """Write a campaign's numbers: the money that will come, may come and will end, each apart, then the people."""
    income = [_income(each, reasons[each], sums.get(each, {}), campaign) for each in _INCOME if reasons.get(each)]
    if next_end and Reason.ENDING in reasons:
        income.append(f"the next one ends {explain.moment(next_end)}")
    lines = [
        f"### {explain.campaign_name(campaign.name)}",
        " · ".join(income) or "Nobody pays yet.",
        f"Entitled: **{active}**, of them linked: **{linked}**. New this month: {new}.",
    ]
    for tier in campaign.tiers:
        patrons, tied = tiers.get(tier.tier, (0, 0))
        lines.append(f"{explain.tier_name(tier.tier, campaign)}: {patrons}, linked {tied}")
    if no_tier:
        lines.append(f"Entitled without a tier: {no_tier}. Rules by amount reach them, rules by tier do not.")
    others = sorted(((each, number) for each, number in reasons.items() if each not in _INCOME), key=_size)
    if others:
        lines.append(", ".join(f"{_REASONS[reason]}: {number}" for reason, number in others))
    return "\n".join(lines)


def _income(reason: Reason, people: int, sums: Mapping[str, int], campaign: Campaign) -> str:
    amounts = ", ".join(explain.money(cents, currency) for currency, cents in sorted(sums.items()) if cents)
    return f"**{people}** {_INCOME[reason]}" + (f": {amounts} {explain.per(campaign)}" if amounts else "")


_INCOME = {
    Reason.PAID: "paying",
    Reason.PENDING: "being processed",
    Reason.GRACE: "declined, in grace",
    Reason.DECLINED: "declined",
    Reason.REFUNDED: "refunded",
    Reason.ENDING: "ending",
    Reason.GIFT: "gifted",
    Reason.TRIAL: "on trial",
}


def _size(item: tuple[Reason, int]) -> int:
    return -item[1]


def simulated(
    user: DiscordUserId, given: Prospect, names: Mapping[RoleId, str], campaigns: Mapping[CampaignId, Campaign]
) -> list[str]:
    """Tell what a membership would mean for somebody."""
    told = [*explain.outlook(given, names, campaigns), *explain.verdicts(given.decision, names, campaigns)]
    return [f"<@{user}>, with such a membership:", *told]


def log_line(at: datetime, action: str, role: RoleId, detail: str, names: Mapping[RoleId, str]) -> str:
    """Write one line of the role log."""
    line = f"{explain.ago(at)} {_ACTIONS.get(action, action)} {explain.named(names.get(role), role)}"
    return f"{line}: {explain.plain(detail)}" if detail else line
