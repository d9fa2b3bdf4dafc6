"""Discord's word is no proof: changes it confirmed and lost, old lists of other bots, hands that take and give."""

from datetime import timedelta

import pytest

from bot.core.model import Cause, DiscordUserId, GuildId, Holding, ManualGrant, Origin, Policy, RoleId
from bot.store.records import NudgeKind
from bot.sync.reports import GrantOverruled, RoleUndone
from tests.sync.world import ANN, CAT, DAY, GOLD, GUILD, HOUR, MINUTE, SILVER, World, patron_of

SECOND = timedelta(seconds=1)


async def _ends(world: World) -> None:
    """Let Ann's pledge end, as a webhook and a fetch say."""
    world.patreon.cancel(patron_of(ANN))
    await world.hears(ANN)


async def _given_by_hand(world: World, role: RoleId = GOLD) -> None:
    async with world.store.write() as t:
        await t.presence.put(GUILD, ANN, present=True, seen_at=world.clock())
        await t.manual.add(ManualGrant(GUILD, ANN, role, "won a contest", CAT, world.clock()))
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock())
    await world.settle()


async def _by_hand(world: World) -> tuple[ManualGrant, ...]:
    async with world.store.read() as t:
        return await t.manual.of(GUILD, ANN)


async def _moves(world: World, *roles: RoleId, user: DiscordUserId = ANN) -> None:
    """Let somebody else set a member's roles, and the gateway tell of it."""
    world.guilds.members[GUILD][user] = set(roles)
    await world.engine.members.updated(GUILD, user, frozenset(roles))
    await world.settle()


@pytest.mark.parametrize("told_first", [True, False])
async def test_change_that_is_seen_is_over_and_costs_no_further_call(world: World, *, told_first: bool) -> None:
    world.late = None if told_first else []
    await world.is_patron(ANN)
    assert (await world.ledger(ANN))[SILVER].holding is Holding.HELD

    await _ends(world)
    await world.later(HOUR)

    assert await world.ledger(ANN) == {}
    assert [call[0] for call in world.guilds.changes] == ["grant", "revoke"]
    assert [call[0] for call in world.guilds.looks].count("look") == 1  # that of the link


@pytest.mark.parametrize("restarted", [False, True])
async def test_grant_that_discord_confirmed_and_lost_is_given_within_minutes(world: World, *, restarted: bool) -> None:
    world.guilds.lost = 1
    await world.is_patron(ANN)
    assert world.roles(ANN) == set()
    assert (await world.ledger(ANN))[SILVER].holding is Holding.GIVEN
    if restarted:
        world.engine = world.new_engine()

    await world.later(2 * MINUTE)

    assert world.roles(ANN) == {SILVER}
    assert (await world.ledger(ANN))[SILVER].holding is Holding.HELD


@pytest.mark.parametrize("restarted", [False, True])
async def test_revocation_that_discord_confirmed_and_lost_is_made_good_within_minutes(
    world: World, *, restarted: bool
) -> None:
    await world.is_patron(ANN)
    world.guilds.lost = 1
    await _ends(world)
    assert world.roles(ANN) == {SILVER}
    assert (await world.ledger(ANN))[SILVER].origin is Origin.OURS
    if restarted:
        world.engine = world.new_engine()

    await world.later(2 * MINUTE)

    assert world.roles(ANN) == set()
    assert await world.ledger(ANN) == {}


async def test_revocation_that_was_lost_is_done_again_when_a_command_or_an_audit_shows_the_role(world: World) -> None:
    await world.is_patron(ANN)
    world.guilds.lost = 2
    await _ends(world)
    world.clock.move(10 * SECOND)
    await world.engine.members.seen(GUILD, ANN, frozenset({SILVER}))
    await world.settle()
    assert world.roles(ANN) == {SILVER}

    await world.audits()

    assert world.roles(ANN) == set()
    assert await world.ledger(ANN) == {}


async def test_lost_revocation_of_somebody_who_unlinked_is_made_good_and_leaves_no_trace(world: World) -> None:
    await world.is_patron(ANN)
    world.guilds.lost = 1

    await world.unlinks(ANN)
    assert world.roles(ANN) == {SILVER}
    await world.later(2 * MINUTE)

    assert world.roles(ANN) == set()
    assert await world.ledger(ANN) == {}
    async with world.store.read() as t:
        assert await t.presence.present(GUILD, ANN) is None


async def test_payload_that_was_on_its_way_when_we_acted_counts_for_nothing(world: World) -> None:
    world.guilds.tell = None
    await world.is_patron(ANN)
    await world.engine.members.updated(GUILD, ANN, frozenset())
    await world.settle()
    assert (await world.ledger(ANN))[SILVER].holding is Holding.GIVEN
    await world.engine.members.updated(GUILD, ANN, frozenset({SILVER}))

    await _ends(world)
    await world.engine.members.updated(GUILD, ANN, frozenset({SILVER}))
    await world.engine.members.seen(GUILD, ANN, frozenset({SILVER}))
    await world.settle()
    await world.engine.members.updated(GUILD, ANN, frozenset())
    await world.engine.members.seen(GUILD, ANN, frozenset({SILVER}))
    await world.settle()

    assert await world.ledger(ANN) == {}
    assert [call[0] for call in world.guilds.changes] == ["grant", "revoke"]


@pytest.mark.parametrize("linked", [True, False])
async def test_old_list_of_another_bot_brings_no_role_back(world: World, *, linked: bool) -> None:
    await world.is_patron(ANN)
    if linked:
        await _ends(world)
    else:
        await world.unlinks(ANN)
    world.clock.move(SECOND)

    await _moves(world, SILVER)

    assert world.roles(ANN) == set()
    assert await world.ledger(ANN) == {}


@pytest.mark.parametrize("ends", [True, False])
async def test_change_undone_before_discord_answered_is_made_good_within_minutes(world: World, *, ends: bool) -> None:
    world.late = None
    tell = world.guilds.tell
    assert tell is not None

    async def somebody_undoes_it(guild: GuildId, user: DiscordUserId) -> None:
        await tell(guild, user)
        world.guilds.tell = tell
        world.guilds.members[guild][user] = before
        await tell(guild, user)

    if ends:
        await world.is_patron(ANN)
    before = {SILVER} if ends else set[RoleId]()
    world.guilds.tell = somebody_undoes_it
    await (_ends(world) if ends else world.is_patron(ANN))
    assert world.roles(ANN) == before

    await world.later(2 * MINUTE)

    assert world.roles(ANN) == (set() if ends else {SILVER})


async def test_old_list_of_another_bot_takes_no_role_for_good(world: World) -> None:
    await world.is_patron(ANN)
    world.clock.move(SECOND)

    await _moves(world)

    assert world.roles(ANN) == {SILVER}


async def test_role_a_moderator_gives_back_is_theirs(world: World) -> None:
    await world.is_patron(ANN)
    await _ends(world)
    world.clock.move(MINUTE)

    await _moves(world, SILVER)
    await world.audits()
    await world.later(DAY)

    assert world.roles(ANN) == {SILVER}
    assert (await world.ledger(ANN))[SILVER].origin is Origin.FOUND


async def test_another_bot_that_brings_a_role_back_again_and_again_wins_and_is_told_of(world: World) -> None:
    await world.is_patron(ANN)
    await _ends(world)
    world.forget_calls()

    for _ in range(10):
        world.clock.move(SECOND)
        await _moves(world, SILVER)

    assert len(world.guilds.changes) == 3
    assert world.heard(RoleUndone) == [RoleUndone(GUILD, ANN, SILVER, given=False)]
    assert (await world.ledger(ANN))[SILVER].origin is Origin.FOUND


async def test_another_bot_that_takes_a_role_again_and_again_is_told_of_and_not_fought(world: World) -> None:
    await world.is_patron(ANN)
    world.forget_calls()

    for _ in range(10):
        world.clock.move(SECOND)
        await _moves(world)

    assert len(world.guilds.changes) == 3
    assert world.heard(RoleUndone) == [RoleUndone(GUILD, ANN, SILVER, given=True)]
    await world.audits()
    assert world.roles(ANN) == {SILVER}


@pytest.mark.parametrize("ended", [True, False])
async def test_discord_that_loses_every_change_is_not_hammered_and_is_put_right_in_the_end(
    world: World, *, ended: bool
) -> None:
    world.guilds.lost = 0 if ended else 1000
    await world.is_patron(ANN)
    world.guilds.lost = 1000
    if ended:
        await _ends(world)
    for _ in range(100):
        world.clock.move(MINUTE)
        await world.settle()
    assert len(world.guilds.changes) <= 6
    assert world.heard(RoleUndone) == [RoleUndone(GUILD, ANN, SILVER, given=not ended)]

    world.guilds.lost = 0
    await world.audits()

    assert world.roles(ANN) == (set() if ended else {SILVER})


async def test_role_that_a_moderator_takes_comes_back_at_once_where_the_guild_wants_that(world: World) -> None:
    await world.is_patron(ANN)
    world.clock.move(HOUR)

    await _moves(world)
    assert world.roles(ANN) == {SILVER}
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, Policy(), Policy(restore_drift=False))
    await _moves(world)
    await world.audits()

    assert world.roles(ANN) == set()
    assert (await world.ledger(ANN))[SILVER].holding is Holding.TAKEN


@pytest.mark.parametrize("told", [True, False])
async def test_role_given_by_hand_that_somebody_takes_in_discord_stays_taken_and_the_grant_ends(
    world: World, *, told: bool
) -> None:
    world.guilds.members[GUILD][ANN] = set()
    await _given_by_hand(world)
    assert world.roles(ANN) == {GOLD}
    [grant] = await _by_hand(world)
    world.clock.move(HOUR)

    if told:
        await _moves(world)
    else:
        world.guilds.members[GUILD][ANN] = set()
    await world.audits()
    await world.later(2 * DAY)

    assert world.roles(ANN) == set()
    assert await _by_hand(world) == ()
    assert world.heard(GrantOverruled) == [GrantOverruled(GUILD, ANN, GOLD, grant)]
    await _given_by_hand(world)
    assert world.roles(ANN) == {GOLD}


async def test_grant_by_hand_that_discord_lost_is_no_hand_that_took_it(world: World) -> None:
    world.guilds.members[GUILD][ANN] = set()
    world.guilds.lost = 1
    await _given_by_hand(world)

    await world.later(2 * MINUTE)

    assert world.roles(ANN) == {GOLD}
    assert len(await _by_hand(world)) == 1


async def test_update_of_somebody_without_a_link_leaves_no_trace(world: World) -> None:
    await _moves(world, SILVER)

    assert await world.ledger(ANN) == {}
    async with world.store.read() as t:
        assert await t.presence.present(GUILD, ANN) is None
