"""The Rasa SDK actions: read the tracker, call a pure function, say what it decided."""

import datetime as dt
import logging
from abc import ABC, abstractmethod
from typing import Any, Dict, List

from rasa_sdk import Action, Tracker
from rasa_sdk.events import EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import booking, conversation, handoff, output_guard, safety, screening
from actions.answers import SAFETY, Message
from actions.effects import record
from actions.memory import SLOT, Memory
from knowledge import parsed
from knowledge.library import LIBRARY

logger = logging.getLogger(__name__)
MOST_FAILURES = 2  # messages in a row that were not understood before staff are told

# What begins a form when it is agreed to, or asked for beside a question.
STARTS = {
    "start_screening": "screening_form",
    **dict.fromkeys(booking.TASKS, "booking_form"),
}


def now() -> dt.datetime:
    return dt.datetime.now(tz=dt.timezone.utc)


def say(dispatcher: CollectingDispatcher, message: Message) -> None:
    """Send a bubble that the output guard lets out; what the widget needs beside the text travels as `custom`."""
    message = output_guard.let_out(message, LIBRARY.get().facts)
    rows = [{"title": title, "payload": payload} for title, payload in message.buttons]
    # `forget` names the slots that outlive this turn: everything else that was said goes with it (runtime/tracker_store.py).
    forget = {"forget": {"keep": message.data["forget"]}} if "forget" in message.data else {}
    dispatcher.utter_message(text=message.text, buttons=rows or None, **forget)
    if message.data.get("sources") or message.data.get("type") in ("calendar", "date"):
        dispatcher.utter_message(json_message=message.data)


async def _hand_off(**details: Any) -> str:
    from actions import records  # only here: the records bring Django along, which no other turn of a chat needs

    return str(await records.raise_handoff(**details))


safety.connect(_hand_off)


def message_id(tracker: Tracker) -> str:
    """What makes a turn the same turn when Rasa repeats it."""
    return str(tracker.latest_message.get("message_id") or tracker.sender_id)


class ClinicAction(Action, ABC):
    """Base of all actions: whatever fails inside, the person gets a sentence and a phone number, never silence.

    An alarming message is answered before the action's own work, whichever action or form the policies chose, and nothing else is said in that turn.
    """

    leaves_danger_to_the_rules = False  # a form that steps aside itself, so that `action_answer` speaks

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[EventType]:
        try:
            if not self.leaves_danger_to_the_rules and parsed.level(tracker.latest_message) in parsed.ALARMING:
                return await alarm(dispatcher, tracker)
            return await self.act(dispatcher, tracker)
        except Exception as error:  # the last line of defence; the type only, a message may quote the person
            logger.error("%s failed: %s", self.name(), type(error).__name__, exc_info=error)
            dispatcher.messages.clear()
            dispatcher.utter_message(text=apology())
            return []

    @abstractmethod
    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        """What the action does. Returns events."""


async def call_a_person(reason: str, memory: Memory, tracker: Tracker) -> str:
    """Raise a hand-off of normal urgency. What the person is told of it: nothing when staff knew already, or when it could not be stored."""
    from actions import records  # only here: the records bring Django along, which no other turn of a chat needs

    desk = booking.read_state(tracker.get_slot(booking.SLOT))
    told = handoff.summary(reason, memory, desk, tracker.get_slot(screening.SLOT), LIBRARY.get())
    contact = dict(desk["person"]) if desk and desk["person"] else None
    try:
        reference, known = await records.call_a_person(tracker.sender_id, reason, told, contact, f"{message_id(tracker)}:handoff")
    except records.RecordsUnavailable:
        return ""
    return "" if known else booking.told_team(records.shown(reference), LIBRARY.get())


def apology() -> str:
    """A sentence for the moment when something broke; works even when clinic.yml does not."""
    try:
        facts = LIBRARY.get().facts()
    except Exception:
        return "I am sorry, something went wrong on our side. Please try again, or call the clinic. In an emergency call your local emergency number."
    return f"I am sorry, something went wrong on our side. Please try again, or call us on {facts['phone']}. In an emergency call {facts['emergency_number']}."


async def alarm(dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
    """Answer an alarming message once a turn and raise an urgent hand-off. Returns events."""
    memory, parse, key = Memory.from_slot(tracker.get_slot(SLOT)), tracker.latest_message, str(tracker.latest_message.get("message_id") or "")
    if key and memory.alarmed == key:
        return []  # a second action of the same turn, the question of a form for instance: it waits
    messages = conversation.reply(parse, memory, LIBRARY.get()).messages
    messages[0].text = safety.first_words(parse, LIBRARY.get().facts()) + messages[0].text
    for message in messages:
        message.data["safety"] = safety.stamp(parse)
        say(dispatcher, message)
    memory.alarmed = key
    await safety.raise_alarm(parse, tracker.sender_id, key)
    return [SlotSet(SLOT, memory.to_slot())]


class ActionAnswer(ClinicAction):
    """Answers every question of the message."""

    def name(self) -> str:
        return "action_answer"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        if booking.opens(tracker.latest_message, LIBRARY.get(), now()):
            return [FollowupAction("booking_form")]
        memory = Memory.from_slot(tracker.get_slot(SLOT))
        knowledge, check = LIBRARY.get(), tracker.get_slot(screening.SLOT)
        if screening.of_age_after_all(check, tracker.latest_message, knowledge):
            return [FollowupAction("screening_form")]
        if screening.agrees(check, tracker.latest_message, knowledge, memory.offered == ["start_screening"]):
            return [FollowupAction("screening_form")]
        if memory.offered == ["start_screening"] and screening.declines(check, tracker.latest_message, knowledge):
            return await self._forget_check(dispatcher, tracker, memory)
        if screening.booking_allowed(check) and screening.tells_under_age(tracker.latest_message, knowledge):
            return await self._turn_down(dispatcher, tracker, memory)
        turn = screening.as_for_a_minor(conversation.reply(tracker.latest_message, memory, knowledge), check, knowledge)
        urgent = any(i in SAFETY for i in turn.answered) or turn.answered == ["goodbye"]
        starts = "" if urgent else next((STARTS[i] for i in turn.answered if i in STARTS), "")  # the form takes over
        offer = None if starts or urgent else screening.offer(check, knowledge)
        if offer is not None and parsed.asked(tracker.latest_message) == ["greet"]:
            turn.messages.clear()  # "hi" to come back to the check needs no second greeting
        for message in turn.messages:
            if parsed.level(tracker.latest_message) != "none":
                message.data["safety"] = safety.stamp(tracker.latest_message)
            if not (starts and message.data.get("intent") in STARTS):
                say(dispatcher, message)
        if not turn.messages and offer is None:
            say(dispatcher, conversation.misunderstood(tracker.latest_message, memory, knowledge))
        if offer is None:
            return [SlotSet(SLOT, memory.to_slot()), *([FollowupAction(starts)] if starts else [])]
        say(dispatcher, offer[1])
        memory.offered = ["start_screening"]
        return [SlotSet(SLOT, memory.to_slot()), SlotSet(screening.SLOT, offer[0].to_slot())]

    @staticmethod
    async def _turn_down(dispatcher: CollectingDispatcher, tracker: Tracker, memory: Memory) -> List[EventType]:
        """Somebody under age: the question is answered, kindly, and nothing of it is kept but that nothing may be booked here."""
        closed = screening.State(stage="closed").to_slot()
        answer = conversation.reply(tracker.latest_message, memory, LIBRARY.get())
        kind = screening.as_for_a_minor(answer, closed, LIBRARY.get()).messages or [conversation.misunderstood(tracker.latest_message, memory, LIBRARY.get())]
        kind[-1].data["forget"] = [screening.SLOT]
        for message in kind:
            say(dispatcher, message)
        await record(screening.Effect("forget"), tracker.sender_id, message_id(tracker))
        return [SlotSet(SLOT, None), SlotSet(screening.SLOT, closed)]

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
        if booking.opens(tracker.latest_message, LIBRARY.get(), now()):
            return [FollowupAction("booking_form")]
        memory = Memory.from_slot(tracker.get_slot(SLOT))
        if conversation.points_back(tracker.latest_message, memory, LIBRARY.get()):
            turn = conversation.reply(tracker.latest_message, memory, LIBRARY.get())
            for said in turn.messages:
                say(dispatcher, said)
            return [SlotSet(SLOT, memory.to_slot())]
        message = conversation.misunderstood(tracker.latest_message, memory, LIBRARY.get())
        if memory.failures == MOST_FAILURES and any(c.isalnum() for c in str(tracker.latest_message.get("text") or "")):  # nobody is called for "..."
            message.text = f"{message.text}\n{await call_a_person('not_understood', memory, tracker)}".strip()
        say(dispatcher, message)
        return [SlotSet(SLOT, memory.to_slot())]


class ActionDefaultFallback(ActionClarify):
    """When no rule fits: the same as not having understood."""

    def name(self) -> str:
        return "action_default_fallback"
