"""A message that is too long to answer is still searched for danger; a retry that comes too fast still gets its stored answer."""

import contextlib
from types import SimpleNamespace
from typing import Any, AsyncIterator

import pytest

from runtime import gate
from runtime.notices import notice
from runtime.turns import Incoming, Turns


class Store:
    async def peek(self, conversation: str) -> None:
        return None

    async def answer_of(self, conversation: str, message_id: str) -> Any:
        return [{"text": "the stored answer"}] if message_id == "known" else None


class Locks:
    @contextlib.asynccontextmanager
    async def lock(self, conversation: str) -> AsyncIterator[None]:
        yield


class Processor:
    """Takes a part with "throat" for an emergency and one with "weeping" for something urgent; remembers what it was given to answer."""

    def __init__(self) -> None:
        self.answered: list[str] = []

    async def parse_message(self, message: Any) -> dict[str, Any]:
        level = "emergency" if "throat" in message.text else "urgent" if "weeping" in message.text else "none"
        return {"safety": {"level": level}}

    async def handle_message(self, message: Any) -> None:
        self.answered.append(message.text)
        message.output_channel.messages.append({"text": "call"})


def turns(limits: Any = None) -> tuple[Turns, Processor]:
    processor = Processor()
    return Turns(SimpleNamespace(tracker_store=Store(), lock_store=Locks(), processor=processor), limits), processor


LONG = "so i started using this oil when i was pregnant and it did nothing at all for me. " * 30


@pytest.mark.parametrize(
    "text", [f"{LONG}now my throat is closing", f"my throat is closing. {LONG}", f"{LONG}it is weeping. {LONG}my throat is closing. {LONG}"]
)
async def test_danger_in_an_over_long_message_is_answered(text: str) -> None:
    service, processor = turns()
    answer = await service.handle(Incoming("web:1", text, "web", "m1"))
    assert [reply["text"] for reply in answer.replies] == ["call"]
    (part,) = processor.answered
    assert "throat" in part and len(part) <= gate.LONGEST_TEXT


async def test_an_over_long_message_without_danger_gets_the_sentence() -> None:
    service, processor = turns()
    answer = await service.handle(Incoming("web:1", LONG, "web", "m1"))
    assert answer.replies[0]["text"] == notice("too_long") and answer.outcome == "refused"
    assert processor.answered == []


async def test_a_retry_is_no_new_message_for_the_rate_limit() -> None:
    service, processor = turns({"conversation": gate.RateLimit(60, 1)})
    await service.handle(Incoming("web:1", "hello", "web", "m1"))
    assert (await service.handle(Incoming("web:1", "hello", "web", "known"))).replies == [{"text": "the stored answer"}]
    assert (await service.handle(Incoming("web:1", "hello", "web", "m2"))).outcome == "refused"
    assert processor.answered == ["hello"]
