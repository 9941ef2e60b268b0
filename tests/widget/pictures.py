"""Takes the pictures of the README: `python -m tests.widget.pictures` writes docs/images/chat-*.png from the real chat on the real server."""

import tempfile
from pathlib import Path
from typing import Any, Dict

from playwright.sync_api import Browser, expect, sync_playwright
from playwright.sync_api import Page as Tab

from runtime.bootstrap import program
from runtime.settings import ROOT
from tests.channels.website import Website
from tests.runtime.site import Parent
from tests.widget.conftest import SCRIPT
from tests.widget.page import Page
from tests.widget.visitor import ask, begin

IMAGES = ROOT / "docs" / "images"
PHONE: Dict[str, Any] = {"viewport": {"width": 390, "height": 780}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
DESK: Dict[str, Any] = {"viewport": {"width": 1160, "height": 740}, "device_scale_factor": 1}


def opened(browser: Browser, page: Page, look: Dict[str, Any], scheme: Any) -> Tab:
    tab = browser.new_context(**look, color_scheme=scheme).new_page()
    tab.goto(page.url)
    return tab


def take(tab: Tab, name: str) -> None:
    tab.wait_for_timeout(600)
    tab.screenshot(path=IMAGES / f"chat-{name}.png")


def main() -> None:
    """Every main state, on a phone and on a desk, light and dark."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    parent, page = Parent(ROOT / "var" / "pictures.log"), Page()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        website = Website(parent, Path(folder), origins=page.url).start(replies=SCRIPT)
        page.chat = website.url
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        try:
            for scheme in ("light", "dark"):
                tab = opened(browser, page, PHONE, scheme)
                tab.locator(".launcher").click()
                expect(tab.locator("#accept")).to_be_visible()
                take(tab, f"gate-{scheme}")
                tab.locator("#accept").click()
                ask(tab, "Does it hurt?")
                take(tab, f"answer-{scheme}")
                tab.get_by_role("button", name="Emergency?").click()
                take(tab, f"emergency-{scheme}")
                tab.keyboard.press("Escape")
                ask(tab, "show me times")
                take(tab, f"times-{scheme}")
            tab = opened(browser, page, DESK, "light")
            begin(tab)
            ask(tab, "How many sessions will I need?")
            take(tab, "desk")
        finally:
            browser.close()
            website.stop()
            page.close()
            parent.close()


if __name__ == "__main__":
    main()
