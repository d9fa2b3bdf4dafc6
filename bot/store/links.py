"""Links: which Discord user is which patron, one to one. Token pairs live in tokens.py, attempts in attempts.py."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.engine import Row

from bot.core.model import DiscordUserId, GuildId, Link, PatronId, patron_owner
from bot.errors import LinkError, LinkProblem
from bot.store.records import NudgeKind
from bot.store.schema import (
    earned,
    link_attempts,
    links,
    memberships,
    nudge_readings,
    presence,
    staged_memberships,
    token_pairs,
)
from bot.store.statements import Subject, pieces


class Links(Subject):
    """The stored ties of Discord users and patrons."""

    async def load(self, user: DiscordUserId) -> Link | None:
        """Load a Discord user's link."""
        row = await self._row(select(links).where(links.c.user_id == user))
        return None if row is None else _to_link(row)

    async def lock(self, users: Iterable[DiscordUserId]) -> None:
        """Let nobody else past this line for the same people until the unit of work ends.

        Who stores a reading and who acts on one take turns by it; a person without a link has no readings.
        """
        question = select(links.c.user_id).order_by(links.c.user_id).with_for_update()
        for piece in pieces(sorted(users)):
            await self._rows(question.where(links.c.user_id.in_(piece)))

    async def load_of_patron(self, patron: PatronId) -> Link | None:
        """Load a patron's link."""
        row = await self._row(select(links).where(links.c.patron_id == patron))
        return None if row is None else _to_link(row)

    async def load_of_patrons(self, patrons: Iterable[PatronId]) -> dict[PatronId, Link]:
        """Load the links of those patrons who have one."""
        found = map(_to_link, await self._rows_in(select(links), links.c.patron_id, patrons))
        return {link.patron: link for link in found}

    async def load_many(self, users: Iterable[DiscordUserId]) -> dict[DiscordUserId, Link]:
        """Load the links of those Discord users who have one."""
        found = map(_to_link, await self._rows_in(select(links), links.c.user_id, users))
        return {link.user: link for link in found}

    async def linked_users(self, users: Iterable[DiscordUserId]) -> set[DiscordUserId]:
        """Say which of these Discord users are linked."""
        rows = await self._rows_in(select(links.c.user_id), links.c.user_id, users)
        return {DiscordUserId(row.user_id) for row in rows}

    async def page(self, after: DiscordUserId | None = None, limit: int = 1000) -> list[Link]:
        """Load the next links in order of Discord user, beginning behind ``after``."""
        question = select(links).where(links.c.user_id > (after or 0)).order_by(links.c.user_id).limit(limit)
        return [_to_link(row) for row in await self._rows(question)]

    async def in_guild(self, guild: GuildId, after: DiscordUserId | None = None, limit: int = 1000) -> list[Link]:
        """Load the next links of people known to be in a guild, in order of Discord user, beginning behind ``after``."""
        there = (presence.c.guild_id == guild) & presence.c.present & (presence.c.user_id > (after or 0))
        question = select(links).join(presence, presence.c.user_id == links.c.user_id).where(there)
        return [_to_link(row) for row in await self._rows(question.order_by(presence.c.user_id).limit(limit))]

    async def count(self) -> int:
        """Count the links."""
        return int(await self._scalar(select(func.count()).select_from(links)))

    async def save(self, link: Link) -> None:
        """Store a link, or mend the same one.

        Raises LinkError: PATRON_TAKEN when the patron has another Discord user, USER_TAKEN when the Discord user has
        another patron.
        """
        values = {
            "user_id": link.user,
            "patron_id": link.patron,
            "linked_at": link.linked_at,
            "broken_since": link.broken_since,
        }
        insert = self._insert(links).values(values).on_conflict_do_nothing()
        if await self._row(insert.returning(links.c.user_id)):
            return
        same = (links.c.user_id == link.user) & (links.c.patron_id == link.patron)
        if await self._changes(update(links).where(same).values(values)):
            return
        holder = await self.load_of_patron(link.patron)
        raise LinkError(LinkProblem.USER_TAKEN if holder is None else LinkProblem.PATRON_TAKEN)

    async def mark_broken(self, user: DiscordUserId, at: datetime) -> None:
        """Remember since when a link's token pair is dead; an earlier instant stays."""
        whole = (links.c.user_id == user) & links.c.broken_since.is_(None)
        await self._run(update(links).where(whole).values(broken_since=at))

    async def mend(self, patron: PatronId) -> DiscordUserId | None:
        """Forget that a patron's link was broken; return their Discord user when it was."""
        broken = (links.c.patron_id == patron) & links.c.broken_since.is_not(None)
        row = await self._row(update(links).where(broken).values(broken_since=None).returning(links.c.user_id))
        return None if row is None else DiscordUserId(row.user_id)

    async def erase(self, user: DiscordUserId) -> Link | None:
        """Wipe a link and all it brought: tokens, attempts, the patron's memberships, readings and earned rules; returns it.

        The ledger stays, for the engine to revoke from.
        """
        await self._change_many(delete(link_attempts).where(link_attempts.c.user_id == user))
        link = await self.load(user)
        if link is None:
            return None
        await self._run(delete(links).where(links.c.user_id == user))
        await self._run(delete(token_pairs).where(token_pairs.c.owner == patron_owner(link.patron)))
        await self._change_many(delete(memberships).where(memberships.c.patron_id == link.patron))
        await self._change_many(delete(earned).where(earned.c.patron_id == link.patron))
        await self._change_many(delete(staged_memberships).where(staged_memberships.c.patron_id == link.patron))
        told = (nudge_readings.c.kind == NudgeKind.USER.value) & (nudge_readings.c.key == str(user))
        await self._change_many(delete(nudge_readings).where(told))
        return link


def _to_link(row: Row[Any]) -> Link:
    return Link(DiscordUserId(row.user_id), PatronId(row.patron_id), row.linked_at, row.broken_since)
