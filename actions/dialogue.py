"""The Rasa SDK actions: read the tracker, call a pure function, say what it decided."""

import logging
from abc import ABC, abstractmethod
from typing import Any, Dict, List

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import conversation
from actions.answers import Message
from actions.knowledge import LIBRARY
from actions.memory import SLOT, Memory

logger = logging.getLogger(__name__)


def say(dispatcher: CollectingDispatcher, message: Message) -> None:
    """Send a bubble; what the widget needs beside the text travels as `custom`."""
    rows = [{"title": title, "payload": payload} for title, payload in message.buttons]
    dispatcher.utter_message(text=message.text, buttons=rows or None)
    if message.data.get("sources"):
        dispatcher.utter_message(json_message=message.data)


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
        turn = conversation.reply(tracker.latest_message, memory, LIBRARY.get())
        for message in turn.messages:
            say(dispatcher, message)
        if not turn.messages:
            say(dispatcher, conversation.misunderstood(tracker.latest_message, memory, LIBRARY.get()))
        return [SlotSet(SLOT, memory.to_slot())]


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
