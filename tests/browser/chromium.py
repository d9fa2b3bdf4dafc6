"""The browser of the machine, driven by Playwright, for tests and pictures. Nothing is downloaded."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

PHONE = ViewportSize(width=390, height=844)
DESK = ViewportSize(width=1400, height=900)
Scheme = Literal["light", "dark"]


def chromium() -> str | None:
    """Return the path of a chromium or chrome on the PATH, or None."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


@asynccontextmanager
async def browsing() -> AsyncIterator[Browser]:
    """Start the machine's browser; LookupError when there is none."""
    path = chromium()
    if path is None:
        raise LookupError("no chromium on the PATH")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def page_of(browser: Browser, size: ViewportSize, scheme: Scheme = "light") -> AsyncIterator[Page]:
    """Open an empty page of a size, in a browser profile of its own; what its scripts throw fails the block."""
    context = await browser.new_context(viewport=size, color_scheme=scheme)
    page = await context.new_page()
    thrown: list[str] = []
    context.on("weberror", lambda error: thrown.append(str(error.error)))
    try:
        yield page
        assert not thrown, thrown
    finally:
        await context.close()
