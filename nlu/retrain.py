"""`make retrain`: trains with what was changed and says which test messages are understood better and worse than by the model before."""

import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from nlu import report, train
from nlu.__main__ import Parser
from nlu.report import Row

WORST_SHOWN = 40


class Change(NamedTuple):
    """A test message that one model understands and the other does not. `now` and `before`: what each took it for."""

    text: str
    wanted: str
    before: str
    now: str


class Comparison(NamedTuple):
    """`new`: messages that were not there before, right or wrong now. `before` and `after`: share of right ones among those both have seen."""

    better: List[Change]
    worse: List[Change]
    new: List[Change]
    before: Optional[float]
    after: Optional[float]


def right(row: Row) -> bool:
    """Whether everything that was asked would be answered, and nothing else. Messages that are not ours are right when nothing of ours is."""
    if row.kind == "out_of_scope":
        return row.intent in ("out_of_scope", report.FALLBACK)
    if row.kind in ("single", "multi_single"):
        return row.intent in row.wanted
    return set(row.answers) == set(row.wanted)


def taken_for(row: Row) -> str:
    return " + ".join(row.answers) if row.kind == "multi" and row.answers else row.intent


def compare(before: Sequence[Row], after: Sequence[Row], new: Sequence[str] = ()) -> Comparison:
    """Rows of the same messages by two models. `new`: texts that were written since the model before."""
    earlier: Dict[str, Row] = {row.text: row for row in before}
    better, worse, fresh, both = [], [], [], []
    for row in after:
        old = earlier.get(row.text)
        if old is None:
            continue
        change = Change(row.text, " + ".join(row.wanted), taken_for(old), taken_for(row))
        if row.text in new:
            fresh.append(change)
            continue
        both.append((right(old), right(row)))
        if right(row) and not right(old):
            better.append(change)
        elif right(old) and not right(row):
            worse.append(change)
    return Comparison(better, worse, fresh, report.mean([old for old, _ in both]), report.mean([now for _, now in both]))


def told(found: Comparison) -> str:
    """The comparison as text for the terminal."""
    lines = [f"Right before: {report.percent(found.before)}, now: {report.percent(found.after)}."]
    for title, rows in (("Better", found.better), ("Worse", found.worse), ("New test messages", found.new)):
        lines += ["", f"{title}: {len(rows)}"]
        lines += [f"  {row.text!r}: {row.wanted} (before {row.before}, now {row.now})" for row in rows[:WORST_SHOWN]]
        if len(rows) > WORST_SHOWN:
            lines.append(f"  and {len(rows) - WORST_SHOWN} more")
    if found.worse:
        lines += ["", "Read what got worse before you keep the change: an example may stand in the wrong place, or two intents may be too near."]
    return "\n".join(lines)


def from_the_desk(folder: Path) -> List[str]:
    """Test messages that corrections brought, by their id."""
    import json

    rows = (json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return [str(row.get("text")) for row in rows if str(row.get("id", "")).startswith("desk-")]


def main() -> None:
    """Exits with a sentence when there is nothing to compare with."""
    from runtime.settings import prepare_environment

    prepare_environment()
    folder = train.ROOT / "tests" / "nlu"
    models = sorted(train.MODELS.glob("stria-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models:
        sys.exit("There is no model to compare with. Run `make train` first, then change the data and come back.")
    if train.current_model() is not None:
        print("Nothing has changed since the last training. Apply a patch first: git apply var/patches/….patch")
        return
    print(f"Reading the test messages with the model before ({models[-1].name}) …", flush=True)
    before = report.read_folder(folder, Parser(models[-1]).parse)
    model = train.train()
    print("Reading them with the new one …", flush=True)
    after = report.read_folder(folder, Parser(model).parse)
    text = told(compare(before, after, from_the_desk(folder)))
    target = train.ROOT / "var" / "report"
    target.mkdir(parents=True, exist_ok=True)
    (target / "retrain.txt").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\nAlso in var/report/retrain.txt.")


if __name__ == "__main__":
    sys.path.insert(0, str(train.ROOT))
    main()
