"""What is stored about one Discord user: end the link, see everything, erase everything.

Roles are taken back by the engine, which the row written here makes look; the ledger stays until it has.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot.core.model import CampaignId, Cause, DiscordUserId, Grant, GuildId, Link, ManualGrant, Membership, patron_owner
from bot.errors import LinkError, LinkProblem
from bot.store import Store, Tables
from bot.store.records import LogEntry, NudgeKind

log = structlog.get_logger(__name__)

LOG_ENTRIES = 50
"""How many of the newest log entries per guild are shown."""

# Facts named so remember whose erasure is not complete.
_ERASED = "erased:"


@dataclass(frozen=True, slots=True)
class MyData:
    """Everything stored about a Discord user.

    ``memberships`` is what Patreon said of their patron, ``earned`` since when which rules' roles are theirs for good.
    """

    user: DiscordUserId
    link: Link | None
    memberships: dict[CampaignId, Membership]
    roles: tuple[Grant, ...]
    manual: tuple[ManualGrant, ...]
    guilds: tuple[GuildId, ...]
    log: tuple[LogEntry, ...]
    tokens_expire_at: datetime | None
    earned: dict[int, datetime]


class PersonalData:
    """A person's own say over what is stored about them."""

    def __init__(self, store: Store, *, now: Callable[[], datetime], wake: Callable[[], None]) -> None:
        """``wake`` tells the engine that a row waits."""
        self._store = store
        self._now = now
        self._wake = wake

    async def unlink(self, user: DiscordUserId) -> Link:
        """Erase the tie and the tokens at once; the engine takes back the roles we granted.

        Raises:
            LinkError: NOT_LINKED.

        """
        async with self._store.write() as t:
            link = await t.links.erase(user)
            if link is not None:
                await self._nudge(t, user)
        if link is None:
            raise LinkError(LinkProblem.NOT_LINKED)
        log.info("unlinked", user=user, patron=link.patron)
        self._wake()
        return link

    async def show(self, user: DiscordUserId) -> MyData:
        """Gather everything that is stored, in one snapshot."""
        async with self._store.read() as t:
            link = await t.links.load(user)
            pair = await t.tokens.load(patron_owner(link.patron)) if link else None
            guilds = tuple(await t.guilds_of(user))
            return MyData(
                user=user,
                link=link,
                memberships=dict(await t.memberships.load_all(link.patron)) if link else {},
                roles=tuple([grant for guild in guilds for grant in (await t.ledger.of(guild, user)).values()]),
                manual=tuple([grant for guild in guilds for grant in await t.manual.of(guild, user)]),
                guilds=guilds,
                log=tuple([entry for guild in guilds for entry in await t.log.of(guild, user, LOG_ENTRIES)]),
                tokens_expire_at=pair.tokens.expires_at if pair else None,
                earned=await t.earned.of_patron(link.patron) if link else {},
            )

    async def erase(self, user: DiscordUserId) -> bool:
        """Unlink and erase everything else about the person, roles given by hand included; say whether there was a link.

        What the engine needs to take back roles (ledger and presence), and what it notes on the way, goes in ``tidy``. A
        creator's list read later names the patron again, without any tie to a Discord user.
        """
        async with self._store.write() as t:
            for guild in await t.manual.guilds_of(user):
                for grant in await t.manual.of(guild, user):
                    await t.manual.end(guild, user, grant.role)
            link = await t.erase_everything(user)
            await t.facts.set(f"{_ERASED}{user}", self._now().isoformat())
            await self._nudge(t, user)
        log.info("erased", user=user)
        self._wake()
        return link is not None

    async def tidy(self) -> None:
        """Complete erasures: what was left until the last role was taken back goes.

        Called every minute. Somebody who is linked or was given a role again meanwhile has come back, and is left alone.
        """
        async with self._store.read() as t:
            erased = await t.facts.beginning_with(_ERASED)
        for fact in erased:
            async with self._store.write() as t:
                await _complete(t, fact, DiscordUserId(int(fact.removeprefix(_ERASED))))

    async def _nudge(self, t: Tables, user: DiscordUserId) -> None:
        await t.nudges.add(NudgeKind.USER, str(user), Cause.UNLINKED, self._now())


async def _complete(t: Tables, fact: str, user: DiscordUserId) -> None:
    """Erase what is left of somebody; not yet while a role is to be taken back or they are linking anew."""
    if not await t.links.load(user) and not await t.manual.guilds_of(user):
        if await t.ledger.guilds_of(user) or await t.attempts.load_latest(user):
            return
        await t.erase_everything(user)
    await t.facts.drop(fact)
