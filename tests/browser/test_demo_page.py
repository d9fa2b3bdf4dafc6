"""The story a stranger plays on the demo's page, in a real browser."""

from sandbox.demo import playing
from tests.browser import walks
from tests.browser.chromium import DESK, PHONE, browsing, page_of


async def test_the_story_of_ann_on_the_page_of_the_demo() -> None:
    """Linked, raised, declined, Patreon stopped, cancelled, and the paid time over."""
    async with playing() as (url, _), browsing() as browser, page_of(browser, DESK) as page:
        await page.goto(url)
        tab = await walks.link(page, "Ann")
        assert await tab.locator(".roles li").all_inner_texts() == ["Silver"]
        await page.bring_to_front()
        await walks.until_roles(page, "Ann", "Silver")
        await page.locator("#messages").get_by_text("Your roles: Silver").wait_for()
        await page.locator("#messages").get_by_text("Ann used /link").wait_for()
        await page.locator("#timeline").get_by_text("account linked: tier Silver").wait_for()

        await walks.change_pledge(page, "Ann", "Gold")
        await walks.until_roles(page, "Ann", "Gold")

        told = page.locator("#timeline").get_by_text("members:update")
        before = await told.count()
        await walks.act(page, "Ann", "decline")
        await told.nth(before).wait_for()
        declined = page.locator("#messages").get_by_text("declined")
        # The webhook makes the bot ask Patreon; what it answers is known a moment later.
        while not await declined.count():
            await walks.send(page, "Ann", "membership")
            await page.wait_for_timeout(500)
        await walks.until_roles(page, "Ann", "Gold")
        await walks.act(page, "Ann", "pay")

        await page.locator("#weather select").select_option("stopped")
        await walks.send(page, "Clara", "sync now")
        await page.locator("#messages").get_by_text("counts for nothing").wait_for()
        await walks.until_roles(page, "Ann", "Gold")
        await page.locator("#weather select").select_option("fine")

        await walks.act(page, "Ann", "cancel")
        await walks.until_roles(page, "Ann", "Gold")
        await page.get_by_role("button", name="+31 days").click()
        await walks.until_roles(page, "Ann")


async def test_the_page_of_the_demo_fits_a_phone() -> None:
    async with playing() as (url, _), browsing() as browser, page_of(browser, PHONE) as page:
        await page.goto(url)
        await walks.send(page, "Ann", "link")
        await page.get_by_role("link", name="Link my Patreon account").wait_for()

        wide = (
            "[...document.querySelectorAll('body, section, .guild, #messages')].filter((e) => e.scrollWidth > e.clientWidth)"
        )
        assert await page.evaluate(f"{wide}.map((e) => e.id || e.className || e.tagName)") == []
