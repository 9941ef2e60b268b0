"""Reads the topic files for Rasa: each once, with YAML's C parser, where Rasa's own importer parses each four times in Python.

Forty thousand messages are read in seconds instead of half a minute. What is unusual (entities in brackets, synonyms, metadata) is left to Rasa's reader.
"""

import hashlib
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple, Union

import rasa.shared.data
import yaml
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
from rasa.shared.core.training_data.structures import StoryGraph, StoryStep
from rasa.shared.importers.rasa import RasaFileImporter
from rasa.shared.importers.utils import story_graph_from_paths
from rasa.shared.nlu.training_data import loading
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

NLU = "nlu"
STORIES = ("stories", "rules")
_ENTITY = re.compile(r"\][\[({]")  # "[thighs](body_area)"


class Example(Message):
    """A message with an intent, cheap to copy and to compare: what components add to it follows from its text and their own fingerprints."""

    def __deepcopy__(self, memo: Any) -> "Example":
        twin = Example(self.data, set(self.output_properties), self.time, list(self.features))
        twin._cached_fingerprint = self._cached_fingerprint
        return twin

    def set(self, prop: str, info: Any, add_to_output: bool = False) -> None:
        """As Rasa's, without forgetting the fingerprint."""
        known = self.fingerprint()
        super().set(prop, info, add_to_output)
        self._cached_fingerprint = known

    def fingerprint(self) -> str:
        """Of the text and the intent."""
        if self._cached_fingerprint is None:
            self._cached_fingerprint = hashlib.md5(f"{self.data['text']}\0{self.data['intent']}".encode(), usedforsecurity=False).hexdigest()
        return self._cached_fingerprint


class TopicFiles(RasaFileImporter):
    """Rasa's importer for a folder of topic files (`nlu`, `responses`, `rules` or `stories` in one file), several times as quick."""

    def __init__(
        self, config_file: Optional[str] = None, domain_path: Optional[str] = None, training_data_paths: Optional[Union[List[str], str]] = None, **_: Any
    ) -> None:
        self.config_file, self._domain_path = config_file, domain_path
        files = rasa.shared.data.get_data_files(training_data_paths, rasa.shared.data.is_likely_yaml_file)
        contents = {path: _content(path) for path in files}
        self._nlu = {path: content for path, content in contents.items() if content.keys() & {NLU, "responses"}}
        self._stories = {path: content for path, content in contents.items() if content.keys() & set(STORIES)}
        self._tests = [path for path in self._stories if YAMLStoryReader._has_test_prefix(path)]

    def get_stories(self, exclusion_percentage: Optional[int] = None) -> StoryGraph:
        """Stories and rules of every file, in the order of the files' names. Shares to leave out are Rasa's business."""
        if exclusion_percentage:
            return story_graph_from_paths(list(self._stories), self.get_domain(), exclusion_percentage)
        domain, steps = self.get_domain(), []
        for path, content in self._stories.items():
            told = {key: content[key] for key in STORIES if key in content}
            found: List[StoryStep] = YAMLStoryReader(domain, path).read_from_parsed_yaml(told)
            steps += found
        return StoryGraph(steps)

    def get_conversation_tests(self) -> StoryGraph:
        """The stories of files whose name begins with `test_`."""
        return story_graph_from_paths(self._tests, self.get_domain())

    def get_nlu_data(self, language: Optional[str] = "en") -> TrainingData:
        """Every message with its intent, and the responses, in the order of the files' names."""
        parts: List[TrainingData] = []
        for path, content in self._nlu.items():
            plain = plain_examples(content.get(NLU) or [])
            if plain is None:
                parts.append(loading.load_data(path, language or "en"))
            else:
                messages = [Example({"text": text, "intent": intent}) for text, intent in plain]
                parts.append(TrainingData(messages, responses=content.get("responses") or {}))
        return TrainingData().merge(*parts)


def plain_examples(blocks: List[Any]) -> Optional[List[Tuple[str, str]]]:
    """(message, intent) of blocks with nothing but an intent and a text of lines that begin with "-"; None where there is anything else."""
    found = []
    for block in blocks:
        if not isinstance(block, dict) or block.keys() != {"intent", "examples"} or not isinstance(block["examples"], str) or "/" in block["intent"]:
            return None
        for line in block["examples"].splitlines():
            if not line.startswith("-") or _ENTITY.search(line):
                return None
            found.append((line[1:].strip(), block["intent"]))
    return found


def _content(path: str) -> Dict[str, Any]:
    content = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (a safe loader)
    return content if isinstance(content, dict) else {}
