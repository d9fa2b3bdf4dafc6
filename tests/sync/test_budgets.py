"""What things cost: requests to Patreon and calls to Discord, counted."""

from dataclasses import replace
from datetime import timedelta

from bot.core.model import Cause, DiscordUserId, Policy
from bot.store.records import NudgeKind
from bot.sync.reports import AuditEnded, PatronSynced
from tests.sync.doubles import CAMPAIGN, GOLD_TIER
from tests.sync.world import ANN, BOB, DAY, GOLD, GUILD, MINUTE, SILVER, World, patron_of

MANY = tuple(DiscordUserId(10_000 + number) for number in range(20))


async def _linked_before_the_first_refresh(world: World, present: int = len(MANY)) -> None:
    for number, user in enumerate(MANY):
        world.patreon.pledge(patron_of(user), since=world.clock() - DAY * (1 + number))
        await world.stores_link(user)
        if number < present:
            world.guilds.members[GUILD][user] = set()
    world.clock.move(MINUTE)


async def test_first_run_costs_one_list_one_audit_and_a_call_for_each_role(bare: World) -> None:
    await _linked_before_the_first_refresh(bare)

    await bare.set_up()

    assert bare.patreon.reads == 1
    assert len(bare.guilds.looks) == 1
    assert len(bare.guilds.changes) == len(MANY)


async def test_quiet_refresh_costs_one_list_and_no_call(bare: World) -> None:
    await _linked_before_the_first_refresh(bare)
    await bare.set_up()
    bare.forget_calls()

    await bare.refreshes()

    assert bare.patreon.reads == 1
    assert bare.guilds.calls == []
    assert bare.heard(PatronSynced) == []


async def test_changed_tiers_cost_two_calls_each(bare: World) -> None:
    await _linked_before_the_first_refresh(bare)
    await bare.set_up()
    bare.forget_calls()
    for user in MANY[:5]:
        bare.patreon.pledge(patron_of(user), 1000, GOLD_TIER)

    await bare.refreshes()
    await bare.refreshes()

    assert bare.patreon.reads == 2
    assert len(bare.guilds.changes) == 10
    assert bare.guilds.looks == []


async def test_linked_people_who_are_not_in_the_guild_cost_nothing_after_the_audit(bare: World) -> None:
    await _linked_before_the_first_refresh(bare, present=15)

    await bare.set_up()
    assert len(bare.guilds.changes) == 15
    assert len(bare.guilds.looks) == 1
    bare.forget_calls()
    await bare.refreshes()

    assert bare.guilds.calls == []


async def test_newest_patrons_get_their_roles_first(bare: World) -> None:
    bare.settings = replace(bare.settings, people_at_once=2)
    bare.engine = bare.new_engine()
    await _linked_before_the_first_refresh(bare)

    await bare.set_up()

    # Four are in hand at once, so neighbours may change places.
    order = [call[1] for call in bare.guilds.changes]
    assert set(order[:8]) <= set(MANY[:12])


async def test_flood_of_webhooks_is_served_by_lists(bare: World) -> None:
    bare.settings = replace(bare.settings, single_reads=8)
    bare.engine = bare.new_engine()
    await _linked_before_the_first_refresh(bare)
    await bare.set_up(policy=Policy(brake_percent=100))
    bare.forget_calls()
    bare.clock.move(2 * MINUTE)
    for user in MANY:
        bare.patreon.pledge(patron_of(user), 1000, GOLD_TIER)

    await bare.hears(*MANY)
    for _ in range(5):
        bare.clock.move(timedelta(seconds=30))
        await bare.settle()

    assert await bare.pending() == 0
    assert all(bare.roles(user) == {GOLD} for user in MANY[:5])
    assert bare.patreon.calls["one"] + bare.patreon.calls["own"] <= 9
    assert bare.patreon.calls["list_page"] <= 2


async def test_webhook_is_not_behind_the_backlog_of_a_refresh(world: World) -> None:
    await world.is_patron(ANN)
    async with world.store.write() as t:
        await t.nudges.add_many(NudgeKind.USER, map(str, range(500)), Cause.REFRESH, world.clock())
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.WEBHOOK, world.clock())
        [first] = await t.nudges.claim("somebody", world.clock(), world.clock() + MINUTE, 1, NudgeKind.USER)

    assert first.key == str(ANN)


async def test_audit_finds_a_role_taken_by_hand_and_puts_it_back(world: World) -> None:
    await world.is_patron(ANN)
    world.clock.move(MINUTE)
    world.guilds.members[GUILD][ANN] = set()

    await world.audits()

    assert world.roles(ANN) == {SILVER}


async def test_audit_that_finds_nothing_new_changes_nothing(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.clock.move(MINUTE)
    world.forget_calls()

    await world.audits()

    assert world.guilds.changes == []
    assert len(world.guilds.looks) == 1
    [ended] = world.heard(AuditEnded)
    assert (ended.first, ended.report.read) == (False, 2)


async def test_audit_reads_page_by_page(world: World) -> None:
    await world.is_patron(ANN, BOB)
    world.guilds.page_size = 1
    world.forget_calls()

    await world.audits()

    assert [call[1] for call in world.guilds.looks] == [0, 1]


async def test_audit_notes_who_left_while_nobody_told(world: World) -> None:
    await world.is_patron(ANN)
    world.clock.move(MINUTE)
    del world.guilds.members[GUILD][ANN]
    await world.audits()
    world.forget_calls()

    world.patreon.pledge(patron_of(ANN), 1000, GOLD_TIER)
    await world.hears(ANN)

    assert world.guilds.calls == []


async def test_role_that_becomes_managed_is_audited_first(world: World) -> None:
    await world.is_patron(ANN)
    extra = GOLD + 1
    world.guilds.members[GUILD][ANN].add(extra)  # type: ignore[arg-type] # a role id
    world.forget_calls()
    async with world.store.write() as t:
        await t.rules.add(GUILD, CAMPAIGN, extra, (await t.rules.of_guild(GUILD))[0].condition)  # type: ignore[arg-type]

    await world.changes_rules()

    assert len(world.guilds.looks) == 1
    assert world.guilds.changes == []
    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN)
    assert world.roles(ANN) == {extra}


async def test_refresh_missed_while_nobody_ran_is_made_up(world: World) -> None:
    await world.is_patron(ANN)
    world.clock.move(3 * DAY)
    world.forget_calls()

    world.engine = world.new_engine()
    await world.settle()

    assert world.patreon.calls["list_page"] == 1


async def test_somebody_who_links_while_the_first_audit_runs_is_not_passed_over(bare: World) -> None:
    bare.guilds.members[GUILD] = {ANN: set()}
    bare.patreon.pledge(patron_of(ANN))

    async def she_links() -> None:
        """Link when the page with her on it has been read, and before anybody looked at it."""
        if ANN not in linked:
            linked.add(ANN)
            await bare.stores_link(ANN)

    linked: set[DiscordUserId] = set()
    bare.guilds.after_page = she_links
    await bare.set_up()

    assert bare.roles(ANN) == {SILVER}
