"""The first component: cleans the text and reads it once with the clinic's spaCy pipeline; all others look at that one doc."""

import shutil
from pathlib import Path
from typing import Any, Dict, List, Optional

import spacy
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import TOKENS_NAMES
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from spacy.language import Language
from spacy.tokens import Doc

from nlu import pipeline
from nlu.text import clean

DOC = "clinic_doc"  # where the doc travels in a Rasa message
PARSED_CHARACTERS = 1000


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=True)
class ClinicReader(GraphComponent):
    """Sets the spaCy doc and the tokens of every message; the pipeline is packed into the model."""

    def __init__(self, nlp: Language):
        self.nlp = nlp

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {}

    @classmethod
    def fingerprint_addon(cls, config: Dict[str, Any]) -> Optional[str]:
        """A changed word list or pipeline retrains; Rasa itself would see only an unchanged configuration."""
        return pipeline.content_hash()

    @classmethod
    def create(cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> "ClinicReader":
        reader = cls(spacy.load(pipeline.prepare()))
        reader._storage, reader._resource = model_storage, resource
        return reader

    @classmethod
    def load(
        cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext, **kwargs: Any
    ) -> "ClinicReader":
        with model_storage.read_from(resource) as folder:
            return cls(spacy.load(folder / "pipeline"))

    def train(self, training_data: TrainingData) -> Resource:
        with self._storage.write_to(self._resource) as folder:
            shutil.copytree(pipeline.prepare(), Path(folder) / "pipeline")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        texts = [clean(m.get(TEXT) or "") for m in training_data.training_examples]
        for message, doc in zip(training_data.training_examples, self.nlp.pipe(texts, batch_size=256)):
            if message.get(TEXT):
                self._attach(message, doc)
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            self._attach(message, self.nlp(clean(message.get(TEXT), PARSED_CHARACTERS)))
        return messages

    @staticmethod
    def _attach(message: Message, doc: Doc) -> None:
        message.set(DOC, doc)
        message.set(TOKENS_NAMES[TEXT], [Token(t.text, t.idx, lemma=t.lemma_) for t in doc if not t.is_space])
