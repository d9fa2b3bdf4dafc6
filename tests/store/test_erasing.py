"""What is left of a person who unlinks, of one who asks to be forgotten, and of a guild that threw the bot out."""

from bot.core.model import Cause, Condition, ConditionKind, Doubt, Source, patron_owner
from bot.store import Store, Tables
from bot.store.records import LogAction, LogEntry, NudgeKind, RunKind
from tests.store.makers import (
    ANN,
    BOB,
    DAY,
    GOLD,
    GUILD,
    HOUR,
    NOW,
    OTHER_GUILD,
    OTHER_PAGE,
    PAGE,
    attempt,
    grant,
    link,
    manual_grant,
    membership,
    patron,
    tokens,
)


async def _fill(t: Tables) -> int:
    """Store all there can be of Ann, who is patron 1, and the same of Bob, who is patron 2; give the run they are in."""
    for number, user in ((1, ANN), (2, BOB)):
        await t.links.save(link(user, number))
        await t.tokens.save(patron_owner(patron(number)), tokens())
        await t.attempts.add(attempt(f"start-{number}", user))
        await t.memberships.save(membership(number), None)
        await t.memberships.save(membership(number, campaign=OTHER_PAGE), None)
        await t.nudges.add(NudgeKind.USER, str(user), Cause.WEBHOOK, NOW, reading=membership(number))
        await t.ledger.put_many([grant(user)])
        await t.manual.add(manual_grant(user))
        await t.presence.put(GUILD, user, present=True, seen_at=NOW)
        await t.presence.put(OTHER_GUILD, user, present=True, seen_at=NOW)
        await t.doubts.replace(GUILD, user, [Doubt(GUILD, user, GOLD, 1, Source.LIST)])
        await t.log.add([LogEntry(GUILD, user, GOLD, LogAction.GRANTED, Cause.LINKED, NOW)])
    rule = await t.rules.add(GUILD, PAGE, GOLD, Condition(ConditionKind.PAYING), sticky=True)
    await t.earned.add({patron(1): [rule.rule], patron(2): [rule.rule]}, NOW)
    run = await t.runs.start(RunKind.REFRESH, NOW, campaign=PAGE)
    await t.memberships.stage(run, [membership(1, amount_cents=1), membership(2, amount_cents=1)])
    return run


async def test_an_erased_link_takes_everything_of_patreon_with_it(any_store: Store) -> None:
    async with any_store.write() as t:
        run = await _fill(t)
        assert await t.links.erase(ANN) == link(ANN, 1)
    async with any_store.read() as t:
        assert await t.links.load(ANN) is None
        assert await t.tokens.load(patron_owner(patron(1))) is None
        assert await t.attempts.load_latest(ANN) is None
        assert await t.memberships.load_all(patron(1)) == {}
        assert await t.earned.of_patron(patron(1)) == {}
        assert await t.earned.of_patron(patron(2)) != {}
        assert [each.patron for each in await t.memberships.staged(run)] == [patron(2)]
        nudge = await t.nudges.load(NudgeKind.USER, str(ANN))
        assert nudge is not None
        assert nudge.readings == ()


async def test_an_erased_link_leaves_the_ledger_to_revoke_from(any_store: Store) -> None:
    async with any_store.write() as t:
        await _fill(t)
        await t.links.erase(ANN)
        assert await t.ledger.of(GUILD, ANN) == {GOLD: grant(ANN)}
        assert await t.presence.present(OTHER_GUILD, ANN) is True
        assert await t.manual.of(GUILD, ANN) == (manual_grant(ANN),)


async def test_erasing_one_person_leaves_the_others_alone(any_store: Store) -> None:
    async with any_store.write() as t:
        await _fill(t)
        await t.erase_everything(ANN)
        assert await t.links.load(BOB) == link(BOB, 2)
        assert await t.tokens.load(patron_owner(patron(2))) is not None
        assert await t.attempts.load_latest(BOB) is not None
        assert len(await t.memberships.load_all(patron(2))) == 2
        nudge = await t.nudges.load(NudgeKind.USER, str(BOB))
        assert nudge is not None
        assert nudge.readings == (membership(2),)
        assert len(await t.log.of(GUILD, BOB)) == 1
        assert len(await t.doubts.of_users(GUILD, [BOB])) == 1
        assert await t.presence.present(OTHER_GUILD, BOB) is True


async def test_a_link_can_be_made_anew_after_it_was_erased(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.links.save(link(ANN, 1))
        await t.links.erase(ANN)
        await t.links.save(link(BOB, 1))
        await t.links.save(link(ANN, 2))
        assert await t.links.count() == 2


async def test_without_a_link_only_the_attempts_are_erased(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.attempts.add(attempt())
        await t.memberships.save(membership(), None)
        assert await t.links.erase(ANN) is None
        assert await t.attempts.load_latest(ANN) is None
        assert await t.memberships.load(patron(1), PAGE) == membership()


async def test_being_forgotten_leaves_what_the_guild_needs_to_put_its_roles_right(any_store: Store) -> None:
    async with any_store.write() as t:
        await _fill(t)
        assert await t.guilds_of(ANN) == [GUILD, OTHER_GUILD]
        assert await t.erase_everything(ANN) == link(ANN, 1)
    async with any_store.read() as t:
        assert await t.log.of(GUILD, ANN) == []
        assert await t.doubts.of_users(GUILD, [ANN]) == {}
        assert await t.ledger.of(GUILD, ANN) == {GOLD: grant(ANN)}
        assert await t.manual.of(GUILD, ANN) == (manual_grant(ANN),)
        assert await t.presence.present(GUILD, ANN) is True
        assert await t.presence.present(OTHER_GUILD, ANN) is None
        assert await t.guilds_of(ANN) == [GUILD]


async def test_a_guild_is_forgotten_a_month_after_the_bot_was_thrown_out(any_store: Store) -> None:
    async with any_store.write() as t:
        await _fill(t)
        for guild in (GUILD, OTHER_GUILD):
            await t.guilds.joined(guild, NOW)
            await t.guilds.mark_left(guild, NOW)
        await t.guilds.mark_left(OTHER_GUILD, NOW + DAY)
        await t.tidy(NOW + 30 * DAY)
        assert await t.guilds_of(ANN) == [GUILD, OTHER_GUILD]
        await t.tidy(NOW + 30 * DAY + HOUR)
        assert await t.guilds_of(ANN) == [OTHER_GUILD]
        assert await t.log.of(GUILD, ANN) == []
        assert await t.doubts.of_users(GUILD, [ANN]) == {}
        assert await t.guilds.left() == {OTHER_GUILD}
        assert await t.links.load(ANN) == link(ANN, 1)


async def test_somebody_unknown_is_forgotten_without_a_fuss(any_store: Store) -> None:
    async with any_store.write() as t:
        assert await t.erase_everything(ANN) is None
        assert await t.guilds_of(ANN) == []
