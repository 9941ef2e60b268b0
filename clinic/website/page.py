"""What the clinic's page shows: pure functions from clinic.yml, page.yml and the answers of data/ to what the templates lay out."""

import re
from dataclasses import dataclass
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from knowledge.facts import fill, hours_by_day
from knowledge.library import Answer, Knowledge

_BULLET = re.compile(r"^\s*[-•]\s+")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class Piece:
    """A run of words; with `href` a link."""

    text: str
    href: str = ""


@dataclass(frozen=True)
class Block:
    """A paragraph, or a list of lines. Each line is a list of pieces."""

    lines: Tuple[Tuple[Piece, ...], ...]
    listed: bool = False


@dataclass(frozen=True)
class Shown:
    """An answer as the page shows it. `anchor`: its id on the page."""

    anchor: str
    title: str
    blocks: Tuple[Block, ...]
    sources: Tuple[Mapping[str, Any], ...]
    plain: str  # for machines


def telephone(written: str) -> str:
    """020 7946 0123 → tel:02079460123."""
    return "tel:" + re.sub(r"[^\d+]", "", written)


def link_targets(clinic: Mapping[str, Any]) -> Dict[str, str]:
    """What becomes a link wherever a text names it: the clinic's phone and mail, the emergency numbers."""
    me, numbers = clinic["clinic"], clinic["emergency"][clinic["clinic"]["country"]]
    targets = {
        me["phone"]: telephone(me["phone"]),
        me["email"]: f"mailto:{me['email']}",
        clinic["privacy"]["contact"]: f"mailto:{clinic['privacy']['contact']}",
    }
    for text in (numbers["number"], numbers["urgent"], numbers["crisis"]):
        for found in re.findall(r"(?<!\d)(?<! to )\d(?:[\d -]*\d)?", text):
            if len(re.sub(r"\D", "", found)) >= 3:
                targets.setdefault(found, telephone(found))
    return targets


def pieces(line: str, targets: Mapping[str, str]) -> Tuple[Piece, ...]:
    """A line cut where a link begins or ends."""
    names = "|".join(re.escape(name) for name in sorted(targets, key=len, reverse=True))
    cut, at = [], 0
    for found in re.finditer(rf"(?<![\d£€$.,])(?:{names})(?![\d%])(?! (?:people|in|of|hours|days|weeks)\b)", line):
        cut += [Piece(line[at : found.start()]), Piece(found[0], targets[found[0]])]
        at = found.end()
    return tuple(piece for piece in [*cut, Piece(line[at:])] if piece.text)


def blocks(text: str, targets: Mapping[str, str]) -> Tuple[Block, ...]:
    """Paragraphs and lists; a line that begins with a dash is a list's."""
    made: List[Block] = []
    for line in filter(str.strip, text.splitlines()):
        listed = bool(_BULLET.match(line))
        row = pieces(_BULLET.sub("", line).strip(), targets)
        if listed and made and made[-1].listed:
            made[-1] = Block((*made[-1].lines, row), True)
        else:
            made.append(Block((row,), listed))
    return tuple(made)


def source_rows(keys: Iterable[str], knowledge: Knowledge, grades: Mapping[str, str]) -> Tuple[Mapping[str, Any], ...]:
    """Title, address and a word on who says it, of each source once. Only addresses of the web become links."""
    rows = []
    for key in dict.fromkeys(keys):
        source = knowledge.sources.get(key)
        if source:
            about = [str(part) for part in (source["publisher"], source["year"], grades.get(source["grade"])) if part]
            address = source["address"] if str(source["address"]).startswith(("https://", "http://")) else ""
            rows.append({"title": source["title"], "address": address, "about": ", ".join(about)})
    return tuple(rows)


def _shown(answer: Answer, title: str, longer: bool, knowledge: Knowledge, words: Mapping[str, Any], targets: Mapping[str, str]) -> Shown:
    parts = [answer.text, answer.more] if longer and answer.more else [answer.text]
    keys = [*answer.sources, *(answer.more_sources if longer else ())]
    text = "\n".join(fill(part, knowledge.facts()) for part in parts)
    anchor = answer.intent.replace("ask_", "").replace("_", "-")
    rows = source_rows(keys, knowledge, words["sources"]["grades"])
    return Shown(anchor, title, blocks(text, targets), rows, " ".join(text.split()))


def compose(knowledge: Knowledge, words: Mapping[str, Any], keep_days: float) -> Dict[str, Any]:
    """The page's values, by the names the templates use. `words`: page.yml. Raises KeyError for an answer or a fact that does not exist."""
    clinic, targets = knowledge.clinic, link_targets(knowledge.clinic)
    facts = {**knowledge.facts(), "keep_days": days(keep_days), "booking_days": days(clinic["privacy"].get("booking_days", 400))}
    facts["screening_days"] = days(clinic["privacy"]["screening_retention_days"])
    short = set(words["questions"]["short"])

    def said(text: str) -> str:
        return fill(text, facts)

    def linked(text: str) -> Tuple[Block, ...]:
        return blocks(said(text), targets)

    def answers(rows: Sequence[Mapping[str, str]]) -> List[Shown]:
        return [_shown(knowledge.answers[row["intent"]], row["title"], False, knowledge, words, targets) for row in rows]

    groups = []
    for group in words["questions"]["groups"]:
        found = [_shown(knowledge.answers[i], knowledge.titles[i], i not in short, knowledge, words, targets) for i in group["answers"]]
        groups.append({"title": group["title"], "answers": found})
    me, emergency = clinic["clinic"], words["emergency"]
    return {
        "me": me,
        "phone_link": telephone(me["phone"]),
        "address_lines": [part.strip() for part in me["address"].split(",")],
        "title": words["title"],
        "description": said(words["description"]),
        "nav": words["nav"],
        "hero": {name: said(text) for name, text in words["hero"].items()},
        "facts": [{name: said(text) for name, text in row.items()} for row in words["facts"]],
        "treatment": {**words["treatment"], "answers": answers(words["treatment"]["answers"])},
        "limits": {**words["limits"], "answers": answers(words["limits"]["answers"])},
        "prices": {
            **words["prices"],
            "rows": [(area[:1].upper() + area[1:], money(clinic, amount)) for area, amount in clinic["prices"]["per_session"].items()],
            "consultation_row": (said(words["prices"]["consultation"]), facts["consultation_price"]),
            "note": clinic["prices"]["note"],
            "terms": [(label, sentence(facts[name])) for label, name in words["prices"]["terms"].items()],
        },
        "team": {
            **words["team"],
            "lead": said(words["team"]["lead"]),
            "people": [
                {"name": one["name"], "role": one["role"][:1].upper() + one["role"][1:], "initials": initials(one["name"])} for one in clinic["practitioners"]
            ],
        },
        "assistant": words["assistant"],
        "questions": {**words["questions"], "groups": groups},
        "visit": {
            **words["visit"],
            "open_now": facts["open_now"],
            "week": hours_by_day(clinic),
            "rows": [(label, sentence(facts[name])) for label, name in words["visit"]["rows"].items()],
        },
        "emergency": {
            "heading": emergency["heading"],
            "text": pieces(said(emergency["text"]), targets),
            "more": [pieces(said(emergency[name]), targets) for name in ("urgent", "crisis")],
        },
        "source_word": words["sources"]["label"],
        "footer": words["footer"],
        "privacy": {
            "title": words["privacy"]["title"],
            "sections": [{"title": section["title"], "blocks": linked(section["text"])} for section in words["privacy"]["sections"]],
        },
    }


def days(number: float) -> str:
    return "one day" if number == 1 else f"{number:g} days"


def money(clinic: Mapping[str, Any], amount: float) -> str:
    """£140, £1,250.50 or, for nothing, "free of charge"."""
    return f"{clinic['prices']['currency']}{amount:,.2f}".replace(".00", "") if amount else "free of charge"


def sentence(text: str) -> str:
    """With a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def initials(name: str) -> str:
    """Of the first and the last name, without a title: Dr Amara Osei → AO."""
    parts = [part for part in name.split() if part.rstrip(".") not in ("Dr", "Prof", "Mr", "Mrs", "Ms", "Miss", "Mx")]
    return "".join(part[0] for part in dict.fromkeys((parts[0], parts[-1]))).upper() if parts else ""


def luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, 0 to 1 (WCAG 2.2)."""
    linear = [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def readable_on(colour: str) -> str:
    """White or near-black, whichever reads better on `colour`, as in the chat."""
    light = luminance(colour)
    return "#ffffff" if 1.05 / (light + 0.05) >= (light + 0.05) / 0.06 else "#10201e"


def theme(look: Optional[Mapping[str, Any]]) -> str:
    """The clinic's colours as a style sheet; what is no colour is left out."""
    colours = (look or {}).get("theme") or {}
    light, dark = (colours.get(name) if _COLOUR.fullmatch(str(colours.get(name))) else None for name in ("accent", "accent-dark"))
    rules = []
    if light:
        rules.append(f":root{{--accent:{light};--on-accent:{readable_on(light)}}}")
    if dark:
        rules.append(f"@media (prefers-color-scheme:dark){{:root{{--accent:{dark};--on-accent:{readable_on(dark)}}}}}")
    return "\n".join(rules) + "\n"
