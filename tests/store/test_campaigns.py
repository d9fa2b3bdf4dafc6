"""Campaigns and where their refresh stands."""

from dataclasses import replace

from bot.core.model import CREATOR, TokenOwner
from bot.store import Store
from bot.store.records import CampaignState
from tests.store.makers import DAY, HOUR, NOW, OTHER_PAGE, PAGE, campaign


async def test_a_campaign_comes_back_as_it_was(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.campaigns.save(campaign(), NOW)
    async with any_store.read() as t:
        assert await t.campaigns.state(PAGE) == CampaignState(campaign(), NOW, CREATOR)
        assert await t.campaigns.state(OTHER_PAGE) is None


async def test_new_tiers_do_not_touch_the_refresh(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.campaigns.save(campaign(), NOW)
        await t.campaigns.schedule(PAGE, NOW + HOUR)
        await t.campaigns.refreshed(PAGE, NOW, 1234, serial=7)
        await t.campaigns.save(campaign(name="Ann paints"), NOW + DAY)
        expected = CampaignState(
            campaign(name="Ann paints"),
            NOW + DAY,
            next_refresh_at=NOW + HOUR,
            refreshed_at=NOW,
            refreshed_serial=7,
            total=1234,
        )
        assert await t.campaigns.state(PAGE) == expected


async def test_the_owner_of_the_pair_stays_until_another_is_named(any_store: Store) -> None:
    connected = TokenOwner(f"creator:{PAGE}")
    async with any_store.write() as t:
        await t.campaigns.save(campaign(), NOW, owner=connected)
        await t.campaigns.save(campaign(), NOW)
        assert await t.campaigns.state(PAGE) == CampaignState(campaign(), NOW, connected)
        await t.campaigns.save(campaign(), NOW, owner=CREATOR)
        assert await t.campaigns.state(PAGE) == CampaignState(campaign(), NOW, CREATOR)


async def test_one_of_two_who_saw_the_same_plan_takes_the_turn(any_store: Store) -> None:
    async with any_store.write() as t:
        for page in (PAGE, OTHER_PAGE):
            await t.campaigns.save(campaign(page), NOW)
        assert await t.campaigns.take_turn(PAGE, None, NOW)
        assert not await t.campaigns.take_turn(PAGE, None, NOW + HOUR)
        assert await t.campaigns.take_turn(PAGE, NOW, NOW + DAY)
        assert not await t.campaigns.take_turn(PAGE, NOW, NOW + HOUR)
        planned = {state.campaign.campaign: state.next_refresh_at for state in await t.campaigns.load_all()}
        assert planned == {PAGE: NOW + DAY, OTHER_PAGE: None}


async def test_a_frozen_campaign_knows_since_when_and_the_latest_why(any_store: Store) -> None:
    async with any_store.write() as t:
        await t.campaigns.save(campaign(), NOW)
        await t.campaigns.freeze(PAGE, "AccessRevoked", NOW)
        await t.campaigns.freeze(PAGE, "IncompleteList", NOW + DAY)
        frozen = CampaignState(campaign(), NOW, frozen_since=NOW, frozen_why="IncompleteList")
        assert await t.campaigns.state(PAGE) == frozen
        await t.campaigns.thaw(PAGE)
        assert await t.campaigns.state(PAGE) == replace(frozen, frozen_since=None, frozen_why=None)
