"""Which runs of pieces are questions of their own: the cheapest explanation of a message by intents.

Every piece is judged by its own distribution: filing it under an intent costs -log P(intent | piece). A piece that says nothing by
itself has a flat distribution and goes anywhere for little; a real second question has a peak and is dear to file under the first
one's intent. Each further question costs `SPLIT_COST` nats. Contiguous runs, found by dynamic programming over at most six pieces.
"""

import itertools
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np
import yaml
from spacy.tokens import Doc, Span

ROOT = Path(__file__).resolve().parent.parent
RANKED = 10
MOST_QUESTIONS = 4
LONGEST_RUN = 3  # pieces of one question, unless it is the whole message
SPLIT_COST = 3.0  # nats that a further question must gain; tuned on tests/nlu/tuning
HINT = 0.25  # below this a piece says nothing by itself
FLOOR = 2e-3

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


def may_be_several(rows: np.ndarray, classes: Sequence[str]) -> bool:
    """Whether the single pieces (pieces, classes) name two intents that could be asked, or a courtesy and one."""
    courtesy = np.array([c in PASSING for c in classes])
    named = {int(row.argmax()) for row in rows if not _is_passing(row, courtesy) and row.max() >= HINT}
    return len(named) > 1


def runs(doc: Doc, parts: Sequence[Span], table: Optional[Mapping[Tuple[int, int], int]] = None) -> Tuple[List[Span], Dict[Tuple[int, int], int]]:
    """Contiguous runs of pieces that are not in `table` yet, and the table with the row at which each (first, last) will stand."""
    if len(parts) < 2:
        return [], {}
    every: List[Span] = []
    full = dict(table or {})
    rows = len(full)
    for first in range(len(parts)):
        for last in range(first, min(first + LONGEST_RUN, len(parts))):
            if (first, last) not in full:
                full[first, last] = rows + len(every)
                every.append(doc[parts[first].start : parts[last].end])
    return every, full


def segment(
    parts: Sequence[Span], table: Mapping[Tuple[int, int], int], chances: np.ndarray, whole: np.ndarray, classes: Sequence[str], split_cost: float = SPLIT_COST
) -> List[Question]:
    """The questions of a message in order. `chances`: (runs, classes); `whole`: (classes,)."""
    top = int(whole.argmax())
    text = " ".join(p.text for p in parts)
    if len(parts) < 2:
        return [Question(text, top, float(whole[top]))]
    if len(parts) > LONGEST_RUN:
        table = {**table, (0, len(parts) - 1): len(chances)}
        chances = np.vstack([chances, whole])
    courtesy = np.array([c in PASSING for c in classes])
    passing = [_is_passing(chances[table[i, i]], courtesy) for i in range(len(parts))]
    chances = np.array([row if _is_passing(row, courtesy) else _without(row, courtesy) for row in chances])
    costs = -np.log(np.maximum(np.array([chances[table[i, i]] for i in range(len(parts))]), FLOOR))
    # best[j] = (cost, questions) explaining pieces 0 … j-1
    best: List[Tuple[float, List[Tuple[int, int]]]] = [(0.0, [])]
    for last in range(len(parts)):
        options = []
        for first in range(last + 1):
            if (first, last) not in table:
                continue
            run = chances[table[first, last]]
            intent = int(run.argmax())
            before, chosen = best[first]
            cost = before + sum(float(costs[i][intent] - costs[i].min()) for i in range(first, last + 1) if not passing[i])
            cost -= 0.25 * float(np.log(max(run[intent], FLOOR)))
            known = {int(chances[table[c]].argmax()) for c in chosen}
            if classes[intent] not in PASSING and known and intent not in known:
                cost += split_cost
            options.append((cost, [*chosen, (first, last)]))
        best.append(min(options, key=lambda o: o[0]))
    found: List[Question] = []
    for first, last in best[-1][1]:
        run = chances[table[first, last]]
        intent = int(run.argmax())
        if classes[intent] in PASSING or any(f.intent == intent for f in found):
            continue
        span = " ".join(p.text for p in parts[first : last + 1])
        found.append(Question(span, intent, float(run[intent])))
    if len(found) == 1 and any(passing) and found[0].text != text:
        return found  # a courtesy and one question
    if len(found) < 2:
        return [Question(text, top, float(whole[top]))]
    return found[:MOST_QUESTIONS]


def _is_passing(row: np.ndarray, courtesy: np.ndarray) -> bool:
    """A piece counts as courtesy only when that is likelier than not; a hazy one is part of a question."""
    return bool(row[courtesy].sum() >= 0.5)


def _without(row: np.ndarray, courtesy: np.ndarray) -> np.ndarray:
    kept = np.where(courtesy, 0.0, row)
    return kept / max(float(kept.sum()), 1e-9)


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
