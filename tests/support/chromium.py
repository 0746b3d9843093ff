"""Debian's Chromium, headless and without a network, for the tests of what a browser shows."""

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

PATIENCE = 60_000
"""Milliseconds that a page has to come to what is expected of it: no test here is about time."""
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def browser(*arguments: str) -> Iterator[Browser]:
    """A running browser, started with these arguments besides. One that is missing is a failure: what it would show is unknown then."""
    command = next(filter(None, map(shutil.which, NAMES)), None)
    if command is None:
        pytest.fail("no Chromium here: run requirements/debian")
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)
        running = playwright.chromium.launch(executable_path=command, args=arguments)
        yield running
        running.close()


class Watched:
    """A page that keeps what it asked for and what it complained about."""

    def __init__(self, page: Page):
        self.page = page
        self.requests: list[str] = []
        self.refused: dict[str, str | None] = {}
        """Why a request came to nothing, by address; `csp` when the page's own policy forbade it."""
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.refused.update({request.url: request.failure}))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.set_default_timeout(PATIENCE)
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def complaint(self, part: str) -> str:
        """The first complaint that holds these words, waited for."""
        for _ in range(PATIENCE // 50):
            found = next((complaint for complaint in self.complaints if part in complaint), None)
            if found:
                return found
            self.page.wait_for_timeout(50)
        pytest.fail(f"no complaint of {part!r}: {self.complaints}")
