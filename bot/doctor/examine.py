"""Tries, one after the other, whatever the bot needs: its address, the database, Patreon, the webhook, Discord.

Each part is tried whatever the one before said, so that everything to mend is known at once. Apart from the database's
shape, and a token pair that had to be renewed on the way, nothing is changed.
"""

from collections import defaultdict

from bot.app import patreon_settings
from bot.campaigns import choose
from bot.clock import Clock
from bot.config import Config
from bot.core.model import GuildId, RoleId
from bot.doctor.findings import Finding, bad, fine, note
from bot.doctor.servers import Managed, examine_discord
from bot.errors import AccessDenied, AccessRevoked, ConfigError, PatreonError, StoreError
from bot.patreon.client import PatreonClient
from bot.store import Store, open_store
from bot.texts import command_line as texts
from bot.vault import StoreVault, seed_creator


async def examine(config: Config) -> list[Finding]:
    """Give everything that was found, in the order it was tried."""
    clock = Clock()
    findings = [_address(config)]
    managed: Managed = {}
    try:
        store = await open_store(config.database_url, [key.get_secret_value() for key in config.secret_keys])
    except StoreError as error:
        findings += [bad("database", texts.DATABASE_BAD.format(detail=error)), note("patreon", texts.PATREON_NOT_TRIED)]
    else:
        try:
            findings.append(fine("database", texts.DATABASE_FINE))
            findings += await _patreon(config, store, clock)
            if ahead := clock.ahead():
                findings.append(note("clock", texts.clock_wrong(ahead)))
            managed = await _managed_roles(store)
        except StoreError as error:
            findings.append(bad("database", texts.DATABASE_BAD.format(detail=error)))
        finally:
            await store.close()
    return findings + [finding async for finding in examine_discord(config.discord, managed)]


def _address(config: Config) -> Finding:
    url = config.web.public_url
    if url.startswith("https://"):
        return fine("address", texts.ADDRESS_FINE.format(url=url, redirect=config.redirect_uri))
    return note("address", texts.ADDRESS_HTTP.format(url=url))


async def _managed_roles(store: Store) -> Managed:
    roles: dict[GuildId, set[RoleId]] = defaultdict(set)
    async with store.read() as t:
        for rule in await t.rules.all():
            roles[rule.guild].add(rule.role)
    return {guild: frozenset(found) for guild, found in roles.items()}


async def _patreon(config: Config, store: Store, clock: Clock) -> list[Finding]:
    access, refresh = config.patreon.creator_access_token, config.patreon.creator_refresh_token
    await seed_creator(store, access.get_secret_value(), refresh.get_secret_value(), clock.now())
    async with PatreonClient(patreon_settings(config), StoreVault(store), now=clock.now, hear=clock.hear) as patreon:
        try:
            campaigns = await patreon.fetch_campaigns()
            campaign = choose(campaigns, config.patreon.campaign_id)
        except ConfigError as error:
            return [bad("patreon", "; ".join(message for _, message in error.problems))]
        except (AccessRevoked, AccessDenied) as error:
            return [bad("patreon", texts.PATREON_BAD.format(error=type(error).__name__))]
        except PatreonError as error:
            return [bad("patreon", texts.PATREON_DOWN.format(error=type(error).__name__))]
        works = fine("patreon", texts.patreon_fine(campaign.name, len(campaign.tiers)))
        return [works, await _webhook(config, patreon)]


async def _webhook(config: Config, patreon: PatreonClient) -> Finding:
    if config.patreon.webhook_secret is not None:
        return note("webhook", texts.WEBHOOK_BY_HAND)
    if config.patreon.api_version == 1:
        return note("webhook", texts.WEBHOOK_V1.format(uri=config.webhook_uri))
    try:
        registered = {hook.uri: hook for hook in await patreon.list_webhooks()}
    except AccessDenied:
        return bad("webhook", texts.WEBHOOK_DENIED)
    except PatreonError as error:
        return bad("webhook", texts.PATREON_DOWN.format(error=type(error).__name__))
    hook = registered.get(config.webhook_uri)
    if hook is None:
        return note("webhook", texts.WEBHOOK_MISSING if config.web.public_url.startswith("https") else texts.WEBHOOK_HTTP)
    return note("webhook", texts.WEBHOOK_PAUSED) if hook.paused else fine("webhook", texts.WEBHOOK_FINE)
