"""`python -m bench.questions`: learns how much each sign weighs that a message really asks something (`nlu/question_weights.yml`).

From `tests/nlu/tuning/`, by hands that wrote no examples, with the current model. The messages the figures are measured on take no part.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Set

import numpy as np
import yaml

from runtime.settings import ROOT, prepare_environment

FOLDER = ROOT / "tests" / "nlu" / "tuning"
FOLDS = 8
STRENGTH = 0.3  # inverse of the regularisation
SINGLE_WEIGHT = 0.5  # of messages that were not written to hold several questions


class Example(NamedTuple):
    """A message that could be cut: its candidates' intents and features, and what was asked."""

    kind: str
    offered: List[str]
    features: np.ndarray  # (candidates, features)
    wanted: Set[str]


def load(folder: Path, model: Path) -> Any:
    """The reader's spaCy pipeline and the classifier of a model archive."""
    from rasa.engine.storage.local_model_storage import LocalModelStorage
    from rasa.engine.storage.resource import Resource

    from nlu.intents import IntentClassifier
    from nlu.reader import ClinicReader

    storage, _ = LocalModelStorage.from_model_archive(folder, model)
    reader = ClinicReader.load({}, storage, Resource("train_nlu.reader.ClinicReader0"), None)  # type: ignore[arg-type]
    classifier = IntentClassifier.load(IntentClassifier.get_default_config(), storage, Resource("train_nlu.intents.IntentClassifier2"), None)  # type: ignore[arg-type]
    return reader.nlp, classifier


def examples(nlp: Any, classifier: Any, folder: Path = FOLDER) -> List[Example]:
    """Every message of the test files in `folder` that has more than one piece."""
    import json

    from nlu import segmentation
    from nlu.questions import pieces
    from nlu.report import KINDS
    from nlu.text import clean

    found = []
    for path in sorted(folder.glob("*.jsonl")):
        kind = KINDS.fullmatch(path.stem)
        for line in path.read_text(encoding="utf-8").splitlines() if kind else ():
            message: Dict[str, Any] = json.loads(line)
            doc = nlp(clean(message["text"]))
            parts = segmentation.spans(doc, pieces(doc.text))
            if kind is None or len(parts) < 2:
                continue
            _, _, evidence = classifier.judge(doc, parts)
            offered = segmentation.candidates(evidence, [part.text for part in parts], classifier.classes, classifier.groups)
            wanted = set(message.get("intents") or [message.get("intent", "out_of_scope")])
            if offered:
                found.append(Example(kind[1], [classifier.classes[c.intent] for c in offered], np.array([c.features for c in offered]), wanted))
    return found


def learn(rows: List[Example]) -> Any:
    """(weights, intercept) of a logistic regression on the features as they are."""
    from sklearn.linear_model import LogisticRegression

    features = np.concatenate([r.features for r in rows])
    asked = np.array([intent in r.wanted for r in rows for intent in r.offered])
    importance = np.array([1.0 if r.kind.startswith("multi") else SINGLE_WEIGHT for r in rows for _ in r.offered])
    middle, width = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    model = LogisticRegression(C=STRENGTH, max_iter=2000).fit((features - middle) / width, asked, sample_weight=importance)
    weights = model.coef_[0] / width
    return weights, float(model.intercept_[0] - middle @ weights)


def right(rows: List[Example]) -> float:
    """Share of the candidates judged rightly where each message is judged by weights learnt without it."""
    order = np.random.RandomState(0).permutation(len(rows))
    hits = total = 0
    for fold in range(FOLDS):
        left_out = set(order[fold::FOLDS])
        weights, intercept = learn([r for i, r in enumerate(rows) if i not in left_out])
        for row in (rows[i] for i in left_out):
            judged = row.features @ weights + intercept > 0
            hits += sum(bool(j) == (intent in row.wanted) for j, intent in zip(judged, row.offered))
            total += len(row.offered)
    return hits / total


def write(rows: List[Example], path: Path) -> None:
    from nlu.segmentation import FEATURES

    weights, intercept = learn(rows)
    content = {"intercept": round(intercept, 3), "weights": {name: round(float(w), 3) for name, w in zip(FEATURES, weights)}}
    head = "# Learnt by `python -m bench.questions` from tests/nlu/tuning; what the features are: nlu/segmentation.py.\n"
    path.write_text(head + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def main() -> None:
    prepare_environment()
    from nlu.segmentation import WEIGHTS
    from nlu.train import current_model

    model = current_model()
    if model is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    with tempfile.TemporaryDirectory() as folder:
        rows = examples(*load(Path(folder), model))
    write(rows, WEIGHTS)
    print(f"{len(rows)} messages, {sum(len(r.offered) for r in rows)} candidates; judged rightly without having been seen: {100 * right(rows):.1f} %")


if __name__ == "__main__":
    main()
