"""The Rasa SDK actions: read the tracker, call a pure function, say what it decided."""

import logging
from abc import ABC, abstractmethod
from typing import Any, Dict, List

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import conversation, screening
from actions.answers import SAFETY, Message
from actions.effects import record
from actions.knowledge import LIBRARY
from actions.memory import SLOT, Memory

logger = logging.getLogger(__name__)


def say(dispatcher: CollectingDispatcher, message: Message) -> None:
    """Send a bubble; what the widget needs beside the text travels as `custom`."""
    rows = [{"title": title, "payload": payload} for title, payload in message.buttons]
    dispatcher.utter_message(text=message.text, buttons=rows or None)
    if message.data.get("sources"):
        dispatcher.utter_message(json_message=message.data)


def message_id(tracker: Tracker) -> str:
    """What makes a turn the same turn when Rasa repeats it."""
    return str(tracker.latest_message.get("message_id") or tracker.sender_id)


class ClinicAction(Action, ABC):
    """Base of all actions: whatever fails inside, the person gets a sentence and a phone number, never silence."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[EventType]:
        try:
            return await self.act(dispatcher, tracker)
        except Exception as error:  # the last line of defence; the type only, a message may quote the person
            logger.error("%s failed: %s", self.name(), type(error).__name__)
            dispatcher.messages.clear()
            dispatcher.utter_message(text=apology())
            return []

    @abstractmethod
    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        """What the action does. Returns events."""


def apology() -> str:
    """A sentence for the moment when something broke; works even when clinic.yml does not."""
    try:
        facts = LIBRARY.get().facts()
    except Exception:
        return "I am sorry, something went wrong on our side. Please try again, or call the clinic. In an emergency call your local emergency number."
    return f"I am sorry, something went wrong on our side. Please try again, or call us on {facts['phone']}. In an emergency call {facts['emergency_number']}."


class ActionAnswer(ClinicAction):
    """Answers every question of the message."""

    def name(self) -> str:
        return "action_answer"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        memory = Memory.from_slot(tracker.get_slot(SLOT))
        knowledge, check = LIBRARY.get(), tracker.get_slot(screening.SLOT)
        if screening.of_age_after_all(check, tracker.latest_message, knowledge):
            return [FollowupAction("screening_form")]
        if memory.offered == ["start_screening"] and screening.agrees(check, tracker.latest_message, knowledge):
            return [FollowupAction("screening_form")]
        if memory.offered == ["start_screening"] and screening.declines(check, tracker.latest_message, knowledge):
            return await self._forget_check(dispatcher, tracker, memory)
        turn = screening.as_for_a_minor(conversation.reply(tracker.latest_message, memory, knowledge), check, knowledge)
        starts = "start_screening" in turn.answered  # agreed to, or asked for beside a question: the form takes over
        for message in turn.messages:
            if not (starts and message.data.get("intent") == "start_screening"):
                say(dispatcher, message)
        if not turn.messages:
            say(dispatcher, conversation.misunderstood(tracker.latest_message, memory, knowledge))
        offer = None if starts or any(i in SAFETY for i in turn.answered) else screening.offer(check, knowledge)
        if offer is None:
            return [SlotSet(SLOT, memory.to_slot()), *([FollowupAction("screening_form")] if starts else [])]
        say(dispatcher, offer[1])
        memory.offered = ["start_screening"]
        return [SlotSet(SLOT, memory.to_slot()), SlotSet(screening.SLOT, offer[0].to_slot())]

    @staticmethod
    async def _forget_check(dispatcher: CollectingDispatcher, tracker: Tracker, memory: Memory) -> List[EventType]:
        """The person does not want to go on with an unfinished check: nothing of it is kept."""
        step = screening.forget(tracker.get_slot(screening.SLOT), LIBRARY.get())
        for effect in step.effects:
            await record(effect, tracker.sender_id, message_id(tracker))
        for message in step.messages:
            say(dispatcher, message)
        memory.offered = []
        return [SlotSet(SLOT, memory.to_slot()), SlotSet(screening.SLOT, None)]


class ActionClarify(ClinicAction):
    """Asks what was meant; after a second failure offers a person."""

    def name(self) -> str:
        return "action_clarify"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        memory = Memory.from_slot(tracker.get_slot(SLOT))
        say(dispatcher, conversation.misunderstood(tracker.latest_message, memory, LIBRARY.get()))
        return [SlotSet(SLOT, memory.to_slot())]


class ActionDefaultFallback(ActionClarify):
    """When no rule fits: the same as not having understood."""

    def name(self) -> str:
        return "action_default_fallback"
