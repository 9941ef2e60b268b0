"""The Rasa side of the forms: one custom action a turn, which takes a step of the state machine and carries out what it decided."""

import datetime as dt
import logging
from typing import Any, Dict, List, Mapping, Optional
from zoneinfo import ZoneInfo

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActionExecuted, ActionExecutionRejected, ActiveLoop, EventType, SessionStarted, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import booking, booking_form, screening
from actions.answers import Message
from actions.dialogue import ClinicAction, message_id, say
from actions.effects import record
from actions.memory import SLOT, Memory
from actions.screening import Effect, State, Step
from knowledge.facts import fill
from knowledge.library import LIBRARY, Knowledge

logger = logging.getLogger(__name__)
FORM = "screening_form"
REQUESTED = "requested_slot"


def clinic_now(knowledge: Knowledge) -> dt.datetime:
    return dt.datetime.now(tz=ZoneInfo(knowledge.clinic["clinic"]["time_zone"]))


class ValidateScreeningForm(ClinicAction):
    """Takes each message while the suitability check is open."""

    leaves_danger_to_the_rules = True

    def name(self) -> str:
        return f"validate_{FORM}"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[EventType]:
        """As every action, but a failure must not lose the check: the form closes and can be gone on with."""
        events = await super().run(dispatcher, tracker, domain)
        if events:
            return events
        state = State.from_slot(tracker.get_slot(screening.SLOT))
        dispatcher.messages.clear()
        knowledge = LIBRARY.get()
        dispatcher.utter_message(text=fill(knowledge.screening["texts"]["broken"], knowledge.facts()))
        return [SlotSet(screening.SLOT, screening.pause(state).to_slot() if state else None), SlotSet(REQUESTED, None)]

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        knowledge = LIBRARY.get()
        if _came_back(tracker):  # something more urgent was answered; the check is offered again later
            return [SlotSet(REQUESTED, None)]
        memory = Memory.from_slot(tracker.get_slot(SLOT))
        state = State.from_slot(tracker.get_slot(screening.SLOT))
        step = screening.step(state, tracker.latest_message, memory, knowledge, clinic_now(knowledge))
        if step.elsewhere:
            return [SlotSet(screening.SLOT, step.state.to_slot() if step.state else None), ActionExecutionRejected(FORM)]
        closed = await self._carry_out(step, memory, tracker, knowledge)
        for message in step.messages:
            say(dispatcher, message)
        return [
            SlotSet(screening.SLOT, step.state.to_slot() if step.state else None),
            SlotSet(SLOT, memory.to_slot()),
            SlotSet(REQUESTED, None if step.done or closed else f"screening_{step.state.asked if step.state else ''}"),
        ]

    @staticmethod
    async def _carry_out(step: Step, memory: Memory, tracker: Tracker, knowledge: Knowledge) -> bool:
        """Do what the step asks for; True when the check cannot go on because the records cannot be reached."""
        texts = knowledge.screening["texts"]
        for effect in step.effects:
            if effect.name == "forget":
                vars(memory).update(vars(Memory()))
            reference = await record(effect, tracker.sender_id, message_id(tracker))
            if reference is None:
                if effect.name == "save_consent":
                    step.messages[:] = [Message(fill(texts["no_records"], knowledge.facts()))]
                    step.state = None
                    return True
                if effect.name == "save_screening":
                    step.messages.append(Message(texts["not_saved"], [], {"type": "screening"}))
                continue
            if effect.name == "save_screening" and step.state is not None:
                step.state.reference, step.state.result = reference, {}
                saved = texts["saved"].format(reference=reference)
                if step.messages:
                    step.messages[-1].text += "\n" + saved
                else:
                    step.messages.append(Message(saved, [], {"type": "screening"}))
        return False


def _came_back(tracker: Tracker) -> bool:
    """Whether the form had stepped aside for this very message and Rasa now returns to it."""
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            return False
        if event.get("event") == "action_execution_rejected" and event.get("name") == FORM:
            return True
    return False


class ActionSessionStart(Action):
    """A new session begins empty, but for a check that was agreed to and a booking that was begun, neither finished: they are offered again."""

    def name(self) -> str:
        return "action_session_start"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[EventType]:
        events: List[EventType] = [SessionStarted()]
        await _take_back(tracker)
        kept = _kept(tracker)
        if kept is not None:
            events.append(SlotSet(screening.SLOT, kept.to_slot()))
        begun = booking.read_state(tracker.get_slot(booking.SLOT))
        if booking.waiting(begun):
            # Its form stays open, so that the next message is heard by the desk, which asks whether to go on.
            events += [SlotSet(booking.SLOT, begun), ActiveLoop(booking_form.FORM), SlotSet(REQUESTED, booking_form.requested(begun))]
        return [*events, ActionExecuted("action_listen")]


async def _take_back(tracker: Tracker) -> None:
    """Whoever starts over has agreed to nothing any more."""
    restart: Mapping[str, Any] = next((e for e in reversed(tracker.events) if e.get("event") in ("restart", "session_started")), {})
    if restart.get("event") != "restart":
        return
    for purpose in (screening.PURPOSE, booking.CONSENT_PURPOSE):
        await record(Effect("withdraw_consent", {"purpose": purpose}), tracker.sender_id, f"restart {restart.get('timestamp')} {purpose}")


def _kept(tracker: Tracker) -> Optional[State]:
    try:
        knowledge = LIBRARY.get()
        return screening.carried_over(tracker.get_slot(screening.SLOT), knowledge, clinic_now(knowledge))
    except Exception as error:  # a session starts whatever happens
        logger.error("The unfinished check could not be read: %s", type(error).__name__)
        return None
