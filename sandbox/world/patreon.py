"""The simulated Patreon: its state and the verbs people and time act with. No HTTP: sandbox.patreon serves it."""

import heapq
from collections import Counter
from datetime import timedelta

from sandbox.world import patreon_billing as billing
from sandbox.world.clock import Clock
from sandbox.world.patreon_faults import Faults, Limits
from sandbox.world.patreon_hooks import Hooks
from sandbox.world.patreon_model import Account, Campaign, Membership, Tier
from sandbox.world.patreon_oauth import OAuth
from sandbox.world.patreon_registry import Registry
from sandbox.world.timeline import Timeline

Who = Account | str
Where = Campaign | str | None


class PatreonWorld(Registry):
    """Patreon as state with verbs. People are named by account, id or first name; the campaign is the first unless named.

    Each verb acts at the world's present moment, tells the webhooks what Patreon would tell them, in that order, and
    writes one line on the time line. ``requests`` counts the HTTP requests served, by method and route.
    """

    def __init__(self, clock: Clock, timeline: Timeline) -> None:
        super().__init__(clock, timeline)
        self.oauth = OAuth(clock)
        self.hooks = Hooks()
        self.faults = Faults()
        self.limits = Limits(clock)
        self.requests: Counter[str] = Counter()
        clock.subscribe(lambda _now: self.settle())

    def join_free(self, who: Who, where: Where = None) -> Membership:
        """Join as a free member; no change for who is one already."""
        campaign = self.campaign(where)
        membership = self.membership(who, campaign)
        if membership is None:
            membership = self.enroll(self.account(who), campaign)
            self._done(membership, "joins for free", "members:create")
        return membership

    def pledge(
        self,
        who: Who,
        where: Where = None,
        *,
        tier: Tier | str | None = None,
        cents: int | None = None,
        cadence: int = 1,
        card_works: bool = True,
    ) -> Membership:
        """Begin a pledge: a tier, a tier with more than its price, or only ``cents`` (a custom pledge without a tier).

        ``cents`` is for a whole period of ``cadence`` months; it defaults to the tier's price. Campaigns that bill
        by the month charge at once, the others when the month is over; without ``card_works`` that charge is declined.
        Who has a paid pledge running changes that one.
        """
        campaign = self.campaign(where)
        running = self.membership(who, campaign)
        if running is not None and running.pledge_id is not None and running.status == "active_patron" and not running.trial:
            return self.change_pledge(who, campaign, tier=tier, cents=cents)
        level, amount = self._price(campaign, tier, cents, cadence)
        membership, news = self._enrolled(who, campaign)
        billing.promise(membership, tier=level, cents=amount, cadence=cadence, now=self.now)
        self._changed(membership, news)
        self._open_pledge(membership)
        membership.entitled = True
        self._changed(membership, "members:pledge:create")
        self._tell("pledges:create", membership)
        membership.card_works = card_works
        if campaign.is_monthly:
            if card_works:
                billing.charge(membership, self.now)
            else:
                billing.decline(membership, self.now, keeps_tier=self.declined_keeps_tier)
            self._changed(membership, "members:update")
        self._write(membership, f"pledges {amount / 100:.2f} {campaign.currency}" + (f" for {level.title}" if level else ""))
        return membership

    def change_pledge(
        self, who: Who, where: Where = None, *, tier: Tier | str | None = None, cents: int | None = None
    ) -> Membership:
        """Raise, lower or customise a running pledge; it counts at once. v1 gives the pledge a new id.

        A raise that the card does not pay for changes nothing but the last charge, in campaigns that charge at once.
        """
        membership = self._running(who, where)
        before = membership.cents
        level, amount = self._price(membership.campaign, tier, cents, membership.cadence or 1)
        if amount > before and not membership.card_works and membership.campaign.is_monthly:
            billing.refuse_raise(membership, amount, self.now)
            return self._done(membership, "cannot pay for a larger pledge", "members:update")
        membership.tier, membership.cents = level, amount
        membership.will_pay_cents = 0 if membership.trial else membership.cents
        membership.pledge_id, membership.updated_at = self.new_pledge_id(), self.now
        billing.record(membership, "pledge_upgrade" if membership.cents > before else "pledge_downgrade", self.now)
        self._tell("pledges:update", membership)
        text = f"changes the pledge to {membership.cents / 100:.2f} {membership.campaign.currency}"
        return self._done(membership, text, "members:pledge:update", "members:update")

    def decline(self, who: Who, where: Where = None) -> Membership:
        """Have the card declined, now and at each retry, until :meth:`pay`; v1 sends no event for payments."""
        membership = self._running(who, where)
        billing.decline(membership, self.now, keeps_tier=self.declined_keeps_tier)
        return self._done(membership, "has a declined card", "members:update")

    def break_card(self, who: Who, where: Where = None) -> Membership:
        """Break the card, which nobody notices before the next charge."""
        membership = self._running(who, where)
        membership.card_works = False
        self._write(membership, "has a card that will be declined")
        return membership

    def pay(self, who: Who, where: Where = None) -> Membership:
        """Let a payment go through now: a declined patron pays after all."""
        membership = self._running(who, where)
        membership.card_works = True
        billing.charge(membership, self.now)
        return self._done(membership, "pays", "members:update")

    def cancel(self, who: Who, where: Where = None, *, at_once: bool = True) -> Membership:
        """End the pledge; v1 drops it at once.

        v2 was seen doing both. ``at_once``: a former patron from the first moment, without tiers and cents, the last
        charge still Paid and the next date still set, as recorded deletions are. Otherwise an active patron who will
        pay nothing, listed to the end of the paid period.
        """
        membership = self._running(who, where)
        self._tell("pledges:delete", membership)
        billing.cancel(membership, self.now)
        if at_once or membership.ends_at == self.now:
            billing.end(membership, self.now)
        return self._done(membership, "cancels", "members:pledge:delete", "members:update")

    def leave(self, who: Who, where: Where = None) -> None:
        """Leave the campaign. Who ever paid stays listed as a former patron, others vanish with ``members:delete``."""
        membership = self._member(who, where)
        if membership.pledge_id is not None:
            self.cancel(who, where)
        if membership.lifetime_cents:
            return
        self._tell("members:delete", membership)
        self._write(membership, "leaves")
        self._forget(membership)

    def gift(self, who: Who, tier: Tier | str, where: Where = None, *, months: int = 1) -> Membership:
        """Receive a gift of ``months`` of a tier: entitled without cents, cadence or charges. v1 knows no gifts."""
        campaign = self.campaign(where)
        membership, news = self._newcomer(who, campaign)
        until = billing.months_later(self.now, months)
        level = self.tier(tier, campaign)
        billing.give(membership, tier=level, until=until, now=self.now)
        return self._done(membership, f"receives {level.title} as a gift", news)

    def trial(self, who: Who, tier: Tier | str, where: Where = None, *, days: int = 7) -> Membership:
        """Begin a free trial of a tier; after ``days`` the first charge comes, unless cancelled."""
        campaign = self.campaign(where)
        membership, news = self._newcomer(who, campaign)
        level = self.tier(tier, campaign)
        billing.try_out(membership, tier=level, until=self.now + timedelta(days=days), now=self.now)
        self._open_pledge(membership)
        self._tell("pledges:create", membership)
        return self._done(membership, f"tries {level.title} for {days} days", news, "members:pledge:create")

    def refund(self, who: Who, where: Where = None, *, status: str = "Refunded") -> Membership:
        """Give the last payment back, as a creator may; the pledge itself goes on and is charged again next time.

        ``status`` is v2's word for how far that came, for example Refund Pending.
        """
        membership = self._running(who, where)
        billing.refund(membership, self.now, status=status)
        return self._done(membership, "is refunded", "members:update")

    def fraud(self, who: Who, where: Where = None) -> Membership:
        """Patreon finds the payment fraudulent: taken back, and the pledge deleted."""
        membership = self._running(who, where)
        self._tell("pledges:delete", membership)
        billing.refund(membership, self.now, status="Fraud")
        billing.end(membership, self.now)
        return self._done(membership, "is found fraudulent", "members:update", "members:pledge:delete")

    def end_period(self, who: Who, where: Where = None) -> Membership:
        """Let the next thing the clock would do happen now: a charge, the end of a trial, gift or paid period."""
        membership = self._member(who, where)
        if membership.due_at is None:
            raise LookupError("time changes nothing about this membership")
        self._fall_due(membership)
        return membership

    def delete_tier(self, tier: Tier | str, where: Where = None) -> Tier:
        """Delete a tier: gone from the campaign and from every entitled list, while pledges go on. No webhook tells."""
        campaign = self.campaign(where)
        level = self.tier(tier, campaign)
        level.deleted = True
        campaign.tiers.pop(level.id, None)
        campaign.revision += 1
        self.timeline.add("world.patreon", f"The tier {level.title} is deleted", campaign=campaign.id, tier=level.id)
        return level

    def delete_account(self, who: Who) -> Account:
        """Delete an account: its pledges end, its tokens die, v2's lists keep a membership without its user."""
        account = self.account(who)
        for membership in self.memberships_of(account):
            if membership.pledge_id is not None:
                self.cancel(account, membership.campaign)
            membership.campaign.revision += 1
        self.oauth.revoke(account)
        account.deleted = True
        self.timeline.add("world.patreon", f"{account.first_name} deletes the account", account=account.id)
        return account

    def hide(self, who: Who, *, hidden: bool = True) -> Account:
        """Hide the person from creators: no name, no e-mail, no connections, as Patreon masks identities."""
        account = self.account(who)
        account.hidden = hidden
        for membership in self.memberships_of(account):
            self.settled(membership)
        self.timeline.add("world.patreon", f"{account.first_name} {'hides' if hidden else 'shows'}", account=account.id)
        return account

    def settle(self) -> None:
        """Live through everything the clock has passed since the last time, each thing at its own moment."""
        if self._moment is not None:
            return
        now = self.clock.now()
        while self._due and self._due[0][0] <= now:
            at, _, membership = heapq.heappop(self._due)
            if membership.due_at == at:
                self._moment = at
                try:
                    self._fall_due(membership)
                finally:
                    self._moment = None

    def _fall_due(self, membership: Membership) -> None:
        if membership.ends_at is not None:
            billing.end(membership, self.now)
            self._done(membership, "has used up what was paid for", "members:update")
        elif membership.card_works:
            billing.charge(membership, self.now)
            self._done(membership, "is charged", "members:update")
        elif membership.declined_since is not None and self.now - membership.declined_since >= billing.RETRIES_FOR:
            self._tell("pledges:delete", membership)
            billing.cancel(membership, self.now)
            billing.end(membership, self.now)
            self._done(membership, "is given up on after many declines", "members:pledge:delete", "members:update")
        else:
            billing.decline(membership, self.now, keeps_tier=self.declined_keeps_tier)
            self._done(membership, "is declined", "members:update")

    def _enrolled(self, who: Who, campaign: Campaign) -> tuple[Membership, str]:
        found = self.membership(who, campaign)
        return (found, "members:update") if found else (self.enroll(self.account(who), campaign), "members:create")

    def _newcomer(self, who: Who, campaign: Campaign) -> tuple[Membership, str]:
        found = self.membership(who, campaign)
        if found is not None and found.pledge_id is not None:
            raise LookupError("gifts and trials are for who has no pledge running")
        return self._enrolled(who, campaign)

    def _price(self, campaign: Campaign, tier: Tier | str | None, cents: int | None, months: int) -> tuple[Tier | None, int]:
        level = self.tier(tier, campaign) if tier is not None else None
        amount = cents if cents is not None else (level.amount_cents * months if level is not None else 0)
        if amount <= 0:
            raise ValueError("a pledge needs a paid tier or cents; join_free() is for free members")
        return level, amount

    def _member(self, who: Who, where: Where) -> Membership:
        membership = self.membership(who, where)
        if membership is None:
            raise LookupError(f"not a member of this campaign: {who if isinstance(who, str) else who.id}")
        return membership

    def _running(self, who: Who, where: Where) -> Membership:
        membership = self._member(who, where)
        if membership.pledge_id is None:
            raise LookupError("this membership has no running pledge")
        return membership

    def _open_pledge(self, membership: Membership) -> None:
        membership.pledge_id = self.new_pledge_id()
        membership.pledged_at = membership.updated_at = self.now
        billing.record(membership, "pledge_start", self.now)

    def _changed(self, membership: Membership, *triggers: str) -> None:
        self.settled(membership)
        for trigger in triggers:
            self._tell(trigger, membership)

    def _done(self, membership: Membership, text: str, *triggers: str) -> Membership:
        self._changed(membership, *triggers)
        self._write(membership, text)
        return membership

    def _write(self, membership: Membership, text: str) -> None:
        data = {"account": membership.account.id, "campaign": membership.campaign.id, "at": self.now.isoformat()}
        self.timeline.add("world.patreon", f"{membership.account.first_name} {text}", **data)
