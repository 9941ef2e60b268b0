"""The table of danger signs: every row can be used, and the words people use are found and read as they are meant."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlu import red_flags
from nlu.red_flags import FOLDER, TableError, compile_phrase, find, load

ROOT = Path(__file__).resolve().parent.parent.parent
CONTENT = yaml.safe_load((FOLDER / "signs.yml").read_text(encoding="utf-8"))
SOURCES = yaml.safe_load((ROOT / "data" / "sources.yml").read_text(encoding="utf-8"))
SYMPTOMS = yaml.safe_load((ROOT / "data" / "vocabulary" / "symptom.yml").read_text(encoding="utf-8"))["symptom"]
LEVELS = {"emergency", "urgent", "mild", "crisis", "suspect", "companion"}
SYNTHESIS = "SYN"  # a rule the evidence file builds from several sources; a clinician approves it
Signs = Callable[[str], dict[str, bool]]


@pytest.fixture(scope="module")
def signs(nlp: Any) -> Signs:
    def read(text: str) -> dict[str, bool]:
        """Sign → whether it stands anywhere in the text."""
        found, _ = find(nlp(text), load())
        names = {f.sign.name for f in found}
        return {name: any(f.how.present for f in found if f.sign.name == name) for name in names}

    return read


@pytest.mark.parametrize("name", sorted(CONTENT["signs"]))
def test_a_sign_says_what_it_is_how_grave_and_where_that_stands(name: str) -> None:
    row = CONTENT["signs"][name]
    assert set(row) <= {"says", "level", "sources", "phrases", "symptoms", "certain"}
    assert row["says"] and row["level"] in LEVELS
    assert row["sources"] and set(row["sources"]) <= {*SOURCES, SYNTHESIS}
    assert set(row.get("symptoms") or ()) <= set(SYMPTOMS)
    assert row["phrases"]


@pytest.mark.parametrize("row", CONTENT["combinations"], ids=lambda r: r["says"])
def test_a_combination_names_signs_and_sources(row: dict[str, Any]) -> None:
    assert row["level"] in ("emergency", "urgent")
    assert set(row["sources"]) <= {*SOURCES, SYNTHESIS}
    assert len(row["all"]) > 1
    assert {name for options in row["all"] for name in options} <= set(CONTENT["signs"])


def test_the_table_says_who_answers_for_it() -> None:
    assert set(load().stamp()) == {"version", "reviewed_by", "reviewed_on"}
    assert load().version


@pytest.mark.parametrize(
    ("phrase", "text", "matches"),
    [
        ("throat|tongue .. swell*", "my throat is really swelling", True),
        ("throat|tongue .. swell*", "my throat . it is swelling", False),
        ("throat|tongue .. swell*", "throat a b c d swelling", False),
        ("passed (clean) out", "she passed clean out", True),
        ("passed (clean) out", "she passed outside", False),
        ("{both} now", "lips now", True),
        ("can_not .. breathe", "i can not even breathe", True),
        ("38.*", "38.6", True),
        ("hot", "shot", False),
    ],
)
def test_the_notation(phrase: str, text: str, matches: bool) -> None:
    import re

    assert (re.search(compile_phrase(phrase, {"both": "lip|lips"}), text) is not None) is matches


@pytest.mark.parametrize("phrase", ["", "..", "{nobody} now", "getting (bigger)", "(very) (hot)"])
def test_a_phrase_that_means_nothing_is_refused(phrase: str) -> None:
    with pytest.raises(TableError):
        compile_phrase(phrase, {})


def test_no_phrase_matches_nothing_at_all() -> None:
    for sign in load().signs:
        assert sign.pattern.search("") is None and sign.pattern.search(" a ") is None, sign.name


def test_an_unknown_sign_in_a_combination_is_refused() -> None:
    content = {"version": 1, "signs": {}, "combinations": [{"level": "urgent", "says": "x", "all": [["nothing"]]}]}
    with pytest.raises(TableError, match="nothing"):
        red_flags.build(content)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("cant breathe properly", "breathing"),
        ("my thoat is swelling up", "airway_swelling"),
        ("lips hav gone huge", "airway_swelling"),
        ("she passed out in the car park", "collapse"),
        ("hes having a fit", "seizure"),
        ("my heart keeps skipping", "heart"),
        ("shes not making sense", "confusion"),
        ("temp is 38.9", "fever"),
        ("i have a fever", "fever"),
        ("its wepping yellow stuff", "pus"),
        ("the redness is spreading up to my ribs", "spreading"),
        ("a red line going up my thigh", "red_streak"),
        ("its been bleeding and wont stop", "bleeding_on"),
        ("little watery bubbles where the pen went", "blister"),
        ("i want to die", "crisis"),
        ("thinking of killing myself", "crisis"),
        ("i dont want to wake up anymore", "crisis"),
    ],
)
def test_a_sign_is_found_where_it_stands(signs: Signs, text: str, sign: str) -> None:
    assert signs(text).get(sign) is True


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("no fever at all", "fever"),
        ("can it cause infection", "infection"),
        ("what if my throat swells", "airway_swelling"),
        ("i had a seizure as a child", "seizure"),
        ("does it bleed a lot, will it blister", "blister"),
        ("never passed out, no fits", "collapse"),
    ],
)
def test_a_sign_denied_imagined_or_over_does_not_stand(signs: Signs, text: str, sign: str) -> None:
    assert signs(text).get(sign, False) is False


@pytest.mark.parametrize(
    "text",
    [
        "i'm dying to get rid of these",
        "breathe easy, only asking the price",
        "died laughing at your reel",
        "the stairs leave me out of breath",
        "nearly had a heart attack when i saw the price",
        "the red lines on my hips are from my pregnancy",
        "i nearly lost the will to live with your parking",
        "a hot bath",
    ],
)
def test_a_manner_of_speaking_is_no_sign(signs: Signs, text: str) -> None:
    table = {s.name: s.level for s in load().signs}
    assert not {name for name, stands in signs(text).items() if stands and table[name] in ("emergency", "urgent", "crisis")}
