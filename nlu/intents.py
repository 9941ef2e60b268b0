"""Names the intent of a message and of every question in it.

A small softmax on fine-tuned MiniLM vectors, mixed with a linear model over characters, words and vocabulary labels.
The whole message and its pieces are encoded in one row, so a message with three questions costs little more than one with one.
"""

import itertools
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
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
from spacy.tokens import Doc, Span

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
# Said alone or in passing; they are not joined with questions when joined messages are learnt from.
UNJOINED = segmentation.PASSING - {"out_of_scope"}
HINTED = ("condition", "medicine", "allergen", "treatment", "product", "symptom", "skin_tone", "water")
_HINT_WORD = {"skin_tone": "skin tone", "water": "bathing"}


def hinted_text(doc: Any) -> str:
    """Lower-cased, corrected words; after a word of the vocabulary its kind in brackets, so that a new brand name is understood.

    "humira every fortnite" → "humira (medicine) every fortnight".
    """
    return " ".join(word for words in hinted_words(doc) for word in words)


def hinted_words(doc: Any) -> List[List[str]]:
    """The words of `hinted_text` token by token."""
    ends = {e.end: e.label_ for e in doc.ents if e.label_ in HINTED}
    found = []
    for position, token in enumerate(doc, getattr(doc, "start", 0) + 1):
        words = [] if token.is_space else [token.norm_]
        if position in ends:
            words.append(f"({_HINT_WORD.get(ends[position], ends[position])})")
        found.append(words)
    return found


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
            "learning_rate": 2.2e-4,
            "batch": 40,
            "frozen_layers": 3,
            "seed": 20,
            "sparse_share": 0.5,  # weight of the linear model in the mixed log probabilities
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
        groups = segmentation.read_groups()
        order = sorted(set(groups.values()))
        topics = [-1 if name in UNJOINED or name not in groups else order.index(groups[name]) for name in names]
        # The encoder's training leaves a good part of the second core idle: the linear model is learnt beside it.
        with ThreadPoolExecutor(max_workers=1) as beside:
            words = beside.submit(self.sparse.train, texts, labels, targets, self.config["seed"])
            model, weights, bias = finetune.finetune(texts, targets, len(self.classes), topics, progress=progress, **options)
            words.result()
        progress("  words and characters learnt; writing the encoder")
        with self._storage.write_to(self._resource) as folder:
            folder = Path(folder)
            encoder.export(model, folder)
            np.savez(folder / "head.npz", weights=weights, bias=bias)
            with (folder / "sparse.pkl").open("wb") as file:
                pickle.dump(self.sparse, file, protocol=4)
            (folder / "meta.json").write_text(json.dumps({"classes": self.classes, "groups": groups}))
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

    def judge(self, doc: Doc, parts: Sequence[Span]) -> Tuple[np.ndarray, np.ndarray, segmentation.Evidence]:
        """Probabilities (1 + pieces, classes) and unit vectors (1 + pieces, 384) of the whole and of each piece by itself, and the evidence."""
        if self.encoder is None:
            raise RuntimeError("The intent classifier has not been trained.")
        words = hinted_words(doc)
        ends = list(itertools.accumulate((sum(len(word) + 1 for word in token) for token in words), initial=0))
        spans: List[Any] = [doc, *parts]
        texts = [hinted_text(span) for span in spans]
        readings = self.encoder.read(texts)
        vectors = np.array([reading.vector() for reading in readings])
        inside = [readings[0].part(ends[part.start], ends[part.end]) for part in parts]
        standing = np.array([vectors[i] if vector is None else vector for i, vector in enumerate(inside, 1)]).reshape(len(parts), vectors.shape[1])
        meaning = self._meaning(vectors)
        sparse = segmentation.log_softmax(self.sparse.scores(texts, [label_words(span) for span in spans]))
        share = self.config["sparse_share"]
        chances = softmax((1 - share) * meaning + share * sparse)
        context = self._meaning(standing) if parts else meaning[1:]
        return chances, vectors, segmentation.Evidence(context, meaning[1:], sparse[1:], meaning[0], sparse[0])

    def _meaning(self, vectors: np.ndarray) -> np.ndarray:
        return segmentation.log_softmax(vectors @ self.weights + self.bias)

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
        parts = parts if len(parts) > 1 else []
        chances, vectors, evidence = self.judge(doc, parts)
        message.set(SPANS, [doc, *parts])
        message.set(VECTORS, vectors)
        message.set(CHANCES, chances)
        message.set(CLASSES, self.classes)
        whole = segmentation.with_context(chances[0], self.classes, before, self.groups, len(doc))
        ranking = segmentation.ranking(whole, self.classes)
        found = segmentation.segment(evidence, [part.text for part in parts], self.classes, self.groups) if parts else []
        questions = [{"text": bare(f.text), "intent": self.classes[f.intent], "confidence": round(f.confidence, 4)} for f in found]
        message.set(INTENT, dict(ranking[0]), add_to_output=True)
        message.set(RANKING, ranking, add_to_output=True)
        message.set(QUESTIONS, questions or [{"text": doc.text, "intent": ranking[0]["name"], "confidence": ranking[0]["confidence"]}], add_to_output=True)


def _previous_intent(tracker: Optional[DialogueStateTracker]) -> Optional[str]:
    if tracker is None or tracker.latest_message is None:
        return None
    return (tracker.latest_message.intent or {}).get("name")
