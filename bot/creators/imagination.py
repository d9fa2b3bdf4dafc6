"""A membership that nobody has, for trying out what it would mean. Pure: nothing is stored, Patreon is not asked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.model import Campaign, Charge, Membership, MembershipId, PaidFor, PatronId, PatronStatus, TierId
from bot.errors import RuleRefused
from bot.texts import explain
from bot.texts import staff as texts

NOBODY = PatronId("nobody")
_CHARGES = {PatronStatus.ACTIVE: Charge.PAID, PatronStatus.DECLINED: Charge.DECLINED}


@dataclass(frozen=True, slots=True)
class Imagined:
    """What somebody wants to try.

    ``amount_cents`` None: the tier's price. ``days``: since the decline of a declined one, still paid for of a former
    one. ``months``: whole months as a patron. ``lifetime_cents`` 0 makes the charge of a declined one their first.
    """

    status: PatronStatus
    amount_cents: int | None = None
    tier: TierId | None = None
    gift: bool = False
    trial: bool = False
    days: int = 0
    lifetime_cents: int | None = None
    months: int = 0


def imagine(campaign: Campaign, wanted: Imagined, now: datetime) -> Membership:
    """Make the membership up as Patreon would tell it now. Raises RuleRefused for a tier the campaign does not have."""
    prices = {tier.tier: tier.amount_cents for tier in campaign.tiers}
    if wanted.tier is not None and wanted.tier not in prices:
        raise RuleRefused(texts.unknown_tier(wanted.tier, [explain.told_apart(tier, campaign) for tier in prices]))
    price = prices[wanted.tier] if wanted.tier is not None else None
    amount = wanted.amount_cents if wanted.amount_cents is not None else price or 0
    tiers = frozenset({wanted.tier} if wanted.tier is not None else ())
    declined, lapsed = wanted.status is PatronStatus.DECLINED, wanted.status is PatronStatus.FORMER
    span = timedelta(days=wanted.days)
    return Membership(
        patron=NOBODY,
        campaign=campaign.campaign,
        status=wanted.status,
        observed_at=now,
        charge=Charge.TRIAL if wanted.trial else _CHARGES.get(wanted.status, Charge.NONE),
        amount_cents=amount,
        currency=campaign.currency,
        tiers=tiers,
        tier_cents=price,
        declined_since=now - span if declined else None,
        paid_through=now + span if lapsed else None,
        lifetime_cents=wanted.lifetime_cents,
        since=_months_before(now, wanted.months),
        gifted=wanted.gift,
        trial=wanted.trial,
        # Patreon names a membership of free members too; who never was one has none.
        membership=MembershipId(NOBODY),
        paid_for=PaidFor(tiers, amount, price) if declined and wanted.lifetime_cents != 0 else None,
    )


def _months_before(now: datetime, months: int) -> datetime:
    """Give the first day of the month so many months ago: exactly that many months are whole since then."""
    years, month = divmod(now.year * 12 + now.month - 1 - months, 12)
    return now.replace(year=years, month=month + 1, day=1)
