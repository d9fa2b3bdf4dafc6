"""The examination of Discord: token, intent, servers, and whether the bot stands above the roles it shall give.

Over Discord's REST API alone: a second gateway session would disturb the running bot. Nothing is changed.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.config import DiscordConfig
from bot.core.model import GuildId, RoleId
from bot.doctor.findings import Finding, bad, fine
from bot.texts import command_line as texts

if TYPE_CHECKING:
    from discord.types.role import Role

SUBJECT = "discord"

# Time-outs are OSErrors; aiohttp's errors are not all.
_TROUBLE = (discord.HTTPException, aiohttp.ClientError, OSError)

Managed = Mapping[GuildId, frozenset[RoleId]]


async def examine_discord(config: DiscordConfig, managed: Managed) -> AsyncIterator[Finding]:
    """Log in and look at every server that the configuration or a rule names, or else at each the bot is in.

    ``managed`` are the roles that rules name.
    """
    # discord.py keeps the address in a class attribute and offers no argument for it.
    discord.http.Route.BASE = config.api_url
    async with discord.Client(intents=discord.Intents(guilds=True)) as client:
        try:
            await client.login(config.token.get_secret_value())
            async for finding in _look(client, config, managed):
                yield finding
        except discord.LoginFailure:
            yield bad(SUBJECT, texts.DISCORD_BAD_TOKEN)
        except _TROUBLE as error:
            yield _down(SUBJECT, error)


async def _look(client: discord.Client, config: DiscordConfig, managed: Managed) -> AsyncIterator[Finding]:
    there = {GuildId(guild.id) async for guild in client.fetch_guilds(limit=None)}
    name = client.user.name if client.user else "?"
    yield fine(SUBJECT, texts.discord_fine(name, len(there)))
    flags = (await client.application_info()).flags
    if not (flags.gateway_guild_members or flags.gateway_guild_members_limited):
        yield bad(SUBJECT, texts.INTENT_MISSING)
    wanted = {*map(GuildId, config.guild_ids), *managed} or there
    if not wanted:
        yield bad(SUBJECT, texts.GUILD_NONE.format(invite=_invite(client)))
    for guild in sorted(wanted):
        subject = f"server {guild}"
        if guild not in there:
            yield bad(subject, texts.GUILD_ABSENT.format(invite=_invite(client)))
            continue
        try:
            async for finding in _look_at_guild(client, subject, guild, managed.get(guild, frozenset())):
                yield finding
        except _TROUBLE as error:
            yield _down(subject, error)


async def _look_at_guild(
    client: discord.Client, subject: str, guild: GuildId, managed: frozenset[RoleId]
) -> AsyncIterator[Finding]:
    roles = {RoleId(int(role["id"])): role for role in await client.http.get_roles(guild)}
    me = await client.http.get_member(guild, client.user.id if client.user else 0)
    mine = [roles[found] for found in (RoleId(int(role)) for role in me["roles"]) if found in roles]
    everyone = roles.get(RoleId(guild))
    if not _may_manage([*mine, *([everyone] if everyone else [])]):
        yield bad(subject, texts.GUILD_NO_PERMISSION)
        return
    # https://discord.com/developers/docs/resources/guild#guild-object-mfa-level: 1 asks two factors of moderators.
    two_factor = (await client.http.get_guild(guild, with_counts=False))["mfa_level"] == 1
    short = two_factor and client.user is not None and not client.user.mfa_enabled
    if short:
        yield bad(subject, texts.GUILD_TWO_FACTOR)
    top = max((_rank(role) for role in mine), default=(0, 0))
    above = [role["name"] for number, role in roles.items() if number in managed and _rank(role) >= top]
    gone = [str(number) for number in sorted(managed - roles.keys())]
    if above:
        yield bad(subject, texts.GUILD_RANK.format(roles=", ".join(above)))
    if gone:
        yield bad(subject, texts.GUILD_GONE.format(roles=", ".join(gone)))
    if not above and not gone and not short:
        yield fine(subject, texts.GUILD_FINE)


def _down(subject: str, error: Exception) -> Finding:
    said = f"it said {error.status}" if isinstance(error, discord.HTTPException) else type(error).__name__
    return bad(subject, texts.DISCORD_DOWN.format(error=said))


def _may_manage(mine: "Iterable[Role]") -> bool:
    permissions = discord.Permissions.none()
    for role in mine:
        permissions |= discord.Permissions(int(role["permissions"]))
    return permissions.administrator or permissions.manage_roles


def _rank(role: "Role") -> tuple[int, int]:
    """Order roles as Discord does: of two in one position the older one stands higher."""
    return role["position"], -int(role["id"])


def _invite(client: discord.Client) -> str:
    permissions = discord.Permissions(manage_roles=True)
    return discord.utils.oauth_url(client.application_id or 0, permissions=permissions)
