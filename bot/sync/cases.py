"""From stored rows to the cases the core decides on: for one person or a thousand at once, the same way (law 5).

Reads only. What is stored of a membership is brought up to the last complete list here: a row that list left unchanged
was read again by it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from bot.core.case import Case
from bot.core.model import CampaignId, DiscordUserId, GuildId, Link, Membership, PatronId, RoleId, RoleRule, TierId
from bot.store.records import CampaignState, GuildSettings
from bot.store.tables import Tables

Memberships = Mapping[CampaignId, Membership]


@dataclass(frozen=True, slots=True)
class GuildView:
    """What is the same for everybody in a guild during one piece of work.

    ``audited`` is false until it is known who had which managed role before us; no role moves until then.
    """

    settings: GuildSettings
    rules: tuple[RoleRule, ...]
    campaigns: Mapping[CampaignId, CampaignState]
    audited: bool

    @property
    def guild(self) -> GuildId:
        """Which guild it is."""
        return self.settings.guild

    @property
    def managed(self) -> frozenset[RoleId]:
        """The roles some rule names."""
        return frozenset(rule.role for rule in self.rules)

    @property
    def unreadable(self) -> frozenset[CampaignId]:
        """The campaigns whose answers count against nobody now."""
        return frozenset(campaign for campaign, state in self.campaigns.items() if state.frozen_since is not None)

    @property
    def tiers(self) -> dict[TierId, str]:
        """The titles of all tiers of the guild's campaigns."""
        return {tier.tier: tier.title for state in self.campaigns.values() for tier in state.campaign.tiers}


def audited_key(guild: GuildId) -> str:
    """Name the fact that says for which roles a guild's holders are known."""
    return f"audited_roles:{guild}"


async def load_view(t: Tables, guild: GuildId) -> GuildView:
    """Load what is the same for everybody in a guild."""
    settings = await t.guilds.load(guild)
    rules = await t.rules.of_guild(guild)
    campaigns = {state.campaign.campaign: state for state in await t.campaigns.load_all()}
    known = frozenset((await t.facts.get(audited_key(guild)) or "").split())
    audited = settings.audited_at is not None and all(str(rule.role) in known for rule in rules)
    return GuildView(settings, rules, campaigns, audited)


async def load_memberships(
    t: Tables, patrons: Iterable[PatronId], view_of: Mapping[CampaignId, CampaignState]
) -> dict[PatronId, dict[CampaignId, Membership]]:
    """Load memberships as they stand after the last complete lists."""
    found = await t.memberships.load_many(patrons)
    return {
        patron: {campaign: _confirmed(membership, view_of.get(campaign)) for campaign, membership in rows.items()}
        for patron, rows in found.items()
    }


def _confirmed(membership: Membership, state: CampaignState | None) -> Membership:
    read_at = state.refreshed_at if state else None
    if read_at is None or read_at <= membership.observed_at:
        return membership
    return replace(membership, observed_at=read_at)


async def load_cases(
    t: Tables,
    view: GuildView,
    people: Mapping[DiscordUserId, Link | None],
    *,
    fresh: Mapping[PatronId, Memberships] | None = None,
) -> dict[DiscordUserId, Case]:
    """Load the cases of people in one guild; ``fresh`` readings stand in for the stored ones."""
    guild = view.guild
    users = list(people)
    memberships = await load_memberships(t, [link.patron for link in people.values() if link], view.campaigns)
    for patron, rows in (fresh or {}).items():
        memberships.setdefault(patron, {}).update(rows)
    ledger = await t.ledger.of_users(guild, users)
    present = await t.presence.of_users(guild, users)
    manual = await t.manual.of_users(guild, users)
    doubts = await t.doubts.of_users(guild, users)
    return {
        user: Case(
            guild=guild,
            user=user,
            linked=link is not None,
            present=present.get(user, False),
            policy=view.settings.policy,
            rules=view.rules,
            memberships=memberships.get(link.patron, {}) if link else {},
            manual=tuple(manual.get(user, ())),
            ledger=ledger.get(user, {}),
            doubts=doubts.get(user, {}),
            unreadable=view.unreadable,
            broken_since=link.broken_since if link else None,
        )
        for user, link in people.items()
    }
