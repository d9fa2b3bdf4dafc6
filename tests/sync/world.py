"""A small world around one engine: a campaign, a guild with two roles, and verbs for what people do."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from bot.core.model import (
    CREATOR,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    Grant,
    GuildId,
    Link,
    Membership,
    PatronId,
    Policy,
    RoleId,
    RoleRule,
    TokenOwner,
    Tokens,
    patron_owner,
)
from bot.store import Store
from bot.store.records import NudgeKind
from bot.sync import Engine, EngineSettings
from bot.sync.reports import Report
from tests.conftest import Clock
from tests.sync.doubles import CAMPAIGN, GOLD_TIER, SILVER_TIER, GuildsDouble, PatreonDouble, a_campaign

GUILD = GuildId(1)
SILVER, GOLD = RoleId(11), RoleId(12)
ANN, BOB, CAT = DiscordUserId(101), DiscordUserId(102), DiscordUserId(103)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

R = TypeVar("R")


def patron_of(user: DiscordUserId) -> PatronId:
    """Name the Patreon account of a Discord user."""
    return PatronId(f"p{user}")


def tier(tier_id: str) -> Condition:
    return Condition(ConditionKind.TIER, tier=tier_id)  # type: ignore[arg-type] # a NewType of str


class World:
    """The engine under test, and what surrounds it."""

    def __init__(self, store: Store, clock: Clock, settings: EngineSettings | None = None) -> None:
        self.store = store
        self.clock = clock
        self.patreon = PatreonDouble(clock, clock.move)
        self.patreon.when_revoked = self.breaks
        self.guilds = GuildsDouble({GUILD: {}}, {SILVER: "Silver", GOLD: "Gold"})
        self.settings = settings or EngineSettings(campaigns=frozenset({CAMPAIGN}), refresh_every=12 * HOUR)
        self.reports: list[Report] = []
        self.engine = self.new_engine()
        # Updates of members that the gateway has not delivered yet; None: it delivers them before the call is answered.
        self.late: list[tuple[DiscordUserId, frozenset[RoleId]]] | None = None
        self.guilds.tell = self._happens

    async def _happens(self, guild: GuildId, user: DiscordUserId) -> None:
        """Let the gateway tell of a change of somebody's roles."""
        roles = frozenset(self.guilds.members[guild][user])
        if self.late is None:
            await self.engine.members.updated(guild, user, roles)
        else:
            self.late.append((user, roles))

    async def _delivers(self) -> bool:
        """Deliver what the gateway has not told yet; false when that is nothing."""
        if not self.late:
            return False
        late, self.late = self.late, []
        for user, roles in late:
            await self.engine.members.updated(GUILD, user, roles)
        return True

    def new_engine(self) -> Engine:
        """Start anew on what is stored, as after a kill."""
        return Engine(
            self.store,
            self.patreon,
            self.guilds,
            now=self.clock,
            steady=self.clock.steady,
            settings=self.settings,
            listeners=[self._hear],
        )

    async def _hear(self, report: Report) -> None:
        self.reports.append(report)

    def heard(self, kind: type[R]) -> list[R]:
        """Give the reports of one kind so far."""
        return [report for report in self.reports if isinstance(report, kind)]

    async def set_up(self, *, creator: bool = True, policy: Policy | None = None) -> None:
        """Store the campaign, its pair, two rules, and let the first audit and refresh pass."""
        async with self.store.write() as t:
            if creator:
                await t.tokens.save(CREATOR, self.tokens())
            await t.guilds.connect(GUILD, CAMPAIGN)
            await t.guilds.choose(GUILD, Policy(), policy or Policy())
        await self.set_up_rules()
        await self.settle()

    async def set_up_rules(self) -> None:
        """Store the campaign and a rule for each of its tiers."""
        async with self.store.write() as t:
            await t.campaigns.save(a_campaign(), self.clock())
            await t.rules.add(GUILD, CAMPAIGN, SILVER, tier(SILVER_TIER), worth_cents=500)
            await t.rules.add(GUILD, CAMPAIGN, GOLD, tier(GOLD_TIER), worth_cents=1000)

    def tokens(self) -> Tokens:
        return Tokens("access", "refresh", self.clock() + 30 * DAY)

    async def settle(self) -> None:
        """Let the engine do what is due, and the gateway tell of it."""
        await self.engine.drain()
        while await self._delivers():
            await self.engine.drain()

    async def later(self, span: timedelta) -> None:
        """Let time pass in a few steps, and the engine do what became due at each."""
        step = max(span / 8, 6 * HOUR)
        end = self.clock() + span
        while self.clock() < end:
            self.clock.move(min(step, end - self.clock()))
            await self.settle()

    async def joins(self, *users: DiscordUserId, roles: Iterable[RoleId] = ()) -> None:
        """Let people join the guild, and the gateway say so."""
        for user in users:
            self.guilds.members[GUILD][user] = set(roles)
            await self.engine.members.joined(GUILD, user, frozenset(roles))
        await self.settle()

    async def begins_a_session(self) -> None:
        """Let the gateway begin a new session, which knows nothing of what came before."""
        await self.engine.members.missed(GUILD)
        await self.settle()

    async def leaves(self, user: DiscordUserId) -> None:
        """Let somebody leave, and the gateway say so."""
        del self.guilds.members[GUILD][user]
        await self.engine.members.left(GUILD, user)
        await self.settle()

    async def links(self, *users: DiscordUserId) -> None:
        """Let people link their accounts, as the web doors store it."""
        for user in users:
            await self.stores_link(user)
            async with self.store.write() as t:
                await t.nudges.add(NudgeKind.USER, str(user), Cause.LINKED, self.clock())
        await self.settle()

    async def stores_link(self, user: DiscordUserId) -> None:
        async with self.store.write() as t:
            await t.links.save(Link(user, patron_of(user), self.clock()))
            await t.tokens.save(patron_owner(patron_of(user)), self.tokens())

    async def breaks(self, owner: TokenOwner) -> None:
        """Let the stored pair be found dead."""
        async with self.store.write() as t:
            record = await t.tokens.load(owner)
            assert record is not None
            await t.tokens.mark_broken(owner, record.version, self.clock())

    async def unlinks(self, user: DiscordUserId) -> None:
        """Let somebody unlink, as the command stores it."""
        async with self.store.write() as t:
            await t.links.erase(user)
            await t.nudges.add(NudgeKind.USER, str(user), Cause.UNLINKED, self.clock())
        await self.settle()

    async def hears(self, *users: DiscordUserId, settle: bool = True) -> None:
        """Let webhooks come about what Patreon has of people now."""
        for user in users:
            reading = self.patreon.webhook(patron_of(user))
            await self.hears_reading(reading)
        if settle:
            await self.settle()

    async def hears_reading(self, reading: Membership, serial: int | None = None) -> None:
        """Let a webhook come now, or store one that came at ``serial`` and was held up."""
        async with self.store.write() as t:
            reading = replace(reading, serial=await t.serials.take() if serial is None else serial)
            link = await t.links.load_of_patron(reading.patron)
            assert link is not None, "the door stores nothing about a patron nobody linked"
            await t.nudges.add(NudgeKind.USER, str(link.user), Cause.WEBHOOK, self.clock(), reading=reading)

    async def refreshes(self, cause: Cause = Cause.REFRESH) -> None:
        """Let the campaign's refresh be due now."""
        self.clock.move(MINUTE)
        async with self.store.write() as t:
            await t.nudges.add(NudgeKind.CAMPAIGN, CAMPAIGN, cause, self.clock())
        await self.settle()

    async def audits(self) -> None:
        """Let the guild's audit be due now."""
        self.clock.move(MINUTE)
        async with self.store.write() as t:
            await t.nudges.add(NudgeKind.GUILD, str(GUILD), Cause.AUDIT, self.clock())
        await self.settle()

    async def changes_rules(self) -> None:
        """Let a change of rules or settings be judged, as the command that made it asks for it."""
        async with self.store.write() as t:
            await t.nudges.add(NudgeKind.GUILD, str(GUILD), Cause.RULES, self.clock())
        await self.settle()

    async def is_patron(self, *users: DiscordUserId, cents: int = 500, tier_id: str = SILVER_TIER) -> None:
        """Let people be patrons, members and linked, with all that follows done."""
        for user in users:
            self.patreon.pledge(patron_of(user), cents, tier_id)  # type: ignore[arg-type] # a NewType of str
            self.guilds.members[GUILD].setdefault(user, set())
        await self.links(*users)

    def roles(self, user: DiscordUserId) -> set[RoleId]:
        """Say which roles somebody has at Discord."""
        return self.guilds.members[GUILD][user]

    async def ledger(self, user: DiscordUserId) -> dict[RoleId, Grant]:
        async with self.store.read() as t:
            return await t.ledger.of(GUILD, user)

    async def rules(self) -> tuple[RoleRule, ...]:
        async with self.store.read() as t:
            return await t.rules.of_guild(GUILD)

    async def pending(self) -> int:
        """Count the nudges that wait for something."""
        async with self.store.read() as t:
            return await t.nudges.pending()

    async def waits(self, kind: NudgeKind, key: int) -> bool:
        """Say whether a nudge waits."""
        async with self.store.read() as t:
            return await t.nudges.load(kind, str(key)) is not None

    def forget_calls(self) -> None:
        """Begin to count anew."""
        self.patreon.calls.clear()
        self.guilds.calls.clear()
        self.reports.clear()
