"""Which roles follow from what is stored, for the page that says so; the same ``reconcile`` as everywhere (law 5).

Nothing is granted or fetched here. The engine decides again with fresh readings; this only tells a person what to expect.
"""

from datetime import datetime

from bot.core.case import Case
from bot.core.model import GuildId, Link, RoleId
from bot.core.reconcile import reconcile
from bot.store import Tables


async def roles_ahead(t: Tables, guild: GuildId, link: Link, now: datetime) -> frozenset[RoleId]:
    """Give the managed roles that a linked user should have in a guild."""
    settings = await t.guilds.load(guild)
    case = Case(
        guild=guild,
        user=link.user,
        linked=True,
        present=True,
        policy=settings.policy,
        rules=tuple(await t.rules.of_guild(guild)),
        memberships=await t.memberships.load_all(link.patron),
        manual=tuple(await t.manual.of(guild, link.user)),
        ledger=await t.ledger.of(guild, link.user),
    )
    return reconcile(case, now).desired
