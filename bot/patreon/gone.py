"""Whether a version of the API is switched off altogether, judged from what it refuses. Values only."""

import re

from bot.errors import AccessDenied, NotThere, PatreonError, PatreonGone
from bot.patreon.refusals import ABOUT_THE_CLIENT

_ENOUGH_REFUSALS = 5
_ENOUGH_KINDS = 2


class GoneWatch:
    """Tells "this is not there" from "nothing is there any more".

    Version 1 was announced to end in October 2026, nobody knows with which status. So: 404 or 410 on an address that
    always exists is the end of a version, 410 on any of v1's is, and so are 403 and 404 on everything for a while.
    """

    def __init__(self, version: int, root_paths: frozenset[str]) -> None:
        """Take the addresses that exist for every token."""
        self._version = version
        self._root_paths = root_paths
        self._refused: list[tuple[str, str]] = []

    def succeeded(self) -> None:
        """Forget the refusals: something answers."""
        self._refused.clear()

    def judge(self, path: str, owner: str, error: PatreonError) -> PatreonError:
        """Give the error to raise for one refusal: the same, or PatreonGone."""
        if not isinstance(error, (NotThere, AccessDenied)) or error.code_name == ABOUT_THE_CLIENT:
            return error
        self._refused.append((re.sub(r"/[^/]*\d[^/]*(?=/|$)", "/*", path.partition("/api/")[2]), owner))
        del self._refused[:-50]
        if self._is_gone(path, error):
            gone = PatreonGone(f"version {self._version} of Patreon's API is gone ({error})")
            gone.status, gone.code_name, gone.version = error.status, error.code_name, self._version
            return gone
        return error

    def _is_gone(self, path: str, error: PatreonError) -> bool:
        if isinstance(error, NotThere) and path in self._root_paths:
            return True
        if self._version != 1:
            return False
        kinds, owners = ({pair[part] for pair in self._refused} for part in (0, 1))
        many = len(kinds) >= _ENOUGH_KINDS and len(self._refused) >= _ENOUGH_REFUSALS
        return error.status == 410 or many or len(owners) >= _ENOUGH_REFUSALS  # noqa: PLR2004
