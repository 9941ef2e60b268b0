"""Whole dialogues from the folders beside this file, run through the trained model with real actions.

A step: `user` (what is typed) and any of `answers` (intents answered, in order), `says` (texts that must occur), `never`
(texts that must not), `buttons` (titles that must be offered; an empty list: none), `bubbles` (number of text messages).
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
async def test_dialogue(steps: list[dict[str, Any]], talk: Any) -> None:
    for step in steps:
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
