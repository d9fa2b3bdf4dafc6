"""/roles add, remove, list, preview, adopt. What a rule means is the core's, whether one may be made the use case's."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.core.model import CampaignId, Condition, ConditionKind, DiscordUserId, GuildId, Policy, RoleId, RoleRule, TierId
from bot.creators import Draft, Home
from bot.discord_bot import Listing, Option, UseCases, ask, choices, listed, say, show_pages
from bot.discord_bot.ranks import check_giving, check_moving
from bot.errors import RuleRefused
from bot.texts import explain
from bot.texts import staff as texts

WHEN = [app_commands.Choice(name=words, value=kind.value) for kind, words in texts.CONDITIONS.items()]


@app_commands.guild_only()
@app_commands.default_permissions(manage_roles=True)
class RolesCog(commands.GroupCog, group_name="roles", group_description="Which pledge gives which role"):
    """The rules of a guild."""

    def __init__(self, use_cases: UseCases) -> None:
        self._use = use_cases

    @app_commands.command(name="add", description="Make a rule: a condition that gives a role")
    @app_commands.describe(
        role="The role to give",
        when="What a patron must fulfil",
        tier="For a tier: which one",
        amount="For an amount: how much, in the campaign's currency",
        months="For months: how many",
        group="Rules of one group may compete; see /settings",
        sticky="Keep the role once it was earned",
        campaign="Which campaign, when there are several",
    )
    @app_commands.choices(when=WHEN)
    async def add(  # noqa: PLR0917 - discord.py makes the options of these
        self,
        interaction: discord.Interaction,
        role: discord.Role,
        when: app_commands.Choice[str],
        tier: str | None = None,
        amount: app_commands.Range[float, 0.01, 1_000_000.0] | None = None,
        months: app_commands.Range[int, 1, 600] | None = None,
        group: app_commands.Range[str, 1, 40] | None = None,
        sticky: bool = False,
        campaign: str | None = None,
    ) -> None:
        """Show what the rule would do, then ask."""
        candidate = check_giving(interaction, self._use.guilds, RoleId(role.id))
        if tier is not None:
            await self._fresh_home(interaction)
        kind = ConditionKind(when.value)
        condition = _condition(kind, TierId(tier) if tier else None, amount, months)
        wanted = CampaignId(campaign) if campaign else None
        draft = Draft(RoleId(role.id), condition, wanted, group, sticky)
        rule = await self._use.rules.draft(_guild(interaction), draft)
        moved = await self._use.rules.moved_by(rule)
        check_moving(interaction, moved)
        effect = await self._use.rules.effect_of_adding(rule)
        line = explain.rule(rule, {rule.role: role.name}, (await self._home(interaction)).by_id.get(rule.campaign))
        warning = texts.powers(candidate.powers) if candidate.powers else ""
        answer = await ask(
            interaction,
            texts.rule_question(line, effect, warning),
            Option("yes", texts.YES_POWERS if warning else texts.YES_SAVE, discord.ButtonStyle.success),
            Option("no", texts.NO_LEAVE),
        )
        if answer is None:
            return
        if answer.key == "yes":
            check_giving(answer.interaction, self._use.guilds, rule.role)
            check_moving(answer.interaction, moved)
            saved = await self._use.rules.add(rule)
            await say(answer.interaction, texts.rule_saved(saved.rule, line, effect, await self._policy(interaction)))
        else:
            await say(answer.interaction, texts.CANCELLED)

    @app_commands.command(name="remove", description="Remove a rule; you are asked what happens to its role")
    @app_commands.describe(rule="Which rule")
    async def remove(self, interaction: discord.Interaction, rule: int) -> None:
        """Show what follows, then ask whether the role stays or goes."""
        found = await self._use.rules.load(_guild(interaction), rule)
        moved = await self._use.rules.moved_by(found)
        check_moving(interaction, moved)
        effect, last = await self._use.rules.effect_of_removing(found)
        line = _line(found, await self._home(interaction))
        go = Option("go", texts.YES_GO if last else texts.YES_REMOVE, discord.ButtonStyle.danger)
        stay = [Option("stay", texts.YES_STAY)] if last else []
        question = texts.removal_question(line, effect, last=last)
        answer = await ask(interaction, question, go, *stay, Option("no", texts.NO_LEAVE))
        if answer is None:
            return
        if answer.key == "no":
            await say(answer.interaction, texts.CANCELLED)
            return
        check_moving(answer.interaction, moved)
        stays = answer.key == "stay"
        await self._use.rules.remove(found, stays=stays)
        policy = await self._policy(interaction)
        await say(answer.interaction, texts.rule_removed(line, effect, policy, stays=stays, last=last))

    @app_commands.command(name="list", description="Show all rules")
    async def list_rules(self, interaction: discord.Interaction) -> None:
        """List the rules with their numbers."""
        home = await self._home(interaction)
        rules = await self._use.rules.of_guild(_guild(interaction))
        lines = [texts.numbered(rule.rule, _line(rule, home)) for rule in rules]
        await show_pages(interaction, Listing(listed(lines), texts.NO_RULES, texts.rule_list_foot(home.settings.policy)))

    @app_commands.command(name="preview", description="Show what the rules would change now, without changing it")
    async def preview(self, interaction: discord.Interaction) -> None:
        """Say what is left to do here."""
        await say(interaction, texts.preview(await self._use.previews.outlook(_guild(interaction))))

    @app_commands.command(
        name="adopt", description="Count a role's present holders as given by me, to move from another bot"
    )
    @app_commands.describe(role="The role whose holders I take over")
    async def adopt(self, interaction: discord.Interaction, role: discord.Role) -> None:
        """Read who holds the role, say how many, then ask."""
        guild, wanted = _guild(interaction), RoleId(role.id)
        check_giving(interaction, self._use.guilds, wanted)
        await self._use.rules.check_adoptable(guild, wanted)
        holders: set[DiscordUserId] = set()
        async for page in self._use.guilds.read_members(guild):
            holders |= {user for user, member in page if wanted in member.roles}
        linked = await self._use.rules.linked_among(holders)
        answer = await ask(
            interaction,
            texts.adopt_question(role.name, len(holders), linked),
            Option("yes", texts.YES_ADOPT, discord.ButtonStyle.danger),
            Option("no", texts.NO_LEAVE),
        )
        if answer is None:
            return
        if answer.key == "yes":
            check_giving(answer.interaction, self._use.guilds, wanted)
            await say(answer.interaction, texts.adopted(await self._use.rules.adopt(guild, wanted, holders)))
        else:
            await say(answer.interaction, texts.CANCELLED)

    @add.autocomplete("tier")
    async def _tiers(self, interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        home = await self._fresh_home(interaction)
        wanted = getattr(interaction.namespace, "campaign", None)
        campaigns = [each for key, each in home.by_id.items() if wanted in (None, "", key)]
        return choices(
            typed,
            [(explain.priced(tier, each), str(tier.tier)) for each in campaigns for tier in each.tiers],
        )

    @add.autocomplete("campaign")
    async def _campaigns(self, interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        home = await self._home(interaction)
        return choices(
            typed, [(explain.bare(explain.campaign_name(each.name)), str(key)) for key, each in home.by_id.items()]
        )

    @remove.autocomplete("rule")
    async def _rules(self, interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[int]]:
        home = await self._home(interaction)
        rules = await self._use.rules.of_guild(_guild(interaction))
        named = choices(str(typed), [(f"{rule.rule}: {explain.bare(_line(rule, home))}", str(rule.rule)) for rule in rules])
        return [app_commands.Choice(name=choice.name, value=int(choice.value)) for choice in named]

    async def _policy(self, interaction: discord.Interaction) -> Policy:
        return (await self._use.settings.load(_guild(interaction))).policy

    async def _fresh_home(self, interaction: discord.Interaction) -> Home:
        """Load the guild's home with its tiers as Patreon has them now, as far as it says so in time."""
        await self._use.engine.descriptions.freshen((await self._home(interaction)).campaigns)
        return await self._home(interaction)

    async def _home(self, interaction: discord.Interaction) -> Home:
        """Load the guild's home, its role names as Discord says them now."""
        guild = _guild(interaction)
        home = await self._use.campaigns.home(guild)
        return Home(home.settings, home.campaigns, home.role_names | self._use.guilds.role_names(guild))


def _guild(interaction: discord.Interaction) -> GuildId:
    return GuildId(interaction.guild_id or 0)


def _line(rule: RoleRule, home: Home) -> str:
    return explain.rule(rule, home.role_names, home.by_id.get(rule.campaign))


def _condition(kind: ConditionKind, tier: TierId | None, amount: float | None, months: int | None) -> Condition:
    """Make a condition of the options that belong to its kind; what is missing the use case refuses.

    Raise RuleRefused for an option of another kind: whoever typed it believes that it counts.
    """
    given = {"tier": tier, "amount": amount, "months": months}
    unused = [name for name, value in given.items() if value is not None and name != _option_of(kind)]
    if unused:
        raise RuleRefused(texts.unused_options(unused, kind))
    if kind in {ConditionKind.MONTHS, ConditionKind.MONTHS_IN_A_ROW}:
        return Condition(kind, threshold=months or 0)
    return Condition(kind, threshold=round((amount or 0) * 100), tier=tier)


def _option_of(kind: ConditionKind) -> str | None:
    """Name the option that says more of a condition."""
    match kind:
        case ConditionKind.TIER:
            return "tier"
        case ConditionKind.AMOUNT | ConditionKind.LIFETIME:
            return "amount"
        case ConditionKind.MONTHS | ConditionKind.MONTHS_IN_A_ROW:
            return "months"
        case (
            ConditionKind.PAYING | ConditionKind.FREE | ConditionKind.GIFT_OR_TRIAL | ConditionKind.FORMER
        ):  # pragma: no branch - mypy knows that there is no other
            return None
