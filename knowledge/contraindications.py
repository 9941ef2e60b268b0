"""The contraindication table `data/contraindications.yml`, read and checked: what a clinician signs is what the engine follows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, FrozenSet, Mapping, Optional, Tuple

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

ROOT = Path(__file__).resolve().parent.parent
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TableError(ValueError):
    """The table cannot be used; the message says which row to mend."""


CATEGORIES = ("wait", "clinician_first", "do_not_treat")  # mildest first
QUESTIONS = ("adult", "birth", "conditions", "medicines", "allergies", "scars", "recent")
DETAILS = ("now", "here", "controlled", "own", "depth", "when")

_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT}
_WAIT = {
    "type": "object",
    "properties": {**{unit: {"type": "integer", "minimum": 1} for unit in ("days", "weeks", "months")}, "from": _TEXT, "until": _TEXT},
    "additionalProperties": False,
    "oneOf": [
        {"required": ["days", "from"]},
        {"required": ["weeks", "from"]},
        {"required": ["months", "from"]},
        {"required": ["until"]},
    ],
}
_RULE: Dict[str, Any] = {"advice": _TEXT, "wait": _WAIT, "until": _TEXT, "bring": _TEXTS, "sources": _TEXTS}
_CASE = {
    "type": "object",
    "properties": {
        **_RULE,
        "category": {"enum": [*CATEGORIES, "none"]},
        "when": {
            "type": "object",
            "minProperties": 1,
            "properties": {**dict.fromkeys(DETAILS, _TEXT), "value": {**_TEXTS, "minItems": 1}},
            "additionalProperties": False,
        },
    },
    "required": ["when", "category"],
    "additionalProperties": False,
    "if": {"properties": {"category": {"const": "wait"}}},
    "then": {"required": ["wait", "advice"]},
}
_ROW = {
    "type": "object",
    "properties": {
        **_RULE,
        "key": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "condition": _TEXT,
        "question": {"enum": list(QUESTIONS)},
        "category": {"enum": list(CATEGORIES)},
        "intent": _TEXT,
        "family": {"type": "boolean"},
        "no_selling": {"type": "boolean"},
        "ends_check": {"type": "boolean"},
        "follow_up": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "properties": {"detail": {"enum": list(DETAILS)}, "ask": _TEXT},
                "required": ["detail", "ask"],
                "additionalProperties": False,
            },
        },
        "cases": {"type": "array", "items": _CASE, "minItems": 1},
        "synonyms": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "array"}},
        },
    },
    "required": ["key", "condition", "question", "category", "advice", "intent", "sources", "synonyms"],
    "additionalProperties": False,
    "if": {"properties": {"category": {"const": "wait"}}},
    "then": {"required": ["wait"]},
}
SCHEMA: Dict[str, Any] = {
    "type": "object",
    "properties": {
        "version": _TEXT,
        "date": {"type": "string", "format": "date", "pattern": r"^\d{4}-\d\d-\d\d$"},
        "reviewed_by": {"type": ["string", "null"], "minLength": 1},
        "reviewed_on": {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\d$"},
        "noted": {"type": "object", "additionalProperties": _TEXTS},
        "rows": {"type": "array", "minItems": 1, "items": _ROW},
    },
    "required": ["version", "date", "reviewed_by", "reviewed_on", "noted", "rows"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Wait:
    """How long to wait: `amount` whole `unit`s ("days", "weeks", "months") from something, or `until` something without a date."""

    amount: int = 0
    unit: str = "days"
    since: str = ""
    until: str = ""


@dataclass(frozen=True)
class Rule:
    """What holds in one case: the category ("none": nothing), what is said, how long, what to bring, and the source keys."""

    category: str
    advice: str
    wait: Optional[Wait] = None
    until: str = ""
    bring: Tuple[str, ...] = ()
    sources: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A rule and when it holds: details (name → text) and, if any are named, canonical values."""

    when: Tuple[Tuple[str, str], ...]
    values: FrozenSet[str]
    rule: Rule


@dataclass(frozen=True)
class Row:
    """One line of the register. `found_as`: (entity label, canonical value) pairs that mean it."""

    key: str
    condition: str
    question: str
    intent: str
    rule: Rule
    cases: Tuple[Case, ...]
    found_as: FrozenSet[Tuple[str, str]]
    asks: Tuple[Tuple[str, str], ...] = ()  # (detail, question)
    family: bool = False
    no_selling: bool = False
    ends_check: bool = False

    def rule_for(self, value: str, details: Mapping[str, str]) -> Rule:
        """The first case that is met, else the row's own rule."""
        for case in self.cases:
            if (not case.values or value in case.values) and all(details.get(name) == wanted for name, wanted in case.when):
                return case.rule
        return self.rule


@dataclass(frozen=True)
class Table:
    """All rows, with the version that every result names and who signed it."""

    version: str
    date: str
    reviewed_by: Optional[str]
    reviewed_on: Optional[str]
    rows: Mapping[str, Row]
    owners: Mapping[Tuple[str, str], str]
    noted: FrozenSet[Tuple[str, str]]

    def row_of(self, label: str, value: str) -> Optional[Row]:
        """The row that an entity means, or None."""
        key = self.owners.get((label, value))
        return self.rows[key] if key else None


def _wait(entry: Optional[Mapping[str, Any]]) -> Optional[Wait]:
    if entry is None:
        return None
    if "until" in entry:
        return Wait(until=entry["until"])
    unit = next(unit for unit in ("days", "weeks", "months") if unit in entry)
    return Wait(entry[unit], unit, entry["from"])


def _rule(entry: Mapping[str, Any], base: Optional[Rule] = None) -> Rule:
    """A case takes what it does not name from its row, but neither the wait nor the end of another category."""
    return Rule(
        category=entry["category"],
        advice=entry.get("advice") or (base.advice if base else ""),
        wait=_wait(entry.get("wait")),
        until=entry.get("until", ""),
        bring=tuple(entry.get("bring", base.bring if base else ())),
        sources=tuple(entry.get("sources", base.sources if base else ())),
    )


def _row(entry: Mapping[str, Any]) -> Row:
    base = _rule(entry)
    cases = []
    for case in entry.get("cases") or []:
        when = {name: wanted for name, wanted in case["when"].items() if name != "value"}
        cases.append(Case(tuple(sorted(when.items())), frozenset(case["when"].get("value", ())), _rule(case, base)))
    return Row(
        key=entry["key"],
        condition=entry["condition"],
        question=entry["question"],
        intent=entry["intent"],
        rule=base,
        cases=tuple(cases),
        found_as=frozenset((label, str(value)) for label, values in entry["synonyms"].items() for value in values),
        asks=tuple((question["detail"], question["ask"]) for question in entry.get("follow_up") or ()),
        family=entry.get("family", False),
        no_selling=entry.get("no_selling", False),
        ends_check=entry.get("ends_check", False),
    )


def read_table(path: Path = ROOT / "data" / "contraindications.yml") -> Table:
    """Parse and check the table. Raises TableError with a sentence that says what to mend."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 (a safe loader)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise TableError(f"{path.name} could not be read: {error}") from error
    problem = best_match(Draft7Validator(SCHEMA).iter_errors(content))
    if problem is not None:
        steps = list(problem.absolute_path)
        if len(steps) > 1 and steps[0] == "rows":
            steps[1] = content["rows"][steps[1]].get("key", steps[1])
        place = " → ".join(map(str, steps)) or "the file as a whole"
        raise TableError(f"{path.name}, at {place}: {problem.message[:300]}.")
    rows: Dict[str, Row] = {}
    owners: Dict[Tuple[str, str], str] = {}
    for entry in content["rows"]:
        row = _row(entry)
        if row.key in rows:
            raise TableError(f"{path.name} has the row {row.key!r} twice.")
        for pair in row.found_as:
            if pair in owners:
                raise TableError(f"{path.name}: {pair[1]!r} ({pair[0]}) stands in the rows {owners[pair]!r} and {row.key!r}.")
            owners[pair] = row.key
        rows[row.key] = row
    noted = frozenset((label, value) for label, values in content["noted"].items() for value in values)
    return Table(content["version"], content["date"], content["reviewed_by"], content["reviewed_on"], rows, owners, noted)
