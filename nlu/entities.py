"""Entities of `data/vocabulary/` with their canonical value, which Rasa's own spaCy extractor would lose."""

from typing import Any, Dict, List

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from spacy.tokens import Doc

from nlu import patterns
from nlu.reader import DOC


def entities_of(doc: Doc) -> List[Dict[str, Any]]:
    """Rasa entities of a doc: `value` is canonical, `start`/`end` are offsets in the cleaned text, each label has one owner."""
    found = [
        {"entity": e.label_, "start": e.start_char, "end": e.end_char, "value": e.ent_id_ or e.text, "text": e.text, "extractor": "VocabularyEntities"}
        for e in doc.ents
    ]
    taken = [(e["start"], e["end"]) for e in found]
    for entity in patterns.find(doc.text):
        if not any(entity["start"] < end and start < entity["end"] for start, end in taken):
            found.append({**entity, "extractor": "VocabularyEntities"})
    return sorted(found, key=lambda e: e["start"])


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class VocabularyEntities(GraphComponent):
    """Writes the entities the reader's rulers and the patterns found."""

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {}

    @classmethod
    def create(cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> "VocabularyEntities":
        return cls()

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            message.set(ENTITIES, entities_of(message.get(DOC)), add_to_output=True)
        return messages
