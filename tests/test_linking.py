"""Linking as a use case: four steps over a real database, and what each does when somebody leaves the path."""

import asyncio
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.core.model import (
    CREATOR,
    CampaignId,
    Cause,
    Grant,
    Holding,
    Link,
    ManualGrant,
    Origin,
    Tokens,
    patron_owner,
)
from bot.errors import (
    AccessDenied,
    AccessRevoked,
    LinkError,
    LinkProblem,
    PatreonError,
    PatreonUnavailable,
    RateLimited,
)
from bot.linking import Confirmation, Linked, Linking, PersonalData, Wait
from bot.patreon.renewal import Renewer
from bot.store import Store
from bot.store.records import LogAction, LogEntry, Nudge, NudgeKind, fingerprint
from bot.vault import StoreVault
from tests.conftest import Clock
from tests.doors import (
    ANN,
    BOB,
    CAMPAIGN,
    CREATOR_ID,
    GOLD,
    GUILD,
    OTHER_PATRON,
    PATRON,
    START,
    FewWords,
    furnish,
    identity,
    membership,
)


class World:
    """The use cases over one database, and what they did."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self.patreon = FewWords({"ann": identity(PATRON, membership())})
        self.woken = 0
        self.linking = Linking(
            store, self.patreon, public_url="https://bot.test", now=self.clock, wake=self.wake, name_of=self.name_of
        )
        self.data = PersonalData(store, now=self.clock, wake=self.wake)

    def wake(self) -> None:
        self.woken += 1

    async def name_of(self, user: int) -> str | None:
        return "@ann" if user == ANN else None

    async def start(self, user: int = ANN) -> str:
        """Press /link and open the button; give the state."""
        url = await self.linking.begin(type(ANN)(user), GUILD, 99, "interaction-token")
        return await self.open(url)

    async def open(self, url: str) -> str:
        consent = await self.linking.authorize(url.rsplit("/", 1)[1])
        return parse_qs(urlsplit(consent).query)["state"][0]

    async def ask(self, code: str = "ann", user: int = ANN) -> Confirmation:
        return await self.back(await self.start(user), code)

    async def back(self, state: str, code: str = "ann") -> Confirmation:
        """Come back from Patreon and be asked."""
        asked = await self.linking.returned(state, code)
        assert isinstance(asked, Confirmation)
        return asked

    async def link(self, code: str = "ann", user: int = ANN) -> Linked:
        return await self.linking.finish((await self.ask(code, user)).token)

    async def stored_link(self, user: int = ANN) -> Link | None:
        async with self.store.read() as t:
            return await t.links.load(type(ANN)(user))

    async def nudges(self) -> list[Nudge]:
        async with self.store.write() as t:
            return await t.nudges.claim("test", self.clock(), self.clock() + timedelta(seconds=1), 10, NudgeKind.USER)


@pytest.fixture
async def world(store: Store, clock: Clock) -> World:
    await furnish(store)
    return World(store, clock)


async def fails(step: object, problem: LinkProblem) -> None:
    with pytest.raises(LinkError) as caught:
        await step  # type: ignore[misc]
    assert caught.value.problem is problem


async def test_linking_stores_tie_tokens_membership_and_nudge_and_says_which_roles_follow(world: World) -> None:
    linked = await world.link()

    assert linked.link == Link(ANN, PATRON, START)
    assert [(role.guild, role.role, role.name) for role in linked.roles] == [(GUILD, GOLD, "Gold <3")]
    assert (linked.pending, linked.present, linked.not_patron_of) == (False, True, ())
    async with world.store.read() as t:
        assert await t.links.load(ANN) == linked.link
        pair = await t.tokens.load(patron_owner(PATRON))
        assert pair is not None
        assert pair.tokens.access == "access-of-ann"
        stored = await t.memberships.load(PATRON, CAMPAIGN)
        assert stored is not None
        assert stored.amount_cents == 500
    assert [(nudge.kind, nudge.key, nudge.cause) for nudge in await world.nudges()] == [
        (NudgeKind.USER, str(ANN), Cause.LINKED)
    ]
    assert world.woken == 1


async def test_the_page_names_both_accounts_before_anything_is_linked(world: World) -> None:
    asked = await world.ask()

    assert (asked.user, asked.user_name, asked.patron, asked.patron_name) == (ANN, "@ann", PATRON, "Ann Example")
    assert await world.stored_link() is None
    assert world.woken == 0


async def test_secrets_and_names_of_a_question_show_in_no_repr(world: World) -> None:
    asked = await world.ask()

    assert asked.token not in repr(asked)
    assert "Ann" not in repr(asked)


async def test_one_time_tokens_are_stored_only_as_hashes(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD)
    token = url.rsplit("/", 1)[1]
    async with world.store.read() as t:
        attempt = await t.attempts.load_latest(ANN)
    assert attempt is not None
    assert attempt.key == fingerprint(token) != token


async def test_a_state_is_good_once(world: World) -> None:
    state = await world.start()
    await world.linking.returned(state, "ann")

    await fails(world.linking.returned(state, "ann"), LinkProblem.USED)


async def test_confirming_twice_links_once_and_gives_the_same_answer(world: World) -> None:
    asked = await world.ask()
    first = await world.linking.finish(asked.token)

    assert await world.linking.finish(asked.token) == first
    assert world.woken == 1


async def test_confirming_twice_at_once_links_once_and_gives_the_same_answer(world: World) -> None:
    asked = await world.ask()

    first, second = await asyncio.gather(world.linking.finish(asked.token), world.linking.finish(asked.token))

    assert first == second
    assert world.woken == 1


async def test_a_confirmation_is_spent_when_the_link_it_made_is_gone(world: World) -> None:
    asked = await world.ask()
    await world.linking.finish(asked.token)
    await world.data.unlink(ANN)

    await fails(world.linking.finish(asked.token), LinkProblem.FORGED)
    assert await world.stored_link() is None


async def test_a_confirmation_says_nothing_of_a_link_that_was_there_before(world: World) -> None:
    await world.link()
    world.clock.move(timedelta(seconds=1))
    world.patreon.people["again"] = identity(PATRON, membership())
    asked = await world.ask("again")
    await world.linking.refuse(asked.token)

    await fails(world.linking.finish(asked.token), LinkProblem.USED)


async def test_saying_no_twice_is_no_error_but_no_after_yes_comes_too_late(world: World) -> None:
    refused, agreed = await world.ask(), None
    await world.linking.refuse(refused.token)
    await world.linking.refuse(refused.token)
    world.patreon.used.clear()
    agreed = await world.ask()
    await world.linking.finish(agreed.token)

    await fails(world.linking.refuse(agreed.token), LinkProblem.USED)
    assert await world.stored_link() is not None


async def test_forged_tokens_lead_nowhere(world: World) -> None:
    await world.ask()

    await fails(world.linking.authorize("forged"), LinkProblem.FORGED)
    await fails(world.linking.returned("forged", "ann"), LinkProblem.FORGED)
    await fails(world.linking.finish("forged"), LinkProblem.FORGED)
    await fails(world.linking.refuse("forged"), LinkProblem.FORGED)


async def test_every_step_ends_after_ten_minutes(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD)
    state = await world.start()
    asked = await world.ask()
    world.clock.move(timedelta(minutes=10))

    await fails(world.open(url), LinkProblem.EXPIRED)
    await fails(world.linking.returned(state, "ann"), LinkProblem.EXPIRED)
    await fails(world.linking.finish(asked.token), LinkProblem.EXPIRED)
    assert await world.stored_link() is None


async def test_the_last_second_of_ten_minutes_still_counts(world: World) -> None:
    asked = await world.ask()
    world.clock.move(timedelta(minutes=9, seconds=59))

    assert (await world.linking.finish(asked.token)).link.user == ANN


async def test_attempts_are_forgotten_a_day_after_they_are_over(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD)
    world.clock.move(timedelta(days=1, minutes=9))
    await world.linking.tidy()
    await fails(world.open(url), LinkProblem.EXPIRED)
    world.clock.move(timedelta(minutes=2))
    await world.linking.tidy()

    await fails(world.open(url), LinkProblem.FORGED)


async def test_a_question_nobody_answers_keeps_name_and_tokens_ten_minutes_and_no_longer(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD, 99, "interaction-token")
    await world.linking.returned(await world.open(url), "ann")
    kept = []
    for passed in (timedelta(minutes=9), timedelta(minutes=1), timedelta(minutes=5)):
        world.clock.move(passed)
        await world.linking.tidy()
        async with world.store.read() as t:
            attempt = await t.attempts.load_latest(ANN)
        assert attempt is not None
        kept.append((attempt.patron_name is not None, attempt.tokens is not None, attempt.interaction_token is not None))

    assert kept == [(True, True, True), (False, False, True), (False, False, False)]


async def test_the_button_may_be_opened_twice_and_finished_in_either_tab_once(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD)
    first, second = await world.open(url), await world.open(url)
    assert (await world.back(first)).user == ANN

    await fails(world.linking.returned(second, "ann"), LinkProblem.USED)


async def test_a_state_tells_neither_its_link_nor_what_is_stored_of_it(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD)
    token, state = url.rsplit("/", 1)[1], await world.open(url)

    assert state not in (token, fingerprint(token))
    assert state != await world.open(await world.linking.begin(ANN, GUILD))
    async with world.store.read() as t:
        attempt = await t.attempts.load_latest(ANN)
        assert attempt is not None
        assert state not in (attempt.key, attempt.state_hash)


@pytest.mark.parametrize("code", [None, ""])
async def test_coming_back_without_a_code_is_a_refusal_and_ends_the_attempt(world: World, code: str | None) -> None:
    url = await world.linking.begin(ANN, GUILD)

    await fails(world.linking.returned(await world.open(url), code), LinkProblem.REFUSED)
    await fails(world.open(url), LinkProblem.USED)


async def test_saying_this_is_not_me_links_nothing_and_forgets_name_and_tokens(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD)
    asked = await world.back(await world.open(url))

    await world.linking.refuse(asked.token)

    await fails(world.linking.finish(asked.token), LinkProblem.USED)
    async with world.store.read() as t:
        attempt = await t.attempts.load_latest(ANN)
        assert attempt is not None
        assert (attempt.patron_name, attempt.tokens) == (None, None)
        assert await t.tokens.load(patron_owner(PATRON)) is None


async def test_one_patron_has_one_discord_user(world: World) -> None:
    await world.link()
    world.patreon.people["again"] = identity(PATRON, membership())

    await fails(world.ask("again", BOB), LinkProblem.PATRON_TAKEN)
    assert await world.stored_link(BOB) is None


async def test_of_two_who_confirm_the_same_patron_only_the_first_gets_it(world: World) -> None:
    world.patreon.people["again"] = identity(PATRON, membership())
    anns, bobs = await world.ask("ann"), await world.ask("again", BOB)
    await world.linking.finish(anns.token)

    await fails(world.linking.finish(bobs.token), LinkProblem.PATRON_TAKEN)
    assert await world.stored_link(BOB) is None
    async with world.store.read() as t:
        pair = await t.tokens.load(patron_owner(PATRON))
        assert pair is not None
        assert pair.tokens.access == "access-of-ann"
        assert pair.spare is not None, "the later sign-in may have voided the first pair"
        assert pair.spare.access == "access-of-again"
    await fails(world.linking.finish(bobs.token), LinkProblem.USED)


async def test_a_second_sign_in_of_a_linked_patron_keeps_the_new_pair_as_spare(world: World) -> None:
    await world.link()
    world.patreon.people["again"] = identity(PATRON, membership())

    await fails(world.ask("again", BOB), LinkProblem.PATRON_TAKEN)

    async with world.store.read() as t:
        pair = await t.tokens.load(patron_owner(PATRON))
        assert pair is not None
        assert pair.tokens.access == "access-of-ann"
        assert pair.spare is not None
        assert pair.spare.access == "access-of-again"


async def test_a_linked_patron_who_leaves_the_question_unanswered_keeps_the_new_pair_as_spare(world: World) -> None:
    await world.link()
    world.patreon.people["again"] = identity(PATRON, membership())

    await world.ask("again")

    world.clock.move(timedelta(minutes=11))
    await world.linking.tidy()
    async with world.store.read() as t:
        pair = await t.tokens.load(patron_owner(PATRON))
    assert pair is not None
    assert pair.spare is not None
    assert (pair.tokens.access, pair.spare.access) == ("access-of-ann", "access-of-again")


async def test_a_new_pair_is_on_disk_before_it_is_used(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD)
    state = await world.open(url)
    used: list[Tokens] = []

    async def look(tokens: Tokens) -> None:
        async with world.store.read() as t:
            attempt = await t.attempts.load_latest(ANN)
        assert attempt is not None
        assert attempt.tokens == tokens
        used.append(tokens)

    world.patreon.watch = look
    await world.linking.returned(state, "ann")

    assert len(used) == 1


async def test_a_discord_user_with_another_patron_has_to_unlink_first(world: World) -> None:
    await world.link()
    world.patreon.people["other"] = identity(OTHER_PATRON, membership(OTHER_PATRON))

    await fails(world.ask("other"), LinkProblem.USER_TAKEN)
    await world.data.unlink(ANN)
    world.patreon.used.clear()
    assert (await world.link("other")).link.patron == OTHER_PATRON


async def test_linking_the_same_accounts_again_mends_a_broken_link(world: World) -> None:
    await world.link()
    async with world.store.write() as t:
        await t.links.mark_broken(ANN, world.clock())
    world.patreon.people["again"] = identity(PATRON, membership())

    await world.link("again")

    link = await world.stored_link()
    assert link is not None
    assert link.broken_since is None
    async with world.store.read() as t:
        pair = await t.tokens.load(patron_owner(PATRON))
        assert pair is not None
        assert (pair.tokens.access, pair.version) == ("access-of-again", 2)


async def test_the_creator_is_told_and_their_own_pair_is_not_replaced(world: World) -> None:
    world.patreon.people["creator"] = identity(CREATOR_ID)

    await fails(world.ask("creator"), LinkProblem.CREATOR)

    async with world.store.read() as t:
        pair = await t.tokens.load(CREATOR)
        assert pair is not None
        assert pair.tokens.access == "creator-access"
        assert pair.spare is not None
        assert pair.spare.access == "access-of-creator"
        assert await t.links.load_of_patron(CREATOR_ID) is None


async def test_a_patron_of_another_creator_only_is_linked_and_told_which_campaign_counts(world: World) -> None:
    elsewhere = membership(campaign=CampaignId("888"))
    world.patreon.people["ann"] = identity(PATRON, elsewhere)

    linked = await world.link()

    assert linked.roles == ()
    assert [campaign.campaign for campaign in linked.not_patron_of] == [CAMPAIGN]
    async with world.store.read() as t:
        assert await t.memberships.load_all(PATRON) == {}, "other creators' memberships are nobody's business here"


async def test_patreon_down_on_the_way_back_links_nothing_and_the_page_may_be_opened_again(world: World) -> None:
    state = await world.start()
    world.patreon.down = PatreonUnavailable("503")

    with pytest.raises(PatreonUnavailable):
        await world.linking.returned(state, "ann")

    assert await world.stored_link() is None
    world.patreon.down = None
    assert (await world.back(state)).user == ANN


async def test_who_has_to_wait_for_a_turn_keeps_the_attempt_and_goes_on_with_it(world: World) -> None:
    state = await world.start()
    world.patreon.down = RateLimited(timedelta(seconds=12))

    for _ in range(20):
        assert await world.linking.returned(state, "ann") == Wait(timedelta(seconds=12))

    world.patreon.down = None
    world.clock.move(timedelta(minutes=9))
    linked = await world.linking.finish((await world.back(state)).token)
    assert linked.link.user == ANN


@pytest.mark.parametrize("trouble", [RateLimited(timedelta(seconds=12)), PatreonUnavailable("401")])
async def test_trouble_behind_the_exchange_keeps_the_pair_and_redeems_the_code_once(
    world: World, trouble: PatreonError
) -> None:
    state = await world.start()

    async def fail(_tokens: Tokens) -> None:
        raise trouble

    world.patreon.watch = fail
    assert isinstance(await world.linking.returned(state, "ann"), Wait)

    world.patreon.watch = None
    assert (await world.back(state, "a code that is used up by now")).patron == PATRON


async def test_the_page_opened_again_while_the_first_is_under_way_gets_the_same_question(world: World) -> None:
    state = await world.start()
    gate, reached = asyncio.Event(), asyncio.Event()

    async def hold(_tokens: Tokens) -> None:
        reached.set()
        await gate.wait()

    world.patreon.watch = hold
    first = asyncio.create_task(world.back(state))
    await reached.wait()
    first.cancel()
    second = asyncio.create_task(world.back(state))
    await fails(world.linking.returned(state, "another code"), LinkProblem.USED)
    gate.set()

    assert (await world.linking.finish((await second).token)).link.user == ANN


async def test_a_wait_that_outlives_the_attempt_is_told_as_it_is(world: World) -> None:
    state = await world.start()
    world.patreon.down = RateLimited(timedelta(minutes=30))

    with pytest.raises(RateLimited):
        await world.linking.returned(state, "ann")


async def test_opening_the_button_again_forgets_the_pair_of_the_sign_in_before(world: World) -> None:
    url = await world.linking.begin(ANN, GUILD)
    state = await world.open(url)

    async def fail(_tokens: Tokens) -> None:
        raise RateLimited(timedelta(seconds=12))

    world.patreon.watch = fail
    assert isinstance(await world.linking.returned(state, "ann"), Wait)
    world.patreon.watch = None
    world.patreon.people["other"] = identity(OTHER_PATRON, membership(OTHER_PATRON))

    assert (await world.back(await world.open(url), "other")).patron == OTHER_PATRON


async def test_a_code_that_patreon_refuses_ends_the_attempt(world: World) -> None:
    state = await world.start()

    with pytest.raises(AccessRevoked):
        await world.linking.returned(state, "made up")

    await fails(world.linking.returned(state, "ann"), LinkProblem.USED)


async def test_ten_refused_codes_an_hour_stop_their_user_and_nobody_else(world: World) -> None:
    last = [await world.start() for _ in range(2)]
    for _ in range(10):
        with pytest.raises(AccessRevoked):
            await world.linking.returned(await world.start(), "made up")
    world.patreon.people["bob"] = identity(OTHER_PATRON, membership(OTHER_PATRON))

    await fails(world.start(), LinkProblem.TOO_MANY)
    await fails(world.linking.returned(last[1], "ann"), LinkProblem.TOO_MANY)
    assert world.patreon.used == set(), "Patreon was not asked"
    assert (await world.link("bob", BOB)).link.user == BOB
    world.clock.move(timedelta(hours=1, seconds=1))
    assert (await world.link()).link.user == ANN


async def test_of_more_than_five_attempts_the_oldest_expires_and_its_message_is_forgotten(world: World) -> None:
    urls = []
    for number in range(6):
        urls.append(await world.linking.begin(ANN, GUILD, 99, f"interaction-{number}"))
        world.clock.move(timedelta(seconds=1))

    await fails(world.open(urls[0]), LinkProblem.EXPIRED)
    states = [await world.open(url) for url in urls[1:]]
    assert (await world.back(states[0])).user == ANN
    assert await world.linking.begin(BOB, GUILD)
    assert await world.open(urls[5]), "somebody else's attempts count for themselves"


async def test_attempts_that_have_ended_leave_room_for_others(world: World) -> None:
    first = await world.linking.begin(ANN, GUILD)
    for _ in range(8):
        world.clock.move(timedelta(seconds=1))
        await fails(world.linking.returned(await world.start(), None), LinkProblem.REFUSED)

    assert await world.open(first)


async def test_patreon_down_at_the_last_step_still_links_and_the_engine_reads_later(world: World) -> None:
    asked = await world.ask()
    world.patreon.down = PatreonUnavailable("503")

    linked = await world.linking.finish(asked.token)

    assert (linked.pending, linked.not_patron_of) == (True, ())
    assert [nudge.cause for nudge in await world.nudges()] == [Cause.LINKED]


async def test_a_pair_that_may_not_show_its_owner_at_the_last_step_links_nothing(world: World) -> None:
    asked = await world.ask()
    world.patreon.down = AccessDenied("403")

    with pytest.raises(AccessDenied):
        await world.linking.finish(asked.token)

    assert await world.stored_link() is None


async def test_linking_before_joining_says_that_the_roles_wait(world: World) -> None:
    async with world.store.write() as t:
        await t.presence.put(GUILD, ANN, present=False, seen_at=world.clock())

    linked = await world.link()

    assert not linked.present
    assert [role.role for role in linked.roles] == [GOLD]


async def test_unlinking_erases_tie_and_tokens_and_nudges_the_engine(world: World) -> None:
    await world.link()
    await world.nudges()

    link = await world.data.unlink(ANN)

    assert link.patron == PATRON
    async with world.store.read() as t:
        assert await t.links.load(ANN) is None
        assert await t.tokens.load(patron_owner(PATRON)) is None
    world.clock.move(timedelta(seconds=2))
    assert [nudge.cause for nudge in await world.nudges()] == [Cause.UNLINKED]
    assert world.woken == 2


async def test_a_renewal_under_way_does_not_bring_back_the_tokens_of_who_unlinks(world: World) -> None:
    await world.link()

    async def renew(refresh: str) -> Tokens:
        await world.data.unlink(ANN)
        return Tokens("late-access", f"{refresh}-late", START + timedelta(days=31))

    renewer = Renewer(StoreVault(world.store), renew, now=world.clock, sleep=asyncio.sleep)
    with pytest.raises(AccessRevoked):
        await renewer.renew(patron_owner(PATRON), 1)

    async with world.store.read() as t:
        assert await t.tokens.load(patron_owner(PATRON)) is None


async def test_unlinking_what_is_not_linked_says_so_and_changes_nothing(world: World) -> None:
    await fails(world.data.unlink(ANN), LinkProblem.NOT_LINKED)

    assert await world.nudges() == []
    assert world.woken == 0


async def test_my_data_shows_link_membership_and_roles(world: World) -> None:
    await world.link()

    mine = await world.data.show(ANN)

    assert mine.link is not None
    assert list(mine.memberships) == [CAMPAIGN]
    assert mine.guilds == (GUILD,)
    assert mine.tokens_expire_at == START + timedelta(days=31)


async def test_my_data_of_a_stranger_is_empty(world: World) -> None:
    mine = await world.data.show(BOB)

    assert (mine.link, mine.memberships, mine.roles, mine.log, mine.tokens_expire_at) == (None, {}, (), (), None)


async def test_erasing_leaves_nothing_to_show_and_lets_the_engine_take_the_roles(world: World) -> None:
    await world.link()
    await world.nudges()

    assert await world.data.erase(ANN)

    mine = await world.data.show(ANN)
    assert (mine.link, mine.memberships, mine.tokens_expire_at) == (None, {}, None)
    world.clock.move(timedelta(seconds=2))
    assert [nudge.cause for nudge in await world.nudges()] == [Cause.UNLINKED]
    assert not await world.data.erase(BOB)


async def test_erasing_ends_roles_given_by_hand_and_forgets_their_note(world: World) -> None:
    async with world.store.write() as t:
        await t.manual.add(ManualGrant(GUILD, ANN, GOLD, "our friend Ann", BOB, START, None))
        await t.manual.add(ManualGrant(GUILD, BOB, GOLD, "somebody else", BOB, START, None))

    await world.data.erase(ANN)

    assert (await world.data.show(ANN)).manual == ()
    assert len((await world.data.show(BOB)).manual) == 1


async def test_an_erasure_is_complete_when_the_last_role_was_taken_back(world: World) -> None:
    role = Grant(GUILD, ANN, GOLD, Origin.OURS, START, Cause.LINKED, Holding.HELD)
    async with world.store.write() as t:
        await t.ledger.put_many([role])
        await t.presence.put(GUILD, ANN, present=True, seen_at=START)
    await world.data.erase(ANN)

    await world.data.tidy()
    assert (await world.data.show(ANN)).guilds == (GUILD,), "the engine has to know where to take the role"
    async with world.store.write() as t:
        await t.ledger.drop(GUILD, ANN, GOLD)
        await t.log.add([LogEntry(GUILD, ANN, GOLD, LogAction.REVOKED, Cause.UNLINKED, START)])
    await world.data.tidy()

    async with world.store.read() as t:
        assert await t.log.of(GUILD, ANN) == []
        assert await t.presence.present(GUILD, ANN) is None
        assert sorted(await t.facts.beginning_with("")) == ["configured_campaign", "key_check", "serial"]


async def test_who_links_again_after_an_erasure_keeps_what_belongs_to_the_new_link(world: World) -> None:
    await world.data.erase(ANN)
    asked = await world.ask()
    await world.data.tidy()
    await world.linking.finish(asked.token)
    async with world.store.write() as t:
        await t.log.add([LogEntry(GUILD, ANN, GOLD, LogAction.GRANTED, Cause.LINKED, START)])

    await world.data.tidy()
    await world.data.unlink(ANN)
    await world.data.tidy()

    async with world.store.read() as t:
        assert len(await t.log.of(GUILD, ANN)) == 1
