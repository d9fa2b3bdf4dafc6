"""What follows from a link, for the page that says so; decided by the same ``reconcile`` as everywhere (law 5).

Nothing is granted or fetched here. The engine decides again with fresh readings; this only tells a person what to expect.
"""

from dataclasses import dataclass
from datetime import datetime

from bot.core.case import Case, Decision
from bot.core.model import Campaign, GuildId, Link, Membership, PatronStatus, Policy, RoleId
from bot.core.reconcile import reconcile
from bot.store import Tables

Readings = tuple[Membership, ...]


@dataclass(frozen=True, slots=True)
class RoleAhead:
    """A role that follows from the link; ``name`` as Discord last said it."""

    guild: GuildId
    role: RoleId
    name: str | None


@dataclass(frozen=True, slots=True)
class Linked:
    """The result of ``finish``.

    ``not_patron_of`` are the served campaigns that the patron does not support, when no role follows. ``pending``:
    Patreon did not answer, so nothing is known yet. ``present`` is False when the user is known to be outside a guild.
    ``paused`` and ``shadow``: a guild in this state would give roles too; they are not among ``roles``, for none comes.
    ``screened``: some of ``roles`` come once the user accepts the rules of the server.
    """

    link: Link
    roles: tuple[RoleAhead, ...]
    not_patron_of: tuple[Campaign, ...]
    pending: bool
    present: bool
    paused: bool = False
    shadow: bool = False
    screened: bool = False


async def look_ahead(t: Tables, link: Link, here: GuildId | None, readings: Readings | None, now: datetime) -> Linked:
    """Look at every guild the user is known in, ``here`` first; ``readings`` are None when Patreon did not answer."""
    roles: list[RoleAhead] = []
    present, paused, shadow, screened = True, False, False, False
    for guild in dict.fromkeys([*([here] if here else []), *await t.guilds_of(link.user)]):
        policy = (await t.guilds.load(guild)).policy
        decision = await _decide(t, guild, policy, link, now)
        found = decision.desired
        if policy.paused or policy.shadow:
            paused |= policy.paused and bool(found)
            shadow |= policy.shadow and bool(found)
        else:
            screened |= bool(decision.screened)
            names = await t.guilds.role_names(guild)
            roles += [RoleAhead(guild, role, names.get(role)) for role in sorted(found)]
        present &= await t.presence.present(guild, link.user) is not False
    told = bool(roles) or paused or shadow
    return Linked(
        link,
        tuple(roles),
        () if told or readings is None else await _not_supported(t, readings),
        pending=readings is None and not told,
        present=present,
        paused=paused,
        shadow=shadow,
        screened=screened,
    )


async def _decide(t: Tables, guild: GuildId, policy: Policy, link: Link, now: datetime) -> Decision:
    case = Case(
        guild=guild,
        user=link.user,
        linked=True,
        present=True,
        policy=policy,
        rules=tuple(await t.rules.of_guild(guild)),
        memberships=await t.memberships.load_all(link.patron),
        manual=tuple(await t.manual.of(guild, link.user)),
        ledger=await t.ledger.of(guild, link.user),
        earned=(await t.earned.of_patrons(guild, [link.patron])).get(link.patron, {}),
        pending=bool(await t.presence.pending(guild, [link.user])),
    )
    return reconcile(case, now)


async def _not_supported(t: Tables, readings: Readings) -> tuple[Campaign, ...]:
    lapsed = {PatronStatus.NONE, PatronStatus.FORMER}
    supported = {reading.campaign for reading in readings if reading.status not in lapsed}
    states = await t.campaigns.load_all()
    return tuple(state.campaign for state in states if state.campaign.campaign not in supported)
