"""One description of an answer, each platform's best form of it: what fits is decided by a table (capabilities.yml), never by the platform's code.

Pure. An answer is a list of bubbles; what comes out is a list of parts, each of them one message of the platform. No word is lost, no limit is passed,
and what stands for a button is a short key that says nothing.
"""

import json
import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import yaml

from channels.base import Bubble, button_key, calendar
from runtime.conversations import STAFF

CHOOSE = "Please choose:"
HOW_TO_CHOOSE = "Reply with the number."
FOR_CALENDAR = "For your calendar: {link}"
CALENDAR = "text/calendar"
OPEN_LIST = "Choose"
GSM = frozenset("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà")
GSM_DOUBLE = frozenset("^{}\\[~]|€")
LONGEST_GSM, LONGEST_UCS2 = 1530, 670  # ten segments of an SMS, in septets and in UTF-16 units
_FOLDS = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "“": '"', "”": '"', "„": '"', "″": '"', "«": '"', "»": '"'}
    | {"‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-", "−": "-", "•": "-", "·": "-", "…": "...", "→": "->", "×": "x", "½": "1/2", "¼": "1/4"}
    | {"Ł": "L", "ł": "l", "Đ": "D", "đ": "d", "ı": "i", "Œ": "OE", "œ": "oe"}
    | dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f", " ")
    | dict.fromkeys("\u00ad\u200b\u2060\ufeff\ufe0f")
)
_SENTENCE = re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"'”’)]))\s+")


@dataclass(frozen=True)
class Capability:
    """A row of capabilities.yml; the comment at its head says what each field means."""

    name: str
    text: int
    with_buttons: int
    key: int
    settle: float
    keep_days: float
    per_second: float
    at_once: int
    together: int
    body: int
    styles: Tuple[Mapping[str, Any], ...] = ()
    number_buttons: bool = False
    unit: str = "characters"
    join: bool = False
    fold: bool = False
    sources: bool = False
    files: bool = False
    order: bool = False
    window_hours: Optional[float] = None
    staff_window_hours: Optional[float] = None
    stop: Tuple[str, ...] = ()
    start: Tuple[str, ...] = ()
    stop_silences: bool = False
    leave: Tuple[str, ...] = ()
    help: Tuple[str, ...] = ()
    tells: bool = False

    def closed(self, heard: float, now: float, staff: bool = False) -> bool:
        """Whether it is too late to write to somebody who last wrote at `heard`. `staff`: whether a member of staff does."""
        hours = self.staff_window_hours if staff and self.staff_window_hours else self.window_hours
        return hours is not None and now - heard > 3600 * hours - 60


@lru_cache(maxsize=1)
def capabilities(path: Path = Path(__file__).parent / "capabilities.yml") -> Mapping[str, Capability]:
    """All rows by name. Raises TypeError for a field nobody knows."""
    found: Dict[str, Capability] = {}
    for name, row in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        fields: Dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        found[name] = Capability(name=name, **fields)
    return found


@dataclass(frozen=True)
class Part:
    """One message of a platform. `style`: none or a kind of capabilities.yml; `buttons`: (title, key, description).

    `file`: {"name", "content"}, which goes without `text`; that is said in its place when the platform refuses the file.
    """

    text: str
    style: str = "none"
    buttons: Tuple[Tuple[str, str, str], ...] = ()
    file: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps({"text": self.text, "style": self.style, "buttons": self.buttons, "file": dict(self.file)})

    @staticmethod
    def from_json(text: str) -> "Part":
        """Raises ValueError or KeyError for what is none."""
        data = json.loads(text)
        return Part(data["text"], data["style"], tuple((b[0], b[1], b[2]) for b in data["buttons"]), data["file"])


def units(text: str) -> int:
    """Length in UTF-16 units."""
    return len(text) + sum(c > "\uffff" for c in text)


def is_gsm(text: str) -> bool:
    return all(c in GSM or c in GSM_DOUBLE for c in text)


def septets(text: str) -> int:
    return sum(2 if c in GSM_DOUBLE else 1 for c in text)


def folded(text: str) -> str:
    """The text in the alphabet of SMS where that keeps its meaning: typographic signs become plain ones, foreign accents go; other scripts stay."""
    plain = text.translate(_FOLDS)
    if is_gsm(plain):
        return plain

    def one(c: str) -> str:
        if c in GSM or c in GSM_DOUBLE:
            return c
        base = "".join(d for d in unicodedata.normalize("NFKD", c) if not unicodedata.combining(d))
        return base if base and is_gsm(base) else c

    return "".join(map(one, plain))


def fits(text: str, most: int, unit: str) -> bool:
    """Whether a text is short enough. `unit` "gsm": at most `most` characters and ten segments of an SMS."""
    if units(text) > most:
        return False
    return unit != "gsm" or (septets(text) <= LONGEST_GSM if is_gsm(text) else units(text) <= LONGEST_UCS2)


def split(text: str, most: int, unit: str = "characters") -> List[str]:
    """The text in pieces that fit: cut between paragraphs, else lines, else sentences, else words, else anywhere. Every word stays, in its order."""
    text = text.strip()
    if fits(text, most, unit):
        return [text] if text else []
    for pattern in (r"\n\s*\n", r"\n", _SENTENCE, r"\s+"):
        pieces = [(m, piece) for m, piece in _pieces(pattern, text) if piece]
        if len(pieces) > 1:
            found: List[str] = []
            for mark, piece in pieces:
                if found and fits(found[-1] + mark + piece, most, unit):
                    found[-1] += mark + piece
                elif fits(piece, most, unit):
                    found.append(piece)
                else:
                    found.extend(split(piece, most, unit))
            return found
    cut = 1
    while cut < len(text) and fits(text[: cut + 1], most, unit):
        cut += 1
    return [text[:cut], *split(text[cut:], most, unit)]


def _pieces(pattern: Any, text: str) -> Iterable[Tuple[str, str]]:
    """(what stood before, piece) of a text cut at a pattern."""
    at, mark = 0, ""
    for match in re.finditer(pattern, text):
        yield mark, text[at : match.start()]
        at, mark = match.end(), match[0]
    yield mark, text[at:]


def shortened(title: str, most: int) -> str:
    """The title in at most `most` units, cut at a word where there is one."""
    if units(title) <= most:
        return title
    cut = title
    while units(cut) > most - 1:
        cut = cut[:-1]
    space = cut.rfind(" ")
    return (cut[:space] if space >= most // 2 else cut).rstrip(" ,;:-") + "…"


def style_for(titles: Sequence[str], able: Capability) -> Tuple[str, Tuple[Tuple[str, str], ...]]:
    """The form of buttons that shows all titles: (kind, rows of (title, description)); "numbered" when only the text can."""
    for style in able.styles:
        if len(titles) > style["most"]:
            continue
        rows = [(shortened(t, style["title"]), t if units(t) > style["title"] else "") for t in titles]
        room = style.get("description", 0)
        same = len({title for title, _ in rows}) < len(rows)  # platforms refuse two buttons that read the same
        if same or any(units(description) > room for _, description in rows):
            continue
        return style["kind"], tuple(rows)
    return "numbered", ()


def numbered(titles: Sequence[str]) -> str:
    return "\n".join([*(f"{number}. {title}" for number, title in enumerate(titles, 1)), HOW_TO_CHOOSE])


def shows_numbers(titles: Sequence[str], able: Capability) -> bool:
    """Whether a menu with these titles was shown numbered, so that a number chooses."""
    return bool(titles) and style_for(titles, able)[0] == "numbered"


def render(bubbles: Sequence[Bubble], able: Capability) -> List[Part]:
    """An answer as the platform's messages, in order."""
    bubbles = _words_of_data(bubbles, able)
    if able.join:
        bubbles = _joined(bubbles)
    parts: List[Part] = []
    start = 1
    for bubble in bubbles:
        if bubble.data is not None:
            parts.append(_file(bubble.data, able))
            continue
        parts.extend(_bubble(bubble, able, start))
        start += len(bubble.buttons)
    return parts


def _joined(bubbles: Sequence[Bubble]) -> List[Bubble]:
    """All words in one bubble with all buttons under it: fewer messages, and nothing can overtake."""
    texts = [b.text for b in bubbles if b.text]
    buttons = tuple(dict.fromkeys(button for b in bubbles for button in b.buttons))
    return [Bubble("\n\n".join(texts), buttons)] if texts or buttons else []


def _bubble(bubble: Bubble, able: Capability, start: int = 1) -> List[Part]:
    text = folded(bubble.text) if able.fold else bubble.text
    buttons = tuple(dict.fromkeys(bubble.buttons))
    titles = [(folded(title) if able.fold else title) for title, _ in buttons]
    if not titles:
        return [Part(piece) for piece in split(text, able.text, able.unit)]
    kind, rows = style_for(titles, able)
    if kind == "numbered":
        menu = numbered(titles)
        whole = f"{text or CHOOSE}\n{menu}"
        pieces = [whole] if fits(whole, able.text, able.unit) else [*split(text, able.text, able.unit), *split(menu, able.text, able.unit)]
        quick: Tuple[Tuple[str, str, str], ...] = ()
        style = "none"
        if able.number_buttons and able.styles and len(titles) <= able.styles[0]["most"]:
            style, quick = able.styles[0]["kind"], tuple((str(n), _key(payload, able), "") for n, (_, payload) in enumerate(buttons, 1))
            if not fits(pieces[-1], able.with_buttons, able.unit):
                pieces[-1:] = split(pieces[-1], able.with_buttons, able.unit)
        return [*(Part(piece) for piece in pieces[:-1]), Part(pieces[-1], style, quick)]
    pieces = split(text or CHOOSE, able.text, able.unit)
    if not fits(pieces[-1], able.with_buttons, able.unit):
        pieces[-1:] = split(pieces[-1], able.with_buttons, able.unit)
    offered = tuple((title, _key(payload, able), description) for (title, description), (_, payload) in zip(rows, buttons))
    return [*(Part(piece) for piece in pieces[:-1]), Part(pieces[-1], kind, offered)]


def _key(payload: str, able: Capability) -> str:
    key = button_key(payload)
    assert len(key.encode()) <= able.key
    return key


def _words_of_data(bubbles: Sequence[Bubble], able: Capability) -> List[Bubble]:
    """Custom payloads as words where the platform has nothing better; sources go under the answer before them."""
    found: List[Bubble] = []
    for bubble in bubbles:
        data = bubble.data
        if data is None:
            found.append(bubble)
        elif data.get("type") == "calendar":
            if able.files and calendar(data):
                found.append(bubble)
            elif found and found[-1].data is None:  # the first line of the bubble before it announces the file
                before = found.pop()
                _, _, rest = before.text.partition("\n")
                text = f"{_link(data)}\n{rest.strip()}".strip()
                if text or before.buttons:
                    found.append(Bubble(text, before.buttons))
        else:
            found = _with_words(found, data, able)
    return found


def _with_words(found: List[Bubble], data: Mapping[str, Any], able: Capability) -> List[Bubble]:
    kind = data.get("type")
    if kind == "card":
        found = [*found, Bubble(_card(data))] if _card(data) else found
    elif kind == "slots":
        rows = [row for row in data.get("slots") or [] if isinstance(row, Mapping) and isinstance(row.get("label"), str)]
        titles = [" ".join(str(row[key]) for key in ("day", "label") if isinstance(row.get(key), str)) for row in rows]
        buttons = tuple((title, str(row.get("value") or title)) for title, row in zip(titles, rows))
        found = [*found, Bubble(CHOOSE, buttons)] if buttons else found
    elif able.sources and kind == "answer" and found and found[-1].data is None:
        line = source_line(data.get("sources"))
        if line:
            before = found[-1]
            found = [*found[:-1], Bubble(f"{before.text}\n\n{line}".strip(), before.buttons)]
    return found


def source_line(sources: Any) -> str:
    """ "Sources: NHS 2023; British Association of Dermatologists." or nothing; pages that prove nothing (grade D) are not named."""
    rows = [row for row in sources if isinstance(row, Mapping) and row.get("grade") != "D"] if isinstance(sources, (list, tuple)) else []
    names = [" ".join(str(row[key]) for key in ("publisher", "year") if row.get(key)) for row in rows]
    names = [name for name in dict.fromkeys(names) if name]
    return f"{'Sources' if len(names) > 1 else 'Source'}: {'; '.join(names)}." if names else ""


def _card(data: Mapping[str, Any]) -> str:
    lines = [str(data[key]) for key in ("title", "text") if isinstance(data.get(key), str)]
    lines += [f"{row['label']}: {row['value']}" for row in data.get("rows") or [] if isinstance(row, Mapping) and row.get("label") and row.get("value")]
    link = data.get("link")
    if isinstance(link, Mapping) and isinstance(link.get("href"), str):
        lines.append(link["href"])
    return "\n".join(lines)


def _link(data: Mapping[str, Any]) -> str:
    return FOR_CALENDAR.format(link=data["link"]) if isinstance(data.get("link"), str) else ""


def _file(data: Mapping[str, Any], able: Capability) -> Part:
    name = str(data.get("filename") or "appointment.ics")
    said = split(f"{_card(data)}\n{_link(data)}", able.text, able.unit)[:1]
    return Part("".join(said), file={"name": re.sub(r"[^A-Za-z0-9._-]", "", name)[:60] or "appointment.ics", "content": calendar(data)})


_WORDS = {word: n for n, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)}
_ORDINALS = {word: n for n, word in enumerate("first second third fourth fifth sixth seventh eighth ninth tenth".split(), 1)}
_PLACE = re.compile(
    rf"(?:i (?:would like|want|choose|pick|take|say) |i'll (?:take|have) |i'd like )?(?:the )?(?P<place>{'|'.join(_ORDINALS)}|\d{{1,2}}(?:st|nd|rd|th)|last)"
    r"(?: one| option| choice| button| answer)?(?: please| thanks| thank you)?"
)
_NUMBER = re.compile(
    rf"(?:i (?:would like|want|choose|pick|take|say) )?(?:number |option |choice |answer |no |nr |n)?(?P<number>\d{{1,2}}|{'|'.join(_WORDS)})"
    r"(?: please| thanks| thank you)?"
)
_BEFORE_TITLE = re.compile(r"\(?#?(\d{1,2})\s*[.):-]?\s+(.+)", re.S)


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^\w\s'/+-]", " ", folded(text).casefold()).split())


def chosen(text: str, titles: Sequence[str], numbers: bool) -> Optional[int]:
    """Which of the titles a person means by its words, its place ("the first one") or, if `numbers` were shown, its number; None for none."""
    said = _plain(text)
    plain = [_plain(title) for title in titles]
    if not said or len(said) > 200:
        return None
    if plain.count(said) == 1:
        return plain.index(said)
    place = _PLACE.fullmatch(said)
    if place:
        word = place["place"]
        index = len(titles) - 1 if word == "last" else (_ORDINALS.get(word) or int(re.sub(r"\D", "", word) or 0)) - 1
        return index if 0 <= index < len(titles) else None
    if not numbers:
        return None
    number = _NUMBER.fullmatch(said)
    if number:
        index = (_WORDS.get(number["number"]) or int(re.sub(r"\D", "", number["number"]) or 0)) - 1
        return index if 0 <= index < len(titles) else None
    both = _BEFORE_TITLE.fullmatch(text.strip())
    if both and 0 < int(both[1]) <= len(titles) and _plain(both[2]) == plain[int(both[1]) - 1]:
        return int(both[1]) - 1
    return None


def beside(text: str, titles: Sequence[str]) -> bool:
    """Whether a text is nothing but a number that the numbered menu does not have."""
    number = _NUMBER.fullmatch(_plain(text))
    return bool(titles) and number is not None and chosen(text, titles, True) is None


def menu(spoken: Sequence[Mapping[str, Any]]) -> List[Tuple[str, str]]:
    """The buttons of the newest answer as (title, payload), in the order they were shown. `spoken`: stored events, oldest first."""
    found: Dict[Tuple[str, str], None] = {}
    for event in spoken:
        if event.get("event") == "user":
            found = {}
        elif event.get("event") == "bot":
            if (event.get("metadata") or {}).get(STAFF) is not None:  # a person has spoken since: a number answers them
                found = {}
            for button in (event.get("data") or {}).get("buttons") or []:
                if isinstance(button, Mapping) and isinstance(button.get("payload"), str) and str(button.get("title") or "").strip():
                    found[(str(button["title"]).strip(), button["payload"])] = None
    return list(found)
