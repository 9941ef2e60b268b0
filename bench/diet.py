"""`python -m bench.diet`: our classifier beside Rasa's DIET, both trained on the same few messages an intent and asked the same test messages.

DIET has the pipeline and the hundred epochs that `rasa init` writes; its words are corrected by nobody, as Rasa ships it. A subset, because
DIET on all our data would need hours on two cores.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import yaml

from runtime.settings import ROOT, prepare_environment

MESSAGES = 40
SEED = 20
PIPELINES: Dict[str, List[Dict[str, Any]]] = {
    "ours": [{"name": "nlu.reader.ClinicReader"}, {"name": "nlu.intents.IntentClassifier"}],
    "DIET": [
        {"name": "WhitespaceTokenizer"},
        {"name": "RegexFeaturizer"},
        {"name": "LexicalSyntacticFeaturizer"},
        {"name": "CountVectorsFeaturizer"},
        {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
        {"name": "DIETClassifier", "epochs": 100, "constrain_similarities": True, "random_seed": SEED},
    ],
}


def sample(most: int) -> Dict[str, List[str]]:
    """Intent → at most `most` of its messages, drawn once for both."""
    rng = np.random.RandomState(SEED)
    chosen: Dict[str, List[str]] = {}
    for path in sorted((ROOT / "data").glob("*.yml")):
        for block in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("nlu") or []:
            lines = [line[2:].strip() for line in block["examples"].splitlines() if line.startswith("- ")]
            chosen[block["intent"]] = [lines[i] for i in sorted(rng.permutation(len(lines))[:most])]
    return chosen


def write_project(folder: Path, messages: Dict[str, List[str]], pipeline: List[Dict[str, Any]]) -> None:
    blocks = [{"intent": intent, "examples": "".join(f"- {line}\n" for line in lines)} for intent, lines in messages.items()]
    (folder / "nlu.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": blocks}, allow_unicode=True), encoding="utf-8")
    (folder / "domain.yml").write_text(yaml.safe_dump({"version": "3.1", "intents": sorted(messages)}), encoding="utf-8")
    config = {"recipe": "default.v1", "assistant_id": "compared", "language": "en", "pipeline": pipeline, "policies": []}
    (folder / "config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")


def measure(name: str, messages: Dict[str, List[str]]) -> Dict[str, float]:
    """Seconds of training, milliseconds a message, and the shares right of `tests/nlu/single.jsonl`."""
    import rasa.model_training

    from nlu.__main__ import Parser

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_project(folder, messages, PIPELINES[name])
        started = time.monotonic()
        model = rasa.model_training.train_nlu(
            config=str(folder / "config.yml"), nlu_data=str(folder / "nlu.yml"), output=str(folder), domain=str(folder / "domain.yml")
        )
        trained = time.monotonic() - started
        if model is None:
            sys.exit(f"Rasa did not produce a model for {name}.")
        parser = Parser(Path(model))
        rows = [json.loads(line) for line in (ROOT / "tests" / "nlu" / "single.jsonl").read_text(encoding="utf-8").splitlines() if line]
        parser.parse(rows[0]["text"])
        started = time.monotonic()
        ranked = [[r["name"] for r in parser.parse(row["text"]).get("intent_ranking") or []] for row in rows]
        taken = time.monotonic() - started
    pairs = list(zip(ranked, rows))
    return {
        "training, s": trained,
        "a message, ms": 1000 * taken / len(rows),
        "first right, %": 100 * float(np.mean([r[:1] == [row["intent"]] for r, row in pairs])),
        "among three, %": 100 * float(np.mean([row["intent"] in r[:3] for r, row in pairs])),
        "first right of clean questions, %": 100 * float(np.mean([r[:1] == [row["intent"]] for r, row in pairs if row.get("clean")])),
    }


def main(arguments: List[str]) -> None:
    options = argparse.ArgumentParser(prog="python -m bench.diet", description=__doc__)
    options.add_argument("--messages", type=int, default=MESSAGES, help="an intent, by default %(default)s")
    chosen = options.parse_args(arguments)
    prepare_environment()
    from runtime.quiet import log_warnings_only, quieten

    quieten()
    log_warnings_only()
    messages = sample(chosen.messages)
    print(f"{sum(map(len, messages.values()))} messages of {len(messages)} intents")
    results = {name: measure(name, messages) for name in PIPELINES}
    print("| | " + " | ".join(results) + " |\n|---|" + "--:|" * len(results))
    for figure in next(iter(results.values())):
        print(f"| {figure} | " + " | ".join(f"{result[figure]:.1f}" for result in results.values()) + " |")


if __name__ == "__main__":
    main(sys.argv[1:])
