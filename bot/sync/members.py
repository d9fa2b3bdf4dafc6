"""What the gateway tells of members and roles, written down, with a nudge where roles follow. No role changes here."""

from collections.abc import Callable, Collection
from datetime import datetime

from bot.core.model import Cause, DiscordUserId, GuildId, RoleId
from bot.store.records import NudgeKind
from bot.store.tables import Tables
from bot.sync import blocks
from bot.sync.cases import load_view
from bot.sync.parts import Parts
from bot.sync.screening import record_screening
from bot.sync.sightings import record_gone, record_seen, revoked_lately

Roles = frozenset[RoleId]
NONE: Roles = frozenset()


class Members:
    """The doors of the gateway. Members nobody linked cost a look at the store, and leave nothing behind."""

    def __init__(self, parts: Parts, wake: Callable[[], None]) -> None:
        self._parts = parts
        self._wake = wake

    async def joined(self, guild: GuildId, user: DiscordUserId, roles: Roles = NONE, *, pending: bool = False) -> None:
        """Somebody joined: what follows from stored data is given at once."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            if not await _concerned(t, guild, user):
                return
        async with self._parts.store.write() as t:
            # They left before they joined, also where nobody told us.
            await t.ledger.leave(guild, [user])
            await record_seen(t, await load_view(t, guild), {user: roles}, now, Cause.JOINED)
            await record_screening(t, guild, {user: pending}, now)
            await t.nudges.add(NudgeKind.USER, str(user), Cause.JOINED, now)
        self._wake()

    async def updated(self, guild: GuildId, user: DiscordUserId, roles: Roles, *, pending: bool = False) -> None:
        """Somebody's roles, or something else of theirs, changed: by our doing or by another's."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            if not await _concerned(t, guild, user) and not await revoked_lately(t, guild, user, now):
                return
        await self._see(guild, user, roles, now, live=True, pending=pending)

    async def left(self, guild: GuildId, user: DiscordUserId) -> None:
        """Somebody left: Discord took their roles with them, and no call is made for them until they are back."""
        async with self._parts.store.read() as t:
            known = await t.presence.present(guild, user) is not None
            if not known and not await _concerned(t, guild, user):
                return
        async with self._parts.store.write() as t:
            await record_gone(t, await load_view(t, guild), [user], self._parts.now())
        self._wake()

    async def missed(self, guild: GuildId) -> None:
        """Have everybody in a guild looked at over the gateway: a session began, and nobody told what came before it."""
        async with self._parts.store.write() as t:
            await t.nudges.add(NudgeKind.MEMBERS, str(guild), Cause.AUDIT, self._parts.now())
        self._wake()

    async def seen(self, guild: GuildId, user: DiscordUserId, roles: Roles, *, pending: bool = False) -> None:
        """Somebody used a command: which roles they have is known without asking."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            if not await _concerned(t, guild, user):
                return
        await self._see(guild, user, roles, now, live=False, pending=pending)

    async def _see(
        self, guild: GuildId, user: DiscordUserId, roles: Roles, now: datetime, *, live: bool, pending: bool
    ) -> None:
        async with self._parts.store.write() as t:
            # What Discord told and what it answered often come in the same moment; neither may miss the other.
            await t.links.lock([user])
            view = await load_view(t, guild)
            sighted = await record_seen(t, view, {user: roles}, now, Cause.AUDIT, call=True, live=live)
            await record_screening(t, guild, {user: pending}, now)
        for report in sighted.reports:
            await self._parts.tell(report)
        self._wake()

    async def roles_changed(self, guild: GuildId) -> None:
        """Roles or ranks of a guild changed: whoever waited for a blocked role is looked at again."""
        if not self._parts.guilds.is_ready(guild):
            return
        async with self._parts.store.write() as t:
            await t.guilds.save_roles(guild, self._parts.guilds.role_names(guild))
            told = await blocks.load_told(t, guild)
            freed = [role for role in told if self._parts.guilds.blocked(guild, role) is None]
            await blocks.forget(t, guild, freed, self._parts.now())
        self._wake()

    async def role_deleted(self, guild: GuildId, role: RoleId) -> None:
        """Forget everybody's entry of a role that is gone."""
        async with self._parts.store.write() as t:
            await t.ledger.drop_role(guild, role)
        await self.roles_changed(guild)

    async def guilds_are(self, present: Collection[GuildId]) -> None:
        """All guilds the bot is in are known: from whatever else is stored it was thrown out, or is back there."""
        async with self._parts.store.read() as t:
            known = {settings.guild for settings in await t.guilds.all()}
            left = await t.guilds.left()
        for guild in sorted(known - left - set(present)):
            await self.guild_left(guild)
        for guild in sorted(left & set(present)):
            await self.guild_joined(guild)

    async def guild_left(self, guild: GuildId) -> None:
        """Somebody threw the bot out: nothing can be done there until it is back, and everything is kept for that day."""
        async with self._parts.store.write() as t:
            await t.guilds.mark_left(guild, self._parts.now())
            await t.nudges.drop(NudgeKind.GUILD, str(guild))
            await t.nudges.drop(NudgeKind.MEMBERS, str(guild))

    async def guild_joined(self, guild: GuildId) -> None:
        """Somebody let the bot in, perhaps again: everybody there is looked at anew."""
        async with self._parts.store.write() as t:
            if guild in await t.guilds.left():
                await t.guilds.mark_left(guild, None)
                # Nobody told us anything of it meanwhile: it begins as a guild does that is new.
                await t.guilds.audited(guild, None)
                await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.AUDIT, self._parts.now())
        self._wake()


async def _concerned(t: Tables, guild: GuildId, user: DiscordUserId) -> bool:
    return bool(await t.links.load(user) or await t.ledger.of(guild, user) or await t.manual.of(guild, user))
