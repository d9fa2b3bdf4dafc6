"""The first list and the first audit come at the same time, and neither may miss what the other brings."""

from collections.abc import Awaitable, Callable, Iterable, Mapping

import pytest

from bot.core.model import CREATOR, CampaignId, Cause, Condition, ConditionKind, DiscordUserId, GuildId, RoleId
from bot.store.records import CampaignState, LogAction, Nudge, NudgeKind
from bot.sync.brake import Brake
from bot.sync.bulk import Bulk
from bot.sync.campaigns import Refreshes
from bot.sync.cases import GuildView
from bot.sync.describing import Descriptions
from bot.sync.guild_work import GuildWork
from bot.sync.health import Health
from bot.sync.parts import Parts
from tests.sync.doubles import CAMPAIGN, SILVER_TIER
from tests.sync.world import ANN, DAY, GUILD, MINUTE, SILVER, World, patron_of

Listed = Mapping[CampaignId, CampaignState] | None


class _Interrupted(Bulk):
    """Bulk work during which something else happens, right after it has looked which guilds were audited."""

    meanwhile: Callable[[], Awaitable[object]]

    async def load_views(self, guilds: Iterable[GuildId], listed: Listed = None) -> list[GuildView]:
        views = await super().load_views(guilds, listed)
        await self.meanwhile()
        return views


async def _refresh_during_which(world: World, meanwhile: Callable[[Parts], Awaitable[object]]) -> None:
    parts = Parts(world.store, world.patreon, world.guilds, world.clock, world.settings, [], world.clock.steady)
    bulk = _Interrupted(parts, Brake(parts), lambda: False)
    bulk.meanwhile = lambda: meanwhile(parts)
    nudge = await _nudge(world, NudgeKind.CAMPAIGN, CAMPAIGN, Cause.REFRESH)
    await Refreshes(parts, bulk, Health(parts), Descriptions(parts), lambda: False).campaign(nudge)


async def _nudge(world: World, kind: NudgeKind, key: str, cause: Cause) -> Nudge:
    async with world.store.write() as t:
        await t.nudges.add(kind, key, cause, world.clock())
        made = await t.nudges.load(kind, key)
        await t.nudges.drop(kind, key)
    assert made is not None
    return made


async def _prepare(world: World, user: DiscordUserId) -> None:
    world.patreon.pledge(patron_of(user))
    world.guilds.members[GUILD][user] = set()
    await world.stores_link(user)
    await world.set_up_rules()
    async with world.store.write() as t:
        await t.tokens.save(CREATOR, world.tokens())


async def _audit(world: World, parts: Parts) -> None:
    bulk = Bulk(parts, Brake(parts), lambda: False)
    await GuildWork(parts, bulk, lambda: False).guild(await _nudge(world, NudgeKind.GUILD, str(GUILD), Cause.AUDIT))


async def test_audit_that_ends_while_the_list_is_taken_over_misses_nobody(bare: World) -> None:
    await _prepare(bare, ANN)

    await _refresh_during_which(bare, lambda parts: _audit(bare, parts))
    async with bare.store.write() as t:
        await t.campaigns.schedule(CAMPAIGN, bare.clock() + DAY)
    await bare.settle()

    assert bare.roles(ANN) == {SILVER}


async def test_rule_that_is_added_while_the_list_is_taken_over_misses_nobody(bare: World) -> None:
    await _prepare(bare, ANN)
    await bare.set_up()
    extra = RoleId(13)
    bare.patreon.pledge(patron_of(ANN), 600, SILVER_TIER, tier_cents=500)
    bare.clock.move(MINUTE)

    async def add_rule(parts: Parts) -> None:
        async with parts.store.write() as t:
            await t.rules.add(GUILD, CAMPAIGN, extra, Condition(ConditionKind.AMOUNT, 600))
        bulk = Bulk(parts, Brake(parts), lambda: False)
        await GuildWork(parts, bulk, lambda: False).guild(await _nudge(bare, NudgeKind.GUILD, str(GUILD), Cause.RULES))

    await _refresh_during_which(bare, add_rule)
    # The role has no audit yet, and her other roles stay: nothing but this calls for another look at her.
    await bare.settle()

    assert bare.roles(ANN) == {SILVER, extra}


@pytest.mark.parametrize("at_once", [False, True], ids=["one after the other", "at the same time"])
async def test_first_run_names_what_happened_and_no_date(bare: World, at_once: bool) -> None:
    await _prepare(bare, ANN)
    bare.clock.move(MINUTE)

    if at_once:
        await _refresh_during_which(bare, lambda parts: _audit(bare, parts))
        async with bare.store.write() as t:
            await t.campaigns.schedule(CAMPAIGN, bare.clock() + bare.settings.refresh_every)
    await bare.settle()

    async with bare.store.read() as t:
        entries = await t.log.of(GUILD, ANN)
    assert [entry.action for entry in entries] == [LogAction.GRANTED]
    assert {entry.cause for entry in entries} <= {Cause.REFRESH, Cause.AUDIT}
    assert {grant.cause for grant in (await bare.ledger(ANN)).values()} <= {Cause.REFRESH, Cause.AUDIT}
    [reason] = bare.guilds.reasons
    assert reason.startswith("regular check of ")


async def test_first_list_that_can_be_read_whole_again_has_everybody_looked_at(bare: World) -> None:
    await _prepare(bare, ANN)
    await bare.set_up()

    async def nothing(_: Parts) -> None:
        """Let nothing else happen."""

    async def is_called() -> bool:
        bare.clock.move(MINUTE)
        await _refresh_during_which(bare, nothing)
        called = await bare.waits(NudgeKind.GUILD, GUILD)
        await bare.settle()
        return called

    assert not await is_called()
    bare.patreon.unreadable = frozenset({"somebody"})
    assert not await is_called()
    bare.patreon.unreadable = frozenset()
    assert await is_called()
    assert not await is_called()
