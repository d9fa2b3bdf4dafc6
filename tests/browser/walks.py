"""What a person does in the browser, step by step; for tests and pictures."""

from playwright.async_api import Page


async def consent(page: Page, name: str) -> None:
    """From Patreon's page to the bot's question: log in as somebody, and allow."""
    await page.get_by_role("button", name=f"{name} Example").click()
    await page.get_by_role("button", name="Allow").click()
    await page.get_by_role("button", name="Link these accounts").wait_for()
    # A button can be there before the stylesheet is.
    await page.wait_for_load_state()


async def send(page: Page, name: str, command: str) -> None:
    """On the demo's page, use a command without options as somebody."""
    await page.locator("#who").select_option(label=name)
    await page.locator("#command").select_option(command)
    await page.locator("#send").click()


async def link(page: Page, name: str) -> Page:
    """On the demo's page, link somebody to the Patreon account of the same name; return the tab they did it in."""
    await send(page, name, "link")
    async with page.expect_popup() as opened:
        await page.get_by_role("link", name="Link my Patreon account").last.click()
    tab = await opened.value
    await consent(tab, name)
    await tab.get_by_role("button", name="Link these accounts").click()
    await tab.get_by_role("heading", name="Linked").wait_for()
    return tab


async def until_roles(page: Page, name: str, *roles: str) -> None:
    """Wait until the demo's page shows a member with exactly these roles."""
    await page.wait_for_function(
        """([name, roles]) => [...document.querySelectorAll("#members li")].some((row) =>
            row.querySelector("span").textContent === name &&
            [...row.querySelectorAll(".pill")].map((pill) => pill.textContent).join() === roles)""",
        arg=[name, ",".join(roles)],
        timeout=15_000,
    )


async def change_pledge(page: Page, name: str, tier: str) -> None:
    """On the demo's page, choose a tier for somebody's Patreon account."""
    menu = page.locator("#accounts li", has=page.get_by_text(name, exact=True)).locator("select")
    titles = await menu.locator("option").all_text_contents()
    await menu.select_option(label=next(title for title in titles if title.startswith(tier)))


async def act(page: Page, name: str, verb: str) -> None:
    """On the demo's page, press a button of somebody's Patreon account."""
    row = page.locator("#accounts li", has=page.get_by_text(name, exact=True))
    await row.get_by_role("button", name=verb, exact=True).click()
