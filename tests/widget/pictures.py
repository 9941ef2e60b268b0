"""Takes the pictures of the README: `make pictures` writes docs/images/*.png from the real page with the real chat."""

import io
import tempfile
from pathlib import Path
from typing import Any, Dict

from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright
from playwright.sync_api import Page as Tab

from runtime.bootstrap import program
from runtime.settings import ROOT
from tests.channels.website import Website
from tests.runtime.site import Parent
from tests.widget import booking
from tests.widget.site import Site
from tests.widget.visitor import ask, begin, write

IMAGES = ROOT / "docs" / "images"
PHONE: Dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "is_mobile": True, "has_touch": True, "device_scale_factor": 1.5}
DESK: Dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
COLOURS = 256


def opened(browser: Browser, site: Site, look: Dict[str, Any], scheme: Any = "light") -> Tab:
    tab = browser.new_context(**look, color_scheme=scheme, reduced_motion="reduce").new_page()
    tab.goto(site.url)
    return tab


def take(tab: Tab, name: str) -> None:
    """A screenshot, with few colours: that is a fraction of the bytes and looks the same."""
    tab.mouse.move(2, 2)
    tab.wait_for_timeout(600)
    picture = Image.open(io.BytesIO(tab.screenshot())).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    picture.save(IMAGES / f"{name}.png", optimize=True)
    print(f"docs/images/{name}.png  {(IMAGES / f'{name}.png').stat().st_size / 1000:.0f} kB", flush=True)


def take_all(browser: Browser, site: Site) -> None:
    take(opened(browser, site, DESK), "page")
    take(opened(browser, site, DESK, "dark"), "page-dark")
    tab = opened(browser, site, DESK)
    begin(tab)
    ask(tab, "hiya, does it hurt and is it ok if im brown skinned")
    take(tab, "chat")
    take(opened(browser, site, PHONE), "page-phone")
    tab = opened(browser, site, PHONE)
    tab.locator(".launcher").click()
    expect(tab.locator("#accept")).to_be_visible()
    take(tab, "chat-consent")
    tab.locator("#accept").click()
    ask(tab, "How many sessions will I need?")
    tab.locator("stria-chat summary").first.click()
    tab.locator(".turn.visitor").last.evaluate("(turn) => turn.scrollIntoView()")
    take(tab, "chat-sources")
    tab.get_by_role("button", name="Emergency?").click()
    take(tab, "chat-emergency")
    tab.get_by_role("button", name="Emergency?").click()
    ask(tab, "I would like to book a consultation")
    while not any(":" in choice for choice in booking.choices(tab)):
        booking.answer(tab, booking.click, write)
    take(tab, "chat-times")


def main() -> None:
    """Starts the page and the chat on records of their own, and takes every picture."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    parent = Parent(ROOT / "var" / "pictures.log")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        site = Site(Path(folder))
        website = Website(parent, Path(folder), origins=site.url, STRIA_CLINIC_DB=site.records)
        site.chat = website.url
        browser = playwright.chromium.launch(executable_path=program("chromium", "chromium-browser", "google-chrome"), args=["--no-sandbox"])
        try:
            site.start()
            website.start()
            take_all(browser, site)
        finally:
            browser.close()
            website.stop()
            site.stop()
            parent.close()


if __name__ == "__main__":
    main()
