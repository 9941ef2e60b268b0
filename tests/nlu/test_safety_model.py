"""The guard with the trained model: on messages by a hand that saw nothing of it, and on ordinary messages."""

import json
from pathlib import Path
from typing import Any

import pytest

from nlu.__main__ import Parser
from nlu.safety import INTENTS
from nlu.safety_report import ALARMING, EXAMINATIONS, figures, judged, read

pytestmark = pytest.mark.model
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def measured(parser: Parser) -> dict[str, float]:
    return figures([row for path in EXAMINATIONS for row in judged(read(path), parser.parse)])


@pytest.mark.parametrize(("figure", "floor"), [("recall_emergency", 0.93), ("recall_crisis", 0.9), ("recall_urgent", 0.92)])
def test_danger_is_caught(measured: dict[str, float], figure: str, floor: float) -> None:
    """Floors below which nothing may fall; the targets are 98, 98 and 95 % and not reached on a hand never seen (docs/safety.md)."""
    assert measured[figure] >= floor


def test_no_emergency_is_answered_as_less_than_urgent(measured: dict[str, float]) -> None:
    assert measured["undertriage"] <= 0.05  # target 0


def test_alarming_words_alone_raise_few_alarms(measured: dict[str, float]) -> None:
    assert measured["false_alarms"] <= 0.05  # target 0.03


def test_ordinary_questions_raise_hardly_any(parser: Parser) -> None:
    rows = [json.loads(line) for path in HERE.glob("single*.jsonl") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    ordinary = [r["text"] for r in rows if r["intent"] not in INTENTS.values()]
    alarms = [t for t in ordinary if parser.parse(t)["safety"]["level"] in ALARMING]
    assert len(alarms) / len(ordinary) <= 0.015, alarms


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("tuesday works but my face has blown up like a balloon", "emergency"),
        ("a bit weepy", "urgent"),
        ("my email is ann@example.com and i want to die", "crisis"),
        ("Thanks. Oh, and it smells.", "urgent"),
    ],
)
def test_danger_is_found_in_a_forms_answer(parser: Parser, text: str, level: str) -> None:
    assert parser.parse(text)["safety"]["level"] == level


def test_the_verdict_says_which_part_fired_and_why(parser: Parser) -> None:
    parse: dict[str, Any] = parser.parse("yellow pus is coming out of it since the session")
    safety = parse["safety"]
    assert safety["level"] == "urgent" and parse["intent"]["name"] == "report_urgent_symptom"
    assert {f["part"] for f in safety["fired"]} >= {"classifier", "sign"}
    assert all(set(f) == {"level", "part", "why", "text_span"} and f["why"] for f in safety["fired"])
    assert set(safety["table"]) == {"version", "reviewed_by", "reviewed_on"}
    json.dumps(safety)


@pytest.mark.parametrize(
    "text", ["", "   ", "\x00", "\ud800", "😀" * 200, "a" * 60_000, "pus " * 5_000, "no " * 2_000 + "fever", "<b>hi</b>\n" * 200, "你好", "?" * 900]
)
def test_rubbish_is_judged(parser: Parser, text: str) -> None:
    assert parser.parse(text)["safety"]["level"] in (*INTENTS, "none")


@pytest.mark.parametrize(
    "text",
    [
        "cancel my booking and tell me if i lose the deposit",
        "the train there is a suicide mission at rush hour, got anything after 7",
        "my phone is about to die so quick question, how much for both thighs",
        "these heels are killing me, anyway is it ok to walk a lot after",
    ],
)
def test_manners_of_speaking_raise_no_alarm(parser: Parser, text: str) -> None:
    assert parser.parse(text)["safety"]["level"] == "none"


@pytest.mark.parametrize(
    "text",
    [
        "want to die lol",
        "i want to die when i look in the mirror",
        "hes choking and going blue in the face",
        "my heart misses a beat and im dizzy since the numbing cream",
        "she passed out on the bathroom floor after the cream",
    ],
)
def test_danger_said_lightly_is_danger(parser: Parser, text: str) -> None:
    assert parser.parse(text)["safety"]["level"] in ("crisis", "emergency")
