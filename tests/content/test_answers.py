"""What every answer must keep: sources, careful words, plain language, known variables. A clinician reads the rest."""

import copy
import datetime as dt
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import yaml

from actions import answers, conversation, output_guard
from actions.memory import Memory
from knowledge import facts
from knowledge.facts import fill
from knowledge.library import Answer, Knowledge, Library
from nlu import vocabulary

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "data"
KNOWLEDGE = Library(ROOT).get()
FACTS = KNOWLEDGE.facts()
CLINICAL = ("stretch_marks", "treatment", "suitability", "sessions", "results", "downtime", "aftercare", "side_effects", "alternatives", "safety")
# Comfort and numbers to call; "ask our team about other treatments": nothing in them is a clinical claim.
UNSOURCED = {"express_crisis", "ask_other_concern"}
Save = Callable[[Path, str], None]
EMERGENCY = ("report_emergency", "express_crisis")
COUNTRIES = tuple(KNOWLEDGE.clinic["emergency"])

CLAIMS = output_guard.load()


@lru_cache(maxsize=1)
def topics() -> dict[str, str]:
    """Intent → the file its answer is in."""
    found = {}
    for path in DATA.glob("*.yml"):
        for name in yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader).get("responses") or {}:
            found[name.removeprefix("utter_")] = path.stem
    return found


@lru_cache(maxsize=1)
def findable() -> dict[str, set[str]]:
    """What can be known about a person: label → canonical values."""
    tables: dict[str, set[str]] = {"treated": {"yes", "no"}}
    for label, values in vocabulary.load().items():
        tables.setdefault(label, set()).update(values)
    return tables


def parts(answer: Answer) -> dict[str, str]:
    """The texts of an answer by where they stand."""
    also = {f"also {number}": addition.text for number, addition in enumerate(answer.also, 1)}
    return {place: text for place, text in {"text": answer.text, **also, "more": answer.more}.items() if text}


def every(test: Any) -> Any:
    return pytest.mark.parametrize("intent", sorted(KNOWLEDGE.answers))(test)


def in_country(country: str) -> dict[str, str]:
    clinic = copy.deepcopy(KNOWLEDGE.clinic)
    clinic["clinic"]["country"] = country
    return facts.facts(clinic)


def syllables(word: str) -> int:
    """Vowel groups, less a silent e, -es or -ed."""
    word = re.sub(r"[^a-z]", "", word.lower())
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = re.search(r"[^aeiouy]e$", word) and not re.search(r"[^aeiouy]le$", word)
    silent = silent or re.search(r"[^aeiouydt]ed$", word) or re.search(r"[^aeiouyscxzgh]es$", word)
    return max(1, groups - bool(silent))


def grade(text: str) -> float:
    """Flesch-Kincaid school grade. As in Flesch's own count a colon or semicolon ends a unit of thought, and so does a line."""
    units = [u for u in re.split(r"[.!?:;]+(?=\s|$)|\n", text) if re.search(r"[A-Za-z]", u)]
    words = re.findall(r"[A-Za-z]+(?:['’][A-Za-z]+)?", text)
    return 0.39 * len(words) / len(units) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59


@pytest.mark.parametrize(
    ("word", "count"), [("skin", 1), ("needle", 2), ("healed", 1), ("treated", 2), ("makes", 1), ("bruises", 2), ("collagen", 3), ("area", 2)]
)
def test_syllables_are_counted_as_spoken(word: str, count: int) -> None:
    assert syllables(word) == count


def test_the_reading_grade_tells_plain_from_learned() -> None:
    assert grade("The cat sat on the mat. It was fat.") < 1
    assert grade("Contraindications necessitate individualised dermatological assessment preceding any microneedling intervention.") > 20


@every
def test_every_source_named_exists(intent: str) -> None:
    answer = KNOWLEDGE.answers[intent]
    named = {*answer.sources, *answer.more_sources, *(key for addition in answer.also for key in addition.sources)}
    assert named - set(KNOWLEDGE.sources) == set()


@pytest.mark.parametrize("key", sorted(KNOWLEDGE.sources))
def test_every_source_can_be_looked_up(key: str) -> None:
    source = KNOWLEDGE.sources[key]
    assert set(source) == {"key", "title", "publisher", "year", "address", "grade"}
    assert source["title"].strip() and source["publisher"].strip()
    assert source["year"] is None or 1950 < source["year"] <= dt.date.today().year
    assert source["address"] is None or re.fullmatch(r"https?://\S+\.\S+", source["address"])
    assert source["grade"] in ("A", "B", "C", "D")


@pytest.mark.parametrize("intent", sorted(i for i, topic in topics().items() if topic in CLINICAL and i not in UNSOURCED))
def test_every_clinical_answer_names_a_source(intent: str) -> None:
    answer = KNOWLEDGE.answers[intent]
    assert answer.sources
    assert answer.more_sources or not answer.more


@every
def test_the_output_guard_lets_every_answer_out(intent: str) -> None:
    for place, text in parts(KNOWLEDGE.answers[intent]).items():
        assert output_guard.findings(text, CLAIMS, template=True) == [], place
        assert output_guard.findings(fill(text, FACTS), CLAIMS) == [], place


@pytest.mark.parametrize("sentence", sorted(CLAIMS.allowed))
def test_an_allowance_that_is_no_longer_needed_goes(sentence: str) -> None:
    said = [text for answer in KNOWLEDGE.answers.values() for text in parts(answer).values()]
    assert any(sentence in text for text in [*said, *KNOWLEDGE.titles.values()])


def test_the_output_guard_lets_every_title_out() -> None:
    assert [f for title in KNOWLEDGE.titles.values() for f in output_guard.findings(title, CLAIMS)] == []


@every
def test_short_enough_to_be_read(intent: str) -> None:
    answer = KNOWLEDGE.answers[intent]
    words = {place: len(fill(getattr(answer, place), FACTS).split()) for place in ("text", "more")}
    assert words["text"] <= 90 and words["more"] <= 110


@pytest.mark.parametrize("place", ["text", "more"])
def test_a_twelve_year_old_can_read_it(place: str) -> None:
    filled = {i: fill(getattr(a, place), FACTS) for i, a in KNOWLEDGE.answers.items() if getattr(a, place)}
    grades = {intent: grade(text) for intent, text in filled.items()}
    assert median(grades.values()) <= 8
    assert {intent: round(value, 1) for intent, value in grades.items() if value > 12} == {}


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_answer_fills_in_every_country(country: str) -> None:
    given = in_country(country)
    for intent, answer in KNOWLEDGE.answers.items():
        for place, text in parts(answer).items():
            filled = fill(text, given)
            assert filled and not re.search(r"[{}]", filled), f"{intent}, {place}"
            assert not re.search(r"(?:^|[.!?]\s+)(?!e\.g\.|i\.e\.)[a-z]", filled), f"{intent}, {place}: a sentence begins small: {filled}"
            assert not re.search(r"\.\.| [.,;]|,[.,]", filled), f"{intent}, {place}: doubled marks: {filled}"


@every
def test_every_next_question_is_one_of_ours(intent: str) -> None:
    following = KNOWLEDGE.answers[intent].next
    assert len(following) == len(set(following)) <= 3
    assert intent not in following
    for name in following:
        assert name in KNOWLEDGE.answers
        assert KNOWLEDGE.titles[name]


@every
def test_adaptations_name_what_the_reader_can_find(intent: str) -> None:
    for addition in KNOWLEDGE.answers[intent].also:
        assert addition.when, f"nothing would ever ask for: {addition.text}"
        for key, values in addition.when.items():
            assert key in findable()
            assert values and set(values) <= findable()[key], f"{key}: {set(values) - findable()[key]}"


@every
def test_an_adaptation_is_one_sentence_more(intent: str) -> None:
    for addition in KNOWLEDGE.answers[intent].also:
        assert len(addition.text.split()) <= 40, addition.text


@pytest.mark.parametrize("country", COUNTRIES)
def test_an_emergency_is_answered_with_the_number_first(country: str) -> None:
    given = in_country(country)
    text = fill(KNOWLEDGE.answers["report_emergency"].text, given)
    assert text.startswith(f"Call {given['emergency_number']} now")
    assert given["emergency_number"] in fill(KNOWLEDGE.answers["express_crisis"].text, given)
    assert given["crisis_lines"] in fill(KNOWLEDGE.answers["express_crisis"].text, given)


@pytest.mark.parametrize("intent", EMERGENCY)
def test_nothing_distracts_from_the_number(intent: str) -> None:
    turn = conversation.reply({"text": "hi, help, and what does it cost", "intent": {"name": intent}}, Memory(), KNOWLEDGE)
    assert len(turn.messages) == 1
    assert turn.messages[0].buttons == []
    assert not turn.messages[0].text.startswith("Hello")


@every
def test_the_clinics_facts_are_never_typed_into_an_answer(intent: str) -> None:
    me, lines = KNOWLEDGE.clinic["clinic"], str(KNOWLEDGE.clinic["emergency"])
    dialled = set(re.findall(r"\b\d[\d -]*\d\b", lines))
    for place, text in parts(KNOWLEDGE.answers[intent]).items():
        assert not re.search(r"\d[\d ()-]{5,}\d|[£$€]|@|https?:|www\.", text), f"{place}: {text}"
        assert not {number for number in dialled if re.search(rf"(?<![\d.,]){number}(?![\d.,]\d|\d)", text)}, f"{place}: {text}"
        assert not any(me[key] in text for key in ("name", "phone", "email", "website", "address")), f"{place}: {text}"
        assert not any(person["name"] in text for person in KNOWLEDGE.clinic["practitioners"]), f"{place}: {text}"


def replaced(path: Path, old: str, new: str) -> str:
    """The text of `path` with `old`, which must occur, replaced."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    return text.replace(old, new)


def said(intent: str, knowledge: Knowledge) -> str:
    return answers.compose([intent], answers.Known(), [], knowledge).messages[0].text


def test_a_price_changed_in_clinic_yml_is_in_the_next_answer(project: Path, save: Save) -> None:
    library = Library(project)
    assert "£190 a session" in said("ask_price", library.get())
    save(project / "clinic.yml", replaced(project / "clinic.yml", ": 190", ": 215.50"))
    assert "£215.50 a session" in said("ask_price", library.get())
    assert "£190" not in said("ask_price", library.get())


def test_an_answer_changed_in_data_is_the_next_answer(project: Path, save: Save) -> None:
    library = Library(project)
    library.get()
    talk = project / "data" / "conversation.yml"
    save(talk, replaced(talk, "You are welcome.", "Any time."))
    assert said("thank", library.get()).startswith("Any time.")


@pytest.mark.parametrize(
    ("old", "new", "intent", "stale"),
    [
        ("  late_minutes: 15", "  late_minutes: 25", "ask_policies", "15 minutes"),
        ("cancellation_hours: 48", "cancellation_hours: 24", "ask_policies", "48"),
        ("minutes: 30", "minutes: 40", "ask_consultation", "30 minutes"),
        ("minimum_age: 18", "minimum_age: 21", "ask_age_limit", "18"),
        ("retention_days: 30", "retention_days: 14", "ask_privacy", "30 days"),
        ("session_minutes: 60 to 90", "session_minutes: 45 to 60", "ask_session_length", "90"),
        ("phone: 020 7946 0123", "phone: 020 7946 0999", "request_human", "020 7946 0123"),
        ("country: GB", "country: IE", "report_urgent_symptom", "NHS 111"),
    ],
)
def test_one_change_in_clinic_yml_is_enough(project: Path, save: Save, old: str, new: str, intent: str, stale: str) -> None:
    library = Library(project)
    assert stale in said(intent, library.get())
    save(project / "clinic.yml", replaced(project / "clinic.yml", old, new))
    assert stale not in said(intent, library.get())
