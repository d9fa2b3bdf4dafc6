"""What the brake holds back, what the staff was asked, and what it answered. When to hold, the core says."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.engine import Row

from bot.core.model import DiscordUserId, GuildId, RoleId
from bot.core.prospect import Held
from bot.store.records import BrakeHold, HeldRevocation
from bot.store.schema import brake_holds, held_revocations, losses
from bot.store.statements import Subject, pieces

_b = brake_holds.c
_h = held_revocations.c
_l = losses.c


class Holds(Subject):
    """The stored holds of the brake. A person's role is held by one run at a time: the first that asked for it.

    Whoever holds or decides locks the guild first (``GuildRows.lock``).
    """

    async def open(
        self, guild: GuildId, run: int, revocations: Mapping[DiscordUserId, Iterable[RoleId]], at: datetime
    ) -> int:
        """Hold a run's revocations and count those not held before; only with such a one is there a new question."""
        held = await self.of_users(guild, revocations)
        rows = [
            {"guild_id": guild, "user_id": user, "role_id": role, "run_id": run, "held_at": at}
            for user, roles in revocations.items()
            for role in roles
            if role not in held.get(user, {})
        ]
        if rows:
            hold = {"guild_id": guild, "run_id": run, "held_at": at}
            await self._run(self._insert(brake_holds).on_conflict_do_nothing(), hold)
            for piece in pieces(rows):
                await self._run(self._insert(held_revocations).on_conflict_do_nothing(), piece)
        return len(rows)

    async def split(self, guild: GuildId, run: int, seen_at: datetime, rest: int) -> None:
        """Let the run ``rest`` hold what a run began to hold after an instant: at least one revocation."""
        unseen = (_h.guild_id == guild) & (_h.run_id == run) & (_h.held_at > seen_at)
        oldest = await self._scalar(select(func.min(_h.held_at)).where(unseen))
        await self._run(self._insert(brake_holds), {"guild_id": guild, "run_id": rest, "held_at": oldest})
        await self._run(update(held_revocations).where(unseen).values(run_id=rest))

    async def load(self, guild: GuildId, run: int) -> BrakeHold | None:
        """Load one hold."""
        row = await self._row(select(brake_holds).where(_b.guild_id == guild, _b.run_id == run))
        return None if row is None else _to_hold(row)

    async def revocations(self, guild: GuildId, run: int) -> list[HeldRevocation]:
        """Load what a hold holds, in order of Discord user and role."""
        question = select(held_revocations).where(_h.guild_id == guild, _h.run_id == run)
        return [_to_revocation(row) for row in await self._rows(question.order_by(_h.user_id, _h.role_id))]

    async def waiting(self, guild: GuildId) -> list[BrakeHold]:
        """Load a guild's holds nobody has decided about, the oldest first."""
        question = select(brake_holds).where(_b.guild_id == guild, _b.approved.is_(None))
        return [_to_hold(row) for row in await self._rows(question.order_by(_b.held_at, _b.run_id))]

    async def unasked(self) -> list[BrakeHold]:
        """Load the undecided holds of all guilds whose staff was not asked yet, the oldest first."""
        question = select(brake_holds).where(_b.asked_at.is_(None), _b.approved.is_(None))
        return [_to_hold(row) for row in await self._rows(question.order_by(_b.held_at, _b.run_id))]

    async def asked(self, guild: GuildId, run: int, channel: int, message: int, at: datetime) -> None:
        """Remember where and when the staff was asked."""
        one = update(brake_holds).where(_b.guild_id == guild, _b.run_id == run)
        await self._run(one.values(asked_at=at, channel=channel, message=message))

    async def decide(self, guild: GuildId, run: int, approved: bool, by: DiscordUserId, at: datetime) -> bool:
        """Store the answer; false when there is no such hold or somebody answered before."""
        open_one = (_b.guild_id == guild) & (_b.run_id == run) & _b.approved.is_(None)
        statement = update(brake_holds).where(open_one)
        return await self._changes(statement.values(approved=approved, decided_by=by, decided_at=at)) > 0

    async def of_users(
        self, guild: GuildId, users: Iterable[DiscordUserId]
    ) -> dict[DiscordUserId, dict[RoleId, bool | None]]:
        """Say which roles of these people are held, each with the answer: approved, refused, or None so far."""
        found = await self.answers(guild, users)
        return {user: {role: held.approved for role, held in theirs.items()} for user, theirs in found.items()}

    async def answers(self, guild: GuildId, users: Iterable[DiscordUserId]) -> dict[DiscordUserId, dict[RoleId, Held]]:
        """Return which roles of these people are held, each with the staff's answer, who gave it and when."""
        both = held_revocations.join(brake_holds, (_b.guild_id == _h.guild_id) & (_b.run_id == _h.run_id))
        columns = (_h.user_id, _h.role_id, _b.approved, _b.decided_by, _b.decided_at)
        question = select(*columns).select_from(both).where(_h.guild_id == guild)
        found: dict[DiscordUserId, dict[RoleId, Held]] = {}
        for row in await self._rows_in(question, _h.user_id, users):
            by = None if row.decided_by is None else DiscordUserId(row.decided_by)
            held = Held(row.approved, by, row.decided_at)
            found.setdefault(DiscordUserId(row.user_id), {})[RoleId(row.role_id)] = held
        return found

    async def drop(self, guild: GuildId, user: DiscordUserId, roles: Iterable[RoleId]) -> None:
        """Let go of held revocations that happened, or are no longer due; a hold that holds nothing more vanishes."""
        released = list(roles)
        if not released:
            return
        # One at a time: two who let go of a hold's last rows at once would each leave it for the other's.
        await self._rows(select(_b.run_id).where(_b.guild_id == guild).order_by(_b.run_id).with_for_update())
        gone = (_h.guild_id == guild) & (_h.user_id == user) & _h.role_id.in_(released)
        await self._run(delete(held_revocations).where(gone))
        holds_some = exists().where(_h.guild_id == _b.guild_id, _h.run_id == _b.run_id)
        await self._run(delete(brake_holds).where(_b.guild_id == guild, ~holds_some))

    async def lost(self, guild: GuildId, user: DiscordUserId, at: datetime) -> None:
        """Remember that somebody loses what an outage could take, unasked; done before Discord is asked."""
        await self._put(losses, [{"guild_id": guild, "user_id": user, "lost_at": at}])

    async def count_lost(self, guild: GuildId, since: datetime, but: DiscordUserId) -> int:
        """Count the people who lost something in a guild since an instant, without one of them."""
        lately = (_l.guild_id == guild) & (_l.lost_at >= since) & (_l.user_id != but)
        return int(await self._scalar(select(func.count()).select_from(losses).where(lately)))

    async def forget_losses(self, before: datetime) -> None:
        """Delete the losses from before an instant."""
        await self._change_many(delete(losses).where(_l.lost_at < before))

    async def count_waiting(self, guild: GuildId) -> int:
        """Count the revocations of a guild that wait for an answer."""
        both = held_revocations.join(brake_holds, (_b.guild_id == _h.guild_id) & (_b.run_id == _h.run_id))
        question = select(func.count()).select_from(both).where(_h.guild_id == guild, _b.approved.is_(None))
        return int(await self._scalar(question))


def _to_hold(row: Row[Any]) -> BrakeHold:
    return BrakeHold(
        guild=GuildId(row.guild_id),
        run=row.run_id,
        held_at=row.held_at,
        asked_at=row.asked_at,
        channel=row.channel,
        message=row.message,
        approved=row.approved,
        decided_by=None if row.decided_by is None else DiscordUserId(row.decided_by),
        decided_at=row.decided_at,
    )


def _to_revocation(row: Row[Any]) -> HeldRevocation:
    return HeldRevocation(
        guild=GuildId(row.guild_id),
        run=row.run_id,
        user=DiscordUserId(row.user_id),
        role=RoleId(row.role_id),
        held_at=row.held_at,
    )
