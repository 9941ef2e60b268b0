"""The Rasa side of the check: one action a turn, nothing doubled, nothing lost when something breaks."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import forms, screening
from knowledge.library import Knowledge
from tests.conversations.records import FakeRecords, install

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.timezone.utc)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRecords]:
    fake = FakeRecords()
    install(fake, monkeypatch)
    yield fake


def tracker(text: str, intent: str, slots: dict[str, Any], message: str = "m1", events: list[dict[str, Any]] | None = None) -> Tracker:
    latest = {"text": text, "intent": {"name": intent, "confidence": 1.0}, "entities": [], "questions": [], "message_id": message}
    return Tracker("someone", slots, latest, [{"event": "user"}, *(events or [])], False, None, {"name": "screening_form"}, "action_listen")


async def run(action: Any, at: Tracker) -> tuple[dict[str, Any], list[str], list[dict[str, Any]]]:
    """Slots set, texts said, all events."""
    dispatcher = CollectingDispatcher()
    events = await action.run(dispatcher, at, {})
    return {e["name"]: e["value"] for e in events if e["event"] == "slot"}, [m["text"] for m in dispatcher.messages if m.get("text")], events


async def through(records: FakeRecords, *said: tuple[str, str]) -> tuple[dict[str, Any], list[str]]:
    slots: dict[str, Any] = {}
    texts: list[str] = []
    for number, (text, intent) in enumerate(said):
        new, texts, _ = await run(forms.ValidateScreeningForm(), tracker(text, intent, slots, f"m{number}"))
        slots.update(new)
    return slots, texts


START = (("check me", "start_screening"), ("yes", "affirm"), ("34", "inform"))


async def test_agreement_is_recorded_once_even_if_the_turn_is_repeated(records: FakeRecords) -> None:
    slots, _ = await through(records, *START[:2])
    for _ in range(2):  # Rasa repeats a turn from the same state
        await run(forms.ValidateScreeningForm(), tracker("34", "inform", slots, "m2"))
    assert records.consents == [("someone", "screening", "2026-11")]


async def test_the_open_question_is_the_requested_slot(records: FakeRecords) -> None:
    slots, _ = await through(records, *START)
    assert slots["requested_slot"] == "screening_birth"


async def test_danger_makes_the_form_step_aside_and_close_when_it_comes_back(records: FakeRecords) -> None:
    slots, _ = await through(records, *START)
    new, texts, events = await run(forms.ValidateScreeningForm(), tracker("i cant breathe", "report_emergency", slots))
    assert texts == [] and {"event": "action_execution_rejected", "name": "screening_form"}.items() <= events[-1].items()
    assert new["screening"]["stage"] == "paused"
    again, texts, _ = await run(forms.ValidateScreeningForm(), tracker("i cant breathe", "report_emergency", {**slots, **new}, events=[events[-1]]))
    assert texts == [] and again == {"requested_slot": None}


@pytest.mark.parametrize("level", ["emergency", "urgent", "crisis"])
def test_the_guard_is_believed_whatever_the_intent(level: str) -> None:
    assert screening.is_alarm({"intent": {"name": "deny"}, "safety": {"level": level}})
    assert not screening.is_alarm({"intent": {"name": "report_emergency"}, "safety": {"level": "none"}})
    assert screening.is_alarm({"intent": {"name": "report_emergency"}})


async def test_a_failure_keeps_the_check(records: FakeRecords, monkeypatch: pytest.MonkeyPatch) -> None:
    slots, _ = await through(records, *START)

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(screening, "step", broken)
    new, texts, _ = await run(forms.ValidateScreeningForm(), tracker("no", "deny", slots))
    assert len(texts) == 1 and "your answers so far are kept" in texts[0].lower() and "999" in texts[0]
    assert new["screening"]["stage"] == "paused" and new["requested_slot"] is None


async def test_of_a_minor_nothing_is_kept(records: FakeRecords) -> None:
    slots, texts = await through(records, *START[:2], ("16", "inform"))
    assert records.consents == [] and "adults" in texts[0]
    assert {**slots["screening"], "touched": ""} == screening.State(stage="closed").to_slot()
    assert not any(slots["consultation"].values())


async def session(slot: Any) -> Any:
    _, _, events = await run(forms.ActionSessionStart(), tracker("", "", {"screening": slot}))
    assert (events[0]["event"], events[-1]["name"]) == ("session_started", "action_listen")
    return next((e["value"] for e in events if e["event"] == "slot"), None)


async def test_a_new_session_keeps_only_an_unfinished_check_that_was_agreed_to(records: FakeRecords) -> None:
    recent = dt.datetime.now(tz=dt.timezone.utc) - dt.timedelta(days=3)
    unfinished = screening.State(consent="2026-11", asked="area", touched=recent.isoformat()).to_slot()
    assert (await session(unfinished))["stage"] == "paused"
    assert await session({**unfinished, "consent": ""}) is None
    assert await session({**unfinished, "stage": "done"}) is None
    assert await session({**unfinished, "touched": (recent - dt.timedelta(days=40)).isoformat()}) is None
    assert await session({**unfinished, "touched": "yesterday"}) is None
    assert await session("rubbish") is None


def test_what_booking_asks_about_the_check(knowledge: Knowledge) -> None:
    done = screening.State(stage="done", reference="S-0001", outcome="can_come").to_slot()
    minor = screening.State(stage="closed").to_slot()
    assert screening.screening_needed(None) and screening.screening_needed(screening.State().to_slot())
    assert not screening.screening_needed(done) and not screening.screening_needed(minor)
    assert screening.booking_allowed(None) and screening.booking_allowed(done) and not screening.booking_allowed(minor)
    assert screening.reference(done) == "S-0001" and screening.reference(None) == ""
