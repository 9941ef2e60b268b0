"""What the website's chat shows before anybody agreed to anything: the clinic's name and numbers, the consent text, topics, colours.

All of it comes from clinic.yml and is public. Read while it runs: a change is live with the next visitor.
"""

import hashlib
import logging
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping

import yaml

from runtime.settings import ROOT, public_url

logger = logging.getLogger(__name__)

# What a visitor agrees to. Its version travels in the signed session: change a word, and new visitors agree to a new version.
CONSENT = (
    "I am a computer program, not a person and not a clinician. I can be wrong.",
    "I give general information. I cannot examine you or tell you what you have.",
    "I am not for emergencies. In danger now? Call {emergency}.",
    "We keep what you write here for {days}, so that our team can help you. You can delete it yourself at any time.",
)
AGREEMENT = "If you start, you agree that we keep this chat, with anything you tell us about your health."
# What a person on a messaging platform reads before the first answer; what is in CONSENT, in the words of a message.
FIRST_WORDS = (
    "This is the assistant of {clinic}: a computer program, not a person and not a clinician. It gives general information and can be wrong. "
    "We keep this chat for {days}, with anything you tell us about your health, so that our team can help you. "
    "If you do not want that, write {stop} and we send nothing more. In danger now? Call {emergency}."
)
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_SAFE_STRING = 400  # characters of a replaced string


def days(number: float) -> str:
    """A span of days in words: "30 days", "1 day"."""
    whole = max(1, round(number))
    return "1 day" if whole == 1 else f"{whole} days"


def compose(clinic: Mapping[str, Any], keep_days: float) -> Dict[str, Any]:
    """The settings of the widget. `clinic`: clinic.yml as read. Raises KeyError or TypeError when that lacks what nobody can do without."""
    own, numbers = clinic["clinic"], clinic["emergency"][clinic["clinic"]["country"]]
    look: Mapping[str, Any] = clinic.get("website") or {}
    values = {"emergency": str(numbers["number"]), "days": days(keep_days)}
    lines = [line.format(**values) for line in CONSENT]
    return {
        "clinic": str(own["name"]),
        "phone": str(own["phone"]),
        "email": str(own["email"]),
        "emergency": {name: str(numbers[name]) for name in ("number", "urgent", "crisis")},
        "consent": {"version": version([*lines, AGREEMENT]), "lines": lines, "agreement": AGREEMENT, "page": _web(look.get("privacy_page"))},
        "topics": [str(topic) for topic in look.get("topics") or []][:6],
        "typing_delay_ms": max(0, min(3000, int(look.get("typing_delay_ms", 250)))),
        "theme": {name: str(value) for name, value in (look.get("theme") or {}).items() if _COLOUR.fullmatch(str(value))},
        "strings": {str(name): str(value)[:_SAFE_STRING] for name, value in (look.get("strings") or {}).items()},
    }


def first_words(keep_days: float, stop: str) -> str:
    """The notice of a new conversation on a platform whose word for the end is `stop`. Raises when clinic.yml never was readable."""
    settings = shown(keep_days)
    word = stop.upper() if stop.isalpha() else stop
    words = FIRST_WORDS.format(clinic=settings["clinic"], days=days(keep_days), stop=word, emergency=settings["emergency"]["number"])
    page = settings["consent"]["page"]
    return f"{words} More: {page}" if page.startswith("http") else words


def version(lines: List[str]) -> str:
    """Ten characters that change with every word."""
    return "c" + hashlib.sha256("\n".join(lines).encode()).hexdigest()[:9]


def _web(address: Any) -> str:
    if not isinstance(address, str) or not address.startswith(("https://", "http://", "/")):
        return ""
    return public_url() + address if address.startswith("/") else address  # a page elsewhere that holds the chat has no such page of its own


@lru_cache(maxsize=4)
def _read(path: Path, changed: int, keep_days: float) -> Dict[str, Any]:
    return compose(yaml.safe_load(path.read_text(encoding="utf-8")), keep_days)


_last_good: Dict[Path, Dict[str, Any]] = {}


def shown(keep_days: float, path: Path = ROOT / "clinic.yml") -> Dict[str, Any]:
    """The settings as clinic.yml says now; while that is unreadable, as it last said. Raises when it never was readable."""
    try:
        _last_good[path] = _read(path, path.stat().st_mtime_ns, keep_days)
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        logger.error("clinic.yml is unreadable: %s", type(error).__name__)
        if path not in _last_good:
            raise
    return _last_good[path]
