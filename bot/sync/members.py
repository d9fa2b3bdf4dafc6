"""What the gateway tells of members and roles, written down, with a nudge where roles follow. No role changes here."""

from collections.abc import Callable

from bot.core.model import Cause, DiscordUserId, GuildId, RoleId
from bot.store.records import NudgeKind
from bot.store.tables import Tables
from bot.sync.apply import blocked_key
from bot.sync.cases import load_view
from bot.sync.parts import Parts
from bot.sync.sightings import record_seen


class Members:
    """The doors of the gateway. Members nobody linked cost a look at the store, and leave nothing behind."""

    def __init__(self, parts: Parts, wake: Callable[[], None]) -> None:
        self._parts = parts
        self._wake = wake

    async def joined(self, guild: GuildId, user: DiscordUserId, roles: frozenset[RoleId] = frozenset()) -> None:
        """Somebody joined: what follows from stored data is given at once."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            if not await _concerned(t, guild, user):
                return
        async with self._parts.store.write() as t:
            # They left before they joined, also where nobody told us.
            await t.ledger.leave(guild, user)
            await record_seen(t, await load_view(t, guild), {user: roles}, now, Cause.JOINED)
            await t.nudges.add(NudgeKind.USER, str(user), Cause.JOINED, now)
        self._wake()

    async def left(self, guild: GuildId, user: DiscordUserId) -> None:
        """Somebody left: Discord took their roles with them, and no call is made for them until they are back."""
        async with self._parts.store.read() as t:
            known = await t.presence.present(guild, user) is not None
            if not known and not await _concerned(t, guild, user):
                return
        async with self._parts.store.write() as t:
            await t.presence.put(guild, user, present=False, seen_at=self._parts.now())
            await t.ledger.leave(guild, user)

    async def seen(self, guild: GuildId, user: DiscordUserId, roles: frozenset[RoleId]) -> None:
        """Somebody used a command: which roles they have is known without asking, also before they link."""
        now = self._parts.now()
        async with self._parts.store.write() as t:
            changed = await record_seen(t, await load_view(t, guild), {user: roles}, now, Cause.AUDIT)
            if changed and await t.links.load(user) is not None:
                await t.nudges.add(NudgeKind.USER, str(user), Cause.AUDIT, now)
        self._wake()

    async def roles_changed(self, guild: GuildId) -> None:
        """Roles or ranks of a guild changed: whoever waited for a blocked role is looked at again."""
        if not self._parts.guilds.is_ready(guild):
            return
        async with self._parts.store.write() as t:
            await t.guilds.save_roles(guild, self._parts.guilds.role_names(guild))
            freed = False
            for role in await t.rules.managed(guild):
                told = await t.facts.get(blocked_key(guild, role)) is not None
                if told and self._parts.guilds.blocked(guild, role) is None:
                    await t.facts.drop(blocked_key(guild, role))
                    freed = True
            if freed:
                await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.CLOCK, self._parts.now())
        self._wake()

    async def role_deleted(self, guild: GuildId, role: RoleId) -> None:
        """Forget everybody's entry of a role that is gone."""
        async with self._parts.store.write() as t:
            await t.ledger.drop_many(await t.ledger.holders(guild, role))
        await self.roles_changed(guild)

    async def rules_changed(self, guild: GuildId) -> None:
        """Judge everybody anew: a creator changed rules or settings."""
        async with self._parts.store.write() as t:
            await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.RULES, self._parts.now())
        self._wake()


async def _concerned(t: Tables, guild: GuildId, user: DiscordUserId) -> bool:
    return bool(await t.links.load(user) or await t.ledger.of(guild, user) or await t.manual.of(guild, user))
