"""Says "I am not sure" instead of guessing, and "not ours" instead of answering about something else."""

import re
from typing import Any, Dict, List

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from nlu.intents import QUESTIONS, RANKING
from nlu.reader import DOC
from nlu.segmentation import PASSING

COURTESY = PASSING - {"out_of_scope"}
FALLBACK = "nlu_fallback"
OUT_OF_SCOPE = "out_of_scope"
SAFETY = ("report_emergency", "report_urgent_symptom", "express_crisis")

_OWN = re.compile(r"\b(?:micro ?-?needl|needling|stretch ?-?marks?|striae?\b|dermapen|skinpen)")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class UncertaintyFallback(GraphComponent):
    """Below `threshold` the message is not understood. Safety intents pass at `safety_threshold`: too careful beats too late.

    A message is out of scope already when `out_of_scope` has `foreign_share` of the chance of everything else together: people ask about
    other things in our own words ("any slots for an MOT this week"), so the best intent is often ours by a hair. Who names the treatment or
    the marks hardly ever asks about anything else, and needs `own_share`. Tuned on tests/nlu/tuning.
    """

    def __init__(self, config: Dict[str, Any]):
        self.config = config

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {"threshold": 0.22, "question_threshold": 0.6, "whole_threshold": 0.3, "safety_threshold": 0.2, "foreign_share": 0.2, "own_share": 0.5}

    @classmethod
    def create(cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> "UncertaintyFallback":
        return cls(config)

    def process_training_data(self, training_data: Any) -> Any:
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            intent = message.get(INTENT) or {}
            questions = message.get(QUESTIONS) or []
            sure = [q for q in questions if q["confidence"] >= self._needed(q["intent"], "question_threshold")]
            courteous = len(sure) == 1 and intent.get("name") in COURTESY and sure[0]["intent"] not in COURTESY
            # The pieces are clear about one intent and the whole is about nothing in particular.
            clearer = len(sure) == 1 and intent.get("confidence", 0.0) < self.config["whole_threshold"]
            if courteous or len(sure) > 1:
                self._ask(message, sure)
            elif self._is_foreign(message):
                self._call_foreign(message)
            elif clearer:
                self._ask(message, sure)
            else:
                if intent:
                    message.set(QUESTIONS, [{"text": _text(message), "intent": intent["name"], "confidence": intent["confidence"]}], add_to_output=True)
                self._fall_back_if_unsure(message)
        return messages

    @staticmethod
    def _ask(message: Message, questions: List[Dict[str, Any]]) -> None:
        """Several questions: the intent is that of the whole if it is one of them, else that of the first."""
        message.set(QUESTIONS, questions, add_to_output=True)
        if (message.get(INTENT) or {}).get("name") not in {q["intent"] for q in questions}:
            first = {"name": questions[0]["intent"], "confidence": questions[0]["confidence"]}
            rest = [r for r in message.get(RANKING) or [] if r["name"] != first["name"]]
            message.set(INTENT, first, add_to_output=True)
            message.set(RANKING, [first, *rest], add_to_output=True)

    def _fall_back_if_unsure(self, message: Message) -> None:
        intent = message.get(INTENT) or {}
        if intent.get("confidence", 0.0) < self._needed(intent.get("name"), "threshold"):
            fallback = {"name": FALLBACK, "confidence": self.config["threshold"]}
            message.set(INTENT, fallback, add_to_output=True)
            message.set(RANKING, [fallback, *(message.get(RANKING) or [])], add_to_output=True)

    def _is_foreign(self, message: Message) -> bool:
        chances = {r["name"]: r["confidence"] for r in message.get(RANKING) or []}
        if not chances or (message.get(INTENT) or {}).get("name") in SAFETY:
            return False
        foreign = chances.get(OUT_OF_SCOPE, 0.0)
        doc = message.get(DOC)
        own = doc is not None and _OWN.search(" ".join(token.norm_ for token in doc))
        return OUT_OF_SCOPE in chances and foreign >= self.config["own_share" if own else "foreign_share"] * (1.0 - foreign)

    @staticmethod
    def _call_foreign(message: Message) -> None:
        ranking = message.get(RANKING) or []
        foreign = next(r for r in ranking if r["name"] == OUT_OF_SCOPE)
        message.set(INTENT, dict(foreign), add_to_output=True)
        message.set(RANKING, [foreign, *(r for r in ranking if r is not foreign)], add_to_output=True)
        message.set(QUESTIONS, [{"text": _text(message), "intent": OUT_OF_SCOPE, "confidence": foreign["confidence"]}], add_to_output=True)

    def _needed(self, intent: Any, key: str) -> float:
        return float(self.config["safety_threshold"] if intent in SAFETY else self.config[key])


def _text(message: Message) -> str:
    """The cleaned text."""
    doc = message.get(DOC)
    return "" if doc is None else str(doc.text)
