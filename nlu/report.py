"""`make report`: how well the current model understands messages that nobody trained it on, as figures, a table and two pictures."""

import argparse
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from knowledge.parsed import MOST_ANSWERS, asked
from runtime.settings import ROOT, VAR, prepare_environment

FALLBACK = "nlu_fallback"
NOT_ANSWERED = ("out_of_scope", FALLBACK)
WORST = 20
KINDS = re.compile(r"(single|out_of_scope|multi_single|multi)(?:_\d+)?")  # names of test files: single.jsonl, single_2.jsonl, …


class Figure(NamedTuple):
    """A key of `figures`, in words, with the goal it is held to: at least (`>=`) or at most (`<=`) a share."""

    key: str
    title: str
    goal: Optional[Tuple[str, float]] = None


FIGURES = (
    Figure("first_right", "First intent right", (">=", 0.88)),
    Figure("top3_right", "Right among the first three", (">=", 0.96)),
    Figure("ranked_first_right", "First of the ranking right, before any refusal"),
    Figure("clean_right", "First intent right, clean questions", (">=", 0.97)),
    Figure("refused", "In-scope messages refused", ("<=", 0.04)),
    Figure("foreign_not_answered", "Out-of-scope messages not answered", (">=", 0.92)),
    Figure("same_shape_not_answered", "… of the same shape as our questions"),
    Figure("other_shape_not_answered", "… of any other shape"),
    Figure("questions_answered", "Several questions in a message: questions answered", (">=", 0.85)),
    Figure("answerable_answered", f"… counting at most {MOST_ANSWERS} a message, as many as we ever answer"),
    Figure("questions_heard", "… answered, or offered as the next tap where there are more"),
    Figure("extra_answers", "Several questions in a message: answers nobody asked for", ("<=", 0.05)),
    Figure("single_extra_answers", "One question that looks like several: answers nobody asked for"),
    Figure("single_split", "One question that looks like several: answered as several"),
)


class Row(NamedTuple):
    """One test message and what the model made of it. `ranking`: (intent, confidence) without the fallback, surest first."""

    kind: str  # single, out_of_scope, multi or multi_single
    text: str
    wanted: Tuple[str, ...]
    intent: str
    ranking: Tuple[Tuple[str, float], ...]
    answers: Tuple[str, ...]  # the intents that would be answered, at most three
    offered: Tuple[str, ...] = ()  # those heard beyond them: the first buttons under the answer
    clean: bool = False
    same_shape: bool = False


def row(kind: str, message: Dict[str, Any], parse: Dict[str, Any]) -> Row:
    """A test message with Rasa's parse data for it."""
    heard = tuple(i for i in asked(parse) if i != FALLBACK)
    return Row(
        kind=kind,
        text=message["text"],
        wanted=tuple(message.get("intents") or [message.get("intent", "out_of_scope")]),
        intent=(parse.get("intent") or {}).get("name") or FALLBACK,
        ranking=tuple((r["name"], r["confidence"]) for r in parse.get("intent_ranking") or [] if r["name"] != FALLBACK),
        answers=heard[:MOST_ANSWERS],
        offered=heard[MOST_ANSWERS:],
        clean=bool(message.get("clean")),
        same_shape=bool(message.get("shape")),
    )


def share(part: float, whole: float) -> Optional[float]:
    """A share from 0 to 1, None of nothing."""
    return part / whole if whole else None


def mean(values: Sequence[bool]) -> Optional[float]:
    return share(sum(values), len(values))


def first_three(result: Row) -> List[str]:
    return list(dict.fromkeys([*({result.intent} - {FALLBACK}), *(name for name, _ in result.ranking)]))[:3]


def figures(rows: Sequence[Row]) -> Dict[str, Optional[float]]:
    """The overall figures, shares from 0 to 1 by the keys of `FIGURES`; None where the test set has no such message."""
    single, outside, multi, lookalike = ([r for r in rows if r.kind == kind] for kind in ("single", "out_of_scope", "multi", "multi_single"))
    answered = sum(len(set(r.wanted) & set(r.answers)) for r in multi)

    def unasked(several: Sequence[Row]) -> Optional[float]:
        return share(sum(len(set(r.answers) - set(r.wanted)) for r in several), sum(len(r.answers) for r in several))

    return {
        "first_right": mean([r.intent == r.wanted[0] for r in single]),
        "top3_right": mean([r.wanted[0] in first_three(r) for r in single]),
        "ranked_first_right": mean([bool(r.ranking) and r.ranking[0][0] == r.wanted[0] for r in single]),
        "clean_right": mean([r.intent == r.wanted[0] for r in single if r.clean]),
        "refused": mean([r.intent in NOT_ANSWERED for r in single if r.wanted[0] not in NOT_ANSWERED]),
        "foreign_not_answered": mean([r.intent in NOT_ANSWERED for r in outside]),
        "same_shape_not_answered": mean([r.intent in NOT_ANSWERED for r in outside if r.same_shape]),
        "other_shape_not_answered": mean([r.intent in NOT_ANSWERED for r in outside if not r.same_shape]),
        "questions_answered": share(answered, sum(len(set(r.wanted)) for r in multi)),
        "answerable_answered": share(answered, sum(min(len(set(r.wanted)), MOST_ANSWERS) for r in multi)),
        "questions_heard": share(sum(len(set(r.wanted) & {*r.answers, *r.offered}) for r in multi), sum(len(set(r.wanted)) for r in multi)),
        "extra_answers": unasked(multi),
        "single_extra_answers": unasked(lookalike),
        "single_split": mean([len(r.answers) > 1 for r in lookalike]),
    }


def one_intent(rows: Sequence[Row]) -> List[Row]:
    """The messages that the table and the pictures are about."""
    return [r for r in rows if r.kind in ("single", "out_of_scope")]


class Score(NamedTuple):
    """An intent's line in the table; shares from 0 to 1, None where nothing was named or wanted."""

    intent: str
    messages: int
    precision: Optional[float]
    recall: Optional[float]
    f1: Optional[float]


def scores(rows: Sequence[Row]) -> List[Score]:
    """Every intent that was wanted or named in the messages with one intent, the worst F1 first."""
    rows = one_intent(rows)
    wanted, named = Counter(r.wanted[0] for r in rows), Counter(r.intent for r in rows)
    right = Counter(r.intent for r in rows if r.intent == r.wanted[0])
    table = [Score(i, wanted[i], share(right[i], named[i]), share(right[i], wanted[i]), share(2 * right[i], wanted[i] + named[i])) for i in wanted | named]
    return sorted(table, key=lambda s: (s.f1 or 0.0, s.intent))


def confusions(rows: Sequence[Row]) -> List[Tuple[str, str, List[str]]]:
    """(wanted, named instead, the messages), the most frequent first. Not sure of a message that is out of scope is no error."""
    pairs: Dict[Tuple[str, str], List[str]] = {}
    for r in one_intent(rows):
        if r.intent != r.wanted[0] and not {r.intent, r.wanted[0]} <= set(NOT_ANSWERED):
            pairs.setdefault((r.wanted[0], r.intent), []).append(r.text)
    ordered = sorted(pairs.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [(wanted, named, texts) for (wanted, named), texts in ordered]


def percent(value: Optional[float]) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _goal(figure: Figure, value: Optional[float]) -> str:
    if figure.goal is None:
        return ""
    sign, goal = figure.goal
    met = value is not None and (value >= goal if sign == ">=" else value <= goal)
    return f"{'≥' if sign == '>=' else '≤'} {100 * goal:.0f} % {'met' if met else '**missed**'}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def markdown(rows: Sequence[Row], model: str) -> str:
    """The whole report as Markdown."""
    values, sizes = figures(rows), Counter(r.kind for r in rows)
    lines = ["# How well messages are understood", "", f"Model `{model}`; " + ", ".join(f"{n} {kind}" for kind, n in sizes.items()) + " messages.", ""]
    lines += ["| Figure | Value | Goal |", "|---|--:|---|"]
    lines += [f"| {f.title} | {percent(values[f.key])} | {_goal(f, values[f.key])} |" for f in FIGURES]
    lines += ["", f"## The {WORST} worst confusions", "", "| Times | Meant | Understood | For example |", "|--:|---|---|---|"]
    lines += [f"| {len(texts)} | {wanted} | {named} | {_cell(texts[0])} |" for wanted, named, texts in confusions(rows)[:WORST]]
    lines += ["", "![Confusions](confusion.png)", "", "![Confidence](confidence.png)"]
    lines += ["", "## Every intent, the worst first", "", "| Intent | Messages | Precision | Recall | F1 |", "|---|--:|--:|--:|--:|"]
    lines += [f"| {s.intent} | {s.messages} | {percent(s.precision)} | {percent(s.recall)} | {percent(s.f1)} |" for s in scores(rows)]
    return "\n".join(lines) + "\n"


def catalogue() -> List[str]:
    """All intents in the order of the catalogue, which keeps neighbours in meaning side by side."""
    lines = (ROOT / "data" / "intent_titles.csv").read_text(encoding="utf-8").splitlines()[1:]
    return [line.split(",")[0] for line in lines]


def draw_confusions(rows: Sequence[Row], path: Path) -> None:
    """A grid of the errors alone: a row for every intent that was misunderstood, a column for what it was taken for."""
    from matplotlib import pyplot

    found = confusions(rows)
    order = {name: place for place, name in enumerate(catalogue())}
    meant = sorted({wanted for wanted, _, _ in found}, key=lambda name: order.get(name, len(order)))
    taken = sorted({named for _, named, _ in found}, key=lambda name: order.get(name, len(order)))
    grid = [[0] * len(taken) for _ in meant]
    for wanted, named, texts in found:
        grid[meant.index(wanted)][taken.index(named)] = len(texts)
    sizes = Counter(r.wanted[0] for r in one_intent(rows))
    figure, axes = pyplot.subplots(figsize=(4 + 0.19 * len(taken), 3 + 0.19 * len(meant)))
    if found:
        axes.imshow(grid, cmap="Reds", aspect="equal", vmin=0)
    darkest = max((max(line) for line in grid), default=0)
    for y, line in enumerate(grid):
        for x, count in enumerate(line):
            if count:
                axes.text(x, y, count, ha="center", va="center", fontsize=6, color="white" if count > 0.6 * darkest else "black")
    axes.set_yticks(range(len(meant)), [f"{name}  {sum(line)} of {sizes[name]}" for name, line in zip(meant, grid)], fontsize=7)
    axes.set_xticks(range(len(taken)), taken, rotation=90, fontsize=7)
    axes.set_xticks([x - 0.5 for x in range(1, len(taken))], minor=True)
    axes.set_yticks([y - 0.5 for y in range(1, len(meant))], minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.5)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("understood as")
    axes.set_ylabel("meant, wrong of all")
    axes.set_title("Misunderstood messages")
    figure.savefig(path, dpi=130, bbox_inches="tight")
    pyplot.close(figure)


def draw_confidence(rows: Sequence[Row], path: Path) -> None:
    """How sure the model was of its first guess, where the guess was right and where it was wrong."""
    from matplotlib import pyplot

    guesses = [(r.ranking[0][1], r.ranking[0][0] == r.wanted[0]) for r in one_intent(rows) if r.ranking]
    figure, panels = pyplot.subplots(2, sharex=True, figsize=(8, 5.5))
    for axes, name, side, colour in zip(panels, ("right", "wrong"), (True, False), ("#2f7d5b", "#c4452f")):
        confidences = [confidence for confidence, correct in guesses if correct == side]
        axes.hist(confidences, bins=[b / 40 for b in range(41)], color=colour)
        axes.set_title(f"{name}: {len(confidences)} messages", loc="left", fontsize=10)
        axes.set_ylabel("messages")
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("confidence of the first guess, before any refusal")
    panels[-1].set_xlim(0, 1)
    figure.savefig(path, dpi=130, bbox_inches="tight")
    pyplot.close(figure)


def read_folder(folder: Path, parse: Callable[[str], Dict[str, Any]]) -> List[Row]:
    """Every line of the test files in `folder`, parsed."""
    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        kind = KINDS.fullmatch(path.stem)
        if kind is None:
            print(f"{path.name} is not a name of a test file (single, out_of_scope, multi, multi_single) and was left out.", file=sys.stderr)
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                message = json.loads(line)
                rows.append(row(kind[1], message, parse(message["text"])))
    return rows


def write(rows: Sequence[Row], model: str, folder: Path) -> None:
    """report.md, confusion.png, confidence.png and figures.json."""
    import matplotlib

    matplotlib.use("Agg")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(markdown(rows, model), encoding="utf-8")
    (folder / "figures.json").write_text(json.dumps(figures(rows), indent=2) + "\n", encoding="utf-8")
    draw_confusions(rows, folder / "confusion.png")
    draw_confidence(rows, folder / "confidence.png")


def main(arguments: List[str]) -> None:
    """Exits with a sentence when there is no model or no test message."""
    options = argparse.ArgumentParser(prog="python -m nlu.report", description=__doc__)
    options.add_argument("--folder", type=Path, default=ROOT / "tests" / "nlu", help="where the test messages are, by default %(default)s")
    options.add_argument("--output", type=Path, default=VAR / "report", help="where the report goes, by default %(default)s")
    chosen = options.parse_args(arguments)
    prepare_environment()
    from nlu.__main__ import Parser
    from nlu.train import current_model

    model = current_model()
    if model is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    rows = read_folder(chosen.folder, Parser(model).parse)
    if not rows:
        sys.exit(f"There is no test message in {chosen.folder}.")
    write(rows, model.name, chosen.output)
    values = figures(rows)
    for figure in FIGURES:
        print(f"{percent(values[figure.key]):>8}  {figure.title}  {_goal(figure, values[figure.key])}".rstrip())
    print(f"The whole report is in {chosen.output / 'report.md'}")


if __name__ == "__main__":
    main(sys.argv[1:])
