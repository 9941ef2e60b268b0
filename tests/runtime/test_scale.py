"""The production topology on one machine: PostgreSQL, Redis and two Rasa processes that know the same conversations."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bench.scale import Share, Topology, processor_seconds, table, topology
from bench.turns import MESSAGES
from runtime.supervisor import answers
from tests.servers import Missing


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    try:
        with topology(tmp_path_factory.mktemp("scale"), processes=2, durable=False) as started:
            yield started
    except Missing as missing:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(missing))


async def say(session: aiohttp.ClientSession, port: int, sender: str, text: str) -> list[dict[str, Any]]:
    body = {"sender": sender, "message": text}
    async with session.post(f"http://127.0.0.1:{port}/webhooks/rest/webhook", json=body) as answer:
        replies: list[dict[str, Any]] = await answer.json()
    return replies


@pytest.mark.model
async def test_both_processes_know_the_same_conversation(running: Topology) -> None:
    first, second = running.ports
    async with aiohttp.ClientSession() as session:
        assert await say(session, first, "anna", "does it hurt")
        sources = await say(session, second, "anna", "where does that come from")
    assert sources and running.stored("rest:anna") == 2


@pytest.mark.model
async def test_messages_of_one_person_to_both_processes_at_once_are_all_answered_and_stored_once(running: Topology) -> None:
    async with aiohttp.ClientSession() as session:
        for number in range(5):
            calls = (say(session, running.ports[place % 2], "bella", MESSAGES[number + place]) for place in range(6))
            assert all(await asyncio.gather(*calls))
    assert running.stored("rest:bella") == 30


@pytest.mark.model
async def test_people_go_on_with_the_other_process_while_one_is_gone(running: Topology) -> None:
    first, second = running.ports
    async with aiohttp.ClientSession() as session:
        assert await say(session, first, "carla", "does it hurt")
        os.kill(running.rasa()[first], signal.SIGKILL)
        assert await say(session, second, "carla", "what does it cost")
        deadline = time.monotonic() + 90
        while not await answers(f"http://127.0.0.1:{first}/readyz"):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        assert await say(session, first, "carla", "how many sessions")
    assert running.stored("rest:carla") == 3


@pytest.mark.model
def test_no_word_of_anybody_is_in_the_log(running: Topology) -> None:
    log = running.log.read_text()
    assert not any(text in log for text in (*MESSAGES, "what does it cost", "carla", "bella"))


def test_a_conversation_always_goes_to_the_same_process() -> None:
    made = Topology(None, None, None, [1, 2], "", Path())  # type: ignore[arg-type]
    assert {made.address("anna") for _ in range(5)} == {made.address("anna")}
    assert {made.address(f"visitor {n}") for n in range(50)} == {f"http://127.0.0.1:{port}/webhooks/rest/webhook" for port in (1, 2)}
    assert {made.address(f"visitor {n}", 1) for n in range(50)} == {"http://127.0.0.1:1/webhooks/rest/webhook"}


def test_processor_time_is_counted() -> None:
    before, end = processor_seconds([os.getpid()]), time.process_time() + 0.2
    while time.process_time() < end:
        pass
    assert 0.1 <= processor_seconds([os.getpid()]) - before <= 1.0


def test_the_table_says_what_was_measured() -> None:
    one = Share(1, [50.0], [20.0] * 10, dict.fromkeys(("Rasa", "PostgreSQL", "Redis", "load generator"), 0.2), 1.0)
    two = Share(2, [90.0], [20.0] * 10, dict.fromkeys(("Rasa", "PostgreSQL", "Redis", "load generator"), 0.2), 1.0)
    text = table([one, two], 900, 4.2)
    assert "| against one process | 1.00 | 1.80 |" in text and "| processor time a turn, Rasa, ms | 20.00 | 20.00 |" in text
