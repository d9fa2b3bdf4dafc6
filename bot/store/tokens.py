"""Token pairs, sealed, and who may renew them now. When to renew, and how, is the Patreon client's business."""

from datetime import datetime

from sqlalchemy import ColumnElement, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import TokenOwner, TokenRecord, Tokens
from bot.store.codec import decode_tokens, encode
from bot.store.columns import Instant
from bot.store.crypto import Cipher
from bot.store.schema import token_pairs
from bot.store.statements import Subject

_FREE = {"lease_holder": None, "lease_until": None}


class TokenPairs(Subject):
    """The stored token pairs of creators and patrons."""

    def __init__(self, connection: AsyncConnection, cipher: Cipher) -> None:
        super().__init__(connection)
        self._cipher = cipher

    async def load(self, owner: TokenOwner) -> TokenRecord | None:
        """Load an owner's pair; raises StoreError when no configured key opens it."""
        row = await self._row(select(token_pairs).where(token_pairs.c.owner == owner))
        if row is None:
            return None
        return TokenRecord(
            tokens=decode_tokens(self._cipher.open(row.pair_sealed)),
            version=row.version,
            previous=self._open(row.previous_sealed),
            spare=self._open(row.spare_sealed),
            broken_since=row.broken_since,
            told_at=row.told_at,
        )

    async def save(self, owner: TokenOwner, tokens: Tokens, *, worked: bool = False) -> int:
        """Store a new pair and return its version; the lease ends, and the owner is not broken any more.

        The pair before it is kept as the previous one, unless the new one is known to have ``worked`` already.
        """
        insert = self._insert(token_pairs).values(
            owner=owner, version=1, pair_sealed=self._seal(tokens), expires_at=tokens.expires_at
        )
        changes = {
            "version": token_pairs.c.version + 1,
            "previous_sealed": None if worked else token_pairs.c.pair_sealed,
            "pair_sealed": insert.excluded.pair_sealed,
            "expires_at": insert.excluded.expires_at,
            "broken_since": None,
            "told_at": None,
            **_FREE,
        }
        statement = insert.on_conflict_do_update(index_elements=["owner"], set_=changes)
        return int(await self._scalar(statement.returning(token_pairs.c.version)))

    async def save_renewed(self, owner: TokenOwner, tokens: Tokens) -> bool:
        """Store the pair a renewal brought, as ``save`` does; false, and nothing is stored, for an owner who has none.

        An owner erased while Patreon was asked stays erased.
        """
        known = await self._rows(select(token_pairs.c.owner).where(token_pairs.c.owner == owner).with_for_update())
        if known:
            await self.save(owner, tokens)
        return bool(known)

    async def save_spare(self, owner: TokenOwner, tokens: Tokens | None) -> None:
        """Keep a second pair of the same account, or forget it; an unknown owner is left alone."""
        spare = None if tokens is None else self._seal(tokens)
        await self._update(token_pairs.c.owner == owner, spare_sealed=spare)

    async def claim_renewal(self, owner: TokenOwner, version: int, holder: str, until: datetime, now: datetime) -> bool:
        """Claim the right to renew a pair; true for one claimant only, whatever the number of processes.

        False when ``version`` is not the stored one any more (load it: somebody renewed), or somebody else's lease is
        alive. Its own a holder takes anew: it may hold a new pair that the database could not take a moment ago.
        """
        lease = token_pairs.c.lease_until
        free = or_(lease.is_(None), lease <= now, token_pairs.c.lease_holder == holder)
        same = (token_pairs.c.owner == owner) & (token_pairs.c.version == version)
        return await self._update(same & free, lease_holder=holder, lease_until=until) > 0

    async def release_renewal(self, owner: TokenOwner, holder: str) -> None:
        """Give a claim back without a new pair."""
        await self._update((token_pairs.c.owner == owner) & (token_pairs.c.lease_holder == holder), **_FREE)

    async def mark_broken(self, owner: TokenOwner, version: int, at: datetime) -> bool:
        """Remember since when Patreon refuses the pair of ``version``; an earlier instant stays. False: it is not stored.

        A refusal can come late, when the one who was refused has given a new pair already.
        """
        same = (token_pairs.c.owner == owner) & (token_pairs.c.version == version)
        first = func.coalesce(token_pairs.c.broken_since, literal(at, Instant))
        return await self._update(same, broken_since=first) > 0

    async def mark_told(self, owner: TokenOwner, at: datetime) -> None:
        """Remember that a person was told of a broken pair."""
        await self._update(token_pairs.c.owner == owner, told_at=at)

    async def drop_previous(self, owner: TokenOwner, version: int) -> None:
        """Forget the pair before ``version``, which has worked; nothing happens when a newer one is stored."""
        await self._update((token_pairs.c.owner == owner) & (token_pairs.c.version == version), previous_sealed=None)

    async def expiring(self, before: datetime, limit: int = 1000) -> list[TokenOwner]:
        """Name the owners whose access token ends before an instant, the first to end first; broken ones are left out."""
        ending = (token_pairs.c.expires_at < before) & token_pairs.c.broken_since.is_(None)
        question = select(token_pairs.c.owner).where(ending).order_by(token_pairs.c.expires_at).limit(limit)
        return [TokenOwner(row.owner) for row in await self._rows(question)]

    async def _update(self, which: ColumnElement[bool], **changes: object) -> int:
        return await self._changes(update(token_pairs).where(which).values(**changes))

    def _seal(self, tokens: Tokens) -> bytes:
        return self._cipher.seal(encode(tokens).decode())

    def _open(self, sealed: bytes | None) -> Tokens | None:
        return None if sealed is None else decode_tokens(self._cipher.open(sealed))
