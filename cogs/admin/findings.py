"""What the doctor looks at, one question after the other; each gives lines that say what is fine and what to mend."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import discord

from bot.core.model import Block, Campaign, ConditionKind, GuildId, RoleId, RoleRule
from bot.creators import Access, Home, Stats
from bot.guilds import Guilds
from bot.texts import explain, staff, syncs

_LATELY = timedelta(days=7)


def of_permission(guild: discord.Guild) -> str:
    """Say whether the bot may manage roles at all."""
    may = guild.me.guild_permissions.manage_roles
    return syncs.finding(good=may, text=syncs.PERMISSION_FINE if may else syncs.PERMISSION_MISSING)


def of_channel(guild: discord.Guild, channel: int | None, *, owner: bool) -> str:
    """Say whether reports reach somebody; ``owner``: the guild's owner can be written to, as far as is known."""
    if channel is None:
        return syncs.finding(good=False, text=syncs.channel_missing(syncs.CHANNEL_NONE, owner=owner))
    found = guild.get_channel(channel)
    if found is None or not _may_write(found, guild.me):
        return syncs.finding(good=False, text=syncs.channel_missing(syncs.CHANNEL_CLOSED, owner=owner))
    return syncs.finding(good=True, text=syncs.channel_fine(channel))


def _may_write(channel: discord.abc.GuildChannel, me: discord.Member) -> bool:
    given = channel.permissions_for(me)
    return given.view_channel and given.send_messages


def of_campaigns(home: Home) -> Iterator[str]:
    """Say whether each campaign is read."""
    if not home.campaigns:
        yield syncs.finding(good=False, text=staff.NO_CAMPAIGN)
    for state in home.campaigns:
        text = syncs.reads_campaign(state.campaign.name, len(state.campaign.tiers), state.refreshed_at)
        yield syncs.finding(good=state.refreshed_at is not None, text=text)
        if state.frozen_since is not None:
            yield syncs.finding(good=False, text=syncs.patreon_gone(state.frozen_since, state.frozen_why))


def of_access(access: Access) -> Iterator[str]:
    """Say whether Patreon lets us in, and tells us news."""
    pair, hook = access.pair, access.webhook
    if pair is None:
        yield syncs.finding(good=False, text=syncs.NO_PAIR)
    elif pair.broken_since is not None:
        yield syncs.finding(good=False, text=syncs.PAIR_BROKEN)
    else:
        yield syncs.finding(good=True, text=syncs.token_fine(pair.tokens.expires_at))
    if hook is None:
        # The configuration may name one that was made by hand, so its absence here is no fault.
        yield syncs.finding(good=True, text=syncs.WEBHOOK_NONE)
    else:
        text = syncs.WEBHOOK_PAUSED if hook.paused else syncs.webhook_fine(hook.received_at)
        yield syncs.finding(good=not hook.paused, text=text)


def of_two_factor(guild: discord.Guild, me: discord.ClientUser | None) -> Iterator[str]:
    """Say whether the bot's owner meets a server's demand for two-factor authentication, where it makes one."""
    if guild.mfa_level is discord.MFALevel.require_2fa:
        may = me is not None and me.mfa_enabled
        yield syncs.finding(good=may, text=syncs.TWO_FACTOR_FINE if may else syncs.TWO_FACTOR_MISSING)


def of_rules(
    guilds: Guilds, guild: GuildId, rules: tuple[RoleRule, ...], home: Home, refused: Mapping[RoleId, Block]
) -> Iterator[str]:
    """Name the rules whose role or tier is out of reach, and those whose role Discord ``refused`` to touch."""
    if not rules:
        yield syncs.finding(good=False, text=syncs.RULES_NONE)
        return
    blocks = {role: guilds.blocked(guild, role) or refused.get(role) for role in sorted({rule.role for rule in rules})}
    for role, block in blocks.items():
        if block is not None:
            yield syncs.finding(good=False, text=staff.blocked(role, home.role_names.get(role), block))
    if not any(blocks.values()):
        yield syncs.finding(good=True, text=syncs.ROLES_FINE)
    for rule in rules:
        campaign = home.by_id.get(rule.campaign)
        if campaign is not None and _lost(rule, campaign):
            yield syncs.finding(good=False, text=syncs.lost_tier(explain.rule(rule, home.role_names, campaign)))


def of_clock(ahead: timedelta, jumped_at: datetime | None, now: datetime) -> Iterator[str]:
    """Say that this machine's clock is wrong, or was lately."""
    if ahead:
        yield syncs.finding(good=False, text=syncs.clock_wrong(ahead))
    if jumped_at is not None and now - jumped_at < _LATELY:
        yield syncs.finding(good=False, text=syncs.clock_jumped(jumped_at))


def of_reach(stats: list[Stats]) -> Iterator[str]:
    """Count those whom no rule can reach, where there are any."""
    for each in stats:
        if each.active > each.linked or each.no_tier:
            text = syncs.unreached(each.campaign.name, each.active - each.linked, each.no_tier)
            yield syncs.finding(good=True, text=text)


def _lost(rule: RoleRule, campaign: Campaign) -> bool:
    return rule.condition.kind is ConditionKind.TIER and all(tier.tier != rule.condition.tier for tier in campaign.tiers)
