"""The pages of linking on a phone, light and dark: from the button in Discord to the page that names the roles."""

from playwright.async_api import Page

from tests.browser import walks
from tests.browser.chromium import PHONE, Scheme, browsing, page_of
from tests.e2e.theatre import Theatre, link_of, theatre

_GROUND: dict[Scheme, str] = {"light": "rgb(244, 242, 238)", "dark": "rgb(22, 24, 29)"}


async def fits(page: Page) -> bool:
    """Say whether nothing sticks out sideways."""
    width: int = await page.evaluate("document.documentElement.scrollWidth")
    return width <= PHONE["width"]


async def ground(page: Page) -> str:
    colour: str = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


async def start(house: Theatre, name: str) -> str:
    return link_of(await house.command(name, "link"))


async def test_a_patron_links_on_a_phone_in_light_and_in_dark(sqlite_url: str) -> None:
    async with theatre(sqlite_url) as house, browsing() as browser:
        await house.rules()
        house.world.patreon.pledge("Ben", tier="Gold")
        journeys: list[tuple[str, str, Scheme]] = [("Ann", "Silver", "light"), ("Ben", "Gold", "dark")]
        for name, role, scheme in journeys:
            async with page_of(browser, PHONE, scheme) as page:
                await page.goto(await start(house, name))
                await walks.consent(page, name)
                assert await fits(page)
                assert await ground(page) == _GROUND[scheme]
                text = await page.locator("main").inner_text()
                assert f"{name} Example" in text
                assert f"@{name.lower()}" in text

                await page.get_by_role("button", name="Link these accounts").click()
                await page.get_by_role("heading", name="Linked").wait_for()
                assert await page.locator(".roles li").all_inner_texts() == [role]
                assert await fits(page)
            await house.until_roles(name, role)


async def test_who_says_no_or_comes_back_to_an_old_page_is_told_what_to_do(sqlite_url: str) -> None:
    async with theatre(sqlite_url) as house, browsing() as browser, page_of(browser, PHONE) as page:
        address = await start(house, "Ann")
        await page.goto(address)
        await walks.consent(page, "Ann")
        asked_at = page.url
        await page.get_by_role("button", name="This is not me").click()
        await page.get_by_text("/link").first.wait_for()

        for old in (address, asked_at):
            await page.goto(old)
            assert "/link" in await page.locator("main").inner_text()
            assert not await page.get_by_role("button").count()
            assert await fits(page)

        await page.get_by_role("link", name="What is stored about you").click()
        await page.get_by_role("heading", level=1).wait_for()
        assert await fits(page)


async def test_somebody_who_is_not_a_patron_is_shown_the_campaign(sqlite_url: str) -> None:
    async with theatre(sqlite_url) as house, browsing() as browser, page_of(browser, PHONE, "dark") as page:
        await page.goto(await start(house, "Finn"))
        await walks.consent(page, "Finn")
        await page.get_by_role("button", name="Link these accounts").click()

        await page.get_by_role("link", name="Clara paints").click()

        await page.get_by_text("Clara paints").first.wait_for()
        assert page.url.startswith(house.stage.patreon.site_url)
