"""The desk in a real browser: a receptionist's Monday, every page by axe, whatever visitors write."""

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

from bench.conversations import Events
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
    found = tab.evaluate("axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })")
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
