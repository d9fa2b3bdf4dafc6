"""What is right: which roles each person must have and may have, from what truly happened. It asks nothing of the bot.

Written from the laws of the design and from what Patreon's words mean (docs/patreon.md), and from nothing in ``bot.core``:
the truth about money is Patreon's own book of pledges and charges, the truth about everything else is what people did.

Between what a person *must* and *may* have lies what no bot can know better: when a declined card was first seen while
nobody listened, or a role somebody gave by hand.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.world import World
from sandbox.world.examples import TIERS
from sandbox.world.patreon_model import Membership, PledgeEvent
from tests.failures.town import GENEROUS_CENTS

GRACE = timedelta(days=7)
"""How long a declined patron keeps what they had, unless the guild says otherwise."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What somebody's money comes to at an instant: the title of a tier, and whole cents a month. Nothing is neither."""

    tier: str | None = None
    cents: int = 0

    def __bool__(self) -> bool:
        """Whether it is anything."""
        return self.tier is not None or self.cents > 0


@dataclass(frozen=True, slots=True)
class Favour:
    """A tier without a payment, in a span of time: a gift or a trial."""

    account: str
    tier: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of roles: what somebody must have, and what they may have besides."""

    must: frozenset[str]
    may: frozenset[str]


@dataclass(slots=True)
class _Book:
    """Somebody's pledge, as far as it was read in Patreon's book."""

    running: bool = False
    rights: Rights = Rights()
    kept: Rights = Rights()
    paid_until: datetime | None = None
    declined_at: datetime | None = None
    lifetime: int = 0
    taken_back: bool = False


@dataclass
class Model:
    """Everything that decides. People and roles by name; ``rules`` are the roles that have one.

    ``links`` are Discord users and whose Patreon account is theirs; ``by_hand`` is who was given which role in Discord,
    ``kept`` what the staff told the brake to leave. ``unsure`` is what was asked for and never answered:
    it may have come about or not, until somebody looks (:meth:`learn`). ``deaf`` is how long the bot may have heard
    nothing of a decline.
    """

    world: World
    links: dict[str, str] = field(default_factory=dict)
    rules: set[str] = field(default_factory=set)
    by_hand: set[tuple[str, str]] = field(default_factory=set)
    kept: set[tuple[str, str]] = field(default_factory=set)
    favours: list[Favour] = field(default_factory=list)
    cadences: dict[tuple[str, datetime], int] = field(default_factory=dict)
    deaf: timedelta = timedelta()
    unsure: bool = False

    def learn(self, links: dict[str, str], rules: Iterable[str]) -> None:
        """Take over what people see that came of requests nobody answered."""
        self.links, self.rules, self.unsure = links, set(rules), False

    def roles(self, user: str, at: datetime, since: datetime | None = None) -> Roles:
        """Return what a member must and may have at an instant; from ``since`` on when news takes time to come through."""
        instants = sorted({at, *([] if since is None else [since, *self._turns(user, since, at)])})
        found = [self._at(user, instant) for instant in instants]
        must = frozenset.intersection(*(each.must for each in found))
        return Roles(must, frozenset.union(*(each.may for each in found)) | must)

    def _at(self, user: str, at: datetime) -> Roles:
        given = frozenset(role for whose, role in self.by_hand | self.kept if whose == user)
        account = self.links.get(user)
        if account is None:
            return Roles(frozenset(), given)
        least, most = self.rights(account, at), self.rights(account, at, grace=GRACE + self.deaf)
        return Roles(self._given(least), self._given(most) | self._given(least) | given)

    def rights(self, account: str, at: datetime, *, grace: timedelta = GRACE) -> Rights:
        """Return what somebody's pledge, gift or trial comes to."""
        for favour in self.favours:
            if favour.account == account and favour.begins_at <= at < favour.ends_at and self._lasts(favour, at):
                return Rights(favour.tier, TIERS[favour.tier])
        membership = self.world.patreon.membership(account)
        return Rights() if membership is None else self._of_pledge(membership, at, grace)

    def _of_pledge(self, membership: Membership, at: datetime, grace: timedelta) -> Rights:
        book = _Book()
        for event in membership.history:
            if event.at <= at:
                self._enter(book, event, membership)
        paid = book.paid_until is not None and at < book.paid_until
        if not book.running:
            return book.kept if paid else Rights()
        if book.declined_at is None:
            return book.rights if book.lifetime else Rights()
        # A grace keeps and never gives: whoever never paid has nothing to keep.
        kept = paid or (book.lifetime > 0 and at < book.declined_at + grace)
        return book.kept if kept else Rights()

    def _enter(self, book: _Book, event: PledgeEvent, membership: Membership) -> None:
        account = membership.account.first_name
        begun = [at for whose, at in self.cadences if whose == account and at <= event.at]
        months = self.cadences[account, max(begun)] if begun else 1
        named = Rights(event.tier.title if event.tier else None, event.amount_cents // months)
        match event.kind, event.payment:
            case "pledge_start", _:
                book.running, book.rights = True, named
                book.declined_at = None
            case "subscription", "Paid":
                book.running, book.rights, book.kept = True, named, named
                book.declined_at, book.taken_back = None, False
                book.lifetime += event.amount_cents
                book.paid_until = months_later(event.at, months)
            case "subscription", "Declined":
                book.declined_at = book.declined_at or event.at
            case (("pledge_upgrade" | "pledge_downgrade"), _):
                # Patreon lists what was chosen at once, whatever the card says of the difference.
                book.rights = book.kept = named
            case "pledge_delete", _:
                book.running = False
                if book.taken_back:
                    book.paid_until = None
            case "subscription", "Fraud":
                book.running, book.paid_until = False, None
            case "subscription", "Refunded":
                # While Patreon lists it, it is theirs; what is left of the month is not once they cancel.
                book.taken_back = True
            case _:
                pass

    def _lasts(self, favour: Favour, at: datetime) -> bool:
        """Whether a gift or trial was not overtaken by a pledge of their own, or ended by hand."""
        membership = self.world.patreon.membership(favour.account)
        events = [] if membership is None else membership.history
        ends = {"pledge_delete", "subscription"}
        return not any(event.kind in ends and favour.begins_at < event.at <= at for event in events)

    def _given(self, rights: Rights) -> frozenset[str]:
        given = {rights.tier, *(["Patrons"] if rights else []), *(["Generous"] if _worth(rights) >= GENEROUS_CENTS else [])}
        return frozenset(self.rules & given)

    def _turns(self, user: str, since: datetime, until: datetime) -> list[datetime]:
        """Name the instants at which somebody's rights may have changed."""
        account = self.links.get(user)
        membership = None if account is None else self.world.patreon.membership(account)
        turns = [at for favour in self.favours if favour.account == account for at in (favour.begins_at, favour.ends_at)]
        if membership is not None:
            turns += [event.at for event in membership.history]
            turns += [months_later(event.at, months) for event in membership.history for months in (1, 12)]
            turns += [event.at + GRACE for event in membership.history]
        return [at for at in turns if since < at < until]


def months_later(at: datetime, months: int) -> datetime:
    """Return the same day some months on, or that month's last day when it is shorter."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    first = at.replace(year=year, month=month + 1, day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(at.day, last.day))


def _worth(rights: Rights) -> int:
    """Return what rights are worth a month: the money, or the tier's price where that is more."""
    return max(rights.cents, TIERS.get(rights.tier or "", 0))
