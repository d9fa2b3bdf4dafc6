"""Whether a complete answer can be believed, next to the one before it. Counts only: nobody's roles, nobody's name."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.core.model import Membership

# Below this many a campaign may really lose all at once; two readings are guard enough there.
SMALL = 5


@dataclass(frozen=True, slots=True)
class Census:
    """How many memberships an answer named, how many with a tier, how many with money (or money we cannot compare)."""

    memberships: int = 0
    with_tier: int = 0
    with_money: int = 0

    def __add__(self, other: "Census") -> "Census":
        """Add the next page's counts."""
        return Census(
            self.memberships + other.memberships,
            self.with_tier + other.with_tier,
            self.with_money + other.with_money,
        )


def census(memberships: Iterable[Membership]) -> Census:
    """Count readings as Patreon gave them, before ``carry`` fills in what they leave out."""
    # Plain sums: a value for each of 100,000 rows would cost a tenth of a quiet refresh.
    total = with_tier = with_money = 0
    for membership in memberships:
        total += 1
        with_tier += bool(membership.tiers)
        with_money += membership.amount_cents != 0
    return Census(total, with_tier, with_money)


def lost_at_once(before: Census, after: Census) -> bool:
    """Say whether an answer lost more than half of anything the last believed one had.

    Patreon has blanked the tiers of whole campaigns and served lists cut short; such an answer takes no role.
    """
    pairs = (
        (before.memberships, after.memberships),
        (before.with_tier, after.with_tier),
        (before.with_money, after.with_money),
    )
    return any(had >= SMALL and has * 2 < had for had, has in pairs)
