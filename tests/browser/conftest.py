"""A browser for the tests that need one: skipped without a chromium, but not where CI is set."""

import os

import pytest
from blockbuster import BlockBuster

from tests.browser.chromium import chromium


@pytest.fixture(autouse=True)
def _with_a_browser(blocking_calls_fail: BlockBuster) -> None:
    """Skip without a browser. Playwright's own start blocks, so the guard against blocking calls is off here."""
    if chromium() is None:
        reason = "NO BROWSER: there is no chromium on the PATH"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    blocking_calls_fail.deactivate()
