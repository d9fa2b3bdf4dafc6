"""Token pairs, sealed, and who may renew them now. When to renew, and how, is the Patreon client's business."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import TokenOwner, TokenRecord, Tokens
from bot.store.codec import decode_instants, decode_tokens, encode, encode_instants
from bot.store.columns import Instant
from bot.store.crypto import Cipher
from bot.store.schema import token_pairs
from bot.store.statements import Subject

_FREE = {"lease_holder": None, "lease_until": None}
_REMEMBERED = 10


def _not_refused(since: datetime, now: datetime) -> ColumnElement[bool]:
    """Match pairs that Patreon did not refuse since then; an instant ahead of now came from a clock that was set back."""
    refused_at = token_pairs.c.refused_at
    return or_(refused_at.is_(None), refused_at <= since, refused_at > now)


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
            issued=decode_instants(row.issued),
            refused_at=row.refused_at,
        )

    async def save(
        self, owner: TokenOwner, tokens: Tokens, *, worked: bool = False, issued: tuple[datetime, ...] = ()
    ) -> int:
        """Store a new pair and return its version; the lease ends, and the owner is not broken any more.

        The pair before it is kept as the previous one, unless the new one is known to have ``worked`` already.
        ``issued`` is as in TokenRecord.
        """
        insert = self._insert(token_pairs).values(
            owner=owner,
            version=1,
            pair_sealed=self._seal(tokens),
            expires_at=tokens.expires_at,
            issued=encode_instants(issued) if issued else None,
        )
        changes = {
            "version": token_pairs.c.version + 1,
            "previous_sealed": None if worked else token_pairs.c.pair_sealed,
            "pair_sealed": insert.excluded.pair_sealed,
            "expires_at": insert.excluded.expires_at,
            "broken_since": None,
            "told_at": None,
            "issued": insert.excluded.issued,
            "refused_at": None,
            **_FREE,
        }
        statement = insert.on_conflict_do_update(index_elements=["owner"], set_=changes)
        return int(await self._scalar(statement.returning(token_pairs.c.version)))

    async def save_renewed(self, owner: TokenOwner, tokens: Tokens, at: datetime) -> bool:
        """Store the pair a renewal brought, as ``save`` does; false, and nothing is stored, for an owner who has none.

        An owner erased while Patreon was asked stays erased.
        """
        row = await self._row(select(token_pairs.c.issued).where(token_pairs.c.owner == owner).with_for_update())
        if row is None:
            return False
        await self.save(owner, tokens, issued=(*decode_instants(row.issued), at)[-_REMEMBERED:])
        return True

    async def save_spare(self, owner: TokenOwner, tokens: Tokens | None) -> None:
        """Keep a second pair of the same account, or forget it; an unknown owner is left alone.

        With a new spare there is something to try that Patreon has not refused yet.
        """
        which = token_pairs.c.owner == owner
        if tokens is None:
            await self._update(which, spare_sealed=None)
        else:
            await self._update(which, spare_sealed=self._seal(tokens), refused_at=None)

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
        """Remember that Patreon refuses to renew the pair of ``version``, and since when. False: it is not stored.

        A refusal can come late, when the one who was refused has given a new pair already.
        """
        same = (token_pairs.c.owner == owner) & (token_pairs.c.version == version)
        first = func.coalesce(token_pairs.c.broken_since, literal(at, Instant))
        return await self._update(same, broken_since=first, refused_at=at) > 0

    async def mark_told(self, owner: TokenOwner, at: datetime) -> None:
        """Remember that a person was told of a broken pair."""
        await self._update(token_pairs.c.owner == owner, told_at=at)

    async def mark_worked(self, owner: TokenOwner, version: int) -> bool:
        """Forget the pair before ``version``, which has worked, and that it was taken for broken.

        False, and nothing happens, when a newer one is stored.
        """
        same = (token_pairs.c.owner == owner) & (token_pairs.c.version == version)
        return await self._update(same, previous_sealed=None, broken_since=None) > 0

    async def expiring(
        self, before: datetime, *, not_refused_since: datetime, now: datetime, limit: int = 1000
    ) -> list[TokenOwner]:
        """Name the owners whose access token ends before an instant, the first to end first; broken ones are left out.

        So are those whom Patreon refused a renewal since then.
        """
        whole = token_pairs.c.broken_since.is_(None)
        ending = and_(token_pairs.c.expires_at < before, whole, _not_refused(not_refused_since, now))
        return await self._owners(select(token_pairs.c.owner).where(ending).order_by(token_pairs.c.expires_at).limit(limit))

    async def broken(self, *, not_refused_since: datetime, now: datetime, limit: int) -> list[TokenOwner]:
        """Name owners of broken pairs whom Patreon refused no renewal since then, the longest broken first."""
        due = token_pairs.c.broken_since.is_not(None) & _not_refused(not_refused_since, now)
        return await self._owners(select(token_pairs.c.owner).where(due).order_by(token_pairs.c.broken_since).limit(limit))

    async def _owners(self, question: Select[Any]) -> list[TokenOwner]:
        return [TokenOwner(row.owner) for row in await self._rows(question)]

    async def _update(self, which: ColumnElement[bool], **changes: object) -> int:
        return await self._changes(update(token_pairs).where(which).values(**changes))

    def _seal(self, tokens: Tokens) -> bytes:
        return self._cipher.seal(encode(tokens).decode())

    def _open(self, sealed: bytes | None) -> Tokens | None:
        return None if sealed is None else decode_tokens(self._cipher.open(sealed))
