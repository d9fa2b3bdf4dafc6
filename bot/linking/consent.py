"""The way back from Patreon's consent page without a code: who said no, and what that means."""

import re

from bot.errors import BotError, LinkError, LinkProblem, PatreonUnavailable, RequestRefused

# Of RFC 6749 section 4.1.2.1. Patreon names no error at all when somebody presses "Deny".
_DENIED = frozenset({"", "access_denied"})
_TROUBLE = frozenset({"server_error", "temporarily_unavailable"})
_WORD = re.compile(r"[a-z_]{1,40}")


def refusal(error: str) -> BotError:
    """Give the error for a return without a code: the person's no, Patreon's trouble, or a set-up that Patreon refuses."""
    if error in _DENIED:
        return LinkError(LinkProblem.REFUSED)
    # The word stands in an address that anybody may write.
    word = error if _WORD.fullmatch(error) else "an unknown error"
    if error in _TROUBLE:
        return PatreonUnavailable(f"the consent page said {word}")
    return RequestRefused(f"the consent page said {word}")
