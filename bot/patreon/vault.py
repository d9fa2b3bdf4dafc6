"""What the client needs of token storage, as a Protocol: the store fulfils it through the composition root.

No storage here, and no renewal: that is ``renewal``.
"""

from datetime import datetime
from typing import Protocol

from bot.core.model import TokenOwner, TokenRecord, Tokens


class TokenVault(Protocol):
    """Where token pairs live. Each method is one durable transaction: when it returns, it is on disk."""

    async def load(self, owner: TokenOwner) -> TokenRecord | None:
        """Give the stored pair, None when the owner has none."""

    async def save_renewed(self, owner: TokenOwner, tokens: Tokens, at: datetime) -> None:
        """Store a renewed pair: the stored one becomes ``previous``, the version grows, lease and ``broken_since`` go.

        ``issued`` grows by ``at``.

        Nothing is stored for an owner who has no pair any more: they were erased while Patreon was asked.
        """

    async def claim_renewal(self, owner: TokenOwner, version: int, holder: str, until: datetime, now: datetime) -> bool:
        """Take the lease to renew, in one atomic step.

        True only when ``version`` is still the stored one and nobody else's lease is live at ``now``.
        """

    async def release_renewal(self, owner: TokenOwner, holder: str) -> None:
        """Give the lease back after a renewal that brought no new pair; nothing happens unless ``holder`` has it."""

    async def mark_broken(self, owner: TokenOwner, version: int, at: datetime) -> bool:
        """Remember that Patreon refused to renew the pair of ``version``: ``refused_at``, and since when it is broken.

        False when another is stored.
        """

    async def mark_worked(self, owner: TokenOwner, version: int, at: datetime) -> None:
        """Forget ``previous`` and ``broken_since``, for the pair of ``version`` has worked; nothing for another version."""
