"""The world of guilds, roles and members without any socket."""

from datetime import UTC, datetime

import pytest

from sandbox.world.clock import Clock
from sandbox.world.guild_events import Event, MemberChanged, MemberLeft, RoleChanged, RoleDeleted
from sandbox.world.guild_ranks import may_hand_out, may_see, may_write, permissions_in, permissions_of, rank
from sandbox.world.guild_records import EVERY_PERMISSION, Permission, Unknown
from sandbox.world.guild_roster import Roster
from tests.sandbox.discord_life import Town, build_town

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def town() -> Town:
    return build_town()


def listen(town: Town) -> list[Event]:
    events: list[Event] = []
    town.world.listen(events.append)
    return events


def positions(town: Town) -> list[str]:
    return [role.name for role in sorted(town.guild.roles.values(), key=lambda role: role.position)]


def test_snowflakes_rise_even_within_one_millisecond() -> None:
    world = build_town(clock=Clock(lambda: NOON)).world
    ids = [world.new_id() for _ in range(100)]
    assert ids == sorted(set(ids))
    assert (ids[0] >> 22) + 1_420_070_400_000 == int(NOON.timestamp() * 1000)


def test_a_new_role_is_the_lowest_and_the_bots_role_the_highest(town: Town) -> None:
    assert positions(town) == ["@everyone", "Silver", "Gold", "Patron Roles"]
    assert [role.position for role in town.guild.roles.values()] == [0, 2, 1, 3]


def test_moving_a_role_renumbers_the_ones_between_and_says_so(town: Town) -> None:
    events = listen(town)
    town.world.move_role(town.guild.id, town.world.bot_role(town.guild.id, town.bot_id).id, 1)
    assert positions(town) == ["@everyone", "Patron Roles", "Silver", "Gold"]
    assert sorted(e.role.name for e in events if isinstance(e, RoleChanged)) == ["Gold", "Patron Roles", "Silver"]


def test_deleting_a_role_takes_it_from_its_holders_without_member_events(town: Town) -> None:
    town.world.give_role(town.guild.id, town.ann.id, town.gold.id)
    events = listen(town)
    town.world.delete_role(town.guild.id, town.gold.id)
    assert town.world.roles_of(town.guild.id, town.ann.id) == frozenset()
    assert any(isinstance(event, RoleDeleted) and event.role_id == town.gold.id for event in events)
    assert not any(isinstance(event, MemberChanged) for event in events)
    assert [role.position for role in sorted(town.guild.roles.values(), key=lambda r: r.position)] == [0, 1, 2]


def test_giving_a_role_twice_changes_nothing_the_second_time(town: Town) -> None:
    events = listen(town)
    assert town.world.give_role(town.guild.id, town.ann.id, town.gold.id, reason="a gift")
    lines = len(town.guild.audit_log)
    assert not town.world.give_role(town.guild.id, town.ann.id, town.gold.id)
    assert len(town.guild.audit_log) == lines
    assert sum(isinstance(event, MemberChanged) for event in events) == 1
    assert town.world.role_names_of(town.guild.id, town.ann.id) == {"Gold"}


def test_a_role_given_by_hand_stands_in_the_audit_log_under_the_owners_name(town: Town) -> None:
    town.world.give_role(town.guild.id, town.ann.id, town.gold.id, reason="thanks")
    entry = town.guild.audit_log[-1]
    assert (entry.action, entry.actor_id, entry.target_id, entry.reason) == (25, town.owner.id, town.ann.id, "thanks")
    assert entry.changes == ({"key": "$add", "new_value": [{"id": str(town.gold.id), "name": "Gold"}]},)


def test_who_leaves_loses_every_role_and_comes_back_without(town: Town) -> None:
    town.world.give_role(town.guild.id, town.ann.id, town.gold.id)
    events = listen(town)
    town.world.leave(town.guild.id, town.ann.id)
    with pytest.raises(Unknown, match="Unknown Member"):
        town.world.roles_of(town.guild.id, town.ann.id)
    town.world.join(town.guild.id, town.ann.id)
    assert town.world.roles_of(town.guild.id, town.ann.id) == frozenset()
    assert isinstance(events[0], MemberLeft)


def test_a_kick_is_in_the_audit_log(town: Town) -> None:
    town.world.leave(town.guild.id, town.ann.id, by=town.owner.id, reason="rude")
    assert (town.guild.audit_log[-1].action, town.guild.audit_log[-1].reason) == (20, "rude")


def test_a_bot_that_is_thrown_out_takes_its_managed_role_along(town: Town) -> None:
    town.world.leave(town.guild.id, town.bot_id)
    assert positions(town) == ["@everyone", "Silver", "Gold"]
    with pytest.raises(Unknown):
        town.world.bot_role(town.guild.id, town.bot_id)


@pytest.mark.parametrize("what", ["guild", "channel", "user"])
def test_what_does_not_exist_is_named(town: Town, what: str) -> None:
    with pytest.raises(Unknown, match=f"(?i)unknown {what}"):
        getattr(town.world, what)(5)


def test_the_owner_may_do_everything_and_others_what_their_roles_add_up_to(town: Town) -> None:
    assert permissions_of(town.guild, town.owner.id) == EVERY_PERMISSION
    assert not permissions_of(town.guild, town.ann.id) & Permission.MANAGE_ROLES
    town.world.set_permissions(town.guild.id, town.gold.id, Permission.MANAGE_ROLES)
    town.world.give_role(town.guild.id, town.ann.id, town.gold.id)
    assert permissions_of(town.guild, town.ann.id) & Permission.MANAGE_ROLES
    town.world.set_permissions(town.guild.id, town.gold.id, Permission.ADMINISTRATOR)
    assert permissions_of(town.guild, town.ann.id) == EVERY_PERMISSION


def test_rank_decides_which_roles_a_bot_may_hand_out(town: Town) -> None:
    assert may_hand_out(town.guild, town.bot_id, town.gold)
    town.world.move_role(town.guild.id, town.gold.id, 3)
    assert rank(town.guild, town.bot_id) == 2
    assert not may_hand_out(town.guild, town.bot_id, town.gold)
    assert may_hand_out(town.guild, town.bot_id, town.silver)
    assert may_hand_out(town.guild, town.owner.id, town.gold)


def test_without_the_permission_no_rank_helps(town: Town) -> None:
    own = town.world.bot_role(town.guild.id, town.bot_id)
    town.world.set_permissions(town.guild.id, own.id, Permission.VIEW_CHANNEL)
    assert not may_hand_out(town.guild, town.bot_id, town.silver)


def test_managed_roles_are_handed_out_by_nobody(town: Town) -> None:
    booster = town.world.add_role(town.guild.id, "Booster", managed=True)
    assert not may_hand_out(town.guild, town.bot_id, booster)
    assert not may_hand_out(town.guild, town.owner.id, booster)


def test_overwrites_count_in_discords_order(town: Town) -> None:
    channel = next(iter(town.guild.channels.values()))
    town.world.overwrite(channel.id, town.guild.id, deny=Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES)
    assert not may_see(town.guild, channel, town.ann.id)
    town.world.give_role(town.guild.id, town.ann.id, town.gold.id)
    town.world.overwrite(channel.id, town.gold.id, allow=Permission.VIEW_CHANNEL | Permission.SEND_MESSAGES)
    assert may_write(town.guild, channel, town.ann.id)
    town.world.overwrite(channel.id, town.ann.id, deny=Permission.SEND_MESSAGES)
    assert may_see(town.guild, channel, town.ann.id)
    assert not may_write(town.guild, channel, town.ann.id)
    assert permissions_in(town.guild, channel, town.owner.id) == EVERY_PERMISSION


def test_a_stranger_sees_no_channel(town: Town) -> None:
    channel = next(iter(town.guild.channels.values()))
    assert not may_see(town.guild, channel, town.world.add_user("bob").id)


def test_a_deleted_channel_is_gone_everywhere(town: Town) -> None:
    channel = town.world.add_channel(town.guild.id, "staff")
    town.world.delete_channel(channel.id)
    assert channel.id not in town.guild.channels
    with pytest.raises(Unknown):
        town.world.history(channel.id)


def test_a_crowd_shares_its_roles_and_has_names_on_demand(town: Town) -> None:
    crowd = town.world.add_members(town.guild.id, 50_000, roles=[town.gold.id])
    assert len(town.guild.members) == 50_003
    assert town.guild.members.roles(crowd[0]) is town.guild.members.roles(crowd[-1])
    assert town.world.user(crowd[7]).name == "member0-7"
    assert town.world.new_id() > crowd[-1]
    assert len(town.guild.members.holders(town.gold.id)) == 50_000


def test_pages_of_members_rise_and_miss_nobody(town: Town) -> None:
    crowd = town.world.add_members(town.guild.id, 25)
    town.world.leave(town.guild.id, crowd[3])
    found: list[int] = []
    while page := town.guild.members.page(found[-1] if found else 0, 10):
        found += page
    assert found == sorted(town.guild.members)
    assert crowd[3] not in found


def test_a_member_added_again_keeps_the_day_of_joining() -> None:
    roster = Roster(NOON)
    later = NOON.replace(day=2)
    roster.add(5, [1], later)
    roster.add(5, [2], later.replace(day=3))
    assert (roster.joined_at(5), roster.roles(5)) == (later, frozenset({2}))
    roster.remove(5)
    assert 5 not in roster
    assert roster.page(0, 10) == []
