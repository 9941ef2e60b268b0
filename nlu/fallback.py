"""Says "I am not sure" instead of guessing, and "not ours" instead of answering about something else."""

from typing import Any, Dict, List

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

from nlu.intents import QUESTIONS, RANKING

FALLBACK = "nlu_fallback"
OUT_OF_SCOPE = "out_of_scope"
SAFETY = ("report_emergency", "report_urgent_symptom", "express_crisis")


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class UncertaintyFallback(GraphComponent):
    """Below `threshold` the message is not understood. Safety intents pass at `safety_threshold`: too careful beats too late.

    A message is out of scope already when `out_of_scope` has `foreign_share` of the best intent's chance: people ask about other
    things in our own words ("any slots for an MOT this week"), so the best intent is often ours by a hair. Tuned on tests/nlu/tuning.
    """

    def __init__(self, config: Dict[str, Any]):
        self.config = config

    @staticmethod
    def get_default_config() -> Dict[str, Any]:
        return {"threshold": 0.25, "question_threshold": 0.5, "safety_threshold": 0.25, "foreign_share": 0.35}

    @classmethod
    def create(cls, config: Dict[str, Any], model_storage: ModelStorage, resource: Resource, execution_context: ExecutionContext) -> "UncertaintyFallback":
        return cls(config)

    def process_training_data(self, training_data: Any) -> Any:
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            questions = message.get(QUESTIONS) or []
            sure = [q for q in questions if q["confidence"] >= self._needed(q["intent"], "question_threshold")]
            if len(questions) > 1:
                message.set(QUESTIONS, sure or questions[:1], add_to_output=True)
            intent = message.get(INTENT) or {}
            if self._is_foreign(intent, message.get(RANKING) or []):
                self._call_foreign(message)
                continue
            if intent.get("confidence", 0.0) >= self._needed(intent.get("name"), "threshold"):
                continue
            if len(questions) > 1 and sure:
                message.set(INTENT, {"name": sure[0]["intent"], "confidence": sure[0]["confidence"]}, add_to_output=True)
                continue
            fallback = {"name": FALLBACK, "confidence": self.config["threshold"]}
            message.set(INTENT, fallback, add_to_output=True)
            message.set(RANKING, [fallback, *(message.get(RANKING) or [])], add_to_output=True)
        return messages

    def _is_foreign(self, intent: Dict[str, Any], ranking: List[Dict[str, Any]]) -> bool:
        if intent.get("name") in (*SAFETY, OUT_OF_SCOPE):
            return False
        chance = next((r["confidence"] for r in ranking if r["name"] == OUT_OF_SCOPE), 0.0)
        return bool(chance >= self.config["foreign_share"] * intent.get("confidence", 0.0))

    @staticmethod
    def _call_foreign(message: Message) -> None:
        ranking = message.get(RANKING) or []
        foreign = next(r for r in ranking if r["name"] == OUT_OF_SCOPE)
        message.set(INTENT, dict(foreign), add_to_output=True)
        message.set(RANKING, [foreign, *(r for r in ranking if r is not foreign)], add_to_output=True)
        text = " ".join(q["text"] for q in message.get(QUESTIONS) or [])
        message.set(QUESTIONS, [{"text": text, "intent": OUT_OF_SCOPE, "confidence": foreign["confidence"]}], add_to_output=True)

    def _needed(self, intent: Any, key: str) -> float:
        return float(self.config["safety_threshold"] if intent in SAFETY else self.config[key])
