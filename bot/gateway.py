"""The connection to Discord: it comes up, stays up, and waits out whatever passes by itself.

What waiting cannot mend becomes a ConfigError, whose sentence tells the operator what to do. Which events arrive, and what
follows from them, is the bot's and its cogs' business.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus
from types import SimpleNamespace

import aiohttp
import discord
import structlog

from bot.clock import Hear, deaf
from bot.discord_bot import DiscordSettings, Facts, PatronRolesBot
from bot.errors import ConfigError
from bot.guilds import from_discord
from bot.texts import command_line as texts

log = structlog.get_logger(__name__)

# The close codes after which Discord's documentation says not to reconnect, but for 4014, which discord.py knows.
# https://discord.com/developers/docs/topics/opcodes-and-status-codes#gateway-gateway-close-event-codes
_HOPELESS = {
    4004: ("discord.token", texts.DISCORD_TOKEN_RESET),
    4010: ("discord", texts.DISCORD_SHARDS),
    4011: ("discord", texts.DISCORD_SHARDS),
    4012: ("discord", texts.DISCORD_TOO_OLD),
    4013: ("discord", texts.DISCORD_TOO_OLD),
}


class Gateway:
    """The bot's account and its connection. ``bot`` exists at once; nothing is sent before :meth:`run`."""

    def __init__(self, settings: DiscordSettings, facts: Facts, token: str, hear: Hear = deaf) -> None:
        """``hear`` takes the headers of each answer; whether Discord is asked what time it is, is its business."""
        self._token = token
        self._hear = hear
        self._unauthorized = asyncio.Event()
        trace = aiohttp.TraceConfig()
        trace.on_request_end.append(self._look_at_answer)
        self.bot = PatronRolesBot(settings, facts, http_trace=trace)

    async def run(self, tries: AsyncIterator[None]) -> None:
        """Stay connected until cancelled; ``tries`` paces the attempts of the first connection.

        Raises:
            ConfigError: Discord refuses what only the operator can change.
            discord.HTTPException: Discord refuses a request that no configuration can mend.

        """
        tasks = [asyncio.create_task(self._connect(tries)), asyncio.create_task(self._until_token_refused())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(tasks)
        for task in done:
            task.result()

    async def _connect(self, tries: AsyncIterator[None]) -> None:
        async for _ in tries:
            try:
                await self.bot.start(self._token)
            except discord.PrivilegedIntentsRequired:
                raise ConfigError([("discord.token", texts.INTENT_MISSING)]) from None
            except discord.ConnectionClosed as closed:
                log.error("discord_refused", code=closed.code)  # noqa: TRY400 - the code says all
                if closed.code in _HOPELESS:
                    raise ConfigError([_HOPELESS[closed.code]]) from None
                raise
            except (discord.LoginFailure, discord.GatewayNotFound, discord.HTTPException) as error:
                _check_passes(error)
                await self._hang_up(error)
            except (OSError, aiohttp.ClientError) as error:
                if self.bot.is_closed():
                    raise
                await self._hang_up(error)
            else:
                return

    async def _hang_up(self, error: Exception) -> None:
        log.warning("discord_not_reached", error=type(error).__name__, detail=str(error)[:200])
        await self.bot.hang_up()

    async def _until_token_refused(self) -> None:
        """Raise ConfigError once Discord no longer takes the token of a bot that has run with it.

        A single 401 may be a mishap of something in between, and every further one counts towards Discord's limit of
        refused requests: so it is asked once more, and believed then.
        """
        await self.bot.wait_until_ready()
        while True:
            self._unauthorized.clear()
            await self._unauthorized.wait()
            try:
                await self.bot.application_info()
            except discord.HTTPException as refused:
                if refused.status == HTTPStatus.UNAUTHORIZED and from_discord(refused):
                    log.error("discord_refused", status=refused.status)  # noqa: TRY400 - the status says all
                    raise ConfigError([("discord.token", texts.DISCORD_TOKEN_RESET)]) from None
            except (OSError, aiohttp.ClientError) as error:
                log.info("token_not_tried", error=type(error).__name__)

    async def _look_at_answer(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, ended: aiohttp.TraceRequestEndParams
    ) -> None:
        self._hear(ended.response.headers)
        # Routes without the header have a token of their own in the address: an interaction's ends after 15 minutes.
        if ended.response.status == HTTPStatus.UNAUTHORIZED and "Authorization" in ended.headers:
            self._unauthorized.set()


def _check_passes(error: Exception) -> None:
    """Raise what Discord itself will never take; its trouble, and that of a firewall in front of it, passes."""
    answered = error.__cause__ if isinstance(error, discord.LoginFailure) else error
    if not isinstance(answered, discord.HTTPException) or not from_discord(answered):
        return
    if isinstance(error, discord.LoginFailure):
        raise ConfigError([("discord.token", texts.DISCORD_BAD_TOKEN)]) from None
    if answered.status < HTTPStatus.INTERNAL_SERVER_ERROR and answered.status != HTTPStatus.TOO_MANY_REQUESTS:
        raise error


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: discord.py takes a cancel for the end of an attempt to reconnect, and goes on."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.1)
    await asyncio.gather(*tasks, return_exceptions=True)
