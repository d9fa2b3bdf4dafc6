"""A unit of work's view of everything stored: one attribute per subject. The statements are in the subjects' files."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, bindparam, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import DiscordUserId, GuildId, Link, Policy
from bot.store.attempts import Attempts
from bot.store.campaigns import Campaigns
from bot.store.crypto import Cipher
from bot.store.doubts import Doubts
from bot.store.earned import Earned
from bot.store.facts import Facts
from bot.store.guilds import GuildRows
from bot.store.holds import Holds
from bot.store.instants import Instants
from bot.store.ledger import Ledger
from bot.store.links import Links
from bot.store.manual import ManualGrants
from bot.store.memberships import Memberships
from bot.store.nudges import Nudges
from bot.store.presence import Presence
from bot.store.role_log import RoleLog
from bot.store.rules import Rules
from bot.store.runs import Runs
from bot.store.schema import doubts, ledger, losses, manual_grants, metadata, presence
from bot.store.serials import Serials
from bot.store.statements import Subject, pieces
from bot.store.tokens import TokenPairs
from bot.store.webhooks import Webhooks

_SEALED = "_sealed"

# A year of patronage can be told, and the month before it. What a run did is told while somebody may still ask.
KEEP_LOG = timedelta(days=400)
KEEP_RUNS = timedelta(days=30)
KEEP_LOSSES = timedelta(days=1)
KEEP_BODIES = timedelta(days=90)
"""Patreon's own last attempt at a delivery comes after about a month."""
KEEP_GUILD_LEFT = timedelta(days=30)
"""Whoever threw the bot out by mistake finds everything as it was for so long."""


class Tables(Subject):
    """Everything stored, inside one transaction; of no use after it."""

    def __init__(self, connection: AsyncConnection, cipher: Cipher, policy: Policy) -> None:
        super().__init__(connection)
        self._cipher = cipher
        self.serials = Serials(connection)
        self.instants = Instants(connection)
        self.links = Links(connection)
        self.tokens = TokenPairs(connection, cipher)
        self.attempts = Attempts(connection, cipher)
        self.memberships = Memberships(connection)
        self.campaigns = Campaigns(connection)
        self.guilds = GuildRows(connection, policy)
        self.rules = Rules(connection)
        self.earned = Earned(connection)
        self.ledger = Ledger(connection)
        self.manual = ManualGrants(connection)
        self.presence = Presence(connection)
        self.doubts = Doubts(connection)
        self.holds = Holds(connection)
        self.nudges = Nudges(connection)
        self.runs = Runs(connection)
        self.log = RoleLog(connection)
        self.facts = Facts(connection)
        self.webhooks = Webhooks(connection, cipher)

    async def guilds_of(self, user: DiscordUserId) -> list[GuildId]:
        """Name every guild that has something to do with a person: seen there, in its ledger, or granted by hand."""
        seen = select(presence.c.guild_id).where(presence.c.user_id == user, presence.c.present)
        others = (select(table.c.guild_id).where(table.c.user_id == user) for table in (ledger, manual_grants))
        return sorted({GuildId(row.guild_id) for row in await self._rows(seen.union_all(*others))})

    async def erase_everything(self, user: DiscordUserId) -> Link | None:
        """Wipe what is stored about a person at their own wish, and return the link that was.

        What is left is what the guild needs to put their roles right: its ledger, for the engine to revoke from and then
        drop, and the grants its creators gave by hand, which are the creators' to end.
        """
        link = await self.links.erase(user)
        await self.log.erase(user)
        await self._change_many(delete(doubts).where(doubts.c.user_id == user))
        await self._change_many(delete(losses).where(losses.c.user_id == user))
        # Without an entry in some ledger nobody will ask where the person is.
        keep = await self.ledger.guilds_of(user)
        gone = (presence.c.user_id == user) & presence.c.guild_id.not_in(keep)
        await self._change_many(delete(presence).where(gone))
        return link

    async def tidy(self, now: datetime) -> None:
        """Delete what is kept for a while only: old log entries and runs, pages nobody reads any more, guilds long left."""
        await self.log.purge(now - KEEP_LOG)
        await self.runs.purge(now - KEEP_RUNS)
        await self.holds.forget_losses(now - KEEP_LOSSES)
        await self.memberships.drop_left()
        await self.webhooks.forget_bodies(now - KEEP_BODIES)
        for guild in sorted(await self.guilds.left(before=now - KEEP_GUILD_LEFT)):
            await self._erase_guild(guild)

    async def reseal(self) -> None:
        """Seal anew with the first key what another one sealed; after that the others may go.

        What somebody stores meanwhile is left as they sealed it.
        """
        for table in metadata.sorted_tables:
            for column in table.columns:
                if column.name.endswith(_SEALED):
                    await self._reseal(table.primary_key.columns[0], column)

    async def _erase_guild(self, guild: GuildId) -> None:
        """Wipe everything known of a guild, its ledger included: the bot is gone for good and can revoke nothing."""
        for table in reversed(metadata.sorted_tables):
            if "guild_id" in table.columns:
                await self._change_many(delete(table).where(table.columns["guild_id"] == guild))

    async def _reseal(self, key: Column[Any], column: Column[Any]) -> None:
        """Compare and set: a pair that was renewed since it was looked at must not be overwritten by the one before."""
        rows = await self._rows(select(key.label("name"), column.label("sealed")).where(column.is_not(None)).order_by(key))
        stale = [
            {"b_key": row.name, "b_old": row.sealed, "b_new": self._cipher.reseal(row.sealed)}
            for row in rows
            if not self._cipher.is_current(row.sealed)
        ]
        unchanged = (key == bindparam("b_key")) & (column == bindparam("b_old"))
        statement = update(key.table).where(unchanged).values({column: bindparam("b_new")})
        for piece in pieces(stale):
            await self._run(statement, piece)
