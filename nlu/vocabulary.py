"""The words of the trade: each canonical value and the ways people write it, from `data/vocabulary/` and the contraindication table.

A word that decides about a treatment stands in its row of `data/contraindications.yml`, all others in `data/vocabulary/<label>.yml`.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Dict, List, Mapping

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "data" / "vocabulary"
CONTRAINDICATIONS = ROOT / "data" / "contraindications.yml"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Vocabulary = Dict[str, Dict[str, List[str]]]


def load(folder: Path = FOLDER, contraindications: Path = CONTRAINDICATIONS) -> Vocabulary:
    """Read every table: `{label: {canonical value: [synonym, …]}}`. A canonical value matches only where it is listed itself."""
    tables: Vocabulary = {}
    for path in sorted(folder.glob("*.yml")):
        _add(tables, _read(path))
    if contraindications.exists():
        for row in _read(contraindications)["rows"]:
            _add(tables, row["synonyms"])
    return tables


def of_rows(contraindications: Path = CONTRAINDICATIONS) -> Vocabulary:
    """The words of the contraindication table alone, those that it only points to included."""
    everything = load(contraindications=contraindications)
    tables: Vocabulary = {}
    for row in _read(contraindications)["rows"]:
        for label, values in row["synonyms"].items():
            tables.setdefault(label, {}).update({str(value): everything[label][str(value)] for value in values})
    return tables


def content_hash(tables: Vocabulary) -> str:
    """Over the words alone, so that a changed advice or source of a row does not make a new model."""
    return hashlib.sha256(json.dumps(tables, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _read(path: Path) -> Any:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe loader)


def _add(tables: Vocabulary, more: Mapping[str, Mapping[str, Any]]) -> None:
    for label, values in more.items():
        table = tables.setdefault(label, {})
        for value, synonyms in values.items():
            words = table.setdefault(str(value), [])
            words += [word for word in dict.fromkeys(str(s).lower() for s in synonyms or []) if word not in words]
