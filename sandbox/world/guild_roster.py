"""Who is in a guild and with which roles, stored so that a quarter of a million members stay cheap. No rules here."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime

Roles = frozenset[int]
_NO_ROLES: Roles = frozenset()


class Roster:
    """The members of one guild: user id to the set of role ids, plus when each joined.

    Equal role sets are one object, and members added in bulk share one instant of joining.
    """

    def __init__(self, founded_at: datetime) -> None:
        self._founded_at = founded_at
        self._roles: dict[int, Roles] = {}
        self._joined_at: dict[int, datetime] = {}
        self._interned: dict[Roles, Roles] = {_NO_ROLES: _NO_ROLES}
        self._order: list[int] = []
        self._sorted = True

    def __len__(self) -> int:
        return len(self._roles)

    def __contains__(self, user: object) -> bool:
        return user in self._roles

    def __iter__(self) -> Iterator[int]:
        return iter(self._roles)

    def roles(self, user: int) -> Roles:
        """Return the member's role ids without @everyone. KeyError when the user is no member."""
        return self._roles[user]

    def joined_at(self, user: int) -> datetime:
        """Return when the member joined."""
        return self._joined_at.get(user, self._founded_at)

    def add(self, user: int, roles: Iterable[int], joined_at: datetime) -> None:
        """Make ``user`` a member; one who is already keeps the old instant."""
        if user not in self._roles:
            self._append((user,))
            self._joined_at[user] = joined_at
        self.put(user, roles)

    def add_many(self, users: Iterable[int], roles: Iterable[int]) -> None:
        """Make all of ``users`` (none of them a member yet) members with the same roles, as of the guild's founding."""
        shared = self._intern(frozenset(roles))
        fresh = tuple(users)
        self._roles.update(dict.fromkeys(fresh, shared))
        self._append(fresh)

    def put(self, user: int, roles: Iterable[int]) -> None:
        """Replace the member's roles."""
        self._roles[user] = self._intern(frozenset(roles))

    def remove(self, user: int) -> None:
        """Forget the member. KeyError when the user is no member."""
        del self._roles[user]
        self._joined_at.pop(user, None)
        self._order.remove(user)

    def strip(self, role: int) -> int:
        """Take ``role`` from everybody; return how many had it."""
        holders = self.holders(role)
        for user in holders:
            self.put(user, self._roles[user] - {role})
        return len(holders)

    def holders(self, role: int) -> list[int]:
        """Return the members who have ``role``, in ascending order of id."""
        return sorted(user for user, roles in self._roles.items() if role in roles)

    def page(self, after: int, limit: int) -> list[int]:
        """Return up to ``limit`` ids above ``after``, ascending: the paging of Discord's member list."""
        if not self._sorted:
            self._order.sort()
            self._sorted = True
        start = bisect_right(self._order, after)
        return self._order[start : start + limit]

    def _append(self, users: tuple[int, ...]) -> None:
        self._order.extend(users)
        self._sorted = False

    def _intern(self, roles: Roles) -> Roles:
        return self._interned.setdefault(roles, roles)
