"""`python -m nlu.safety_report FILE…`: how the safety guard does on messages whose level is known, one JSON object a line: {"text", "level"}."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from runtime.settings import prepare_environment

ROOT = Path(__file__).resolve().parent.parent
EXAMINATIONS = sorted((ROOT / "tests" / "nlu").glob("redflag*.jsonl"))  # each by a hand that wrote nothing else
ALARMING = ("emergency", "crisis", "urgent")
LEVELS = (*ALARMING, "mild", "distress", "none")

# What counts as caught: too careful is no miss, but despair is not answered like a rash.
CAUGHT = {"emergency": ("emergency",), "crisis": ("crisis", "emergency"), "urgent": ("urgent", "emergency"), "mild": ("mild",), "distress": ("distress",)}


class Judged(NamedTuple):
    """A message, the level a nurse gave, the level the guard gave, and which parts fired for it."""

    text: str
    wanted: str
    given: str
    parts: Tuple[str, ...]


def read(path: Path) -> List[Tuple[str, str]]:
    """(text, level) of every line. Raises ValueError naming the line that is not of the form."""
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                row = json.loads(line)
                text, level = str(row["text"]), str(row["level"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f'{path.name}, line {number}: expected {{"text": …, "level": …}}.') from error
            if level not in LEVELS:
                raise ValueError(f"{path.name}, line {number}: there is no level {level!r}.")
            rows.append((text, level))
    return rows


def judged(rows: Sequence[Tuple[str, str]], parse: Callable[[str], Mapping[str, Any]]) -> List[Judged]:
    found = []
    for text, wanted in rows:
        safety = parse(text).get("safety") or {}
        given = str(safety.get("level") or "none")
        parts = tuple(sorted({f["part"] for f in safety.get("fired") or [] if f["level"] == given}))
        found.append(Judged(text, wanted, given, parts))
    return found


def figures(rows: Sequence[Judged]) -> Dict[str, float]:
    """Shares from 0 to 1: `recall_<level>`; `undertriage` of emergencies below urgent; `false_alarms` and `anything` of ordinary messages.

    A level of which there is no message is left out.
    """
    counts = Counter((r.wanted, r.given) for r in rows)
    sizes = Counter(r.wanted for r in rows)
    values = {f"recall_{level}": sum(counts[level, g] for g in caught) / sizes[level] for level, caught in CAUGHT.items() if sizes[level]}
    if sizes["emergency"]:
        values["undertriage"] = sum(counts["emergency", g] for g in ("mild", "distress", "none")) / sizes["emergency"]
    if sizes["none"]:
        values["false_alarms"] = sum(counts["none", g] for g in ALARMING) / sizes["none"]
        values["anything"] = 1 - counts["none", "none"] / sizes["none"]
    return values


TITLES = {
    "recall_emergency": ("emergencies caught", 0.98, True),
    "recall_crisis": ("crises caught", 0.98, True),
    "recall_urgent": ("urgent symptoms caught (as urgent or more)", 0.95, True),
    "recall_mild": ("mild symptoms named so", None, True),
    "recall_distress": ("distress named so", None, True),
    "undertriage": ("emergencies answered as less than urgent", 0.0, False),
    "false_alarms": ("ordinary messages that raised an alarm", 0.03, False),
    "anything": ("ordinary messages taken for any symptom or distress", None, False),
}


def lines(rows: Sequence[Judged], misses: bool = True) -> List[str]:
    """The report as lines of text."""
    values, sizes = figures(rows), Counter(r.wanted for r in rows)
    report = [", ".join(f"{sizes[level]} {level}" for level in LEVELS if sizes[level])]
    for key, value in values.items():
        title, goal, at_least = TITLES[key]
        met = "" if goal is None else f"  {'≥' if at_least else '≤'} {100 * goal:.0f} % {'met' if (value >= goal if at_least else value <= goal) else 'MISSED'}"
        report.append(f"{100 * value:6.1f} %  {title}{met}")
    spoke = Counter(part for r in rows if r.wanted in ALARMING and r.given in ALARMING for part in r.parts)
    alone = Counter(r.parts[0] for r in rows if r.wanted in ALARMING and r.given in ALARMING and len(r.parts) == 1)
    report.append("parts that spoke up for real alarms: " + ", ".join(f"{part} {n} ({alone[part]} alone)" for part, n in spoke.most_common()))
    if misses:
        wrong = [r for r in rows if (r.wanted == "none") != (r.given == "none") or r.given not in CAUGHT.get(r.wanted, ("none",))]
        report += [f"  {r.wanted} → {r.given} ({'+'.join(r.parts)}): {r.text}" for r in sorted(wrong, key=lambda r: LEVELS.index(r.wanted))]
    return report


def main(arguments: List[str]) -> None:
    """Exits with a sentence when there is no model or a file is not of the form."""
    options = argparse.ArgumentParser(prog="python -m nlu.safety_report", description=__doc__)
    options.add_argument("files", type=Path, nargs="*", default=EXAMINATIONS, help="JSONL files, by default the examinations")
    options.add_argument("--quiet", action="store_true", help="figures only, no messages")
    chosen = options.parse_args(arguments)
    prepare_environment()
    from nlu.__main__ import Parser
    from nlu.train import current_model

    model = current_model()
    if model is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    parser = Parser(model)
    for path in chosen.files:
        try:
            rows = judged(read(path), parser.parse)
        except (OSError, ValueError) as error:
            sys.exit(str(error))
        print(f"{path.name}: " + "\n".join(lines(rows, not chosen.quiet)))


if __name__ == "__main__":
    main(sys.argv[1:])
