"""The clinic's spaCy pipeline: tokens, sentences, corrected lemmas and the entities of `data/vocabulary/`.

Built into a folder named after the content it is made from, so that a changed word list is a different pipeline.
"""

import hashlib
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Set

import spacy
import srsly
from spacy.language import Language
from spacy.lookups import load_lookups

from nlu import (
    spelling,
    vocabulary,
)

ROOT = vocabulary.ROOT
CACHE = ROOT / "var" / "nlu"
COMMON_ENGLISH = 30_000  # most frequent words that count as spelt right
PARTS = ("text.py", "vocabulary.py", "spelling.py", "pipeline.py")

# Words of the trade that no vocabulary table holds but that must survive spelling correction.
TRADE_WORDS = """
microneedling microneedle microneedles needling needle needles needled dermaroller dermapen dermarolling skinpen striae stretchmark stretchmarks
striation striations collagen elastin fitzpatrick hyperpigmentation pigmentation downtime aftercare contraindication contraindications consult
consultation practitioner aesthetician esthetician dermatologist keloid keloids scarring numbing lidocaine moisturiser moisturizer sunscreen sunbed
bruising flaking scabbing pus oozing weepy swollen blister blisters abortion postpartum breastfeeding breastfeed pumping csection caesarean cesarean
tummy bum boobs thighs calves reschedule cancel booking deposit instalments klarna clearpay gdpr fever thigh buttocks hips breasts latex mark marks
hurt hurts sore scar scars skin pain painful
""".split()


def content_hash(*parts: str) -> str:
    """Twelve hex digits over everything the pipeline is made from, and the further files `parts` of this folder."""
    digest = hashlib.sha256(spacy.__version__.encode() + vocabulary.content_hash(vocabulary.load()).encode())
    for path in (ROOT / "nlu" / part for part in (*PARTS, *parts)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def common_words(limit: int = COMMON_ENGLISH) -> Dict[str, float]:
    """The most frequent English words with their log probability, from spacy-lookups-data (needed at build time only)."""
    import spacy_lookups_data

    table = srsly.read_gzip_json(Path(spacy_lookups_data.__file__).parent / "data" / "en_lexeme_prob.json.gz")
    words = ((w, p) for w, p in table.items() if w.isascii() and w.isalpha() and w.islower() and len(w) > 1)
    return dict(sorted(words, key=lambda item: -item[1])[:limit])


def real_words(common: Dict[str, float], trusted: int = 4_000, names: int = 25_000) -> Set[str]:
    """Words that are never typos: WordNet's, the few thousand commonest, and capitalised words (names, places) of the frequency list."""
    import spacy_lookups_data

    folder = Path(spacy_lookups_data.__file__).parent / "data"
    index = srsly.read_gzip_json(folder / "en_lemma_index.json.gz")
    words = {w for part in index.values() for w in part}
    words |= set(srsly.read_gzip_json(folder / "en_lemma_lookup.json.gz"))
    words |= set(list(common)[:trusted])
    table = srsly.read_gzip_json(folder / "en_lexeme_prob.json.gz")
    titled = sorted(((p, w) for w, p in table.items() if w.istitle() and w.isalpha() and p > table.get(w.lower(), -99.0)), reverse=True)[:names]
    return {w for w in words if w.isalpha() and len(w) > 3} | {w.lower() for _, w in titled}


def build(tables: vocabulary.Vocabulary) -> Language:
    """A fresh pipeline over `tables`; every ruler entity carries its canonical value in `ent_id_`."""
    nlp = spacy.blank("en")
    # The tokenizer would split "whats" and "dont" before the speller can read them out.
    tokenizer: Any = nlp.tokenizer
    tokenizer.rules = {word: parts for word, parts in tokenizer.rules.items() if word.lower() not in spelling.SHORTHAND}
    nlp.add_pipe("sentencizer", config={"punct_chars": [".", "!", "?", "\n", "…", "।"]})
    spell: Any = nlp.add_pipe("spelling")
    # Letters only: "n't" and the like would otherwise be corrected away.
    trade = {w for values in tables.values() for names in values.values() for n in names for w in n.split() if w.isalpha() and len(w) > 2}
    common = common_words()
    spell.prepare(common, trade | set(TRADE_WORDS), real_words(common), TRADE_WORDS, load_lookups("en", ["lemma_lookup"]))
    ruler: Any = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LEMMA"})
    patterns: List[dict] = [
        {"label": label, "pattern": name, "id": value} for label, values in tables.items() for value, names in values.items() for name in names
    ]
    ruler.add_patterns(patterns)
    return nlp


def prepare(cache: Path = CACHE) -> Path:
    """The folder of the current pipeline, built if this content has not been built before; older ones are removed."""
    folder = cache / content_hash()
    if not (folder / "meta.json").exists():
        nlp = build(vocabulary.load())
        nlp.meta["version"] = "1.0.0"
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        nlp.to_disk(partial)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
        for old in cache.iterdir():
            if old.is_dir() and old != folder and len(old.name) in (12, 20):
                shutil.rmtree(old, ignore_errors=True)
    return folder


@lru_cache(maxsize=1)
def load(folder: Path) -> Language:
    """Load a built pipeline from disk, once a process: it is only read."""
    return spacy.load(folder)
