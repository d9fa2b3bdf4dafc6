"""Token pairs: renewed ahead of their end, so that no reading has to wait for it, and told about when a creator's is dead.

How to renew, the Patreon client knows.
"""

import asyncio
from datetime import timedelta

import structlog

from bot.core.model import Link, TokenOwner, owning_patron
from bot.errors import AccessRevoked, BotError
from bot.patreon.renewal import TRIED_EVERY
from bot.sync.health import Health, is_untold
from bot.sync.parts import Parts

log = structlog.get_logger(__name__)

_AT_ONCE = 10
_AFTER_FAILURE = timedelta(minutes=5)
# The creator is told this long before the pair ends, when it cannot be renewed.
_WARN_AHEAD = timedelta(days=1)
# One in each step, so that many make no flood of refusals.
_BROKEN_AT_ONCE = 1


class Renewals:
    """Renews pairs that end soon."""

    def __init__(self, parts: Parts, health: Health) -> None:
        self._parts = parts
        self._health = health
        self._not_before: dict[TokenOwner, float] = {}

    async def step(self) -> int:
        """Renew some of the pairs that end within ``renew_ahead``, and try a broken one; return how many were tried."""
        await self._tell_dead()
        now = self._parts.now()
        steady = self._parts.steady()
        self._not_before = {owner: at for owner, at in self._not_before.items() if at > steady}
        async with self._parts.store.read() as t:
            since = now - TRIED_EVERY
            ahead = now + self._parts.settings.renew_ahead
            ending = await t.tokens.expiring(ahead, not_refused_since=since, now=now)
            broken = await t.tokens.broken(not_refused_since=since, now=now, limit=len(self._not_before) + _BROKEN_AT_ONCE)
        owners = [*self._free(ending)[:_AT_ONCE], *self._free(broken)[:_BROKEN_AT_ONCE]]
        await asyncio.gather(*(self._renew(owner) for owner in owners))
        return len(owners)

    def _free(self, owners: list[TokenOwner]) -> list[TokenOwner]:
        return [owner for owner in owners if owner not in self._not_before]

    async def _tell_dead(self) -> None:
        """Tell of creators' pairs whoever found them dead: the start, the care of the webhook or ``check`` tell nobody."""
        async with self._parts.store.read() as t:
            owners = {state.owner for state in await t.campaigns.load_all()}
            records = {owner: await t.tokens.load(owner) for owner in sorted(owners)}
        for owner, record in records.items():
            if record is not None and record.broken_since is not None and is_untold(record):
                await self._health.creator_failed(owner, broken=True)

    async def _renew(self, owner: TokenOwner) -> None:
        try:
            await self._parts.patreon.renew(owner)
        except AccessRevoked:
            await self._revoked(owner)
        except BotError as error:
            await self._failed(owner, error)
        await self._rest(owner)

    async def _revoked(self, owner: TokenOwner) -> None:
        patron = owning_patron(owner)
        if patron is None:
            await self._health.creator_failed(owner, broken=True)
            return
        async with self._parts.store.read() as t:
            link: Link | None = await t.links.load_of_patron(patron)
            memberships = await t.memberships.load_all(patron)
            states = [state for state in await t.campaigns.load_all() if state.campaign.campaign in memberships]
        if link is not None:
            await self._health.link_broke(link, states[0] if states else None)

    async def _failed(self, owner: TokenOwner, error: BotError) -> None:
        log.warning("renewal_failed", owner=owner, error=type(error).__name__)
        now = self._parts.now()
        self._not_before[owner] = self._parts.steady() + _AFTER_FAILURE.total_seconds()
        async with self._parts.store.read() as t:
            record = await t.tokens.load(owner)
        if record and owning_patron(owner) is None and record.tokens.expires_at - now < _WARN_AHEAD:
            await self._health.creator_failed(owner, broken=False)

    async def _rest(self, owner: TokenOwner) -> None:
        """Leave a pair alone that is new and short-lived: it would count as ending soon from its first minute."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            record = await t.tokens.load(owner)
        if record is not None and record.broken_since is None and record.tokens.expires_at > now:
            half = (record.tokens.expires_at - now).total_seconds() / 2
            self._not_before.setdefault(owner, self._parts.steady() + half)
