"""Watches while a history is played: who is without a role that is theirs, who keeps one that is not, and for how long.

What counts is time in which all was well around the bot: nobody can hear news that is not told.
"""

from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.world.guild_events import Audited, Event
from tests.failures.town import OTHERS, PEOPLE, ROLES

if TYPE_CHECKING:
    from tests.failures.player import Player

PROMPT = timedelta(seconds=60)
"""How soon after all is well again what is due is done, and how soon news that is told counts."""

AUDITED_WITHIN = timedelta(hours=25)
"""How long it takes at most until everybody in the guild was looked at."""

_GRANT = "$add"


class Watch:
    """The eyes on one player. ``faults`` is what was wrong, each in a sentence.

    ``returned`` counts roles that were taken from somebody whose they were, a moment after they became theirs, and given
    back; ``calls`` the changes of roles the bot made.
    """

    def __init__(self, player: "Player") -> None:
        self._player = player
        self.faults: list[str] = []
        self.returned: Counter[tuple[str, str]] = Counter()
        self.calls = 0
        self.stopped: dict[str, datetime] = {}
        self.well_since: datetime | None = None
        self.owed_until: datetime | None = None
        self._looked_at = self._lived = self._now
        self._due_since: dict[tuple[str, str], datetime] = {}
        self._undue_since: dict[tuple[str, str], datetime] = {}
        self._bot = next(iter(player.world.discord.bots))
        player.world.discord.listen(self._hear)

    @property
    def _now(self) -> datetime:
        return self._player.world.clock.now()

    @property
    def window(self) -> timedelta:
        """How long news may take that no webhook tells: two lists that agree, and the way from there."""
        return self._player.refresh_every * 2.3 + timedelta(minutes=5)

    @property
    def well(self) -> bool:
        """Whether everything around the bot is as it should be, and the bot may do its work."""
        player = self._player
        told = self.owed_until is None or self.owed_until < self._now
        return player.connected and told and not (player.troubled or self.stopped or player.model.unsure)

    def untold(self, lasting: timedelta = timedelta()) -> None:
        """Note that something happens, for so long, that nobody tells the bot: the next audit sees it."""
        self.owed_until = self._now + lasting + AUDITED_WITHIN

    def blame(self, fault: str) -> None:
        """Note what is wrong, once."""
        if fault not in self.faults:
            self.faults.append(fault)

    def look(self) -> None:
        """Look at everybody now."""
        now = self._now
        # A leap is a machine that slept: however long, it saw one refresh.
        self._lived += min(now - self._looked_at, self._player.refresh_every * 1.12)
        self._looked_at = now
        self.well_since = (self.well_since or self._lived) if self.well else None
        for user in (*PEOPLE, *OTHERS):
            self._look_at(user, now)

    def _look_at(self, user: str, now: datetime) -> None:
        player = self._player
        here = player.user(user) in player.guild.members
        has = player.roles(user) if here else set()
        right = player.model.roles(user, now)
        for role in ROLES:
            key = user, role
            due, undue = here and role in right.must, role in has and role not in right.may
            since = _since(self._due_since, key, self._lived, holds=due)
            if since and role not in has and self._late(since):
                self.blame(f"{user} is without {role} since {since}, and all is well since {self.well_since}")
            since = _since(self._undue_since, key, self._lived, holds=undue)
            if since and self._late(since):
                self.blame(f"{user} keeps {role} since {since}, and all is well since {self.well_since}")

    def _late(self, since: datetime) -> bool:
        return self.well_since is not None and max(since, self.well_since) + self.window < self._lived

    def _hear(self, event: Event) -> None:
        if not isinstance(event, Audited) or event.entry.actor_id != self._bot:
            return
        player, entry = self._player, event.entry
        user = player.world.discord.user(entry.target_id).name.capitalize()
        for change in entry.changes:
            for role in change["new_value"]:
                self.calls += 1
                if change["key"] == _GRANT:
                    self._given(user, role["name"])
                else:
                    self._taken(user, role["name"])

    def _given(self, user: str, role: str) -> None:
        if self._must_rest():
            self.blame(f"{user} was given {role} in a guild that is {' and '.join(self.stopped)}")

    def _taken(self, user: str, role: str) -> None:
        if self._must_rest():
            self.blame(f"{role} was taken from {user} in a guild that is {' and '.join(self.stopped)}")
        now = self._now
        if self._player.model.unsure or role not in self._player.model.roles(user, now).must:
            return
        since = self._due_since.get((user, role), self._lived)
        if self._late(since):
            self.blame(f"{role} was taken from {user}, whose it is since {since}")
        else:
            self.returned[user, role] += 1

    def _must_rest(self) -> bool:
        """Whether roles may not change now, and what was begun before has had its moment."""
        unsure = self._player.model.unsure
        return bool(self.stopped) and not unsure and all(at + PROMPT < self._now for at in self.stopped.values())


def _since(since: dict[tuple[str, str], datetime], key: tuple[str, str], now: datetime, *, holds: bool) -> datetime | None:
    if not holds:
        since.pop(key, None)
        return None
    return since.setdefault(key, now)
