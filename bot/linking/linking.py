"""Linking a Discord user to a patron in four steps: begin, authorize, returned, finish (law 9).

Each step takes a one-time token that only the step before gave, stored as a hash. Between them lie the patron's browser
and Patreon, so every step starts from the stored attempt. What a page or a message says lives in ``bot.texts``; giving the
roles is the engine's, which a row of ``finish`` makes look.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.core.model import (
    Cause,
    DiscordUserId,
    GuildId,
    Link,
    Membership,
    PatronId,
    Tokens,
    patron_owner,
)
from bot.core.readings import carry
from bot.errors import (
    AccessDenied,
    AccessRevoked,
    LinkError,
    LinkProblem,
    PatreonError,
    PatreonUnavailable,
    RateLimited,
)
from bot.linking.consent import refusal
from bot.linking.outlook import Linked, look_ahead
from bot.linking.repeats import agreed, denied, state_of
from bot.patreon.answers import Identity
from bot.store import Store, Tables
from bot.store.codec import digest
from bot.store.records import LinkAttempt, NudgeKind, fingerprint

log = structlog.get_logger(__name__)

LIVE_AT_ONCE = 5
"""How many attempts of a user can be under way; one more lets the oldest expire."""

BAD_CODES_AN_HOUR = 10
"""How many codes of a user Patreon may refuse in an hour: each counts against the bot's address there."""

GOOD_FOR = timedelta(minutes=10)
"""How long an attempt may take, from the button to the last confirmation."""

EDITABLE_FOR = timedelta(minutes=15)
"""How long Discord lets the answer to /link be edited; its token is of no use after that."""

REMEMBERED_FOR = timedelta(days=1)
"""How long an attempt that is over is still known, so that its link can say "expired" or "used"."""


class Patreon(Protocol):
    """What linking needs of Patreon."""

    def authorize_url(self, state: str) -> str:
        """Give the address of Patreon's consent page."""

    async def exchange_code(self, code: str) -> Tokens:
        """Redeem the code of the redirect for a token pair."""

    async def fetch_identity(self, tokens: Tokens) -> Identity:
        """Ask whose pair it is, and their memberships."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the page asks. ``token`` goes into its form; a name is None when nobody told it."""

    token: str = field(repr=False)
    user: DiscordUserId
    user_name: str | None = field(repr=False)
    patron: PatronId
    patron_name: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wait:
    """Patreon, or our own pacing, has no turn yet: the same step can be taken again after ``span``, and goes on then."""

    span: timedelta


# How soon a step is worth taking again that met trouble at Patreon and not a wait somebody named.
_AGAIN = timedelta(seconds=10)


class Linking:
    """The four steps, each one call; every one raises ``LinkError`` when the way ends there."""

    def __init__(
        self,
        store: Store,
        patreon: Patreon,
        *,
        public_url: str,
        now: Callable[[], datetime],
        wake: Callable[[], None],
        name_of: Callable[[DiscordUserId], Awaitable[str | None]],
        new_token: Callable[[], str] = lambda: secrets.token_urlsafe(32),
    ) -> None:
        """``public_url`` is where the web doors are; ``wake`` tells the engine that a row waits.

        ``name_of`` asks Discord for a user's name, so that none is stored; None when it does not say.
        """
        self._store = store
        self._patreon = patreon
        self._public_url = public_url
        self._now = now
        self._wake = wake
        self._name_of = name_of
        self._new_token = new_token
        self._returning: dict[tuple[str, str | None], asyncio.Task[Confirmation | Wait]] = {}

    async def begin(
        self,
        user: DiscordUserId,
        guild: GuildId | None,
        application_id: int | None = None,
        interaction_token: str | None = None,
    ) -> str:
        """Give the address of the link button; it is good for ten minutes and for this user only.

        The two of the interaction let its answer be edited once the roles are there. Raise LinkError TOO_MANY for a user
        with ten refused codes within the last hour.
        """
        token, now = self._new_token(), self._now()
        attempt = LinkAttempt(
            key=fingerprint(token),
            user=user,
            created_at=now,
            expires_at=now + GOOD_FOR,
            guild=guild,
            application_id=application_id,
            interaction_token=interaction_token,
        )
        async with self._store.write() as t:
            await _raise_if_too_many(t, user, now)
            await t.attempts.retire(user, now, keep=LIVE_AT_ONCE - 1)
            await t.attempts.add(attempt)
        log.info("link_begun", user=user, guild=guild)
        return f"{self._public_url}/link/{token}"

    async def authorize(self, token: str) -> str:
        """Give Patreon's consent page, with this attempt's state; the button works until Patreon sent somebody back."""
        state = state_of(token)
        async with self._store.write() as t:
            await t.attempts.take_start(fingerprint(token), fingerprint(state), self._now())
        return self._patreon.authorize_url(state)

    async def returned(self, state: str, code: str | None, error: str | None = None) -> Confirmation | Wait:
        """Use up the state, redeem the code, see who it is, and prepare the question; ``error`` is for want of a code.

        A page opened once more while this is under way, by somebody impatient, gets the same outcome.

        Raises:
            LinkError: the state is unknown, old or used; the person said no; or the two cannot be linked.
            RateLimited, PatreonUnavailable: the state is not used up, yet coming back to it within its time is of no use.
            PatreonError: Patreon refused code or client; the state is used up all the same.

        """
        which = fingerprint(state), code
        step = self._returning.get(which)
        if step is None:
            step = self._returning[which] = asyncio.create_task(self._return(state, code, error), name="return")
            step.add_done_callback(lambda _: self._returning.pop(which))
        return await asyncio.shield(step)

    async def _return(self, state: str, code: str | None, error: str | None) -> Confirmation | Wait:
        async with self._store.write() as t:
            attempt = await t.attempts.take_state(fingerprint(state), self._now())
            if not code:
                await t.attempts.refuse(attempt.key)
            elif attempt.tokens is None:
                await _raise_if_too_many(t, attempt.user, self._now())
        if not code:
            raise refusal(error or "")
        tokens = attempt.tokens
        try:
            tokens = tokens or await self._exchange(attempt, code)
            identity = await self._patreon.fetch_identity(tokens)
        except (RateLimited, PatreonUnavailable) as busy:
            async with self._store.write() as t:
                await t.attempts.give_back(attempt.key)
            return self._wait(attempt, tokens, busy)
        token = await self._ask(attempt, identity, tokens)
        return Confirmation(
            token=token,
            user=attempt.user,
            user_name=await self._name_of(attempt.user),
            patron=identity.patron,
            patron_name=identity.full_name or None,
        )

    async def refuse(self, confirm_token: str) -> None:
        """End the attempt without a link: the person said, perhaps once more, that this is not them."""
        async with self._store.write() as t:
            if await denied(t, await t.attempts.load_by_confirm(fingerprint(confirm_token))):
                return
            attempt = await t.attempts.take_confirm(fingerprint(confirm_token), self._now())
            if attempt.patron is not None and attempt.tokens is not None:
                await _keep_spare(t, attempt.patron, attempt.tokens)

    async def finish(self, confirm_token: str) -> Linked:
        """Link: tie, tokens, memberships and the row for the engine reach the disk together, then the engine is woken.

        Confirming again changes nothing and gives the result once more.

        Raises:
            LinkError: the token is unknown, old or used; or one of the two was linked elsewhere in between.
            AccessDenied: the pair that Patreon gave a moment ago may not show its owner.

        """
        async with self._store.read() as t:
            waiting = await t.attempts.load_by_confirm(fingerprint(confirm_token))
            serial = await t.serials.current()
        readings = await self._read_memberships(waiting, serial)
        try:
            linked = await self._link(confirm_token, readings)
        except LinkError as refused:
            if refused.problem in (LinkProblem.PATRON_TAKEN, LinkProblem.USER_TAKEN):
                await self.refuse(confirm_token)
            if refused.problem is not LinkProblem.USED:
                raise
            async with self._store.read() as t:
                again = await agreed(t, waiting, readings, self._now())
            if again is None:
                raise
            return again
        link = linked.link
        log.info("linked", user=link.user, patron=link.patron, roles=len(linked.roles), pending=linked.pending)
        self._wake()
        return linked

    async def tidy(self) -> None:
        """Forget what attempts no longer need, and the attempts themselves a day after they are over.

        Called every minute, for whoever leaves the question unanswered does not come back to have it forgotten.
        """
        now = self._now()
        async with self._store.write() as t:
            await t.attempts.forget(now, begun_before=now - EDITABLE_FOR)
            await t.attempts.purge(now - REMEMBERED_FOR)

    async def _exchange(self, attempt: LinkAttempt, code: str) -> Tokens:
        try:
            tokens = await self._patreon.exchange_code(code)
        except AccessRevoked:
            async with self._store.write() as t:
                await t.attempts.refuse_code(attempt.key, self._now())
            raise
        async with self._store.write() as t:
            # On disk before it is used, as every pair (law 8).
            await t.attempts.keep(attempt.key, tokens)
        return tokens

    def _wait(self, attempt: LinkAttempt, tokens: Tokens | None, busy: RateLimited | PatreonUnavailable) -> Wait:
        """Return how long to wait before the step is taken again; raise ``busy`` when that may lead nowhere."""
        # A code that was sent without an answer may be spent; a pair that came is kept.
        named = busy.retry_after if isinstance(busy, RateLimited) else None if tokens is None else _AGAIN
        if named is None or self._now() + named >= attempt.expires_at:
            raise busy
        log.info("link_waits", user=attempt.user, seconds=round(named.total_seconds()))
        return Wait(named)

    async def _link(self, confirm_token: str, readings: tuple[Membership, ...] | None) -> Linked:
        """Use up the confirmation and write everything that follows from it, in one transaction."""
        now = self._now()
        async with self._store.write() as t:
            attempt = await t.attempts.take_confirm(fingerprint(confirm_token), now)
            link = await self._save(t, attempt, readings, now)
            return await look_ahead(t, link, attempt.guild, readings, now)

    async def _ask(self, attempt: LinkAttempt, identity: Identity, tokens: Tokens) -> str:
        """Store who came back and give the token of the question, unless this patron cannot be this user's."""
        confirm = self._new_token()
        async with self._store.write() as t:
            problem = await self._problem(t, attempt, identity, tokens)
            if problem is not None:
                await t.attempts.refuse(attempt.key)
            else:
                await t.attempts.ask(
                    attempt.key,
                    fingerprint(confirm),
                    self._now(),
                    patron=identity.patron,
                    patron_name=identity.full_name,
                    tokens=tokens,
                )
                # Whoever is linked already may leave the question unanswered.
                await _keep_spare(t, identity.patron, tokens)
        if problem is not None:
            log.info("link_not_possible", user=attempt.user, patron=identity.patron, problem=problem.value)
            raise LinkError(problem)
        return confirm

    async def _problem(self, t: Tables, attempt: LinkAttempt, identity: Identity, tokens: Tokens) -> LinkProblem | None:
        """Say why this patron cannot be this user's, and keep a pair that belongs to somebody already stored.

        Signing in again may void the pair that is stored for the same account, so the new one is kept beside it.
        """
        for state in await t.campaigns.load_all():
            if identity.patron == state.campaign.creator or state.campaign.campaign in identity.campaigns_owned:
                await t.tokens.save_spare(state.owner, tokens)
                return LinkProblem.CREATOR
        other = await t.links.load_of_patron(identity.patron)
        if other is not None and other.user != attempt.user:
            await _keep_spare(t, identity.patron, tokens)
            return LinkProblem.PATRON_TAKEN
        mine = await t.links.load(attempt.user)
        if mine is not None and mine.patron != identity.patron:
            return LinkProblem.USER_TAKEN
        return None

    async def _read_memberships(self, attempt: LinkAttempt | None, serial: int) -> tuple[Membership, ...] | None:
        """Read what the patron has now; None when Patreon gives no answer, which is no reason not to link."""
        if attempt is None or attempt.tokens is None:
            return None  # nothing to ask with: taking the token says what is wrong with it
        try:
            identity = await self._patreon.fetch_identity(attempt.tokens)
        except AccessDenied:
            raise
        except PatreonError as error:
            log.warning("link_without_reading", user=attempt.user, error=type(error).__name__)
            return None
        return tuple(replace(reading, serial=serial) for reading in identity.memberships)

    async def _save(self, t: Tables, attempt: LinkAttempt, readings: tuple[Membership, ...] | None, now: datetime) -> Link:
        if attempt.patron is None or attempt.tokens is None:
            raise LinkError(LinkProblem.FORGED)
        link = Link(attempt.user, attempt.patron, linked_at=now)
        await t.links.save(link)
        await t.tokens.save(patron_owner(attempt.patron), attempt.tokens, worked=True, issued=(now,))
        served = {state.campaign.campaign for state in await t.campaigns.load_all()}
        for reading in readings or ():
            if reading.campaign in served:
                previous = await t.memberships.load(reading.patron, reading.campaign)
                if previous is None or previous.serial <= reading.serial:
                    await t.memberships.save(carry(previous, reading), due_at=None, digest=digest(reading))
        await t.nudges.add(NudgeKind.USER, str(attempt.user), Cause.LINKED, now)
        return link


async def _raise_if_too_many(t: Tables, user: DiscordUserId, now: datetime) -> None:
    if await t.attempts.refused_codes(user, now - timedelta(hours=1), now) >= BAD_CODES_AN_HOUR:
        raise LinkError(LinkProblem.TOO_MANY)


async def _keep_spare(t: Tables, patron: PatronId, tokens: Tokens) -> None:
    """Keep a new pair of somebody who is linked beside the stored one, which Patreon may have voided by the sign-in."""
    if await t.links.load_of_patron(patron) is not None:
        await t.tokens.save_spare(patron_owner(patron), tokens)
