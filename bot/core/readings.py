"""How one reading of a membership follows another: what it inherits, and what a missing one means. No policy here.

Patreon's answers are thin: a decline has no date in v2 and names the tier that was not paid for, a cancelled pledge has
no tier, v1 drops it from the list. What an earlier reading told is carried into the next, so that grace and paid time
survive restarts, missed webhooks and blanked answers.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from bot.core.model import CampaignId, Charge, Membership, PaidFor, PatronId, PatronStatus, Source, TierId
from bot.core.months import month_end, months_later, whole_months

# Only "Paid" is a payment (Patreon's v2 documentation). Where Patreon names no charge, as in v1, a pledge in force is all
# there is to go by.
_IN_ORDER = frozenset({Charge.PAID, Charge.NONE})
_LOST = frozenset({Charge.FRAUD, Charge.REFUNDED, Charge.DELETED})
_PLEDGED = frozenset({PatronStatus.ACTIVE, PatronStatus.DECLINED})


SHORT_BREAK = timedelta(days=7)
"""Who is back sooner than this after what they paid for was over has missed no month and counts as never gone."""


def worth(membership: Membership) -> int | None:
    """Give what Patreon lists as theirs in cents a month; 0: nothing that costs money; None: something, worth unknown.

    The larger of money and tier price: a gift is 0 cents with a tier, an annual discount less than its tier, a
    custom pledge more than its tier or without one. Money that cannot be compared still is money, but an amount left
    out for somebody who does not pay is none.
    """
    money, price = membership.amount_cents, membership.tier_cents
    if price:
        return price if money is None else max(price, money)
    unpriced = price is None and bool(membership.tiers) and not money
    foreign = money is None and membership.status in {PatronStatus.ACTIVE, PatronStatus.DECLINED}
    return None if unpriced or foreign else money or 0


def declines(membership: Membership) -> bool:
    """Say whether the last charge failed and Patreon still tries."""
    if membership.status is PatronStatus.FORMER:
        return False
    return membership.status is PatronStatus.DECLINED or membership.charge is Charge.DECLINED


def is_trial(membership: Membership) -> bool:
    """Return whether a reading speaks of a free trial."""
    return membership.trial or membership.charge is Charge.TRIAL


def as_paid(membership: Membership) -> Membership:
    """Return the membership as it was paid for, in place of what a charge that did not go through would buy."""
    paid = membership.paid_for
    if paid is None:
        return membership
    return replace(membership, tiers=paid.tiers, amount_cents=paid.amount_cents, tier_cents=paid.tier_cents)


def carry(previous: Membership | None, reading: Membership) -> Membership:
    """Give the reading with what it inherits from the one before it; call it on each reading, the first one too.

    A reading older than ``previous`` (a webhook that waited in the queue) gives ``previous``. One that names no
    membership (see ``absent``) ends what there was, and keeps to its end what was paid for.
    """
    if previous is not None and reading.serial < previous.serial:
        return previous
    if previous is not None and names_none(reading):
        previous, reading = _unnamed(previous, reading)
    begun = reading.since
    reading = replace(
        reading,
        paid_through=_paid_through(previous, reading),
        listed=worth(reading) != 0,
        left_at=_left_at(previous, reading),
    )
    if previous is None:
        reading = replace(reading, unbroken_since=unbroken_since(reading))
    else:
        reading = _with_what_is_left_out(previous, reading)
    # These two look at what the reading comes to, blanked or not.
    declined_since = _first_decline(previous, reading, begun)
    return replace(reading, declined_since=declined_since, paid_for=_paid_for(previous, reading))


def falls_short(answer: Membership, told: Membership) -> bool:
    """Return whether an answer lists less as theirs than a webhook did: fewer tiers that cost money, or less money."""
    before, after = worth(told), worth(answer)
    if before and after is not None and after < before:
        return True
    return before != 0 and bool(told.tiers - answer.tiers)


def vanished(previous: Membership, now: datetime, *, serial: int, source: Source = Source.LIST) -> Membership:
    """Return the reading of a complete answer that no longer names the patron."""
    return carry(previous, absent(previous.patron, previous.campaign, now, serial=serial, source=source))


def paid_for_unknown(membership: Membership, now: datetime) -> bool:
    """Return whether somebody has paid time left and no answer so far says for what, and the history can still be asked.

    So it is with whoever had cancelled before the first answer about them: it lists neither tier nor money.
    """
    paid = membership.paid_through is not None and membership.paid_through > now
    askable = membership.membership is not None and not membership.history_read
    return membership.status is PatronStatus.FORMER and paid and askable and worth(membership) == 0


def with_history(membership: Membership, tier: TierId | None, cents: int | None) -> Membership:
    """Return the membership with the tier its history says was paid for last, and its price; None: it names none."""
    if tier is None:
        return replace(membership, history_read=True)
    return replace(membership, history_read=True, tiers=frozenset({tier}), tier_cents=cents)


def ended(reading: Membership) -> Membership:
    """Return the reading as one that says the membership is over, whatever else its answer still lists.

    A free member's was never paid for, so nothing is left of it; a patron's time that is paid for stays.
    """
    free = reading.status is PatronStatus.NONE
    return replace(
        reading,
        status=PatronStatus.NONE if free else PatronStatus.FORMER,
        amount_cents=0,
        will_pay_cents=0,
        tiers=frozenset(),
        tier_cents=None,
        declined_since=None,
        gifted=False,
        trial=False,
        membership=None if free else reading.membership,
    )


def absent(
    patron: PatronId, campaign: CampaignId, now: datetime, *, serial: int = 0, source: Source = Source.FETCH
) -> Membership:
    """Return the reading of an answer without a membership.

    A free member has a membership id and this reading has none: that is how the two are told apart.
    """
    return Membership(patron, campaign, PatronStatus.NONE, observed_at=now, serial=serial, source=source)


def names_none(reading: Membership) -> bool:
    """Return whether an answer names no membership: neither one that goes on, nor the id of one that ended."""
    over = reading.status in {PatronStatus.NONE, PatronStatus.FORMER}
    return over and reading.membership is None and worth(reading) == 0


def _unnamed(previous: Membership, reading: Membership) -> tuple[Membership, Membership]:
    """Return both readings as they follow each other when the later one names no membership any more.

    v1 drops a cancelled pledge at once and tells no end of what is paid. It charges on the first of the month, or with
    subscription billing on the monthly anniversary of the pledge, and does not say which: so the later of the two ends
    what somebody had who was last seen paying. A decline, a trial, a gift and a charge under way paid for nothing more.
    """
    status = PatronStatus.NONE if previous.status is PatronStatus.NONE else PatronStatus.FORMER
    reading = replace(reading, status=status)
    until = previous.paid_through
    paying = previous.status is PatronStatus.ACTIVE and _paid(previous) and worth(previous) != 0
    if paying and (until is None or until <= previous.observed_at):
        previous = replace(previous, paid_through=_billed_until(previous))
    return previous, reading


def _billed_until(paying: Membership) -> datetime:
    end = month_end(paying.observed_at)
    if paying.since is None or paying.since > paying.observed_at:
        return end
    return max(end, months_later(paying.since, whole_months(paying.since, paying.observed_at) + 1))


def unbroken_since(membership: Membership) -> datetime | None:
    """Return when the present pledge began; one read before that was told apart began with the first."""
    return membership.unbroken_since or membership.since


def _first_pledge(previous: Membership, reading: Membership) -> datetime | None:
    """Return the earliest start told of a pledge.

    v2 moves ``pledge_relationship_start`` for some who come back and not for others, v1 with each change of the pledge; of
    a free member who never paid it is the day they joined.
    """
    pledged = previous.status is not PatronStatus.NONE or bool(previous.lifetime_cents)
    known = previous.since if pledged else None
    if reading.status is PatronStatus.NONE:
        return known or reading.since or previous.since
    return min(filter(None, (known, reading.since)), default=previous.since)


def _left_at(previous: Membership | None, reading: Membership) -> datetime | None:
    """Return when the first reading came that showed them without a pledge, None while one shows them with it."""
    if reading.status in _PLEDGED or worth(reading) != 0:
        return None
    return (previous and previous.left_at) or reading.observed_at


def _unbroken_since(previous: Membership, reading: Membership) -> datetime | None:
    """Return the start of the present pledge: a new one for somebody who is back after what they had was over."""
    known = unbroken_since(previous)
    if reading.status not in _PLEDGED or previous.status in _PLEDGED or previous.listed:
        return known or reading.since
    if previous.status is PatronStatus.NONE and not previous.lifetime_cents:
        return reading.since or reading.observed_at
    over_at = max(filter(None, (previous.left_at, previous.paid_through)), default=previous.observed_at)
    if reading.observed_at < over_at + SHORT_BREAK:
        return known or reading.since
    # Where Patreon still tells the first start of all, the first reading that shows them back is the nearest known.
    return reading.since if reading.since and reading.since >= over_at else reading.observed_at


def _paid(membership: Membership) -> bool:
    in_order = membership.charge in _IN_ORDER and not declines(membership)
    return in_order and not membership.trial and not membership.gifted


def _in_force(membership: Membership) -> bool:
    """Return whether the pledge is in order and by its patron's own money."""
    return membership.status is PatronStatus.ACTIVE and _paid(membership) and membership.amount_cents != 0


def _grew(previous: Membership, reading: Membership) -> bool:
    return (reading.lifetime_cents or 0) > (previous.lifetime_cents or 0)


def _first_decline(previous: Membership | None, reading: Membership, begun: datetime | None) -> datetime | None:
    """Keep the first decline seen. Only a charge that went through forgets it: not another try, not a pledge made anew.

    ``begun`` is the start of the pledge as the answer itself tells it.
    """
    seen = previous.declined_since if previous else None
    if declines(reading):
        return min(filter(None, (seen, reading.declined_since, reading.observed_at)))
    if previous is None or seen is None or not _in_force(reading):
        return seen
    # Where no charge is named, the total tells; where none is told either, a pledge from before is in order again.
    mended = reading.lifetime_cents is None and begun is not None and begun <= seen
    return None if reading.charge is Charge.PAID or _grew(previous, reading) or mended else seen


def _paid_for(previous: Membership | None, reading: Membership) -> PaidFor | None:
    """Return what was paid for, where the reading's own charge does not tell that it was; see ``Membership``.

    The first reading of somebody who has given money before tells it by what it lists, as does one whose total grew
    unseen; the total of a pledge that lapsed long ago proves nothing for a new one.
    """
    in_force = _in_force(reading)
    if in_force and reading.charge is Charge.PAID:
        return None
    if previous is None:
        gave = bool(reading.lifetime_cents) or reading.charge is Charge.PAID
        known = _listing(reading) if gave and not is_trial(reading) else None
    elif _grew(previous, reading):
        known = _listing(reading)
    elif _in_force(previous) and (previous.charge is Charge.PAID or (not in_force and _charged_by_now(previous))):
        known = _listing(previous)
    elif reading.status in _PLEDGED and _lapsed(previous, reading.observed_at):
        known = None
    else:
        known = previous.paid_for
    never_read = known is not None and not known.tiers and known.amount_cents == 0
    return _listing(reading) if never_read or (known and in_force) else known


def _charged_by_now(membership: Membership) -> bool:
    """Return whether a pledge in order, of which neither charges nor a total are told, is older than its first charge."""
    since = unbroken_since(membership)
    return membership.lifetime_cents is None and since is not None and months_later(since, 1) <= membership.observed_at


def _listing(membership: Membership) -> PaidFor:
    return PaidFor(membership.tiers, membership.amount_cents, membership.tier_cents)


def _paid_through(previous: Membership | None, reading: Membership) -> datetime | None:
    """Tell the end of what is paid; the next charge of an unpaid reading is a try and proves nothing."""
    known = previous.paid_through if previous else None
    if reading.charge not in _IN_ORDER or declines(reading):
        return known
    if reading.status is not PatronStatus.FORMER:
        ahead = known if known and known > reading.observed_at else None
        return reading.paid_through or ahead  # an answer without its date takes back nothing that is paid for
    if previous is None:
        return reading.paid_through
    if worth(reading) == 0 and (previous.status is PatronStatus.FORMER or not _paid_since(previous, reading)):
        return known  # the next date of somebody who has nothing any more moves nothing: it could move for ever
    return max(filter(None, (known, reading.paid_through)), default=None)


def _paid_since(previous: Membership, reading: Membership) -> bool:
    """Return whether the pledge of the reading before was paid, then or, by the word of this one, later."""
    own = not is_trial(previous) and not previous.gifted
    return _paid(previous) or (own and reading.charge is Charge.PAID)


def _with_what_is_left_out(previous: Membership, reading: Membership) -> Membership:
    reading = replace(
        reading,
        lifetime_cents=previous.lifetime_cents if reading.lifetime_cents is None else reading.lifetime_cents,
        since=_first_pledge(previous, reading),
        unbroken_since=_unbroken_since(previous, reading),
        history_read=previous.history_read and reading.status not in _PLEDGED,
        currency=reading.currency or previous.currency,
        # Who is nobody's patron and no longer named is no free member either.
        membership=reading.membership or (None if reading.status is PatronStatus.NONE else previous.membership),
    )
    if reading.tier_cents is None and reading.tiers and reading.tiers == previous.tiers:
        reading = replace(reading, tier_cents=previous.tier_cents)
    return _with_what_they_had(previous, reading)


def _with_what_they_had(previous: Membership, reading: Membership) -> Membership:
    """Put back tiers and money that the reading leaves out although they still are what it speaks of."""
    names_paid_tiers = reading.tiers and reading.tier_cents != 0
    if worth(reading) == 0 and reading.charge is not Charge.PAID:
        previous = as_paid(previous)  # what a failed charge would have bought was never theirs
    if names_paid_tiers or worth(previous) == 0 or _over(previous, reading.observed_at):
        return reading
    if worth(reading) == 0:
        if not _still_theirs(reading):
            return reading
        reading = replace(reading, amount_cents=previous.amount_cents)
    elif _dropped(previous, reading):
        return reading
    # A tier that was deleted, or left out while the money stays: the last known one holds until the money drops.
    return replace(reading, tiers=reading.tiers | previous.tiers, tier_cents=previous.tier_cents)


def _still_theirs(reading: Membership) -> bool:
    """Say whether an answer that lists nothing speaks of somebody who still has what they had."""
    if reading.status is PatronStatus.FORMER:
        return reading.paid_through is not None and not _over(reading, reading.observed_at)
    pays_on = reading.status is PatronStatus.ACTIVE and bool(reading.will_pay_cents) and reading.charge not in _LOST
    return pays_on or reading.status is PatronStatus.DECLINED


def _lapsed(membership: Membership, now: datetime) -> bool:
    """Return whether nothing was theirs any more, so that a pledge of now is a new one.

    Not while a decline is remembered: its grace has one end, whatever was pledged anew since.
    """
    covered = membership.listed or (membership.paid_through is not None and membership.paid_through > now)
    return membership.status not in _PLEDGED and membership.declined_since is None and not covered


def _over(membership: Membership, now: datetime) -> bool:
    """Say whether somebody cancelled and the time they paid for is over."""
    end = membership.paid_through
    return membership.status is PatronStatus.FORMER and end is not None and end <= now


def _dropped(previous: Membership, reading: Membership) -> bool:
    before, after = previous.amount_cents, reading.amount_cents
    return before is not None and after is not None and after < before
