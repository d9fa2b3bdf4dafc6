"""Where histories happen: one creator's campaign and guild, five people who are on Patreon and on Discord, two only here."""

from sandbox.world import Clock, World
from sandbox.world.examples import BOT_TOKEN, REDIRECT_URI, TIERS

PEOPLE = ("Ann", "Ben", "Cat", "Dee", "Eve")
OTHERS = ("Yan", "Zoe")
"""Members of the guild without a Patreon account: to whom links move."""

ROLES = (*TIERS, "Patrons", "Generous")
"""Each can be given by one rule: a tier's by that tier, Patrons to whoever pays, Generous from five dollars a month on."""

GENEROUS_CENTS = 500


def found_town(clock: Clock) -> World:
    """Return the world before anybody pledged or linked."""
    world = World.empty(clock)
    patreon, discord = world.patreon, world.discord
    creator = patreon.add_account("Clara", "Example")
    campaign = patreon.add_campaign(creator, "Clara paints", "clara")
    for title, cents in TIERS.items():
        patreon.add_tier(campaign, title, cents)
    clara = discord.add_user("clara")
    guild = discord.add_guild("Clara's studio", owner=clara.id)
    for name in ROLES:
        discord.add_role(guild.id, name)
    discord.add_channel(guild.id, "staff")
    for name in PEOPLE:
        patreon.add_account(name, "Example")
    for name in (*PEOPLE, *OTHERS):
        discord.join(guild.id, discord.add_user(name.lower()).id)
    bot = discord.add_bot("patron-roles", BOT_TOKEN, owner=clara.id)
    discord.invite(bot.id, guild.id)
    patreon.oauth.register("Patron roles", creator, campaign, [REDIRECT_URI], 1)
    return world
