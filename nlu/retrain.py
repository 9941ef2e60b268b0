"""`make retrain`: trains with what was changed and says, in a reviewer's words, what is understood better and worse than by the model before."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

from knowledge.library import read_titles
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


def told(found: Comparison, titles: Dict[str, str], taught: Sequence[Row] = ()) -> str:
    """The comparison as a reviewer reads it. `titles`: intent → its title; `taught`: the corrected messages as the new model reads them."""
    lines = []
    if taught:
        wrong = [row for row in taught if not right(row)]
        lines += [f"Of {_messages(len(taught), 'corrected')} {len(taught) - len(wrong)} {'is' if len(taught) - len(wrong) == 1 else 'are'} understood now."]
        lines += [
            f"  Not yet: “{row.text}” should be {spoken(' + '.join(row.wanted), titles)}, and is taken for {spoken(taken_for(row), titles)}." for row in wrong
        ]
        lines += [""]
    lines += [f"Test messages understood: {report.percent(found.before)} before, {report.percent(found.after)} now. {verdict(found)}"]
    for title, rows in (("Understood now, and not before", found.better), ("Understood before, and not now", found.worse)):
        if rows:
            lines += ["", f"{title}: {len(rows)}", *(f"  {line}" for line in by_question(rows, titles))]
            lines += [
                f"  “{row.text}” is {spoken(row.wanted, titles)}: taken for {spoken(row.before, titles)} before, for {spoken(row.now, titles)} now"
                for row in rows[:WORST_SHOWN]
            ]
            if len(rows) > WORST_SHOWN:
                lines.append(f"  and {len(rows) - WORST_SHOWN} more")
    if found.new:
        good = sum(row.now == row.wanted for row in found.new)
        lines += ["", f"Corrections kept aside to test with: {good} of {len(found.new)} understood now, {sum(r.before == r.wanted for r in found.new)} before"]
        lines += [
            f"  “{row.text}” should be {spoken(row.wanted, titles)}, and is taken for {spoken(row.now, titles)}" for row in found.new if row.now != row.wanted
        ]
    if found.worse:
        lines += ["", "Read what is no longer understood before you keep the change. If it is about one question, an example may stand under the wrong one."]
    return "\n".join(lines)


def verdict(found: Comparison) -> str:
    """One sentence on which way it went."""
    better, worse = len(found.better), len(found.worse)
    if better == worse:
        return "Nothing of it changed." if not better else f"As many were gained as lost: {better}."
    return f"{better} gained, {worse} lost: {'better' if better > worse else 'worse'} by {abs(better - worse)}."


def by_question(rows: Sequence[Change], titles: Dict[str, str]) -> List[str]:
    """What the messages are about, where several are about the same."""
    return [f"{count} about {spoken(wanted, titles)}" for wanted, count in Counter(row.wanted for row in rows).most_common() if count > 1]


def spoken(intents: str, titles: Dict[str, str]) -> str:
    """Intents, with a plus between several, as their titles."""
    own = {report.FALLBACK: "nothing it knows", "out_of_scope": "not a question for us"}
    return " and ".join(own.get(one) or f"“{titles.get(one, one)}”" for one in intents.split(" + "))


def _messages(count: int, which: str) -> str:
    return f"{count} {which} message{'' if count == 1 else 's'}"


def from_the_desk(folder: Path) -> List[str]:
    """Test messages that corrections brought, by their id."""
    import json

    rows = (json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return [str(row.get("text")) for row in rows if str(row.get("id", "")).startswith("desk-")]


def changed_examples(root: Path) -> Dict[str, str]:
    """Examples that are in data/ now and not in the last commit, text → intent: what the applied patch teaches. Empty where git cannot say."""
    try:
        done = subprocess.run(["git", "diff", "HEAD", "--unified=0", "--", "data"], cwd=root, capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        return {}
    added = set(re.findall(r"^\+    - (.+)$", done.stdout, re.M))
    found = {}
    for path in sorted((root / "data").glob("*.yml")):
        intent = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if heading := re.match(r"- intent: (\w+)$", line):
                intent = heading[1]
            elif line and not line.startswith(" "):
                intent = ""
            elif intent and line.startswith("    - ") and line[6:] in added:
                found[line[6:]] = intent
    return found


def compared(root: Path, before: Callable[[str], Dict[str, Any]], after: Callable[[], Callable[[str], Dict[str, Any]]]) -> str:
    """The whole comparison as text. `before` and what `after` gives parse a message; `after` trains, so the earlier model reads first."""
    folder, corrected = root / "tests" / "nlu", changed_examples(root)
    first = report.read_folder(folder, before)
    parse = after()
    second = report.read_folder(folder, parse)
    taught = [
        report.row("out_of_scope" if intent == "out_of_scope" else "single", {"text": text, "intent": intent}, parse(text))
        for text, intent in corrected.items()
    ]
    return told(compare(first, second, from_the_desk(folder)), read_titles(root / "data" / "intent_titles.csv"), taught)


def main() -> None:
    """Exits with a sentence when there is nothing to compare with."""
    from runtime.settings import prepare_environment

    prepare_environment()
    models = sorted(train.MODELS.glob("stria-*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models:
        sys.exit("There is no model to compare with. Run `make train` first, then change the data and come back.")
    if train.current_model() is not None:
        print("Nothing has changed since the last training. Apply a patch first: git apply var/patches/….patch")
        return

    def trained() -> Callable[[str], Dict[str, Any]]:
        model = train.train()
        print("Reading them with the new one …", flush=True)
        return Parser(model).parse

    print(f"Reading the test messages with the model before ({models[-1].name}) …", flush=True)
    text = compared(train.ROOT, Parser(models[-1]).parse, trained)
    target = train.ROOT / "var" / "report"
    target.mkdir(parents=True, exist_ok=True)
    (target / "retrain.txt").write_text(text + "\n", encoding="utf-8")
    print(f"\n{text}\n\nAlso in var/report/retrain.txt.")


if __name__ == "__main__":
    sys.path.insert(0, str(train.ROOT))
    main()
