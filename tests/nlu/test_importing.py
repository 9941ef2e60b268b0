"""The quick reading of topic files gives Rasa exactly what its own importer gives it."""

import copy
from pathlib import Path
from typing import Any, Dict, List

import pytest
import yaml
from rasa.shared.importers.importer import TrainingDataImporter
from rasa.shared.nlu.training_data.message import Message

from nlu.importing import Example, TopicFiles, plain_examples

TOPIC = """
nlu:
- intent: ask_pain
  examples: |
    - does it hurt
    -   Will it sting?  [asking for a friend]
    - does it hurt
    - "quoted", and – dashes
rules:
- rule: pain
  steps:
  - intent: ask_pain
  - action: utter_pain
responses:
  utter_pain:
  - text: A little.
"""
UNUSUAL = """
nlu:
- intent: inform
  examples: |
    - on my [thighs](area)
- synonym: thigh
  examples: |
    - thighs
stories:
- story: two
  steps:
  - intent: inform
  - action: utter_pain
"""
DOMAIN = {"intents": ["ask_pain", "inform"], "entities": ["area"], "actions": [], "responses": {"utter_pain": [{"text": "A little."}]}}


@pytest.fixture()
def project(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "b_pain.yml").write_text(TOPIC, encoding="utf-8")
    (tmp_path / "data" / "a_places.yml").write_text(UNUSUAL, encoding="utf-8")
    (tmp_path / "data" / "list.yml").write_text("- nothing of Rasa's\n", encoding="utf-8")
    (tmp_path / "domain.yml").write_text(yaml.safe_dump(DOMAIN), encoding="utf-8")
    return tmp_path


def read(project: Path, config: Dict[str, Any]) -> List[Any]:
    path = project / "config.yml"
    path.write_text(yaml.safe_dump({"language": "en", **config}), encoding="utf-8")
    importer = TrainingDataImporter.load_from_config(str(path), str(project / "domain.yml"), [str(project / "data")])
    return [importer.get_nlu_data(), importer.get_stories(), importer.get_domain()]


def test_it_reads_what_rasa_reads(project: Path) -> None:
    ours, rasas = (read(project, config) for config in ({"importers": [{"name": "nlu.importing.TopicFiles"}]}, {}))
    told = [[(m.get("text"), m.get("intent"), m.get("entities")) for m in data.training_examples] for data in (ours[0], rasas[0])]
    assert told[0] == told[1]
    assert ("Will it sting?  [asking for a friend]", "ask_pain", None) in told[0]
    assert ours[0].entity_synonyms == rasas[0].entity_synonyms
    assert ours[0].responses == rasas[0].responses
    assert ours[1].fingerprint() == rasas[1].fingerprint()
    assert ours[2].fingerprint() == rasas[2].fingerprint()


def test_stories_of_test_files_are_tests(project: Path) -> None:
    (project / "test_stories.yml").write_text("stories:\n- story: t\n  steps:\n  - user: hi\n    intent: ask_pain\n  - action: utter_pain\n", encoding="utf-8")
    importer = TopicFiles(None, str(project / "domain.yml"), [str(project / "test_stories.yml")])
    assert [step.block_name for step in importer.get_conversation_tests().story_steps] == ["t"]


@pytest.mark.parametrize(
    "block", [{"intent": "a", "examples": "- x", "metadata": {}}, {"intent": "a/b", "examples": "- x"}, {"synonym": "a", "examples": "- x"}, "x"]
)
def test_anything_unusual_is_left_to_rasa(block: Any) -> None:
    assert plain_examples([block]) is None


def test_an_example_stays_the_same_to_rasa_whatever_is_set_on_it() -> None:
    one = Example({"text": "does it hurt", "intent": "ask_pain"})
    before = one.fingerprint()
    one.set("clinic_doc", object())
    assert one.fingerprint() == before == copy.deepcopy(one).fingerprint()
    assert one == Example({"text": "does it hurt", "intent": "ask_pain"})
    assert one != Example({"text": "does it hurt", "intent": "ask_price"})
    assert isinstance(copy.deepcopy(one), Message)
