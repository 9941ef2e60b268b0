"""A real Chromium on a strict page, talking to a real server. Every test ends with: no broken policy, no error, no foreign address."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Dict, List

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from playwright.sync_api import Page as Tab

from runtime.bootstrap import how_to_install, program
from runtime.settings import ROOT
from tests.channels.website import Website
from tests.runtime.site import Parent
from tests.widget.page import BUILT, Page

expect.set_options(timeout=20_000)  # a machine that is busy with something else is slow, not wrong
MARKUP = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><a href="javascript:window.hacked=1">here</a>'
JAVASCRIPT = "javascript:window.hacked=1"
HOSTILE: List[Dict[str, Any]] = [
    {"text": MARKUP},
    {"text": "see javascript:window.hacked=1 and [x](javascript:window.hacked=1) and https://good.example/a?b=1&c=2. 5 < 6, first_last@mail.example"},
    {
        "json_message": {
            "type": "answer",
            "sources": [
                {"title": MARKUP, "publisher": MARKUP, "year": {"a": 1}, "address": JAVASCRIPT, "grade": "A"},
                {"title": "data", "address": "data:text/html,<script>window.hacked=1</script>"},
                {"title": None},
                7,
                "x",
            ],
        }
    },
    {
        "json_message": {
            "type": "card",
            "title": MARKUP,
            "rows": [{"label": MARKUP, "value": MARKUP}, 5],
            "link": {"title": MARKUP, "href": " JaVaScRiPt:alert(1)"},
        }
    },
    {"json_message": {"type": "calendar", "ics": MARKUP, "title": "no calendar"}},
    {"json_message": {"type": "slots", "slots": [{"label": MARKUP, "day": MARKUP, "value": "31 March"}, {"label": 4}, None, "x"]}},
    {"json_message": {"type": "date", "min": MARKUP, "max": 7, "label": MARKUP}},
    {"json_message": {"type": "__proto__", "__proto__": {"polluted": 1}, "constructor": {"prototype": {"polluted": 1}}}},
    {"text": "and a button", "buttons": [{"title": MARKUP, "payload": "/ask_price"}]},
]
CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
ROWS = [{"label": "Reference", "value": "WR-7K2M"}]
SLOTS = [
    {"day": "Tuesday 31 March", "label": "10:00", "value": "31 March 2026 10:00"},
    {"day": "Tuesday 31 March", "label": "10:30", "value": "31 March 2026 10:30"},
    {"day": "Wednesday 1 April", "label": "09:00", "value": "1 April 2026 09:00"},
]
SCRIPT: Dict[str, List[Dict[str, Any]]] = {
    "does it hurt, with malice": HOSTILE,
    "does it hurt, with times": [{"text": "These times are free. Which one suits you?"}, {"json_message": {"type": "slots", "slots": SLOTS}}],
    "does it hurt, with a day": [
        {"text": "From which day on?"},
        {"json_message": {"type": "date", "min": "2026-03-27", "max": "2026-05-27", "label": "First day that suits you"}},
    ],
    "does it hurt, with a calendar": [
        {"text": "This is what we noted:"},
        {"json_message": {"type": "calendar", "title": "Consultation", "rows": ROWS, "ics": CALENDAR, "filename": "visit.ics"}},
    ],
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = program("chromium", "chromium-browser", "google-chrome")
    if chromium is None:
        pytest.fail(how_to_install(["chromium"]))
    if not (BUILT / "stria-chat.js").exists():
        pytest.fail("The widget is not built: python3 widget/prepare.py --dev")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's source."""
    return (ROOT / "widget" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def shared_page() -> Iterator[Page]:
    made = Page()
    yield made
    made.close()


@pytest.fixture(scope="session")
def shared_website(parent: Parent, shared_page: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    generous = {"STRIA_MESSAGES_PER_MINUTE": "6000", "STRIA_ADDRESS_MESSAGES_PER_MINUTE": "60000", "STRIA_WEB_CONNECTIONS_PER_MINUTE": "60000"}
    made = Website(parent, tmp_path_factory.mktemp("chat"), origins=shared_page.url, **generous).start(replies=SCRIPT)
    yield made
    made.stop()


@pytest.fixture
def website(shared_website: Website) -> Website:
    """A server that stays up."""
    return shared_website


@pytest.fixture
def own_website(parent: Parent, page: Page, tmp_path: Path) -> Iterator[Website]:
    """A server that the test starts, stops and disturbs."""
    made = Website(parent, tmp_path, origins=page.url)
    page.chat = made.url
    yield made
    made.stop()


@pytest.fixture
def page(shared_page: Page, shared_website: Website) -> Iterator[Page]:
    """The site; what its policy was broken by is in `reports`."""
    shared_page.chat = shared_website.url
    shared_page.reports.clear()
    shared_page.files.clear()
    yield shared_page


class Watch:
    """Everything a browser context did that it should not."""

    def __init__(self, context: BrowserContext, page: Page):
        self.page = page
        self.errors: List[str] = []
        self.foreign: List[str] = []
        self.sockets: List[str] = []
        context.on("request", lambda request: self.address(request.url))
        context.on("weberror", lambda error: self.errors.append(str(error.error)))
        context.on("dialog", lambda dialog: self.errors.append(f"dialog {dialog.message}"))
        context.on("page", lambda tab: tab.on("websocket", lambda socket: self.socket(socket.url)))

    def address(self, url: str) -> None:
        if url.startswith(("http", "ws")) and not url.startswith((self.page.url, self.page.chat)):
            self.foreign.append(url)

    def socket(self, url: str) -> None:
        self.sockets.append(url)
        if not url.startswith(self.page.chat.replace("http", "ws", 1)):
            self.foreign.append(url)


@pytest.fixture
def watches() -> List[Watch]:
    return []


@pytest.fixture
def new_context(browser: Browser, page: Page, watches: List[Watch]) -> Iterator[Callable[..., BrowserContext]]:
    """Makes browser contexts (`size`: width and height in pixels; other arguments are Playwright's), each one watched."""
    made: List[BrowserContext] = []

    def make(size: Any = (1200, 800), **options: Any) -> BrowserContext:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, accept_downloads=True, **options)
        context.set_default_timeout(15_000)
        context.expose_binding("reported", lambda source, report: page.reports.append(report))
        context.add_init_script("addEventListener('securitypolicyviolation', (e) => window.reported(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`))")
        watches.append(Watch(context, page))
        made.append(context)
        return context

    yield make
    for context in made:
        context.close()
    assert page.reports == []
    assert [watch.errors for watch in watches if watch.errors] == []
    assert [watch.foreign for watch in watches if watch.foreign] == []


@pytest.fixture
def tab(new_context: Callable[..., BrowserContext], page: Page) -> Tab:
    """The page in a desktop browser, the chat closed."""
    opened = new_context().new_page()
    opened.goto(page.url)
    return opened
