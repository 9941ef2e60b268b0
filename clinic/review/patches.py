"""Corrections as a patch for git: a unified diff over data/ and tests/, for a person to read and apply. Nothing is written to live data.

Every fifth corrected message, chosen by its text, goes to the test set instead of the training data, so that there is something to measure on.
"""

import datetime as dt
import difflib
import hashlib
import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import yaml

from knowledge.practice import ROOT

HELD_OUT = "tests/nlu/single_9.jsonl"
DIALOGUES = "tests/conversations/reported/dialogues.yml"
ONE_IN = 5
_MASK = re.compile(r"\[(?:name|phone|e-mail|date of birth|address|number|link|reference)\]")


@dataclass(frozen=True)
class Fix:
    """A correction, free of the database. `turns`: for a test dialogue, what the person wrote up to this message and what it meant."""

    kind: str
    text: str
    intent: str
    source: str
    reviewer: str
    was: str = ""
    words: str = ""
    entity: str = ""
    value: str = ""
    turns: Tuple[Tuple[str, str], ...] = ()


@dataclass
class Patch:
    """`text`: the diff with its head, empty when nothing is left to write. `left_out`: why a fix was not written, by its source and text."""

    text: str = ""
    written: List[Fix] = field(default_factory=list)
    left_out: List[Tuple[Fix, str]] = field(default_factory=list)


@lru_cache(maxsize=1)
def vocabularies() -> Dict[str, List[str]]:
    """Label → canonical values, of the files in data/vocabulary."""
    found: Dict[str, List[str]] = {}
    for path in sorted((ROOT / "data" / "vocabulary").glob("*.yml")):
        for label, table in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if isinstance(table, dict):
                found[label] = sorted(map(str, table))
    return found


def plain(text: str) -> str:
    """How two examples are compared."""
    return re.sub(r"\W+", " ", text.casefold()).strip()


def example(text: str) -> str:
    """A masked message as an example: without the masks and what introduces them, on one line. Empty when too little is left."""
    text = " ".join(text.split())
    text = re.sub(
        r"\s*(?:,?\s*(?:and\s+)?(?:my|her|his)\s+(?:name|number|phone|email|mobile|address)\s+is|i'?m|i am|this is|call me|dob|born)?\s*" + _MASK.pattern,
        " ",
        text,
        flags=re.I,
    )
    text = " ".join(text.split()).strip(" ,;.-–")
    # What would be markup in the files: entity brackets, a list's dash, template braces.
    text = re.sub(r"[\[\]{}|`]", "", text).lstrip("-#/!&*?: ").strip()
    return text[:300] if re.search(r"[^\W\d_]{2}", text) else ""


def held_out(text: str) -> bool:
    return int(hashlib.sha256(plain(text).encode()).hexdigest(), 16) % ONE_IN == 0


class Files:
    """The project's files as they would be; only what was changed ends in the diff."""

    def __init__(self, root: Path):
        self.root = root
        self.before: Dict[str, str] = {}
        self.after: Dict[str, str] = {}

    def read(self, name: str) -> str:
        if name not in self.after:
            path = self.root / name
            self.before[name] = self.after[name] = path.read_text(encoding="utf-8") if path.exists() else ""
        return self.after[name]

    def write(self, name: str, text: str) -> None:
        self.read(name)
        self.after[name] = text

    def diff(self) -> str:
        parts = []
        for name in sorted(self.after):
            before, after = self.before[name], self.after[name]
            if before == after:
                continue
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{name}" if before else "/dev/null", f"b/{name}", lineterm="")
            parts.append(f"diff --git a/{name} b/{name}\n" + ("" if before else "new file mode 100644\n") + "\n".join(lines) + "\n")
        return "".join(parts)


def where(root: Path) -> Dict[str, str]:
    """Intent → the file of data/ that holds its examples."""
    found: Dict[str, str] = {}
    for path in sorted((root / "data").glob("*.yml")):
        for intent in re.findall(r"^- intent: (\w+)$", path.read_text(encoding="utf-8"), re.M):
            found.setdefault(intent, f"data/{path.name}")
    return found


def known(root: Path) -> Dict[str, str]:
    """Every example of data/ and every test message, compared plainly → its intent."""
    found: Dict[str, str] = {}
    for path in sorted((root / "data").glob("*.yml")):
        intent = ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"- intent: (\w+)$", line):
                intent = match[1]
            elif intent and (match := re.match(r"    - (.+)$", line)):
                found[plain(match[1])] = intent
            elif line and not line.startswith(" "):
                intent = ""
    for path in sorted((root / "tests" / "nlu").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line) if line.strip() else {}
            if row.get("intent"):
                found.setdefault(plain(str(row.get("text") or "")), str(row["intent"]))
    return found


def with_example(text: str, intent: str, line: str) -> str:
    """The file with one more example at the end of an intent's list. Raises ValueError when it has none."""
    lines = text.splitlines()
    for number, one in enumerate(lines):
        if one == f"- intent: {intent}":
            end = number + 2
            while end < len(lines) and lines[end].startswith("    "):
                end += 1
            return "\n".join([*lines[:end], f"    - {line}", *lines[end:]]) + "\n"
    raise ValueError(f"{intent} has no examples there")


def without_example(text: str, line: str) -> str:
    return "".join(one for one in text.splitlines(keepends=True) if not (one.startswith("    - ") and plain(one[6:]) == plain(line)))


def with_synonym(text: str, value: str, words: str) -> str:
    """The vocabulary file with one more way to say a value. Raises ValueError when the value has no line of its own."""
    changed, number = re.subn(
        rf"^(  {re.escape(value)}: \[)(.*)(\].*)$",
        lambda m: m[0] if words in [w.strip() for w in m[2].split(",")] else f"{m[1]}{m[2]}, {words}{m[3]}",
        text,
        flags=re.M,
    )
    if not number:
        raise ValueError(f"{value} has no line there")
    return changed


def compose(fixes: Sequence[Fix], today: dt.date, root: Path = ROOT) -> Patch:
    """The patch of all fixes, each message once. What would repeat what is known, or hold too little, is left out and said."""
    files, homes, said = Files(root), where(root), known(root)
    patch = Patch()
    for fix in fixes:
        try:
            why = _apply(fix, files, homes, said)
        except ValueError as error:
            why = str(error)
        if why:
            patch.left_out.append((fix, why))
        else:
            patch.written.append(fix)
    diff = files.diff()
    if diff:
        patch.text = head(patch.written, today) + diff
    return patch


def _apply(fix: Fix, files: Files, homes: Dict[str, str], said: Dict[str, str]) -> str:
    """Put one fix into the files; why not, if not."""
    if fix.kind == "entity":
        name = f"data/vocabulary/{fix.entity}.yml"
        words = example(fix.words).casefold().replace(",", " ")
        if not words or fix.entity not in vocabularies():
            return "nothing is left of it without personal data"
        before = files.read(name)
        files.write(name, with_synonym(before, fix.value, words))
        return "" if files.read(name) != before else "it is known already"
    if fix.kind == "test":
        return _dialogue(fix, files)
    text = example(fix.text)
    if not text:
        return "nothing is left of it without personal data"
    intent, former = fix.intent, said.get(plain(text))
    if former == intent:
        return "it is known already"
    if former is not None and former in homes:  # it was taught wrongly: it moves
        files.write(homes[former], without_example(files.read(homes[former]), text))
    said[plain(text)] = intent
    if held_out(text):
        rows = files.read(HELD_OUT)
        row = json.dumps({"id": f"desk-{hashlib.sha256(plain(text).encode()).hexdigest()[:8]}", "text": text, "intent": intent}, ensure_ascii=False)
        files.write(HELD_OUT, f"{rows}{row}\n")
        return ""
    if intent not in homes:
        return f"no file of data/ has examples of {intent}"
    files.write(homes[intent], with_example(files.read(homes[intent]), intent, text))
    return ""


def _dialogue(fix: Fix, files: Files) -> str:
    turns = [(example(text), intent) for text, intent in fix.turns]
    steps = [{"user": text, "answers": [intent]} for text, intent in turns if text]
    if not steps:
        return "nothing is left of it without personal data"
    name = f"reported, {hashlib.sha256(json.dumps(steps).encode()).hexdigest()[:8]}"
    before = files.read(DIALOGUES) or "# Dialogues that staff chose at the review desk, without personal data.\n"
    if name in before:
        return "it is known already"
    written = yaml.safe_dump([{"test_case": name, "steps": steps}], sort_keys=False, allow_unicode=True, width=1000)
    files.write(DIALOGUES, before + ("" if before.endswith("dialogues.yml\n") else "\n") + written)
    return ""


def head(fixes: Iterable[Fix], today: dt.date) -> str:
    """Who says so, and where it comes from. `git apply` and `git am` pass over it."""
    fixes = list(fixes)
    sources = sorted({fix.source for fix in fixes}, key=lambda s: int(s.strip("#") or 0))
    reviewers = sorted({fix.reviewer for fix in fixes if fix.reviewer})
    lines = [
        f"Corrections of the review desk, {today}",
        "",
        f"Reviewer: {', '.join(reviewers) or '–'}",
        f"Source: {' '.join(sources)}",
        "",
        *(f"  {fix.kind}: {fix.was or '–'} → {fix.intent or fix.value} ({fix.source}, {fix.reviewer or '–'})" for fix in fixes),
        "",
        "Read it, `git apply` it, then `make retrain`.",
        "",
    ]
    return "\n".join(lines) + "\n"


def fixes_of(corrections: Iterable[object]) -> List[Fix]:
    """The rows of the database as fixes."""
    from clinic.review.models import Correction, Message

    found = []
    for row in corrections:
        assert isinstance(row, Correction)
        turns: Tuple[Tuple[str, str], ...] = ()
        if row.kind == Correction.Kind.TEST and row.message is not None:
            said = Message.objects.filter(talk=row.talk_id, who="person", event__lte=row.message.event).prefetch_related("corrections")
            turns = tuple((m.text, meant(m)) for m in said if not m.detail.get("button"))[-8:]
        reviewer = row.reviewer.get_username() if row.reviewer else ""
        entity = row.entity or {}
        found.append(
            Fix(
                row.kind,
                row.text,
                row.intent,
                f"#{row.talk_id}",
                reviewer,
                row.was,
                str(entity.get("words") or ""),
                str(entity.get("entity") or ""),
                str(entity.get("value") or ""),
                turns,
            )
        )
    return found


def meant(message: object) -> str:
    """What a message meant, corrected where somebody said so."""
    from clinic.review.models import Correction, Message

    assert isinstance(message, Message)
    wanted = {row.kind: row.intent for row in message.corrections.all()}
    return wanted.get(Correction.Kind.INTENT) or wanted.get(Correction.Kind.NONE) or wanted.get(Correction.Kind.TEST) or message.intent


def write(folder: Path, now: dt.datetime, root: Path = ROOT) -> Tuple[Optional[Path], Patch]:
    """Write what waits into a new file and mark it as written."""
    from clinic.review.models import Correction

    rows = list(Correction.objects.filter(patched_at=None).select_related("message", "reviewer").order_by("pk"))
    patch = compose(fixes_of(rows), now.date(), root)
    if not patch.text:
        Correction.objects.filter(pk__in=[r.pk for r in rows]).update(patched_at=now)
        return None, patch
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{now:%Y-%m-%d-%H%M%S}.patch"
    file.touch(mode=0o600)
    file.write_text(patch.text, encoding="utf-8")
    Correction.objects.filter(pk__in=[r.pk for r in rows]).update(patched_at=now)
    return file, patch
