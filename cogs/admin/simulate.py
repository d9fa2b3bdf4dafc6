"""/simulate: what any membership would mean for a member, without touching anything. A creator is no patron of their own."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.core.model import DiscordUserId, GuildId, PatronStatus
from bot.creators import Home
from bot.creators.imagination import Imagined, imagine
from bot.discord_bot import Listing, UseCases, choices, listed, show_pages
from bot.texts import explain, staff
from bot.texts import patrons as texts

_STATUS = [app_commands.Choice(name=words, value=value) for value, words in staff.STATUSES.items()]


class SimulateCog(commands.Cog):
    """Trying out."""

    def __init__(self, use_cases: UseCases) -> None:
        self._use = use_cases

    @app_commands.command(name="simulate", description="Try what a membership would mean for a member; nothing is changed")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_roles=True)
    @app_commands.describe(
        member="For whom",
        status="How the membership stands",
        amount="How much a month or per creation, in the campaign's currency; empty: the tier's price",
        tier="On which tier",
        gift="A gifted membership",
        trial="A free trial",
        days="Declined: days since then. Former: days still paid for",
        lifetime="How much in all so far; 0 with a declined payment: it was their first",
        months="How many months as a patron",
    )
    @app_commands.choices(status=_STATUS)
    async def simulate(  # noqa: PLR0917 - discord.py makes the options of these
        self,
        interaction: discord.Interaction,
        member: discord.User,
        status: app_commands.Choice[str],
        amount: app_commands.Range[float, 0.0, 1_000_000.0] | None = None,
        tier: str | None = None,
        gift: bool = False,
        trial: bool = False,
        days: app_commands.Range[int, 0, 365] = 0,
        lifetime: app_commands.Range[float, 0.0, 1_000_000.0] | None = None,
        months: app_commands.Range[int, 0, 600] = 0,
    ) -> None:
        """Make the membership up and ask what follows from it."""
        guild, user = GuildId(interaction.guild_id or 0), DiscordUserId(member.id)
        home = await self._fresh_home(guild)
        campaign = home.campaign()
        wanted = Imagined(
            PatronStatus(status.value),
            amount_cents=_cents(amount),
            tier=home.tier(tier, campaign.campaign) if tier else None,
            gift=gift,
            trial=trial,
            days=days,
            lifetime_cents=_cents(lifetime),
            months=months,
        )
        membership = imagine(campaign, wanted, self._use.now())
        prospect = await self._use.previews.simulate(guild, user, membership, of=home.by_id)
        names = home.role_names | self._use.guilds.role_names(guild)
        told = texts.simulated(user, prospect, names, home.by_id)
        await show_pages(interaction, Listing(listed(told), foot=f"\n{texts.SIMULATED}"))

    @simulate.autocomplete("tier")
    async def _tiers(self, interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        home = await self._fresh_home(GuildId(interaction.guild_id or 0))
        campaign = home.campaign() if home.campaigns else None
        return choices(typed, [(explain.priced(tier, campaign), tier.tier) for tier in campaign.tiers] if campaign else [])

    async def _fresh_home(self, guild: GuildId) -> Home:
        """Load the guild's home with its tiers as Patreon has them now, as far as it says so in time."""
        await self._use.engine.descriptions.freshen((await self._use.campaigns.home(guild)).campaigns)
        return await self._use.campaigns.home(guild)


def _cents(amount: float | None) -> int | None:
    return None if amount is None else round(amount * 100)
