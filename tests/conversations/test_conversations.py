"""Whole dialogues from the folders beside this file, run through the trained model with real actions.

A step: `user` (what is typed) and any of `answers` (intents answered, in order), `says` (texts that must occur), `never`
(texts that must not), `buttons` (titles that must be offered; an empty list: none), `bubbles` (number of text messages), `check` (fields of
the suitability check afterwards; null: nothing of it is kept), `stored` (fields of the result handed to the clinic, `rows` being its reasons),
`consents` (how many agreements are on record), `records` ("down": they cannot be reached from here on), `later` (days that pass before).
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.model
HERE = Path(__file__).parent


def cases() -> list[Any]:
    found = []
    for path in sorted(HERE.rglob("*.yml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            found.append(pytest.param(case["steps"], id=f"{path.parent.name}: {case['test_case']}"))
    return found


@pytest.mark.parametrize("steps", cases())
async def test_dialogue(steps: list[dict[str, Any]], talk: Any, records: Any) -> None:
    for step in steps:
        if "records" in step:
            records.down = step["records"] == "down"
        if "later" in step:
            await talk.wait(days=step["later"])
        replies = await talk.say(step["user"])
        texts = [r["text"] for r in replies if r.get("text")]
        said = "\n".join(texts)
        where = f"after {step['user']!r} the assistant said:\n{said}"
        assert texts, where
        if "answers" in step:
            shown = (await talk.memory()).get("answered")
            assert shown == step["answers"], f"{shown} {where}"
        for text in step.get("says", []):
            assert text.lower() in said.lower(), where
        for text in step.get("never", []):
            assert text.lower() not in said.lower(), where
        titles = [b["title"] for r in replies for b in r.get("buttons") or []]
        if "buttons" in step:
            assert set(step["buttons"]) <= set(titles) if step["buttons"] else not titles, f"buttons {titles} {where}"
        if "bubbles" in step:
            assert len(texts) == step["bubbles"], where
        if "check" in step:
            kept = await talk.slot("screening")
            assert (kept is None) == (step["check"] is None), where
            for name, value in (step["check"] or {}).items():
                assert kept[name] == value, f"{name}: {kept[name]} {where}"
        if "stored" in step:
            assert records.screenings, where
            stored = {**records.screenings[-1], "rows": [r["row"] for r in records.screenings[-1]["reasons"]]}
            for name, value in step["stored"].items():
                assert stored[name] == value, f"{name}: {stored[name]} {where}"
        if "consents" in step:
            assert len(records.consents) == step["consents"], where
