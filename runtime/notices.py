"""Sentences for moments when no action can speak: input that cannot be read, parts that are down. Plain English, in one place."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Mapping

import yaml

from runtime.settings import ROOT

logger = logging.getLogger(__name__)

TEXTS: Mapping[str, str] = {
    "empty": "I did not get any words from you. Please type your question in a sentence or two.",
    "not_text": "I can only read typed words. Please type your question in a sentence or two.",
    "too_long": "That is more than I can read at once. Please send the main question in a shorter message, up to 1,000 characters. {danger}",
    "command": "I could not use that. Please type your question in your own words.",
    "too_fast": "That was a lot of messages at once. Please wait a moment, then send the last one again. {danger}",
    "busy": "Many people are writing to me just now. Please send that again in a minute, or call us on {phone}. {danger}",
    "store_down": "I am sorry, I cannot reach my notes just now, so nothing of this was saved. Please try again in a minute, or call us on {phone}. {danger}",
    "failed": "I am sorry, something went wrong on our side and I could not finish that. Please try again, or call us on {phone}. {danger}",
    "only_words": "I can only read typed words. Photos, voice messages, files and places are not opened and not kept. "
    "Please type your question in a sentence or two, or call us on {phone}. {danger}",
    "group": "I talk with one person at a time, so that nobody else reads about your health. Please write to me in a private chat, or call us on {phone}.",
    "stopped": "You will get no more messages from us here. Write START to talk to me again, or call us on {phone}. {danger}",
    "number": "There is no such number in the list. Please reply with one of its numbers, or write your question in your own words.",
    "help": "This is the assistant of {clinic}. Call us on {phone}, or write your question here. Write STOP for no more messages. {danger}",
    "welcome_back": "Good to hear from you again. What would you like to know?",
    "edited": "I saw that you changed an earlier message. I had already read it as it was: please send what is new as a new message.",
    "staff_wait": "Our team has your message and answers you here. If it cannot wait, call us on {phone}. {danger}",
    "erased": "This conversation has been deleted from our records.",
}
_DANGER = "In an emergency call {emergency}."


@lru_cache(maxsize=4)
def _contacts(path: Path, changed: float) -> Mapping[str, str]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    numbers = content["emergency"][content["clinic"]["country"]]
    return {"clinic": str(content["clinic"]["name"]), "phone": str(content["clinic"]["phone"]), "emergency": str(numbers["number"])}


def notice(name: str, path: Path = ROOT / "clinic.yml") -> str:
    """The sentence of that name with the clinic's phone and emergency number; never raises for a bad clinic.yml."""
    try:
        contacts = _contacts(path, path.stat().st_mtime)
    except Exception as error:  # an unreadable clinic.yml must not silence an apology
        logger.error("clinic.yml is unreadable: %s", type(error).__name__)
        contacts = {"clinic": "the clinic", "phone": "the clinic's number", "emergency": "your local emergency number"}
    danger = _DANGER.format(**contacts)
    return TEXTS[name].format(danger=danger, **contacts).strip()
