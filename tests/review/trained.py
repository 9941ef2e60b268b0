"""`python -m tests.review.trained PROJECT`: trains a small model from the data of a copied project and prints what `make retrain` would say of it.

Eight intents with two dozen messages each, in the clinic's own pipeline; a process of its own, because TensorFlow stays in one for good.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from runtime.settings import prepare_environment

INTENTS = "ask_pain ask_price ask_payment ask_session_count ask_downtime ask_water ask_opening_hours ask_location".split()
MESSAGES, TESTED = 24, 16


def examples(data: Path) -> dict[str, list[str]]:
    """Intent → its newest messages. A patch adds at the end."""
    found = {}
    for path in sorted(data.glob("*.yml")):
        for block in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("nlu") or []:
            if block["intent"] in INTENTS:
                found[block["intent"]] = [line[2:] for line in block["examples"].splitlines()][-MESSAGES:]
    return found


def fewer_tests(folder: Path) -> None:
    """Some of the test messages of these intents, and all that came from the desk."""
    rows = [json.loads(line) for path in sorted(folder.glob("single*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    ours = [row for row in rows if row.get("intent") in INTENTS]
    kept = [row for row in ours if str(row["id"]).startswith("desk-")] + ours[:TESTED]
    for path in folder.glob("*.jsonl"):
        path.unlink()
    (folder / "single.jsonl").write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")


def main(project: Path) -> None:
    prepare_environment()
    from runtime.quiet import log_warnings_only, quieten

    quieten()
    log_warnings_only()
    import rasa.model_training

    from bench.diet import write_project
    from nlu import retrain
    from nlu.__main__ import Parser

    def trained() -> Callable[[str], dict[str, Any]]:
        small = project / "small"
        small.mkdir()
        pipeline = yaml.safe_load((project / "config.yml").read_text(encoding="utf-8"))["pipeline"]
        write_project(small, examples(project / "data"), pipeline)
        names = {"config": "config.yml", "nlu_data": "nlu.yml", "domain": "domain.yml"}
        model = rasa.model_training.train_nlu(**{key: str(small / name) for key, name in names.items()}, output=str(small))
        assert model is not None
        return Parser(Path(model)).parse

    fewer_tests(project / "tests" / "nlu")
    print(retrain.compared(project, lambda text: {"intent": {"name": "nlu_fallback"}}, trained))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
