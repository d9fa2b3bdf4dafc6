"""The discord.py bot: intents, caches, shards, command sync, readiness. It knows no command and decides nothing.

Cogs are loaded by name and take what they need from :class:`~bot.discord_bot.use_cases.UseCases` by constructor.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import discord
import structlog
import yarl
from discord import app_commands
from discord.backoff import ExponentialBackoff
from discord.ext import commands

from bot.core.model import DiscordUserId, GuildId
from bot.discord_bot.answers import Outdated, end_panels, tell_failure
from bot.discord_bot.member_updates import ConnectionState
from bot.discord_bot.use_cases import UseCases
from bot.errors import StoreError
from bot.guilds import roles_of
from bot.sync.reports import Report
from bot.sync.turns import Turns

log = structlog.get_logger(__name__)

COGS = ("cogs.link", "cogs.roles", "cogs.patrons", "cogs.admin")
_COMMANDS = "discord_commands"
_IN_HAND = ("discord.py: ", "CommandTree-invoker", "discord-ui-")

FINISH_WITHIN = 5.0
"""Seconds that commands get to end when the bot stops."""


LONGEST_PAUSE = 20.0
"""Seconds between two attempts to reconnect at most; discord.py's own pauses grow to 17 minutes."""


class Facts(Protocol):
    """A few words that outlive the process; the store keeps them."""

    async def get(self, key: str) -> str | None:
        """Give what was set last; None when nothing was."""

    async def set(self, key: str, value: str) -> None:
        """Remember."""


@dataclass(frozen=True, slots=True)
class DiscordSettings:
    """Where Discord is. ``gateway_url`` None: where the API says. ``guild_ready_timeout``: seconds a guild may take."""

    api_url: str = "https://discord.com/api/v10"
    gateway_url: str | None = None
    guild_ready_timeout: float = 2.0


class _Backoff(ExponentialBackoff[Any]):
    """discord.py's pauses between attempts to reconnect, with an upper bound."""

    def delay(self) -> float:  # type: ignore[override]  # its overloads tell whole numbers from others
        """Return the seconds to wait now."""
        return min(float(super().delay()), LONGEST_PAUSE)


class _Tree(app_commands.CommandTree["PatronRolesBot"]):
    """Defers each command before anything slow can happen, and tells errors in plain words."""

    async def interaction_check(self, interaction: discord.Interaction["PatronRolesBot"], /) -> bool:
        """Answer Discord at once: the three seconds it gives run out neither on a slow disk nor on a slow Patreon."""
        if interaction.type is discord.InteractionType.application_command:
            try:
                await interaction.response.defer(ephemeral=True, thinking=True)
            except Exception as error:  # noqa: BLE001 - Discord's errors, and those of the network below it
                # Discord takes no answer, so nobody would see what the command did.
                log.warning("interaction_not_answered", error=type(error).__name__)
                return False
            await interaction.client.note_asker(interaction)
        return True

    async def on_error(
        self, interaction: discord.Interaction["PatronRolesBot"], error: app_commands.AppCommandError, /
    ) -> None:
        """Tell the asker."""
        await tell_failure(interaction, error.original if isinstance(error, app_commands.CommandInvokeError) else error)


class PatronRolesBot(commands.AutoShardedBot):
    """The bot's account. Build it, :meth:`furnish` it, then start it inside ``async with``."""

    def __init__(self, settings: DiscordSettings, facts: Facts, *, http_trace: Any = None) -> None:
        """Remember where Discord is; nothing is sent before ``start``. ``http_trace`` as discord.py's clients take it."""
        # discord.py keeps both addresses in class attributes and offers no argument for them.
        discord.http.Route.BASE = settings.api_url.rstrip("/")
        if settings.gateway_url:
            discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(settings.gateway_url)
        intents = discord.Intents.none()
        intents.guilds = True
        intents.members = True
        super().__init__(
            # Slash commands only; discord.py wants a prefix, and without message intents none is ever read.
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=_Tree,
            intents=intents,
            # Members are read from Discord when they are needed, so memory does not grow with the guilds.
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            # Names that people chose never ping anybody.
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=settings.guild_ready_timeout,
            http_trace=http_trace,
        )
        self._own_gateway = settings.gateway_url is not None
        self._facts = facts
        self._use_cases: UseCases | None = None
        # What Discord says of one person is written down in the order in which it said so.
        self.turns = Turns()
        self.add_dynamic_items(Outdated)

    def _get_state(self, **options: Any) -> ConnectionState:
        return ConnectionState(dispatch=self.dispatch, handlers=self._handlers, hooks=self._hooks, http=self.http, **options)

    @property
    def use_cases(self) -> UseCases:
        """What cogs are built from; only there once the bot is furnished."""
        if self._use_cases is None:
            raise RuntimeError("furnish() comes before the cogs")
        return self._use_cases

    @property
    def gateway_ready(self) -> bool:
        """Whether every shard is connected and has told about its guilds."""
        shards = self.shards.values()
        return self.is_ready() and bool(shards) and not any(shard.is_closed() for shard in shards)

    async def furnish(self, use_cases: UseCases, cogs: Sequence[str] = COGS) -> None:
        """Load the cogs; apart from the constructor since the engine behind the use cases needs this client itself."""
        self._use_cases = use_cases
        for name in cogs:
            await self.load_extension(name)

    async def note_asker(self, interaction: discord.Interaction[Any]) -> None:
        """Write down what Discord says of the member who uses a command, so that the answer says nothing older."""
        member = interaction.user
        if not isinstance(member, discord.Member) or self._use_cases is None:
            return
        guild, user = GuildId(member.guild.id), DiscordUserId(member.id)
        try:
            async with self.turns.of(user):
                await self._use_cases.engine.members.seen(guild, user, roles_of(member), pending=member.pending)
        except StoreError as error:
            # The command says the same in a moment, in words for whoever typed it.
            log.warning("asker_not_noted", detail=str(error))

    async def hear(self, report: Report) -> None:
        """Pass a report of the engine on to the cogs, which listen to ``on_report``; returns before they are done."""
        self.dispatch("report", report)

    async def setup_hook(self) -> None:
        """Tell Discord the commands, when they are not those it was told last."""
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        text = json.dumps([self.application_id, payload], sort_keys=True, default=str)
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        if await self._facts.get(_COMMANDS) == fingerprint:
            return
        try:
            await self.tree.sync()
        except discord.HTTPException as refused:
            # The commands Discord has go on working; the next start tries again.
            log.error("commands_not_synced", status=refused.status, code=refused.code)  # noqa: TRY400 - the code says all
            return
        await self._facts.set(_COMMANDS, fingerprint)
        log.info("commands_synced", commands=len(payload))

    async def hang_up(self) -> None:
        """Give back what a ``start`` that failed has opened, so that it can be called again."""
        await self.http.close()
        # discord.py makes a connector only where there is none, and this one was closed with its session.
        self.http.connector = discord.utils.MISSING

    async def launch_shards(self) -> None:
        """Connect. With an address of our own only the number of shards is taken from Discord's answer."""
        if self._own_gateway and self.shard_count is None:
            self.shard_count, _, _ = await self.http.get_bot_gateway()
        await super().launch_shards()

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        """Connect one shard, which from then on reconnects by itself."""
        await super().launch_shard(gateway, shard_id, initial=initial)
        if shard := self.get_shard(shard_id):
            # discord.py has no setting for it, and is away for minutes after an outage that is over.
            shard._parent._backoff = _Backoff()  # noqa: SLF001

    async def close(self) -> None:
        """Let what commands and listeners have in hand end, then disconnect; what takes too long is cut off."""
        end_panels()
        await self._finish()
        await super().close()
        await self._finish()

    async def _finish(self) -> None:
        """Wait for the tasks discord.py started for commands, buttons and events; it only ever names them."""
        mine = asyncio.current_task()
        tasks = {task for task in asyncio.all_tasks() if task is not mine and task.get_name().startswith(_IN_HAND)}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=FINISH_WITHIN)
        for task in late:
            log.warning("cut_off", task=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def on_ready(self) -> None:
        """Note that roles can move from now on."""
        log.info("gateway_ready", guilds=len(self.guilds), shards=self.shard_count)

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        """Log what a listener raised; the arguments of the event are left out, they hold names."""
        log.exception("listener_failed", event_method=event_method)  # noqa: LOG004 - discord.py calls this while it handles one
