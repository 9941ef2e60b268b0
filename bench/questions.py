"""`python -m bench.questions`: learns how much each sign weighs that a message really asks something (`nlu/question_weights.yml`).

From `tests/nlu/tuning/`, by hands that wrote no examples, with the current model. The messages the figures are measured on take no part.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Set

import numpy as np
import yaml

from knowledge.parsed import MOST_ANSWERS
from nlu.segmentation import Judge
from runtime.settings import ROOT, prepare_environment

FOLDER = ROOT / "tests" / "nlu" / "tuning"
FOLDS = 8
STRENGTH = 0.01  # inverse of the regularisation
TRIED = (0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75)  # nlu/fallback.py: question_threshold
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


def learn(rows: List[Example]) -> Judge:
    """The features are made comparable, and so are their products, so that all weights are held back alike."""
    from sklearn.linear_model import LogisticRegression

    features = np.concatenate([r.features for r in rows])
    asked = np.array([intent in r.wanted for r in rows for intent in r.offered])
    importance = np.array([1.0 if r.kind.startswith("multi") else SINGLE_WEIGHT for r in rows for _ in r.offered])
    middle, width = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    even = (features - middle) / width
    count = even.shape[1]
    above = np.triu_indices(count)
    terms = np.hstack([even, even[:, above[0]] * even[:, above[1]]])
    centre, spread = terms.mean(axis=0), np.maximum(terms.std(axis=0), 1e-6)
    model = LogisticRegression(C=STRENGTH, max_iter=3000).fit((terms - centre) / spread, asked, sample_weight=importance)
    weights = model.coef_[0] / spread
    pairs = np.zeros((count, count))
    pairs[above] = weights[count:]
    return Judge(middle, width, weights[:count], pairs, float(model.intercept_[0] - centre @ weights))


def unseen(rows: List[Example]) -> List[np.ndarray]:
    """The chances of each message's candidates by weights learnt without it."""
    order = np.random.RandomState(0).permutation(len(rows))
    chances: List[np.ndarray] = [np.zeros(0)] * len(rows)
    for fold in range(FOLDS):
        left_out = set(order[fold::FOLDS].tolist())
        judge = learn([r for i, r in enumerate(rows) if i not in left_out])
        for i in left_out:
            chances[i] = judge.chances(rows[i].features)
    return chances


def table(rows: List[Example]) -> str:
    """For several thresholds: questions answered and answers nobody asked for, and single messages that were split; in per cent."""
    chances = unseen(rows)
    lines = ["enough  answered  not asked for  wrongly split"]
    for enough in TRIED:
        given = [{intent for c, intent in sorted(zip(chance, row.offered), reverse=True)[:MOST_ANSWERS] if c >= enough} for chance, row in zip(chances, rows)]
        multi = [(g, r.wanted) for g, r in zip(given, rows) if r.kind == "multi"]
        split = np.mean([len(g) > 1 for g, r in zip(given, rows) if r.kind != "multi"])
        right, wanted, told = sum(len(g & w) for g, w in multi), sum(len(w) for _, w in multi), sum(len(g) for g, _ in multi)
        lines.append(f"{enough:6.2f}  {100 * right / wanted:7.1f}%  {100 * (1 - right / max(told, 1)):12.1f}%  {100 * split:12.1f}%")
    return "\n".join(lines)


def write(rows: List[Example], path: Path, model: str) -> None:
    """`model`: the name of the model whose readings are weighed; a test says when the data have moved on."""
    from nlu.segmentation import FEATURES

    judge = learn(rows)
    content: Dict[str, Any] = {"model": model, "intercept": round(judge.intercept, 3)}
    for part in ("middle", "width", "single"):
        content[part] = {name: round(float(w), 4) for name, w in zip(FEATURES, getattr(judge, part))}
    content["pairs"] = {name: [round(float(w), 3) for w in judge.pairs[i, i:]] for i, name in enumerate(FEATURES)}
    head = "# Learnt by `python -m bench.questions` from tests/nlu/tuning; what the features are: nlu/segmentation.py.\n"
    head += "# `pairs`: the weights of a feature with itself and with those after it.\n"
    path.write_text(head + yaml.safe_dump(content, sort_keys=False, width=160, default_flow_style=None), encoding="utf-8")


def main() -> None:
    prepare_environment()
    from nlu.segmentation import WEIGHTS
    from nlu.train import current_model

    model = current_model()
    if model is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    with tempfile.TemporaryDirectory() as folder:
        rows = examples(*load(Path(folder), model))
    write(rows, WEIGHTS, model.name.partition(".")[0])
    print(f"{len(rows)} messages, {sum(len(r.offered) for r in rows)} candidates, each judged by weights learnt without its message\n{table(rows)}")


if __name__ == "__main__":
    main()
