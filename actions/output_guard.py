"""The last look at every text that leaves: no promise, no judgement of suitability, no dose, no needle depth, no diagnosis.

Tests run it over every template; `actions.dialogue.say` runs it over composed text. What is blocked is replaced by a sentence and a person;
the log gets the kind only.
"""

import logging
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional, Tuple

import yaml

from actions.answers import Message
from knowledge.facts import fill

ROOT = Path(__file__).resolve().parent.parent
logger = logging.getLogger(__name__)

HELD_BACK = "I would rather have a person answer this. Please call us on {phone} or write to {email}. In an emergency call {emergency_number}."
_PARTS = re.compile(r"(?<=[.!?])\s+|\n")


@dataclass(frozen=True)
class Finding:
    """What a text may not say: `kind` of the table, the words, the sentence they stand in."""

    kind: str
    words: str
    sentence: str


@dataclass(frozen=True)
class Claims:
    """`data/guard/banned_claims.yml`, compiled. `version`, `reviewed_by`, `reviewed_on`: who answers for it."""

    kinds: Tuple[Tuple[str, Any], ...]
    templates_only: frozenset
    allowed: frozenset
    stamp: Mapping[str, Optional[str]]


def compile_claims(content: Mapping[str, Any]) -> Claims:
    kinds = tuple((name, re.compile("|".join(row["patterns"]), re.I)) for name, row in content["kinds"].items())
    only = frozenset(name for name, row in content["kinds"].items() if row.get("templates_only"))
    stamp = {key: content.get(key) for key in ("version", "reviewed_by", "reviewed_on")}
    return Claims(kinds, only, frozenset(row["text"] for row in content.get("allowed") or ()), stamp)


@lru_cache(maxsize=2)
def load(path: Path = ROOT / "data" / "guard" / "banned_claims.yml") -> Claims:
    """Read once. Raises OSError, yaml.YAMLError, KeyError or re.error: without the table nothing may be said."""
    return compile_claims(yaml.safe_load(path.read_text(encoding="utf-8")))


def findings(text: str, claims: Claims, template: bool = False) -> List[Finding]:
    """Everything in `text` that may not be said; empty when it may leave. Pure."""
    found = []
    for kind, pattern in claims.kinds:
        if kind in claims.templates_only and not template:
            continue
        if pattern.search(text) is None:
            continue
        for sentence in _PARTS.split(text):
            match = pattern.search(sentence)
            if match is not None and sentence.strip() not in claims.allowed:
                found.append(Finding(kind, match[0], sentence.strip()))
    return found


def let_out(message: Message, facts: Callable[[], Mapping[str, str]], claims: Optional[Claims] = None) -> Message:
    """The message itself, or, when it says what it may not, a sentence that hands over to a person.

    A list of sources quotes other people's titles and passes as it is. `quoted` in the data are the person's own words, which claim nothing
    ("laser hair removal"): they are passed over, and do not travel on.
    """
    if message.data.get("type") == "sources":
        return message
    table = claims or load()
    text = message.text
    if "quoted" in message.data:
        for words in sorted(message.data["quoted"], key=len, reverse=True):
            text = re.sub(rf"(?<!\w){re.escape(words)}(?!\w)", "…", text, flags=re.I)
        message = replace(message, data={key: value for key, value in message.data.items() if key != "quoted"})
    texts = [text, *(title for title, _ in message.buttons)]
    kinds = [f.kind for text in texts for f in findings(text, table)]
    if not kinds:
        return message
    logger.error("A text was held back: %s", ", ".join(dict.fromkeys(kinds)))
    return Message(fill(HELD_BACK, facts()), [], {"type": "held_back", "kinds": list(dict.fromkeys(kinds))})
