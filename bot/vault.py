"""Token pairs of the store, as the Patreon client wants them: each call one transaction that is on disk when it returns.

When to renew is the client's business, how pairs are kept the store's; here one is only put behind the other. The one
decision made here is whether the configured pair or the stored one counts.
"""

from datetime import datetime, timedelta

from bot.core.model import CREATOR, Cause, TokenOwner, TokenRecord, Tokens, owning_patron
from bot.store import Store, Tables
from bot.store.records import NudgeKind, fingerprint

SEED_FACT = "creator_seed"
SEED_LASTS = timedelta(days=28)
"""Patreon's portal does not say when a pair ends; its pairs last a month, and a refusal renews one earlier anyway."""


class StoreVault:
    """Fulfils ``bot.patreon.vault.TokenVault``."""

    def __init__(self, store: Store) -> None:
        """Take the store; nothing is cached, since other processes renew as well."""
        self._store = store

    async def load(self, owner: TokenOwner) -> TokenRecord | None:
        """Give the stored pair."""
        async with self._store.read() as t:
            return await t.tokens.load(owner)

    async def save_renewed(self, owner: TokenOwner, tokens: Tokens, at: datetime) -> None:
        """Store a renewed pair; it has yet to show that it works."""
        async with self._store.write() as t:
            if await t.tokens.save_renewed(owner, tokens, at):
                await _mend_link(t, owner, at)

    async def claim_renewal(self, owner: TokenOwner, version: int, holder: str, until: datetime, now: datetime) -> bool:
        """Take the lease to renew."""
        async with self._store.write() as t:
            return await t.tokens.claim_renewal(owner, version, holder, until, now)

    async def release_renewal(self, owner: TokenOwner, holder: str) -> None:
        """Give the lease back."""
        async with self._store.write() as t:
            await t.tokens.release_renewal(owner, holder)

    async def mark_broken(self, owner: TokenOwner, version: int, at: datetime) -> bool:
        """Remember that Patreon refuses to renew the pair of ``version``."""
        async with self._store.write() as t:
            return await t.tokens.mark_broken(owner, version, at)

    async def mark_worked(self, owner: TokenOwner, version: int, at: datetime) -> None:
        """Remember that the pair of ``version`` was accepted."""
        async with self._store.write() as t:
            if await t.tokens.mark_worked(owner, version):
                await _mend_link(t, owner, at)


async def _mend_link(t: Tables, owner: TokenOwner, at: datetime) -> None:
    """Forget that the link of a patron was broken, and have their membership read: nobody did meanwhile."""
    patron = owning_patron(owner)
    user = None if patron is None else await t.links.mend(patron)
    if user is not None:
        await t.nudges.add(NudgeKind.USER, str(user), Cause.REFRESH, at)


async def seed_creator(store: Store, access: str, refresh: str, now: datetime) -> bool:
    """Store the configured pair of the creator if it was never seen before; say whether it was stored.

    A pair is renewed sooner or later, and the configuration goes on naming the first one: so a pair seen before does not
    replace the stored one, and a new one, which somebody pasted because the old was dead, does.
    """
    seed = fingerprint(f"{access} {refresh}")
    async with store.write() as t:
        if await t.facts.get(SEED_FACT) == seed:
            return False
        await t.tokens.save(CREATOR, Tokens(access, refresh, now + SEED_LASTS))
        await t.facts.set(SEED_FACT, seed)
    return True
