"""Attempts to link: each step taken once, within the time allowed. What a step means is linking.py's business."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import DiscordUserId, GuildId, PatronId, Tokens
from bot.errors import LinkError, LinkProblem
from bot.store.codec import decode_tokens, encode
from bot.store.crypto import Cipher
from bot.store.records import AttemptStage, LinkAttempt
from bot.store.schema import link_attempts
from bot.store.statements import Subject

_c = link_attempts.c

# What may not outlive an attempt. Discord's token stays a few minutes longer, to say in the message what became of it.
_FORGET = {"patron_name_sealed": None, "tokens_sealed": None}


class Attempts(Subject):
    """The stored attempts to link; tokens of links are known here by their fingerprints only (``records.fingerprint``)."""

    def __init__(self, connection: AsyncConnection, cipher: Cipher) -> None:
        super().__init__(connection)
        self._cipher = cipher

    async def add(self, attempt: LinkAttempt) -> None:
        """Store a new attempt."""
        values = {
            "key": attempt.key,
            "user_id": attempt.user,
            "guild_id": attempt.guild,
            "created_at": attempt.created_at,
            "expires_at": attempt.expires_at,
            "stage": attempt.stage.value,
            "state_hash": attempt.state_hash,
            "confirm_hash": attempt.confirm_hash,
            "patron_id": attempt.patron,
            "patron_name_sealed": self._cipher.seal_optional(attempt.patron_name),
            "tokens_sealed": self._seal(attempt.tokens),
            "application_id": attempt.application_id,
            "interaction_token_sealed": self._cipher.seal_optional(attempt.interaction_token),
        }
        await self._run(self._insert(link_attempts), values)

    async def load_by_confirm(self, confirm_hash: str) -> LinkAttempt | None:
        """Load the attempt a confirming form was made for, without using it up."""
        row = await self._row(select(link_attempts).where(_c.confirm_hash == confirm_hash))
        return None if row is None else self._to_attempt(row)

    async def load_latest(self, user: DiscordUserId) -> LinkAttempt | None:
        """Load a Discord user's newest attempt, whatever its stage."""
        mine = select(link_attempts).where(_c.user_id == user)
        row = await self._row(mine.order_by(_c.created_at.desc()).limit(1))
        return None if row is None else self._to_attempt(row)

    async def take_start(self, key: str, state_hash: str, now: datetime) -> LinkAttempt:
        """Move to AUTHORIZING with a new state. Opening the link again replaces a state that was not used yet.

        A pair kept for a sign-in before is forgotten: this one may be another account's. Raises LinkError: FORGED for an
        unknown key, EXPIRED, or USED once the person came back from Patreon.
        """
        before = (AttemptStage.STARTED, AttemptStage.AUTHORIZING)
        changes = {"stage": AttemptStage.AUTHORIZING.value, "state_hash": state_hash, "tokens_sealed": None}
        return await self._take(_c.key == key, before, now, **changes)

    async def take_state(self, state_hash: str, now: datetime) -> LinkAttempt:
        """Use up a state, moving to EXCHANGING; raises LinkError as ``take_start`` does."""
        before = (AttemptStage.AUTHORIZING,)
        return await self._take(_c.state_hash == state_hash, before, now, stage=AttemptStage.EXCHANGING.value)

    async def give_back(self, key: str) -> None:
        """Return to AUTHORIZING with the same state, for it was not the person who stood in the way."""
        exchanging = (_c.key == key) & (_c.stage == AttemptStage.EXCHANGING.value)
        await self._run(update(link_attempts).where(exchanging).values(stage=AttemptStage.AUTHORIZING.value))

    async def keep(self, key: str, tokens: Tokens) -> None:
        """Store the pair the code was redeemed for, while it is not known whose it is; not for an attempt that has ended."""
        exchanging = (_c.key == key) & (_c.stage == AttemptStage.EXCHANGING.value)
        await self._run(update(link_attempts).where(exchanging).values(tokens_sealed=self._seal(tokens)))

    async def ask(
        self, key: str, confirm_hash: str, now: datetime, *, patron: PatronId, patron_name: str, tokens: Tokens
    ) -> LinkAttempt:
        """Move to CONFIRMING with what came from Patreon; raises LinkError as ``take_start`` does."""
        return await self._take(
            _c.key == key,
            (AttemptStage.EXCHANGING,),
            now,
            stage=AttemptStage.CONFIRMING.value,
            confirm_hash=confirm_hash,
            patron_id=patron,
            patron_name_sealed=self._cipher.seal(patron_name),
            tokens_sealed=self._seal(tokens),
        )

    async def take_confirm(self, confirm_hash: str, now: datetime) -> LinkAttempt:
        """Use up the confirmation: give the attempt with its secrets one last time, store DONE and forget them.

        Raises LinkError as ``take_start`` does.
        """
        which = _c.confirm_hash == confirm_hash
        taken = await self._take(which, (AttemptStage.CONFIRMING,), now, stage=AttemptStage.DONE.value)
        await self._run(update(link_attempts).where(_c.key == taken.key).values(**_FORGET))
        return taken

    async def refuse(self, key: str) -> None:
        """End an attempt that is not done, and forget its secrets."""
        going = (_c.key == key) & (_c.stage != AttemptStage.DONE.value)
        await self._run(update(link_attempts).where(going).values(stage=AttemptStage.REFUSED.value, **_FORGET))

    async def refuse_code(self, key: str, at: datetime) -> None:
        """End an attempt whose code Patreon refused, and count that against its user."""
        await self.refuse(key)
        await self._run(update(link_attempts).where(_c.key == key).values(code_refused_at=at))

    async def refused_codes(self, user: DiscordUserId, since: datetime, now: datetime) -> int:
        """Count the codes of a Discord user that Patreon refused since then."""
        which = (_c.user_id == user) & _c.code_refused_at.between(since, now)
        return int(await self._scalar(select(func.count()).select_from(link_attempts).where(which)))

    async def retire(self, user: DiscordUserId, now: datetime, *, keep: int) -> None:
        """Let a Discord user's attempts that are under way expire, but for the newest ``keep``; their secrets go."""
        ended = (AttemptStage.DONE.value, AttemptStage.REFUSED.value)
        mine = (_c.user_id == user) & (_c.expires_at > now) & _c.stage.not_in(ended)
        old = select(_c.key).where(mine).order_by(_c.created_at.desc(), _c.key).offset(keep)
        keys = [row.key for row in await self._rows(old)]
        values = {"expires_at": now, "interaction_token_sealed": None, **_FORGET}
        await self._change_many(update(link_attempts).where(_c.key.in_(keys)).values(values))

    async def forget(self, now: datetime, *, begun_before: datetime) -> None:
        """Forget names and tokens of attempts whose time is over, and Discord's token of those ``begun_before``."""
        over = (_c.expires_at <= now) & or_(_c.patron_name_sealed.is_not(None), _c.tokens_sealed.is_not(None))
        await self._change_many(update(link_attempts).where(over).values(**_FORGET))
        old = (_c.created_at <= begun_before) & _c.interaction_token_sealed.is_not(None)
        await self._change_many(update(link_attempts).where(old).values(interaction_token_sealed=None))

    async def purge(self, now: datetime) -> int:
        """Delete the attempts whose time is over and count them."""
        return await self._change_many(delete(link_attempts).where(_c.expires_at <= now))

    async def _take(
        self, which: ColumnElement[bool], before: tuple[AttemptStage, ...], now: datetime, **changes: object
    ) -> LinkAttempt:
        """Take a step by comparing and setting in one statement, so that of two who try only one succeeds."""
        ready = _c.stage.in_([stage.value for stage in before]) & (_c.expires_at > now)
        statement = update(link_attempts).where(which & ready).values(**changes).returning(link_attempts)
        row = await self._row(statement)
        if row is not None:
            return self._to_attempt(row)
        found = await self._row(select(_c.expires_at).where(which))
        if found is None:
            raise LinkError(LinkProblem.FORGED)
        raise LinkError(LinkProblem.EXPIRED if found.expires_at <= now else LinkProblem.USED)

    def _to_attempt(self, row: Row[Any]) -> LinkAttempt:
        tokens = self._cipher.open_optional(row.tokens_sealed)
        return LinkAttempt(
            key=row.key,
            user=DiscordUserId(row.user_id),
            guild=None if row.guild_id is None else GuildId(row.guild_id),
            created_at=row.created_at,
            expires_at=row.expires_at,
            stage=AttemptStage(row.stage),
            state_hash=row.state_hash,
            confirm_hash=row.confirm_hash,
            patron=None if row.patron_id is None else PatronId(row.patron_id),
            patron_name=self._cipher.open_optional(row.patron_name_sealed),
            tokens=None if tokens is None else decode_tokens(tokens),
            application_id=row.application_id,
            interaction_token=self._cipher.open_optional(row.interaction_token_sealed),
        )

    def _seal(self, tokens: Tokens | None) -> bytes | None:
        return None if tokens is None else self._cipher.seal(encode(tokens).decode())
