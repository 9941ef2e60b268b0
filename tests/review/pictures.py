"""The pictures of docs/review.md, taken from a Monday's desk: `python -m tests.review.pictures`."""

import os
import tempfile
from pathlib import Path

import tests.conftest  # noqa: F401 (keys and records of our own)
from runtime.bootstrap import program
from runtime.settings import ROOT

TARGET = ROOT / "docs" / "images"


def main() -> None:
    from playwright.sync_api import sync_playwright

    from bench.conversations import Events
    from clinic import ready

    ready.prepare()
    from tests.databases import migrate, point_at
    from tests.review import monday
    from tests.review.conftest import PASSWORD
    from tests.review.test_desk import Desk

    folder = Path(tempfile.mkdtemp(prefix="stria-pictures-"))
    os.environ["STRIA_CONVERSATIONS_DB"] = str(folder / "conversations.sqlite3")
    records = str(folder / "clinic.sqlite3")
    migrate(records)
    point_at(records)
    events = Events(folder / "conversations.sqlite3")
    monday.staff()
    monday.written(events, "can my sister come with me")
    monday.recorded("Tilda Marsh")
    from django.db import connections

    from clinic.review import figures
    from clinic.review.ingest import Reader

    reader = Reader()
    while reader.step():
        pass
    figures.tally(sorted(reader.touched_days))
    connections.close_all()
    desk = Desk(folder, records, events)
    TARGET.mkdir(exist_ok=True)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program("chromium", "chromium-browser", "google-chrome"), args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
            tab.goto(f"{desk.url}/staff/")
            tab.get_by_label("Login").fill("manager")
            tab.get_by_label("Password").fill(PASSWORD)
            tab.get_by_role("button", name="Log in").click()
            tab.screenshot(path=str(TARGET / "desk-inbox.png"))
            tab.locator(".card.urgent").get_by_role("button", name="Take").click()
            tab.get_by_label("Ready answers").select_option("See a doctor today")
            tab.screenshot(path=str(TARGET / "desk-answer.png"))
            tab.goto(f"{desk.url}/staff/desk/inbox/?q=sunday")
            tab.locator(".talk a.open").first.click()
            for _ in range(3):
                tab.keyboard.press("n")
            tab.screenshot(path=str(TARGET / "desk-talk.png"))
            tab.goto(f"{desk.url}/staff/desk/figures/")
            tab.screenshot(path=str(TARGET / "desk-figures.png"))
            tab.emulate_media(color_scheme="dark")
            tab.goto(f"{desk.url}/staff/desk/diary/")
            while not tab.locator(".slot").count():
                tab.locator("#older").click()
            tab.screenshot(path=str(TARGET / "desk-diary.png"))
            tab.set_viewport_size({"width": 390, "height": 800})
            tab.goto(f"{desk.url}/staff/desk/inbox/")
            tab.screenshot(path=str(TARGET / "desk-phone.png"))
            browser.close()
    finally:
        desk.stop()
        events.close()


if __name__ == "__main__":
    main()
