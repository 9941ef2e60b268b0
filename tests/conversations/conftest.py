"""One trained assistant for all conversation tests, with real actions and conversations kept in memory."""

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from nlu.train import current_model
from runtime.assistant import load_assistant
from tests.conversations.records import FakeRecords, install


class Talk:
    """A conversation of its own with the assistant."""

    def __init__(self, agent: Any):
        self.agent = agent
        self.sender = uuid4().hex

    async def say(self, text: str) -> list[dict[str, Any]]:
        """The replies to `text`."""
        return await self.agent.handle_text(text, sender_id=self.sender) or []

    async def slot(self, name: str) -> Any:
        tracker = await self.agent.tracker_store.retrieve(self.sender)
        return tracker.get_slot(name)

    async def wait(self, days: float) -> None:
        """Let time pass: everything that was said, and what the check remembers of it, becomes that much older."""
        tracker = await self.agent.tracker_store.retrieve(self.sender)
        for event in tracker.events:
            event.timestamp -= days * 86400
        check = tracker.get_slot("screening")
        if check:
            check["touched"] = (dt.datetime.fromisoformat(check["touched"]) - dt.timedelta(days=days)).isoformat()
            for event in tracker.events:
                if getattr(event, "key", None) == "screening" and isinstance(event.value, dict) and event.value.get("touched"):
                    event.value["touched"] = check["touched"]
        await self.agent.tracker_store.save(tracker)

    async def memory(self) -> dict[str, Any]:
        tracker = await self.agent.tracker_store.retrieve(self.sender)
        return tracker.get_slot("consultation") or {}


@pytest.fixture(scope="session")
def agent() -> Iterator[Any]:
    model = current_model()
    assert model is not None, "Run `make train` first."
    yield load_assistant(model)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> FakeRecords:
    """The clinic's records of one test, empty."""
    fake = FakeRecords()
    install(fake, monkeypatch)
    return fake


@pytest.fixture
def talk(agent: Any, records: FakeRecords) -> Talk:
    return Talk(agent)
