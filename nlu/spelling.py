"""Typo tolerance: a spaCy pipe that reads "strech marcks" as "stretch marks" without changing what was written.

The corrected, lower-cased word goes to `token.norm_`, its lookup lemma to `token.lemma_`; rulers and the encoder read those.
A word is changed only when no dictionary has it and it is much rarer than a neighbour one edit away, or unknown altogether and close
to a long word of the trade.
"""

import itertools
import re
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Set, Tuple

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
    "abeg": "please", "wetin": "what", "wahala": "problem", "pikin": "child", "sabi": "know",
    "kitna": "how much", "kitne": "how many", "kab": "when", "kahan": "where", "kaise": "how", "kya": "what", "hai": "is", "hota": "is", "hoga": "will be",
    "dard": "pain", "paisa": "money", "paise": "money", "lagega": "cost", "chahiye": "need", "nahi": "not", "mujhe": "me", "preop": "preop", "prepone": "bring forward",
    "teh": "the", "hte": "the", "adn": "and", "nad": "and", "yuo": "you", "taht": "that", "scaring": "scarring", "puss": "pus",
}  # fmt: skip
RARER_BY = 3.5  # nats: how much rarer a known word must be than its neighbour to count as a slip of the finger
TRADE_BONUS = 3.0  # nats
CORE_BONUS = 12.0  # for the few dozen words that most messages turn on
EVERYDAY = -9.0  # log probability: commoner words get no bonus, they stand in the vocabulary by the way ("like", "feels")
RARE = -12.5  # log probability
MAX_CORRECTIONS = 12  # bounds the cost of gibberish
DRAWN_OUT = re.compile(r"(.)\1{2,}")  # "sooo": no English word has a letter three times running
RUN_TOGETHER = (7, 40)  # letters of a word that may be several without spaces
PART_CHANCE, SHORT_PART_CHANCE = -12.0, -8.5  # log probability that a part must have; of up to three letters much is found by chance
TRADE_CHANCE = -8.0  # of a word of the trade within a run
SHORT_TRADE = frozenset("gym tan sun sea spa bra gel sex leg arm hip fee gp spf".split())


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
        # Sorted: among equals the first entry wins, and a set has another order in every process, which taught every training other words.
        for word in sorted(self.trade):
            if len(word) >= 8:
                self._far.create_dictionary_entry(word, 1000)
            if len(word) >= 4 and word not in common:
                self._near.create_dictionary_entry(word, max(1, int(2.0 ** (30 - 11))))
        self.correct = lru_cache(maxsize=20_000)(self._correct)

    def _correct(self, word: str) -> str:
        if word in SHORTHAND:
            return SHORTHAND[word]
        if DRAWN_OUT.search(word) and word.isalpha() and len(set(word)) > 1:
            return self._squeezed(word)
        if len(word) < 4 or len(word) > RUN_TOGETHER[1] or not word.isalpha() or word in self.trade or word in self.real:
            return word
        if len(word) > 24:
            return self._separated(word) or word
        own = self.common.get(word)
        best: Optional[str] = None
        near = self._near.lookup(word, Verbosity.ALL, max_edit_distance=1)
        for found in near:
            if found.term == word or (found.term[0] != word[0] and sorted(found.term) != sorted(word)):
                continue
            if self._weight(found.term) - (own if own is not None else -17.0) >= RARER_BY and (best is None or self._weight(found.term) > self._weight(best)):
                best = found.term
        if best is None and own is None and len(word) >= 8:
            far = self._far.lookup(word, Verbosity.TOP, max_edit_distance=2)
            if far and far[0].term[0] == word[0]:
                best = far[0].term
        if best is None and own is None and not near:
            best = self._separated(word)
        return best or word

    def _squeezed(self, word: str) -> str:
        """ "sooo" → "so", "looong" → "long", "hellooo" → "hello": the commonest word with each long run cut to one letter or two."""
        texts, ends = DRAWN_OUT.split(word)[::2], [run[1] for run in DRAWN_OUT.finditer(word)]
        found = []
        for sizes in itertools.product((1, 2), repeat=min(len(ends), 4)):
            sizes += (1,) * (len(ends) - len(sizes))
            found.append("".join(text + letter * size for text, letter, size in zip(texts, ends, sizes)) + texts[-1])
        known = [w for w in found if w in self.common or w in self.trade or w in SHORTHAND]
        if known:
            best = max(known, key=self._weight)
            return SHORTHAND.get(best, best)
        return self._correct(found[0])

    def _separated(self, word: str) -> Optional[str]:
        """ "doesithurt" → "does it hurt": the likeliest words that make it up, all of them common; None where there are none."""
        if not RUN_TOGETHER[0] <= len(word) <= RUN_TOGETHER[1]:
            return None
        best: List[Optional[Tuple[float, List[str]]]] = [(0.0, [])]
        for end in range(1, len(word) + 1):
            options = []
            for start in range(max(0, end - 16), end):
                before, chance = best[start], self._part_chance(word[start:end])
                if before is not None and chance is not None:
                    options.append((before[0] + chance, [*before[1], word[start:end]]))
            best.append(max(options, key=lambda option: option[0], default=None))
        whole = best[-1]
        if whole is None or len(whole[1]) < 2 or len(whole[1]) > len(word) / 2.2:
            return None
        return " ".join(SHORTHAND.get(part, part) for part in whole[1])

    def _part_chance(self, part: str) -> Optional[float]:
        if part in SHORT_TRADE or (part in self.trade and len(part) > 3):
            return max(TRADE_CHANCE, self.common.get(part, TRADE_CHANCE))
        chance = -6.0 if part in ("i", "a") else self.common.get(part)
        return chance if chance is not None and chance >= (SHORT_PART_CHANCE if len(part) <= 3 else PART_CHANCE) else None

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
