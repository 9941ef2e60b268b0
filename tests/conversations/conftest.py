"""One trained assistant for all conversation tests, with real actions and conversations kept in memory."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from nlu.train import current_model
from runtime.assistant import load_assistant


class Talk:
    """A conversation of its own with the assistant."""

    def __init__(self, agent: Any):
        self.agent = agent
        self.sender = uuid4().hex

    async def say(self, text: str) -> list[dict[str, Any]]:
        """The replies to `text`."""
        return await self.agent.handle_text(text, sender_id=self.sender) or []

    async def memory(self) -> dict[str, Any]:
        tracker = await self.agent.tracker_store.retrieve(self.sender)
        return tracker.get_slot("consultation") or {}


@pytest.fixture(scope="session")
def agent() -> Iterator[Any]:
    model = current_model()
    assert model is not None, "Run `make train` first."
    yield load_assistant(model)


@pytest.fixture
def talk(agent: Any) -> Talk:
    return Talk(agent)
