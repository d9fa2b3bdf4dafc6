"""What nobody told of, seen at the start of a session; and members who have not accepted the server's rules yet."""

from dataclasses import replace

from bot.core.model import Cause, DiscordUserId, Holding, ManualGrant, Policy
from bot.store.records import NudgeKind
from tests.sync.world import ANN, BOB, CAT, GOLD, GUILD, HOUR, MINUTE, SILVER, World, patron_of


async def test_whoever_joined_in_the_gap_between_two_sessions_gets_the_role(world: World) -> None:
    world.patreon.pledge(patron_of(ANN))
    await world.links(ANN)
    world.guilds.members[GUILD][ANN] = set()
    world.forget_calls()

    await world.begins_a_session()

    assert world.roles(ANN) == {SILVER}
    assert not world.guilds.looks


async def test_whoever_left_and_came_back_in_the_gap_gets_the_role_also_where_a_moderator_s_hand_counts(
    world: World,
) -> None:
    async with world.store.write() as t:
        await t.guilds.choose(GUILD, Policy(), Policy(restore_drift=False))
    await world.is_patron(ANN, BOB)
    world.clock.move(HOUR)
    world.guilds.members[GUILD][ANN] = set()
    world.guilds.joined_at[ANN] = world.clock()
    # Of Bob a moderator took it.
    world.guilds.members[GUILD][BOB] = set()
    world.clock.move(MINUTE)

    await world.begins_a_session()

    assert world.roles(ANN) == {SILVER}
    assert world.roles(BOB) == set()


async def test_a_role_lost_in_the_gap_is_given_again(world: World) -> None:
    await world.is_patron(ANN)
    world.clock.move(MINUTE)
    world.roles(ANN).clear()

    await world.begins_a_session()

    assert world.roles(ANN) == {SILVER}


async def test_whoever_left_in_the_gap_is_known_to_be_gone(world: World) -> None:
    await world.is_patron(ANN)
    del world.guilds.members[GUILD][ANN]

    await world.begins_a_session()

    async with world.store.read() as t:
        assert await t.presence.present(GUILD, ANN) is False
    assert {row.holding for row in (await world.ledger(ANN)).values()} == {Holding.LEFT}


async def test_of_whom_the_answer_says_nothing_nothing_is_concluded(world: World) -> None:
    await world.is_patron(ANN)
    del world.guilds.members[GUILD][ANN]
    world.guilds.unanswered.add(ANN)

    await world.begins_a_session()

    async with world.store.read() as t:
        assert await t.presence.present(GUILD, ANN) is True


async def test_a_session_in_which_nothing_was_missed_changes_nothing_and_asks_a_hundred_at_once(world: World) -> None:
    crowd = [DiscordUserId(1000 + number) for number in range(101)]
    await world.is_patron(*crowd)
    before = {user: await world.ledger(user) for user in crowd}
    world.clock.move(HOUR)
    world.forget_calls()

    await world.begins_a_session()

    assert [len(users) for users in world.guilds.asked if set(users) <= set(crowd)] == [100, 1]
    assert world.guilds.calls == []
    assert {user: await world.ledger(user) for user in crowd} == before


async def test_whoever_has_a_role_by_hand_and_no_link_is_looked_at_too(world: World) -> None:
    world.guilds.members[GUILD][CAT] = set()
    async with world.store.write() as t:
        await t.manual.add(ManualGrant(GUILD, CAT, GOLD, "won a contest", BOB, world.clock()))
        await t.nudges.add(NudgeKind.USER, str(CAT), Cause.MANUAL, world.clock())
    await world.settle()
    assert world.roles(CAT) == {GOLD}
    del world.guilds.members[GUILD][CAT]

    await world.begins_a_session()

    async with world.store.read() as t:
        assert await t.presence.present(GUILD, CAT) is False


async def test_what_somebody_asks_for_is_answered_by_what_discord_says_now(world: World) -> None:
    await world.is_patron(ANN)
    world.clock.move(MINUTE)
    world.roles(ANN).clear()
    world.forget_calls()

    async with world.store.write() as t:
        await t.nudges.add(NudgeKind.USER, str(ANN), Cause.MANUAL, world.clock())
    await world.settle()

    assert world.roles(ANN) == {SILVER}
    assert [call[0] for call in world.guilds.looks] == ["look"]


# --- the rules screening


async def _joins_screened(world: World) -> None:
    """Let Ann, a linked patron, join a server whose rules she has not accepted yet."""
    world.patreon.pledge(patron_of(ANN))
    await world.links(ANN)
    world.guilds.members[GUILD][ANN] = set()
    world.guilds.pending.add(ANN)
    await world.engine.members.joined(GUILD, ANN, frozenset(), pending=True)
    await world.settle()


async def test_whoever_has_not_accepted_the_rules_gets_the_role_when_they_do(world: World) -> None:
    await _joins_screened(world)
    assert world.roles(ANN) == set()
    await world.refreshes()
    assert world.roles(ANN) == set()

    world.guilds.pending.clear()
    await world.engine.members.updated(GUILD, ANN, frozenset(), pending=False)
    await world.settle()

    assert world.roles(ANN) == {SILVER}


async def test_an_audit_and_a_session_see_the_screening_and_its_end(world: World) -> None:
    world.patreon.pledge(patron_of(ANN))
    await world.links(ANN)
    world.guilds.members[GUILD][ANN] = set()
    world.guilds.pending.add(ANN)

    await world.audits()
    assert world.roles(ANN) == set()
    world.guilds.pending.clear()
    world.clock.move(MINUTE)
    await world.begins_a_session()

    assert world.roles(ANN) == {SILVER}


async def test_a_server_may_give_roles_before_its_rules_are_accepted(world: World) -> None:
    await _joins_screened(world)
    async with world.store.write() as t:
        policy = (await t.guilds.load(GUILD)).policy
        await t.guilds.choose(GUILD, policy, replace(policy, wait_for_rules=False))

    await world.changes_rules()

    assert world.roles(ANN) == {SILVER}


async def test_somebody_who_left_before_accepting_begins_anew(world: World) -> None:
    await _joins_screened(world)
    await world.leaves(ANN)
    world.guilds.pending.clear()

    await world.joins(ANN)

    assert world.roles(ANN) == {SILVER}


async def test_a_role_that_ends_goes_also_before_the_rules_are_accepted(world: World) -> None:
    await world.is_patron(ANN)
    await world.engine.members.updated(GUILD, ANN, frozenset({SILVER}), pending=True)
    world.patreon.cancel(patron_of(ANN))

    await world.refreshes()
    await world.refreshes()

    assert world.roles(ANN) == set()
