"""What may enter: every connector passes each message through here before Rasa sees it. Pure, except for the rate limiter's clock."""

import re
import time
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple

LONGEST_TEXT = 1000  # characters of a message that is read
LONGEST_SCAN = 8 * LONGEST_TEXT  # of an over-long message, searched for danger only
LONGEST_ID = 128
_IDENTITY = re.compile(r"[A-Za-z0-9_.:+@=-]{1,128}")
_MARKS = {"\n", "\t"}
_UNSEEN = frozenset(("Cc", "Cf", "Cn", "Co", "Cs", "Me", "Mn", "Zl", "Zp", "Zs"))  # kinds of characters that show nothing by themselves
_SENTENCE_END = re.compile(r"[.!?\n]+\s*")


class BadIdentity(ValueError):
    """A sender or message id that no platform issues. The text never holds the id."""


@dataclass(frozen=True)
class Offer:
    """A button that the person saw. `latest`: in the newest answer."""

    payload: str
    title: str
    latest: bool


@dataclass(frozen=True)
class Verdict:
    """Either `text`, to be understood, or `notice`, the name of a sentence to say instead; with "too_long" `text` is what may hold danger."""

    text: str = ""
    notice: Optional[str] = None


def identity(value: Any, prefix: str = "") -> str:
    """`prefix` + value when it looks like an id. Raises BadIdentity for anything else: empty, over-long, NUL, surrogates, spaces."""
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if not _IDENTITY.fullmatch(text) or len(prefix) + len(text) > LONGEST_ID:
        raise BadIdentity("The id is empty, too long or holds characters that no platform uses.")
    return prefix + text


def storable(text: Any) -> str:
    """The text without what databases, logs and screens choke on: NUL, other control characters, lone surrogates, outer space."""
    if not isinstance(text, str):
        return ""
    text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode("utf-8"))
    return "".join(c for c in text if c in _MARKS or unicodedata.category(c) != "Cc").strip()


def admit(text: Any, offers: Iterable[Offer] = ()) -> Verdict:
    """Judge one message. A command is obeyed only when it is a button of the newest answer; an older button counts as its words."""
    if not isinstance(text, str):
        return Verdict(notice="not_text")
    if len(text) > LONGEST_SCAN:  # the beginning and the end: people put what worries them last
        text = text[: LONGEST_SCAN // 2] + "\n" + text[-LONGEST_SCAN // 2 :]
    text = storable(text)
    if all(unicodedata.category(c) in _UNSEEN for c in text):
        return Verdict(notice="empty")
    if len(text) > LONGEST_TEXT:
        return Verdict(text, "too_long")
    if unicodedata.normalize("NFKC", text).startswith("/"):
        known = [offer for offer in offers if offer.payload == text]
        if any(offer.latest for offer in known):
            return Verdict(text)
        if known and not known[0].title.startswith("/"):
            return Verdict(known[0].title)
        return Verdict(notice="command")
    return Verdict(text)


def parts(text: str, longest: int = LONGEST_TEXT) -> List[str]:
    """An over-long text cut at sentence ends, else at spaces, into parts of at most `longest` characters, in order."""
    found: List[str] = []
    rest = text.strip()
    while len(rest) > longest:
        window = rest[: longest + 1]
        ends = [match.end() for match in _SENTENCE_END.finditer(window)]
        cut = next((end for end in reversed(ends) if longest // 2 <= end <= longest), 0) or window.rfind(" ", 1, longest + 1)
        cut = cut if cut > 0 else longest
        found.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [part for part in (*found, rest) if part]


def offers(events: Iterable[Mapping[str, Any]]) -> List[Offer]:
    """Buttons in a conversation's events (newest last; dictionaries as Rasa stores them), newest first."""
    found: List[Offer] = []
    latest = True
    for event in reversed(list(events)):
        if event.get("event") == "user":
            latest = False
        elif event.get("event") == "bot":
            for button in (event.get("data") or {}).get("buttons") or []:
                if isinstance(button, Mapping) and isinstance(button.get("payload"), str):
                    found.append(Offer(button["payload"], str(button.get("title") or ""), latest))
    return found


class RateLimit:
    """A bucket of `burst` messages for each key that refills at `per_minute`; forgets keys that are quiet."""

    def __init__(self, per_minute: float, burst: int, keys: int = 20000, clock: Callable[[], float] = time.monotonic):
        self.rate, self.burst, self.keys, self.clock = per_minute / 60, burst, keys, clock
        self._buckets: OrderedDict[str, Tuple[float, float]] = OrderedDict()

    def allow(self, key: str) -> bool:
        """Take one from the key's bucket; False when it is empty."""
        now = self.clock()
        level, at = self._buckets.pop(key, (float(self.burst), now))
        level = min(float(self.burst), level + (now - at) * self.rate)
        allowed = level >= 1
        self._buckets[key] = (level - 1 if allowed else level, now)
        while len(self._buckets) > self.keys:
            self._buckets.popitem(last=False)
        return allowed


def limits(settings: Mapping[str, Any]) -> Dict[str, RateLimit]:
    """The two limiters of a process: `conversation` and `address`. `settings`: {name: (per minute, burst)}."""
    return {name: RateLimit(*settings[name]) for name in ("conversation", "address")}
