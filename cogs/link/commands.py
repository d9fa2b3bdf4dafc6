"""The patrons' commands. What is stored is the use cases' business; the engine's reports edit the answers that wait."""

import io
from datetime import datetime, timedelta

import discord
from discord import app_commands
from discord.ext import commands

from bot.core.model import Cause, DiscordUserId, GuildId, Origin, RoleId
from bot.creators import OpenAnswer
from bot.discord_bot import Option, Panel, PatronRolesBot, UseCases, Waiting, ask, fresh_id, say, say_later, try_say
from bot.errors import LinkError, LinkProblem
from bot.linking import LIVE_AT_ONCE
from bot.sync.reports import PatronSynced, ReadFailed, Report
from bot.sync.turns import Turns
from bot.texts import commands as texts
from bot.texts import explain, outcomes
from cogs.link.export import to_json

COOL_DOWN = timedelta(seconds=60)
"""How long a patron waits before asking Patreon once more; it answers a hundred questions a minute for everybody."""


class _Refresh(Panel):
    """The button below /membership."""

    def __init__(self, cog: "LinkCog") -> None:
        super().__init__()
        self._cog = cog
        button: discord.ui.Button[Panel] = discord.ui.Button(label=texts.MEMBERSHIP_REFRESH, custom_id=fresh_id())
        button.callback = self._pressed  # type: ignore[method-assign]  # discord.py's own way to give one
        self.add_item(button)

    async def _pressed(self, interaction: discord.Interaction) -> None:
        await self._cog.refresh(interaction)


class LinkCog(commands.Cog):
    """Linking and what a patron may know and decide."""

    def __init__(self, bot: PatronRolesBot, use_cases: UseCases) -> None:
        self._bot = bot
        self._use = use_cases
        self._linking: Waiting[DiscordUserId, tuple[datetime, OpenAnswer]] = Waiting(use_cases.now)
        self._linked: Waiting[DiscordUserId, PatronSynced] = Waiting(use_cases.now)
        self._refreshing: Waiting[DiscordUserId, discord.Interaction] = Waiting(use_cases.now)
        self._turns = Turns()
        self._asked_at: dict[DiscordUserId, datetime] = {}

    @app_commands.command(name="link", description="Link your Patreon account, so that your roles follow your pledge")
    async def link(self, interaction: discord.Interaction) -> None:
        """Show the button with the personal address."""
        user = DiscordUserId(interaction.user.id)
        answer = OpenAnswer(_guild(interaction), interaction.application_id, interaction.token)
        url = await self._use.linking.begin(user, answer.guild, answer.application_id, answer.token)
        view = discord.ui.View()
        view.add_item(discord.ui.Button(label=texts.LINK_BUTTON, url=url))
        await say(interaction, texts.LINK, view=view)
        self._linking.add(user, (self._use.now(), answer))

    @app_commands.command(name="unlink", description="End the link to your Patreon account and give back its roles")
    async def unlink(self, interaction: discord.Interaction) -> None:
        """Ask first, naming the roles that go."""
        user = DiscordUserId(interaction.user.id)
        data = await self._use.personal.show(user)
        if data.link is None:
            raise LinkError(LinkProblem.NOT_LINKED)
        by_hand = {(grant.guild, grant.role) for grant in data.manual}
        held = [grant for grant in data.roles if grant.origin is Origin.OURS and grant.holding.there]
        ours = [grant for grant in held if (grant.guild, grant.role) not in by_hand]
        names: dict[RoleId, str] = {}
        live: set[GuildId] = set()
        for guild in {grant.guild for grant in ours}:
            names |= await self._use.syncs.names(guild)
            live |= {guild} if (await self._use.settings.load(guild)).policy.acts else set()
        roles = frozenset(grant.role for grant in ours if grant.guild in live)
        still = frozenset(grant.role for grant in ours if grant.guild not in live)
        answer = await ask(
            interaction,
            texts.unlink_question(roles, still, names),
            Option("yes", texts.UNLINK_YES, discord.ButtonStyle.danger),
            Option("no", texts.UNLINK_NO),
        )
        if answer is None:
            return
        if answer.key == "yes":
            await self._use.personal.unlink(user)
        done = texts.unlinked(roles, still, names)
        await say(answer.interaction, done if answer.key == "yes" else texts.UNLINK_KEPT)

    @app_commands.command(name="membership", description="Show what Patreon says of you, your roles and why you have them")
    async def membership(self, interaction: discord.Interaction) -> None:
        """Explain everything, with a button to ask Patreon again."""
        if await self._use.patrons.link(DiscordUserId(interaction.user.id)) is None:
            raise LinkError(LinkProblem.NOT_LINKED)
        await self._show(interaction)

    async def refresh(self, interaction: discord.Interaction) -> None:
        """Ask Patreon again, not more often than the cool-down allows; the answer follows with the engine's report."""
        user, now = DiscordUserId(interaction.user.id), self._use.now()
        again = self._asked_at.get(user, now - COOL_DOWN) + COOL_DOWN
        if now < again:
            await interaction.response.send_message(texts.busy(again), ephemeral=True)
            return
        self._asked_at = {other: at for other, at in self._asked_at.items() if at + COOL_DOWN > now} | {user: now}
        await interaction.response.defer()
        await self._show(interaction, texts.MEMBERSHIP_ASKED)
        self._refreshing.add(user, interaction)
        if not await self._use.syncs.somebody(user):
            raise LinkError(LinkProblem.NOT_LINKED)

    @app_commands.command(name="privacy", description="Show, export or delete what is stored about you")
    async def privacy(self, interaction: discord.Interaction) -> None:
        """Sum up what is stored, and offer both."""
        user = DiscordUserId(interaction.user.id)
        data = await self._use.personal.show(user)
        linked_at = data.link.linked_at if data.link else None
        answer = await ask(
            interaction,
            texts.stored(linked_at, len(data.memberships), len(data.roles), len(data.guilds)),
            Option("export", texts.PRIVACY_EXPORT),
            Option("delete", texts.PRIVACY_DELETE, discord.ButtonStyle.danger),
        )
        if answer is None:
            return
        if answer.key == "delete":
            await self._delete(answer.interaction, user)
            return
        file = discord.File(io.BytesIO(to_json(data)), filename="my-data.json")
        await say(answer.interaction, texts.PRIVACY_EXPORTED, file=file)

    async def _delete(self, interaction: discord.Interaction, user: DiscordUserId) -> None:
        answer = await ask(
            interaction,
            texts.PRIVACY_ASK,
            Option("yes", texts.PRIVACY_YES, discord.ButtonStyle.danger),
            Option("no", texts.PRIVACY_NO),
        )
        if answer is None:
            return
        if answer.key == "yes":
            await self._use.personal.erase(user)
        await say(answer.interaction, texts.PRIVACY_DONE if answer.key == "yes" else texts.PRIVACY_KEPT)

    @commands.Cog.listener("on_report")
    async def follow(self, report: Report) -> None:
        """Edit the answers that waited for somebody's sync."""
        match report:
            case PatronSynced():
                if report.patron is not None:
                    async with self._turns.of(report.user):
                        await self._tell_linked(report)
                # A membership that was refreshed stays up to date for as long as Discord lets it be edited.
                for interaction in self._refreshing.of(report.user):
                    if _guild(interaction) in (None, report.guild):
                        await self._show(interaction)
            case ReadFailed():
                for interaction in self._refreshing.of(report.user):
                    await self._show(interaction, texts.MEMBERSHIP_WAITS)
            case _:
                pass  # the rest is for staff

    async def _tell_linked(self, report: PatronSynced) -> None:
        """Edit the answers to /link."""
        answers = await self._answers(report)
        if answers:
            self._linked.add(report.user, report)
        for answer in answers:
            if answer.guild == report.guild:
                text = outcomes.linked(report, await self._use.syncs.names(report.guild))
                await say_later(self._bot, answer.application_id, answer.token, text)
            elif answer.guild is None:
                await say_later(self._bot, answer.application_id, answer.token, await self._everywhere(report.user))

    async def _answers(self, report: PatronSynced) -> list[OpenAnswer]:
        """Give those answers to /link that led to a link: of this process, or after a restart the stored one.

        A button that was not pressed yet stays. The report's cause does not tell: merged nudges keep the strongest.
        """
        # Of buttons beyond these the older have expired.
        if typed := self._linking.of(report.user)[-LIVE_AT_ONCE:]:
            link = await self._use.patrons.link(report.user)
            return [answer for at, answer in typed if link is not None and link.linked_at >= at]
        stored = await self._use.patrons.open_answer(report.user) if report.cause is Cause.LINKED else None
        return [stored] if stored else []

    async def _everywhere(self, user: DiscordUserId) -> str:
        """Sum up what a link came to in each server the person is in."""
        newest = {report.guild: report for report in self._linked.of(user)}
        theirs = [guild for guild in (await self._use.personal.show(user)).guilds if guild in newest]
        told = [(self._name(guild), newest[guild], await self._use.syncs.names(guild)) for guild in theirs]
        return outcomes.linked_everywhere(told)

    async def _show(self, interaction: discord.Interaction, news: str = "") -> None:
        """Explain the asker in this guild, or in each of theirs in a direct message, and how the last press goes."""
        user, here = DiscordUserId(interaction.user.id), _guild(interaction)
        guilds = [here] if here else (await self._use.personal.show(user)).guilds
        room = (explain.LIMIT - len(news) - 1) // max(len(guilds), 1) - 1
        told = [news] if news else []
        told += [await self._explain(guild, user, room) for guild in guilds] or [texts.NO_GUILD]
        await try_say(interaction, "\n".join(told), view=_Refresh(self))

    async def _explain(self, guild: GuildId, user: DiscordUserId, room: int) -> str:
        found = await self._use.previews.explain(guild, user)
        home = await self._use.campaigns.home(guild)
        return texts.membership(
            self._name(guild),
            found.prospect,
            found.memberships,
            home.role_names,
            home.by_id,
            broken_since=found.link.broken_since if found.link else None,
            room=room,
        )

    def _name(self, guild: GuildId) -> str:
        known = self._bot.get_guild(guild)
        return known.name if known else texts.UNKNOWN_GUILD


def _guild(interaction: discord.Interaction) -> GuildId | None:
    return GuildId(interaction.guild_id) if interaction.guild_id else None
