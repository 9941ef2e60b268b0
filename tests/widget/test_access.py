"""Everybody can use the chat: by keyboard, by ear, small, large, dark, in high contrast, from right to left, without motion."""

from collections.abc import Callable
from typing import Any, Dict, List

import pytest
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab

from tests.channels.website import Website
from tests.widget.page import Page
from tests.widget.visitor import QUESTION, ask, begin, change_page, change_settings, focused, said, write

pytestmark = [pytest.mark.browser, pytest.mark.model]
Context = Callable[..., BrowserContext]
ROOT = "document.querySelector('stria-chat').shadowRoot"
PHONE = {"size": (320, 568), "has_touch": True, "is_mobile": True}
LOOKS: List[Dict[str, Any]] = [
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"color_scheme": "light", "forced_colors": "active"},
    {**PHONE, "color_scheme": "light"},
    {**PHONE, "color_scheme": "dark"},
]


def findings(tab: Tab, axe: str) -> List[str]:
    """What axe-core holds against the page, WCAG 2.2 A and AA and its best practices for widgets."""
    tab.wait_for_timeout(350)  # a fading element has another contrast
    tab.evaluate(axe)
    found = tab.evaluate("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })")
    return [f"{rule['id']}: {node['target']} {node['html'][:120]}" for rule in found["violations"] for node in rule["nodes"]]


@pytest.mark.parametrize("look", LOOKS, ids=["light", "dark", "forced-colours", "phone-light", "phone-dark"])
def test_axe_finds_nothing_in_any_state(new_context: Context, page: Page, axe: str, look: Dict[str, Any]) -> None:
    tab = new_context(**look).new_page()
    tab.goto(page.url)
    states: Dict[str, List[str]] = {"closed": findings(tab, axe)}

    def look_at(name: str) -> None:
        states[name] = findings(tab, axe)

    tab.locator(".launcher").click()
    expect(tab.locator("#accept")).to_be_visible()
    look_at("gate")
    tab.get_by_role("button", name="Emergency?").click()
    look_at("emergency at the gate")
    tab.keyboard.press("Escape")
    tab.locator("#accept").click()
    expect(tab.locator(".chip").first).to_be_visible()
    look_at("greeting")
    ask(tab)
    look_at("answer")
    tab.locator("summary").first.click()
    look_at("sources")
    tab.get_by_role("button", name="Talk to a person").click()
    look_at("person")
    tab.keyboard.press("Escape")
    ask(tab, "does it hurt, with times")
    look_at("times")
    ask(tab, "does it hurt, with a day")
    look_at("day")
    ask(tab, "does it hurt, with a calendar")
    look_at("calendar")
    ask(tab, "does it hurt, with malice")
    look_at("hostile")
    tab.locator("#composer").fill("x" * 980)
    look_at("counting")
    tab.get_by_role("button", name="More").click()
    look_at("menu")
    tab.get_by_role("button", name="Delete this chat").click()
    look_at("deleting")
    tab.get_by_role("button", name="Yes, delete it").click()
    expect(tab.locator(".note")).to_be_visible()
    look_at("deleted")
    assert {name: found for name, found in states.items() if found} == {}


def test_axe_finds_nothing_while_it_waits_or_is_cut_off(own_website: Website, new_context: Context, page: Page, axe: str) -> None:
    own_website.start(slow=1.5)
    tab = new_context().new_page()
    tab.goto(page.url)
    begin(tab)
    write(tab, QUESTION)
    expect(tab.locator(".typing")).to_be_visible()
    assert findings(tab, axe) == []
    tab.get_by_role("button", name="Close the chat").click()
    expect(tab.locator(".badge")).to_be_visible()
    assert findings(tab, axe) == []
    tab.locator(".launcher").click()
    own_website.stop()
    expect(tab.locator(".status")).to_contain_text("No connection")
    write(tab, "does it hurt")
    assert findings(tab, axe) == []
    tab.evaluate("localStorage.clear()")
    tab.reload()
    tab.locator(".launcher").click()
    expect(tab.get_by_role("alert")).to_be_visible()
    assert findings(tab, axe) == []


def test_by_keyboard_alone_from_open_to_the_calendar(tab: Tab) -> None:
    press = tab.keyboard.press
    press("Tab")
    press("Tab")
    assert focused(tab) == "launcher"
    press("Enter")
    expect(tab.locator("#accept")).to_be_visible()
    for _ in range(12):
        if focused(tab) == "accept":
            break
        press("Tab")
    press("Enter")
    expect(tab.locator("#composer")).to_be_focused()
    tab.keyboard.type("does it hurt, with times")
    press("Enter")
    expect(tab.locator(".slot").first).to_be_visible()
    assert focused(tab) == "composer"  # an answer takes nobody's focus away
    for _ in range(6):
        press("Shift+Tab")
        if focused(tab) == "slot":
            break
    press("Shift+Tab")
    press("Enter")
    expect(tab.locator(".turn.pending")).to_have_count(0)
    assert said(tab)[-1] == "31 March 2026 10:30" and focused(tab) == "composer"
    tab.keyboard.type("does it hurt, with a calendar")
    press("Enter")
    expect(tab.get_by_role("button", name="Add to my calendar")).to_be_visible()
    press("Shift+Tab")
    for _ in range(4):
        if "plain" in str(focused(tab)):
            break
        press("Shift+Tab")
    with tab.expect_download() as saved:
        press("Enter")
    assert saved.value.suggested_filename == "visit.ics"
    press("Escape")
    expect(tab.locator("dialog")).to_be_hidden()
    assert focused(tab) == "launcher"


def test_escape_closes_the_innermost_and_gives_the_focus_back(tab: Tab) -> None:
    begin(tab)
    tab.get_by_role("button", name="More").focus()
    tab.keyboard.press("Enter")
    assert focused(tab) == "item"
    tab.keyboard.press("Escape")
    assert focused(tab) == "more" and tab.locator("dialog").is_visible()
    tab.get_by_role("button", name="Emergency?").focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("#help")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("button", name="Emergency?")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.locator("dialog")).to_be_hidden()
    assert focused(tab) == "launcher"


def test_the_corner_box_traps_nobody_and_the_full_screen_keeps_the_focus_inside(tab: Tab, new_context: Context, page: Page) -> None:
    begin(tab)
    tab.locator("#elsewhere").focus()
    assert focused(tab) == "elsewhere"  # the page beside the corner box can be used
    phone = new_context(**PHONE).new_page()
    phone.goto(page.url)
    begin(phone)
    phone.locator("#elsewhere").focus()
    assert focused(phone) != "elsewhere"  # the page behind is inert
    for _ in range(20):
        phone.keyboard.press("Tab")
        assert phone.evaluate("document.activeElement.tagName") in ("STRIA-CHAT", "BODY")
    phone.set_viewport_size({"width": 1000, "height": 800})  # turned, or a folded phone opened
    phone.wait_for_function(f"!{ROOT}.querySelector('dialog').matches(':modal')")
    expect(phone.locator("dialog")).to_be_visible()
    phone.locator("#elsewhere").focus()
    assert focused(phone) == "elsewhere"


# Writes down what happens to the messages in the log: "appended" is all that may.
OBSERVE = f"""() => {{ const log = {ROOT}.querySelector('.log'); window.seen = [];
const message = (node) => node?.classList?.contains('turn');
new MutationObserver((changes) => {{ for (const change of changes) {{
  if (change.type === 'attributes') {{ window.seen.push('live ' + log.getAttribute('aria-live')); continue; }}
  for (const node of change.removedNodes) if (message(node)) window.seen.push('removed');
  for (const node of change.addedNodes) if (message(node)) window.seen.push(change.nextSibling ? 'inserted' : 'appended');
}} }}).observe(log, {{ childList: true, attributes: true, attributeFilter: ['aria-live'] }}) }}"""
# Writes down whether a screen reader was listening when something came into the log, from the moment the chat exists.
LISTEN = """{ window.marks = []; let known; const attach = Element.prototype.attachShadow;
Element.prototype.attachShadow = function (options) { const root = attach.call(this, options);
  const mark = (changes) => changes.forEach((change) => change.addedNodes.length && window.marks.push(known.getAttribute('aria-live')));
  new MutationObserver(() => { const log = root.querySelector('.log'); if (!log || log === known) return; known = log;
    new MutationObserver(mark).observe(log, { childList: true }); }).observe(root, { childList: true, subtree: true });
  return root } }"""


def test_a_screen_reader_hears_each_message_once_and_no_history(tab: Tab) -> None:
    begin(tab)
    log = tab.get_by_role("log", name="Conversation")
    expect(log).to_have_attribute("aria-live", "polite")
    tab.evaluate(OBSERVE)
    for words in (QUESTION, "does it hurt"):
        ask(tab, words)
    seen = [what for what in tab.evaluate("window.seen") if not what.startswith("live")]
    assert seen and set(seen) == {"appended"}
    assert log.locator("button.chip, fieldset, form, [role=status]").count() == 0
    assert log.locator(".turn.clinic .unseen").first.text_content() == "Assistant: "
    tab.add_init_script(LISTEN)
    tab.reload()
    tab.locator(".launcher").click()
    expect(tab.locator(".turn.visitor")).to_have_count(2)
    marks = tab.evaluate("window.marks")
    assert "off" in marks and marks.count("polite") <= 1  # at most the greeting
    tab.wait_for_timeout(400)
    expect(tab.get_by_role("log", name="Conversation")).to_have_attribute("aria-live", "polite")


def test_nothing_moves_sideways_at_320_pixels_and_all_can_be_touched(new_context: Context, page: Page) -> None:
    tab = new_context(**PHONE).new_page()
    tab.goto(page.url)
    begin(tab)
    for words in (QUESTION, "does it hurt, with times", "does it hurt, with a day", "does it hurt, with a calendar", "does it hurt, with malice", "w" * 300):
        ask(tab, words)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320
        wide = tab.evaluate(
            f"""[...{ROOT}.querySelectorAll('dialog, .main, .log, .tray, .bubble, .gate')]
            .filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className)"""
        )
        assert wide == []
        small = tab.evaluate(
            f"""[...{ROOT}.querySelectorAll('button, summary, input, textarea')].filter((e) => {{ const box = e.getBoundingClientRect();
            return box.width && (box.width < 24 || box.height < 24) }}).map((e) => e.className)"""
        )
        assert small == []
    height = tab.locator("dialog").bounding_box()
    assert height == {"x": 0, "y": 0, "width": 320, "height": 568}


def test_large_text_of_a_person_who_needs_it(new_context: Context, page: Page) -> None:
    """A page at 200 % is a page of half the size: everything is still there."""
    tab = new_context(size=(640, 400)).new_page()
    tab.goto(page.url)
    begin(tab)
    ask(tab)
    for name in ("Talk to a person", "Emergency?", "Send", "Close the chat", "More"):
        box = tab.get_by_role("button", name=name, exact=True).bounding_box()
        assert box and box["y"] >= 0 and box["y"] + box["height"] <= 400, name
    log = tab.locator(".log").bounding_box()
    assert log and log["height"] >= 60


def test_right_to_left(tab: Tab, page: Page) -> None:
    change_page(tab, page, '<html lang="en">', '<html lang="ar" dir="rtl">')
    launcher = tab.locator(".launcher").bounding_box()
    assert launcher and launcher["x"] < 100
    begin(tab)
    ask(tab, "מה המחיר? does it hurt")
    visitor, clinic = tab.locator(".turn.visitor .bubble").bounding_box(), tab.locator(".turn.clinic .bubble").first.bounding_box()
    assert visitor and clinic and visitor["x"] < clinic["x"]
    panel = tab.locator("dialog").bounding_box()
    assert panel and panel["x"] < 100
    assert all(element.get_attribute("dir") == "auto" for element in tab.locator(".bubble > p").all())


def test_still_for_those_who_asked_for_it(new_context: Context, page: Page) -> None:
    moving = f"document.getAnimations().length + {ROOT}.getAnimations().length"
    for motion, expected in (("reduce", False), ("no-preference", True)):
        tab = new_context(reduced_motion=motion).new_page()
        tab.goto(page.url)
        tab.locator(".launcher").click()
        assert bool(tab.evaluate(moving)) is expected


def test_forced_colours_keep_the_borders(new_context: Context, page: Page) -> None:
    tab = new_context(forced_colors="active").new_page()
    tab.goto(page.url)
    begin(tab)
    ask(tab)
    for part in (".bubble", ".chip", ".send", "dialog"):
        assert tab.evaluate(f"parseFloat(getComputedStyle({ROOT}.querySelector('{part}')).borderTopWidth)") >= 1, part


def test_the_theme_attribute_wins_over_the_system(tab: Tab, page: Page) -> None:
    change_page(tab, page, "<stria-chat", '<stria-chat theme="dark"')
    tab.locator(".launcher").click()
    colour = f"getComputedStyle({ROOT}.querySelector('dialog')).backgroundColor"
    assert tab.evaluate(colour) == "rgb(18, 26, 25)"
    tab.evaluate("document.querySelector('stria-chat').setAttribute('theme', 'light')")
    assert tab.evaluate(colour) == "rgb(247, 244, 238)"


def test_a_bright_accent_gets_dark_words(new_context: Context, page: Page) -> None:
    tab = new_context().new_page()
    change_settings(tab, theme={"accent": "#ffd23f", "accent-dark": "#102080", "rubbish": "#000000"})
    tab.goto(page.url)
    tab.locator(".launcher").click()
    expect(tab.locator("#accept")).to_be_visible()
    style = f"getComputedStyle({ROOT}.querySelector('#accept'))"
    assert tab.evaluate(f"{style}.backgroundColor") == "rgb(255, 210, 63)" and tab.evaluate(f"{style}.color") == "rgb(16, 32, 30)"
