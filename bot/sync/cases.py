"""From stored rows to the cases the core decides on: for one person or a thousand at once, the same way (law 5).

Reads only. What is stored of a membership is brought up to the last complete list here: a row that list left unchanged
was read again by it.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from bot.core.case import Case
from bot.core.model import CampaignId, DiscordUserId, GuildId, Link, Membership, PatronId, RoleId, RoleRule, Source, TierId
from bot.core.readings import absent
from bot.store.records import CampaignState, GuildSettings
from bot.store.store import Store
from bot.store.tables import Tables
from bot.sync.blocks import Blocked, refused, told_keys

Memberships = Mapping[CampaignId, Membership]

CHUNK = 500
"""So many people are judged in one transaction."""


@dataclass(frozen=True, slots=True)
class GuildView:
    """What is the same for everybody in a guild during one piece of work.

    ``audited`` is false until it is known who had which managed role before us; no role moves until then. ``refused``
    are roles that Discord would not let us touch, and why.
    """

    settings: GuildSettings
    rules: tuple[RoleRule, ...]
    campaigns: Mapping[CampaignId, CampaignState]
    audited: bool
    refused: Blocked = field(default_factory=dict)

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


@dataclass(frozen=True, slots=True)
class Word:
    """What webhooks said of one person since Patreon was last asked. ``alone``: Patreon does not answer, so it counts."""

    readings: Memberships = field(default_factory=dict)
    alone: bool = False


def with_word(case: Case, word: Word) -> Case:
    """Return the case as webhooks tell it, where no answer of Patreon's is later."""
    later = {
        campaign: reading
        for campaign, reading in word.readings.items()
        if campaign not in case.memberships or case.memberships[campaign].serial < reading.serial
    }
    return replace(case, memberships={**case.memberships, **later}, unanswered=frozenset(later if word.alone else ()))


def audited_key(guild: GuildId) -> str:
    """Name the fact that says for which roles a guild's holders are known."""
    return f"audited_roles:{guild}"


async def load_view(t: Tables, guild: GuildId) -> GuildView:
    """Load what is the same for everybody in a guild."""
    settings = await t.guilds.load(guild)
    rules = await t.rules.of_guild(guild)
    campaigns = {state.campaign.campaign: state for state in await t.campaigns.load_all()}
    facts = await t.facts.beginning_with(told_keys(guild), audited_key(guild))
    known = frozenset(facts.pop(audited_key(guild), "").split())
    audited = settings.audited_at is not None and all(str(rule.role) in known for rule in rules)
    return GuildView(settings, rules, campaigns, audited, refused(facts))


async def load_memberships(
    t: Tables, patrons: Iterable[PatronId], view_of: Mapping[CampaignId, CampaignState]
) -> dict[PatronId, dict[CampaignId, Membership]]:
    """Load memberships as they stand after the last complete lists."""
    found = await t.memberships.load_many(patrons)
    return {
        patron: {campaign: confirmed(membership, view_of.get(campaign)) for campaign, membership in rows.items()}
        for patron, rows in found.items()
    }


def confirmed(membership: Membership, state: CampaignState | None) -> Membership:
    """Bring a stored membership up to the last complete list, which said the same of it again."""
    if state is None or state.refreshed_at is None or state.refreshed_serial <= membership.serial:
        return membership
    return replace(membership, observed_at=state.refreshed_at, serial=state.refreshed_serial, source=Source.LIST)


def _with_absent(patron: PatronId, rows: Mapping[CampaignId, Membership], view: GuildView) -> dict[CampaignId, Membership]:
    """Add what a list says of somebody it never named: that there is no membership.

    Not where a row of it could not be read, since that may have been theirs.
    """
    unnamed = {
        campaign: absent(patron, campaign, state.refreshed_at, serial=state.refreshed_serial, source=Source.LIST)
        for campaign, state in view.campaigns.items()
        if state.refreshed_at and not state.unreadable and campaign not in rows
    }
    return {**rows, **unnamed}


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
    pending = await t.presence.pending(guild, users)
    manual = await t.manual.of_users(guild, users)
    doubts = await t.doubts.of_users(guild, users)
    earned = await load_earned(t, view.guild, view.rules, [link.patron for link in people.values() if link])
    return {
        user: Case(
            guild=guild,
            user=user,
            linked=link is not None,
            present=present.get(user, False),
            policy=view.settings.policy,
            rules=view.rules,
            memberships=_with_absent(link.patron, memberships.get(link.patron, {}), view) if link else {},
            manual=tuple(manual.get(user, ())),
            ledger=ledger.get(user, {}),
            doubts=doubts.get(user, {}),
            unreadable=view.unreadable,
            broken_since=link.broken_since if link else None,
            earned=earned.get(link.patron, {}) if link else {},
            pending=user in pending,
        )
        for user, link in people.items()
    }


async def load_earned(
    t: Tables, guild: GuildId, rules: Iterable[RoleRule], patrons: Iterable[PatronId]
) -> dict[PatronId, dict[int, datetime]]:
    """Load what patrons earned for good in a guild; without a sticky rule there is nothing to ask for."""
    return await t.earned.of_patrons(guild, patrons) if any(rule.sticky for rule in rules) else {}


async def load_case(t: Tables, guild: GuildId, user: DiscordUserId) -> tuple[GuildView, Link | None, Case]:
    """Load one person's case in a guild, with what it was made of."""
    view = await load_view(t, guild)
    link = await t.links.load(user)
    return view, link, (await load_cases(t, view, {user: link}))[user]


async def everybody(store: Store, guild: GuildId) -> AsyncIterator[dict[DiscordUserId, Link | None]]:
    """Go through the linked people in a guild, then those without a link who have a ledger there or a role by hand.

    A transaction for each batch; nobody comes twice.
    """
    after: DiscordUserId | None = None
    while True:
        async with store.read() as t:
            links = await t.links.in_guild(guild, after, CHUNK)
        if not links:
            break
        yield {link.user: link for link in links}
        after = links[-1].user
    after = None
    while True:
        async with store.read() as t:
            users = await t.ledger.users(guild, after, CHUNK)
            linked = await t.links.linked_users(users)
        if not users:
            break
        yield {user: None for user in users if user not in linked}
        after = users[-1]
    async with store.read() as t:
        by_hand = {grant.user for grant in await t.manual.of_guild(guild)}
        passed = {*await t.links.linked_users(by_hand), *await t.ledger.of_users(guild, by_hand)}
    if rest := by_hand - passed:
        yield dict.fromkeys(sorted(rest))
