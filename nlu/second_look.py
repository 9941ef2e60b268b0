"""A second look for misspelt words of the contraindication table: "nicel" is read as "nice" by the speller, but was "nickel".

Spelling correction weighs how common words are, which is right for meaning and wrong for a rare illness. So each word it changed or does
not know is compared once more with the words that decide about a treatment; within a phrase the other words have to be there.
"""

from collections import defaultdict
from functools import lru_cache
from typing import Any, Dict, Iterator, List, Mapping, Set, Tuple

from spacy.tokens import Doc

from nlu import vocabulary

SHORTEST = 5  # letters of a word that may be misspelt; shorter ones have too many neighbours
SECOND_SLIP = 9  # letters from which two slips are allowed
LONGEST = 5  # words of a phrase
_GLUE = str.maketrans({"-": " ", "'": None, "’": None})

Owner = Tuple[str, str]  # label, canonical value


class SecondLook:
    """Finds phrases of `rows` (`{label: {value: [synonym, …]}}` each) in which exactly one word is misspelt."""

    def __init__(self, rows: Mapping[str, Mapping[str, List[str]]]):
        # The phrase without one of its words → that word and who owns the phrase.
        self._gaps: Dict[Tuple[int, Tuple[str, ...]], List[Tuple[str, Owner]]] = defaultdict(list)
        self._alone: Dict[str, List[Tuple[str, Owner]]] = defaultdict(list)  # single words by what is left when letters are dropped
        seen: Set[Tuple[str, Owner]] = set()
        for label, values in rows.items():
            for value, synonyms in values.items():
                for synonym in synonyms:
                    words = tuple(synonym.lower().translate(_GLUE).split())
                    if (" ".join(words), (label, value)) in seen or not 0 < len(words) <= LONGEST:
                        continue
                    seen.add((" ".join(words), (label, value)))
                    self._index(words, (label, value))

    def _index(self, words: Tuple[str, ...], owner: Owner) -> None:
        for place, word in enumerate(words):
            if len(word) < SHORTEST or not word.isalpha():
                continue
            if len(words) == 1:
                for rest in _dropped(word):
                    self._alone[rest].append((word, owner))
            else:
                self._gaps[(place, words[:place] + words[place + 1 :])].append((word, owner))

    def find(self, doc: Doc) -> Iterator[Dict[str, Any]]:
        """Entities (`entity`, `start`, `end`, `value`, `text`); offsets are characters of the doc's text."""
        doubtful: Set[int] = doc.user_data.get("doubtful", set())
        rare: Set[int] = doc.user_data.get("rare", set())
        if not doubtful and not rare:
            return
        words, spans, slips = _words(doc, doubtful | rare)
        for slip, token in slips:
            for begin, end, (label, value) in self._around(words, slip, token in doubtful):
                start, stop = spans[begin][0], spans[end - 1][1]
                yield {"entity": label, "start": start, "end": stop, "value": value, "text": doc.text[start:stop]}

    def _around(self, words: List[str], slip: int, alone: bool) -> Iterator[Tuple[int, int, Owner]]:
        written = words[slip]
        for size in range(min(LONGEST, len(words)), 1, -1):  # the longest phrase first
            for begin in range(max(0, slip - size + 1), min(slip, len(words) - size) + 1):
                phrase = tuple(words[begin : begin + size])
                place = slip - begin
                for meant, owner in self._gaps.get((place, phrase[:place] + phrase[place + 1 :]), ()):
                    if _close(written, meant):
                        yield begin, begin + size, owner
                        return
        if not alone:  # a real word, however rare, is not taken for another without the rest of the phrase
            return
        candidates = {pair for rest in _dropped(written) for pair in self._alone.get(rest, ())}
        near = sorted((meant, owner) for meant, owner in candidates if _close(written, meant))
        if near:
            yield slip, slip + 1, near[0][1]


def _words(doc: Doc, doubtful: Set[int]) -> Tuple[List[str], List[Tuple[int, int]], List[Tuple[int, int]]]:
    """Words between white space and hyphens without apostrophes, where they stand, and (word, token) of the doubtful ones."""
    words: List[str] = []
    spans: List[Tuple[int, int]] = []
    slips: List[Tuple[int, int]] = []
    glued = False
    for token in doc:
        text = token.text.lower().translate(_GLUE).strip()
        if not text or not any(c.isalnum() for c in text):
            glued = not token.whitespace_ and token.text in ("'", "’")
            continue
        if (glued or token.text.startswith(("'", "’"))) and words and spans[-1][1] >= token.idx - 1:
            words[-1] += text
            spans[-1] = (spans[-1][0], token.idx + len(token.text))
        else:
            words.append(text.replace(" ", ""))
            spans.append((token.idx, token.idx + len(token.text)))
        glued = False
        if token.i in doubtful and len(words[-1]) >= SHORTEST - 1 and (not slips or slips[-1][0] != len(words) - 1):
            slips.append((len(words) - 1, token.i))
    return words, spans, slips


def _dropped(word: str) -> Set[str]:
    """`word` and what is left of it without any one letter, for long words without any two."""
    once = {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}
    if len(word) < SECOND_SLIP:
        return once
    return once | {rest[:i] + rest[i + 1 :] for rest in once for i in range(len(rest))}


@lru_cache(maxsize=20_000)
def _close(written: str, meant: str) -> bool:
    """One slip (two in long words): a letter too many, too few, another, or two swapped."""
    slips = 2 if len(meant) >= SECOND_SLIP else 1
    if abs(len(written) - len(meant)) > slips or written == meant:
        return False
    before: List[int] = []
    row = list(range(len(meant) + 1))
    for i, a in enumerate(written, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(meant, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == meant[j - 2] and written[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1] <= slips


@lru_cache(maxsize=1)
def of_the_table() -> SecondLook:
    """Over the words of `data/contraindications.yml`, read once a process."""
    return SecondLook(vocabulary.of_rows())
