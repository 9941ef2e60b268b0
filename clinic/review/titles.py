"""What intents, channels and steps are called for staff."""

import csv
from functools import lru_cache
from typing import Dict

from knowledge.practice import ROOT

CHANNELS = {
    "web": "website",
    "website": "website",
    "whatsapp": "WhatsApp",
    "sms": "SMS",
    "telegram": "Telegram",
    "messenger": "Messenger",
    "rest": "test",
    "cmdline": "terminal",
}
# What a message of the outbox is about, and to whom it goes.
ABOUT = {
    "booked": "appointment made",
    "moved": "appointment moved",
    "cancelled": "appointment cancelled",
    "reminder_48": "reminder two days before",
    "reminder_3": "reminder three hours before",
    "handoff": "somebody wants a person",
    "handoff_urgent": "somebody needs a person now",
    "handoff_again": "somebody still waits for a person",
    "undelivered": "a mail that did not arrive",
    "pause": "the assistant is to be quiet",
    "resume": "the assistant is to answer again",
    "forgotten": "the assistant is to forget somebody",
}
TO = {"person": "the person", "clinic": "the clinic", "bot": "the assistant", "calendar": "the calendar"}
OWN = {"nlu_fallback": "Not understood", "": "–"}


@lru_cache(maxsize=1)
def intents() -> Dict[str, str]:
    """Intent → title, as in data/intent_titles.csv."""
    with (ROOT / "data" / "intent_titles.csv").open(encoding="utf-8", newline="") as file:
        return {row["intent"]: row["title"] for row in csv.DictReader(file)}


def intent(name: str) -> str:
    return OWN.get(name) or intents().get(name) or name.replace("_", " ")


def channel(name: str) -> str:
    return CHANNELS.get(name, name or "unknown")


def about(name: str) -> str:
    return ABOUT.get(name) or name.replace("_", " ")


def recipient(name: str) -> str:
    return TO.get(name) or name
