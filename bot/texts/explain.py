"""Words for money, times, conditions, entitlements and verdicts, as patrons and staff read them in Discord.

Sentences about values only; which of them are shown, and to whom, is for the cogs. Names given by people are escaped
here, and nowhere else.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from bot.core.case import Decision, Verdict
from bot.core.model import (
    Campaign,
    CampaignId,
    Condition,
    ConditionKind,
    Entitlement,
    Membership,
    Reason,
    RoleId,
    RoleRule,
    Tier,
    TierId,
)
from bot.core.prospect import Prospect
from bot.core.readings import declines
from bot.texts.pages import UNNAMED_CAMPAIGN

LIMIT = 2000
"""Discord's longest message."""

LONGEST_CHOICE = 100
"""Discord's longest name of an option or a choice."""

_LINE = 300

_MARKDOWN = re.compile(r"([\\*_~`|>#\[\]()<@:-])")

NEVER_MIND = "Nothing was changed."
DOUBTED = "Kept until one more check with Patreon"

COUNTS = {
    Reason.PAID: "the membership is paid",
    Reason.PENDING: "the payment is being processed, which counts as paid",
    Reason.GIFT: "it is a gifted membership",
    Reason.TRIAL: "it is a free trial",
    Reason.GRACE: "the last payment was declined; what was paid for before stays while Patreon tries again",
    Reason.ENDING: "the membership was cancelled, and what is paid for stays",
    Reason.REFUNDED: "the last payment was refunded, and the membership goes on",
}
"""What a state that entitles to something means, as patrons, staff and docs/patreon.md read it."""

COUNTS_NOT = {
    Reason.PENDING: "the payment is still being processed, which doesn't count here yet",
    Reason.GIFT: "it is a gifted membership, and gifts don't count here",
    Reason.TRIAL: "it is a free trial, and free trials don't count here",
    Reason.DECLINED: "the last payment was declined",
    Reason.CANCELLED: "the membership was cancelled",
    Reason.REFUNDED: "the last payment was refunded",
    Reason.FRAUD: "Patreon took the last payment back as fraudulent",
    Reason.FREE: "a free member, without a pledge",
    Reason.NEVER: "no membership of this campaign",
    Reason.UNLINKED: "no Patreon account is linked",
}
"""The same of states that entitle to nothing paid."""


def plain(name: str) -> str:
    """Take the markdown and the mentions out of a name that somebody chose."""
    return _MARKDOWN.sub(r"\\\1", " ".join(name.split()))


def campaign_name(name: str) -> str:
    """Give a campaign's name escaped; one that was not read yet has none."""
    return plain(name) or UNNAMED_CAMPAIGN


def tier_name(tier: TierId, campaign: Campaign | None) -> str:
    """Give a tier's title escaped; one that is not listed, or has no title, goes by its id."""
    titles = {each.tier: each.title for each in campaign.tiers} if campaign else {}
    return plain(titles.get(tier, "")) or f"tier {plain(tier)}"


def bare(text: str) -> str:
    """Undo :func:`plain` and bold where Discord shows text as it is, such as in a list of choices."""
    return text.replace("**", "").replace("\\", "")


def cut(text: str, limit: int = LIMIT) -> str:
    """Shorten a message to what Discord takes, at the end of a line."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    return head[: head.rfind("\n")] + "\n…" if "\n" in head else head + "…"


def fitted(lines: Sequence[str], room: int) -> list[str]:
    """Give as many lines as fit into ``room`` characters, and say how many are left out."""
    if sum(map(len, lines)) + len(lines) <= room:
        return list(lines)
    left, kept = room - len(_more(len(lines))), 0
    while kept < len(lines) and left > len(lines[kept]):
        left -= len(lines[kept]) + 1
        kept += 1
    return [*lines[:kept], _more(len(lines) - kept)]


def _more(number: int) -> str:
    return f"… and {number} more"


def money(cents: int | None, currency: str | None = None) -> str:
    """Write whole cents as an amount with its currency's code, where one is known."""
    if cents is None:
        return "an amount that cannot be compared"
    return f"{cents / 100:.2f} {currency}" if currency else f"{cents / 100:.2f}"


def priced(tier: Tier, campaign: Campaign) -> str:
    """Name a tier with its price where Discord shows text as it is; of two with one name and price by its id, too."""
    same = [each for each in _namesakes(tier, campaign) if each.amount_cents == tier.amount_cents]
    which = f", tier {tier.tier}" if same else ""
    suffix = f" ({money(tier.amount_cents, campaign.currency)}{which})"
    return bare(tier_name(tier.tier, campaign))[: LONGEST_CHOICE - len(suffix)] + suffix


def told_apart(tier: TierId, campaign: Campaign) -> str:
    """Name a tier escaped, with its price where another one of the campaign has the same title."""
    found = next((each for each in campaign.tiers if each.tier == tier), None)
    return plain(priced(found, campaign)) if found and _namesakes(found, campaign) else tier_name(tier, campaign)


def _namesakes(tier: Tier, campaign: Campaign) -> list[Tier]:
    title = tier.title.casefold()
    return [each for each in campaign.tiers if each.title.casefold() == title and each.tier != tier.tier]


def moment(at: datetime) -> str:
    """Write an instant so that Discord shows it in the reader's own time zone, with how far away it is."""
    return f"<t:{int(at.timestamp())}:f> (<t:{int(at.timestamp())}:R>)"


def day(at: datetime) -> str:
    """Write an instant as Discord's date in the reader's own time zone and language, such as "3 March 2026"."""
    return f"<t:{int(at.timestamp())}:D>"


def ago(at: datetime) -> str:
    """Write an instant as Discord's "5 minutes ago"."""
    return f"<t:{int(at.timestamp())}:R>"


def days(span: timedelta) -> str:
    """Write a span in days, as settings hold them."""
    return counted(round(span / timedelta(days=1)), "day")


def off_by(ahead: timedelta) -> str:
    """Say how far a clock is off, up to the name of the one it is compared with."""
    units = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))
    unit, span = next((each for each in units if abs(ahead) >= 2 * each[1]), units[-1])
    return f"{counted(round(abs(ahead) / span), unit)} {'ahead of' if ahead > timedelta() else 'behind'}"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def named(name: str | None, role: RoleId) -> str:
    """Write a role in bold; one whose name is not known goes by its id."""
    return f"**{plain(name)}**" if name else f"**role {role}**"


def roles(ids: frozenset[RoleId], names: Mapping[RoleId, str]) -> str:
    """List roles by name, in a line of reasonable length; "no role" when there are none."""
    return ", ".join(fitted([named(names.get(role), role) for role in sorted(ids)], _LINE)) or "no role"


def condition(asked: Condition, campaign: Campaign | None) -> str:
    """Put a condition in words that go on from "for": "everybody on the tier Gold"."""
    currency = campaign.currency if campaign else None
    match asked.kind:
        case ConditionKind.TIER:
            tier = asked.tier or TierId("")
            listed = campaign is not None and any(each.tier == tier for each in campaign.tiers)
            return (
                f"everybody on the tier {told_apart(tier, campaign)}"
                if campaign and listed
                else f"a tier that Patreon no longer lists ({plain(tier)})"
            )
        case ConditionKind.AMOUNT:
            return f"at least {money(asked.threshold, currency)} {per(campaign)}"
        case ConditionKind.LIFETIME:
            return f"at least {money(asked.threshold, currency)} in all"
        case ConditionKind.MONTHS:
            return f"at least {counted(asked.threshold, 'month')} since the first pledge"
        case ConditionKind.MONTHS_IN_A_ROW:
            return f"at least {counted(asked.threshold, 'month')} as a patron in a row"
        case ConditionKind.PAYING:
            return "every paying patron"
        case ConditionKind.FREE:
            return "free members"
        case ConditionKind.GIFT_OR_TRIAL:
            return "gifted and trial members"
        case ConditionKind.FORMER:
            return "former patrons"


def rule(given: RoleRule, names: Mapping[RoleId, str], campaign: Campaign | None) -> str:
    """Write one rule in a line: the role, for whom, and what is special about it."""
    extras = [f"group {plain(given.group)}"] if given.group else []
    extras += ["sticky"] if given.sticky else []
    aside = f" ({', '.join(extras)})" if extras else ""
    return f"{named(names.get(given.role), given.role)} for {condition(given.condition, campaign)}{aside}"


def standing(entitlement: Entitlement) -> str:
    """Say why somebody is or is not entitled, and until or since when, if nothing else is heard."""
    text = (COUNTS if entitlement.active else COUNTS_NOT)[entitlement.reason]
    bound = "until" if entitlement.active else "since"
    return f"{text}, {bound} {moment(entitlement.ends_at)}" if entitlement.ends_at else text


def per(campaign: Campaign | None) -> str:
    """Say what an amount is for: a month, or each creation where a campaign charges by the post."""
    return "a month" if campaign is None or campaign.is_monthly else "per creation"


def membership(seen: Membership, campaign: Campaign | None) -> str:
    """Say what Patreon told of a membership, and how old that is."""
    tiers = ", ".join(tier_name(tier, campaign) for tier in sorted(seen.tiers)) or "no tier"
    currency = seen.currency or (campaign.currency if campaign else None)
    name = f"**{campaign_name(campaign.name)}**" if campaign else f"campaign {seen.campaign}"
    lines = [f"{name}: {tiers}, {money(seen.amount_cents, currency)} {per(campaign)}"]
    if seen.lifetime_cents:
        lines.append(f"In all so far: {money(seen.lifetime_cents, currency)}")
    if seen.declined_since and declines(seen):
        lines.append(f"Payment declined since {moment(seen.declined_since)}")
    lines.append(f"Patreon said so {ago(seen.observed_at)}.")
    return "\n".join(lines)


def verdict(given: Verdict, decision: Decision, names: Mapping[RoleId, str], campaign: Campaign | None) -> str:
    """Write one rule with its answer for one person and why."""
    text = rule(given.rule, names, campaign)
    entitlement = decision.entitlements.get(given.rule.campaign)
    if given.earned_at is not None:
        return f"✅ {text}: earned for good on {day(given.earned_at)}"
    if given.holds is None:
        return f"❔ {text}: cannot be judged, the pledge is in another currency or Patreon does not tell"
    if given.holds:
        return f"☑️ {text}: yes, but a higher role of its group counts" if given.outranked else f"✅ {text}: yes"
    return f"❌ {text}: no, {_why_not(given, entitlement, campaign)}"


def _why_not(given: Verdict, entitlement: Entitlement | None, campaign: Campaign | None) -> str:
    """Say what a condition misses; a lapsed entitlement explains itself."""
    asked, currency = given.rule.condition, campaign.currency if campaign else None
    if entitlement is None:
        return COUNTS_NOT[Reason.NEVER]
    if not entitlement.active and asked.kind not in {ConditionKind.LIFETIME, ConditionKind.FORMER}:
        return COUNTS_NOT[entitlement.reason]
    return _missed(asked.kind, entitlement, currency)


def _missed(kind: ConditionKind, entitlement: Entitlement, currency: str | None) -> str:
    match kind:
        case ConditionKind.TIER:
            return "the membership is not on this tier"
        case ConditionKind.AMOUNT:
            return f"it is {money(entitlement.amount_cents, currency)}"
        case ConditionKind.LIFETIME:
            return f"it is {money(entitlement.lifetime_cents or 0, currency)} so far"
        case ConditionKind.MONTHS:
            return f"it has been {counted(entitlement.months, 'month')} so far"
        case ConditionKind.MONTHS_IN_A_ROW:
            return f"it has been {counted(entitlement.months_in_a_row, 'month')} in a row so far"
        case ConditionKind.PAYING:
            return "nothing is paid now"
        case ConditionKind.FREE:
            return "not a free member"
        case ConditionKind.GIFT_OR_TRIAL:
            return "neither a gift nor a trial"
        case ConditionKind.FORMER:  # pragma: no branch - mypy knows that there is no other
            return "not a former patron"


def _ending(given: Decision, key: CampaignId) -> frozenset[RoleId]:
    """Return the roles that go with what a campaign entitles to now, unless another rule gives them as well."""
    holding = [each for each in given.verdicts if each.kept or (each.holds and not each.outranked)]
    going = {each.rule.role for each in holding if each.rule.campaign == key and _ends_with_it(each.rule)}
    return frozenset(
        going - {each.rule.role for each in holding if each.rule.campaign != key or not _ends_with_it(each.rule)}
    )


def _ends_with_it(given: RoleRule) -> bool:
    kinds = {ConditionKind.TIER, ConditionKind.AMOUNT, ConditionKind.MONTHS, ConditionKind.MONTHS_IN_A_ROW}
    return given.condition.kind in kinds | {ConditionKind.PAYING} and not given.sticky


def _stands(given: Prospect, key: CampaignId, names: Mapping[RoleId, str], to_patron: bool) -> str:
    """Say where somebody stands in a campaign; of a pledge that ends also which roles go with it, if roles move at all."""
    held, going = given.decision.entitlements[key], _ending(given.decision, key)
    if held.reason is not Reason.ENDING or held.ends_at is None or not going or _why_still(given):
        return standing(held)
    began = "You cancelled. You keep" if to_patron else "cancelled; they keep"
    return f"{began} {roles(going, names)} until {moment(held.ends_at)}."


def outlook(
    given: Prospect,
    names: Mapping[RoleId, str],
    campaigns: Mapping[CampaignId, Campaign],
    *,
    to_patron: bool = False,
) -> list[str]:
    """Tell where somebody stands in each campaign, what changes now, what waits or stays, and when time could change it.

    ``to_patron``: the reader is the one it is about.
    """
    decision = given.decision
    lines = [
        f"{_campaign(key, campaigns)}: {_stands(given, key, names, to_patron)}" for key in sorted(decision.entitlements)
    ]
    lines.append(f"Roles by the rules: {roles(decision.desired, names)}")
    lines += [f"{words}: {roles(some, names)}" for words, some in _moving(given) if some]
    if decision.protected:
        lines.append(f"Stays, since the bot did not give it: {roles(decision.protected, names)}")
    # While nothing moves, a date moves nothing either.
    if decision.due_at and not _why_still(given):
        lines.append(f"Next change, if nothing else is heard: {moment(decision.due_at)}")
    return lines


def _moving(given: Prospect) -> Iterator[tuple[str, frozenset[RoleId]]]:
    """Give the roles that move or would, with the words that say when, or what keeps them from it."""
    if why := _why_still(given):
        yield f"Not given while {why}", given.gets
        yield f"Not taken while {why}", given.loses | given.doubted
    else:
        yield "To be given", given.gets
        yield "To be taken", given.loses
        yield DOUBTED, given.doubted
    yield "Being given at Discord", given.coming
    yield "Being taken at Discord", given.going
    yield "Given once this server's rules are accepted in Discord", given.screened
    yield "Kept until this server's team decides", given.held
    yield "Kept, as this server's team decided", given.kept
    yield "Not given, since Discord doesn't let me", given.blocked & given.decision.change.grant
    yield "Not taken, since Discord doesn't let me", given.blocked - given.decision.change.grant


def _why_still(given: Prospect) -> str:
    if given.paused:
        return "this server's team has paused changes"
    return "this server is only trying me out" if given.shadow else ""


def verdicts(given: Decision, names: Mapping[RoleId, str], campaigns: Mapping[CampaignId, Campaign]) -> list[str]:
    """Tell each rule's answer and why, those that hold first."""
    ordered = sorted(given.verdicts, key=lambda each: not (each.holds or each.kept))
    lines = [verdict(each, given, names, campaigns.get(each.rule.campaign)) for each in ordered]
    return lines or ["No rule gives a role here yet."]


def _campaign(key: CampaignId, campaigns: Mapping[CampaignId, Campaign]) -> str:
    known = campaigns.get(key)
    return f"**{campaign_name(known.name)}**" if known else f"**campaign {key}**"
