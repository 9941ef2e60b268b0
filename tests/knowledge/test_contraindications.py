"""The table a clinician signs: complete, sourced, in plain and careful words, and refused with a sentence when it is damaged."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions import output_guard
from knowledge import contraindications
from knowledge.contraindications import TableError, read_table
from knowledge.library import ROOT, Knowledge
from tests.content.test_answers import CLAIMS, grade

PATH = ROOT / "data" / "contraindications.yml"
TABLE = read_table()

# Every line of the clinical register's list, as the key of its row.
REGISTER = """
pregnancy breastfeeding active_infection cold_sores broken_skin eczema psoriasis_vitiligo_lichen keloid bleeding_disorder blood_thinner diabetes immune
hiv_hepatitis cancer_treatment steroids skin_cancer_mole isotretinoin topical_retinoid numbing_allergy metal_allergy numbing_caution sunburn_tan peel
laser_waxing filler botulinum surgery tattoo scleroderma under_18 body_dysmorphia unwell needle_fear
""".split()
UNSOURCED = {"needle_fear"}  # the register found no page for it


def texts() -> list[tuple[str, str]]:
    found = []
    for row in TABLE.rows.values():
        rules = [row.rule, *(case.rule for case in row.cases)]
        found += [(row.key, text) for rule in rules for text in (rule.advice, rule.until, *rule.bring) if text]
        found += [(row.key, ask) for _, ask in row.asks]
    return sorted(set(found))


@pytest.mark.parametrize("key", REGISTER)
def test_every_line_of_the_register_has_its_row(key: str) -> None:
    row = TABLE.rows[key]
    assert row.condition and row.rule.advice and row.found_as
    assert row.rule.sources or key in UNSOURCED


def test_the_table_says_which_it_is_and_who_signed_it() -> None:
    assert TABLE.version and re.fullmatch(r"\d{4}-\d\d-\d\d", TABLE.date)
    assert (TABLE.reviewed_by is None) == (TABLE.reviewed_on is None)


@pytest.mark.parametrize("key", sorted(TABLE.rows))
def test_what_a_row_points_to_exists(key: str, knowledge: Knowledge) -> None:
    row = TABLE.rows[key]
    cited = {source for rule in (row.rule, *(c.rule for c in row.cases)) for source in rule.sources}
    assert cited <= set(knowledge.sources)
    assert row.intent in knowledge.answers
    values = {value for _, value in row.found_as}
    assert all(case.values <= values for case in row.cases)


@pytest.mark.parametrize(("key", "text"), texts())
def test_words_are_plain_and_promise_nothing(key: str, text: str) -> None:
    assert output_guard.findings(text, CLAIMS, template=True) == []
    assert not re.search(r"\bsafe\b|\bsuitable\b|\bwill be fine\b|\bstop (?:taking|your)\b", text, re.I)
    assert len(text.split()) <= 45 and (len(text.split()) < 8 or grade(text) <= 10)


def test_each_word_has_one_owner() -> None:
    owned: dict[str, str] = {}
    for row in yaml.safe_load(PATH.read_text(encoding="utf-8"))["rows"]:
        for label, values in row["synonyms"].items():
            for value, synonyms in values.items():
                for word in map(str, synonyms):
                    assert owned.setdefault(f"{label} {word.lower()}", f"{row['key']} {value}") == f"{row['key']} {value}", word
    for path in (ROOT / "data" / "vocabulary").glob("*.yml"):
        for label, values in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            doubled = [word for synonyms in values.values() for word in synonyms or [] if f"{label} {str(word).lower()}" in owned]
            assert not doubled, f"{path.name}: {doubled}"


def damaged(change: Callable[[dict[str, Any]], None], folder: Path) -> Path:
    content = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    change(content)
    path = folder / "contraindications.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["rows"][3].update(category="maybe"), "breast|planning|maybe"),
        (lambda c: c["rows"][0].pop("advice"), "under_18"),
        (lambda c: c["rows"].append(dict(c["rows"][5])), "twice|stands in"),
        (lambda c: c["rows"][2]["synonyms"].update(condition={"under_18": []}), "stands in the rows"),
        (lambda c: c.pop("version"), "version"),
        (lambda c: next(r for r in c["rows"] if r["key"] == "peel").update(wait={"months": 0, "from": "x"}), "peel"),
        (lambda c: next(r for r in c["rows"] if r["key"] == "peel").pop("wait"), "peel"),
        (lambda c: c["rows"][0].update(colour="red"), "colour"),
        (lambda c: c.update(reviewed_on="yesterday"), "reviewed_on"),
    ],
)
def test_a_damaged_table_is_refused_with_its_place(change: Any, told: str, tmp_path: Path) -> None:
    with pytest.raises(TableError, match=told):
        read_table(damaged(change, tmp_path))


def test_an_unreadable_table_is_refused(tmp_path: Path) -> None:
    for content in ("rows: [", "", "- 1"):
        path = tmp_path / "contraindications.yml"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(TableError, match=r"contraindications\.yml"):
            read_table(path)
    with pytest.raises(TableError, match="could not be read"):
        read_table(tmp_path / "none.yml")


def test_adding_a_contraindication_is_adding_a_row(tmp_path: Path) -> None:
    new = {
        "key": "gout",
        "condition": "Gout",
        "question": "conditions",
        "category": "clinician_first",
        "advice": "With gout our clinician decides first.",
        "intent": "ask_medical_condition",
        "sources": ["R59"],
        "synonyms": {"condition": {"gout_attack": ["gouty toe", "gout attack"]}},
    }
    path = damaged(lambda c: c["rows"].append(new), tmp_path)
    assert read_table(path).row_of("condition", "gout_attack") is not None
    from nlu import vocabulary

    assert vocabulary.load(contraindications=path)["condition"]["gout_attack"] == ["gouty toe", "gout attack"]
    assert vocabulary.content_hash(vocabulary.load(contraindications=path)) != vocabulary.content_hash(vocabulary.load())


def test_a_changed_advice_needs_no_new_model(tmp_path: Path) -> None:
    from nlu import vocabulary

    path = damaged(lambda c: (c["rows"][0].update(advice="Other words."), c.update(reviewed_by="Dr Osei", reviewed_on="2026-12-01")), tmp_path)
    assert vocabulary.content_hash(vocabulary.load(contraindications=path)) == vocabulary.content_hash(vocabulary.load())
    assert read_table(path).reviewed_by == "Dr Osei"


def test_categories_are_those_of_the_register() -> None:
    assert {row.rule.category for row in TABLE.rows.values()} == set(contraindications.CATEGORIES)
