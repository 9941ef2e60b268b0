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
