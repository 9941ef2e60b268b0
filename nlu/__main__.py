"""`python -m nlu < messages.jsonl`: what the trained model makes of each message, one JSON object a line."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from runtime.settings import prepare_environment

RANKED = 5


class Parser:
    """The NLU of the current model. `parse(text)` gives Rasa's parse data."""

    def __init__(self, model: Path):
        from runtime.quiet import log_warnings_only, quieten

        quieten()
        log_warnings_only()
        from rasa.core.agent import Agent

        self._agent = Agent.load(str(model))
        self._loop = asyncio.new_event_loop()

    def parse(self, text: str) -> Dict[str, Any]:
        return self._loop.run_until_complete(self._agent.parse_message(text))


def row(identity: Any, parse: Dict[str, Any]) -> Dict[str, Any]:
    """The documented line for one message."""
    ranking = [{"name": r["name"], "confidence": r["confidence"]} for r in parse.get("intent_ranking") or []][:RANKED]
    entities = [{key: e[key] for key in ("entity", "value", "start", "end") if key in e} for e in parse.get("entities") or []]
    intent = parse.get("intent") or {}
    return {
        "id": identity,
        "intent": intent.get("name"),
        "confidence": intent.get("confidence"),
        "ranking": ranking,
        "questions": parse.get("questions") or [],
        "entities": entities,
    }


def read(lines: Any) -> Iterator[Dict[str, Any]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                message = json.loads(line)
                yield {"id": message.get("id", number), "text": str(message["text"])}
            except (ValueError, KeyError, TypeError, AttributeError):
                print(f'Line {number} is not of the form {{"id": …, "text": …}} and was left out.', file=sys.stderr)


def main(arguments: List[str]) -> None:
    prepare_environment()
    from nlu.train import current_model

    model = current_model()
    if model is None:
        sys.exit("There is no model for the present data yet: run `make train` first.")
    parser = Parser(model)
    for message in read(sys.stdin):
        print(json.dumps(row(message["id"], parser.parse(message["text"])), ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
