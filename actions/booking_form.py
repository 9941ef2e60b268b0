"""The Rasa side of the booking desk: takes a step of `actions.booking`, carries out what it asks for in the clinic's records, says the rest."""

import datetime as dt
import logging
from typing import Any, Dict, List, Mapping, Optional

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import booking, conversation, handoff, safety, screening
from actions.booking import Effect, Result, Step
from actions.dialogue import ClinicAction, apology, say
from actions.memory import SLOT, Memory
from knowledge import parsed
from knowledge.library import LIBRARY

logger = logging.getLogger(__name__)
FORM = "booking_form"
REQUESTED = "requested_slot"
MOST_EFFECTS = 4  # of one turn: a look into the diary, a hold, a booking, one to spare


def now() -> dt.datetime:
    return dt.datetime.now(tz=dt.timezone.utc)


class ValidateBookingForm(ClinicAction):
    """Hears each message while the booking form is open."""

    def name(self) -> str:
        return f"validate_{FORM}"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Dict[str, Any]) -> List[EventType]:
        """As every action, but a failure keeps the form and its answers, and is not taken for silence."""
        try:
            if parsed.level(tracker.latest_message) in parsed.ALARMING:  # the form answers danger itself and keeps its place
                await safety.raise_alarm(tracker.latest_message, tracker.sender_id, str(tracker.latest_message.get("message_id") or ""))
            return await self.act(dispatcher, tracker)
        except Exception as error:  # the type only, a message may quote the person
            logger.error("%s failed: %s", self.name(), type(error).__name__, exc_info=error)
            dispatcher.messages.clear()
            dispatcher.utter_message(text=apology())
            state = booking.read_state(tracker.get_slot(booking.SLOT))
            return [SlotSet(booking.SLOT, state), SlotSet(REQUESTED, requested(state) if booking.waiting(state) else None)]

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> List[EventType]:
        knowledge = LIBRARY.get()
        memory = Memory.from_slot(tracker.get_slot(SLOT))
        state = booking.read_state(tracker.get_slot(booking.SLOT))
        parse: Mapping[str, Any] = tracker.latest_message
        check = tracker.get_slot(screening.SLOT)
        everybody = bool(state and state["task"] in booking.FOR_EVERYBODY and booking.waiting(state)) or any(
            booking.TASKS.get(i) in booking.FOR_EVERYBODY for i in parsed.asked(parse)
        )
        if not screening.booking_allowed(check) and not everybody:
            for message in screening.as_for_a_minor(conversation.reply(parse, memory, knowledge), check, knowledge).messages:
                say(dispatcher, message)
            return [SlotSet(booking.SLOT, None), SlotSet(SLOT, memory.to_slot()), SlotSet(REQUESTED, None)]
        moment = now()
        opened = tracker.active_loop_name == FORM and bool(tracker.get_slot(REQUESTED)) and booking.waiting(state)
        if opened and state is not None:
            step = booking.step(state, parse, memory, knowledge, moment)
        else:
            step = booking.begin(state, parse, memory, knowledge, moment, answered=_answered(tracker))
        messages = list(step.messages)
        key = str(parse.get("message_id") or f"{tracker.sender_id}:{len(tracker.events)}")
        for _ in range(MOST_EFFECTS):
            if step.effect is None:
                break
            called = step.effect.name == "handoff"
            step = await self._settle(step, key, tracker, memory)
            if called and messages:  # one breath with the answer, before the question that waits
                answer = messages[-2] if booking.waiting(step.state) and len(messages) > 1 else messages[-1]
                answer.text = "\n".join([answer.text, *(message.text for message in step.messages)])
            else:
                messages += step.messages
        for message in messages:
            say(dispatcher, message)
        if any(message.data.get("forget") == [screening.SLOT] for message in messages):  # under age: that is all that is remembered
            closed = screening.State(stage="closed").to_slot()
            return [SlotSet(booking.SLOT, None), SlotSet(SLOT, None), SlotSet(screening.SLOT, closed), SlotSet(REQUESTED, None)]
        asked = None if step.done or not booking.waiting(step.state) else requested(step.state)
        paused = screening.offer(check, knowledge) if asked is None and parsed.level(parse) not in parsed.ALARMING else None
        if paused is not None:  # a check that was interrupted to come here
            say(dispatcher, paused[1])
            memory.offered = ["start_screening"]
            return [
                *(SlotSet(screening.SLOT, paused[0].to_slot()), SlotSet(booking.SLOT, step.state)),
                *(SlotSet(SLOT, memory.to_slot()), SlotSet(REQUESTED, None)),
            ]
        return [SlotSet(booking.SLOT, step.state), SlotSet(SLOT, memory.to_slot()), SlotSet(REQUESTED, asked)]

    @staticmethod
    async def _settle(step: Step, key: str, tracker: Tracker, memory: Memory) -> Step:
        """Carry out the effect of a step and go on with its result."""
        effect, state = step.effect, step.state
        assert effect is not None and state is not None
        if effect.name == "handoff":
            effect.data["summary"] = handoff.summary(effect.data["reason"], memory, state, tracker.get_slot(screening.SLOT), LIBRARY.get())
        if effect.name == "book":
            state["screening"] = effect.data["screening"] = _screening(tracker) or ""
        # Kept with the effect, so that trying again after a failure cannot do it twice.
        effect.data.setdefault("key", f"{key}:{effect.name}")
        result = await carry_out(effect, tracker.sender_id)
        return booking.resume(state, effect, result, memory, LIBRARY.get(), now())


def requested(state: Optional[Dict[str, Any]]) -> str:
    """The question that is open, as the value of `requested_slot`."""
    return f"booking_{state['asked'] if state else ''}"


def _answered(tracker: Tracker) -> bool:
    """Whether another action has answered this very message and handed over."""
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            return False
        if event.get("event") == "bot":
            return True
    return False


def _screening(tracker: Tracker) -> Optional[str]:
    """The reference of a suitability check that was finished in this conversation."""
    check = tracker.get_slot("screening")
    return str(check.get("reference") or "") or None if isinstance(check, Mapping) else None


async def carry_out(effect: Effect, conversation: str) -> Result:
    """Hand an effect to the clinic's records. A database that cannot be used gives {"kind": "down"}."""
    from actions import records  # only here: the records bring Django along, which no other turn of a chat needs

    data = effect.data
    try:
        if effect.name == "slots":
            wishes = {"practitioner": data.get("practitioner", ""), "sex": data.get("sex", "")}
            free = await records.free_slots(wishes, now())
            return {"kind": "slots", "mode": free.mode, "diary_down": free.diary_down, "slots": [slot.to_json() for slot in free]}
        if effect.name == "hold":
            return _told(await records.hold(conversation, records.Slot.from_json(data["slot"]), data["key"]))
        if effect.name == "consent":
            await records.save_consent(conversation, data["purpose"], data["version"], data["key"])
            return {"kind": "saved"}
        if effect.name == "book":
            slot = records.Slot.from_json(data["slot"])
            return _told(await records.book(conversation, slot, data["person"], data["screening"] or None, data["key"]))
        if effect.name == "link":
            return _told(await records.book(conversation, _that_day(data["date"]), data["person"], None, data["key"]))
        if effect.name == "find":
            found = await records.find_bookings(conversation, data["reference"] or None, data["proof"] or None)
            return {"kind": "found", "bookings": [booking.booking_json(one) for one in found]}
        if effect.name == "move":
            return _told(await records.reschedule(conversation, data["reference"], records.Slot.from_json(data["slot"]), data["key"]))
        if effect.name == "cancel":
            cancelled = await records.cancel(conversation, data["reference"], data["key"])
            return {"kind": "cancelled", "booking": booking.booking_json(cancelled)}
        if effect.name == "handoff":
            summary = str(data.get("summary") or handoff.REASONS[data["reason"]])
            reference, known = await records.call_a_person(conversation, data["reason"], summary, data["contact"] or None, data["key"])
            return {"kind": "raised", "shown": records.shown(reference), "known": known}
        if effect.name == "add":
            await records.add_to_request(conversation, data["reference"], data["details"], data["key"])
            return {"kind": "added"}
        if effect.name == "erase":
            done = await records.erase_chat(conversation, data["key"])
            return {"kind": "erased", "shown": records.shown(done.reference), "due": done.due.isoformat(), "left": done.left}
        if effect.name == "forget":
            await records.forget_person(conversation)
            return {"kind": "forgotten"}
        if effect.name == "request":
            reference, due = await records.open_request(conversation, data["kind"], data["details"], data["key"])
            return {"kind": "requested", "reference": reference, "shown": records.shown(reference), "due": due.isoformat()}
    except records.RecordsUnavailable:
        return {"kind": "down"}
    except records.TooManyTries as error:
        return {"kind": "too_many", "until": error.until.isoformat()}
    except records.NoSuchBooking:
        return {"kind": "gone"}
    except records.NotChangeable as error:
        return {"kind": "fixed", "status": error.status}
    raise ValueError(f"{effect.name!r} is no effect")


def _that_day(date: str) -> Any:
    """Nine o'clock of a day, for a booking page that wants a date."""
    from actions import records

    zone = LIBRARY.get().clinic["clinic"]["time_zone"]
    start = dt.datetime.combine(dt.date.fromisoformat(date), dt.time(9), tzinfo=dt.timezone.utc)
    return records.Slot(start, "", start + dt.timedelta(minutes=30), zone)


def _told(result: Any) -> Result:
    """What the records answered with, as plain values."""
    from actions import records

    if isinstance(result, records.Hold):
        return {"kind": "held", "until": result.until.isoformat()}
    if isinstance(result, records.SlotTaken):
        return {"kind": "taken", "alternatives": [slot.to_json() for slot in result.alternatives]}
    if isinstance(result, records.Requested):
        return {"kind": "requested", "reference": result.reference, "shown": result.shown, "due": result.due.isoformat(), "why": result.why}
    if isinstance(result, records.Elsewhere):
        return {"kind": "elsewhere", "url": result.url}
    return {"kind": "booked", "booking": booking.booking_json(result)}
