"""Danger said in another language than English: the phrases of `data/guard/other_languages.yml`, looked for in the words as they were typed.

The rest of understanding reads English; a phrase found here is an alarm by itself.
"""

import re
import unicodedata
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import yaml

from nlu.red_flags import FOLDER, TableError

LEVELS = ("emergency", "crisis", "urgent")  # the weightiest first
SKIPPED = 2  # words that ".." may stand for
IF_WITHIN = 3  # words before a phrase in which an "if" makes it a question
MOST_WORDS = 200  # of a message are looked at
_WORDS = re.compile(r"[^\W\d_]+")
_UNSPACED = re.compile(r"[\u4e00-\u9fff]")  # written without spaces: every character is a word


class Phrase(NamedTuple):
    """Words that tell of danger; "" stands for up to `SKIPPED` others."""

    words: Tuple[str, ...]
    level: str
    language: str
    written: str


class Spoken(NamedTuple):
    """A phrase in a message: the level it tells of, the language, the phrase as the table has it, and what to say first in that language."""

    level: str
    language: str
    phrase: str
    first: str


class Language(NamedTuple):
    """What is said first in an alarm, `call` or `today` with `{emergency_number}` and `{urgent_line}` to fill in, and the words that deny or ask."""

    call: str
    today: str
    denials: frozenset
    conditions: frozenset


class Table(NamedTuple):
    languages: Mapping[str, Language]
    phrases: Mapping[str, Sequence[Phrase]]  # by their first word


def folded(text: str) -> List[str]:
    """The words of a text in lower case without accents and vowel signs, at most `MOST_WORDS`."""
    plain = unicodedata.normalize("NFKD", text.lower().replace("ł", "l").replace("ß", "ss"))
    plain = "".join(c for c in plain if not unicodedata.category(c).startswith("M"))
    return _WORDS.findall(_UNSPACED.sub(r" \g<0> ", plain))[:MOST_WORDS]


@lru_cache(maxsize=2)
def load(path: Path = FOLDER / "other_languages.yml") -> Table:
    """Read and check the table once. Raises TableError or OSError."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))["languages"]
    languages, phrases = {}, defaultdict(list)
    for name, row in content.items():
        missing = {"call", "today", "not", "if", *LEVELS} - set(row)
        if missing:
            raise TableError(f"{path.name}: {name} lacks {', '.join(sorted(missing))}.")
        languages[name] = Language(row["call"], row["today"], frozenset(folded(row["not"])), frozenset(folded(row["if"])))
        for level in LEVELS:
            for written in row[level].splitlines():
                words = tuple(word for part in re.split(r"(\.\.)", written) for word in ([""] if part == ".." else folded(part)))
                if not words or "" in (words[0], words[-1]):
                    raise TableError(f"{path.name}: {written!r} does not begin and end with a word.")
                phrases[words[0]].append(Phrase(words, level, name, written))
    return Table(languages, dict(phrases))


def find(text: str, table: Optional[Table] = None) -> Optional[Spoken]:
    """The weightiest phrase of danger in `text` that is neither denied nor, where it is only urgent, asked about; None without one."""
    table = table or load()
    words = folded(text)
    found = list(_standing(words, table))
    return min(found, key=lambda spoken: LEVELS.index(spoken.level)) if found else None


def _standing(words: Sequence[str], table: Table) -> Iterator[Spoken]:
    for place, word in enumerate(words):
        for phrase in table.phrases.get(word, ()):
            if not _matches(phrase.words, words[place:]):
                continue
            language = table.languages[phrase.language]
            denied = place > 0 and words[place - 1] in language.denials
            asked = phrase.level == "urgent" and not language.conditions.isdisjoint(words[max(0, place - IF_WITHIN) : place])
            if not denied and not asked:
                yield Spoken(phrase.level, phrase.language, phrase.written, language.today if phrase.level == "urgent" else language.call)


def _matches(phrase: Sequence[str], words: Sequence[str]) -> bool:
    """Whether `words` begin with the phrase."""
    if not phrase:
        return True
    if phrase[0] == "":
        return any(_matches(phrase[1:], words[skipped:]) for skipped in range(SKIPPED + 1))
    return bool(words) and words[0] == phrase[0] and _matches(phrase[1:], words[1:])
