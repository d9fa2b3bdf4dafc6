"""Keeping token pairs alive: when to renew, one at a time, nothing used before it is stored. No HTTP, no storage.

The request and the vault are handed in. Patreon gives a new refresh token with each renewal and takes the old one no
more (its documentation, "OAuth", step 7), so a pair that two of us renew at once, or that is used before it is on disk,
is a pair lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from bot.core.model import TokenOwner, TokenRecord, Tokens
from bot.errors import AccessRevoked, PatreonError, PatreonUnavailable, RateLimited, StoreError
from bot.patreon.vault import TokenVault

log = structlog.get_logger(__name__)

# Pairs live 31 days; when the true span is not known, half of that is what is left at half-life.
USUAL_HALF_LIFE = timedelta(days=15)
# Before this little is left, a call waits for the renewal rather than find out by a 401.
SOON = timedelta(minutes=5)
# What one renewal may take in all, and how long the disk is then tried; the lease outlives both.
REQUEST_SECONDS = 100.0
SAVE_SECONDS = 60.0
LEASE = timedelta(minutes=3)
# After a failure Patreon is left alone; sites that tried again in a loop were blocked by address.
COOL_DOWN = timedelta(minutes=10)
SHORT_COOL_DOWN = timedelta(minutes=1)
# A token that Patreon gave a moment ago may be unknown to the server that is asked: this is how long that is likely.
YOUNG = timedelta(minutes=1)
LAG_SECONDS = 3.0
# How often a pair is renewed because its access token was refused.
RENEWALS_AN_HOUR = 10
# How long a pair that Patreon refused to renew is left alone.
TRIED_EVERY = timedelta(days=1)
_LOOK_AGAIN = 0.25
_SAVE_AGAIN = 1.0
# What a stopping process can spare for an answer that is on its way.
SETTLE_SECONDS = 12.0

Renewal = Callable[[str], Awaitable[Tokens]]


class Renewer:
    """Gives out usable pairs. One renewal of a pair runs at a time: in this process by task, among processes by lease."""

    def __init__(
        self,
        vault: TokenVault,
        renewal: Renewal,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        """Take the storage, and the request that turns a refresh token into a new pair."""
        self._vault = vault
        self._renewal = renewal
        self._now = now
        self._sleep = sleep
        self._holder = uuid4().hex
        self._running: dict[tuple[TokenOwner, int], asyncio.Task[TokenRecord]] = {}
        self._resting: dict[TokenOwner, tuple[int, datetime, PatreonError]] = {}
        self._unsaved: dict[tuple[TokenOwner, int], Tokens] = {}
        self._settled_by: float | None = None

    async def usable(self, owner: TokenOwner) -> TokenRecord:
        """Return a pair to call with, renewed first when it is about to end; raise AccessRevoked when it is dead.

        A pair that can no longer be renewed is used to its end.
        """
        record = await self._load(owner)
        left = record.tokens.expires_at - self._now()
        mendable = record.broken_since is not None and (owner, record.version) in self._unsaved
        if left > min(SOON, _half_life(record)) and not mendable:
            return record
        try:
            return await self.renew(owner, record.version)
        except (PatreonError, StoreError):
            if record.tokens.expires_at > self._now():
                return record
            raise

    async def renew_ahead(self, owner: TokenOwner) -> None:
        """Renew a pair that is past half of its life; nothing happens before that.

        A broken one is tried once a day, and raises AccessRevoked.
        """
        record = await self._load(owner)
        past_half = record.tokens.expires_at - self._now() <= _half_life(record)
        if past_half or record.broken_since is not None or (owner, record.version) in self._unsaved:
            await self.renew(owner, record.version)

    async def replace_refused(self, owner: TokenOwner, record: TokenRecord) -> TokenRecord:
        """Return the pair after one whose access token Patreon refused, as ``renew`` does.

        Raise PatreonUnavailable when pairs of this owner were refused too often lately to ask for one more.
        """
        lately = sum(_within(timedelta(hours=1), at, self._now()) for at in record.issued)
        if self.is_young(record) or lately >= RENEWALS_AN_HOUR:
            raise PatreonUnavailable("Patreon refuses the access tokens it gives")
        return await self.renew(owner, record.version)

    def is_young(self, record: TokenRecord) -> bool:
        """Return whether Patreon gave this pair within the last minute, as far as is known."""
        return bool(record.issued) and _within(YOUNG, record.issued[-1], self._now())

    async def wait_for_lag(self) -> None:
        """Wait for a token that Patreon gave a moment ago to be known to all its servers."""
        await self._sleep(LAG_SECONDS)

    async def renew(self, owner: TokenOwner, version: int) -> TokenRecord:
        """Replace the pair of this version and return the new one, or the one that already replaced it.

        Raise AccessRevoked when Patreon refuses to renew it, or did within the last day; what the request raised
        otherwise. A caller that is cancelled leaves the renewal running: an answer nobody stores would be a pair lost.
        """
        task = self._running.get((owner, version))
        if task is None:
            task = asyncio.create_task(self._renew(owner, version), name=f"renew {owner}")
            self._running[owner, version] = task
            task.add_done_callback(lambda done: self._ended((owner, version), done))
        return await asyncio.shield(task)

    async def worked(self, owner: TokenOwner, record: TokenRecord) -> None:
        """Note that a pair was accepted: the one before it is no longer needed, and it is not broken."""
        if record.previous is not None or record.broken_since is not None:
            await self._vault.mark_worked(owner, record.version, self._now())

    async def settle(self, within: float = SETTLE_SECONDS) -> None:
        """Wait for the renewals under way, whatever comes of them: so many seconds, counted from the first call."""
        now = asyncio.get_running_loop().time()
        if self._settled_by is None:
            self._settled_by = now + within
        if self._running and self._settled_by > now:
            await asyncio.wait(self._running.values(), timeout=self._settled_by - now)

    def _ended(self, which: tuple[TokenOwner, int], task: asyncio.Task[TokenRecord]) -> None:
        self._running.pop(which, None)
        if not task.cancelled():
            # Looked at here, for the caller may be gone.
            task.exception()

    async def _renew(self, owner: TokenOwner, version: int) -> TokenRecord:
        """Renew under the lease, or wait for whoever has it."""
        deadline = self._now() + 2 * LEASE
        waited = 0.0
        while True:
            record = await self._load(owner)
            if record.version != version:
                self._unsaved.pop((owner, version), None)
                return record
            self._raise_if_resting(owner, version)
            now = self._now()
            if _was_refused_lately(record, now) and (owner, version) not in self._unsaved:
                raise AccessRevoked("Patreon refuses to renew the stored token pair")
            if await self._vault.claim_renewal(owner, version, self._holder, now + LEASE, now):
                return await self._renew_as_holder(owner, record)
            if now >= deadline or waited >= 2 * LEASE.total_seconds():
                raise PatreonUnavailable("another process keeps renewing this pair")
            await self._sleep(_LOOK_AGAIN)
            waited += _LOOK_AGAIN

    async def _renew_as_holder(self, owner: TokenOwner, record: TokenRecord) -> TokenRecord:
        which = owner, record.version
        if which not in self._unsaved:
            try:
                self._unsaved[which] = await self._request(record)
            except AccessRevoked:
                if not await self._vault.mark_broken(owner, record.version, self._now()):
                    return await self._load(owner)
                log.warning("patreon_pair_broken", owner=owner)
                raise
            except PatreonError as failure:
                self._rest(owner, record.version, failure)
                raise
            finally:
                # Until a pair that came is stored, nobody may ask with the refresh token it was given for.
                if which not in self._unsaved:
                    await self._vault.release_renewal(owner, self._holder)
            await self._save(which)
        else:
            await self._vault.save_renewed(owner, self._unsaved[which], self._now())
        del self._unsaved[which]
        self._resting.pop(owner, None)
        log.info("patreon_pair_renewed", owner=owner)
        return await self._load(owner)

    async def _save(self, which: tuple[TokenOwner, int]) -> None:
        """Store a new pair. Patreon gives it only once, so it stays at hand when the database refuses it to the end."""
        for _ in range(int(SAVE_SECONDS / _SAVE_AGAIN)):
            try:
                return await self._vault.save_renewed(which[0], self._unsaved[which], self._now())
            except StoreError as refused:
                log.warning("patreon_pair_not_saved", owner=which[0], detail=str(refused))
            await self._sleep(_SAVE_AGAIN)
        return await self._vault.save_renewed(which[0], self._unsaved[which], self._now())

    async def _request(self, record: TokenRecord) -> Tokens:
        """Ask with the pair's refresh token, then with the ones kept for the case that Patreon does not know it."""
        kept = [pair.refresh for pair in (record.tokens, record.previous, record.spare) if pair is not None]
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                for refresh in kept[:-1]:
                    with suppress(AccessRevoked):
                        return await self._renewal(refresh)
                return await self._renewal(kept[-1])
        except TimeoutError:
            raise PatreonUnavailable("the renewal takes too long") from None

    async def _load(self, owner: TokenOwner) -> TokenRecord:
        record = await self._vault.load(owner)
        if record is None:
            raise AccessRevoked("no token pair is stored")
        return record

    def _rest(self, owner: TokenOwner, version: int, error: PatreonError) -> None:
        """Leave Patreon alone for a while: as long as it asked for, or less long after a failure that may pass."""
        span = SHORT_COOL_DOWN if isinstance(error, PatreonUnavailable) else COOL_DOWN
        if isinstance(error, RateLimited):
            span = error.retry_after
        self._resting[owner] = (version, self._now() + span, error)
        log.warning("patreon_renewal_failed", owner=owner, error=type(error).__name__, status=error.status)

    def _raise_if_resting(self, owner: TokenOwner, version: int) -> None:
        rested, until, error = self._resting.get(owner, (None, None, None))
        if until is None or error is None:
            return
        if rested == version and self._now() < until:
            raise type(error)(*error.args) if not isinstance(error, RateLimited) else RateLimited(until - self._now())
        del self._resting[owner]


def _half_life(record: TokenRecord) -> timedelta:
    return (record.tokens.expires_at - record.issued[-1]) / 2 if record.issued else USUAL_HALF_LIFE


def _was_refused_lately(record: TokenRecord, now: datetime) -> bool:
    if record.broken_since is None or record.refused_at is None:
        return False
    return _within(TRIED_EVERY, record.refused_at, now)


def _within(span: timedelta, at: datetime, now: datetime) -> bool:
    """Return whether an instant lies in the last ``span``; one ahead of now, by a clock set back, does not."""
    return at <= now < at + span
