"""The booking desk, message by message: the state machine with its real effects on strict records, without a trained model."""

import datetime as dt
import re
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from actions import booking, booking_form, booking_words
from actions.answers import Message
from actions.memory import Memory
from actions.offers import offer, pick
from actions.wish import Wish
from knowledge.library import Knowledge
from tests.actions.clinic_records import FakeRecords, json_safe

NOW = dt.datetime(2026, 3, 25, 11, tzinfo=ZoneInfo("Europe/London"))  # a Wednesday; the clocks change on Sunday
INTENTS = {"yes": "affirm", "no": "deny"}
GLUED = re.compile(r"[a-z0-9)][.!?:;,][A-Z“]|(?<=\S)  +\S|\S [.,;:!?](?:\s|$)|[a-z]\.\.(?!\.)|\{\w+\}")


class Desk:
    """One conversation with the desk. `say` gives what it answers; a message without an intent is `inform`."""

    def __init__(self, knowledge: Knowledge, records: FakeRecords, conversation: str = "web:1"):
        self.knowledge, self.records, self.conversation = knowledge, records, conversation
        self.memory = Memory()
        self.state: booking.State | None = None
        self.turn = 0
        self.open = False
        self.buttons: list[str] = []
        self.data: list[dict[str, Any]] = []

    async def say(self, text: str, intent: str = "", entities: Any = (), **others: Any) -> str:
        intents = [intent] if isinstance(intent, str) else list(intent)
        intents = [i or INTENTS.get(text, "inform") for i in intents]
        parse = {
            "text": text,
            "intent": {"name": intents[0], "confidence": 0.9},
            "entities": list(entities),
            "questions": [{"intent": i} for i in intents],
            **others,
        }
        self.turn += 1
        if self.open and self.state is not None:
            step = booking.step(self.state, parse, self.memory, self.knowledge, self.records.now)
        else:
            step = booking.begin(self.state, parse, self.memory, self.knowledge, self.records.now)
        messages: list[Message] = list(step.messages)
        for _ in range(booking_form.MOST_EFFECTS):
            if step.effect is None:
                break
            assert step.state is not None
            effect = booking.Effect(step.effect.name, {"key": f"{self.turn}:{step.effect.name}", **step.effect.data})
            result = await booking_form.carry_out(effect, self.conversation)
            step = booking.resume(json_safe(step.state), effect, result, self.memory, self.knowledge, self.records.now)
            messages += step.messages
        assert step.effect is None
        assert messages, f"silence after {text!r}"
        for message in messages:
            assert not GLUED.search(message.text), f"two sentences run together, or a gap: {message.text!r}"
        self.state = json_safe(step.state) if step.state else None
        self.open = not step.done and booking.waiting(self.state)
        self.buttons = [title for message in messages for title, _ in message.buttons]
        self.data = [message.data for message in messages]
        return "\n".join(message.text for message in messages)

    async def until_confirm(self, name: str = "Ada", phone: str = "07400 123456", email: str = "ada@example.com") -> str:
        """A usual booking up to the read-back."""
        await self.say("I want to book thursday 2 april at 10:30", "book_consultation")
        await self.say("yes")
        await self.say(name)
        await self.say(phone)
        await self.say(email)
        await self.say("text")
        return await self.say("hips")

    async def booked(self, **person: str) -> str:
        await self.until_confirm(**person)
        return await self.say("yes")


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> FakeRecords:
    fake = FakeRecords(NOW)
    fake.install(monkeypatch)
    return fake


@pytest.fixture
def desk(knowledge: Knowledge, records: FakeRecords) -> Desk:
    return Desk(knowledge, records)


async def test_from_days_to_a_booking(desk: Desk) -> None:
    said = await desk.say("I'd like to book a consultation", "book_consultation")
    assert "which day" in said.lower()
    assert desk.buttons[:2] == ["Thu 26 Mar", "Fri 27 Mar"]
    assert desk.data[-1] == {"type": "date", "label": "Or choose a day", "min": "2026-03-26", "max": "2026-05-24"}
    said = await desk.say("Thu 26 Mar")
    assert "part of the day" in said
    assert desk.buttons[:3] == ["Morning", "Afternoon", "Evening"]
    said = await desk.say("evening")
    assert "17:00" in desk.buttons
    said = await desk.say("17:30")
    assert "I keep it for you" in said and "name" in said
    said = await desk.say("yes")
    assert "what name" in said.lower()
    assert desk.records.consents == [("web:1", "contact")]
    await desk.say("Siobhán O'Brien-Núñez")
    await desk.say("+44 7400 123456")
    await desk.say("siobhan@example.com")
    await desk.say("Text message")
    said = await desk.say("tummy", entities=[{"entity": "body_area", "value": "abdomen", "text": "tummy"}])
    for part in (
        "Thursday 26 March 2026, 17:30 (London time)",
        "Helen Brandt",
        "Name: Siobhán O'Brien-Núñez",
        "Phone: 07400 123456",
        "siobhan@example.com",
        "text message",
        "tummy",
    ):
        assert part in said
    assert not desk.records.bookings
    said = await desk.say("yes please", "affirm")
    assert "K7QX-2MPA" in said and "14 Willow Road" in said and "e-mail" in said and "medicines" in said
    assert desk.data[-1]["type"] == "calendar" and desk.data[-1]["ics"] and desk.data[-1]["rows"][-1] == {"label": "Reference", "value": "K7QX-2MPA"}
    assert not desk.open
    row = desk.records.bookings["K7QX2MPA"]
    assert row["person"] == {"name": "Siobhán O'Brien-Núñez", "phone": "+44 7400 123456", "email": "siobhan@example.com", "contact_by": "text", "area": "tummy"}


async def test_one_message_brings_nearly_everything(desk: Desk) -> None:
    said = await desk.say("book me in for thursday 2 april after 5, my name is Ada King, 07400 123456, ada@x.org", "book_consultation")
    assert "17:00" in desk.buttons and "Thursday 2 April" in said
    await desk.say("half six")
    said = await desk.say("yes")
    assert "contact you" in said
    await desk.say("call")
    said = await desk.say("skip", "skip")
    assert "Name: Ada King" in said and "18:30" in said and "07400 123456" in said


@pytest.mark.parametrize(
    ("wish", "button"),
    [
        ("any weekday morning not the 27th", "Thu 26 Mar"),
        ("the week after next", "Mon 6 Apr"),
        ("sat", "Morning"),
        ("next week after 6pm", "Wed 1 Apr"),
        ("03/04 at half two", None),
        ("tomorrow morning", "09:00"),
        ("asap", "Thu 26 Mar, 09:00"),
    ],
)
async def test_free_text_finds_times(desk: Desk, wish: str, button: str | None) -> None:
    await desk.say("book", "book_consultation")
    said = await desk.say(wish)
    titles = [b.split(", ")[-1] for b in desk.buttons] + desk.buttons
    if button is None:
        assert "I keep it for you" in said and "Friday 3 April 2026, 14:30" in said
    else:
        assert button in titles or button.split(", ")[-1] in titles, (said, desk.buttons)


async def test_never_books_without_a_yes(desk: Desk) -> None:
    for text, intent in [
        ("hmm", "inform"),
        ("yes but make it friday", "affirm"),
        ("what does it cost", "ask_price"),
        ("no", "deny"),
        ("maybe", "inform"),
        ("no wait, yes, no", "deny"),
        ("yes?? is it free", "ask_price"),
    ]:
        desk.state, desk.open = None, False
        await desk.until_confirm()
        await desk.say(text, intent)
        assert not desk.records.bookings, text


async def test_an_ambiguous_day_is_asked_back(desk: Desk) -> None:
    await desk.say("book", "book_consultation")
    said = await desk.say("next friday")
    assert said == "Do you mean Friday 27 March 2026 or Friday 3 April 2026?"
    await desk.say("Friday 3 April 2026")
    assert desk.state and Wish.from_json(desk.state["wish"]).options[0].dates[0][0] == dt.date(2026, 4, 3)


async def test_what_is_asked_back_keeps_the_rest_of_the_wish(desk: Desk) -> None:
    await desk.say("book", "book_consultation")
    await desk.say("next friday after 3")
    await desk.say("Friday 3 April 2026")
    assert "15:00" in desk.buttons and "09:00" not in desk.buttons


def test_a_booking_is_seen_behind_a_bare_answer(knowledge: Knowledge) -> None:
    for text, opens in (("book thursday 2 april at 10:30", True), ("thursday", False), ("i booked it", False), ("my consultation", False)):
        assert booking.opens({"text": text, "intent": {"name": "inform"}}, knowledge, NOW) == opens
    assert not booking.opens({"text": "cancel my appointment on friday", "intent": {"name": "cancel_booking"}}, knowledge, NOW)


async def test_corrections_at_any_point(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    said = await desk.say("no, make it friday the 3rd at 11", "go_back")
    assert "Friday 3 April 2026, 11:00" in said
    await desk.say("yes")
    await desk.say("Ada")
    said = await desk.say("actually my name is Adaeze", "go_back")
    assert "Adaeze" in said and "phone number" in said
    await desk.say("07400 123456")
    said = await desk.say("sorry wrong number it's 07911 123456", "go_back")
    assert "07911 123456" in said and "e-mail" in said
    await desk.say("ada@x.org")
    await desk.say("by email please")
    said = await desk.say("thighs")
    assert "Name: Adaeze" in said and "07911 123456" in said
    said = await desk.say("change the name to Ada Obi", "go_back")
    assert "Name: Ada Obi" in said
    said = await desk.say("no", "deny")
    assert "what shall I change" in said.replace("What", "what")
    said = await desk.say("The e-mail address")
    assert "e-mail address?" in said
    said = await desk.say("obi@x.org")
    assert "obi@x.org" in said and "Shall I book it?" in said
    said = await desk.say("can we make it after 3 instead", "go_back")
    assert "15:00" in desk.buttons
    await desk.say("15:30")
    await desk.say("yes")
    assert next(iter(desk.records.bookings.values()))["slot"].local.hour == 15


async def test_going_back_asks_the_question_before(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    await desk.say("Ada")
    said = await desk.say("go back", "go_back")
    assert "what name" in said.lower()
    said = await desk.say("Bea")
    assert "phone number" in said
    assert desk.state and desk.state["person"]["name"] == "Bea"


async def test_side_questions_are_answered_and_the_question_comes_again(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    said = await desk.say("does it hurt?", "ask_pain")
    assert "numb" in said and said.endswith("What name shall I put it under?")
    said = await desk.say("how much is it and how long does it take", ["ask_price", "ask_session_length"])
    assert "£" in said and "What name" in said
    said = await desk.say("why do you need that", "ask_why")
    assert "whom to expect" in said
    await desk.say("Ada")
    assert desk.state and desk.state["person"]["name"] == "Ada"


async def test_safety_comes_first_and_the_booking_is_kept(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    said = await desk.say("my throat is swelling and i cant breathe", "report_emergency")
    assert "999" in said and not desk.buttons
    assert len(said.splitlines()) < 5
    said = await desk.say("ok the ambulance was here", "inform")
    assert "Shall we go on?" in said and "10:30" in said
    said = await desk.say("go on")
    assert "name" in said
    assert desk.open


TAKEN_FOR = "Ann=request_human|Will=ask_effectiveness|May=inform|Grace=thank|Mark=ask_mark_age|Hope Price=ask_price|Bill=ask_payment|A=nlu_fallback"


@pytest.mark.parametrize("row", TAKEN_FOR.split("|"))
async def test_a_name_is_a_name_whatever_the_classifier_says(desk: Desk, row: str) -> None:
    name, intent = row.split("=")
    said = await desk.until_confirm(name=name)
    await desk.say("stop", "stop")
    desk.state, desk.open = None, False
    await desk.say("book thursday 2 april at 11:00", "book_consultation")
    await desk.say("yes")
    await desk.say(name, intent)
    assert f"Name: {name}\n" in said
    assert desk.state and desk.state["person"]["name"] == name


async def test_a_wish_to_cancel_is_no_name(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    said = await desk.say("cancel my appointment", "cancel_booking")
    assert "Nothing was booked" in said


async def test_a_wish_that_can_be_read_in_two_ways_is_asked_back_even_after_a_failed_answer(desk: Desk) -> None:
    await desk.say("book a consultation", "book_consultation")
    await desk.say("k")
    assert "Do you mean Friday 27 March 2026 or Friday 3 April 2026?" in await desk.say("next friday morning pls")


async def test_two_failed_answers_explain_and_offer_a_way_out(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    await desk.say("Ada")
    said = await desk.say("123")
    assert "whole number" in said
    said = await desk.say("4 5 6")
    assert "skip" in said and "call you back" in said
    assert {"Skip", "Call me back", "Stop"} <= set(desk.buttons)
    said = await desk.say("Skip", "skip")
    assert "e-mail address" in said


async def test_one_way_to_reach_the_person_is_needed(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    await desk.say("Ada")
    await desk.say("skip", "skip")
    said = await desk.say("skip", "skip")
    assert "one way to reach you" in said and "phone number" in said


async def test_the_slot_is_gone_meanwhile(desk: Desk) -> None:
    await desk.until_confirm()
    slot = desk.state and desk.state["slot"]
    assert slot
    desk.records.taken[dt.datetime.fromisoformat(slot["start"])] = "somebody else"
    said = await desk.say("yes")
    assert "has just been taken" in said and "Nothing is booked" in said
    assert not desk.records.bookings
    assert len(desk.buttons) == 4
    said = await desk.say(desk.buttons[0])
    assert "Please check" in said and "Ada" in said
    said = await desk.say("yes")
    assert "Booked" in said and len(desk.records.bookings) == 1


async def test_the_slot_is_gone_before_it_is_held(desk: Desk) -> None:
    await desk.say("book thursday 2 april", "book_consultation")
    await desk.say("morning")
    assert desk.state
    desk.records.taken[dt.datetime.fromisoformat(desk.state["shown"][1]["start"])] = "somebody else"
    said = await desk.say("the second one")
    assert "has just been taken" in said


async def test_the_diary_is_down(desk: Desk) -> None:
    desk.records.diary_down = True
    said = await desk.say("book thursday 2 april at 10:30", "book_consultation")
    assert "does not answer" in said and "request" in said
    assert "hold" not in desk.records.calls
    await desk.say("yes")
    await desk.say("Ada")
    await desk.say("07400 123456")
    await desk.say("ada@x.org")
    await desk.say("text")
    said = await desk.say("hips")
    assert "Shall I pass it on?" in said
    said = await desk.say("yes")
    assert "not booked yet" in said and "Monday 30 March 2026" in said and "QRST-VWXY" in said
    assert "Booked" not in said


async def test_the_clinic_confirms_itself(desk: Desk) -> None:
    desk.records.mode = "request"
    said = await desk.say("book", "book_consultation")
    assert "Our team confirms" in said


async def test_the_clinics_own_page(desk: Desk) -> None:
    desk.records.mode = "link"
    said = await desk.say("book", "book_consultation")
    assert "https://book.example/" in said
    assert not desk.open


async def test_the_records_are_down(desk: Desk) -> None:
    await desk.until_confirm()
    desk.records.down.add("book")
    said = await desk.say("yes")
    assert "cannot reach our records" in said and "020 7946 0123" in said
    assert desk.state and desk.state["pending"]["data"]["key"] == f"{desk.turn}:book"
    first = desk.turn
    said = await desk.say("try again")
    assert "cannot reach" in said
    desk.records.down.clear()
    said = await desk.say("yes")
    assert "Booked" in said
    assert list(desk.records.effects) == [f"{first}:book"]


async def test_no_mail_is_promised_when_none_can_leave(desk: Desk) -> None:
    desk.records.mail = False
    said = await desk.booked()
    assert "no e-mail will follow" in said


@pytest.mark.parametrize("text", ["I'm 16", "it's for my daughter, she's 15", "I am under 18", "my son is 17 and wants it"])
async def test_minors_are_turned_down_kindly(desk: Desk, text: str) -> None:
    await desk.say("book", "book_consultation")
    said = await desk.say(text)
    assert "adults only" in said and "18" in said
    assert not desk.open
    assert desk.state is None


@pytest.mark.parametrize("text", ["I'm 12 weeks pregnant", "I'm 34", "my son is 4", "i'm 15 mins away", "she's 22", "im 17 stone", "I'm 10 minutes late"])
def test_who_is_no_minor(text: str) -> None:
    assert not booking_words.minor(text, 18)


async def test_no_consent_no_booking(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    said = await desk.say("no", "deny")
    assert "I keep nothing" in said
    assert not desk.open and not desk.records.consents


async def test_two_bookings_and_which_of_them(desk: Desk) -> None:
    await desk.booked()
    said = await desk.say("book another one for friday 3 april at 14:00", "book_consultation")
    assert "Please check" in said and "Name: Ada" in said
    await desk.say("yes")
    assert len(desk.records.bookings) == 2
    said = await desk.say("when is my appointment", "check_booking")
    assert "Thursday 2 April" in said and "Friday 3 April" in said
    said = await desk.say("cancel my appointment", "cancel_booking")
    assert "Which appointment" in said
    said = await desk.say("the friday one")
    assert "Friday 3 April" in said and "Do you want to cancel" in said
    said = await desk.say("yes")
    assert "is cancelled" in said
    assert [b["status"] for b in desk.records.bookings.values()] == ["confirmed", "cancelled"]


async def test_cancelling_twice(desk: Desk) -> None:
    await desk.booked()
    said = await desk.say("cancel my appointment", "cancel_booking")
    assert "Do you want to cancel" in said
    said = await desk.say("no", "deny")
    assert "stays as it is" in said
    await desk.say("cancel my appointment", "cancel_booking")
    said = await desk.say("yes, cancel it", "cancel_booking")
    assert "is cancelled" in said
    said = await desk.say("cancel my appointment", "cancel_booking")
    assert "already cancelled" in said
    assert desk.records.calls.count("cancel") == 1


async def test_moving_keeps_the_reference(desk: Desk) -> None:
    await desk.booked()
    said = await desk.say("move my appointment to friday 3 april at 2pm", "reschedule_booking")
    assert "From: Thursday 2 April" in said and "To: Friday 3 April 2026, 14:00" in said
    assert not [b for b in desk.records.bookings.values() if b["sequence"]]
    said = await desk.say("yes")
    assert "now on Friday 3 April" in said and "K7QX-2MPA" in said
    assert desk.records.bookings["K7QX2MPA"]["sequence"] == 1


async def test_moving_with_a_choice_of_times(desk: Desk) -> None:
    await desk.booked()
    said = await desk.say("I need another time for my appointment", "reschedule_booking")
    await desk.say("monday 30 march")
    await desk.say("afternoon")
    said = await desk.say("the last one")
    assert "Shall I move it?" in said
    said = await desk.say("stop", "stop")
    assert "as it was" in said
    assert desk.records.bookings["K7QX2MPA"]["sequence"] == 0


async def test_proof_from_another_conversation(desk: Desk, knowledge: Knowledge) -> None:
    await desk.booked()
    other = Desk(knowledge, desk.records, "web:2")
    said = await other.say("when is my appointment", "check_booking")
    assert "reference" in said and "2 April" not in said
    said = await other.say("k7qx 2mpa")
    assert "phone number or e-mail" in said
    said = await other.say("07400 999999")
    assert "cannot find" in said
    said = await other.say("K7QX-2MPA and 07400123456")
    assert "Thursday 2 April 2026" in said


async def test_a_wrong_reference_and_a_wrong_proof_look_the_same(desk: Desk, knowledge: Knowledge) -> None:
    await desk.booked()
    said = []
    for reference, proof in (("ZZZZ-9999", "07400 123456"), ("K7QX-2MPA", "07400 999999")):
        other = Desk(knowledge, desk.records, f"web:{reference}")
        await other.say("cancel my appointment", "cancel_booking")
        await other.say(reference)
        said.append(await other.say(proof))
    assert said[0] == said[1]


async def test_two_plain_words_are_no_reference(desk: Desk) -> None:
    said = await desk.say("i need to move my appointment to next week", "reschedule_booking")
    assert "What is the reference" in said
    said = await desk.say("KXQ4 PAVW")
    assert "phone number or e-mail" in said


async def test_guesses_are_limited(desk: Desk, knowledge: Knowledge) -> None:
    await desk.booked()
    other = Desk(knowledge, desk.records, "web:2")
    said = ""
    for guess in range(6):
        await other.say("check my booking", "check_booking") if not other.open else None
        await other.say("K7QX-2MPA")
        said = await other.say(f"07400 99999{guess}")
        other.open = other.open and "too often" not in said
    assert "too often" in said and "020 7946 0123" in said


async def test_coming_back_the_next_day(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    await desk.say("Ada")
    desk.records.now += dt.timedelta(days=1)
    said = await desk.say("hi again", "greet")
    assert "Welcome back" in said and "Thursday 2 April 2026, 10:30" in said and "Shall we go on?" in said
    said = await desk.say("yes")
    assert "phone number" in said
    assert desk.records.calls[-1] == "hold"


async def test_coming_back_to_a_time_that_is_gone(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    assert desk.state
    desk.records.now += dt.timedelta(days=1)
    desk.records.taken[dt.datetime.fromisoformat(desk.state["slot"]["start"])] = "somebody else"
    said = await desk.say("does it hurt", "ask_pain")
    assert "numb" in said and "Shall we go on?" in said
    said = await desk.say("go on")
    assert "has just been taken" in said


async def test_stopping_keeps_nothing(desk: Desk) -> None:
    await desk.until_confirm()
    said = await desk.say("never mind", "stop")
    assert "Nothing was booked" in said
    assert desk.state is None


async def test_call_back(desk: Desk) -> None:
    said = await desk.say("please call me back tomorrow after 4", "request_human")
    assert "adult" in said or "18" in said
    await desk.say("yes")
    await desk.say("Ada")
    said = await desk.say("07400 123456")
    assert "Please check" in said and "from 16:00" in said
    said = await desk.say("yes")
    assert "QRST-VWXY" in said and "Friday 27 March" in said
    kind, details = desk.records.requests[0]
    assert kind == "callback" and details["contact"] == {"name": "Ada", "phone": "07400 123456"}


async def test_a_person_is_asked_for(desk: Desk) -> None:
    said = await desk.say("can i talk to a human", "request_human")
    assert "020 7946 0123" in said and "Call me back" in desk.buttons
    assert not desk.open


async def test_call_back_from_inside_the_booking(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    await desk.say("Ada")
    said = await desk.say("please call me back", "request_human")
    assert "phone number" in said
    await desk.say("07400 123456")
    said = await desk.say("skip", "skip")
    assert "any time in our opening hours" in said
    await desk.say("yes")
    assert desk.records.requests[0][0] == "callback"


async def test_a_day_when_the_clinic_is_closed(desk: Desk) -> None:
    await desk.say("book", "book_consultation")
    said = await desk.say("sunday at 2pm")
    assert "closed" in said and "nearest" in said


async def test_other_times_and_other_days(desk: Desk) -> None:
    await desk.say("book", "book_consultation")
    first = list(desk.buttons)
    assert first[-1] == "Other times"
    await desk.say("Other times")
    assert desk.buttons[0] not in first
    await desk.say("thursday 2 april in the morning")
    assert "Another day" in desk.buttons
    await desk.say("Another day")
    assert desk.buttons[:2] == first[:2]


async def test_a_woman_is_preferred(desk: Desk) -> None:
    await desk.say("book with a woman please", "book_consultation")
    assert desk.state and desk.state["prefer"] == {"sex": "woman"}


@pytest.mark.parametrize(
    ("text", "place"), [("1", 0), ("the second one", 1), ("Last one please", 2), ("Fri 3 Apr", 1), ("option 3", 2), ("4", None), ("maybe", None)]
)
def test_picking_from_a_menu(text: str, place: int | None) -> None:
    assert pick(text, [("Thu 2 Apr", "Thursday 2 April 2026"), ("Fri 3 Apr", "Friday 3 April 2026"), ("Sat 4 Apr", "Saturday 4 April 2026")]) == place


@pytest.mark.parametrize(
    ("text", "by"), [("text me", "text"), ("Phone call", "call"), ("e-mail pls", "email"), ("not by phone, email", "email"), ("whatsapp", "text"), ("hm", None)]
)
def test_ways_of_contact(text: str, by: str | None) -> None:
    assert booking_words.contact_by(text) == by


@pytest.mark.parametrize(
    "text", ["yes", "yes please", "Yep!", "ok go ahead", "sounds good", "that's right", "Yes, book it", "aye", "👍 yes", "yes that is fine", "perfect thanks"]
)
def test_what_is_a_yes(text: str) -> None:
    assert booking_words.YES.match(text)


@pytest.mark.parametrize(
    "text",
    ["yes but not thursday", "yesterday", "no", "yes at 5", "ok what time", "is it yes", "fine line", "good morning", "right arm", "sure about the price?"],
)
def test_what_is_no_yes(text: str) -> None:
    assert not booking_words.YES.match(text)


def test_nothing_free_at_all() -> None:
    assert offer([], Wish()).kind == "none"


async def test_a_weekday_means_the_one_on_show(desk: Desk) -> None:
    await desk.say("book an appointment the week after next please", "book_consultation")
    assert "Thu 9 Apr" in desk.buttons
    said = await desk.say("thurs")
    assert "9 April" in said and "26 March" not in said


async def test_a_way_to_be_reached_is_skipped_not_corrected(desk: Desk) -> None:
    await desk.say("I want to book thursday 2 april at 10:30", "book_consultation")
    for text in ("yes", "Ada", "07400 123456"):
        await desk.say(text)
    assert "contact you" in await desk.say("no email")
    await desk.say("book", "book_consultation")


async def test_no_field_is_put_right_before_it_was_given(desk: Desk) -> None:
    await desk.say("book", "book_consultation")
    said = await desk.say("no email please")
    assert "e-mail address?" not in said


async def test_a_complaint_is_written_down_with_the_first_message(desk: Desk) -> None:
    said = await desk.say("i want to make a complaint", "make_complaint")
    assert "QRST-VWXY" in said and "what went wrong" in said
    said = await desk.say("the nurse was late and rude, write to ada@example.com", "react_negative")
    assert "Thank you" in said and not desk.open
    assert [kind for kind, _ in desk.records.requests] == ["complaint", "added"]
    assert desk.records.requests[1][1]["contact"] == {"email": "ada@example.com"}


async def test_a_complaint_that_says_it_all_is_not_asked_again(desk: Desk) -> None:
    said = await desk.say("your nurse burnt me last week and nobody answers the phone, i want to complain", "make_complaint")
    assert "reach you" in said and "what went wrong in" not in said
    assert "Thank you" in await desk.say("skip", "skip")


@pytest.mark.parametrize(("answer", "kind"), [("Yes, delete it", "erased"), ("no", "kept"), ("Ask the team", "asked")])
async def test_deleting_asks_first(answer: str, kind: str, desk: Desk) -> None:
    assert "cannot be undone" in await desk.say("delete my data", "delete_my_data")
    assert not desk.records.erased and not desk.records.requests
    said = await desk.say(answer)
    assert (desk.records.erased != [], [k for k, _ in desk.records.requests]) == (kind == "erased", ["erasure"] if kind == "asked" else [])
    assert {"erased": "is deleted", "kept": "Nothing has been deleted", "asked": "reference is"}[kind] in said
    assert any("forget" in data for data in desk.data) == (kind == "erased")


async def test_a_person_is_called_from_within_a_booking_which_goes_on(desk: Desk) -> None:
    await desk.say("I want to book thursday 2 april at 10:30", "book_consultation")
    said = await desk.say("can i speak to a human", "request_human")
    assert "I have told our team" in said and desk.open and len(desk.records.handoffs) == 1
    assert "I have told our team" not in await desk.say("i want a human", "request_human")


async def test_a_late_cancellation_is_one_clean_text(desk: Desk) -> None:
    await desk.booked()
    desk.records.now = dt.datetime(2026, 4, 1, 12, tzinfo=ZoneInfo("Europe/London"))
    said = await desk.say("cancel my appointment", "cancel_booking")
    assert "less than 48 hours away" in said and "deposit.\nDo you want to cancel this appointment?" in said


@pytest.mark.parametrize(
    ("words", "nearest"),
    [
        ("ring me sunday at 11pm", "Monday 30 March 2026, from 09:00"),
        ("call me back tomorrow at 9pm", "Friday 27 March 2026, from 09:00"),
        ("phone me on saturday at 4pm", "Monday 30 March 2026, from 09:00"),
        ("call me on sundays please", "Monday 30 March 2026, from 09:00"),
    ],
)
async def test_a_call_outside_opening_hours_is_told_and_moved_to_the_nearest(desk: Desk, words: str, nearest: str) -> None:
    said = await desk.say(words, "request_human")
    assert "We are closed then" in said and "Monday to Tuesday 09:00–18:00" in said and "Sunday closed" in said
    assert nearest in said
    await desk.say("yes")
    await desk.say("Ada")
    said = await desk.say("07400 123456")
    assert f"We call you: {nearest}" in said
    said = await desk.say("no, make it tuesday at 10 instead")
    assert "We call you: Tuesday 31 March, at 10:00" in said and "closed" not in said
    said = await desk.say("no wait make it 11")
    assert "We call you: Tuesday 31 March, at 11:00" in said


async def test_a_call_time_that_is_asked_for_is_held_against_the_opening_hours(desk: Desk) -> None:
    await desk.say("please call me back", "request_human")
    await desk.say("yes")
    await desk.say("Ada")
    await desk.say("07400 123456")
    said = await desk.say("sunday at 11pm")
    assert "We are closed then" in said and "We call you: Monday 30 March 2026, from 09:00" in said


async def test_an_appointment_outside_opening_hours_names_the_day_of_what_is_near(desk: Desk) -> None:
    await desk.say("I want to book", "book_consultation")
    said = await desk.say("sunday")
    assert "We are closed then" in said and "nearest free times on Monday 30 March 2026" in said
    said = await desk.say("thursday 2 april at 11pm")
    assert "We are closed then" in said and "nearest free times on Thursday 2 April 2026" in said


@pytest.mark.parametrize(
    ("words", "heard"),
    [
        ("ok that was nothing im fine. can i book thurs 2 april after 5", "on Thursday 2 April 2026"),
        ("sorry, i was panicking! it is gone. book me in for thursday 2 april after 5", "on Thursday 2 April 2026"),
        ("does it hurt and can i book for next week", "Monday 30 March to Sunday 5 April"),
        ("hi im Ann, 07700 900123, any chance of a saturday morning for my thighs?", "Saturdays, before 12:00"),
        ("hey can i book weds 1 april at 2pm im Ann 07700 900123 its for my thighs", "Wednesday 1 April 2026, 14:00"),
        ("my neighbours cat had kittens in march which was odd but book me in on some tuesday", "If you named a time, I could not read it for certain"),
    ],
)
async def test_what_the_first_message_brings_is_kept(desk: Desk, words: str, heard: str) -> None:
    thighs = [{"entity": "body_area", "value": "thighs", "text": "thighs"}] if "thighs" in words else []
    said = await desk.say(words, "book_consultation", thighs)
    assert heard in said
    assert desk.state is not None
    person = desk.state["person"]
    assert (person.get("name"), person.get("area")) == (("Ann", "thighs") if thighs else (None, None))
    assert ("phone" in person) == bool(thighs)


async def test_a_condition_in_the_first_sentence_is_no_small_talk(desk: Desk) -> None:
    said = await desk.say("it depends on the sitter. can i book thursday 2 april", "book_consultation")
    assert "could not read it for certain" in said


@pytest.mark.parametrize("words", ["the second one", "2", "two", "option b", "number 2", "the 2nd option please", "B"])
async def test_buttons_can_be_named_by_their_place(desk: Desk, words: str) -> None:
    await desk.until_confirm()  # ways to be contacted: a call, a text message, an e-mail
    await desk.say("no", "deny")
    assert desk.state is not None
    await desk.say("change how you contact me")
    assert desk.state["asked"] == "contact_by"
    assert "Contact by: text message" in await desk.say(words)


@pytest.mark.parametrize(("words", "by"), [("the first", "phone call"), ("last one", "e-mail"), ("either", "phone call"), ("the latter", "e-mail")])
async def test_first_last_and_either(desk: Desk, words: str, by: str) -> None:
    await desk.until_confirm()
    await desk.say("no", "deny")
    await desk.say("change how you contact me")
    assert f"Contact by: {by}" in await desk.say(words)


async def test_a_place_works_for_every_question_with_buttons(desk: Desk) -> None:
    await desk.say("I want to book", "book_consultation")
    said = await desk.say("the 2nd")
    assert "Thursday 2 April 2026" in said  # a date, not the second button
    await desk.say("option b")
    assert desk.state is not None and desk.state["asked"] == "slot"
    said = await desk.say("whichever")
    assert "I keep it for you" in said
    said = await desk.say("the first one")
    assert "What name" in said
    await desk.say("Ada")
    await desk.say("07400 123456")
    await desk.say("skip")
    await desk.say("the first one")
    said = await desk.say("hips")
    assert "Shall I book it?" in said
    said = await desk.say("2")
    assert "What shall I change?" in said
    said = await desk.say("the first")
    assert "Which" in said


HESITATIONS = ["aaah i dont know", "hmm let me think", "not sure", "idk", "let me check my diary"]


@pytest.mark.parametrize("words", HESITATIONS)
async def test_hesitation_is_helped_at_every_question(desk: Desk, words: str) -> None:
    asked = set()
    await desk.say("I want to book", "book_consultation")
    for answer in ["thursday 2 april", "morning", "10:30", "yes", "Ada", "07400 123456", "ada@example.com", "text", "hips", ""]:
        assert desk.state is not None
        before, question = desk.state["fails"], desk.state["asked"]
        said = await desk.say(words, "report_emergency" if words == "aaah i dont know" else "inform")
        assert said.startswith("No hurry.") and "999" not in said
        assert (desk.state["fails"], desk.state["asked"]) == (before, question)
        assert "Call me back" in desk.buttons and ("Skip" in desk.buttons) == (question in booking.SKIPPABLE)
        asked.add(question)
        if answer:
            await desk.say(answer)
    assert {"day", "slot", "consent", "name", "phone", "email", "contact_by", "area", "confirm"} <= asked


@pytest.mark.parametrize("words", ["sure", "no", "oh", "one", "i dont know if i can breathe", "Noah", "wait i meant friday", "not sure that is safe"])
def test_no_hesitation(words: str) -> None:
    assert not booking_words.hesitates(words)


async def test_only_the_hour_is_put_right(desk: Desk) -> None:
    await desk.until_confirm()
    said = await desk.say("no wait make it 3")
    assert "Thursday 2 April 2026, 15:00" in said and "Shall I book it?" in said
    said = await desk.say("yes but can we do 4 instead")
    assert "Thursday 2 April 2026, 16:00" in said and "Booked" not in said
    said = await desk.say("can we make it half past")
    assert "16:00" in said  # what is not clear takes nothing away
    assert "Booked" in await desk.say("yes")


async def test_whom_it_is_for_is_put_right(desk: Desk) -> None:
    await desk.until_confirm()
    said = await desk.say("actually its for my sister")
    assert "What name" in said
    said = await desk.say("Beth")
    assert "Name: Beth" in said and "Thursday 2 April 2026, 10:30" in said and "Shall I book it?" in said


async def test_friday_beside_a_time_of_another_week_is_asked(desk: Desk) -> None:
    await desk.until_confirm()
    said = await desk.say("yes but make it friday")
    assert "Friday 27 March 2026 or Friday 3 April 2026?" in said and "Booked" not in said
    said = await desk.say("the second one")
    assert "Friday 3 April 2026, 10:30" in said and "Shall I book it?" in said


async def test_digits_and_marks_that_are_spoken(desk: Desk) -> None:
    await desk.say("I want to book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    await desk.say("Ada")
    await desk.say("oh seven four double zero, one two three four five six")
    await desk.say("ada dot lee at example dot com")
    await desk.say("text")
    said = await desk.say("hips")
    assert "Phone: 07400 123456" in said and "E-mail: ada.lee@example.com" in said


async def test_everything_in_one_message(desk: Desk) -> None:
    said = await desk.say("hi, Mary Okafor here, 07400123456, mary@example.org, want a consultation thursday 2 april at 3pm pls text me", "book_consultation")
    assert "Thursday 2 April 2026, 15:00" in said
    await desk.say("yes")
    said = await desk.say("hips")
    assert "Name: Mary Okafor" in said and "Contact by: text message" in said and "mary@example.org" in said


async def test_no_is_no_for_what_can_be_left_out_and_no_name_is_a_yes(desk: Desk) -> None:
    await desk.say("I want to book thursday 2 april at 10:30", "book_consultation")
    await desk.say("yes")
    said = await desk.say("yes please book", "affirm")
    assert "What name" in said
    await desk.say("Ada")
    await desk.say("07400 123456")
    said = await desk.say("no email sorry")
    assert "contact you" in said
    await desk.say("text")
    said = await desk.say("no", "deny")
    assert "Shall I book it?" in said and "E-mail" not in said
    said = await desk.say("no, wrong name, its Adah")
    assert "Name: Adah" in said


async def test_after_an_alarm_the_new_wish_holds(desk: Desk) -> None:
    await desk.say("book thursday 2 april at 2", "book_consultation")
    await desk.say("my arm is numb and i cant breathe", "report_emergency")
    said = await desk.say("false alarm, all good now. is thursday 2 april after 5 still possible? im Jo, 07400 123456")
    assert "on Thursday 2 April 2026" in said and "17:00" in desk.buttons
    assert desk.state is not None and desk.state["person"] == {"name": "Jo", "phone": "07400 123456"}


async def test_a_lost_reference_is_not_the_end(desk: Desk) -> None:
    await desk.say("when is my appointment", "check_booking")
    said = await desk.say("dont have it", "skip")
    assert "our team can look it up" in said and "Call me back" in desk.buttons
