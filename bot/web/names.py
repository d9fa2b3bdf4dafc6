"""Asks Discord what a user is called, for the page that names both accounts; so no name of a Discord user is stored.

Works in a process without a gateway as well. A name is a courtesy: when Discord does not answer, the page shows the
user's number and linking goes on.
"""

from http import HTTPStatus
from typing import Any

import aiohttp
import structlog

from bot.core.model import DiscordUserId

log = structlog.get_logger(__name__)

PATIENCE = aiohttp.ClientTimeout(total=3)

# Discord refuses clients without it: https://discord.com/developers/docs/reference#user-agent
USER_AGENT = "DiscordBot (patron-roles, 0.1)"


class DiscordNames:
    """Looks users up at Discord's REST API with the bot's token."""

    def __init__(self, api_url: str, token: str, session: aiohttp.ClientSession) -> None:
        """Take where Discord is and the session to ask with, which stays the caller's."""
        self._api_url = api_url
        self._headers = {"Authorization": f"Bot {token}", "User-Agent": USER_AGENT}
        self._session = session

    async def name_of(self, user: DiscordUserId) -> str | None:
        """Give "Ann (@ann)", or "@ann" for somebody without another name; None when Discord does not say."""
        url = f"{self._api_url}/users/{user}"
        try:
            async with self._session.get(url, headers=self._headers, timeout=PATIENCE) as answer:
                if answer.status != HTTPStatus.OK:
                    log.warning("name_not_found", user=user, status=answer.status)
                    return None
                return _to_name(await answer.json(content_type=None))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("name_not_found", user=user, error=type(error).__name__)
            return None


def _to_name(body: Any) -> str | None:
    """Read a user object: https://discord.com/developers/docs/resources/user#user-object."""
    if not isinstance(body, dict) or not isinstance(body.get("username"), str):
        return None
    handle, shown = body["username"], body.get("global_name")
    shown = _visible(shown) if isinstance(shown, str) else ""
    return f"{shown} (@{handle})" if shown and shown != handle else f"@{handle}"


def _visible(name: str) -> str:
    """Leave out what cannot be seen: a mark that turns the direction of writing would turn the handle behind it."""
    return "".join(letter for letter in name if letter.isprintable()).strip()
