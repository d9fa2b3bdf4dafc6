"""Version 1 against the simulated Patreon, over real sockets: long lists, the documented calls, its end."""

import time
from datetime import UTC, datetime

import pytest

from bot.core.model import CREATOR, CampaignId, patron_owner
from bot.errors import (
    AccessDenied,
    PatreonGone,
    UnexpectedAnswer,
    WrongToken,
)
from bot.patreon.v1 import campaigns_call
from bot.patreon.v1_calls import V1Calls, pledge_to
from bot.patreon.v1_objects import Campaign, Goal, Reward, User
from bot.patreon.wire import Call
from sandbox.world.examples import crowd
from sandbox.world.patreon_faults import Fault
from tests.patreon.place import Place, patrons


async def test_a_long_list_is_read_whole_within_the_limits(old: Place) -> None:
    crowd(old.world, 11_999)
    old.patreon.limits.enabled = True
    async with old.open() as client:
        found = await patrons(client, old.campaign)
    assert len(found) == len(set(found)) == 12_000
    statuses = [entry.data.get("status") for entry in old.world.timeline.entries if entry.kind == "patreon.call"]
    assert set(statuses) == {200}, "never provoking a 429"
    assert len(statuses) > 100, "although one minute was not enough"


async def test_newest_first_is_the_same_list_turned_round(old: Place) -> None:
    crowd(old.world, 250)
    async with old.open() as client:
        oldest = await patrons(client, old.campaign)
        calls, newest, cursor = V1Calls(client.ask), dict[str, None](), None
        while True:
            page, answer = await calls.fetch_page_of_pledges(old.campaign, 100, sort="-created", cursor=cursor)
            newest |= dict.fromkeys(pledge.patron.id for pledge in page if pledge.patron)
            cursor = answer.next_cursor
            if cursor is None:
                break
    assert oldest == [*newest][::-1]


async def test_v1_switched_off_is_one_clear_signal(old: Place) -> None:
    async with old.open() as client:
        old.patreon.faults.add(Fault.GONE)
        with pytest.raises(PatreonGone):
            await patrons(client, old.campaign)


async def test_v1_calls_give_every_documented_object(old: Place) -> None:
    crowd(old.world, 30)
    async with old.open() as client:
        ann = await old.link(client, "Ann")
        calls = V1Calls(client.ask)
        user, answer = await calls.fetch_user(patron_owner(ann))
        clara = old.patreon.account("Clara")
        pledge = pledge_to(answer, clara.id)
        assert user.first_name == "Ann"
        assert pledge is not None
        reward = answer.resolve(pledge.reward, Reward)
        assert reward is not None
        assert reward.title == "Silver"
        (campaign,), answer = await calls.fetch_campaigns()
        assert isinstance(answer.resolve(campaign.creator, User), User)
        assert len(answer.every(Goal)) == len(campaign.goals) == 1
        assert len(campaign.pledges) == 20
        rest, _ = await calls.fetch_page_of_pledges(old.campaign, 25, cursor=campaign.pledges_next)
        assert campaign.pledges[-1].id == rest[0].id, "the row at the cursor comes again"
        assert len(rest) == 12


async def test_v1_calls_take_every_documented_parameter(old: Place) -> None:
    crowd(old.world, 30)
    async with old.open() as client:
        calls = V1Calls(client.ask)
        first, answer = await calls.fetch_page_of_pledges(
            old.campaign, 10, sort="-created", include=["patron"], fields={"pledge": ["amount_cents", "status"]}
        )
        assert len(first) == 10
        assert answer.total == 31
        assert {(one.status is not None, one.created_at) for one in first} == {(True, None)}
        assert answer.resolve(first[0].patron, User) is not None
        assert answer.every(Reward) == ()
        second, _ = await calls.fetch_page_of_pledges(old.campaign, 10, sort="-created", cursor=answer.next_cursor)
        assert second[0].id == first[-1].id
        again, _ = await calls.fetch_page_of_pledges(old.campaign, 1, cursor=old.world.clock.now())
        assert again == ()
        (campaign,), answer = await calls.fetch_campaigns(include=[])
        assert isinstance(campaign, Campaign)
        assert answer.every(Reward) == ()
        with pytest.raises(UnexpectedAnswer, match="no user"):
            await V1Calls(lambda bearer, _call: client.ask(bearer, campaigns_call())).fetch_user(CREATOR)


async def test_403_on_everything_is_the_end_of_version_1(old: Place) -> None:
    old.patreon.faults.add(Fault.FORBIDDEN)
    async with old.open() as client:
        for _ in range(3):
            with pytest.raises((AccessDenied, PatreonGone)):
                await client.fetch_campaigns()
            with pytest.raises((AccessDenied, PatreonGone)):
                await patrons(client, old.campaign)
        with pytest.raises(PatreonGone):
            await client.fetch_campaigns()


async def test_a_user_that_did_not_come_is_not_understood() -> None:
    async def nobody(_bearer: object, _call: object) -> bytes:
        return b'{"data": []}'

    with pytest.raises(UnexpectedAnswer, match="no user"):
        await V1Calls(nobody).fetch_user(CREATOR)


async def test_an_instant_without_an_offset_is_utc_wherever_the_bot_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Call] = []

    async def remember(_bearer: object, call: Call) -> bytes:
        asked.append(call)
        return b'{"data": []}'

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        for at in (datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC)):  # noqa: DTZ001 - what is tested
            await V1Calls(remember).fetch_page_of_pledges(CampaignId("1"), cursor=at)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [dict(call.query)["page[cursor]"] for call in asked] == ["2020-01-01T00:00:00+00:00"] * 2


async def test_v1_calls_say_whose_token_they_need(old: Place) -> None:
    async with old.open() as client:
        ann = await old.link(client, "Ann")
        calls = V1Calls(client.ask)
        with pytest.raises(WrongToken, match="creator's token"):
            await calls.fetch_page_of_pledges(old.campaign, bearer=patron_owner(ann))
        creator, _ = await calls.fetch_user(CREATOR)
        assert creator.first_name == "Clara", "the creator's own token gives the creator"
