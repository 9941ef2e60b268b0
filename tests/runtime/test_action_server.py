"""The separate action server runs actions for whoever has the secret, for nobody else, and an error of it tells nothing about the person."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from rasa_sdk import Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from rasa_sdk.interfaces import ActionExecutionRejection

from runtime import action_server
from runtime.action_server import LARGEST_REQUEST, application, load_actions
from runtime.request import REQUEST_ID
from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
SECRET = "correct horse battery"
HEADERS = {"X-Stria-Secret": SECRET}
PRIVATE = "I am Anna Lee and pregnant"


def call(action: str, text: str = PRIVATE) -> dict[str, Any]:
    tracker = {"sender_id": "web:1", "slots": {}, "latest_message": {"text": text}, "events": [], "paused": False, "active_loop": {}}
    return {"next_action": action, "sender_id": "web:1", "tracker": tracker, "domain": {}, "version": "3.6.21"}


@pytest.fixture
async def client() -> AsyncIterator[Any]:
    """A server with actions that answer, fail, reject and hang."""
    executor = ActionExecutor()

    def greets(dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        dispatcher.utter_message(text=f"request {REQUEST_ID.get()}")
        return []

    def fails(dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        raise RuntimeError(tracker.latest_message["text"])

    def rejects(dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        raise ActionExecutionRejection("rejects", tracker.latest_message["text"])

    async def hangs(dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[Any]:
        await asyncio.sleep(60)
        return []

    for action in (greets, fails, rejects, hangs):
        executor.register_function(action.__name__, action)
    async with TestClient(TestServer(application(SECRET, executor))) as running:
        yield running


async def test_an_action_runs_and_the_request_id_goes_with_it(client: Any) -> None:
    answer = await client.post("/webhook", json=call("greets"), headers={**HEADERS, "X-Request-Id": "abc-123-def"})
    assert answer.status == 200
    assert (await answer.json())["responses"][0]["text"] == "request abc-123-def"
    assert answer.headers["X-Request-Id"] == "abc-123-def"


async def test_a_request_id_that_is_none_is_replaced(client: Any) -> None:
    answer = await client.post("/webhook", json=call("greets"), headers={**HEADERS, "X-Request-Id": "<script>alert(1)</script>"})
    assert "<" not in answer.headers["X-Request-Id"] and len(answer.headers["X-Request-Id"]) >= 6


@pytest.mark.parametrize("headers", [{}, {"X-Stria-Secret": ""}, {"X-Stria-Secret": SECRET[:-1]}, {"X-Stria-Secret": SECRET + "x"}, {"X-Stria-Secret": "é"}])
@pytest.mark.parametrize("address", ["/webhook", "/actions", "/nowhere"])
async def test_nobody_without_the_secret_gets_anything(client: Any, headers: dict[str, str], address: str) -> None:
    answer = await client.post(address, data=b"\xff not even JSON", headers=headers)
    assert answer.status == 403
    assert await answer.json() == {"error": "The shared secret is missing or wrong."}


async def test_health_needs_no_secret_and_tells_nothing(client: Any) -> None:
    answer = await client.get("/health")
    assert (answer.status, await answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(("action", "status"), [("fails", 500), ("rejects", 400), ("nothing like it", 404), ("hangs", 500)])
async def test_an_error_quotes_nothing_of_the_request(
    client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, action: str, status: int
) -> None:
    monkeypatch.setattr(action_server, "LONGEST_ACTION", 0.05)
    answer = await client.post("/webhook", json=call(action), headers=HEADERS)
    body = await answer.text()
    assert answer.status == status
    assert "Anna" not in body and "tracker" not in body and "nothing like it" not in body
    assert "Anna" not in "".join(record.getMessage() for record in caplog.records)


async def test_a_rejection_is_told_as_rasa_expects_it(client: Any) -> None:
    answer = await client.post("/webhook", json=call("rejects"), headers=HEADERS)
    assert (await answer.json())["action_name"] == "rejects"


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff\xfe", b'{"next_action": 7, "tracker": {}}', b'{"next_action": "greets"}', b'"x"'])
async def test_rubbish_is_refused(client: Any, body: bytes) -> None:
    assert (await client.post("/webhook", data=body, headers=HEADERS)).status == 400


async def test_a_huge_request_is_refused(client: Any) -> None:
    answer = await client.post("/webhook", data=b" " * (LARGEST_REQUEST + 1), headers=HEADERS)
    assert answer.status == 413


async def test_a_huge_request_is_refused_when_it_comes_compressed(client: Any) -> None:
    bomb = zlib.compress(json.dumps(call("greets", "a" * 20 * LARGEST_REQUEST)).encode())
    answer = await client.post("/webhook", data=bomb, headers={**HEADERS, "Content-Encoding": "deflate"})
    assert answer.status in (400, 413)


def test_it_does_not_start_without_a_secret_worth_the_name() -> None:
    with pytest.raises(ValueError, match="16 characters"):
        application("short", ActionExecutor())


def test_our_actions_load() -> None:
    assert {"action_answer", "action_clarify"} <= set(load_actions().actions)


@pytest.fixture
def running() -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """The server as a process of its own."""
    port = free_port()
    environment = {**os.environ, "STRIA_ACTIONS_PORT": str(port), "STRIA_ACTIONS_SECRET": SECRET, "STRIA_ACTIONS_URL": ""}
    child = subprocess.Popen([sys.executable, "-m", "runtime.action_server"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None and child.stdout.readline() == f"Actions are ready on http://127.0.0.1:{port}\n"
        yield child, port
    finally:
        child.kill()
        child.communicate()


async def test_it_listens_on_loopback_only_answers_and_stops_in_order(running: "tuple[subprocess.Popen[str], int]") -> None:
    child, port = running
    listening = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=False).stdout or Path("/proc/net/tcp").read_text()
    assert f"127.0.0.1:{port}" in listening or f"0100007F:{port:04X}" in listening
    assert f"0.0.0.0:{port}" not in listening and f"00000000:{port:04X}" not in listening
    async with aiohttp.ClientSession() as session, session.post(f"http://127.0.0.1:{port}/webhook", json=call("action_answer"), headers=HEADERS) as answer:
        assert answer.status == 200 and (await answer.json())["responses"]
    started = time.monotonic()
    child.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(child.wait, 20) == 0
    assert time.monotonic() - started < 5
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_says_what_is_missing() -> None:
    environment = {**os.environ, "STRIA_ACTIONS_SECRET": "", "STRIA_ACTIONS_URL": ""}
    done = subprocess.run([sys.executable, "-m", "runtime.action_server"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "STRIA_ACTIONS_SECRET must be set" in done.stderr
