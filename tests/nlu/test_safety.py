"""How the guard unites its parts: recall leads, denials calm the classifier only, danger comes first and alone."""

import json
from pathlib import Path
from typing import Any, Optional

import pytest

from nlu import red_flags
from nlu.context import Context
from nlu.red_flags import Found, load
from nlu.safety import INTENTS, LEVELS, NONE, Fired, KnownMessages, Piece, Thresholds, Verdict, judge, read_messages, turned
from nlu.safety_report import Judged, figures, lines, read

TABLE = load()
SIGNS = {sign.name: sign for sign in TABLE.signs}
LIMITS = Thresholds()


def piece(hedged: bool = False, near: Optional[dict[str, tuple[float, str]]] = None, **chances: float) -> Piece:
    return Piece("words", 0, 1, chances, near or {}, hedged)


def signs(*names: str, how: Context = Context()) -> list[Found]:  # noqa: B008 (frozen)
    return [Found(SIGNS[name], 0, 1, name, how) for name in names]


@pytest.mark.parametrize("level", LEVELS)
def test_the_classifier_alone_is_enough(level: str) -> None:
    verdict = judge([piece(**{level: 0.9})], [], TABLE)
    assert verdict.level == level
    assert verdict.fired[0].part == "classifier" and INTENTS[level] in verdict.fired[0].why


def test_one_piece_is_enough() -> None:
    assert judge([piece(), piece(), piece(emergency=LIMITS.fragment)], [], TABLE).level == "emergency"


def test_a_fragment_weighs_less_where_the_whole_says_nothing_of_the_kind() -> None:
    assert judge([piece(), piece(emergency=0.55)], [], TABLE).level == NONE
    assert judge([piece(emergency=0.2), piece(emergency=0.55)], [], TABLE).level == "emergency"


@pytest.mark.parametrize(("name", "level"), [(s.name, s.level) for s in TABLE.signs if s.level in ("emergency", "urgent")])
def test_a_sign_needs_little_beside_it(name: str, level: str) -> None:
    assert judge([piece(**{level: LIMITS.backed_sign})], signs(name), TABLE).level == level
    assert judge([piece()], signs(name), TABLE).level == NONE


def test_two_grave_signs_need_nothing_beside_them() -> None:
    assert judge([piece()], signs("breathing", "collapse"), TABLE).level == "emergency"


@pytest.mark.parametrize("how", [Context(negated=True), Context(hypothetical=True), Context(past=True)])
def test_a_sign_that_does_not_stand_is_none(how: Context) -> None:
    assert judge([piece(hedged=True, emergency=0.5)], signs("breathing", how=how), TABLE).level == NONE


def test_somebody_else_in_danger_is_in_danger() -> None:
    assert judge([piece(emergency=0.2)], signs("collapse", how=Context(other=True)), TABLE).level == "emergency"


def test_all_but_certainty_beats_a_denial() -> None:
    assert judge([piece(hedged=True, emergency=LIMITS.alone_hedged)], [], TABLE).level == "emergency"


def test_despair_is_never_discounted() -> None:
    assert judge([piece(hedged=True, crisis=0.6)], [], TABLE).level == "crisis"


def test_fever_alone_is_urgent_and_with_spreading_redness_an_emergency() -> None:
    beside = [piece(urgent=0.2)]
    assert judge(beside, signs("fever"), TABLE).level == "urgent"
    assert judge(beside, signs("fever", "spreading"), TABLE).level == "emergency"
    assert judge(beside, signs("fever", "confusion"), TABLE).level == "emergency"


def test_red_lines_alone_are_how_people_call_their_marks(nlp: Any) -> None:
    found, _ = red_flags.find(nlp("i have red lines on my hips from pregnancy"), TABLE)
    assert judge([piece(urgent=0.15)], found, TABLE).level == NONE


def test_numbing_cream_and_dizziness_together_are_an_emergency() -> None:
    beside = [piece(emergency=0.15)]
    assert judge(beside, signs("dizzy"), TABLE).level == NONE
    assert judge(beside, signs("dizzy", "after_numbing"), TABLE).level == "emergency"


def test_a_known_message_is_recognised_unless_a_harmless_one_is_as_near() -> None:
    near = {"urgent": (0.95, "it leaks"), NONE: (0.5, "does it leak")}
    verdict = judge([piece(near=near)], [], TABLE)
    assert verdict.level == "urgent" and verdict.fired[0].part == "known" and "it leaks" in verdict.fired[0].why
    assert judge([piece(near={**near, NONE: (0.94, "does it leak")})], [], TABLE).level == NONE


def test_the_weightiest_level_wins_and_the_others_are_told() -> None:
    verdict = judge([piece(emergency=0.6, urgent=0.55)], [], TABLE)
    assert verdict.level == "emergency"
    assert {f.level for f in verdict.fired} == {"emergency", "urgent"}


def test_nothing_is_nothing() -> None:
    assert judge([], [], TABLE) == Verdict(NONE)
    assert judge([piece()], [], TABLE) == Verdict(NONE)


PRICE = {"text": "how much", "intent": "ask_price", "confidence": 0.8}
BAD = {"text": "it leaks", "intent": "report_urgent_symptom", "confidence": 0.3}


def verdict(level: str) -> Verdict:
    return Verdict(level, (Fired(level, "sign", "why", "it leaks"),))


@pytest.mark.parametrize("level", ["emergency", "crisis"])
def test_grave_danger_is_answered_alone(level: str) -> None:
    intent, questions = turned(verdict(level), {"name": "ask_price", "confidence": 0.9}, [], [PRICE, BAD], "x", 0.22)
    assert intent["name"] == INTENTS[level]
    assert [q["intent"] for q in questions] == [INTENTS[level]]


@pytest.mark.parametrize("level", ["urgent", "mild", "distress"])
def test_other_questions_come_after_the_symptom(level: str) -> None:
    intent, questions = turned(verdict(level), {"name": "ask_price", "confidence": 0.9}, [], [PRICE], "x", 0.22)
    assert intent["name"] == INTENTS[level]
    assert [q["intent"] for q in questions] == [INTENTS[level], "ask_price"]


def test_a_false_alarm_of_the_classifier_gives_way_to_its_next_guess() -> None:
    ranking = [{"name": "report_emergency", "confidence": 0.4}, {"name": "ask_side_effects", "confidence": 0.35}]
    intent, questions = turned(Verdict(NONE), ranking[0], ranking, [], "can it", 0.22)
    assert intent["name"] == "ask_side_effects" == questions[0]["intent"]
    intent, _ = turned(Verdict(NONE), ranking[0], [ranking[0], {"name": "ask_price", "confidence": 0.1}], [], "can it", 0.22)
    assert intent["name"] == "nlu_fallback"


def test_an_ordinary_message_stays_as_it_is() -> None:
    intent = {"name": "ask_price", "confidence": 0.9}
    assert turned(Verdict(NONE), intent, [intent], [PRICE], "x", 0.22) == (intent, [PRICE])


def test_the_nearest_known_message_of_each_level() -> None:
    import numpy as np

    known = KnownMessages(["urgent", "urgent", NONE], ["a", "b", "c"], np.eye(3, dtype=np.float32))
    near = known.near(np.array([0.0, 0.8, 0.6], dtype=np.float32))
    assert near["urgent"][1] == "b" and near["urgent"][0] == pytest.approx(0.8)
    assert near[NONE][1] == "c"


def test_known_messages_are_many_and_none_twice() -> None:
    rows = read_messages()
    texts = [text.lower() for _, text in rows]
    assert len(texts) == len(set(texts)) > 400
    assert {level for level, _ in rows} == {*LEVELS, NONE}


def test_known_messages_are_not_the_examination() -> None:
    ours = {text.lower() for _, text in read_messages()}
    for path in (Path(__file__).parent).rglob("*.jsonl"):
        theirs = {str(json.loads(line)["text"]).lower() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()}
        assert not ours & theirs, path.name


def test_the_report_counts_what_matters() -> None:
    rows = [
        Judged("a", "emergency", "emergency", ("sign",)),
        Judged("b", "emergency", "mild", ()),
        Judged("c", "urgent", "emergency", ("classifier",)),
        Judged("d", "crisis", "crisis", ("classifier", "sign")),
        Judged("e", "none", "urgent", ("sign",)),
        Judged("f", "none", "none", ()),
    ]
    values = figures(rows)
    assert values["recall_emergency"] == 0.5 and values["undertriage"] == 0.5
    assert values["recall_urgent"] == values["recall_crisis"] == 1.0
    assert values["false_alarms"] == 0.5
    report = "\n".join(lines(rows))
    assert "MISSED" in report and "emergency → mild" in report


@pytest.mark.parametrize("line", ["{", '{"text": "a"}', '{"text": "a", "level": "awful"}', "[]"])
def test_a_line_that_is_not_of_the_form_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 1"):
        read(path)
