"""Names the intent of a message and of every question in it.

A small softmax on fine-tuned MiniLM vectors, mixed with a linear model over characters, words and vocabulary labels.
All spans of a message are encoded in one batch, so a message with three questions costs little more than one with one.
"""

import json
import pickle
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from spacy.tokens import Doc

from nlu import encoder, pipeline, segmentation
from nlu.questions import bare, pieces
from nlu.reader import DOC
from nlu.sparse import SparseModel

QUESTIONS = "questions"
VECTORS = "span_vectors"  # float32 (1 + pieces, 384), the whole message first; for components that follow, never in the output
CHANCES = "span_chances"  # float (1 + pieces, classes), the same rows; with the names of the classes in CLASSES
CLASSES = "classes"
SPANS = "spans"  # the spaCy spans those rows stand for
RANKING = "intent_ranking"
UNREADABLE = "out_of_scope"  # with confidence 0: nlu.fallback turns it into "not understood"
HINTED = ("condition", "medicine", "allergen", "treatment", "product", "symptom", "skin_tone", "water")
_HINT_WORD = {"skin_tone": "skin tone", "water": "bathing"}


def hinted_text(doc: Any) -> str:
    """Lower-cased, corrected words; after a word of the vocabulary its kind in brackets, so that a new brand name is understood.

    "humira every fortnite" → "humira (medicine) every fortnight".
    """
    ends = {e.end: e.label_ for e in doc.ents if e.label_ in HINTED}
    offset = getattr(doc, "start", 0)
    words: List[str] = []
    for position, token in enumerate(doc, offset + 1):
        if not token.is_space:
            words.append(token.norm_)
        if position in ends:
            words.append(f"({_HINT_WORD.get(ends[position], ends[position])})")
    return " ".join(words)


def label_words(doc: Any) -> str:
    """Labels and canonical values as pseudo-words for the linear model."""
    return " ".join(f"__{e.label_} __{e.label_}_{e.ent_id_}" for e in doc.ents)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Row-wise softmax of (n, classes)."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class IntentClassifier(GraphComponent):
    """Sets `intent`, `intent_ranking` (ten best) and `questions` (text, intent, confidence of each) on a message."""

    def __init__(self, config: Dict[str, Any], storage: Any = None, resource: Any = None):
        self.config = config
        self._storage, self._resource = storage, resource
        self.classes: List[str] = []
        self.groups: Dict[str, str] = {}
        self.encoder: Optional[encoder.SentenceEncoder] = None
        self.weights = self.bias = np.zeros(0)
        self.sparse = SparseModel()

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {
            "epochs": 2,
            "learning_rate": 2e-4,
            "batch": 32,
            "frozen_layers": 3,
            "seed": 20,
            "sparse_share": 0.5,  # weight of the linear model in the mixed log probabilities
            "temperature": 1.0,
        }

    @classmethod
    def fingerprint_addon(cls, config: Dict[str, Any]) -> Optional[str]:
        """Rasa compares this class's own text only; what it is trained with lives in other files too."""
        return encoder.OFFICIAL_SHA256 + pipeline.content_hash("encoder.py", "finetune.py", "sparse.py", "intents.py")

    @classmethod
    def create(cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> "IntentClassifier":
        return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        from nlu import finetune

        examples = [m for m in training_data.intent_examples if m.get(TEXT)]
        docs = [m.get(DOC) for m in examples]
        names = [m.get(INTENT) for m in examples]
        self.classes = sorted(set(names))
        targets = [self.classes.index(name) for name in names]
        texts, labels = [hinted_text(d) for d in docs], [label_words(d) for d in docs]
        progress = lambda line: print(line, flush=True)  # noqa: E731
        progress(f"  {len(texts)} messages, {len(self.classes)} intents")
        options = {key: self.config[key] for key in ("epochs", "learning_rate", "batch", "frozen_layers", "seed")}
        model, weights, bias = finetune.finetune(texts, targets, len(self.classes), progress=progress, **options)
        self.sparse.train(texts, labels, targets, self.config["seed"])
        progress("  words and characters learnt; writing the encoder")
        with self._storage.write_to(self._resource) as folder:
            folder = Path(folder)
            encoder.export(model, folder)
            np.savez(folder / "head.npz", weights=weights, bias=bias)
            with (folder / "sparse.pkl").open("wb") as file:
                pickle.dump(self.sparse, file, protocol=4)
            (folder / "meta.json").write_text(json.dumps({"classes": self.classes, "groups": segmentation.read_groups()}))
        return self._resource

    @classmethod
    def load(
        cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext, **kwargs: Any
    ) -> "IntentClassifier":
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._load(Path(folder))
        return component

    def _load(self, folder: Path) -> None:
        meta = json.loads((folder / "meta.json").read_text())
        self.classes, self.groups = meta["classes"], meta["groups"]
        head = np.load(folder / "head.npz")
        self.weights, self.bias = head["weights"], head["bias"]
        with (folder / "sparse.pkl").open("rb") as file:
            self.sparse = pickle.load(file)
        self.encoder = encoder.SentenceEncoder(folder)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def probabilities(self, spans: Sequence[Any]) -> np.ndarray:
        """(n spans, classes). A span is a spaCy doc or span."""
        return self.judge(spans)[0]

    def judge(self, spans: Sequence[Any]) -> Tuple[np.ndarray, np.ndarray]:
        """Probabilities (n spans, classes) and unit vectors (n spans, 384)."""
        if self.encoder is None:
            raise RuntimeError("The intent classifier has not been trained.")
        texts = [hinted_text(s) for s in spans]
        vectors = self.encoder.encode(texts)
        share = self.config["sparse_share"]
        scores = (1 - share) * np.log(softmax(vectors @ self.weights + self.bias) + 1e-9)
        if share:
            sparse = self.sparse.scores(texts, [label_words(s) for s in spans])
            scores = scores + share * np.log(softmax(sparse) + 1e-9)
        return softmax(scores / self.config["temperature"]), vectors

    def process(self, messages: List[Message], tracker: Optional[DialogueStateTracker] = None) -> List[Message]:
        before = _previous_intent(tracker)
        for message in messages:
            self._process(message, before)
        return messages

    def _process(self, message: Message, before: Optional[str]) -> None:
        doc: Doc = message.get(DOC)
        if doc is None or not any(c.isalnum() for t in doc for c in t.norm_):
            # Nothing but punctuation, emoji or white space: there is nothing to guess from.
            message.set(INTENT, {"name": UNREADABLE, "confidence": 0.0}, add_to_output=True)
            message.set(RANKING, [], add_to_output=True)
            message.set(QUESTIONS, [], add_to_output=True)
            return
        parts = segmentation.spans(doc, pieces(doc.text))
        judged = [doc, *parts] if len(parts) > 1 else [doc]
        chances, vectors = self.judge(judged)
        message.set(SPANS, judged)
        message.set(VECTORS, vectors)
        message.set(CHANCES, chances)
        message.set(CLASSES, self.classes)
        whole = segmentation.with_context(chances[0], self.classes, before, self.groups, len(doc))
        rows = chances[1:]
        table = {(i, i): i for i in range(len(rows))}
        if segmentation.may_be_several(rows, self.classes):  # only then are longer runs worth their milliseconds
            longer, table = segmentation.runs(doc, parts, table)
            if longer:
                rows = np.vstack([rows, self.probabilities(longer)])
        found = segmentation.segment(parts, table, rows, whole, self.classes)
        ranking = segmentation.ranking(whole, self.classes)
        questions = [{"text": bare(f.text), "intent": self.classes[f.intent], "confidence": round(f.confidence, 4)} for f in found]
        message.set(INTENT, dict(ranking[0]), add_to_output=True)
        message.set(RANKING, ranking, add_to_output=True)
        message.set(QUESTIONS, questions, add_to_output=True)


def _previous_intent(tracker: Optional[DialogueStateTracker]) -> Optional[str]:
    if tracker is None or tracker.latest_message is None:
        return None
    return (tracker.latest_message.intent or {}).get("name")
