"""The same dialogues on all five channels, through the real server: what a person is told does not depend on where they ask."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import requests
import yaml

from channels.rendering import HOW_TO_CHOOSE, folded
from tests.channels.fakes.base import Heard
from tests.channels.platforms import CHANNELS, House, titles, words
from tests.channels.website import PAGE, Visitor

pytestmark = pytest.mark.model
DIALOGUES = yaml.safe_load((Path(__file__).parent / "dialogues.yml").read_text(encoding="utf-8"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def house(parent: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    made = House(parent, tmp_path_factory.mktemp("dialogues"), STRIA_WEB_ORIGINS=PAGE, STRIA_WEB_SECRET="a secret of the tests, long enough")
    await made.open(settle=0.05)
    yield made
    await made.close()
    assert made.broken_rules() == []


class Site:
    """The website's side of the house, as `Visitor` wants it."""

    def __init__(self, house: House):
        self.url = f"http://127.0.0.1:{house.port}"

    def settings(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.url}/webhooks/website/settings", headers={"Origin": PAGE}, timeout=5).json())


class Browser:
    """A visitor of the website."""

    def __init__(self, house: House):
        self.site = Site(house)
        self.visitor: Any = None
        self.offered: dict[str, str] = {}

    async def do(self, step: dict[str, Any]) -> list[Heard]:
        if self.visitor is None:
            self.visitor = await asyncio.to_thread(Visitor, self.site)
        text = step.get("say", step.get("photo"))
        answer = await asyncio.to_thread(self.visitor.say, **({"text": text} if text is not None else {"key": self.offered[step["press"]]}))
        heard = [Heard("me", item.get("text", ""), [(b["title"], b["key"]) for b in item.get("buttons", [])]) for item in answer["items"]]
        self.offered.update({title: key for message in heard for title, key in message.buttons})
        return heard

    async def close(self) -> None:
        if self.visitor is not None:
            await asyncio.to_thread(self.visitor.leave)


class Phone:
    """A person on a platform."""

    def __init__(self, house: House, channel: str):
        self.house, self.channel, self.person = house, channel, house.somebody(channel)

    async def do(self, step: dict[str, Any]) -> list[Heard]:
        text = step.get("say") or step.get("press") or step["photo"]
        return await self.house.say(self.channel, self.person, text, pressed="press" in step, photo="photo" in step)

    async def close(self) -> None:
        pass


def meaning(heard: list[Heard]) -> list[str]:
    """The words of an answer without what only some show: who speaks, where it comes from, how to choose, and the reference of each one's own."""
    text = re.sub(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", "…", folded(words([h for h in heard if h.text])))
    text = re.sub(r"This is the assistant of .*? Call \d+\.", "", text, flags=re.S)
    lines = [line for line in text.splitlines() if not re.match(r"\d+\. |Sources?: |I can only read typed words", line) and line != HOW_TO_CHOOSE]
    return " ".join(lines).split()


async def run(dialogue: dict[str, Any], somebody: Any, where: str) -> list[list[str]]:
    told, offered = [], [""]
    for step in dialogue["steps"]:
        if isinstance(step.get("press"), int):
            step = {**step, "press": offered[step["press"] - 1]}
        heard = await somebody.do(step)
        said = folded(words(heard)).lower()
        note = f"{where}: {dialogue['name']}, after {step}:\n{words(heard)}"
        assert said, note
        for text in step.get("says", []):
            if not (where == "website" and text.startswith("only read")):
                assert folded(text).lower() in said, note
        for text in step.get("never", []):
            assert text.lower() not in said, note
        offered = titles(heard)
        if "choices" in step:
            assert set(step["choices"]) <= set(map(folded, offered)) if step["choices"] else offered == [], f"{offered} {note}"
        told.append(meaning(heard))
    await somebody.close()
    return told


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=[d["name"] for d in DIALOGUES])
async def test_a_dialogue_means_the_same_everywhere(house: House, dialogue: dict[str, Any]) -> None:
    people: dict[str, Any] = {"website": Browser(house), **{channel: Phone(house, channel) for channel in CHANNELS}}
    if not dialogue.get("same", True):  # they book the same diary: one after the other
        for where, somebody in people.items():
            before = {channel: len(fake.files) for channel, fake in house.fakes.items()}
            await run(dialogue, somebody, where)
            if "Booked" in str(dialogue) and isinstance(somebody, Phone):
                for heard in house.sms.to(somebody.person):
                    assert set(await house.sms.tap(heard)) <= {200}
                files = house.fakes[where].files[before[where] :]
                assert [re.findall("METHOD:(.*)\r", content) for _, content in files] == dialogue["files"], f"{where}: {files}"
                assert somebody.person not in str(files) and "Ada King" not in str(files) and "needling" not in str(files)
    else:
        told = dict(zip(people, await asyncio.gather(*(run(dialogue, somebody, where) for where, somebody in people.items()))))
        for channel in CHANNELS:
            assert told[channel] == told["website"], channel


def test_there_are_fifteen() -> None:
    assert len(DIALOGUES) >= 15
