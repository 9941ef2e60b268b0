"""What Stria knows, read from `data/` while it runs: answers with their sources, titles, and the clinic's own facts.

Files are looked at again when their time stamp changes, so a corrected answer or price is live with the next message.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import yaml

from knowledge import contraindications, facts
from knowledge.contraindications import Table
from knowledge.practice import read_clinic

ROOT = Path(__file__).resolve().parent.parent
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Addition:
    """One sentence that is added when all of `when` is known about the person."""

    when: Mapping[str, Sequence[str]]
    text: str
    sources: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The answer to one intent: `text` stands alone; the rest adapts, deepens and leads on."""

    intent: str
    text: str
    sources: Tuple[str, ...] = ()
    also: Tuple[Addition, ...] = ()
    more: str = ""
    more_sources: Tuple[str, ...] = ()
    next: Tuple[str, ...] = ()


@dataclass
class Knowledge:
    """Everything an answer is made from."""

    answers: Dict[str, Answer]
    titles: Dict[str, str]
    sources: Dict[str, Dict[str, Any]]
    clinic: Dict[str, Any]
    table: Table  # who is not treated, who waits, for whom a clinician decides
    screening: Dict[str, Any]  # what the suitability check says

    def facts(self) -> Dict[str, str]:
        return facts.facts(self.clinic)


def _answer(intent: str, variation: Mapping[str, Any]) -> Answer:
    meta = variation.get("metadata") or {}
    return Answer(
        intent=intent,
        text=variation["text"],
        sources=tuple(meta.get("sources") or ()),
        also=tuple(Addition(a["when"], a["text"], tuple(a.get("sources") or ())) for a in meta.get("also") or ()),
        more=meta.get("more") or "",
        more_sources=tuple(meta.get("more_sources") or ()),
        next=tuple(meta.get("next") or ()),
    )


def read_answers(folder: Path = ROOT / "data") -> Dict[str, Answer]:
    """Every `utter_<intent>` of the topic files, by intent."""
    answers: Dict[str, Answer] = {}
    for path in sorted(folder.glob("*.yml")):
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe loader)
        if not content:
            raise ValueError(f"{path.name} is empty.")
        for name, variations in (content.get("responses") or {}).items():
            intent = name[len("utter_") :]
            answers[intent] = _answer(intent, variations[0])
    return answers


def read_titles(path: Path = ROOT / "data" / "intent_titles.csv") -> Dict[str, str]:
    """Intent → the human title shown on buttons."""
    with path.open(encoding="utf-8", newline="") as lines:
        titles = {row["intent"]: row["title"] for row in csv.DictReader(lines)}
    if not titles:
        raise ValueError(f"{path.name} has no titles.")
    return titles


def read_sources(path: Path = ROOT / "data" / "sources.yml") -> Dict[str, Dict[str, Any]]:
    """Source key → title, publisher, year, address, grade."""
    sources = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    return {key: {"key": key, **value} for key, value in sources.items()}


def read_screening(path: Path = ROOT / "data" / "screening.yml") -> Dict[str, Any]:
    """Questions, buttons and sentences of the suitability check."""
    content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506
    for part in ("questions", "details", "buttons", "texts", "result"):
        if not isinstance(content.get(part), dict):
            raise ValueError(f"{path.name} has no {part}.")
    return dict(content)


class Library:
    """Knowledge that follows its files: each part is read anew when any file of it changed."""

    def __init__(self, root: Path = ROOT):
        self.root = root
        self._stamp: Optional[Tuple[Any, ...]] = None
        self._knowledge: Optional[Knowledge] = None

    def _files(self) -> List[Path]:
        data = self.root / "data"
        return [self.root / "clinic.yml", data / "intent_titles.csv", *sorted(data.glob("*.yml"))]

    def get(self) -> Knowledge:
        """The current knowledge. A file that has become unreadable keeps the last good state and is tried again next time."""
        try:
            stamp = tuple((str(p), p.stat().st_mtime_ns) for p in self._files())
        except OSError:  # a file vanished between listing and looking; it is being saved
            stamp = None
        if self._knowledge is None or stamp is None or stamp != self._stamp:
            try:
                self._knowledge = Knowledge(
                    answers=read_answers(self.root / "data"),
                    titles=read_titles(self.root / "data" / "intent_titles.csv"),
                    sources=read_sources(self.root / "data" / "sources.yml"),
                    clinic=read_clinic(self.root / "clinic.yml"),
                    table=contraindications.read_table(self.root / "data" / "contraindications.yml"),
                    screening=read_screening(self.root / "data" / "screening.yml"),
                )
                self._stamp = stamp
            except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError):
                if self._knowledge is None:
                    raise
        return self._knowledge


LIBRARY = Library()
