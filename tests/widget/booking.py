"""How a visitor gets through a booking in the chat: each question is answered by its button, else in words, whatever day it is."""

import re
from collections.abc import Callable
from typing import List

from playwright.sync_api import Page as Tab
from playwright.sync_api import expect

REFERENCE = re.compile(r"reference is ([0-9A-Z]{4}-[0-9A-Z]{4})")
SAY = {"What name": "Maya Hill", "phone number can we reach": "07400 123456"}
PREFERRED = ("Yes, book it", "Yes, that is fine", "Skip")
LONGEST = 16  # questions

Press = Callable[[Tab, str], None]
Say = Callable[[Tab, str], None]


def question(tab: Tab) -> str:
    return str(tab.locator(".turn.clinic").last.inner_text())


def choices(tab: Tab) -> List[str]:
    """What the tray offers now."""
    return [text.strip() for text in tab.locator(".tray button").all_inner_texts()]


def answer(tab: Tab, press: Press, say: Say) -> None:
    """Answer the open question, and wait for the next."""
    before = tab.locator(".turn.clinic").count()
    words = next((words for part, words in SAY.items() if part in question(tab)), None)
    offered = choices(tab)
    if words:
        say(tab, words)
    else:
        assert offered, question(tab)
        press(tab, next((name for name in PREFERRED if name in offered), offered[0]))
    expect(tab.locator(".turn.clinic").nth(before)).to_be_visible(timeout=20_000)
    expect(tab.locator(".turn.pending")).to_have_count(0, timeout=20_000)


def finish(tab: Tab, press: Press, say: Say) -> str:
    """Go on until the reference is said. Returns it."""
    for _ in range(LONGEST):
        found = REFERENCE.search(" ".join(tab.locator(".turn.clinic").all_inner_texts()))
        if found:
            return str(found[1])
        answer(tab, press, say)
    raise AssertionError(f"no reference after {LONGEST} answers; the last was: {question(tab)}")


def click(tab: Tab, name: str) -> None:
    tab.locator(".tray").get_by_role("button", name=name, exact=True).click()
