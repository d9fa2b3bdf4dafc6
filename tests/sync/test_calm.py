"""When all is calm, what is shown is what is: a preview says 0, and explain agrees with Discord person by person (law 13).

Histories are drawn by number, so that one that fails can be run again. Patreon, Discord and the staff do whatever they may.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from bot.core.model import (
    Block,
    Cause,
    Condition,
    ConditionKind,
    DiscordUserId,
    Holding,
    ManualGrant,
    PatronStatus,
    Policy,
    Revocable,
    RoleId,
)
from bot.errors import PatreonUnavailable
from bot.store import Store
from bot.store.records import NudgeKind
from bot.sync import Explanation, Previews
from tests.conftest import Clock
from tests.sync.doubles import CAMPAIGN, GOLD_TIER, SILVER_TIER
from tests.sync.world import CAT, DAY, GOLD, GUILD, HOUR, MINUTE, SILVER, World, patron_of, tier

EXTRA = RoleId(13)
ROLES = (SILVER, GOLD, EXTRA)
PEOPLE = tuple(DiscordUserId(number) for number in range(201, 206))
CONDITIONS = (
    tier(SILVER_TIER),
    tier(GOLD_TIER),
    Condition(ConditionKind.PAYING),
    Condition(ConditionKind.AMOUNT, 700),
    Condition(ConditionKind.FORMER),
)
TIERS = ((500, SILVER_TIER), (1000, GOLD_TIER), (300, None))
SEEDS, STEPS = 6, 24
CALM = 3
"""So many lists, each followed by an audit, leave nothing to do."""


class Life:
    """A world in which one thing after the other happens, drawn at random."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.draw = Random(seed)  # noqa: S311 # nothing secret is drawn
        self.acts: tuple[Callable[[], Awaitable[None]], ...] = (
            *(self.pledges, self.pledges, self.cancels, self.declines, self.links, self.links, self.unlinks),
            *(self.joins, self.joins, self.leaves, self.meddles, self.gives_by_hand, self.ends_by_hand),
            *(self.adds_rule, self.removes_rule, self.chooses, self.answers_the_brake, self.answers_the_brake),
            *(self.ranks_move, self.patreon_fails, self.time_passes, self.list_is_read),
        )

    async def goes_on(self, steps: int) -> None:
        for _ in range(steps):
            await self.draw.choice(self.acts)()
            self.world.clock.move(timedelta(seconds=self.draw.randint(1, 90)))
            await self.world.settle()

    async def stands_still(self) -> None:
        """Let nothing move from now on, or until the staff think otherwise."""
        await self._choose(**self.draw.choice(({"paused": True}, {"shadow": True})))

    async def calms_down(self) -> None:
        """Let every fault end, roles move, and whatever is due be done."""
        self.world.patreon.fault = None
        await self._choose(paused=False, shadow=False)
        for _ in range(CALM):
            await self.world.later(20 * MINUTE)
            await self.world.refreshes()
            await self.world.audits()

    # --- patrons

    async def pledges(self) -> None:
        user, (cents, chosen) = self._somebody(), self.draw.choice(TIERS)
        self.world.patreon.pledge(patron_of(user), cents, chosen)
        await self._perhaps_heard(user)

    async def cancels(self) -> None:
        user = self._somebody()
        if patron_of(user) in self.world.patreon.memberships:
            self.world.patreon.cancel(patron_of(user))
            await self._perhaps_heard(user)

    async def declines(self) -> None:
        user = self._somebody()
        known = self.world.patreon.memberships.get(patron_of(user))
        if known is not None and known.status is PatronStatus.ACTIVE:
            self.world.patreon.decline(patron_of(user))
            await self._perhaps_heard(user)

    async def links(self) -> None:
        user = self._somebody()
        if not await self._is_linked(user):
            await self.world.links(user)

    async def unlinks(self) -> None:
        user = self._somebody()
        if await self._is_linked(user):
            await self.world.unlinks(user)

    # --- members

    async def joins(self) -> None:
        user = self._somebody()
        if user not in self.world.guilds.members[GUILD]:
            await self.world.joins(user, roles=self.draw.sample(ROLES, self.draw.randint(0, 1)))

    async def leaves(self) -> None:
        user = self._somebody()
        if user in self.world.guilds.members[GUILD]:
            await self.world.leaves(user)

    async def meddles(self) -> None:
        """Let somebody give or take a role at Discord, of which nobody tells."""
        user, role = self._somebody(), self.draw.choice(ROLES)
        if user in self.world.guilds.members[GUILD]:
            self.world.guilds.members[GUILD][user] ^= {role}

    # --- the staff

    async def gives_by_hand(self) -> None:
        user, role, now = self._somebody(), self.draw.choice(ROLES), self.world.clock()
        end = self.draw.choice((None, now + HOUR, now + DAY))
        async with self.world.store.write() as t:
            await t.manual.add(ManualGrant(GUILD, user, role, "thanks", CAT, now, end))
            await t.nudges.add(NudgeKind.USER, str(user), Cause.MANUAL, now)

    async def ends_by_hand(self) -> None:
        user = self._somebody()
        async with self.world.store.write() as t:
            for grant in await t.manual.of(GUILD, user):
                await t.manual.end(GUILD, user, grant.role)
            await t.nudges.add(NudgeKind.USER, str(user), Cause.MANUAL, self.world.clock())

    async def adds_rule(self) -> None:
        group, worth = self.draw.choice(("", "tiers")), self.draw.randint(0, 9)
        async with self.world.store.write() as t:
            await t.rules.add(
                GUILD, CAMPAIGN, self.draw.choice(ROLES), self.draw.choice(CONDITIONS), group=group, worth_cents=worth
            )
        await self.world.changes_rules()

    async def removes_rule(self) -> None:
        rules = await self.world.rules()
        if len(rules) > 1:
            async with self.world.store.write() as t:
                await t.rules.remove(self.draw.choice(rules).rule)
            await self.world.changes_rules()

    async def chooses(self) -> None:
        await self._choose(
            **self.draw.choice(
                (
                    {"paused": True},
                    {"paused": False, "shadow": False},
                    {"shadow": True},
                    {"restore_drift": self.draw.random() < 0.5},
                    {"highest_only": frozenset({"tiers"} if self.draw.random() < 0.5 else ())},
                    {"revocable": self.draw.choice(list(Revocable))},
                    {"brake_count": self.draw.choice((0, 1, 5)), "brake_percent": self.draw.choice((0, 10, 100))},
                    {"declined_grace": self.draw.choice((timedelta(0), HOUR, 7 * DAY))},
                )
            )
        )

    async def answers_the_brake(self) -> None:
        async with self.world.store.read() as t:
            waiting = await t.holds.waiting(GUILD)
        if waiting:
            run, approved = self.draw.choice(waiting).run, self.draw.random() < 0.5
            await self.world.engine.decide(GUILD, run, CAT, approved=approved, seen_at=self.world.clock())

    async def ranks_move(self) -> None:
        role = self.draw.choice(ROLES)
        if self.world.guilds.blocks.pop(role, None) is None:
            self.world.guilds.blocks[role] = Block.RANK
        await self.world.engine.members.roles_changed(GUILD)

    # --- the rest of the world

    async def patreon_fails(self) -> None:
        self.world.patreon.fault = None if self.world.patreon.fault else PatreonUnavailable("down")

    async def time_passes(self) -> None:
        self.world.clock.move(self.draw.choice((10 * MINUTE, HOUR, 13 * HOUR, 2 * DAY)))

    async def list_is_read(self) -> None:
        await self.world.refreshes()

    def _somebody(self) -> DiscordUserId:
        return self.draw.choice(PEOPLE)

    async def _is_linked(self, user: DiscordUserId) -> bool:
        async with self.world.store.read() as t:
            return await t.links.load(user) is not None

    async def _perhaps_heard(self, user: DiscordUserId) -> None:
        if await self._is_linked(user) and self.draw.random() < 0.5:
            await self.world.hears(user)

    async def _choose(self, **changes: object) -> None:
        async with self.world.store.write() as t:
            before = (await t.guilds.load(GUILD)).policy
            await t.guilds.choose(GUILD, before, replace(before, **changes))  # type: ignore[arg-type] # fields of a policy
        await self.world.changes_rules()


async def explained(world: World) -> dict[DiscordUserId, Explanation]:
    previews = Previews(world.store, world.guilds, now=world.clock)
    return {user: await previews.explain(GUILD, user) for user in PEOPLE}


async def check_that_the_preview_is_the_sum_of_all(world: World) -> None:
    """Law 5: what is shown of everybody together is what is shown of each."""
    effect = await Previews(world.store, world.guilds, now=world.clock).outlook(GUILD)
    people = await explained(world)
    gets: defaultdict[RoleId, list[DiscordUserId]] = defaultdict(list)
    loses: defaultdict[RoleId, list[DiscordUserId]] = defaultdict(list)
    for user, found in people.items():
        for role in found.prospect.gets:
            gets[role].append(user)
        for role in found.prospect.loses | found.prospect.doubted:
            loses[role].append(user)
    assert {move.role: sorted(move.named) for move in effect.gets} == {role: sorted(users) for role, users in gets.items()}
    assert {move.role: sorted(move.named) for move in effect.loses} == {role: sorted(users) for role, users in loses.items()}
    assert effect.held == sum(len(found.prospect.held) for found in people.values())
    assert effect.kept == sum(len(found.prospect.kept) for found in people.values())


async def check_that_nothing_is_left_to_do(world: World) -> None:
    effect = await Previews(world.store, world.guilds, now=world.clock).outlook(GUILD)
    assert (effect.adds, effect.takes, effect.holds) == (0, 0, 0)
    managed = {rule.role for rule in await world.rules()}
    for user, found in (await explained(world)).items():
        there = world.guilds.members[GUILD].get(user)
        assert found.case.present is (there is not None) or not (found.link or found.ledger), user
        if there is not None and found.link is not None:
            _check_person(found, there & managed, managed)


def _check_person(found: Explanation, there: set[RoleId], managed: set[RoleId]) -> None:
    """Compare what is explained of a linked member with the managed roles that they have at Discord."""
    given, decision = found.prospect, found.decision
    assert {role for role, row in found.ledger.items() if row.holding is Holding.HELD and role in managed} == there
    left_alone = {role for role, row in found.ledger.items() if row.holding is Holding.TAKEN}
    stays = decision.protected | given.held | given.kept | given.blocked
    assert there <= decision.desired | stays
    assert (decision.desired & managed) - there <= given.blocked | left_alone


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_when_all_is_calm_previews_say_nothing_and_explain_agrees_with_discord(
    store: Store, clock: Clock, seed: int
) -> None:
    world = World(store, clock)
    # Every other world asks about each loss, and each is still for a while before it calms down.
    await world.set_up(policy=Policy(brake_count=0, brake_percent=0 if seed % 2 else 100))
    life = Life(world, seed)

    await life.goes_on(STEPS)
    await life.stands_still()
    await life.goes_on(STEPS // 3)
    await check_that_the_preview_is_the_sum_of_all(world)

    await life.calms_down()
    await check_that_the_preview_is_the_sum_of_all(world)
    await check_that_nothing_is_left_to_do(world)
