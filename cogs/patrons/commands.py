"""/patrons show, explain, list, export, stats, grant, ungrant. Nothing here decides who is entitled."""

import io
from collections.abc import AsyncGenerator
from contextlib import aclosing

import discord
from discord import app_commands
from discord.ext import commands

from bot.core.model import DiscordUserId, GuildId, RoleId
from bot.creators import Home, PatronRow, Which
from bot.creators.manual import Asked
from bot.discord_bot import Listing, UseCases, listed, say, show_pages
from bot.discord_bot.pages import Lines
from bot.discord_bot.ranks import check_giving, check_moving
from bot.sync import Explanation
from bot.texts import patrons as texts
from bot.texts import staff

WHICH = [app_commands.Choice(name=words, value=value) for value, words in staff.LISTS.items()]


@app_commands.guild_only()
@app_commands.default_permissions(manage_roles=True)
class PatronsCog(commands.GroupCog, group_name="patrons", group_description="Who your patrons are and why they have roles"):
    """The patrons of a guild."""

    def __init__(self, use_cases: UseCases) -> None:
        self._use = use_cases

    @app_commands.command(name="show", description="Show what is known of a member's membership")
    @app_commands.describe(member="Whom")
    async def show(self, interaction: discord.Interaction, member: discord.User) -> None:
        """Show the link, the memberships and what they are worth."""
        user, guild = DiscordUserId(member.id), _guild(interaction)
        home, found = await self._explanation(guild, user)
        await say(interaction, texts.shown(user, found.link, found.memberships, found.decision.entitlements, home.by_id))

    @app_commands.command(name="explain", description="Explain why a member has each role or not, and what comes next")
    @app_commands.describe(member="Whom")
    async def explain(self, interaction: discord.Interaction, member: discord.User) -> None:
        """Explain every rule, the ledger, and what is due."""
        user, guild = DiscordUserId(member.id), _guild(interaction)
        home, found = await self._explanation(guild, user)
        told = texts.explained(
            user,
            found.prospect,
            ledger=found.ledger,
            manual=found.manual,
            held=found.held,
            names=home.role_names,
            campaigns=home.by_id,
        )
        done = [texts.log_line(each.at, each.action.value, each.role, each.detail, home.role_names) for each in found.log]
        await show_pages(interaction, Listing(listed([*told, *(done or [texts.NO_LOG])])))

    @app_commands.command(name="list", description="List linked patrons, or the roles given by hand")
    @app_commands.describe(which="Whom to list")
    @app_commands.choices(which=WHICH)
    async def list_patrons(self, interaction: discord.Interaction, which: app_commands.Choice[str] | None = None) -> None:
        """List a page, with a button for the next."""
        guild = _guild(interaction)
        chosen = which.value if which else Which.EVERYBODY.value
        home = await self._use.campaigns.home(guild)
        if chosen == staff.BY_HAND:
            given = [staff.manual(grant, home.role_names) for grant in await self._use.manual.of_guild(guild)]
            await show_pages(interaction, Listing(listed(given), staff.NO_GRANTS))
        else:
            await show_pages(interaction, Listing(self._people(guild, home, Which(chosen)), texts.NOBODY))

    @app_commands.command(name="export", description="Get all linked patrons as a CSV file that only you see")
    async def export(self, interaction: discord.Interaction) -> None:
        """Send the file."""
        data = await self._use.patrons.export(_guild(interaction))
        await say(interaction, staff.EXPORTED, file=discord.File(io.BytesIO(data), filename="patrons.csv"))

    @app_commands.command(name="stats", description="Show the campaign in numbers: patrons, tiers, links")
    async def stats(self, interaction: discord.Interaction) -> None:
        """Count."""
        found = await self._use.patrons.stats(_guild(interaction))
        told = [
            texts.stats(
                each.campaign,
                reasons=each.reasons,
                active=each.active,
                linked=each.linked,
                no_tier=each.no_tier,
                new=each.new,
                sums=each.sums,
                next_end=each.next_end,
                tiers=each.tiers,
            )
            for each in found
        ]
        lines = "\n".join(told).splitlines()
        await show_pages(interaction, Listing(listed(lines), texts.STATS_NOTHING))

    @app_commands.command(name="grant", description="Give a role by hand, with a reason and an end, whatever Patreon says")
    @app_commands.describe(
        member="To whom", role="Which role", reason="Why, for your own list", days="For how long; empty: for good"
    )
    async def grant(
        self,
        interaction: discord.Interaction,
        member: discord.Member,
        role: discord.Role,
        reason: app_commands.Range[str, 1, 200],
        days: app_commands.Range[int, 1, 3650] | None = None,
    ) -> None:
        """Store the grant; the engine gives the role."""
        check_giving(interaction, self._use.guilds, RoleId(role.id))
        asked = Asked(
            _guild(interaction), DiscordUserId(member.id), RoleId(role.id), reason, DiscordUserId(interaction.user.id), days
        )
        given = await self._use.manual.grant(asked)
        policy = (await self._use.settings.load(given.guild)).policy
        await say(interaction, staff.granted(given, {given.role: role.name}, policy))

    @app_commands.command(name="ungrant", description="End a role that was given by hand")
    @app_commands.describe(member="Whose", role="Which role")
    async def ungrant(self, interaction: discord.Interaction, member: discord.User, role: discord.Role) -> None:
        """End the grant; the engine takes the role unless a rule gives it."""
        user, wanted = DiscordUserId(member.id), RoleId(role.id)
        check_moving(interaction, [wanted])
        await self._use.manual.end(_guild(interaction), user, wanted)
        policy = (await self._use.settings.load(_guild(interaction))).policy
        await say(interaction, staff.ungranted(user, wanted, {wanted: role.name}, policy))

    def _people(self, guild: GuildId, home: Home, which: Which) -> Lines:
        """List people, a line for each of the guild's campaigns."""

        async def behind(place: int) -> AsyncGenerator[tuple[int, str], None]:
            async with aclosing(self._use.patrons.listed(guild, which, DiscordUserId(place))) as people:
                async for rows in people:
                    yield rows[0].link.user, "\n".join(_row(row, home) for row in rows)

        return behind

    async def _explanation(self, guild: GuildId, user: DiscordUserId) -> tuple[Home, Explanation]:
        """Gather what concerns this guild: whose patron somebody is elsewhere is nobody's business here."""
        home = await self._use.campaigns.home(guild)
        home.campaign()
        return home, await self._use.previews.explain(guild, user, of=home.by_id)


def _guild(interaction: discord.Interaction) -> GuildId:
    return GuildId(interaction.guild_id or 0)


def _row(row: PatronRow, home: Home) -> str:
    campaign = home.by_id.get(row.campaign)
    return texts.row(
        row.link.user, row.entitlement, row.membership, campaign=campaign, roles=row.roles, names=home.role_names
    )
