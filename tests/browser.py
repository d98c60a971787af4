"""A headless Chromium of the system, driven by Playwright: skipped with a reason when there is none, unless REQUIRE_BROWSER=1."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ARTIFACTS = Path(__file__).resolve().parent.parent / "test-artifacts"


def executable() -> str:
    """Return the path of a Chromium, or skip, or fail where one is required."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    if os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.fail("REQUIRE_BROWSER=1, but no Chromium was found on this machine.")
    pytest.skip("No Chromium was found: install Debian's package “chromium” to run the browser tests.")


@contextmanager
def chromium() -> Iterator[object]:
    """Yield a running browser."""
    path = executable()
    from playwright.sync_api import sync_playwright  # slow import

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
