"""The words of the trade: `data/vocabulary/<label>.yml` maps each canonical value to the ways people write it."""

from pathlib import Path
from typing import Dict, List

import yaml

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "data" / "vocabulary"

Vocabulary = Dict[str, Dict[str, List[str]]]


def load(folder: Path = FOLDER) -> Vocabulary:
    """Read every table: `{label: {canonical value: [synonym, …]}}`. A canonical value matches only where it is listed itself."""
    tables: Vocabulary = {}
    for path in sorted(folder.glob("*.yml")):
        for label, values in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            table = tables.setdefault(label, {})
            for value, synonyms in values.items():
                table[str(value)] = list(dict.fromkeys(str(s).lower() for s in synonyms or []))
    return tables
