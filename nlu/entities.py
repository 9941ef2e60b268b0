"""Entities of the vocabulary with their canonical value, which Rasa's own spaCy extractor would lose, and with how each is said."""

from typing import Any, Dict, List, Sequence, Tuple

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import ENTITIES
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from spacy.tokens import Doc

from nlu import context, patterns, red_flags, second_look
from nlu.reader import DOC

ILLS = ("condition", "symptom")  # named in a manner of speaking ("nearly had a heart attack when i saw the price") nobody has them


def entities_of(doc: Doc) -> List[Dict[str, Any]]:
    """Rasa entities of a doc: `value` is canonical, `start`/`end` are offsets in the cleaned text, each label has one owner.

    `said` lists how it is said where that is not plainly: any of "negated", "hypothetical", "past", "other" (somebody else's).
    """
    found: List[Dict[str, Any]] = [
        {"entity": e.label_, "start": e.start_char, "end": e.end_char, "value": e.ent_id_ or e.text, "text": e.text} for e in doc.ents
    ]
    for entity in second_look.of_the_table().find(doc):
        # Two readings of one misspelt word stay side by side: missing an illness is worse than naming one too many.
        found = [e for e in found if not (entity["start"] <= e["start"] and e["end"] <= entity["end"] and len(e["text"]) < len(entity["text"]))]
        if not any((e["entity"], e["value"]) == (entity["entity"], entity["value"]) and _overlap(e, entity) for e in found):
            found.append(entity)
    for entity in patterns.find(doc.text):
        if not any(_overlap(e, entity) for e in found):
            found.append(entity)
    reading = context.read(doc)
    idioms = red_flags.idioms(reading, red_flags.load())
    found = [e for e in found if e["entity"] not in ILLS or not _inside(doc, reading, e, idioms)]
    for entity in found:
        entity["extractor"] = "VocabularyEntities"
        said = _said(doc, reading, entity)
        if said:
            entity["said"] = said
    return sorted(found, key=lambda e: e["start"])


def _overlap(one: Dict[str, Any], other: Dict[str, Any]) -> bool:
    return bool(one["start"] < other["end"] and other["start"] < one["end"])


def _inside(doc: Doc, reading: context.Reading, entity: Dict[str, Any], idioms: Sequence[Tuple[int, int]]) -> bool:
    span = doc.char_span(entity["start"], entity["end"], alignment_mode="expand")
    if span is None:
        return False
    first, last = reading.characters(span.start, span.end)
    # A manner of speaking that lies within the words of the vocabulary ("faint at needles") is what the vocabulary means.
    return any(a < last and first < b and not (first <= a and b <= last) for a, b in idioms)


def _said(doc: Doc, reading: context.Reading, entity: Dict[str, Any]) -> List[str]:
    span = doc.char_span(entity["start"], entity["end"], alignment_mode="expand")
    if span is None:
        return []
    how = reading.of(span.start, span.end)
    return [word for word in ("negated", "hypothetical", "past", "other") if getattr(how, word)]


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
