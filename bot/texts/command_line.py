"""Every sentence of the command line. Words only: which of them is printed is decided by its callers."""

from datetime import timedelta

from bot.texts.explain import counted, off_by

HELP = "Keeps Discord roles equal to what patrons give on Patreon."
CONFIG_HELP = "The configuration file; BOT_CONFIG or config.json when left out."
RUN_HELP = "Everything in one process (also when no command is named)."
WEB_HELP = "Only the HTTP doors: linking, webhooks, health."
WORKER_HELP = "Only the gateway and the engine."
CHECK_HELP = "Try the configuration, database, Patreon and Discord, and say what to mend."
MIGRATE_HELP = "Bring the database to the newest shape."
MIGRATED = "The database is up to date."

DATABASE_FINE = "opens, and is up to date"
DATABASE_BAD = "cannot be used: {detail}. Look at database_url and secret_keys"
PATREON_BAD = "the creator's token does not work ({error}). Paste a new pair from Patreon's portal into the configuration"
PATREON_DOWN = "does not answer now ({error}). If it stays so, look at patreon.api_url"
PATREON_NOT_TRIED = "was not tried, since the database has to keep what it answers"
WEBHOOK_FINE = "is registered and running"
WEBHOOK_BY_HAND = "comes from Patreon's portal, as patreon.webhook_secret is set; see there that it is not paused"
WEBHOOK_V1 = "version 1 has none to register; set one up in Patreon's portal for {uri}"
WEBHOOK_PAUSED = "is paused by Patreon after failures. The running bot starts it again"
WEBHOOK_MISSING = "is not registered yet. The running bot does that when web.public_url is https"
WEBHOOK_HTTP = "needs web.public_url to start with https. Without it the periodic refresh alone sees changes"
WEBHOOK_DENIED = "cannot be looked at with the creator's token: it lacks the scope w:campaigns.webhook"
DISCORD_BAD_TOKEN = "refuses the token. Copy it again from the developer portal (Bot, Reset Token)"  # noqa: S105 - a sentence
DISCORD_TOKEN_RESET = "was accepted and no longer is; it was probably reset. Enter the new one, then start the bot again"  # noqa: S105 - a sentence
DISCORD_SHARDS = "wants a different number of shards. Start the bot again; it asks for the number at every start"
DISCORD_TOO_OLD = "no longer takes what this version of the bot asks for. Update the bot, then start it again"
DISCORD_DOWN = "does not answer now ({error}). If it stays so, look at discord.api_url"
INTENT_MISSING = "the Server Members intent is off. Switch it on in the developer portal (Bot, Privileged Gateway Intents)"
GUILD_FINE = "roles can be given and taken"
GUILD_ABSENT = "the bot is not in this server. Invite it: {invite}"
GUILD_NONE = "the bot is in no server yet. Invite it: {invite}"
GUILD_TWO_FACTOR = (
    "the server requires two-factor authentication for moderation, and the Discord account that owns the bot has it off."
    " Turn it on (User Settings, My Account), or lift the requirement in the server settings under Safety Setup"
)
GUILD_NO_PERMISSION = "the bot lacks the permission Manage Roles. Give it to the bot's role in the server settings"
GUILD_RANK = "the bot's role is below {roles}. Drag it above them in the server settings, under Roles"
GUILD_GONE = "a rule names a role that is gone ({roles}). Remove the rule with /roles remove"
ADDRESS_HTTP = "{url} is not https; Patreon takes such an address for tests on this machine only"
ADDRESS_FINE = "{url}; the redirect URI to enter at Patreon is {redirect}"


def patreon_fine(name: str, tiers: int) -> str:
    """Say which campaign the creator's token reads."""
    return f"the creator's token works; the campaign is “{name}” with {counted(tiers, 'tier')}"


def discord_fine(name: str, guilds: int) -> str:
    """Say whom the bot's token belongs to."""
    return f"the token works; the bot is “{name}” in {counted(guilds, 'server')}"


def clock_wrong(ahead: timedelta) -> str:
    """Say that the machine's clock cannot be followed."""
    return f"this machine's clock is {off_by(ahead)} Patreon's. The bot goes by Patreon's; set the clock right (NTP)"


def problem(key: str, message: str) -> str:
    """Print one problem of the configuration."""
    return f"{key}: {message}"


def finding(mark: str, subject: str, message: str) -> str:
    """Print one line of ``check``."""
    return f"{mark:<4} {subject}: {message}"
