"""Sending a call in somebody's name: with a living pair, without fields Patreon refused, and what a refusal then means.

What is asked and what answers mean is the dialect's, how bytes travel the transport's, how pairs live the renewer's.
"""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from bot.core.model import TokenOwner, TokenRecord, Tokens
from bot.errors import AccessDenied, AccessRevoked, PatreonError, PatreonUnavailable
from bot.patreon.dialect import Dialect
from bot.patreon.gone import GoneWatch
from bot.patreon.refusals import FieldRefused
from bot.patreon.renewal import Renewer
from bot.patreon.transport import PATIENCE, Transport
from bot.patreon.wire import Call

MakeCall = Callable[[], Call]


class Asker:
    """Asks one Patreon in one dialect. Calls are handed in unmade, since what may be asked for changes on the way."""

    def __init__(self, dialect: Dialect, transport: Transport, renewer: Renewer) -> None:
        """Take what builds calls, what sends them, and what keeps pairs alive."""
        self._dialect = dialect
        self._transport = transport
        self._renewer = renewer
        self._watch = GoneWatch(dialect.version, dialect.root_paths)

    async def ask(self, bearer: TokenOwner | Tokens, make_call: MakeCall, patience: timedelta = PATIENCE) -> bytes:
        """Send a call with a pair; a stored one is renewed when it is about to end, or when Patreon refuses it.

        Raise AccessRevoked only when Patreon refuses to renew it: an access token that is refused may have been voided
        alone, or be too new for the server that was asked, and then it is PatreonUnavailable.
        """
        if isinstance(bearer, Tokens):
            return await self._ask_with_new(bearer, make_call, patience)
        record = await self._renewer.usable(bearer)
        try:
            body = await self._send(make_call, record.tokens.access, bearer, patience)
        except AccessRevoked as refusal:
            record, body = await self._ask_again(bearer, record, make_call, patience, refusal)
        await self._renewer.worked(bearer, record)
        return body

    async def _ask_again(
        self, owner: TokenOwner, record: TokenRecord, make_call: MakeCall, patience: timedelta, refusal: AccessRevoked
    ) -> tuple[TokenRecord, bytes]:
        """Renew the pair that was refused and ask once more; one that is new is given time to become known first."""
        path = make_call().path
        if not self._renewer.is_young(record):
            if not self._dialect.judges(path) and await self._is_alive(owner, record):
                raise _lacking(path, refusal)
            record = await self._renewer.replace_refused(owner, record)
            with suppress(AccessRevoked):
                return record, await self._send(make_call, record.tokens.access, owner, patience)
        await self._renewer.wait_for_lag()
        record = await self._renewer.usable(owner)
        try:
            return record, await self._send(make_call, record.tokens.access, owner, patience)
        except AccessRevoked as again:
            if path != self._dialect.identity_call().path and await self._is_alive(owner, record):
                raise _lacking(path, again) from None
            raise _not_known(again) from None

    async def _ask_with_new(self, tokens: Tokens, make_call: MakeCall, patience: timedelta) -> bytes:
        """Ask with a pair that Patreon gave a moment ago and that is not stored as anybody's yet."""
        with suppress(AccessRevoked):
            return await self._send(make_call, tokens.access, _key_of(tokens), patience)
        await self._renewer.wait_for_lag()
        try:
            return await self._send(make_call, tokens.access, _key_of(tokens), patience)
        except AccessRevoked as refusal:
            raise _not_known(refusal) from None

    async def _is_alive(self, owner: TokenOwner, record: TokenRecord) -> bool:
        """Ask whom a pair belongs to, which every token may: then what was refused elsewhere is the one call."""
        try:
            await self._send(self._dialect.identity_call, record.tokens.access, owner, PATIENCE)
        except AccessRevoked:
            return False
        return True

    async def _send(self, make_call: MakeCall, access: str, key: str, patience: timedelta) -> bytes:
        """Send a call, without the fields that Patreon turns out not to know: for as long as that makes it another call."""
        while True:
            call = make_call()
            try:
                body = await self._transport.send(call, access=access, key=key, patience=patience)
            except FieldRefused as unknown:
                self._dialect.fields.drop(unknown.kind, unknown.name)
                if make_call() == call:
                    raise
            except PatreonError as error:
                raise self._watch.judge(call.path, key, error) from None
            else:
                self._watch.succeeded()
                return body


def _key_of(tokens: Tokens) -> str:
    """Name a pair that is not stored, for its limit."""
    return f"unstored:{hash(tokens.access)}"


def _not_known(refusal: AccessRevoked) -> PatreonUnavailable:
    """Return the error for an access token that is refused while nobody refused to renew it."""
    error = PatreonUnavailable("Patreon refuses an access token it gave a moment ago")
    error.status, error.code_name, error.is_json = refusal.status, refusal.code_name, refusal.is_json
    return error


def _lacking(path: str, refusal: AccessRevoked) -> AccessDenied:
    """Say that a token which lives may not do one thing."""
    error = AccessDenied(f"401 for {path} alone: the token lacks a scope")
    error.status, error.code_name = refusal.status, refusal.code_name
    return error
