"""The catalogue is complete: every intent can be understood, named on a button and answered. `rasa data validate` sees none of this."""

import csv
import json
import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk import Action

import actions.dialogue
import actions.forms  # noqa: F401  (with the line above: defines the action classes)

ROOT = Path(__file__).resolve().parent.parent.parent
DATA = ROOT / "data"
NOT_RASA = ("sources.yml", "contraindications.yml", "screening.yml")  # tables that answers and the check refer to
RASAS_OWN = {"nlu_fallback"}  # an intent that no message teaches
RASAS_RULE = {"restart"}  # answered by Rasa's own action_restart

# The intents that were agreed on; none may be renamed or dropped.
CATALOGUE = """
report_emergency report_urgent_symptom report_mild_symptom express_crisis express_distress
ask_what_are_stretch_marks ask_causes ask_natural_fading ask_prevention
ask_how_it_works ask_procedure ask_session_length ask_pain ask_device ask_practitioner ask_safety ask_body_area ask_preparation
ask_suitability ask_contraindications ask_mark_age ask_skin_tone ask_pregnancy ask_breastfeeding ask_after_birth ask_keloid ask_isotretinoin
ask_medication ask_skin_condition ask_medical_condition ask_allergy ask_age_limit ask_weight_change ask_recent_treatment start_screening
ask_session_count ask_session_interval ask_maintenance
ask_effectiveness ask_results_time ask_results_permanence ask_before_after ask_no_results
ask_downtime ask_work
ask_aftercare ask_sun ask_exercise ask_water ask_skincare ask_makeup_tan ask_hair_removal ask_clothing ask_alcohol_smoking ask_painkillers ask_intimacy
ask_side_effects
ask_alternatives ask_laser ask_creams ask_rf_microneedling ask_prp ask_combination ask_home_device ask_surgery ask_other_concern
ask_price ask_payment ask_opening_hours ask_location ask_contact ask_consultation ask_policies ask_privacy ask_waiting_time
book_consultation reschedule_booking cancel_booking check_booking request_human make_complaint delete_my_data
greet goodbye thank affirm deny inform stop go_back skip ask_why ask_capabilities bot_challenge repeat restart react_positive react_negative out_of_scope
""".split()


@lru_cache(maxsize=1)
def topics() -> dict[str, dict[str, Any]]:
    """The Rasa files of `data/` by name."""
    return {p.name: yaml.load(p.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) for p in sorted(DATA.glob("*.yml")) if p.name not in NOT_RASA}


@lru_cache(maxsize=1)
def domain() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))


def intents() -> list[str]:
    return [i if isinstance(i, str) else next(iter(i)) for i in domain()["intents"]]


@lru_cache(maxsize=1)
def examples() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for content in topics().values():
        for block in content.get("nlu") or []:
            found[block["intent"]] += [line.strip()[2:] for line in block["examples"].splitlines() if line.strip()]
    return dict(found)


def steps(kind: str) -> list[tuple[str, dict[str, Any]]]:
    """(name of the rule or story, step) of every step in `rules` or `stories`."""
    singular = {"rules": "rule", "stories": "story"}[kind]
    return [(entry[singular], step) for content in topics().values() for entry in content.get(kind) or [] for step in entry["steps"]]


def titles() -> list[dict[str, str]]:
    with (DATA / "intent_titles.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def spoken(text: str) -> str:
    """`text` without case and punctuation; a message of signs only stays as it is."""
    return " ".join(re.findall(r"\w+", text.lower())) or text


def different(messages: list[str], enough: int) -> int:
    """How many of `messages` share less than four fifths of their words with each other; stops counting at `enough`."""
    kept: list[frozenset[str]] = []
    for message in messages:
        words = frozenset(spoken(message).split())
        if all(len(words & other) < 0.8 * len(words | other) for other in kept):
            kept.append(words)
        if len(kept) == enough:
            break
    return len(kept)


def wanted(intent: str) -> int:
    if intent == "out_of_scope":
        return 600
    return 60 if intent.startswith(("ask_", "report_", "express_")) or intent == "start_screening" else 40


@pytest.mark.parametrize("intent", CATALOGUE)
def test_the_agreed_intents_are_all_there(intent: str) -> None:
    assert intent in intents()


@pytest.mark.parametrize("intent", sorted(set(intents()) - set(CATALOGUE)))
def test_an_added_intent_is_explained(intent: str) -> None:
    assert f"`{intent}`" in "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs").glob("*.md"))


def test_no_intent_is_listed_twice() -> None:
    assert len(intents()) == len(set(intents()))


@pytest.mark.parametrize("name", sorted(p.name for p in DATA.glob("*.yml") if p.name not in NOT_RASA))
def test_topic_files_are_written_for_this_rasa(name: str) -> None:
    assert topics()[name]["version"] == "3.1"  # text: a bare 3.1 is refused


@pytest.mark.parametrize("intent", intents())
def test_every_intent_has_enough_really_different_examples(intent: str) -> None:
    assert different(examples().get(intent, []), wanted(intent)) == wanted(intent)


@pytest.mark.parametrize("intent", intents())
def test_every_intent_has_a_title_an_answer_and_a_rule(intent: str) -> None:
    assert [row["title"] for row in titles() if row["intent"] == intent and row["title"].strip()], "no title"
    assert [name for name, content in topics().items() if f"utter_{intent}" in (content.get("responses") or {})], "no answer"
    if intent not in RASAS_RULE:
        rules = [rule for rule, step in steps("rules") if step.get("intent") == intent]
        assert len(rules) == 1, f"rules: {rules}"


def test_nothing_belongs_to_an_intent_that_does_not_exist() -> None:
    named = {
        "examples": set(examples()),
        "titles": {row["intent"] for row in titles()},
        "answers": {name.removeprefix("utter_") for content in topics().values() for name in content.get("responses") or {}},
        "rules and stories": {step["intent"] for kind in ("rules", "stories") for _, step in steps(kind) if "intent" in step} - RASAS_OWN,
    }
    assert {where: names - set(intents()) for where, names in named.items() if names - set(intents())} == {}


def test_titles_can_be_told_apart() -> None:
    seen = [row["title"].strip().lower() for row in titles()]
    assert sorted(seen) == sorted(set(seen))


def test_no_sentence_teaches_two_intents() -> None:
    homes: dict[str, dict[str, str]] = defaultdict(dict)
    for intent, messages in examples().items():
        for message in messages:
            homes[spoken(message)][intent] = message
    doubled = [", ".join(f"{text!r} ({intent})" for intent, text in places.items()) for places in homes.values() if len(places) > 1]
    assert not doubled, "\n".join(doubled)


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "nlu").glob("*.jsonl")), ids=lambda p: p.name)
def test_no_test_message_is_trained_on(path: Path) -> None:
    trained = {spoken(message) for messages in examples().values() for message in messages}
    asked = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert [text for text in asked if spoken(text) in trained] == []


def test_every_action_has_a_class_and_a_place_in_the_domain() -> None:
    def below(kind: type) -> set[type]:
        return {c for sub in kind.__subclasses__() for c in {sub, *below(sub)}}

    classes = {c().name() for c in below(Action) if c.__module__.startswith("actions.") and not getattr(c, "__abstractmethods__", None)}
    used = {step["action"] for kind in ("rules", "stories") for _, step in steps(kind) if "action" in step}
    forms = set(domain().get("forms") or ())
    rasas = {"action_listen"}
    assert used - classes - forms - rasas == set()
    assert set(domain()["actions"]) == classes
    assert {f"validate_{form}" for form in forms} <= classes


def test_answers_spoken_of_in_the_code_exist() -> None:
    named = {name for path in (ROOT / "actions").glob("*.py") for name in re.findall(r"[\"']utter_(\w+)[\"']", path.read_text(encoding="utf-8"))}
    assert named <= set(intents())
