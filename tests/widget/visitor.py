"""What a visitor does in the chat, and what can be seen of it."""

import json
from typing import Any, List

from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

from tests.widget.page import PAGE, Page

QUESTION = "how many sessions will i need"


def change_settings(tab: Tab, **changes: Any) -> None:
    """The server's settings come to the page with these changes."""
    tab.unroute_all()
    tab.route("**/webhooks/website/settings", lambda route: route.fulfill(response=(reply := route.fetch()), body=json.dumps({**reply.json(), **changes})))


def change_page(tab: Tab, page: Page, old: str, new: str) -> None:
    """The site serves its page with `new` in place of `old`; a browser takes a page made up on the way for one from elsewhere."""
    page.files["/"] = (PAGE / "index.html").read_text(encoding="utf-8").replace(old, new)
    tab.reload()


def begin(tab: Tab) -> None:
    """Open the chat and agree."""
    tab.locator(".launcher").click()
    tab.locator("#accept").click()
    expect(tab.locator(".chip").first).to_be_visible()


def write(tab: Tab, words: str) -> None:
    """Write and send, without waiting for anything."""
    tab.locator("#composer").fill(words)
    tab.locator("#composer").press("Enter")


def ask(tab: Tab, words: str = QUESTION) -> str:
    """Write, and wait for the answer. Returns its words."""
    before = tab.locator(".turn.clinic").count()
    write(tab, words)
    expect(tab.locator(".turn.clinic").nth(before)).to_be_visible()
    expect(tab.locator(".turn.pending")).to_have_count(0)
    return " ".join(tab.locator(".turn.clinic").all_inner_texts()[before:])


def said(tab: Tab) -> List[str]:
    """The visitor's messages in the log."""
    return [text.strip() for text in tab.locator(".turn.visitor .bubble > p").all_inner_texts()]


def focused(tab: Tab) -> Any:
    """Name of the focused part inside the chat: its id, class or tag; of the page's own elements their id or tag."""
    return tab.evaluate(
        """() => { const outer = document.activeElement, inner = outer?.shadowRoot?.activeElement ?? outer;
        return inner?.id || inner?.className || inner?.tagName }"""
    )
