"""The clinic's page with the chat on it, in Chromium: for everybody, by itself, fast, and down to a booking's reference."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Dict, List, Tuple

import pytest
import requests
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab

from knowledge.library import Library
from tests.channels.website import Website
from tests.runtime.site import Parent
from tests.widget import booking
from tests.widget.conftest import Watch
from tests.widget.site import Site
from tests.widget.test_access import PHONE, findings
from tests.widget.visitor import ask, begin, focused, said, write

pytestmark = [pytest.mark.browser, pytest.mark.model]
Context = Callable[..., BrowserContext]
LOOKS: List[Dict[str, Any]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {**PHONE, "color_scheme": "light"},
    {"color_scheme": "light", "forced_colors": "active"},
]


@pytest.fixture(scope="module")
def both(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tuple[Site, Website]]:
    """The page and the chat's server, as on one machine: two ports, the same records."""
    folder = tmp_path_factory.mktemp("site")
    site = Site(folder)
    website = Website(parent, folder, origins=site.url, STRIA_CLINIC_DB=site.records, STRIA_MESSAGES_PER_MINUTE="6000")
    site.chat = website.url
    try:
        site.start()
        website.start()
        yield site, website
    finally:
        site.stop()
        website.stop()


@pytest.fixture
def page(both: Tuple[Site, Website]) -> Site:
    """In place of the plain page of the chat's own tests."""
    both[0].reports.clear()
    return both[0]


def opened(new_context: Context, page: Site, **look: Any) -> Tab:
    tab = new_context(**look).new_page()
    tab.goto(page.url)
    return tab


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "phone", "forced-colours"])
def test_axe_finds_nothing(new_context: Context, page: Site, axe: str, look: Dict[str, Any]) -> None:
    tab = opened(new_context, page, **look)
    found = {"closed": findings(tab, axe)}
    tab.evaluate("document.querySelectorAll('main details').forEach((each) => (each.open = true))")
    found["all unfolded"] = findings(tab, axe)
    if tab.locator(".fold summary").is_visible():
        tab.locator(".fold summary").click()
        found["menu"] = findings(tab, axe)
    tab.goto(f"{page.url}/privacy/")
    found["privacy"] = findings(tab, axe)
    assert {name: list_ for name, list_ in found.items() if list_} == {}


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280, 1920])
def test_nothing_moves_sideways(new_context: Context, page: Site, width: int) -> None:
    for address in ("/", "/privacy/"):
        tab = new_context(size=(width, 800)).new_page()
        tab.goto(page.url + address)
        tab.evaluate("document.querySelectorAll('main details').forEach((each) => (each.open = true))")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        wide = tab.evaluate(
            """[...document.querySelectorAll('main *:not(svg *):not(.unseen)')].filter((e) => { const box = e.getBoundingClientRect();
            return box.width && (box.right > innerWidth + 1 || box.left < -1) }).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert wide == []
        small = tab.evaluate(
            """[...document.querySelectorAll('a, button, summary')].filter((e) => { const box = e.getBoundingClientRect();
            const inSentence = e.closest('p, li, dd, address') && getComputedStyle(e).display === 'inline';
            return box.width && !inSentence && !e.matches('.skip') && (box.width < 24 || box.height < 24) }).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert small == []


def test_it_asks_nobody_else_and_is_quick(new_context: Context, page: Site, watches: List[Watch], capsys: pytest.CaptureFixture[str]) -> None:
    tab = new_context().new_page()
    asked: List[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page.url)
    tab.wait_for_timeout(300)
    measured = tab.evaluate(
        """() => new Promise((done) => { let shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => shift += entry.value))
        .observe({ type: 'layout-shift', buffered: true });
        const files = performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'));
        setTimeout(() => done({ shift, bytes: files.reduce((sum, file) => sum + file.encodedBodySize, 0),
          paint: performance.getEntriesByName('first-contentful-paint')[0].startTime }), 200) })"""
    )
    with capsys.disabled():
        size, paint = measured["bytes"] / 1000, measured["paint"]
        print(f"\nthe page: {size:.0f} kB in {len(asked)} files, first paint after {paint:.0f} ms, layout shift {measured['shift']}")
    assert asked and all(url.startswith(page.url) for url in asked)
    assert len(asked) <= 8 and measured["bytes"] <= 130_000 and measured["shift"] == 0
    assert tab.context.cookies() == [] and tab.evaluate("localStorage.length") == 0 and watches[0].sockets == []


def test_the_policy_of_the_page_is_in_force(new_context: Context, page: Site) -> None:
    tab = opened(new_context, page)
    tab.evaluate("() => { const style = document.createElement('style'); style.textContent = 'h1 { display: none }'; document.body.append(style) }")
    tab.evaluate("() => { const frame = document.createElement('iframe'); frame.src = 'https://good.example/'; document.body.append(frame) }")
    for sink in ("document.createElement('script').text = 'window.hacked = 1'", "document.body.innerHTML = '<img src=x>'"):
        assert tab.evaluate(f"() => {{ try {{ {sink}; return 'done' }} catch (error) {{ return error.name }} }}") == "TypeError", sink
    expect(tab.locator("h1")).to_be_visible()
    assert tab.evaluate("window.hacked") is None
    refused = {report.split()[0] for report in page.reports}
    assert {"style-src-elem", "frame-src", "require-trusted-types-for"} <= refused
    page.reports.clear()


def test_structured_data_is_a_block_that_is_read_and_not_run(new_context: Context, page: Site) -> None:
    tab = opened(new_context, page)
    described = tab.evaluate("JSON.parse(document.querySelector('script[type=\"application/ld+json\"]').text)['@graph'].map((part) => part['@type'])")
    assert described == ["MedicalClinic", "FAQPage"]


def test_questions_unfold_to_answers_and_their_sources(new_context: Context, page: Site) -> None:
    tab = opened(new_context, page)
    knowledge = Library().get()
    entry = tab.locator("#pain")
    entry.locator("summary").first.click()
    expect(entry).to_contain_text("about 5 out of 10")
    entry.locator(".sources summary").click()
    links = entry.locator(".sources a")
    keys = [*knowledge.answers["ask_pain"].sources, *knowledge.answers["ask_pain"].more_sources]
    assert links.all_inner_texts() == [knowledge.sources[key]["title"] for key in dict.fromkeys(keys)]
    expect(links.first).to_be_visible()
    tab.goto(f"{page.url}/#skin-tone")
    expect(tab.locator("#skin-tone .answer")).to_be_visible()


def test_the_pages_buttons_open_the_chat_and_get_the_focus_back(new_context: Context, page: Site) -> None:
    tab = opened(new_context, page)
    opener = tab.locator("[data-chat]").first
    opener.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("#accept")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.locator("dialog")).to_be_hidden()
    expect(opener).to_be_focused()


def test_without_script_the_page_still_says_everything(new_context: Context, page: Site) -> None:
    tab = opened(new_context, page, java_script_enabled=False)
    expect(tab.locator("h1")).to_be_visible()
    tab.locator("#pain > summary").click()
    expect(tab.locator("#pain .answer")).to_be_visible()
    expect(tab.get_by_role("link", name="Call 020 7946 0123").first).to_have_attribute("href", "tel:02079460123")


def walk_to(tab: Tab, name: str) -> None:
    """By Shift+Tab, from the line one writes in, to the button of that name; then Enter."""
    for _ in range(20):
        tab.keyboard.press("Shift+Tab")
        if tab.evaluate("document.activeElement.shadowRoot?.activeElement?.innerText?.trim()") == name:
            tab.keyboard.press("Enter")
            return
    raise AssertionError(f"the keyboard does not reach {name!r}")


def type_out(tab: Tab, words: str) -> None:
    assert focused(tab) == "composer"
    tab.keyboard.type(words)
    tab.keyboard.press("Enter")


def test_by_keyboard_alone_from_the_page_to_the_reference(new_context: Context, page: Site) -> None:
    tab = opened(new_context, page)
    for _ in range(14):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.matches('[data-chat]')"):
            break
    tab.keyboard.press("Enter")
    expect(tab.locator("#accept")).to_be_visible()
    for _ in range(12):
        tab.keyboard.press("Tab")
        if focused(tab) == "accept":
            break
    tab.keyboard.press("Enter")
    expect(tab.locator("#composer")).to_be_focused()
    expect(tab.locator(".chip").first).to_be_visible()
    type_out(tab, "I would like to book a consultation")
    expect(tab.locator(".turn.clinic").nth(1)).to_be_visible()
    expect(tab.locator(".turn.pending")).to_have_count(0)
    reference = booking.finish(tab, walk_to, type_out)
    expect(tab.locator("stria-chat .card")).to_contain_text(reference)
    with tab.expect_download() as saved:
        walk_to(tab, "Add to my calendar")
    assert saved.value.suggested_filename.endswith(".ics") and b"BEGIN:VEVENT" in saved.value.path().read_bytes()
    tab.keyboard.press("Escape")
    expect(tab.locator("dialog")).to_be_hidden()
    assert tab.evaluate("document.activeElement.matches('[data-chat]')")


def test_a_booking_survives_a_lost_network_a_reload_and_a_second_tab(new_context: Context, page: Site) -> None:
    tab = opened(new_context, page)
    begin(tab)
    ask(tab, "I would like to book a consultation")
    booking.answer(tab, booking.click, write)
    tab.context.set_offline(True)
    expect(tab.locator(".status")).to_contain_text("No connection", timeout=20_000)
    chosen = booking.choices(tab)[0]
    booking.click(tab, chosen)
    expect(tab.locator(".delivery").last).to_have_text("Waiting to be sent")
    tab.context.set_offline(False)
    expect(tab.locator(".turn.pending")).to_have_count(0, timeout=20_000)
    assert said(tab).count(chosen) == 1
    second = tab.context.new_page()
    second.goto(page.url)
    second.locator(".launcher").click()
    expect(second.locator(".turn.visitor")).to_have_count(len(said(tab)))
    booking.answer(second, booking.click, write)
    tab.reload()
    tab.locator(".launcher").click()
    expect(tab.locator(".turn.visitor")).to_have_count(len(said(second)))
    reference = booking.finish(tab, booking.click, write)
    expect(second.locator(".log")).to_contain_text(reference)
    assert said(tab) == said(second)


def test_the_chats_file_is_what_the_page_says_it_is(new_context: Context, page: Site) -> None:
    """A changed file is not run: the integrity hash is checked."""
    code = requests.get(f"{page.url}/stria-chat.js", timeout=5).text
    tab = new_context().new_page()
    tab.route(
        "**/stria-chat.js",
        lambda route: route.fulfill(body=code + "\nwindow.hacked = 1", content_type="text/javascript", headers={"Access-Control-Allow-Origin": "*"}),
    )
    tab.goto(page.url)
    tab.wait_for_timeout(300)
    assert tab.evaluate("[window.hacked, customElements.get('stria-chat')]") == [None, None]
    tab.locator("[data-chat]").first.click()
    expect(tab).to_have_url(re.compile("#visit$"))
