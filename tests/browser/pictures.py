"""Makes the screenshots of the README anew: ``python -m tests.browser.pictures``. It needs a chromium on the PATH."""

import asyncio
from pathlib import Path

from sandbox.demo import playing
from tests.browser import walks
from tests.browser.chromium import DESK, PHONE, browsing, page_of

IMAGES = Path(__file__).parent.parent.parent / "docs" / "images"


async def take() -> None:
    """Take the demo's page after Ann linked, raised and was declined, and the page that asks before a link, on a phone."""
    async with playing() as (url, _), browsing() as browser:
        async with page_of(browser, DESK) as page:
            await page.goto(url)
            await walks.link(page, "Ann")
            await walks.until_roles(page, "Ann", "Silver")
            await walks.change_pledge(page, "Ann", "Gold")
            await walks.until_roles(page, "Ann", "Gold")
            await walks.act(page, "Ann", "decline")
            await walks.send(page, "Ann", "membership")
            await page.locator("#messages").get_by_text("declined").first.wait_for()
            await page.screenshot(path=IMAGES / "demo.png")
            await walks.send(page, "Max", "link")
            button = page.get_by_role("link", name="Link my Patreon account").last
            await button.wait_for()
            start = await button.get_attribute("href")
        async with page_of(browser, PHONE) as page:
            await page.goto(start or "")
            await walks.consent(page, "Max")
            await page.screenshot(path=IMAGES / "link.png")


if __name__ == "__main__":
    asyncio.run(take())
