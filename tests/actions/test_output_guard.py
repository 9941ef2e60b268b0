"""Nothing leaves that promises, doses, diagnoses or judges a person; what is held back goes to a person and leaves no words in the log."""

import time
from typing import Any

import pytest
import yaml
from rasa_sdk.executor import CollectingDispatcher

from actions import dialogue, output_guard
from actions.answers import Message
from actions.output_guard import findings, let_out, load
from knowledge.library import ROOT, Knowledge

TABLE = yaml.safe_load((ROOT / "data" / "guard" / "banned_claims.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("It removes stretch marks.", "claim"),
        ("We guarantee a result.", "claim"),
        ("You can get rid of them.", "claim"),
        ("The treatment is safe for you.", "suitability"),
        ("You are a good candidate.", "suitability"),
        ("Take 400 mg of ibuprofen.", "dose"),
        ("Use it twice a day.", "dose"),
        ("Put on 5 % lidocaine cream.", "dose"),
        ("Roll at 1.5 mm.", "depth"),
        ("Stop taking your blood thinners a week before.", "medicine"),
        ("You should stop warfarin.", "medicine"),
        ("Take some antibiotics.", "medicine"),
        ("You have an infection.", "diagnosis"),
        ("That sounds like an allergic reaction.", "diagnosis"),
        ("It is nothing to worry about.", "diagnosis"),
        ("You do not need a doctor.", "diagnosis"),
    ],
)
def test_what_may_not_be_said_is_found(text: str, kind: str) -> None:
    assert [f.kind for f in findings(text, load())] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "A course of three booked together is 10 % less.",
        "Do not stop your medicine. Our clinician checks with your prescriber.",
        "Never stop taking your tablets without asking the person who prescribed them.",
        "Your visit is on Thursday 3 December at 15:00.",
        "It can make them less noticeable. Results vary.",
        "This chat cannot tell what the cause is; a person needs to look at it.",
        "",
    ],
)
def test_what_may_be_said_passes(text: str) -> None:
    assert findings(text, load()) == []


@pytest.mark.parametrize("kind", sorted(TABLE["kinds"]))
def test_every_kind_says_why_and_where_that_stands(kind: str) -> None:
    row = TABLE["kinds"][kind]
    sources = yaml.safe_load((ROOT / "data" / "sources.yml").read_text(encoding="utf-8"))
    assert row["why"] and row["patterns"] and set(row["sources"]) <= set(sources)


def test_a_text_held_back_becomes_a_person(knowledge: Knowledge, caplog: pytest.LogCaptureFixture) -> None:
    out = let_out(Message("You have an infection, Maria.", [("Book", "/book_consultation")]), knowledge.facts)
    assert knowledge.facts()["phone"] in out.text and out.buttons == []
    assert "Maria" not in caplog.text and "infection" not in caplog.text and "diagnosis" in caplog.text


def test_buttons_are_looked_at_too(knowledge: Knowledge) -> None:
    assert let_out(Message("Next?", [("Remove my marks", "/x")]), knowledge.facts).buttons == []


def test_titles_of_sources_are_quotations(knowledge: Knowledge) -> None:
    message = Message("How to get rid of stretch marks", data={"type": "sources"})
    assert let_out(message, knowledge.facts) is message


def test_a_good_text_leaves_as_it_is(knowledge: Knowledge) -> None:
    message = Message("It can make them less noticeable.")
    assert let_out(message, knowledge.facts) is message


def test_the_sentence_in_its_place_is_itself_allowed(knowledge: Knowledge) -> None:
    assert findings(output_guard.HELD_BACK, load(), template=True) == []


def test_say_lets_nothing_bad_out() -> None:
    dispatcher = CollectingDispatcher()
    dialogue.say(dispatcher, Message("We guarantee it."))
    said: list[Any] = dispatcher.messages
    assert len(said) == 1 and "guarantee" not in str(said)


def test_it_costs_next_to_nothing() -> None:
    text, claims = "Redness, mild swelling and tiny scabs are expected for up to 7 days; call us about anything that lasts. " * 6, load()
    best = min(_milliseconds(text, claims) for _ in range(20))
    assert best <= 0.3


def _milliseconds(text: str, claims: Any) -> float:
    started = time.perf_counter()
    findings(text, claims)
    return 1000 * (time.perf_counter() - started)
