"""`python -m bench.guard`: what the safety guard and the output guard add to a turn, beside the whole understanding of the same message.

Time of the processor in this thread, where all of it runs: other work on the machine does not count.
"""

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any, Callable, List
from unittest import mock

from runtime.settings import ROOT, prepare_environment

MOST = 3.0  # milliseconds a turn that the guard may add
ROUNDS = 3


def milliseconds(act: Callable[[], Any]) -> float:
    started = time.thread_time()
    act()
    return 1000 * (time.thread_time() - started)


def tuning(folder: Path) -> List[str]:
    rows = [json.loads(line) for name in ("redflag", "single", "multi") for line in (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines() if line]
    return [row["text"] for row in rows]


def measure() -> str:
    """One line a part: median, 95th percentile, and its share of understanding the message."""
    from rasa.shared.nlu.training_data.message import Message as RasaMessage

    from actions import output_guard
    from knowledge.library import LIBRARY
    from nlu.__main__ import Parser
    from nlu.safety import SafetyGuard
    from nlu.train import current_model

    model = current_model()
    if model is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    whole: List[float] = []
    added: List[float] = []
    inner = SafetyGuard.process

    def timed(guard: SafetyGuard, messages: List[RasaMessage]) -> List[RasaMessage]:
        started = time.thread_time()
        judged = inner(guard, messages)
        added.append(1000 * (time.thread_time() - started))
        return judged

    # Before the model is loaded: Rasa's graph keeps the function of the class.
    with mock.patch.object(SafetyGuard, "process", timed):
        parser = Parser(model)
    texts = tuning(ROOT / "tests" / "nlu" / "tuning")
    for text in texts[:50]:
        parser.parse(text)
    added.clear()
    for _ in range(ROUNDS):
        whole += [milliseconds(lambda t=text: parser.parse(t)) for text in texts]  # type: ignore[misc]
    claims, knowledge = output_guard.load(), LIBRARY.get()
    answers = [answer.text for answer in knowledge.answers.values()]
    out = [milliseconds(lambda t=text: output_guard.findings(t, claims)) for _ in range(ROUNDS) for text in answers]  # type: ignore[misc]

    def line(name: str, values: List[float]) -> str:
        share = statistics.median(values) / statistics.median(whole)
        return (
            f"{name:34} median {statistics.median(values):6.2f} ms   95 % {statistics.quantiles(values, n=20)[-1]:6.2f} ms   {100 * share:5.1f} % of the whole"
        )

    lines = [f"{len(texts)} messages, {ROUNDS} rounds", line("understanding, guard included", whole), line("of it the safety guard", added)]
    lines.append(line("output guard, one answer", out))
    met = statistics.quantiles(added, n=20)[-1] <= MOST
    lines.append(f"The guard adds {'at most' if met else 'MORE THAN'} {MOST:.0f} ms to 95 of 100 turns.")
    return "\n".join(lines)


if __name__ == "__main__":
    prepare_environment()
    print(measure())
