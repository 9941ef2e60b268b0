"""What a training made better and worse is said message by message."""

from typing import Any

from nlu.report import Row
from nlu.retrain import compare, told


def row(text: str, wanted: str, intent: str, kind: str = "single", **more: Any) -> Row:
    return Row(kind, text, tuple(wanted.split()), intent, ((intent, 0.9),), tuple(more.get("answers", (intent,))))


def test_better_worse_and_new_are_told_apart() -> None:
    before = [row("a", "ask_pain", "ask_price"), row("b", "ask_price", "ask_price"), row("c", "ask_sun", "ask_sun"), row("d", "ask_sun", "ask_water")]
    after = [row("a", "ask_pain", "ask_pain"), row("b", "ask_price", "ask_pain"), row("c", "ask_sun", "ask_sun"), row("d", "ask_sun", "ask_sun")]
    found = compare(before, after, ["d"])
    assert [c.text for c in found.better] == ["a"] and [c.text for c in found.worse] == ["b"] and [c.text for c in found.new] == ["d"]
    assert (round(found.before or 0, 2), round(found.after or 0, 2)) == (0.67, 0.67)
    assert "'b': ask_price (before ask_price, now ask_pain)" in told(found) and "Read what got worse" in told(found)


def test_several_questions_are_right_only_together() -> None:
    before = [row("p q", "ask_pain ask_price", "ask_pain", "multi", answers=("ask_pain",))]
    after = [row("p q", "ask_pain ask_price", "ask_pain", "multi", answers=("ask_price", "ask_pain"))]
    assert [c.now for c in compare(before, after).better] == ["ask_price + ask_pain"]


def test_what_is_not_ours_is_right_when_nothing_of_ours_is() -> None:
    odd = [row("x", "out_of_scope", "nlu_fallback", "out_of_scope")]
    assert compare(odd, [row("x", "out_of_scope", "ask_pain", "out_of_scope")]).worse[0].text == "x"
