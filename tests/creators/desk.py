"""All use cases of creators over one store, and linked people to use them on."""

from collections.abc import Callable
from datetime import datetime

from bot.core.model import (
    Condition,
    ConditionKind,
    DiscordUserId,
    GuildId,
    TierId,
)
from bot.creators import Campaigns, ManualGrants, Patrons, Rules, Settings, Syncs
from bot.store import Store
from bot.store.records import NudgeKind
from bot.sync import Previews
from tests.store.makers import GUILD, NOW, link, membership
from tests.sync.doubles import GuildsDouble

Clock = Callable[[], datetime]
PAYING = Condition(ConditionKind.PAYING)
GOLD_TIER, SILVER_TIER = TierId("7"), TierId("3")


class Desk:
    """All use cases over one store; ``wakes`` counts how often the engine was woken."""

    def __init__(self, store: Store, served: frozenset[GuildId]) -> None:
        self.store = store
        self.wakes = 0
        self.campaigns = Campaigns(store, served=served)
        previews = Previews(store, GuildsDouble(), now=self.now)
        self.rules = Rules(store, self.campaigns, previews, now=self.now, wake=self.wake)
        self.settings = Settings(store, self.campaigns, previews, now=self.now, wake=self.wake)
        self.patrons = Patrons(store, self.campaigns, now=self.now)
        self.manual = ManualGrants(store, now=self.now, wake=self.wake)
        self.syncs = Syncs(store, self.campaigns, now=self.now, wake=self.wake)

    def now(self) -> datetime:
        return NOW

    def wake(self) -> None:
        self.wakes += 1

    async def nudged(self, kind: NudgeKind, key: object) -> bool:
        async with self.store.read() as t:
            return await t.nudges.load(kind, str(key)) is not None


async def linked(desk: Desk, user: DiscordUserId, number: int, **changes: object) -> None:
    async with desk.store.write() as t:
        await t.links.save(link(user, number))
        await t.presence.put(GUILD, user, present=True, seen_at=NOW)
        await t.memberships.save(membership(number, **changes), due_at=None)
