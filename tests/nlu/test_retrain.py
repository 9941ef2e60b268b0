"""What a training made better and worse is said message by message."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nlu import retrain, train
from nlu.report import Row
from nlu.retrain import Comparison, compare, compared, spoken, told, verdict

TITLES = {"ask_price": "Prices", "ask_pain": "Does it hurt?", "ask_sun": "Sun"}


def row(text: str, wanted: str, intent: str, kind: str = "single", **more: Any) -> Row:
    return Row(kind, text, tuple(wanted.split()), intent, ((intent, 0.9),), tuple(more.get("answers", (intent,))))


def test_better_worse_and_new_are_told_apart() -> None:
    before = [row("a", "ask_pain", "ask_price"), row("b", "ask_price", "ask_price"), row("c", "ask_sun", "ask_sun"), row("d", "ask_sun", "ask_water")]
    after = [row("a", "ask_pain", "ask_pain"), row("b", "ask_price", "ask_pain"), row("c", "ask_sun", "ask_sun"), row("d", "ask_sun", "ask_sun")]
    found = compare(before, after, ["d"])
    assert [c.text for c in found.better] == ["a"] and [c.text for c in found.worse] == ["b"] and [c.text for c in found.new] == ["d"]
    assert (round(found.before or 0, 2), round(found.after or 0, 2)) == (0.67, 0.67)
    said = told(found, TITLES)
    assert "“b” is “Prices”: taken for “Prices” before, for “Does it hurt?” now" in said and "Read what is no longer understood" in said
    assert "66.7 % before, 66.7 % now. As many were gained as lost: 1." in said and "ask_" not in said
    assert "Corrections kept aside to test with: 1 of 1 understood now, 0 before" in said


def test_several_questions_are_right_only_together() -> None:
    before = [row("p q", "ask_pain ask_price", "ask_pain", "multi", answers=("ask_pain",))]
    after = [row("p q", "ask_pain ask_price", "ask_pain", "multi", answers=("ask_price", "ask_pain"))]
    assert [c.now for c in compare(before, after).better] == ["ask_price + ask_pain"]


def test_what_is_not_ours_is_right_when_nothing_of_ours_is() -> None:
    odd = [row("x", "out_of_scope", "nlu_fallback", "out_of_scope")]
    assert compare(odd, [row("x", "out_of_scope", "ask_pain", "out_of_scope")]).worse[0].text == "x"


def test_which_way_it_went_is_one_sentence() -> None:
    one = [retrain.Change("a", "ask_pain", "ask_price", "ask_pain")]
    assert verdict(Comparison([], [], [], 1.0, 1.0)) == "Nothing of it changed."
    assert verdict(Comparison(one * 3, one, [], 0.8, 0.9)) == "3 gained, 1 lost: better by 2."
    assert verdict(Comparison([], one, [], 0.9, 0.8)) == "0 gained, 1 lost: worse by 1."
    assert spoken("ask_pain + nlu_fallback", TITLES) == "“Does it hurt?” and nothing it knows"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A tiny project under git: three examples, three test messages."""
    (tmp_path / "data").mkdir()
    (tmp_path / "tests" / "nlu").mkdir(parents=True)
    (tmp_path / "data" / "intent_titles.csv").write_text("intent,title\nask_price,Prices\nask_pain,Does it hurt?\n", encoding="utf-8")
    (tmp_path / "data" / "a.yml").write_text(
        "version: '3.1'\nnlu:\n- intent: ask_price\n  examples: |\n    - how much\n    - the price\n- intent: ask_pain\n  examples: |\n    - does it hurt\n",
        encoding="utf-8",
    )
    rows = [{"id": "1", "text": "cost", "intent": "ask_price"}, {"id": "2", "text": "ouch", "intent": "ask_pain"}]
    (tmp_path / "tests" / "nlu" / "single.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    me = ["-c", "user.name=t", "-c", "user.email=t@t.example"]
    for command in (["init", "-q"], ["add", "."], [*me, "commit", "-qm", "before"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def model(**meant: str) -> Any:
    """A parser that knows these messages, written with underscores, and nothing else."""
    return lambda text: {"intent": {"name": meant.get(text.replace(" ", "_"), "nlu_fallback")}}


def test_what_a_patch_taught_is_asked_of_the_new_model(project: Path) -> None:
    file = project / "data" / "a.yml"
    file.write_text(file.read_text(encoding="utf-8") + "    - will i wince\n    - is it like a wasp\n", encoding="utf-8")
    with (project / "tests" / "nlu" / "single_9.jsonl").open("w", encoding="utf-8") as tests:
        tests.write(json.dumps({"id": "desk-1", "text": "is it sore", "intent": "ask_pain"}) + "\n")
    said = compared(
        project, model(cost="ask_price"), lambda: model(ouch="ask_pain", will_i_wince="ask_pain", is_it_like_a_wasp="ask_price", is_it_sore="ask_pain")
    )
    assert "Of 2 corrected messages 1 is understood now." in said
    assert "Not yet: “is it like a wasp” should be “Does it hurt?”, and is taken for “Prices”." in said
    assert "Understood before, and not now: 1" in said and "“cost” is “Prices”: taken for “Prices” before, for nothing it knows now" in said
    assert "Corrections kept aside to test with: 1 of 1 understood now, 0 before" in said


def test_without_git_there_is_a_comparison_all_the_same(project: Path) -> None:
    (project / ".git").rename(project / "gone")
    said = compared(project, model(cost="ask_price"), lambda: model(cost="ask_price", ouch="ask_pain"))
    assert said.startswith("Test messages understood: 50.0 % before, 100.0 % now. 1 gained, 0 lost: better by 1.")


def test_the_command_reads_with_the_earlier_model_trains_and_writes_the_report(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    order: list[str] = []

    class Reads:
        def __init__(self, path: Path):
            order.append(path.name)
            self.parse = model(cost="ask_price") if "old" in path.name else model(cost="ask_price", ouch="ask_pain")

    models = project / "var" / "models"
    models.mkdir(parents=True)
    (models / "stria-old.tar.gz").touch()

    def trained() -> Path:
        order.append("trained")
        return models / "stria-new.tar.gz"

    for name, value in (("ROOT", project), ("MODELS", models), ("current_model", lambda: None), ("train", trained)):
        monkeypatch.setattr(train, name, value)
    monkeypatch.setattr(retrain, "Parser", Reads)
    retrain.main()
    assert order == ["stria-old.tar.gz", "trained", "stria-new.tar.gz"]
    assert "100.0 % now" in (project / "var" / "report" / "retrain.txt").read_text(encoding="utf-8") and "better by 1" in capsys.readouterr().out
    (models / "stria-old.tar.gz").unlink()
    with pytest.raises(SystemExit, match="no model to compare with"):
        retrain.main()
    (models / "stria-old.tar.gz").touch()
    monkeypatch.setattr(train, "current_model", lambda: models / "stria-old.tar.gz")
    retrain.main()
    assert "Nothing has changed" in capsys.readouterr().out
