"""How the guard unites its parts: recall leads, denials calm the classifier only, danger comes first and alone."""

import json
from pathlib import Path
from typing import Any, Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu import alarm, red_flags
from nlu.alarm import ALARMING, NONE, Piece, Signs
from nlu.context import Context
from nlu.red_flags import Found, load
from nlu.safety import INTENTS, LEVELS, Fired, KnownMessages, Verdict, combined, count_signs, judge, read_messages, turned
from nlu.safety_report import Judged, figures, lines, read

TABLE = load()
SIGNS = {sign.name: sign for sign in TABLE.signs}


def piece(hedged: bool = False, near: Optional[dict[str, tuple[float, str]]] = None, text: str = "some words of a message", **chances: float) -> Piece:
    """As the trained parts see an ordinary message, but for what is named."""
    told: dict[str, float] = {**dict.fromkeys(LEVELS, 0.003), **chances}
    alike = {level: (0.5 + 0.45 * min(1.0, 1.5 * told[level]), "like it") for level in LEVELS}
    usual = {**alike, NONE: (0.6, "like nothing"), **(near or {})}
    return Piece(text, 0, 1, told, usual, hedged, harmless=max(0.0, 0.9 - sum(chances.values())))


def signs(*names: str, how: Context = Context()) -> list[Found]:  # noqa: B008 (frozen)
    return [Found(SIGNS[name], 0, 1, name, how) for name in names]


@pytest.mark.parametrize("level", LEVELS)
def test_the_classifier_alone_is_enough(level: str) -> None:
    verdict = judge([piece(**{level: 0.9})], [], TABLE)
    assert verdict.level == level
    assert verdict.fired[0].part == "classifier" and INTENTS[level] in verdict.fired[0].why


@pytest.mark.parametrize("level", ALARMING)
def test_one_piece_is_enough(level: str) -> None:
    assert judge([piece(**{level: 0.1}), piece(), piece(**{level: 0.9})], [], TABLE).level == level


@pytest.mark.parametrize("name", [s.name for s in TABLE.signs if s.level in ("emergency", "urgent") and not s.certain])
def test_a_sign_alone_is_no_alarm_and_with_a_little_beside_it_is(name: str) -> None:
    level = SIGNS[name].level
    assert judge([piece()], signs(name), TABLE).level == NONE
    assert judge([piece(**{level: 0.3})], signs(name), TABLE).level in ("emergency", level)


@pytest.mark.parametrize("how", [Context(negated=True), Context(hypothetical=True), Context(past=True)])
def test_a_sign_that_does_not_stand_is_none(how: Context) -> None:
    assert judge([piece(hedged=True, emergency=0.05)], signs("breathing", how=how), TABLE).level == NONE


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("Used the epipen, what now", "emergency"),
        ("friend had to use her epi-pen after the serum, seems better", "emergency"),
        ("i carry an epipen for nuts", NONE),
        ("have never used my epipen", NONE),
        ("my son needed his epipen after a nut last year", NONE),
    ],
)
def test_a_certain_sign_is_enough_alone(nlp: Any, text: str, level: str) -> None:
    found, _ = red_flags.find(nlp(text), TABLE)
    assert judge([piece()], found, TABLE).level == level


def test_somebody_else_in_danger_is_in_danger() -> None:
    assert judge([piece(emergency=0.3)], signs("collapse", how=Context(other=True)), TABLE).level == "emergency"


def test_all_but_certainty_beats_a_denial() -> None:
    assert judge([piece(hedged=True, emergency=0.97)], [], TABLE).level == "emergency"


def test_despair_is_never_discounted() -> None:
    assert judge([piece(hedged=True, crisis=0.6)], [], TABLE).level == "crisis"


def test_fever_with_spreading_redness_weighs_more_than_either() -> None:
    beside = [piece(urgent=0.5, emergency=0.12)]
    assert judge(beside, signs("fever"), TABLE).level == "urgent"
    assert judge(beside, signs("fever", "spreading"), TABLE).level == "emergency"


def test_red_lines_alone_are_how_people_call_their_marks(nlp: Any) -> None:
    found, _ = red_flags.find(nlp("i have red lines on my hips from pregnancy"), TABLE)
    assert judge([piece(urgent=0.05)], found, TABLE).level == NONE


def test_a_known_message_is_recognised_unless_a_harmless_one_is_as_near() -> None:
    near = {"mild": (0.95, "it itches a bit"), NONE: (0.5, "does it itch")}
    verdict = judge([piece(near=near)], [], TABLE)
    assert verdict.level == "mild" and verdict.fired[0].part == "known" and "it itches" in verdict.fired[0].why
    assert judge([piece(near={**near, NONE: (0.94, "does it itch")})], [], TABLE).level == NONE


def test_the_weightiest_level_wins_and_the_others_are_told() -> None:
    verdict = judge([piece(emergency=0.6, urgent=0.35)], [], TABLE)
    assert verdict.level == "emergency"
    assert {f.level for f in verdict.fired} == {"emergency", "urgent"}


def test_an_alarm_always_says_why() -> None:
    for level in ALARMING:
        for chance in (0.005, 0.3, 0.9):
            verdict = judge([piece(**{level: chance})], signs("fever"), TABLE)
            assert (verdict.level == NONE) == (not verdict.fired)
            assert all(f.why and f.part in ("classifier", "sign", "known") for f in verdict.fired)


def test_nothing_is_nothing() -> None:
    assert judge([], [], TABLE) == Verdict(NONE)
    assert judge([piece()], [], TABLE) == Verdict(NONE)


CHANCE = st.floats(0, 1)


@settings(max_examples=150, deadline=None)
@given(
    level=st.sampled_from(ALARMING), one=CHANCE, more=CHANCE, other=CHANCE, near=CHANCE, hedged=st.booleans(),
    names=st.lists(st.sampled_from(sorted(SIGNS)), max_size=3), another=st.sampled_from(sorted(SIGNS)),
)  # fmt: skip
def test_a_further_sign_of_danger_never_makes_a_message_look_milder(
    level: str, one: float, more: float, other: float, near: float, hedged: bool, names: list[str], another: str
) -> None:
    def chance(value: float, *found: str) -> float:
        standing = signs(*found)
        counted = count_signs(standing, combined(standing, TABLE))
        return alarm.chance(level, [piece(hedged, {level: (near, "x")}, **{level: value, "distress": other * (1 - value)})], counted)

    low, high = sorted((one, more))
    fixed = Signs(1, 0, False)
    base = [piece(hedged, {level: (near, "x")}, **{level: low})]
    assert alarm.chance(level, [Piece(**{**vars(base[0]), "chances": {**base[0].chances, level: high}})], {}) >= alarm.chance(level, base, {}) - 1e-9
    assert alarm.chance(level, base, {level: fixed}) >= alarm.chance(level, base, {}) - 1e-9
    if SIGNS[another].level == level:
        assert chance(low, *names, another) >= chance(low, *names) - 1e-9


def test_the_weights_fit_the_features(tmp_path: Path) -> None:
    weights = alarm.read_weights()
    assert set(weights) == set(ALARMING)
    assert all(len(w.weights) == len(alarm.FEATURES) and 0 < w.enough < 1 for w in weights.values())
    wrong = tmp_path / "weights.yml"
    wrong.write_text(alarm.WEIGHTS.read_text(encoding="utf-8").replace("  best:", "  worst:"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"bench\.alarm"):
        alarm.read_weights.__wrapped__(wrong)


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
    (near,) = known.near(np.array([[0.0, 0.8, 0.6]], dtype=np.float32))
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
