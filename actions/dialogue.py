"""The Rasa SDK actions: read the tracker, call a pure function, say what it decided."""

import logging
from abc import ABC, abstractmethod
from typing import Any, Dict, List

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import conversation, output_guard, safety
from actions.answers import Message
from actions.knowledge import LIBRARY
from actions.memory import SLOT, Memory

logger = logging.getLogger(__name__)


def say(dispatcher: CollectingDispatcher, message: Message) -> None:
    """Send a bubble that the output guard lets out; what the widget needs beside the text travels as `custom`."""
    message = output_guard.let_out(message, LIBRARY.get().facts)
    rows = [{"title": title, "payload": payload} for title, payload in message.buttons]
    dispatcher.utter_message(text=message.text, buttons=rows or None)
    if message.data.get("sources"):
        dispatcher.utter_message(json_message=message.data)


class ClinicAction(Action, ABC):
    """Base of all actions: whatever fails inside, the person gets a sentence and a phone number, never silence.

    An alarming message is answered before the action's own work, whichever action or form the policies chose, and nothing else is said in that turn.
    """

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[EventType]:
        try:
            if safety.level(tracker.latest_message) in safety.ALARMING:
                return await answer(dispatcher, tracker)
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


async def answer(dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
    """Answer every question of the message; an alarming one once a turn, with an urgent hand-off. Returns events."""
    memory, parse, key = Memory.from_slot(tracker.get_slot(SLOT)), tracker.latest_message, str(tracker.latest_message.get("message_id") or "")
    alarming = safety.level(parse) in safety.ALARMING
    if alarming and key and memory.alarmed == key:
        return []  # a second action of the same turn, the question of a form for instance: it waits
    turn = conversation.reply(parse, memory, LIBRARY.get())
    for message in turn.messages:
        if safety.level(parse) != "none":
            message.data["safety"] = safety.stamp(parse)
        say(dispatcher, message)
    if not turn.messages:
        say(dispatcher, conversation.misunderstood(parse, memory, LIBRARY.get()))
    if alarming:
        memory.alarmed = key
        await safety.raise_alarm(parse, tracker.sender_id, key)
    return [SlotSet(SLOT, memory.to_slot())]


class ActionAnswer(ClinicAction):
    """Answers every question of the message."""

    def name(self) -> str:
        return "action_answer"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        return await answer(dispatcher, tracker)


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
