"""Token pairs: renewed ahead of their end, so that no reading has to wait for it, and told about when a creator's is dead.

How to renew, the Patreon client knows.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from bot.core.model import Link, PatronId, TokenOwner, patron_owner
from bot.errors import AccessRevoked, BotError
from bot.sync.health import Health, is_untold
from bot.sync.parts import Parts

log = structlog.get_logger(__name__)

_AT_ONCE = 10
_AFTER_FAILURE = timedelta(minutes=5)
# The creator is told this long before the pair ends, when it cannot be renewed.
_WARN_AHEAD = timedelta(days=1)
_PATRON = patron_owner(PatronId(""))


class Renewals:
    """Renews pairs that end soon."""

    def __init__(self, parts: Parts, health: Health) -> None:
        self._parts = parts
        self._health = health
        self._not_before: dict[TokenOwner, datetime] = {}

    async def step(self) -> int:
        """Renew some of the pairs that end within ``renew_ahead``; returns how many were tried."""
        await self._tell_dead()
        now = self._parts.now()
        self._not_before = {owner: at for owner, at in self._not_before.items() if at > now}
        async with self._parts.store.read() as t:
            ending = await t.tokens.expiring(now + self._parts.settings.renew_ahead)
        owners = [owner for owner in ending if owner not in self._not_before][:_AT_ONCE]
        await asyncio.gather(*(self._renew(owner) for owner in owners))
        return len(owners)

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
        patron = owner.removeprefix(_PATRON) if owner.startswith(_PATRON) else None
        if patron is None:
            await self._health.creator_failed(owner, broken=True)
            return
        async with self._parts.store.read() as t:
            link: Link | None = await t.links.load_of_patron(PatronId(patron))
            memberships = await t.memberships.load_all(PatronId(patron))
            states = [state for state in await t.campaigns.load_all() if state.campaign.campaign in memberships]
        if link is not None:
            await self._health.link_broke(link, states[0] if states else None)

    async def _failed(self, owner: TokenOwner, error: BotError) -> None:
        log.warning("renewal_failed", owner=owner, error=type(error).__name__)
        now = self._parts.now()
        self._not_before[owner] = now + _AFTER_FAILURE
        async with self._parts.store.read() as t:
            record = await t.tokens.load(owner)
        if record and not owner.startswith(_PATRON) and record.tokens.expires_at - now < _WARN_AHEAD:
            await self._health.creator_failed(owner, broken=False)

    async def _rest(self, owner: TokenOwner) -> None:
        """Leave a pair alone that is new and short-lived: it would count as ending soon from its first minute."""
        now = self._parts.now()
        async with self._parts.store.read() as t:
            record = await t.tokens.load(owner)
        if record is not None and record.tokens.expires_at > now:
            half = now + (record.tokens.expires_at - now) / 2
            self._not_before.setdefault(owner, half)
