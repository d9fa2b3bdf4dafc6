"""Every failure the bot can tell apart, split by what the caller does next. Lives below everything but the core.

::

    BotError
    ├─ ConfigError              every problem as (path, message)         → exit 2, all of them printed
    ├─ PatreonError
    │   ├─ PatreonUnavailable   network, timeout, 5xx, an HTML page      → retry, then leave everything as it is
    │   ├─ RateLimited          retry_after                              → wait that long, in the queue
    │   ├─ AccessRevoked        invalid_grant: no renewal any more       → the link is broken; ask for /link again
    │   ├─ AccessDenied         403: scope, somebody else's campaign     → tell the creator; no role changes
    │   │   └─ WrongToken       the creator's token where a patron's was needed, or the other way round
    │   ├─ NotThere             404 and 410                              → never read as "no membership"
    │   ├─ RequestRefused       400, 405, 406: our own request is wrong  → a bug or a changed API; not repeated
    │   ├─ PatreonGone          this version of the API is switched off  → one alarm; roles stay as they are
    │   └─ UnexpectedAnswer     a shape we do not know                   → log without personal data; no role changes
    │       └─ IncompleteList   a list that ended before it was whole    → the whole list counts for nothing
    ├─ WebhookRejected          bad signature (401), unreadable (400)    → nothing stored
    ├─ LinkError                reason: a LinkProblem                    → a page or a message that says what to do
    ├─ RuleRefused              a rule or setting that may not be made   → told to the creator, nothing stored
    ├─ GuildError
    │   ├─ RoleBlocked          rank or permission is missing            → told to the creator, not hammered
    │   │   └─ TwoFactorMissing the server asks two factors of moderators      → told to the creator and the operator
    │   └─ GuildUnavailable     Discord is down or the guild unknown     → retry later
    └─ StoreError               the database refused or is gone          → retry later
        └─ TablesGone           our tables are not in the database       → exit 1; waiting would not help
"""

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum


class BotError(Exception):
    """Root of the tree; never raised itself."""


class ConfigError(BotError):
    """The configuration cannot be used."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        """Take every problem found, each as (dotted key, what to do about it); values never appear."""
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems))


class PatreonError(BotError):
    """Patreon did not give a usable answer; no role may change because of it.

    ``status`` and ``code_name`` are Patreon's own, where it gave any; ``is_json`` is false where the network in front of it
    spoke in its place, with a page.
    """

    status: int | None = None
    code_name: str | None = None
    is_json: bool = True


class PatreonUnavailable(PatreonError):
    """Network failure, timeout, 5xx, or an HTML page where JSON belongs: it may pass."""


class RateLimited(PatreonError):
    """Patreon, or our own pacing, asks to wait."""

    def __init__(self, retry_after: timedelta) -> None:
        """Say how long to wait before the same call may be tried again."""
        self.retry_after = retry_after
        super().__init__(f"wait {retry_after.total_seconds():.0f} s")


class AccessRevoked(PatreonError):
    """The token pair is dead: Patreon refuses to renew it (``invalid_grant``). So it refuses a code."""


class AccessDenied(PatreonError):
    """403 in JSON: the token lacks a scope, or the campaign is somebody else's."""


class WrongToken(AccessDenied):
    """The call was made with the other kind of token; the message says which was needed."""


class NotThere(PatreonError):
    """404 or 410 where something was expected; it says nothing about anybody's membership."""


class RequestRefused(PatreonError):
    """400, 405 or 406: Patreon does not take the request as we make it; repeating it would not help."""


class PatreonGone(PatreonError):
    """The version of the API we use answers nothing any more: 410, or 403 and 404 on everything."""

    version: int | None = None


class UnexpectedAnswer(PatreonError):
    """An answer of a shape we do not know. The message names the place, never the value."""


class IncompleteList(UnexpectedAnswer):
    """A list that repeated a cursor, lost a page or disagrees with its own total."""


class WebhookRejected(BotError):
    """A webhook that is not Patreon's, or cannot be read."""

    def __init__(self, status: int, message: str) -> None:
        """Carry the HTTP status to answer: 401 for the signature, 400 for the body."""
        self.status = status
        super().__init__(message)


class LinkProblem(Enum):
    """Why an account could not be linked or unlinked."""

    EXPIRED = "expired"
    USED = "used"
    FORGED = "forged"
    REFUSED = "refused"
    PATRON_TAKEN = "patron_taken"
    USER_TAKEN = "user_taken"
    CREATOR = "creator"
    NOT_LINKED = "not_linked"
    TOO_MANY = "too_many"


class LinkError(BotError):
    """Linking stopped; ``problem`` says why, the texts say what to do."""

    def __init__(self, problem: LinkProblem) -> None:
        """Carry the reason."""
        self.problem = problem
        super().__init__(problem.value)


class RuleRefused(BotError):
    """A rule or setting the creator may not make; the message is written for the creator."""


class GuildError(BotError):
    """Discord did not do what was asked."""


class RoleBlocked(GuildError):
    """Rank or permission is missing for a role; asking again would not help."""


class TwoFactorMissing(RoleBlocked):
    """The guild requires two-factor authentication for moderation, and the account that owns the bot has none."""


class GuildUnavailable(GuildError):
    """Discord is down, the gateway is not ready, or the guild is unknown to the bot."""


class StoreError(BotError):
    """The database refused or is gone."""


class TablesGone(StoreError):
    """The database answers and has none of our tables: an empty one has taken the place of the one that was opened."""
