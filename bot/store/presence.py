"""Who is known to be in which guild: from joins, leaves, interactions and audits. Their roles are the ledger's."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from sqlalchemy import delete, select, update

from bot.core.model import DiscordUserId, GuildId
from bot.store.schema import presence
from bot.store.statements import Subject, pieces

_c = presence.c


class Presence(Subject):
    """The stored knowledge of who is in a guild and who is not."""

    async def present(self, guild: GuildId, user: DiscordUserId) -> bool | None:
        """Say whether somebody is in a guild; None when nobody ever looked."""
        row = await self._row(select(_c.present).where(_c.guild_id == guild, _c.user_id == user))
        return None if row is None else bool(row.present)

    async def put(self, guild: GuildId, user: DiscordUserId, present: bool, seen_at: datetime) -> None:
        """Remember what was seen, unless something newer is known."""
        await self.put_many(guild, {user: present}, seen_at)

    async def put_many(self, guild: GuildId, seen: dict[DiscordUserId, bool], seen_at: datetime) -> None:
        """Remember what was seen of many people at one instant, unless something newer is known."""
        insert = self._insert(presence)
        changes = {"present": insert.excluded.present, "seen_at": insert.excluded.seen_at}
        newer = _c.seen_at <= insert.excluded.seen_at
        statement = insert.on_conflict_do_update(index_elements=["guild_id", "user_id"], set_=changes, where=newer)
        rows = [
            {"guild_id": guild, "user_id": user, "present": present, "seen_at": seen_at}
            for user, present in sorted(seen.items())
        ]
        if rows:
            await self._run(statement, rows)

    async def screen(self, guild: GuildId, seen: Mapping[DiscordUserId, bool]) -> set[DiscordUserId]:
        """Remember who has not accepted the rules; returns those who had not and have now."""
        before = await self.pending(guild, seen)
        pending = {user for user, waits in seen.items() if waits}
        for users, waits in ((pending - before, True), (before - pending, False)):
            for piece in pieces(sorted(users)):
                theirs = (_c.guild_id == guild) & _c.user_id.in_(piece)
                await self._change_many(update(presence).where(theirs).values(pending=waits))
        return before - pending

    async def pending(self, guild: GuildId, users: Iterable[DiscordUserId]) -> set[DiscordUserId]:
        """Say which of these people have not accepted the rules yet."""
        waiting = select(_c.user_id).where(_c.guild_id == guild, _c.pending, _c.present)
        return {DiscordUserId(row.user_id) for row in await self._rows_in(waiting, _c.user_id, users)}

    async def forget(self, guild: GuildId, user: DiscordUserId) -> None:
        """Forget what was seen of somebody with whom the bot has nothing to do any more."""
        await self._run(delete(presence).where(_c.guild_id == guild, _c.user_id == user))

    async def gone_since(self, guild: GuildId, before: datetime, now: datetime) -> None:
        """Mark as absent everybody not seen since an audit began at ``before``, at its end ``now``."""
        unseen = (_c.guild_id == guild) & (_c.seen_at < before) & _c.present
        await self._change_many(update(presence).where(unseen).values(present=False, seen_at=now))

    async def seen_at(self, guild: GuildId, users: Iterable[DiscordUserId]) -> dict[DiscordUserId, datetime]:
        """Say when members were seen last; those who are not known to be any are left out."""
        question = select(_c.user_id, _c.seen_at).where(_c.guild_id == guild, _c.present)
        return {DiscordUserId(row.user_id): row.seen_at for row in await self._rows_in(question, _c.user_id, users)}

    async def of_users(self, guild: GuildId, users: Iterable[DiscordUserId]) -> dict[DiscordUserId, bool]:
        """Say of many people whether they are in a guild; those nobody looked for are left out."""
        rows = await self._rows_in(select(_c.user_id, _c.present).where(_c.guild_id == guild), _c.user_id, users)
        return {DiscordUserId(row.user_id): bool(row.present) for row in rows}
