"""What a message asks: every intent one of its pieces speaks for, with the chance that it is really asked.

A piece is read three ways: where it stands in the message ("is that bad" after "took nurofen" is about painkillers), by itself, and by
its words. A small logistic regression weighs these, and every two of them together, against what the whole message says. Its weights are
learnt on messages by hands that wrote no examples (`python -m bench.questions`).
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import yaml
from spacy.tokens import Doc, Span

from nlu.questions import MOST_PIECES, bare, is_asked

ROOT = Path(__file__).resolve().parent.parent
RANKED = 10
MOST_QUESTIONS = 4
WEIGHTS = ROOT / "nlu" / "question_weights.yml"
CONTEXT_SHARE, ALONE_SHARE = 0.35, 0.15  # of a piece's reading; the rest is its words
STRONG_SECOND = 0.2  # chance from which a piece's second best intent is considered
WHOLE_SECOND = 0.1  # the same of the whole message
NEVER, LEAST = -30.0, -7.0
SAME_PIECE = 5.0
FEATURES = (
    "piece", "context", "alone", "words", "whole", "whole_meaning", "whole_words", "behind_top", "is_top", "margin", "top_chance", "pieces", "rivals",
    "length", "question_mark", "question_word", "connector", "same_topic", "mass", "first", "told",
)  # fmt: skip

# Said in passing; they never make a message "two questions".
PASSING = frozenset(
    """greet thank goodbye affirm deny inform react_positive react_negative repeat ask_why skip go_back stop restart
    ask_more ask_sources ask_capabilities out_of_scope""".split()
)
FRAGMENT = 6  # tokens: up to here the question before helps to read a message
SAME_TOPIC = 2.0


@dataclass(frozen=True)
class Question:
    """A run of pieces and the index of its intent."""

    text: str
    intent: int
    confidence: float


@lru_cache(maxsize=4)
def read_groups(folder: Path = ROOT / "data") -> Dict[str, str]:
    """Intent → the topic file that teaches it; neighbours in a file are neighbours in talk."""
    groups: Dict[str, str] = {}
    for path in sorted(folder.glob("*.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for block in content.get("nlu") or []:
            groups[block["intent"]] = path.stem
    return groups


def spans(doc: Doc, parts: Sequence[str]) -> List[Span]:
    """The pieces of `nlu.questions.pieces` as spans of the doc, covering it from end to end."""
    bounds, at = [0], 0
    for part in parts[:-1]:
        at += sum(not c.isspace() for c in part)
        bounds.append(at)
    seen, starts = 0, []
    for token in doc:
        starts.append(seen)
        seen += sum(not c.isspace() for c in token.text)
    cuts = sorted({next((i for i, s in enumerate(starts) if s >= b), len(doc)) for b in bounds} | {len(doc)})
    return [doc[a:b] for a, b in itertools.pairwise(cuts) if any(not t.is_space for t in doc[a:b])]


class Evidence(NamedTuple):
    """What is known of a message with several pieces, as log probabilities over the classes."""

    context: np.ndarray  # (pieces, classes): meaning of each piece where it stands in the message
    alone: np.ndarray  # (pieces, classes): meaning of each piece by itself
    words: np.ndarray  # (pieces, classes): characters, words and labels of each piece
    whole_meaning: np.ndarray  # (classes,)
    whole_words: np.ndarray  # (classes,)

    def pieces(self) -> np.ndarray:
        """The three readings of the pieces as one, (pieces, classes)."""
        return log_softmax(CONTEXT_SHARE * self.context + ALONE_SHARE * self.alone + (1 - CONTEXT_SHARE - ALONE_SHARE) * self.words)

    def whole(self) -> np.ndarray:
        """Both readings of the whole message as one, (classes,)."""
        return log_softmax(0.5 * self.whole_meaning + 0.5 * self.whole_words)


class Candidate(NamedTuple):
    """An intent that a message may ask for, the piece that says so most clearly, and what speaks for it (`FEATURES`)."""

    intent: int
    piece: int
    features: Tuple[float, ...]


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """Along the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def candidates(evidence: Evidence, parts: Sequence[str], classes: Sequence[str], groups: Mapping[str, str]) -> List[Candidate]:
    """What the message may ask for: the best of every piece, a strong second, the best two of the whole; no courtesies."""
    whole = evidence.whole()
    top = int(whole.argmax())
    passing = np.array([c in PASSING for c in classes])
    rows = evidence.pieces()
    courteous = np.exp(rows)[:, passing].sum(axis=1) >= 0.5
    rows = np.array([row if courteous[i] else log_softmax(np.where(passing, NEVER, row)) for i, row in enumerate(rows)])
    best: Dict[int, int] = {}

    def offer(intent: int, piece: int) -> None:
        if not passing[intent] and (intent not in best or rows[piece, intent] > rows[best[intent], intent]):
            best[intent] = piece

    for piece, row in enumerate(rows):
        first, second = (int(i) for i in np.argsort(-row)[:2])
        offer(first, piece)
        if row[second] > np.log(STRONG_SECOND):
            offer(second, piece)
    offer(top, int(rows[:, top].argmax()))
    next_best = int(np.argsort(-whole)[1])
    if whole[next_best] > np.log(WHOLE_SECOND):
        offer(next_best, int(rows[:, next_best].argmax()))
    topic = groups.get(classes[top])
    mass = np.exp(rows[~courteous]).sum(axis=0) if not courteous.all() else np.zeros(len(classes))
    found = []
    for intent, piece in best.items():
        text = parts[piece].strip()
        rival = float(np.delete(rows[piece], intent).max())
        logs = (
            rows[piece, intent], evidence.context[:, intent].max(), evidence.alone[:, intent].max(), evidence.words[:, intent].max(), whole[intent],
            evidence.whole_meaning[intent], evidence.whole_words[intent], whole[top] - whole[intent],
        )  # fmt: skip
        features = (
            *(max(float(x), LEAST) for x in logs), float(intent == top), float(np.clip(rows[piece, intent] - rival, -5, 5)), float(np.exp(whole[top])),
            float(min(len(parts), MOST_PIECES)), float(min(len(best), 5)), float(np.log(max(len(text.split()), 1))), float(text.endswith("?")),
            float(is_asked(text)), float(bare(text) != text), float(intent != top and groups.get(classes[intent]) == topic), float(mass[intent]),
            float(piece == 0), float(classes[intent].startswith(("report_", "express_"))),
        )  # fmt: skip
        found.append(Candidate(intent, piece, features))
    return sorted(found, key=lambda c: c.piece)


class Judge(NamedTuple):
    """A logistic regression on `FEATURES`, made comparable first, and on the products of every two of them."""

    middle: np.ndarray  # (features,)
    width: np.ndarray  # (features,)
    single: np.ndarray  # (features,)
    pairs: np.ndarray  # (features, features), above the diagonal and on it
    intercept: float

    def chances(self, features: np.ndarray) -> np.ndarray:
        """(candidates, features) → the chance of each candidate to be really asked, (candidates,)."""
        even = (np.asarray(features) - self.middle) / self.width
        scores = even @ self.single + np.einsum("ci,ij,cj->c", even, self.pairs, even) + self.intercept
        return np.asarray(1 / (1 + np.exp(-np.clip(scores, -50, 50))))


@lru_cache(maxsize=1)
def read_judge(path: Path = WEIGHTS) -> Judge:
    """The learnt weights. Raises ValueError where the file does not fit `FEATURES`."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if any(list(content.get(part) or ()) != list(FEATURES) for part in ("middle", "width", "single", "pairs")):
        raise ValueError(f"{path.name} has weights of other features; run `python -m bench.questions` to learn them again.")
    middle, width, single = (np.array(list(content[part].values()), dtype=float) for part in ("middle", "width", "single"))
    pairs = np.zeros((len(FEATURES), len(FEATURES)))
    for row, numbers in enumerate(content["pairs"].values()):
        pairs[row, row:] = numbers
    return Judge(middle, width, single, pairs, float(content["intercept"]))


def segment(evidence: Evidence, parts: Sequence[str], classes: Sequence[str], groups: Mapping[str, str]) -> List[Question]:
    """Everything the message may ask, in order, with the chance that it really does; the pieces are shared out among the likely ones."""
    offered = candidates(evidence, parts, classes, groups)
    if not offered:
        return []
    chances = read_judge().chances(np.array([c.features for c in offered]))
    order = sorted(np.argsort(-chances)[:MOST_QUESTIONS])
    chosen = [offered[i] for i in order]
    rows = evidence.pieces()
    owner = [max(chosen, key=lambda c: rows[piece, c.intent] + (SAME_PIECE if c.piece == piece else 0.0)).intent for piece in range(len(parts))]
    found = []
    for candidate, place in zip(chosen, order):
        first = last = candidate.piece
        while first > 0 and owner[first - 1] == candidate.intent:
            first -= 1
        while last + 1 < len(parts) and owner[last + 1] == candidate.intent:
            last += 1
        found.append(Question(" ".join(parts[first : last + 1]), candidate.intent, float(chances[place])))
    return found


def with_context(chances: np.ndarray, classes: Sequence[str], before: Optional[str], groups: Mapping[str, str], tokens: int) -> np.ndarray:
    """A fragment ("and the gym?") leans towards the topic of the question before it; a clear or long message does not."""
    topic = groups.get(before or "")
    if topic is None or topic in ("conversation", "out_of_scope") or tokens > FRAGMENT or chances.max() > 0.7:
        return chances
    lean = np.array([SAME_TOPIC if groups.get(c) == topic else 1.0 for c in classes])
    leaning = chances * lean
    return leaning / leaning.sum()


def ranking(chances: np.ndarray, classes: Sequence[str], most: int = RANKED) -> List[Dict[str, Any]]:
    """The best intents, surest first."""
    order = np.argsort(-chances)[:most]
    return [{"name": classes[i], "confidence": round(float(chances[i]), 4)} for i in order]
