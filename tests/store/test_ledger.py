"""The ledger, manual grants, presence and doubts: what is known of people in a guild."""

from dataclasses import replace

from bot.core.model import Cause, DiscordUserId, Doubt, Holding, Origin, RoleId, Source
from bot.store import Store
from tests.store.makers import (
    ANN,
    BOB,
    CYD,
    DAY,
    GOLD,
    GUILD,
    HOUR,
    NOW,
    OTHER_GUILD,
    SILVER,
    grant,
    manual_grant,
)


async def test_a_grant_comes_back_as_it_was(any_store: Store) -> None:
    found = grant(role=SILVER, origin=Origin.FOUND, cause=Cause.AUDIT, holding=Holding.TAKEN)
    async with any_store.write() as t:
        await t.ledger.put_many([grant()])
        await t.ledger.put_many([found])
        await t.ledger.put_many([grant(guild=OTHER_GUILD)])
    async with any_store.read() as t:
        assert await t.ledger.of(GUILD, ANN) == {GOLD: grant(), SILVER: found}
        assert await t.ledger.of(GUILD, BOB) == {}


async def test_a_later_entry_replaces_the_one_before(any_store: Store) -> None:
    adopted = grant(origin=Origin.OURS, since=NOW + DAY, cause=Cause.MANUAL)
    async with any_store.write() as t:
        await t.ledger.put_many([grant(origin=Origin.FOUND)])
        await t.ledger.put_many([adopted])
        assert await t.ledger.of(GUILD, ANN) == {GOLD: adopted}


async def test_the_entries_of_thousands_are_loaded_at_once(any_store: Store) -> None:
    users = [DiscordUserId(1000 + number) for number in range(2100)]
    async with any_store.write() as t:
        await t.ledger.put_many(grant(user) for user in users)
        await t.ledger.put_many([grant(users[0], SILVER), grant(users[1], SILVER, guild=OTHER_GUILD)])
        found = await t.ledger.of_users(GUILD, [*users, ANN])
    assert set(found) == set(users)
    assert found[users[0]] == {GOLD: grant(users[0]), SILVER: grant(users[0], SILVER)}
    assert found[users[1]] == {GOLD: grant(users[1])}


async def test_leaving_marks_what_was_held_and_not_what_was_taken(any_store: Store) -> None:
    async with any_store.write() as t:
        taken = grant(role=SILVER, holding=Holding.TAKEN)
        await t.ledger.put_many([grant(), taken, grant(guild=OTHER_GUILD), grant(BOB)])
        await t.ledger.leave(GUILD, [ANN])
        assert await t.ledger.of(GUILD, ANN) == {GOLD: replace(grant(), holding=Holding.LEFT), SILVER: taken}
        assert await t.ledger.of(OTHER_GUILD, ANN) == {GOLD: grant(guild=OTHER_GUILD)}
        assert await t.ledger.of(GUILD, BOB) == {GOLD: grant(BOB)}


async def test_the_brake_counts_the_people_who_have_a_role_that_a_rule_gave(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.ledger.put_many(
            [
                grant(ANN),
                grant(ANN, SILVER),
                grant(BOB),
                grant(CYD, origin=Origin.FOUND),
                grant(CYD, SILVER, holding=Holding.LEFT),
                grant(DiscordUserId(99), guild=OTHER_GUILD),
            ]
        )
        assert await t.ledger.count_holders(GUILD, at_most=10) == 2
        assert await t.ledger.count_holders(GUILD, at_most=1) == 1


async def test_changes_nobody_saw_are_named_once_they_are_old(any_store: Store) -> None:
    async with any_store.write() as t:
        unseen = [grant(ANN, holding=Holding.GIVEN), grant(BOB, holding=Holding.REVOKED, since=NOW + HOUR)]
        await t.ledger.put_many([*unseen, grant(CYD), grant(CYD, SILVER, holding=Holding.GIVING)])
        await t.ledger.put_many([grant(CYD, guild=OTHER_GUILD, holding=Holding.GIVEN)])
        assert await t.ledger.unseen([GUILD], NOW) == {ANN}
        assert await t.ledger.unseen([GUILD, OTHER_GUILD], NOW + HOUR) == {ANN, BOB, CYD}


async def test_leaving_forgets_what_was_taken_and_not_seen_gone(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.ledger.put_many([grant(holding=Holding.GIVEN), grant(role=SILVER, holding=Holding.REVOKED)])
        await t.ledger.leave(GUILD, [ANN])
        assert await t.ledger.of(GUILD, ANN) == {GOLD: grant(holding=Holding.LEFT)}


async def test_a_role_that_is_gone_is_forgotten_of_everybody(any_store: Store) -> None:
    async with any_store.write() as t:
        left = grant(BOB, holding=Holding.LEFT)
        await t.ledger.put_many([grant(ANN), left, grant(ANN, SILVER), grant(ANN, guild=OTHER_GUILD)])
        await t.ledger.drop_role(GUILD, GOLD)
        assert await t.ledger.users(GUILD) == [ANN]
        assert await t.ledger.of(GUILD, ANN) == {SILVER: grant(ANN, SILVER)}
        assert await t.ledger.of(OTHER_GUILD, ANN) == {GOLD: grant(guild=OTHER_GUILD)}


async def test_people_of_a_ledger_are_paged_without_a_gap(any_store: Store) -> None:
    users = [DiscordUserId(number) for number in (5, 3, 1, 4, 2)]
    async with any_store.write() as t:
        await t.ledger.put_many(grant(user, role) for user in users for role in (GOLD, SILVER))
        first = await t.ledger.users(GUILD, limit=2)
        second = await t.ledger.users(GUILD, first[-1], limit=2)
        third = await t.ledger.users(GUILD, second[-1], limit=2)
    assert [*first, *second, *third] == sorted(users)


async def test_dropped_entries_are_gone_and_no_others(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.ledger.put_many([grant(), grant(role=SILVER), grant(BOB), grant(guild=OTHER_GUILD)])
        await t.ledger.drop(GUILD, ANN, GOLD)
        assert set(await t.ledger.of(GUILD, ANN)) == {SILVER}
        await t.ledger.drop_user(GUILD, BOB)
        await t.ledger.drop(GUILD, ANN, SILVER)
        assert await t.ledger.guilds_of(ANN) == [OTHER_GUILD]
        assert await t.ledger.of(GUILD, BOB) == {}


async def test_a_role_that_is_dropped_is_forgotten_of_everybody_in_one_guild(any_store: Store) -> None:
    async with any_store.write() as t:
        left = grant(BOB, holding=Holding.LEFT)
        await t.ledger.put_many([grant(), grant(role=SILVER), left, grant(guild=OTHER_GUILD)])
        await t.ledger.drop_role(GUILD, GOLD)
        assert set(await t.ledger.of(GUILD, ANN)) == {SILVER}
        assert await t.ledger.of(GUILD, BOB) == {}
        assert await t.ledger.of(OTHER_GUILD, ANN) == {GOLD: grant(guild=OTHER_GUILD)}


async def test_a_manual_grant_comes_back_as_it_was(any_store: Store) -> None:
    for_a_day = manual_grant(role=SILVER, expires_at=NOW + DAY)
    async with any_store.write() as t:
        await t.manual.add(manual_grant())
        await t.manual.add(for_a_day)
    async with any_store.read() as t:
        assert await t.manual.of(GUILD, ANN) == (manual_grant(), for_a_day)
        assert await t.manual.of(OTHER_GUILD, ANN) == ()
        assert await t.manual.of_users(GUILD, [ANN, BOB]) == {ANN: (manual_grant(), for_a_day)}
        assert await t.manual.guilds_of(ANN) == [GUILD]


async def test_granting_again_replaces_note_and_end(any_store: Store) -> None:
    longer = manual_grant(note="won again", expires_at=NOW + DAY)
    async with any_store.write() as t:
        await t.manual.add(manual_grant())
        await t.manual.add(longer)
        assert await t.manual.of(GUILD, ANN) == (longer,)


async def test_a_guilds_manual_grants_are_listed_the_newest_first(any_store: Store) -> None:
    newer = manual_grant(BOB, granted_at=NOW + HOUR)
    async with any_store.write() as t:
        await t.manual.add(manual_grant())
        await t.manual.add(newer)
        await t.manual.add(manual_grant(guild=OTHER_GUILD))
        assert await t.manual.of_guild(GUILD) == [newer, manual_grant()]


async def test_expired_manual_grants_wait_to_be_ended(any_store: Store) -> None:
    short = manual_grant(role=SILVER, expires_at=NOW + HOUR)
    async with any_store.write() as t:
        await t.manual.add(manual_grant())
        await t.manual.add(short)
        assert await t.manual.expired(NOW) == []
        assert await t.manual.expired(NOW + HOUR) == [short]
        assert await t.manual.end(GUILD, ANN, SILVER) == short
        assert await t.manual.end(GUILD, ANN, SILVER) is None
        assert await t.manual.of(GUILD, ANN) == (manual_grant(),)


async def test_presence_is_unknown_until_somebody_looked(any_store: Store) -> None:
    async with any_store.write() as t:
        assert await t.presence.present(GUILD, ANN) is None
        await t.presence.put(GUILD, ANN, present=True, seen_at=NOW)
        await t.presence.put(OTHER_GUILD, ANN, present=False, seen_at=NOW)
        assert await t.presence.present(GUILD, ANN) is True
        assert await t.presence.present(OTHER_GUILD, ANN) is False
        assert await t.guilds_of(ANN) == [GUILD]


async def test_an_older_sight_does_not_overrule_a_newer_one(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.presence.put(GUILD, ANN, present=False, seen_at=NOW + HOUR)
        await t.presence.put_many(GUILD, {ANN: True, BOB: True}, NOW)
        assert await t.presence.of_users(GUILD, [ANN, BOB, CYD]) == {ANN: False, BOB: True}
        await t.presence.put_many(GUILD, {ANN: True}, NOW + HOUR)
        assert await t.presence.present(GUILD, ANN) is True


async def test_an_empty_page_of_members_changes_nothing(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.presence.put_many(GUILD, {}, NOW)
        assert await t.presence.of_users(GUILD, []) == {}


async def test_whoever_an_audit_did_not_meet_is_gone(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.presence.put_many(GUILD, {ANN: True, BOB: True}, NOW)
        await t.presence.put(OTHER_GUILD, ANN, present=True, seen_at=NOW)
        await t.presence.put_many(GUILD, {BOB: True}, NOW + HOUR)
        await t.presence.gone_since(GUILD, before=NOW + HOUR, now=NOW + DAY)
        assert await t.presence.of_users(GUILD, [ANN, BOB]) == {ANN: False, BOB: True}
        assert await t.guilds_of(ANN) == [OTHER_GUILD]


def _doubt(user: DiscordUserId = ANN, role: RoleId = GOLD) -> Doubt:
    return Doubt(GUILD, user, role, 1, Source.LIST)


async def test_doubts_are_replaced_as_a_whole(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.doubts.replace(GUILD, ANN, [_doubt(), _doubt(role=SILVER)])
        await t.doubts.replace(GUILD, BOB, [_doubt(BOB)])
        assert await t.doubts.of_users(GUILD, [ANN]) == {ANN: {GOLD: _doubt(), SILVER: _doubt(role=SILVER)}}
        await t.doubts.replace(GUILD, ANN, [_doubt(role=SILVER)])
        assert await t.doubts.of_users(GUILD, [ANN]) == {ANN: {SILVER: _doubt(role=SILVER)}}
        await t.doubts.replace(GUILD, ANN, [])
        assert await t.doubts.of_users(GUILD, [ANN]) == {}
        assert await t.doubts.of_users(GUILD, [BOB]) == {BOB: {GOLD: _doubt(BOB)}}


async def test_the_doubts_of_a_page_of_people_are_replaced_and_loaded_at_once(any_store: Store) -> None:
    users = [DiscordUserId(1000 + number) for number in range(1500)]
    async with any_store.write() as t:
        await t.doubts.replace_many(GUILD, {user: (_doubt(user),) for user in users})
        await t.doubts.replace_many(GUILD, {users[0]: (), users[1]: (_doubt(users[1], SILVER),)})
        found = await t.doubts.of_users(GUILD, users)
    assert len(found) == 1499
    assert found[users[1]] == {SILVER: _doubt(users[1], SILVER)}


async def test_those_who_wait_for_a_second_reading_are_paged(any_store: Store) -> None:
    async with any_store.write() as t:
        for user in (CYD, ANN, BOB):
            await t.doubts.replace(GUILD, user, [_doubt(user), _doubt(user, SILVER)])
        assert await t.doubts.users(GUILD, limit=2) == [ANN, BOB]
        assert await t.doubts.users(GUILD, BOB, limit=2) == [CYD]
        assert await t.doubts.users(OTHER_GUILD) == []
