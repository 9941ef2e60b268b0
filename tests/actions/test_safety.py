"""What the dialogue does with the guard's verdict, with a strict fake of the records that take hand-offs."""

from typing import Any, Optional

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import dialogue, safety
from actions.memory import SLOT, Memory
from knowledge import parsed
from knowledge.library import Knowledge


class Desk:
    """A hand-off desk that knows one form of call and keeps one entry a key."""

    def __init__(self, broken: bool = False):
        self.taken: dict[str, dict[str, Any]] = {}
        self.broken = broken

    async def raise_handoff(self, *, conversation: str, reason: str, urgency: str, summary: str, contact: Optional[dict[str, Any]], key: str) -> str:
        assert urgency in ("normal", "urgent") and conversation and reason and key
        if self.broken:
            raise ConnectionError("her tongue is swelling")
        self.taken.setdefault(key, {"reason": reason, "urgency": urgency, "summary": summary, "contact": contact})
        return f"H-{len(self.taken)}"


@pytest.fixture
def desk() -> Any:
    found = Desk()
    before = list(safety._hand_off)
    safety.connect(found.raise_handoff)
    yield found
    safety._hand_off[:] = before


def parse(level: str, intent: str = "ask_price", text: str = "words", questions: tuple[str, ...] = ()) -> dict[str, Any]:
    fired = [{"level": level, "part": "sign", "why": "pus", "text_span": "leaking yellow"}] if level != "none" else []
    return {
        "text": text,
        "message_id": "m1",
        "intent": {"name": intent, "confidence": 0.9},
        "entities": [],
        "questions": [{"text": text, "intent": name, "confidence": 0.9} for name in questions],
        "safety": {"level": level, "fired": fired, "table": {"version": "1", "reviewed_by": None, "reviewed_on": None}},
    }


def tracker(latest: dict[str, Any], memory: Optional[Memory] = None) -> Tracker:
    slots = {SLOT: (memory or Memory()).to_slot()}
    return Tracker("sender", slots, latest, [], False, None, {"name": "booking_form"}, "action_listen")


async def turn(action: Any, latest: dict[str, Any], memory: Optional[Memory] = None) -> tuple[list[dict[str, Any]], list[Any]]:
    dispatcher = CollectingDispatcher()
    events = await action.run(dispatcher, tracker(latest, memory), {})
    return dispatcher.messages, events


class Form(dialogue.ClinicAction):
    """Any action that is about to ask something."""

    def name(self) -> str:
        return "validate_booking_form"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[Any]:
        dispatcher.utter_message(text="Which day suits you?")
        return []


def test_the_guards_level_counts_and_a_button_has_its_own() -> None:
    assert parsed.level(parse("urgent")) == "urgent"
    assert parsed.level(parse("none", "report_emergency")) == "emergency"
    assert parsed.level({"intent": {"name": "ask_price"}}) == "none"
    assert parsed.level({}) == "none"


@pytest.mark.parametrize(
    ("level", "asked", "answered"),
    [
        ("none", ["ask_price"], ["ask_price"]),
        ("emergency", ["ask_price", "book_consultation"], ["report_emergency"]),
        ("crisis", ["ask_price"], ["express_crisis"]),
        ("urgent", ["ask_price"], ["report_urgent_symptom", "ask_price"]),
        ("mild", ["report_mild_symptom", "ask_sun"], ["report_mild_symptom", "ask_sun"]),
    ],
)
def test_danger_first(level: str, asked: list[str], answered: list[str]) -> None:
    assert parsed.first(parse(level), asked) == answered


@pytest.mark.parametrize("level", ["emergency", "crisis", "urgent"])
async def test_an_alarm_comes_before_whatever_action_was_chosen(level: str, desk: Desk) -> None:
    said, _ = await turn(Form(), parse(level))
    assert "Which day" not in str(said)
    assert any(word in said[0]["text"] for word in ("999", "NHS 111"))
    assert not any(m.get("buttons") for m in said)
    assert [row["urgency"] for row in desk.taken.values()] == ["urgent"]


async def test_who_writes_in_another_language_reads_the_number_in_it_first(desk: Desk) -> None:
    latest = parse("emergency", text="no puedo respirar")
    latest["safety"]["first"] = "Llame ahora al {emergency_number}."
    said, _ = await turn(Form(), latest)
    assert said[0]["text"].startswith("Llame ahora al 999.\nCall 999 now")
    latest["safety"]["level"] = "none"
    assert safety.first_words(latest, {"emergency_number": "999"}) == ""


async def test_nothing_else_is_asked_in_the_turn_of_an_alarm(desk: Desk) -> None:
    latest = parse("emergency")
    said, events = await turn(Form(), latest)
    memory = Memory.from_slot(events[0]["value"])
    again, _ = await turn(Form(), latest, memory)
    assert said and again == []
    assert len(desk.taken) == 1
    later, _ = await turn(Form(), {**parse("none"), "message_id": "m2"}, memory)
    assert "Which day" in later[0]["text"]


async def test_an_ordinary_message_raises_nothing(desk: Desk) -> None:
    await turn(dialogue.ActionAnswer(), parse("none", "ask_price"))
    await turn(dialogue.ActionAnswer(), parse("mild", "report_mild_symptom"))
    assert desk.taken == {}


async def test_a_repeated_alarm_is_stored_once(desk: Desk) -> None:
    for _ in range(3):
        await safety.raise_alarm(parse("urgent"), "sender", "m1")
    assert len(desk.taken) == 1


async def test_staff_read_what_fired_and_who_reviewed_the_table(desk: Desk) -> None:
    await safety.raise_alarm(parse("urgent", text="it leaks"), "sender", "m1")
    (row,) = desk.taken.values()
    assert "it leaks" in row["summary"] and "pus" in row["summary"] and "not yet reviewed" in row["summary"]


async def test_the_number_is_said_even_when_the_records_are_down(caplog: pytest.LogCaptureFixture) -> None:
    before = list(safety._hand_off)
    safety.connect(Desk(broken=True).raise_handoff)
    try:
        said, _ = await turn(dialogue.ActionAnswer(), parse("emergency"))
    finally:
        safety._hand_off[:] = before
    assert "Call 999 now" in said[0]["text"]
    assert "tongue" not in caplog.text and "ConnectionError" in caplog.text


@pytest.mark.parametrize("level", ["emergency", "crisis"])
async def test_a_grave_answer_sells_nothing(level: str, desk: Desk, knowledge: Knowledge) -> None:
    said, _ = await turn(dialogue.ActionAnswer(), parse(level, "book_consultation", questions=("ask_price", "book_consultation")))
    texts = " ".join(m["text"] for m in said if m.get("text"))
    assert "£" not in texts and "book" not in texts.lower()
    assert knowledge.facts()["emergency_number"] in texts
