"""The web server of the clinic's site: nobody holds it by trickling, and its log tells nothing of what a request held."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from clinic import server
from knowledge.library import ROOT
from tests.servers import free_port

PATIENCE = 1.0  # seconds; server and clients share one loop, which a busy machine holds up


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers when the body is there, `/later` after longer than anybody may trickle."""
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(1.5 * PATIENCE if scope["path"] == "/later" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@contextlib.asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(server, "SLOWEST_SENDER", PATIENCE)
    port = free_port()
    config = uvicorn.Config(application, port=port, http=server.Punctual, ws="none", log_config=None, access_log=False, lifespan="off")
    one = uvicorn.Server(config)
    running = asyncio.ensure_future(one.serve())
    while not one.started:
        await asyncio.sleep(0.01)
    yield port
    one.should_exit = True
    await running


async def trickle(port: int, opening: bytes) -> float:
    """Seconds until the server closes on somebody who goes on sending a byte at a time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.monotonic()
    writer.write(opening)
    with contextlib.suppress(ConnectionError):
        while not reader.at_eof() and time.monotonic() - started < 6 * PATIENCE:
            writer.write(b"a")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.05)
    writer.close()
    return time.monotonic() - started


async def answers(port: int, *paths: str) -> int:
    """How many requests on one connection are answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = 0
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        found += (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(1.2 * PATIENCE)
    writer.close()
    return found


async def test_who_trickles_is_let_go_and_who_waits_for_an_answer_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port:
        head = b"GET / HTTP/1.1\r\nHost: a\r\nX-"
        body = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n"
        slow = await asyncio.gather(trickle(port, head), trickle(port, body), trickle(port, b""), return_exceptions=True)
        assert all(isinstance(seconds, float) and seconds < 5 * PATIENCE for seconds in slow), slow
        assert await answers(port, "/", "/later", "/") == 3


@pytest.mark.slow
def test_the_log_of_the_site_quotes_no_request(tmp_path: Path) -> None:
    port = free_port()
    settings = {"STRIA_CLINIC_DB": str(tmp_path / "clinic.sqlite3"), "STRIA_CLINIC_PORT": str(port), "STRIA_LOG_LEVEL": "INFO"}
    log = tmp_path / "log"
    with log.open("wb") as lines:
        child = subprocess.Popen([sys.executable, "-m", "clinic.server"], cwd=ROOT, env={**os.environ, **settings}, stdout=lines, stderr=lines)
    try:
        ask(port, b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", child)
        ask(port, b"GET /zebedee?name=zebedee HTTP/1.1\r\nHost: zebedee\r\nConnection: close\r\n\r\n", child)
        ask(port, b"GET /r/zebedee HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", child)
        ask(port, b"zebedee zebedee\r\n\r\n", child)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(20)
    written = log.read_text()
    assert "zebedee" not in written.lower()
    assert all(json.loads(line)["level"] for line in written.splitlines())


def ask(port: int, request: bytes, child: "subprocess.Popen[bytes]") -> None:
    async def once() -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:
            return False
        writer.write(request)
        assert (await reader.read()).startswith(b"HTTP/1.1 ")
        writer.close()
        return True

    deadline = time.monotonic() + 60
    while not asyncio.run(once()):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)
