"""Ready-made worlds for the demo, the tests and the bench. Only verbs of the world are used here; nothing is served.

Every name is fictional. In each world there is one guild, one bot, one Patreon client, and the first campaign is Clara's.
"""

from datetime import timedelta

from sandbox.world import Clock, World
from sandbox.world import patreon_billing as billing
from sandbox.world.patreon_model import Campaign

BOT_TOKEN = "sandbox-bot-token"
REDIRECT_URI = "http://127.0.0.1:8080/oauth/redirect"
TIERS = {"Bronze": 300, "Silver": 500, "Gold": 1000}
"""The paid tiers of Clara's campaign and their cents a month; the guild has a role of each name."""


def small_world(
    *, redirect_uri: str = REDIRECT_URI, client_version: int = 1, clock: Clock | None = None, past: bool = False
) -> World:
    """Return Clara's campaign and guild with Ann (patron of Silver), Ben (nobody's patron) and Finn (patron of Dan only).

    A client of version 1 may speak both APIs. ``past``: Ann and Finn pledged 20 days before, on a clock of the world's own.
    """
    world = World.empty(clock or Clock(behind=timedelta(days=20 if past else 0)))
    _campaigns(world)
    people = ("Ann", "Ben", "Finn")
    for name in people:
        world.patreon.add_account(name, "Example")
    world.patreon.pledge("Ann", tier="Silver")
    world.patreon.pledge("Finn", "dan", tier="Choir")
    if past:
        world.clock.move(timedelta(days=20))
    _guild(world, people)
    _client(world, redirect_uri, client_version)
    return world


def demo_world(*, redirect_uri: str = REDIRECT_URI, client_version: int = 1) -> World:
    """Return a world with six weeks behind it and one patron of each kind, in which the demo's story can begin with Ann.

    Ann pays for Silver, Ben for nothing, Finn for Dan only, Gil is declined, Hana has cancelled, Ivo is on trial, Jo has a
    gift, Kim is a free member, Lea pays by the year, Max pays what he likes, Nia was a patron once.
    """
    world = World.empty(Clock(behind=timedelta(days=42)))
    patreon = world.patreon
    _campaigns(world)
    people = ("Ann", "Ben", "Finn", "Gil", "Hana", "Ivo", "Jo", "Kim", "Lea", "Max", "Nia")
    for name in people:
        patreon.add_account(name, "Example")
    patreon.pledge("Nia", tier="Bronze")
    patreon.pledge("Lea", tier="Gold", cadence=12)
    patreon.cancel("Nia")
    world.clock.move(timedelta(days=8))
    patreon.pledge("Gil", tier="Silver")
    patreon.break_card("Gil")
    world.clock.move(timedelta(days=14))
    patreon.pledge("Ann", tier="Silver")
    patreon.pledge("Finn", "dan", tier="Choir")
    patreon.pledge("Hana", tier="Gold")
    patreon.pledge("Max", cents=700)
    world.clock.move(timedelta(days=18))
    patreon.cancel("Hana")
    patreon.join_free("Kim")
    patreon.gift("Jo", "Gold", months=3)
    patreon.trial("Ivo", "Bronze", days=7)
    world.clock.move(timedelta(days=2))
    _guild(world, people)
    _client(world, redirect_uri, client_version)
    return world


def crowd(world: World, count: int, *, campaign: Campaign | str | None = None, first_discord_id: int | None = None) -> None:
    """Add ``count`` paying patrons to a campaign without telling webhooks, spread over its paid tiers in turn.

    With ``first_discord_id``, the patrons have connected Discord accounts of consecutive ids.
    """
    patreon = world.patreon
    page = patreon.campaign(campaign)
    tiers = [tier for tier in page.tiers.values() if tier.amount_cents]
    begun = world.clock.now() - timedelta(days=1)
    for number in range(count):
        discord_id = first_discord_id + number if first_discord_id is not None else None
        account = patreon.add_account(f"Patron{number}", "Example", discord_id=discord_id)
        membership = patreon.enroll(account, page)
        tier = tiers[number % len(tiers)]
        at = begun + timedelta(milliseconds=number)
        billing.promise(membership, tier=tier, cents=tier.amount_cents, cadence=1, now=at)
        membership.pledge_id, membership.pledged_at = patreon.new_pledge_id(), at
        billing.charge(membership, at)
        patreon.settled(membership)


def _campaigns(world: World) -> None:
    patreon = world.patreon
    patreon.add_account("Clara", "Example")
    patreon.add_account("Dan", "Example")
    paints = patreon.add_campaign("Clara", "Clara paints", "clara")
    for title, cents in TIERS.items():
        patreon.add_tier(paints, title, cents)
    patreon.add_post(paints, "Welcome", "<p>What I paint, and why.</p>")
    patreon.add_goal(paints, "A bigger studio", 50_000)
    sings = patreon.add_campaign("Dan", "Dan sings", "dan")
    patreon.add_tier(sings, "Choir", 400)


def _guild(world: World, people: tuple[str, ...]) -> None:
    discord = world.discord
    clara = discord.add_user("clara")
    guild = discord.add_guild("Clara's studio", owner=clara.id)
    for name in ("Bronze", "Silver", "Gold"):
        discord.add_role(guild.id, name)
    discord.add_channel(guild.id, "staff")
    for name in people:
        discord.join(guild.id, discord.add_user(name.lower()).id)
    bot = discord.add_bot("patron-roles", BOT_TOKEN, owner=clara.id)
    discord.invite(bot.id, guild.id)


def _client(world: World, redirect_uri: str, version: int) -> None:
    clara = world.patreon.account("Clara")
    campaign = world.patreon.campaign_of(clara)
    world.patreon.oauth.register("Patron roles", clara, campaign, [redirect_uri], version)
