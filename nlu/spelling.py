"""Typo tolerance: a spaCy pipe that reads "strech marcks" as "stretch marks" without changing what was written.

The corrected, lower-cased word goes to `token.norm_`, its lookup lemma to `token.lemma_`; rulers and the encoder read those.
A word is changed only when no dictionary has it and it is much rarer than a neighbour one edit away, or unknown altogether and close
to a long word of the trade.
"""

from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterable, Optional, Set

import srsly
from spacy.language import Language
from spacy.lookups import Lookups
from spacy.tokens import Doc
from symspellpy import SymSpell, Verbosity

# Text-speak that no edit distance finds; values may be several words.
SHORTHAND = {
    "u": "you", "ur": "your", "r": "are", "y": "why", "n": "and", "pls": "please", "plz": "please", "thx": "thanks", "ty": "thanks", "tnx": "thanks",
    "wat": "what", "wats": "what is", "whats": "what is", "hows": "how is", "wheres": "where is", "whens": "when is", "whos": "who is", "dont": "do not",
    "doesnt": "does not", "cant": "can not", "wont": "will not", "isnt": "is not", "im": "i am", "ive": "i have", "id": "i would", "didnt": "did not",
    "b4": "before", "bf": "boyfriend", "gf": "girlfriend", "appt": "appointment", "appts": "appointments", "apt": "appointment", "tmrw": "tomorrow", "tmr": "tomorrow",
    "2moro": "tomorrow", "hv": "have", "bcoz": "because", "bc": "because", "coz": "because", "cuz": "because", "cos": "because", "abt": "about", "rn": "right now",
    "idk": "i do not know", "tho": "though", "thru": "through", "wknd": "weekend", "mins": "minutes", "hrs": "hours", "wks": "weeks", "mths": "months", "yrs": "years",
    "wanna": "want to", "gonna": "going to", "gotta": "have to", "lemme": "let me", "dunno": "do not know", "txt": "text", "msg": "message", "hw": "how", "mch": "much",
    "approx": "approximately", "preggo": "pregnant", "preggers": "pregnant", "preg": "pregnant", "bby": "baby", "bb": "baby", "meds": "medicines", "rly": "really",
    "ppl": "people", "bday": "birthday", "hols": "holidays", "sesh": "session", "mn": "microneedling",
    "rf": "radiofrequency",
    "👍": "yes", "👌": "yes", "👎": "no", "🙏": "thank you", "❤": "thank you", "👋": "hello",
    "teh": "the", "hte": "the", "adn": "and", "nad": "and", "yuo": "you", "taht": "that", "scaring": "scarring", "puss": "pus",
}  # fmt: skip
RARER_BY = 3.5  # nats: how much rarer a known word must be than its neighbour to count as a slip of the finger
TRADE_BONUS = 3.0  # nats
CORE_BONUS = 12.0  # for the few dozen words that most messages turn on
EVERYDAY = -9.0  # log probability: commoner words get no bonus, they stand in the vocabulary by the way ("like", "feels")
RARE = -12.5  # log probability
MAX_CORRECTIONS = 12  # bounds the cost of gibberish


class Speller:
    """Corrects one word at a time against the common words of English and the words of the trade."""

    def __init__(self, common: Dict[str, float], trade: Iterable[str], real: Iterable[str], core: Iterable[str] = ()):
        """`common`: word → log probability; `trade`: preferred targets, `core` above all; `real`: dictionary words and names.

        Words of the trade and real words are never changed.
        """
        self.core = frozenset(core)
        self.common = common
        self.trade = frozenset(trade)
        self.real = frozenset(real)
        self._near = SymSpell(max_dictionary_edit_distance=1, prefix_length=7)
        self._far = SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
        for word, logprob in common.items():
            self._near.create_dictionary_entry(word, max(1, int(2.0 ** (30 + logprob))))
        for word in self.trade:
            if len(word) >= 8:
                self._far.create_dictionary_entry(word, 1000)
            if len(word) >= 4 and word not in common:
                self._near.create_dictionary_entry(word, max(1, int(2.0 ** (30 - 11))))
        self.correct = lru_cache(maxsize=20_000)(self._correct)

    def _correct(self, word: str) -> str:
        if word in SHORTHAND:
            return SHORTHAND[word]
        if len(word) < 4 or len(word) > 24 or not word.isalpha() or word in self.trade or word in self.real:
            return word
        own = self.common.get(word)
        best: Optional[str] = None
        for found in self._near.lookup(word, Verbosity.ALL, max_edit_distance=1):
            if found.term == word or (found.term[0] != word[0] and sorted(found.term) != sorted(word)):
                continue
            if self._weight(found.term) - (own if own is not None else -17.0) >= RARER_BY and (best is None or self._weight(found.term) > self._weight(best)):
                best = found.term
        if best is None and own is None and len(word) >= 8:
            far = self._far.lookup(word, Verbosity.TOP, max_edit_distance=2)
            if far and far[0].term[0] == word[0]:
                best = far[0].term
        return best or word

    def knows(self, word: str) -> bool:
        """Whether any list has the word; what is too short or not made of letters is not doubted."""
        return len(word) < 4 or not word.isalpha() or word in self.trade or word in self.real or word in self.common or word in SHORTHAND

    def _weight(self, word: str) -> float:
        """Log probability of meaning `word`; here people mean the words of the trade more often than elsewhere."""
        chance = self.common.get(word, -11.0)
        if word in self.core:
            return chance + CORE_BONUS
        return chance + TRADE_BONUS if word in self.trade and chance < EVERYDAY else chance


class SpellingPipe:
    """spaCy component: sets `norm_` (corrected word) and `lemma_` (its lookup lemma) on every token."""

    def __init__(self) -> None:
        self.words: Dict[str, float] = {}
        self.trade: list = []
        self.real: list = []
        self.core: list = []
        self.lemmas: Dict[str, str] = {}
        self.speller: Optional[Speller] = None

    def prepare(self, common: Dict[str, float], trade: Iterable[str], real: Iterable[str], core: Iterable[str], lookups: Lookups) -> None:
        self.words, self.trade, self.real, self.core = common, sorted(set(trade)), sorted(set(real)), sorted(set(core))
        table = lookups.get_table("lemma_lookup")
        known = set(common) | set(self.trade)
        self.lemmas = {w: table[w] for w in known if w in table and table[w] != w}
        # Two irregulars of the lookup table harm us: "left" (side) and "found" are fine as they are.
        for word in (
            "left",
            "found",
            "thought",
            "felt",
            "saw",
            "wound",
            "wounds",
            "breasts",
            "goes",
            "worse",
            "better",
            "best",
            "worst",
            "less",
            "more",
            "most",
            "data",
            "media",
        ):
            self.lemmas.pop(word, None)
        self.lemmas.update({"breasts": "breast", "boobs": "boob", "scars": "scar", "marks": "mark"})
        self.speller = Speller(self.words, self.trade, self.real, self.core)

    def __call__(self, doc: Doc) -> Doc:
        if self.speller is None:
            raise RuntimeError("The spelling pipe has no word list; build the pipeline with nlu.pipeline.")
        corrections = 0
        # For nlu/second_look.py: tokens that were changed or that no list knows, and real words so rare that they may be slips.
        doubtful: Set[int] = set()
        rare: Set[int] = set()
        doc.user_data.update(doubtful=doubtful, rare=rare)
        for token in doc:
            lower = token.text.lower()
            norm = lower
            if corrections < MAX_CORRECTIONS:
                norm = self.speller.correct(lower)
                corrections += norm != lower
            if (norm != lower and lower not in SHORTHAND) or not self.speller.knows(lower):
                doubtful.add(token.i)
            elif lower not in self.speller.trade and lower.isalpha() and self.speller.common.get(lower, RARE) <= RARE:
                rare.add(token.i)
            token.norm_ = norm
            token.lemma_ = self.lemmas.get(norm, norm)
        return doc

    def to_disk(self, path: Path, exclude: Iterable[str] = ()) -> None:
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        srsly.write_gzip_json(
            path / "spelling.json.gz", {"words": self.words, "trade": self.trade, "real": self.real, "core": self.core, "lemmas": self.lemmas}
        )

    def from_disk(self, path: Path, exclude: Iterable[str] = ()) -> "SpellingPipe":
        data = srsly.read_gzip_json(Path(path) / "spelling.json.gz")
        self.words, self.trade, self.real, self.core, self.lemmas = (data[part] for part in ("words", "trade", "real", "core", "lemmas"))
        self.speller = Speller(self.words, self.trade, self.real, self.core)
        return self


@Language.factory("spelling")
def make_spelling(nlp: Language, name: str) -> SpellingPipe:
    return SpellingPipe()
