"""The table of danger signs, `data/guard/signs.yml`, as something that can be looked for in a message."""

import itertools
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple

import yaml
from spacy.tokens import Doc
from symspellpy import SymSpell, Verbosity

from nlu.context import Context, Reading
from nlu.spelling import SHORTHAND

FOLDER = Path(__file__).resolve().parent.parent / "data" / "guard"
GAP = 3  # words that ".." may skip
SLIP = 5  # letters a danger word must have to be recognised with one letter wrong

_DENYING = re.compile(r"(?:no|not|can not|could not|never|nothing|unable|hardly|barely)\b")
_GROUP = re.compile(r"\{(\w+)\}")
_BEGIN = r"(?<!\S)"
_WORD = r"[^\s.!?;,]+"  # a word of the same clause


class TableError(ValueError):
    """`data/guard` cannot be used; the message says where and why."""


@dataclass(frozen=True)
class Sign:
    """A danger sign as the table gives it. `level`: emergency, urgent, mild, crisis; suspect and companion count only with others.

    `certain`: said of the present it is enough by itself, whatever the other parts of the guard make of the message.
    """

    name: str
    says: str
    level: str
    sources: Tuple[str, ...]
    symptoms: frozenset
    pattern: Any
    certain: bool = False


@dataclass(frozen=True)
class Found:
    """A sign in a message: where (tokens), in which words, and how it is said."""

    sign: Sign
    start: int
    end: int
    text: str
    how: Context


@dataclass(frozen=True)
class Combination:
    """Signs that together have a level: at least one of each set in `all`."""

    level: str
    says: str
    sources: Tuple[str, ...]
    all: Tuple[frozenset, ...]


@dataclass(frozen=True)
class Table:
    """All signs, what they mean together, the manners of speaking that are no sign, and who answers for the table."""

    signs: Tuple[Sign, ...]
    combinations: Tuple[Combination, ...]
    harmless: Any
    slips: SymSpell
    danger_words: frozenset
    version: str
    reviewed_by: Optional[str]
    reviewed_on: Optional[str]

    def stamp(self) -> Dict[str, Optional[str]]:
        return {"version": self.version, "reviewed_by": self.reviewed_by, "reviewed_on": self.reviewed_on}


def _alternatives(item: str) -> str:
    options = []
    for option in item.split("|"):
        literal = re.escape(option.replace("_", " ").removesuffix("*").strip())
        options.append(literal + (r"[\w'.]*" if option.endswith("*") else ""))
    return f"(?:{'|'.join(options)})"


def compile_phrase(phrase: str, words: Mapping[str, str]) -> str:
    """A phrase of the table as a regular expression over `Reading.text`. Raises TableError for an unknown group."""

    def group(match: Any) -> str:
        if match[1] not in words:
            raise TableError(f"The phrase {phrase!r} names the group {match[1]!r}, which `words` does not have.")
        return words[match[1]]

    pattern = ""
    gap = False
    for item in _GROUP.sub(group, phrase).split():
        if item == "..":
            gap = True
            continue
        optional = item.startswith("(") and item.endswith(")")
        part = _alternatives(item.strip("()") if optional else item)
        skipped = rf"(?:{_WORD} ){{0,{GAP}}}?" if gap else ""
        if optional:
            pattern += f"{skipped}(?:{part} )?"
        else:
            pattern += f"{skipped}{part} "
        gap = False
    if not pattern.strip() or pattern.endswith(")?"):
        raise TableError(f"The phrase {phrase!r} does not end in a word that must be there.")
    # The last word brings no space of its own: the word must end there.
    return rf"{_BEGIN}{pattern.rstrip()}(?!\S)" if pattern.endswith(" ") else rf"{_BEGIN}{pattern}"


def _any_of(phrases: Iterable[str], words: Mapping[str, str]) -> Any:
    """One expression for all phrases, which looks once a word whether any begins there, not once a letter and phrase."""
    options = [compile_phrase(phrase, words).removeprefix(_BEGIN) for phrase in phrases]
    return re.compile(rf"{_BEGIN}(?:{'|'.join(options)})" if options else "(?!)")


def _words_of(phrases: Iterable[str]) -> Set[str]:
    return {w for phrase in phrases for item in phrase.split() for option in item.strip("()").split("|") for w in option.removesuffix("*").split("_")}


def build(content: Mapping[str, Any]) -> Table:
    """The table from its parsed file. Raises TableError."""
    groups = {name: str(value) for name, value in (content.get("words") or {}).items()}
    signs, literal = [], _words_of(groups.values())
    for name, row in content["signs"].items():
        phrases = [str(p) for p in row.get("phrases") or []]
        literal |= _words_of(phrases)
        pattern = _any_of(phrases, groups) if phrases else None
        sources, symptoms = tuple(row.get("sources") or ()), frozenset(row.get("symptoms") or ())
        signs.append(Sign(name, row["says"], row["level"], sources, symptoms, pattern, bool(row.get("certain"))))
    known = {sign.name for sign in signs}
    combinations = tuple(
        Combination(row["level"], row["says"], tuple(row.get("sources") or ()), tuple(frozenset(o) for o in row["all"]))
        for row in content.get("combinations") or []
    )
    unknown = {name for c in combinations for options in c.all for name in options} - known
    if unknown:
        raise TableError(f"`combinations` name signs that do not exist: {', '.join(sorted(unknown))}.")
    harmless = _any_of([str(p) for p in content.get("harmless") or []], groups)
    danger = frozenset(w for w in literal if w.isalpha() and len(w) >= SLIP)
    slips = SymSpell(max_dictionary_edit_distance=1, prefix_length=7)
    for word in danger:
        slips.create_dictionary_entry(word, 1)
    return Table(tuple(signs), combinations, harmless, slips, danger, str(content["version"]), content.get("reviewed_by"), content.get("reviewed_on"))


@lru_cache(maxsize=2)
def load(path: Path = FOLDER / "signs.yml") -> Table:
    """Read and check the table once. Raises TableError or OSError."""
    return build(yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506 (a safe loader)


def mended(doc: Any, table: Table) -> Dict[int, str]:
    """Tokens whose spelling was corrected, or is unknown, and that are one letter from a danger word: token → that word.

    The speller prefers the commoner neighbour ("thoat" → that); here the more dangerous one counts.
    """
    found: Dict[int, str] = {}
    for token in doc:
        written = token.lower_
        if token.norm_ == written or len(written) < SLIP - 1 or written in SHORTHAND or token.norm_ in table.danger_words or not written.isalpha():
            continue
        near = table.slips.lookup(written, Verbosity.CLOSEST, max_edit_distance=1)
        if near and near[0].term[0] == written[0]:
            found[token.i] = near[0].term
    return found


def find(doc: Doc, table: Table) -> Tuple[List[Found], Reading]:
    """Every sign in a doc with how it is said, in order, and the doc as it was read; signs in a manner of speaking are left out."""
    reading = Reading(doc, mended(doc, table))
    masked = idioms(reading, table)
    found = []
    for sign in table.signs:
        for start, end in itertools.chain(_phrases(sign, reading), _symptoms(sign, doc, reading)):
            if any(a < end and start < b for a, b in masked):
                continue
            first, last = reading.tokens(start, end)
            how = reading.at(start, end)
            if _DENYING.match(reading.text, start):  # "there ain't no air": the denial is the symptom
                how = replace(how, negated=False)
            found.append(Found(sign, first, last, reading.text[start:end], how))
    return sorted(found, key=lambda f: f.start), reading


def idioms(reading: Reading, table: Table) -> List[Tuple[int, int]]:
    """Where a manner of speaking stands in `reading.text`."""
    return [m.span() for m in table.harmless.finditer(reading.text)]


def _phrases(sign: Sign, reading: Reading) -> Iterator[Tuple[int, int]]:
    if sign.pattern is not None:
        for match in sign.pattern.finditer(reading.text):
            yield match.start(), match.end()


def _symptoms(sign: Sign, doc: Doc, reading: Reading) -> Iterator[Tuple[int, int]]:
    if sign.symptoms:
        for entity in doc.ents:
            if entity.label_ == "symptom" and entity.ent_id_ in sign.symptoms:
                yield reading.characters(entity.start, entity.end)
