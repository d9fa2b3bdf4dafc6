"""What a membership entitles to now, by a guild's policy. Nothing about roles, rules or Discord, and no clock.

``assess`` is the whole answer; ``_judge`` is its table, read from the top: the first line that fits decides. How a
reading inherits from the one before it is in ``readings``.
"""

from dataclasses import replace
from datetime import datetime

from bot.core.model import Charge, Entitlement, Membership, PatronStatus, Policy, Reason
from bot.core.months import whole_months
from bot.core.readings import absent, as_paid, carry, declines, is_trial, unbroken_since, vanished, worth

__all__ = ["absent", "assess", "carry", "vanished", "worth"]


def assess(
    membership: Membership | None,
    policy: Policy,
    now: datetime,
    *,
    linked: bool = True,
    broken_since: datetime | None = None,
) -> Entitlement:
    """Say what somebody is entitled to.

    ``membership`` is the last reading as ``carry`` left it, None when Patreon never named one. ``broken_since`` is
    when the link's tokens died: what was read before then stands for the declined grace, and what was read later
    (the creator's list needs no token of the patron) stands as ever.
    """
    if not linked:
        return Entitlement(active=False, reason=Reason.UNLINKED)
    if membership is None:
        return Entitlement(active=False, reason=Reason.NEVER)
    found = _judge(membership, policy, now)
    if broken_since is None or membership.observed_at > broken_since:
        return found
    end = broken_since + policy.declined_grace
    if now >= end:
        return Entitlement(active=False, reason=Reason.UNLINKED, ends_at=end)
    return replace(found, ends_at=min(found.ends_at or end, end)) if found.active else found


def _judge(membership: Membership, policy: Policy, now: datetime) -> Entitlement:
    listed = worth(membership) != 0  # Patreon names something that costs money as theirs
    charge = membership.charge

    if membership.gifted and listed:
        # Somebody else paid, so it lasts while Patreon lists it, whatever the patron's own card does.
        return _entitle(membership, now, Reason.GIFT, active=policy.count_gifts)
    if charge is Charge.FRAUD:
        # Money that was taken back pays for nothing: no grace, no rest of the month.
        return _entitle(membership, now, Reason.FRAUD, active=False)
    if charge is Charge.REFUNDED and not (listed and _goes_on_refunded(membership, policy)):
        return _entitle(membership, now, Reason.REFUNDED, active=False)
    if declines(membership):
        return _declined(membership, policy, now)
    if is_trial(membership) and listed:
        return _entitle(membership, now, Reason.TRIAL, active=policy.count_trials)
    if membership.status is PatronStatus.FORMER:
        return _cancelled(membership, policy, now, listed=membership.listed)
    if charge is Charge.PENDING and (listed or membership.will_pay_cents):
        return _pending(membership, policy, now, listed=listed)
    if _will_end(membership):
        return _cancelled(membership, policy, now, listed=True)
    if listed:
        # The list of tiers and cents outranks the word: new, complimentary and unknown statuses come without one.
        reason = Reason.REFUNDED if charge is Charge.REFUNDED else Reason.PAID
        return _entitle(membership, now, reason, active=True)
    never = membership.status is PatronStatus.NONE and membership.membership is None
    return _entitle(membership, now, Reason.NEVER if never else Reason.FREE, active=False)


def _goes_on_refunded(membership: Membership, policy: Policy) -> bool:
    """Return whether a refund leaves the membership as it is: by itself it ends nothing (Patreon support 204606025)."""
    return policy.count_refunded and membership.status is not PatronStatus.FORMER


def _declined(membership: Membership, policy: Policy, now: datetime) -> Entitlement:
    """Judge a failed charge: what was paid for before stays to the later of paid time and grace, and nothing is new.

    Patreon tries the card again for days. An annual patron's next date is such a try, which ``carry`` leaves out of
    ``paid_through``.
    """
    end = membership.paid_through
    if membership.paid_for is not None:
        grace = (membership.declined_since or membership.observed_at) + policy.declined_grace
        end = max(end or grace, grace)
    if end is None or now >= end:
        return _entitle(membership, now, Reason.DECLINED, active=False, ends_at=end)
    return _entitle(as_paid(membership), now, Reason.GRACE, active=True, ends_at=end)


def _will_end(membership: Membership) -> bool:
    """Return whether Patreon still lists a pledge that was cancelled: there is money in it, and none is to come.

    Gifts and complimentary tiers will pay nothing either, and are worth no money now.
    """
    active = membership.status is PatronStatus.ACTIVE
    return active and membership.will_pay_cents == 0 and bool(membership.amount_cents)


def _cancelled(membership: Membership, policy: Policy, now: datetime, *, listed: bool) -> Entitlement:
    """Judge somebody who stopped paying: they keep what they paid for to its end. ``listed``: by the answer itself."""
    end = membership.paid_through
    if not policy.keep_paid_through:
        # It ended with the pledge: an end that is still to come would let no reading before it settle a doubt.
        return _entitle(membership, now, Reason.CANCELLED, active=False)
    if listed and (end is None or end <= membership.observed_at):
        # Listed although no date covers it, so it lasts while it is listed: annual patrons who cancelled have no next
        # charge, and a date that was over when Patreon said so was not the end.
        return _entitle(membership, now, Reason.ENDING, active=True)
    active = end is not None and now < end
    return _entitle(membership, now, Reason.ENDING if active else Reason.CANCELLED, active=active, ends_at=end)


def _pending(membership: Membership, policy: Policy, now: datetime, *, listed: bool) -> Entitlement:
    """Judge a charge under way. Uncounted, it still keeps a renewal, which is under way for hours each month."""
    if policy.count_pending or membership.paid_through is None:
        return _entitle(membership, now, Reason.PENDING, active=policy.count_pending and listed)
    end = membership.paid_through + policy.declined_grace
    return _entitle(membership, now, Reason.PENDING, active=listed and now < end, ends_at=end)


def _entitle(
    membership: Membership, now: datetime, reason: Reason, *, active: bool, ends_at: datetime | None = None
) -> Entitlement:
    """Fill in what follows from the answer: an inactive patron keeps free tiers, an active one all of them."""
    only_free = membership.tier_cents == 0
    return Entitlement(
        active=active,
        reason=reason,
        # Active and worth nothing: in grace or paid time, but what they had was never read.
        amount_cents=(worth(membership) or None) if active else 0,
        tiers=membership.tiers if active or only_free else frozenset(),
        lifetime_cents=membership.lifetime_cents,
        months=whole_months(membership.since, now) if membership.since else 0,
        months_in_a_row=whole_months(in_a_row, now) if (in_a_row := unbroken_since(membership)) else 0,
        ends_at=ends_at,
        former=not active and _was_patron(membership, reason),
    )


def _was_patron(membership: Membership, reason: Reason) -> bool:
    """Return whether somebody who is not entitled is a lapsed patron: a first charge that failed makes nobody one."""
    if reason in {Reason.DECLINED, Reason.FRAUD}:
        return membership.paid_for is not None or bool(membership.lifetime_cents)
    return reason in {Reason.CANCELLED, Reason.REFUNDED}
