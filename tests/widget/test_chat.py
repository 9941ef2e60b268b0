"""The chat in Chromium: what a visitor sees, does, loses nothing of, and can take back."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab

from runtime.conversations import Conversations, spoken
from tests.channels.website import Website, wait_for
from tests.widget.conftest import CALENDAR, MARKUP, Watch
from tests.widget.page import Page
from tests.widget.visitor import QUESTION, ask, begin, change_page, change_settings, said, write

pytestmark = [pytest.mark.browser, pytest.mark.model]
Context = Callable[..., BrowserContext]


def test_nothing_is_sent_before_the_visitor_agreed(tab: Tab, page: Page, watches: list[Watch], website: Website) -> None:
    tab.wait_for_timeout(500)
    assert not tab.locator("dialog").is_visible()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.locator(".launcher").click()
    gate = tab.locator(".gate")
    for words in ("computer program, not a person and not a clinician", "Call 999", "30 days", "delete it yourself", "about your health"):
        expect(gate).to_contain_text(words)
    tab.wait_for_timeout(300)
    assert asked == [f"{website.url}/webhooks/website/settings"] and watches[0].sockets == []
    assert tab.evaluate("localStorage.length") == 0
    tab.get_by_role("button", name="No, thank you").click()
    expect(tab.locator("dialog")).to_be_hidden()
    assert tab.evaluate("localStorage.length") == 0 and watches[0].sockets == []
    begin(tab)
    wait_for(lambda: (tab.wait_for_timeout(50), watches[0].sockets)[1])


def test_a_question_its_answer_its_sources_and_the_next_question(tab: Tab) -> None:
    begin(tab)
    assert "session" in ask(tab)
    details = tab.locator("details").first
    expect(details.locator("ul")).to_be_hidden()
    details.locator("summary").click()
    source = details.locator("li a").first
    assert source.get_attribute("href").startswith("https://") and "noopener" in source.get_attribute("rel")  # type: ignore[union-attr]
    chip = tab.locator(".chip").first
    title = chip.inner_text()
    chip.click()
    expect(tab.locator(".turn.visitor").nth(1)).to_contain_text(title)
    expect(tab.locator(".turn.pending")).to_have_count(0)
    assert "/" not in tab.locator(".turn.visitor").nth(1).inner_text()


def test_a_topic_opens_the_conversation(tab: Tab) -> None:
    begin(tab)
    tab.get_by_role("button", name="Does it hurt?").click()
    expect(tab.locator(".turn.clinic").nth(1)).to_contain_text("hurt")


def test_every_topic_of_clinic_yml_is_understood(tab: Tab) -> None:
    begin(tab)
    topics = tab.locator(".chip").all_inner_texts()
    assert len(topics) >= 4
    for topic in topics:
        answer = ask(tab, topic)
        assert "Did you mean" not in answer and "did not catch" not in answer, topic


def test_a_person_and_an_emergency_are_one_tap_away_at_any_moment(tab: Tab) -> None:
    tab.locator(".launcher").click()
    for _ in ("at the gate", "in the conversation"):
        tab.get_by_role("button", name="Emergency?").click()
        expect(tab.locator("#help")).to_contain_text("cannot call for help")
        expect(tab.get_by_role("link", name="Call 999").first).to_have_attribute("href", "tel:999")
        expect(tab.locator("#help a[href='tel:116123']")).to_have_text("116 123")
        tab.get_by_role("button", name="Talk to a person").click()
        expect(tab.get_by_role("link", name="Call 020 7946 0123")).to_have_attribute("href", "tel:02079460123")
        expect(tab.get_by_role("link", name=re.compile("Write to"))).to_have_attribute("href", "mailto:hello@willowroad.example")
        tab.keyboard.press("Escape")
        expect(tab.locator("#help")).to_be_hidden()
        if tab.locator("#accept").count():
            tab.locator("#accept").click()
    tab.get_by_role("button", name="Talk to a person").click()
    tab.get_by_role("button", name="Ask here for a person").click()
    expect(tab.locator(".turn.clinic").nth(1)).to_be_visible()
    assert said(tab) == ["I would like to talk to a person"]


def test_it_survives_a_reload_and_does_not_open_by_itself(tab: Tab) -> None:
    begin(tab)
    answer = ask(tab)
    tab.reload()
    tab.wait_for_timeout(700)
    expect(tab.locator("dialog")).to_be_hidden()
    expect(tab.locator(".badge")).to_have_count(0)
    tab.locator(".launcher").click()
    expect(tab.locator(".turn.visitor")).to_have_count(1)
    expect(tab.locator(".turn.clinic").nth(1)).to_contain_text(answer.splitlines()[-1][:40].strip() or "session")
    assert said(tab) == [QUESTION]
    expect(tab.locator(".chip").first).to_be_visible()
    expect(tab.locator("details").first).to_be_visible()


def test_the_browser_keeps_no_word_of_the_conversation(tab: Tab) -> None:
    begin(tab)
    ask(tab, "i have eczema, does it hurt")
    assert "eczema" not in tab.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + document.cookie")


def test_two_tabs_are_one_conversation(tab: Tab, page: Page) -> None:
    begin(tab)
    ask(tab)
    second = tab.context.new_page()
    second.goto(page.url)
    second.locator(".launcher").click()
    expect(second.locator(".turn.visitor")).to_have_count(1)
    ask(second, "does it hurt")
    expect(tab.locator(".turn.visitor")).to_have_count(2)
    assert said(tab) == said(second) == [QUESTION, "does it hurt"]
    tab.wait_for_timeout(300)
    assert tab.locator(".turn.clinic").all_inner_texts()[-1] == second.locator(".turn.clinic").all_inner_texts()[-1]
    both = [tab, second]
    for number in range(6):  # at the same time, from both
        write(both[number % 2], f"what does it cost {number}")
    for one in both:
        expect(one.locator(".turn.pending")).to_have_count(0)
        expect(one.locator(".turn.visitor")).to_have_count(8)
        assert sorted(said(one)) == sorted([QUESTION, "does it hurt", *(f"what does it cost {n}" for n in range(6))])


def test_what_staff_say_arrives_under_their_own_name(tab: Tab, website: Website) -> None:
    begin(tab)
    before = set(website.conversations())
    ask(tab)
    (conversation,) = set(website.conversations()) - before
    door = Conversations(website.database)
    door.add(conversation, [spoken("Hello, this is Helen from the clinic.", "Helen", "one")], "one")
    door.close()
    told = tab.locator(".turn.staff")
    expect(told).to_have_text("Helen: Hello, this is Helen from the clinic.")  # nobody hears "Assistant" before it
    tab.reload()
    tab.locator(".launcher").click()
    expect(told).to_have_text("Helen: Hello, this is Helen from the clinic.")


def test_agreeing_in_one_tab_is_agreeing_in_the_other(tab: Tab, page: Page, website: Website) -> None:
    before = len(website.conversations())
    second = tab.context.new_page()
    second.goto(page.url)
    second.locator(".launcher").click()
    expect(second.locator(".gate")).to_be_visible()
    begin(tab)
    ask(tab)
    second.reload()
    second.locator(".launcher").click()
    expect(second.locator(".turn.visitor")).to_have_count(1)
    assert len(website.conversations()) == before + 1


def test_what_is_written_while_the_server_is_down_is_sent_when_it_is_back(own_website: Website, tab: Tab) -> None:
    own_website.start()
    tab.reload()
    begin(tab)
    ask(tab)
    own_website.stop()
    expect(tab.locator(".status")).to_contain_text("No connection")
    write(tab, "does it hurt")
    write(tab, "what does it cost")
    expect(tab.locator(".turn.pending")).to_have_count(2)
    expect(tab.locator(".delivery").last).to_have_text("Waiting to be sent")
    tab.reload()  # even then
    tab.locator(".launcher").click()
    expect(tab.locator(".gate, .turn.pending").first).to_be_visible()
    own_website.start()
    if tab.locator(".gate").count():
        tab.get_by_role("button", name="Try again").click()
    expect(tab.locator(".turn.visitor")).to_have_count(3, timeout=20_000)
    expect(tab.locator(".turn.pending")).to_have_count(0, timeout=20_000)
    assert said(tab) == [QUESTION, "does it hurt", "what does it cost"]
    assert list(own_website.conversations().values()) == [3]


def test_offline_in_the_middle_of_choosing_a_time(tab: Tab) -> None:
    begin(tab)
    ask(tab, "does it hurt, with times")
    tab.context.set_offline(True)
    tab.get_by_role("button", name="Tuesday 31 March, 10:30").click()
    tab.wait_for_timeout(400)
    tab.context.set_offline(False)
    expect(tab.locator(".turn.pending")).to_have_count(0, timeout=20_000)
    assert said(tab)[1:] == ["31 March 2026 10:30"]


def test_a_server_that_dies_in_the_middle_of_an_answer(own_website: Website, tab: Tab) -> None:
    own_website.start(slow=1)
    tab.reload()
    begin(tab)
    write(tab, QUESTION)
    expect(tab.locator(".typing")).to_be_visible()
    own_website.stop()
    expect(tab.locator(".status")).to_contain_text("No connection")
    own_website.start()
    expect(tab.locator(".turn.clinic").nth(1)).to_be_visible(timeout=20_000)
    assert said(tab) == [QUESTION] and list(own_website.conversations().values()) == [1]


def test_a_slow_server(own_website: Website, tab: Tab) -> None:
    own_website.start(slow=1.5)
    tab.reload()
    begin(tab)
    write(tab, QUESTION)
    expect(tab.locator(".typing")).to_be_visible()
    expect(tab.locator("[role=status]")).to_have_text("The assistant is writing …")
    expect(tab.locator(".delivery")).to_have_text("Sending")
    expect(tab.locator(".turn.clinic").nth(1)).to_be_visible()
    expect(tab.locator(".typing")).to_be_hidden()
    expect(tab.locator("[role=status]")).to_have_text("")
    expect(tab.locator(".delivery")).to_have_text("Sent")


def test_an_answer_that_comes_while_the_chat_is_closed_is_counted(own_website: Website, tab: Tab) -> None:
    own_website.start(slow=0.5)
    tab.reload()
    begin(tab)
    write(tab, QUESTION)
    tab.get_by_role("button", name="Close the chat").click()
    expect(tab.locator(".badge")).to_have_text("1")
    expect(tab.locator(".launcher")).to_have_attribute("aria-label", "Ask a question, 1 new")
    expect(tab.locator("dialog")).to_be_hidden()
    tab.reload()
    expect(tab.locator(".badge")).to_have_text("1")
    tab.locator(".launcher").click()
    expect(tab.locator(".turn.clinic").nth(1)).to_be_visible()
    expect(tab.locator(".badge")).to_have_count(0)


def test_a_server_that_cannot_be_reached_at_all(own_website: Website, tab: Tab) -> None:
    tab.reload()
    tab.locator(".launcher").click()
    expect(tab.get_by_role("alert")).to_contain_text("cannot be reached")
    tab.get_by_role("button", name="Emergency?").click()
    expect(tab.locator("#help")).to_contain_text("local emergency number")
    own_website.start()
    tab.get_by_role("button", name="Try again").click()
    expect(tab.locator("#accept")).to_be_visible()


REFUSED = "window.WebSocket = class { constructor() { setTimeout(() => this.onerror(new Event('error'))) } send() {} close() {} }"


@pytest.mark.parametrize("missing", ["delete window.WebSocket", REFUSED], ids=["unknown", "refused on the way"])
def test_without_websocket_it_falls_back_to_polling(new_context: Context, page: Page, watches: list[Watch], missing: str) -> None:
    context = new_context()
    context.add_init_script(missing)
    tab = context.new_page()
    tab.goto(page.url)
    begin(tab)
    assert "session" in ask(tab)
    assert watches[0].sockets == []


def test_a_browser_that_refuses_storage_still_has_a_chat(new_context: Context, page: Page) -> None:
    context = new_context()
    context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError') } })")
    tab = context.new_page()
    tab.goto(page.url)
    begin(tab)
    assert "session" in ask(tab)


def test_the_transcript_is_a_file(tab: Tab, tmp_path: Path) -> None:
    begin(tab)
    ask(tab)
    tab.get_by_role("button", name="More").click()
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Save this chat as a file").click()
    saved.value.save_as(tmp_path / "chat.txt")
    content = (tmp_path / "chat.txt").read_text(encoding="utf-8")
    assert saved.value.suggested_filename == "chat.txt" and "Chat with Willow Road Skin Clinic" in content
    assert f"You: {QUESTION}" in content and "Assistant:" in content


def test_delete_my_chat_deletes_it_here_in_the_other_tab_and_on_the_server(tab: Tab, page: Page, website: Website) -> None:
    begin(tab)
    ask(tab)
    second = tab.context.new_page()
    second.goto(page.url)
    second.locator(".launcher").click()
    expect(second.locator(".turn.visitor")).to_have_count(1)
    before = len(website.conversations())
    tab.get_by_role("button", name="More").click()
    tab.get_by_role("button", name="Delete this chat").click()
    tab.get_by_role("button", name="Keep it").click()
    assert len(website.conversations()) == before
    tab.get_by_role("button", name="More").click()
    tab.get_by_role("button", name="Delete this chat").click()
    tab.get_by_role("button", name="Yes, delete it").click()
    expect(tab.locator(".gate")).to_contain_text("Your chat is deleted")
    expect(second.locator(".gate")).to_contain_text("Your chat is deleted")
    assert len(website.conversations()) == before - 1
    assert tab.evaluate("localStorage.length") == 0 and tab.locator(".turn").count() == 0
    tab.locator("#accept").click()
    ask(tab, "does it hurt")
    assert said(tab) == ["does it hurt"]


def test_a_deletion_that_fails_is_not_called_one(own_website: Website, tab: Tab) -> None:
    own_website.start()
    tab.reload()
    begin(tab)
    ask(tab)
    own_website.stop()
    expect(tab.locator(".status")).to_contain_text("No connection")
    tab.get_by_role("button", name="More").click()
    tab.get_by_role("button", name="Delete this chat").click()
    tab.get_by_role("button", name="Yes, delete it").click()
    expect(tab.locator(".confirm")).to_contain_text("nothing was deleted")
    assert said(tab) == [QUESTION] and "token" in tab.evaluate("JSON.stringify(localStorage)")


def test_a_session_that_ended_begins_anew_with_the_gate(tab: Tab, website: Website) -> None:
    begin(tab)
    ask(tab)
    tab.evaluate(
        """() => { const name = Object.keys(localStorage).find((key) => key.endsWith(':session'));
        const kept = JSON.parse(localStorage[name]); kept.token = kept.token.slice(0, -3) + 'AAA'; localStorage[name] = JSON.stringify(kept) }"""
    )
    tab.reload()
    tab.locator(".launcher").click()
    expect(tab.locator("#accept")).to_be_visible()
    tab.locator("#accept").click()
    ask(tab, "does it hurt")
    assert said(tab) == ["does it hurt"]


def test_times_days_and_a_calendar_file_with_native_controls(tab: Tab, tmp_path: Path) -> None:
    begin(tab)
    ask(tab, "does it hurt, with times")
    expect(tab.locator(".tray fieldset")).to_have_count(2)
    assert tab.locator(".log fieldset").count() == 0
    tab.get_by_role("button", name="Wednesday 1 April, 09:00").click()
    expect(tab.locator(".turn.visitor").last).to_contain_text("1 April 2026 09:00")
    ask(tab, "does it hurt, with a day")
    field = tab.get_by_label("First day that suits you")
    assert field.get_attribute("min") == "2026-03-27" and field.get_attribute("type") == "date"
    field.fill("2026-03-31")
    tab.get_by_role("button", name="Choose").click()
    expect(tab.locator(".turn.visitor").last).to_contain_text("31 March 2026")
    ask(tab, "does it hurt, with a calendar")
    with tab.expect_download() as saved:
        tab.get_by_role("button", name="Add to my calendar").click()
    saved.value.save_as(tmp_path / "visit.ics")
    assert saved.value.suggested_filename == "visit.ics" and (tmp_path / "visit.ics").read_bytes() == CALENDAR.encode()
    tab.reload()
    tab.locator(".launcher").click()
    expect(tab.get_by_role("button", name="Add to my calendar")).to_be_visible()


def test_hostile_words_of_the_assistant_stay_words(tab: Tab) -> None:
    begin(tab)
    ask(tab, "does it hurt, with malice")
    expect(tab.locator(".log")).to_contain_text(MARKUP)
    expect(tab.locator(".log")).to_contain_text("5 < 6, first_last@mail.example")
    for summary in tab.locator("summary").all():
        summary.click()
    links = tab.evaluate("[...document.querySelector('stria-chat').shadowRoot.querySelectorAll('a')].map((a) => a.href)")
    assert set(links) == {"https://good.example/a?b=1&c=2", "mailto:first_last@mail.example"}
    assert tab.evaluate("document.querySelector('stria-chat').shadowRoot.querySelectorAll('img, script, iframe, style, [style], [onerror]').length") == 0
    assert tab.evaluate("window.hacked === undefined && {}.polluted === undefined")
    assert tab.locator(".card", has_text="no calendar").count() == 0
    expect(tab.locator(".slot")).to_have_count(2)  # the ones with a label that can be shown
    ask(tab, "does it hurt")


WORDS = [MARKUP, "{{7*7}} ${7*7} <%= 7 %>", "\u202eevil\u202c text", "👩🏽\u200d⚕️ does it hurt", "a" * 1000]
WORDS += ["one\ntwo", "__proto__", "5 < 6 & 7 > 2", "/restart", "'; DROP TABLE events;--"]


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_hostile_words_of_the_visitor_stay_words(tab: Tab, words: str) -> None:
    begin(tab)
    ask(tab, words)
    assert tab.locator(".turn.visitor .bubble > p").all_text_contents() == words.split("\n")
    assert tab.evaluate("window.hacked === undefined")
    ask(tab, "does it hurt")


def test_what_is_too_long_cannot_be_typed_and_the_rest_is_counted(tab: Tab) -> None:
    begin(tab)
    composer = tab.locator("#composer")
    composer.fill("a" * 950)
    expect(tab.locator("#count")).to_have_text("50 characters left")
    composer.press_sequentially("b" * 60)
    assert len(composer.input_value()) == 1000
    composer.fill("   ")
    composer.press("Enter")
    expect(tab.locator(".turn.visitor")).to_have_count(0)


def test_every_text_can_be_replaced(tab: Tab, page: Page) -> None:
    page.files["/words.json"] = json.dumps({"greeting": "Hallo! Was möchten Sie wissen?", "send": "Senden", "unknown": "x", "person": 7})
    change_page(tab, page, "<stria-chat", '<stria-chat lang="de" strings="words.json"')
    tab.evaluate("document.querySelector('stria-chat').strings = { placeholder: 'Ihre Frage …' }")
    begin(tab)
    expect(tab.locator(".log")).to_contain_text("Hallo! Was möchten Sie wissen?")
    expect(tab.get_by_role("button", name="Senden")).to_be_visible()
    expect(tab.get_by_role("button", name="Talk to a person")).to_be_visible()
    expect(tab.locator("#composer")).to_have_attribute("placeholder", "Ihre Frage …")


def test_colours_come_from_the_page_before_they_come_from_the_clinic(tab: Tab, page: Page) -> None:
    colour = "getComputedStyle(document.querySelector('stria-chat').shadowRoot.querySelector('.launcher')).backgroundColor"
    page.files["/page.css"] = "stria-chat { --stria-accent: #123456 }"
    tab.locator(".launcher").click()
    expect(tab.locator("#accept")).to_be_visible()
    tab.keyboard.press("Escape")
    assert tab.evaluate(colour) == "rgb(15, 101, 92)"
    tab.reload()
    assert tab.evaluate(colour) == "rgb(18, 52, 86)"


def test_the_file_is_small_and_has_its_integrity_hash(page: Page) -> None:
    import base64
    import gzip
    import hashlib

    from tests.widget.page import BUILT

    code = (BUILT / "stria-chat.js").read_bytes()
    assert len(gzip.compress(code, 9)) <= 25_000
    assert (BUILT / "stria-chat.js.sri").read_text().strip() == "sha384-" + base64.b64encode(hashlib.sha384(code).digest()).decode()
    assert not re.search(rb"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|\.cssText", code)
    licences = (BUILT / "stria-chat.licences.txt").read_text(encoding="utf-8")
    assert licences.count("Permission is hereby granted") >= 4


def test_embedding_is_two_lines_with_integrity(tab: Tab, page: Page) -> None:
    from tests.widget.page import BUILT

    integrity = (BUILT / "stria-chat.js.sri").read_text().strip()
    page.files["/other.html"] = (
        "<!doctype html><title>Another site</title><link rel=icon href=data:,><p>Words of the page.</p>"
        f'<script src="stria-chat.js" integrity="{integrity}" defer></script>\n<stria-chat server="{page.chat}"></stria-chat>'
    )
    tab.goto(f"{page.url}/other.html")
    begin(tab)
    assert "session" in ask(tab)


def test_a_failed_notice_is_shown_as_an_answer(own_website: Website, tab: Tab) -> None:
    own_website.start(fail=True)
    tab.reload()
    begin(tab)
    assert "020 7946 0123" in ask(tab)
    link: Any = tab.locator(".turn.clinic a[href='tel:02079460123']")
    expect(link.first).to_be_visible()


def test_the_typing_delay_is_a_setting(tab: Tab) -> None:
    def delayed(milliseconds: int) -> float:
        change_settings(tab, typing_delay_ms=milliseconds)
        tab.evaluate("localStorage.clear()")
        tab.reload()
        begin(tab)
        tab.wait_for_timeout(300)
        started = time.perf_counter()
        ask(tab)
        return time.perf_counter() - started

    assert delayed(1500) >= 1.5
    assert delayed(0) < 1.2


def test_the_types_hold() -> None:
    import subprocess

    from runtime.settings import ROOT

    done = subprocess.run(["node_modules/.bin/tsc", "--noEmit"], cwd=ROOT / "widget", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
