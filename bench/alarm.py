"""`python -m bench.alarm`: learns how much each part of the safety guard weighs (`nlu/alarm_weights.yml`), with the current model.

From `tests/nlu/tuning/`: red-flag and border messages, and ordinary ones, by hands that wrote no examples. The examination takes no part.
Prints, for several thresholds, what would be caught and what would be a false alarm, each message judged by weights learnt without it.
"""

import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple
from unittest import mock

import numpy as np
import yaml

from nlu.alarm import ALARMING, FEATURES, WEIGHTS, Piece, Signs, features
from runtime.settings import ROOT, prepare_environment

FOLDER = ROOT / "tests" / "nlu" / "tuning"
FOLDS = 8
STRENGTH = 0.3  # inverse of the regularisation
ENOUGH = {"emergency": 0.2, "crisis": 0.15, "urgent": 0.35}  # chosen from the table that is printed: a missed danger is worse than a false alarm
TRIED = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
COUNTS = {"emergency": ("emergency",), "crisis": ("crisis",), "urgent": ("urgent", "emergency")}  # an emergency is urgent too


class Example(NamedTuple):
    """A message's level, and level → the features it has for it."""

    level: str
    features: Mapping[str, Sequence[float]]


def read(folder: Path) -> List[Tuple[str, str]]:
    """(text, level) of the red-flag messages and of ordinary ones, questions of ours and others', one or several in a message."""
    from nlu.safety import INTENTS

    levels = {intent: level for level, intent in INTENTS.items()}
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            message = json.loads(line)
            asked = message.get("intents") or [message.get("intent", "")]
            rows.append((message["text"], message.get("level") or next((levels[intent] for intent in asked if intent in levels), "none")))
    return rows


def examples(rows: Sequence[Tuple[str, str]], model: Path) -> List[Example]:
    from nlu import safety
    from nlu.__main__ import Parser

    seen: List[Tuple[Sequence[Piece], Mapping[str, Signs]]] = []
    inner = safety.judge

    def spy(pieces: Sequence[Piece], found: Any, table: Any, **rest: Any) -> Any:
        seen.append((pieces, safety.count_signs(found, safety.combined([f for f in found if safety.stands(f)], table))))
        return inner(pieces, found, table, **rest)

    result = []
    with mock.patch.object(safety, "judge", spy):
        parser = Parser(model)
        for text, level in rows:
            seen.clear()
            parser.parse(text)
            if seen and seen[0][0]:
                pieces, signs = seen[0]
                result.append(Example(level, {name: features(name, pieces, signs) for name in ALARMING}))
    return result


def learn(rows: Sequence[Example], level: str) -> Tuple[np.ndarray, float]:
    """(weights, intercept) of a logistic regression whose weights keep the signs of `FEATURES`."""
    from scipy.optimize import minimize

    values = np.array([row.features[level] for row in rows])
    told = np.array([row.level in COUNTS[level] for row in rows], dtype=float)
    middle, width = values.mean(axis=0), np.maximum(values.std(axis=0), 1e-3)
    scaled = np.hstack([(values - middle) / width, np.ones((len(rows), 1))])
    bounds = [{1: (0, None), -1: (None, 0), 0: (None, None)}[sign] for sign in FEATURES.values()]

    def loss(weights: np.ndarray) -> Tuple[float, np.ndarray]:
        scores, shrunk = scaled @ weights, np.append(weights[:-1], 0.0) / STRENGTH
        value = np.sum(np.logaddexp(0, scores) - told * scores) + 0.5 * float(weights @ shrunk)
        return float(value), scaled.T @ (1 / (1 + np.exp(-scores)) - told) + shrunk

    best = minimize(loss, np.zeros(scaled.shape[1]), jac=True, bounds=[*bounds, (None, None)], method="L-BFGS-B").x
    weights = best[:-1] / width
    return weights, float(best[-1] - middle @ weights)


def unseen_chances(rows: Sequence[Example], level: str) -> np.ndarray:
    """The chance of `level` in each message by weights learnt without it."""
    order = np.random.RandomState(0).permutation(len(rows))
    chances = np.zeros(len(rows))
    for fold in range(FOLDS):
        left_out: Set[int] = set(order[fold::FOLDS].tolist())
        weights, intercept = learn([row for i, row in enumerate(rows) if i not in left_out], level)
        for i in left_out:
            chances[i] = 1 / (1 + np.exp(-(np.dot(rows[i].features[level], weights) + intercept)))
    return chances


def table(rows: Sequence[Example]) -> str:
    lines = ["level      enough  caught  ordinary messages alarmed"]
    for level in ALARMING:
        chances = unseen_chances(rows, level)
        told = np.array([row.level in COUNTS[level] for row in rows])
        ordinary = np.array([row.level == "none" for row in rows])
        for enough in TRIED:
            caught, false = (chances[told] >= enough).mean(), (chances[ordinary] >= enough).mean()
            lines.append(f"{level:10} {enough:6.2f}  {100 * caught:5.1f}%  {100 * false:5.1f}%{'  ←' if enough == ENOUGH[level] else ''}")
    return "\n".join(lines)


def write(rows: Sequence[Example], path: Path, model: str) -> None:
    """`model`: the name of the model whose readings are weighed; a test says when the data have moved on."""
    levels: Dict[str, Any] = {}
    for level in ALARMING:
        weights, intercept = learn(rows, level)
        named = {name: round(float(weight), 3) + 0.0 for name, weight in zip(FEATURES, weights)}
        levels[level] = {"enough": ENOUGH[level], "intercept": round(intercept, 3), "weights": named}
    head = "# Learnt by `python -m bench.alarm` from tests/nlu/tuning; what the features are: nlu/alarm.py.\n"
    path.write_text(head + yaml.safe_dump({"model": model, "levels": levels}, sort_keys=False), encoding="utf-8")


def main() -> None:
    prepare_environment()
    from nlu.train import current_model

    model = current_model()
    if model is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    rows = examples(read(FOLDER), model)
    write(rows, WEIGHTS, model.name.partition(".")[0])
    print(f"{len(rows)} messages\n{table(rows)}")


if __name__ == "__main__":
    main()
