"""The desk in a real browser: a receptionist's Monday, every page by axe, whatever visitors write."""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from playwright.sync_api import Page as Tab

from bench.conversations import Events, turn
from runtime.bootstrap import how_to_install, program
from runtime.settings import ROOT
from tests.review import monday
from tests.review.conftest import PASSWORD
from tests.servers import free_port

pytestmark = pytest.mark.browser
PICTURES = os.environ.get("DESK_PICTURES", "")


@pytest.fixture(scope="module", autouse=True)
def _beside_a_loop() -> Iterator[None]:
    """Playwright leaves an event loop running in this thread, beside which Django would refuse to work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "yes")
        yield


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = program("chromium", "chromium-browser", "google-chrome")
    if chromium is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(how_to_install(["chromium"]))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


class Desk:
    """The site and its reader as processes of their own, over a Monday's data."""

    def __init__(self, folder: Path, records: str, events: Events):
        self.events, self.port = events, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            "STRIA_CLINIC_DB": records,
            "STRIA_CONVERSATIONS_DB": str(events.path),
            "STRIA_CLINIC_PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
        }
        environment.pop("DJANGO_SETTINGS_MODULE", None)
        self.log = (folder / "desk.log").open("w")
        self.processes = [
            subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=self.log, stderr=self.log)
            for module in ("clinic.server", "clinic.review.ingest")
        ]
        for _ in range(200):
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=2)
                return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the site did not start")

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(20)
        self.log.close()


@pytest.fixture
def desk(sqlite_records: str, bot: Events, tmp_path: Path) -> Iterator[Desk]:
    from django.db import connections

    from clinic.review import figures
    from clinic.review.ingest import Reader

    monday.staff()
    monday.written(bot)
    monday.recorded()
    reader = Reader()
    while reader.step():
        pass
    figures.tally(sorted(reader.touched_days))
    connections.close_all()
    made = Desk(tmp_path, sqlite_records, bot)
    yield made
    made.stop()


@pytest.fixture
def enter(browser: Browser, desk: Desk) -> Iterator[Callable[..., Tab]]:
    """Logs in as somebody; the test ends with no error on any page and no request to another address."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def make(name: str, **options: Any) -> Tab:
        context = browser.new_context(viewport={"width": 1360, "height": 860}, **options)
        context.set_default_timeout(10_000)
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
        context.on("request", lambda request: None if request.url.startswith((desk.url, "data:")) else faults.append(request.url))
        contexts.append(context)
        tab = context.new_page()
        tab.goto(f"{desk.url}/staff/")
        tab.get_by_label("Login").fill(name)
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Log in").click()
        return tab

    yield make
    for context in contexts:
        context.close()
    assert faults == []


def findings(tab: Tab) -> list[str]:
    """What axe-core holds against the page, WCAG 2.2 A and AA and its best practices."""
    tab.evaluate((ROOT / "widget" / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    # preload would have axe write Django's imported style sheet into the page, which our policy rightly refuses
    found = tab.evaluate("axe.run(document, { preload: false, runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })")
    return [f"{rule['id']}: {node['target']} {node['html'][:140]}" for rule in found["violations"] for node in rule["nodes"]]


def picture(tab: Tab, name: str) -> None:
    if PICTURES:
        tab.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def pages(tab: Tab, desk: Desk) -> dict[str, str]:
    """Every page of the menu and those behind it that this login may open."""
    found = {str(a.text_content()).split("\n")[0].strip(): str(a.get_attribute("href")) for a in tab.locator(".rail nav a").all()}
    found["Second factor"] = "/staff/second-factor/setup/"
    return found


LOOKS: list[dict[str, Any]] = [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "light", "forced_colors": "active"}]


def test_axe_finds_nothing_on_any_page(enter: Callable[..., Tab], desk: Desk, browser: Browser) -> None:
    states: dict[str, list[str]] = {}
    for number, look in enumerate(LOOKS):
        tab = enter("manager", **look)
        expect(tab.get_by_role("heading", name="Inbox", level=1)).to_be_visible()
        for name, address in pages(tab, desk).items():
            tab.goto(desk.url + address)
            states[f"{name} {number}"] = findings(tab)
            picture(tab, f"{name.split(' ')[0].lower()}-{number}")
        tab.goto(f"{desk.url}/staff/desk/inbox/?unreviewed=1")
        states[f"filtered {number}"] = findings(tab)
        tab.goto(f"{desk.url}/staff/desk/inbox/?q=nowhere")
        states[f"empty {number}"] = findings(tab)
        tab.goto(f"{desk.url}/staff/desk/inbox/?fallback=1")
        tab.locator(".talk a.open").first.click()
        states[f"conversation {number}"] = findings(tab)
        tab.keyboard.press("n")
        tab.get_by_text("Correct", exact=True).last.click()
        states[f"correcting {number}"] = findings(tab)
        picture(tab, f"talk-{number}")
        for path in ("diary/?view=week", "figures/unknown/", "requests/?state=closed", "figures/?days=90"):
            tab.goto(f"{desk.url}/staff/desk/{path}")
            states[f"{path} {number}"] = findings(tab)
            picture(tab, f"{path.split('/')[0]}-{'week' if 'week' in path else 'more'}-{number}")
        tab.goto(f"{desk.url}/staff/desk/requests/")
        tab.get_by_role("link", name="Confirm a time").click()
        states[f"confirm {number}"] = findings(tab)
        tab.goto(f"{desk.url}/staff/desk/diary/")
    tab = browser.new_page()
    tab.goto(f"{desk.url}/staff/")
    states["login"] = findings(tab)
    picture(tab, "login")
    tab.close()
    assert {name: found for name, found in states.items() if found} == {}


def test_axe_finds_nothing_at_the_second_factor_and_it_works_by_keys(enter: Callable[..., Tab], desk: Desk) -> None:
    """A receptionist connects an app, keeps her codes, comes back without her phone and gets in with one of them."""
    import base64

    from django_otp.oath import totp

    for number, look in enumerate(LOOKS[:2]):
        name = ("receptionist", "reviewer")[number]
        tab = enter(name, **look)
        tab.goto(f"{desk.url}/staff/second-factor/setup/")
        states = {"setting up": findings(tab)}
        expect(tab.get_by_role("img", name="QR code")).to_be_visible()
        key = tab.locator("code.key").inner_text().replace(" ", "")
        tab.get_by_label("Six digits").fill("000")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("alert")).to_contain_text("not right")
        states["wrong"] = findings(tab)
        time.sleep(1.1)  # after a wrong code the device rests for a second
        tab.get_by_label("Six digits").fill(f"{totp(base64.b32decode(key + '=' * (-len(key) % 8))):06d}")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("heading", name="Keep these codes")).to_be_visible()
        states["codes"] = findings(tab)
        codes = tab.locator(".codes code").all_inner_texts()
        tab = enter(name, **look)
        expect(tab.get_by_label("The six digits your app shows now")).to_be_focused()
        states["asked"] = findings(tab)
        tab.keyboard.press("Tab")  # to the button
        tab.keyboard.press("Tab")  # to the other way
        tab.keyboard.press("Enter")
        states["asked otherwise"] = findings(tab)
        tab.keyboard.press("Tab")
        tab.keyboard.type(codes[0])
        tab.keyboard.press("Enter")
        expect(tab.get_by_text("9 are left")).to_be_visible()
        tab.goto(f"{desk.url}/staff/second-factor/setup/")
        states["set up already"] = findings(tab)
        assert {name: found for name, found in states.items() if found} == {}


def records(tab: Tab, desk: Desk) -> dict[str, str]:
    """Every page of the records (Django's admin) this login may open: its index, each list, and of each list the first row and the page to add one."""
    tab.goto(f"{desk.url}/staff/admin/")
    lists = sorted({str(a.get_attribute("href")) for a in tab.locator("#content th a[href$='/']").all()})
    found = {"index": "/staff/admin/", "password": "/staff/admin/password_change/"}
    for address in lists:
        name = address.strip("/").split("/")[-1]
        found[name] = address
        tab.goto(desk.url + address)
        first = tab.locator("#result_list tbody tr:first-child th a")
        if first.count():
            found[f"{name} row"] = str(first.first.get_attribute("href"))
        add = tab.locator(".object-tools a.addlink")
        if add.count():
            found[f"{name} add"] = str(add.first.get_attribute("href"))
    request = str(found["request row"])
    found["erase"] = request[: request.index("/change/")] + "/erase/"
    return found


def test_axe_finds_nothing_in_the_records_that_staff_use(enter: Callable[..., Tab], desk: Desk) -> None:
    states: dict[str, list[str]] = {}
    for number, look in enumerate(LOOKS[:2]):
        tab = enter("manager", **look)
        found = records(tab, desk)
        assert {"booking row", "booking add", "slot add", "handoff row", "request row", "message row", "user add", "history", "consent"} <= set(found)
        for name, address in found.items():
            tab.goto(desk.url + (address if address.startswith("/") else f"/staff/admin/{address}"))
            states[f"{name} {number}"] = findings(tab)
            picture(tab, f"records-{name.replace(' ', '-')}-{number}")
        tab.goto(f"{desk.url}/staff/admin/clinic/booking/?q=nothing+here")
        states[f"found nothing {number}"] = findings(tab)
        tab.goto(f"{desk.url}/staff/admin/clinic/booking/999999/change/")
        states[f"not there {number}"] = findings(tab)
        tab.goto(f"{desk.url}/staff/admin/auth/user/add/")
        tab.locator("input[name=_save]").click()
        states[f"with a fault {number}"] = findings(tab)
    assert {name: found for name, found in states.items() if found} == {}


def test_no_page_is_wider_than_a_phone(enter: Callable[..., Tab], desk: Desk) -> None:
    tab = enter("manager")
    addresses = [*pages(tab, desk).values(), "/staff/desk/diary/?view=week", "/staff/desk/inbox/?q=hurt"]
    tab.set_viewport_size({"width": 375, "height": 760})
    wide = {}
    for address in addresses:
        tab.goto(desk.url + address)
        if (over := tab.evaluate("document.documentElement.scrollWidth - innerWidth")) > 0:
            wide[address] = over
    assert wide == {}


def spoken_by_staff(desk: Desk, sender: str) -> list[str]:
    rows = desk.events.connection.execute("SELECT data FROM events WHERE sender_id = ? AND type_name = 'bot' ORDER BY id", (sender,)).fetchall()
    return [event["text"] for event in map(json.loads, (row[0] for row in rows)) if (event.get("metadata") or {}).get("staff")]


def test_a_receptionists_monday_takes_less_than_five_minutes(enter: Callable[..., Tab], desk: Desk) -> None:
    started = time.monotonic()
    tab = enter("receptionist")
    # the urgent one is first, with its age; she takes it, reads the words, answers with a ready text and hands back
    first = tab.locator(".cards .card").first
    expect(first).to_contain_text("Urgent")
    expect(first).to_contain_text("waiting 50 min")
    first.get_by_role("button", name="Take").click()
    expect(tab.get_by_role("heading", name="You are talking to this person")).to_be_visible()
    expect(tab.locator("#said")).to_contain_text("Quibble Nightshade 07400 123456")  # whoever answers sees the original words
    picture(tab, "answering")
    tab.get_by_label("Ready answers").select_option("See a doctor today")
    tab.get_by_role("button", name="Send").click()
    expect(tab.locator("#said .staff")).to_contain_text("looked at by a doctor today")
    tab.get_by_role("button", name="Done, hand back").click()
    expect(tab.get_by_text("The assistant answers again")).to_be_visible()
    assert "whatsapp" in tab.locator(".facts.big").inner_text().casefold()
    # an appointment moves
    tab.get_by_role("link", name="Diary").click()
    for _ in range(4):
        if tab.get_by_text("Berenike Unseen").count():
            break
        tab.get_by_role("link", name="Later").click()
    tab.locator(".slot", has_text="Berenike Unseen").get_by_role("link", name="Move").click()
    tab.locator(".times input").nth(9).check(force=True)
    tab.get_by_role("button", name="Move the appointment").click()
    expect(tab.get_by_role("status").first).to_contain_text("Moved to")
    # somebody who waits is answered, and what they write arrives by itself
    tab.get_by_role("link", name="Inbox").click()
    tab.locator(".card", has_text="Asked for a person").get_by_role("link", name="Open").click()
    tab.get_by_role("button", name="Take over").click()
    expect(tab.locator("#write")).to_be_visible()
    desk.events.add("web:waiting", turn("are you there? this is Xanthippe", "inform", "", confidence=0.4)[:1])
    expect(tab.locator("#said .person").last).to_contain_text("this is Xanthippe", timeout=4000)
    tab.locator("#write").fill("Yes, hello Xanthippe. Please wait with it until our clinician has called you.")
    tab.locator("#write").press("Control+Enter")
    expect(tab.locator("#said .staff")).to_contain_text(["Please wait with it"])
    tab.get_by_role("button", name="Done, hand back").click()
    expect(tab.get_by_text("The assistant answers again")).to_be_visible()
    # five conversations are marked, by keys alone
    tab.keyboard.press("i")
    expect(tab.get_by_role("heading", name="Inbox", level=1)).to_be_visible()
    for number in range(5):
        tab.keyboard.press("j")
        tab.keyboard.press("x")
        assert tab.locator("input[name=talk]:checked").count() == number + 1
    tab.keyboard.press("e")
    expect(tab.get_by_role("status").first).to_contain_text("5 conversations changed")
    assert tab.locator(".talk.done").count() == 5
    assert time.monotonic() - started < 300
    assert len(spoken_by_staff(desk, "whatsapp:+447400123456")) == 1 and "Xanthippe" in spoken_by_staff(desk, "web:waiting")[0]


def test_two_members_of_staff_cannot_take_the_same_person(enter: Callable[..., Tab], desk: Desk) -> None:
    one, other = enter("receptionist"), enter("clinician")
    card = ".card.urgent"
    one.locator(card).get_by_role("button", name="Take").click()
    expect(one.locator("#write")).to_be_visible()
    other.locator(card).get_by_role("button", name="Take").click()
    expect(other.get_by_role("status").first).to_contain_text("receptionist is talking to this person already")
    expect(other.locator("#write")).to_have_count(0)
    assert "Nightshade" not in other.locator("#said").inner_text()


def test_keys_correct_a_message_and_the_patch_says_so(enter: Callable[..., Tab], desk: Desk) -> None:
    tab = enter("reviewer")
    tab.goto(f"{desk.url}/staff/desk/inbox/?fallback=1&q=sunday")
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    expect(tab.locator("#said")).not_to_contain_text("Berenike")
    tab.keyboard.press("n")
    tab.keyboard.press("n")
    tab.keyboard.press("n")
    tab.keyboard.press("c")
    tab.locator(".msg:focus-within select").select_option("ask_opening_hours")
    tab.locator(".msg:focus-within [data-other]").click()
    expect(tab.locator(".corrected")).to_have_text("another meaning: Opening hours")
    expect(tab.locator(".msg.person:focus")).to_have_count(1)  # the message is still in focus, so the next key goes to it
    tab.keyboard.press("t")
    expect(tab.locator(".corrected")).to_have_count(2)
    tab.keyboard.press("e")
    expect(tab.get_by_role("button", name="Not reviewed")).to_be_visible()
    tab.get_by_role("link", name="Corrections").click()
    expect(tab.locator("pre")).to_contain_text("do you do it on sunday mornings maybe")
    expect(tab.locator("pre")).to_contain_text("Reviewer: reviewer")
    picture(tab, "patch")


def test_what_visitors_write_does_nothing_on_any_page(enter: Callable[..., Tab], desk: Desk) -> None:
    tab = enter("manager")
    tab.goto(f"{desk.url}/staff/desk/inbox/")
    tab.locator(".talk a.open", has_text="window.hacked").first.click()
    addresses = [tab.url, *(desk.url + address for address in pages(tab, desk).values())]
    addresses += [
        f"{desk.url}/staff/desk/{path}" for path in ("diary/?view=week", "figures/unknown/", "inbox/?q=%3Cscript%3E", "inbox/?tag=%22%3E%3Cimg%20src=x%3E")
    ]
    for address in addresses:
        tab.goto(address)
        assert tab.evaluate("window.hacked") is None and tab.locator("main img, main script").count() == 0, address
