"""Corrections become a patch that git takes: in the right file, once, without personal data, with who says so."""

import datetime as dt
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.urls import reverse

from bench.conversations import START, Events, turn
from clinic.review import patches
from clinic.review.patches import Fix, compose, example, held_out
from runtime.settings import ROOT

TODAY = dt.date(2026, 3, 26)
TAUGHT = next(text for text in (f"would the marks on my knees bother the needle number {n}" for n in range(99)) if not held_out(text))
TESTED = next(text for text in (f"would the marks on my hips bother the needle number {n}" for n in range(99)) if held_out(text))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A git repository with the files a patch may change."""
    for folder in ("data", "tests/nlu"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


def apply(project: Path, text: str) -> None:
    subprocess.run(["git", "apply", "-"], cwd=project, input=text.encode(), check=True)


def examples(project: Path, intent: str) -> list[str]:
    found = []
    for path in (project / "data").glob("*.yml"):
        for block in yaml.safe_load(path.read_text(encoding="utf-8")).get("nlu") or []:
            if block.get("intent") == intent:
                found += [line[2:] for line in block["examples"].splitlines()]
    return found


def fix(text: str, intent: str = "ask_suitability", kind: str = "intent", **more: Any) -> Fix:
    return Fix(kind, text, intent, "#7", "rui", **more)


def test_a_correction_goes_to_its_file_and_git_takes_it(project: Path) -> None:
    patch = compose([fix(TAUGHT), fix(TAUGHT.upper() + "!!"), fix(TESTED)], TODAY, project)
    assert len(patch.written) == 2 and patch.left_out[0][1] == "it is known already"
    assert "Reviewer: rui" in patch.text and "Source: #7" in patch.text and "2026-03-26" in patch.text
    apply(project, patch.text)
    assert TAUGHT in examples(project, "ask_suitability") and TESTED not in examples(project, "ask_suitability")
    rows = [json.loads(line) for line in (project / patches.HELD_OUT).read_text(encoding="utf-8").splitlines()]
    assert [(row["text"], row["intent"]) for row in rows][-1] == (TESTED, "ask_suitability")


def test_what_was_taught_wrongly_moves(project: Path) -> None:
    wrong = examples(project, "ask_price")[0]
    patch = compose([fix(wrong, "ask_payment")], TODAY, project)
    apply(project, patch.text)
    assert wrong not in examples(project, "ask_price")
    held = project / patches.HELD_OUT
    assert wrong in examples(project, "ask_payment") or (held.exists() and wrong in held.read_text(encoding="utf-8"))


def test_not_a_question_becomes_out_of_scope(project: Path) -> None:
    apply(project, compose([fix(TAUGHT, "out_of_scope", "none")], TODAY, project).text)
    assert TAUGHT in examples(project, "out_of_scope")


def test_a_missed_word_becomes_a_synonym(project: Path) -> None:
    one = fix("", "ask_body_area", "entity", words="Tumtum", entity="body_area", value="abdomen")
    patch = compose([one, one], TODAY, project)
    apply(project, patch.text)
    table = yaml.safe_load((project / "data/vocabulary/body_area.yml").read_text(encoding="utf-8"))
    assert "tumtum" in table["body_area"]["abdomen"] and patch.left_out[0][1] == "it is known already"


def test_a_dialogue_becomes_a_test(project: Path) -> None:
    turns = (("does it hurt", "ask_pain"), ("im [name] by the way", "inform"), ("and the price", "ask_price"))
    patch = compose([fix("and the price", "ask_price", "test", turns=turns), fix("x", "ask_price", "test", turns=turns[:1])], TODAY, project)
    apply(project, patch.text)
    cases = yaml.safe_load((project / patches.DIALOGUES).read_text(encoding="utf-8"))
    assert [step["user"] for step in cases[0]["steps"]] == ["does it hurt", "by the way", "and the price"] and len(cases) == 2
    assert compose([fix("and the price", "ask_price", "test", turns=turns)], TODAY, project).text == ""


@pytest.mark.parametrize(
    ("masked", "left"),
    [
        ("my name is [name] and does it hurt on knees", "and does it hurt on knees"),
        ("does it hurt, [name]", "does it hurt"),
        ("[phone]", ""),
        ("I'm [name]", ""),
        ("- intent: evil\n  examples: |", "intent: evil examples:"),
        ("[knees](body_area) {price} `x`", "knees(body_area) price x"),
        ("../../etc/passwd # comment", "../etc/passwd # comment"),
    ],
)
def test_an_example_holds_no_mask_and_no_markup(masked: str, left: str) -> None:
    assert example(masked) == left


@pytest.mark.parametrize(
    "hostile", ["x\n+++ b/Makefile\n@@ -1 +1 @@\n+evil: x", "diff --git a/Makefile b/Makefile", "--- a/clinic.yml", "@@ -1,1 +1,1 @@ does it hurt", "-- \n2.40"]
)
def test_a_message_cannot_change_another_file(project: Path, hostile: str) -> None:
    (project / "Makefile").write_text("all:\n", encoding="utf-8")
    patch = compose([fix(hostile), fix(hostile, "ask_price", "test", turns=((hostile, "ask_price"),)), fix(TAUGHT)], TODAY, project)
    apply(project, patch.text)
    changed = {line.split(" b/")[1] for line in patch.text.splitlines() if line.startswith("diff --git ")}
    assert (project / "Makefile").read_text(encoding="utf-8") == "all:\n"
    assert all(name.startswith(("data/", "tests/")) for name in changed)
    for path in (project / "data").glob("*.yml"):
        yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.usefixtures("sqlite_records", "clinic_file")
def test_from_the_page_to_the_file(bot: Events, ingest: Callable[[], int], login: Callable[..., Any], settings: Any, tmp_path: Path) -> None:
    from clinic.review.models import Correction, Message

    settings.PATCHES = tmp_path / "patches"
    bot.add("web:a", [*START, *turn(f"im Kerstin, {TAUGHT}", "nlu_fallback", "Pardon?", confidence=0.2), *turn("blah", "ask_price", "£190.")])
    ingest()
    client = login("reviewer")
    first, second = Message.objects.filter(who="person")
    client.post(reverse("review:correct", args=[first.pk]), {"kind": "intent", "other": "ask_suitability"})
    client.post(reverse("review:correct", args=[second.pk]), {"intent": "no_such_intent", "kind": "intent"})
    client.post(reverse("review:correct", args=[second.pk]), {"kind": "none"})
    assert {(c.kind, c.intent, c.was) for c in Correction.objects.all()} >= {
        ("intent", "ask_suitability", "nlu_fallback"),
        ("none", "out_of_scope", "ask_price"),
    }
    before = subprocess.run(["git", "status", "--porcelain", "data", "tests"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    client.post(reverse("review:write_patch"))
    after = subprocess.run(["git", "status", "--porcelain", "data", "tests"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert before == after  # nothing live has changed
    (file,) = (tmp_path / "patches").glob("*.patch")
    text = file.read_text(encoding="utf-8")
    assert TAUGHT in text and "Kerstin" not in text and "reviewer" in text and file.stat().st_mode & 0o077 == 0
    subprocess.run(["git", "apply", "--check", str(file)], cwd=ROOT, check=True)
    client.post(reverse("review:write_patch"))
    assert len(list((tmp_path / "patches").glob("*.patch"))) == 1
