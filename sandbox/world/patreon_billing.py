"""How a membership changes: the states billing moves it through. Pure: no events, no clock, ``now`` is an argument."""

from datetime import datetime, timedelta

from sandbox.world.patreon_model import Membership, PledgeEvent, Tier

RETRY_EVERY = timedelta(days=7)
RETRIES_FOR = timedelta(days=28)
"""A declined card is tried again for some weeks before the pledge is dropped; the length is ours, Patreon promises none."""


TAKEN_BACK = frozenset({"Refunded", "Refunded by Patreon", "Fraud"})
"""Words for a last charge whose whole money went back; a partial refund leaves the creator some."""


def refuse_raise(membership: Membership, cents: int, now: datetime) -> None:
    """Book a raise that the card did not pay for: what was paid for stays entitled, whatever the last charge says."""
    membership.will_pay_cents = cents
    membership.last_charge, membership.last_charge_at = "Declined", now
    record(membership, "subscription", now, "Declined")


def months_later(at: datetime, months: int) -> datetime:
    """Return the same day and hour ``months`` on, or that month's last day when it is shorter."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    following = datetime(year + month // 11, (month + 1) % 12 + 1, 1, tzinfo=at.tzinfo)
    last_day = (following - timedelta(days=1)).day
    return at.replace(year=year, month=month + 1, day=min(at.day, last_day))


def next_charge(membership: Membership, now: datetime) -> datetime:
    """Return when the next payment falls: a period on; the first of the next month when billed per creation."""
    if membership.campaign.is_monthly:
        return months_later(now, membership.cadence or 1)
    return months_later(now, 1).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def promise(membership: Membership, *, tier: Tier | None, cents: int, cadence: int, now: datetime) -> None:
    """Take the patron's order; the payment is pending: nothing is entitled yet."""
    came_back = any(event.kind == "pledge_start" for event in membership.history)
    if membership.status != "active_patron" and not (came_back and membership.campaign.keeps_first_start):
        membership.started_at = now
    membership.status = "active_patron"
    membership.tier, membership.cents, membership.cadence = tier, cents, cadence
    membership.will_pay_cents = cents
    membership.entitled = membership.trial = membership.gifted = False
    membership.card_works = True
    membership.declined_since = membership.ends_at = None
    membership.next_charge_at = next_charge(membership, now)
    if membership.campaign.is_monthly:
        membership.last_charge, membership.last_charge_at = "Pending", now


def record(membership: Membership, kind: str, now: datetime, payment: str | None = None) -> None:
    """Add a line to the pledge history; the id is unique as Patreon's is, kind and number."""
    number = membership.number * 1000 + len(membership.history)
    event = PledgeEvent(f"{kind}:{number}", kind, now, membership.cents, payment, membership.tier, membership)
    membership.history.append(event)


def charge(membership: Membership, now: datetime) -> None:
    """Book a payment that went through: the period is paid, the next one planned."""
    membership.status = "active_patron"
    membership.entitled, membership.trial = True, False
    membership.will_pay_cents = membership.cents
    membership.last_charge, membership.last_charge_at = "Paid", now
    membership.lifetime_cents += membership.cents
    membership.declined_since = None
    membership.next_charge_at = next_charge(membership, now)
    record(membership, "subscription", now, "Paid")


def decline(membership: Membership, now: datetime, *, keeps_tier: bool) -> None:
    """Book a failed payment; the pledge stays while Patreon tries again. ``keeps_tier``: the answer still lists the tier."""
    membership.status = "declined_patron"
    membership.entitled = keeps_tier
    membership.trial = membership.card_works = False
    membership.last_charge, membership.last_charge_at = "Declined", now
    membership.declined_since = membership.declined_since or now
    record(membership, "subscription", now, "Declined")


def cancel(membership: Membership, now: datetime) -> None:
    """End the pledge: nothing more will be paid, what is paid for stays to the end of its period.

    A charge that waits for its money is given up with it: "Deleted", as recorded pledge histories call it.
    """
    record(membership, "pledge_delete", now)
    membership.will_pay_cents = 0
    membership.pledge_id = None
    membership.ends_at = membership.next_charge_at if membership.status == "active_patron" else now
    if membership.last_charge in {"Pending", "Declined"}:
        membership.last_charge = "Deleted"


def end(membership: Membership, now: datetime) -> None:
    """List nothing: a former patron if there ever was a pledge, else a free member. The planned charge's date stays."""
    pledged = membership.lifetime_cents > 0 or any(event.kind == "pledge_start" for event in membership.history)
    membership.status = "former_patron" if pledged else None
    membership.tier, membership.cents, membership.will_pay_cents = None, 0, 0
    membership.entitled = membership.trial = membership.gifted = False
    membership.pledge_id = membership.pledged_at = membership.declined_since = membership.ends_at = None
    membership.cadence = None
    membership.updated_at = now


def refund(membership: Membership, now: datetime, *, status: str) -> None:
    """Take the last payment back, or try to; ``status`` is v2's word, for example Refunded.

    A refund ends no membership (Patreon support 204606025): what is listed stays listed.
    """
    if status in TAKEN_BACK:
        membership.lifetime_cents = max(0, membership.lifetime_cents - membership.cents)
    membership.last_charge, membership.last_charge_at = status, now
    record(membership, "subscription", now, status)


def give(membership: Membership, *, tier: Tier, until: datetime, now: datetime) -> None:
    """Book a gift: the tier without any charge or cadence of the patron's own, until ``until``."""
    membership.status, membership.tier, membership.started_at = "active_patron", tier, now
    membership.cents = membership.will_pay_cents = 0
    membership.cadence = membership.next_charge_at = membership.last_charge = membership.last_charge_at = None
    membership.entitled = membership.gifted = True
    membership.ends_at = until


def try_out(membership: Membership, *, tier: Tier, until: datetime, now: datetime) -> None:
    """Begin a free trial: the tier is entitled, nothing is paid until ``until``, then the first charge comes."""
    promise(membership, tier=tier, cents=tier.amount_cents, cadence=1, now=now)
    membership.entitled = membership.trial = True
    membership.will_pay_cents = 0
    membership.last_charge = membership.last_charge_at = None
    membership.next_charge_at = until


def due(membership: Membership) -> datetime | None:
    """Return the next instant at which time alone changes this membership, or None."""
    if membership.ends_at is not None:
        return membership.ends_at
    if membership.status == "declined_patron" and membership.last_charge_at is not None:
        return membership.last_charge_at + RETRY_EVERY
    return membership.next_charge_at if membership.status == "active_patron" else None
