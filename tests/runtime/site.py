"""A clinic's server under test: forked with faults, talked to, killed, and read behind its back."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import aiohttp
import sqlalchemy as sa

from knowledge.library import ROOT
from nlu.train import current_model
from runtime.database import events, make_engine
from tests.servers import free_port

MESSAGE = "how many sessions will i need"


class Parent:
    """The process that has everything loaded and forks servers. `log`: where it and all of them write their log lines. `records`: empty ones, to be copied."""

    def __init__(self, log: Path) -> None:
        model = current_model()
        assert model is not None, "train first: make train"
        self.log, self.records = log, log.with_name("records.sqlite3")
        command = [sys.executable, "-m", "tests.runtime.forked", str(model), str(self.records)]
        with log.open("wb") as lines:
            self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=lines, text=True)
        assert self._line() == "loaded"

    def _line(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(("loaded", "started")):
                return str(line.strip())
        raise AssertionError(f"the parent ended:\n{self.log.read_text()[-2000:]}")

    def fork(self, port: int, options: Dict[str, Any]) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(f"start {port} {json.dumps(options)}\n")
        self.process.stdin.flush()
        return int(self._line().split()[1])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(20)


class Forks:
    """One or more servers on one database, in one `environment`."""

    def __init__(self, parent: Parent, folder: Path, database: Optional[str] = None, **environment: str):
        self.parent, self.folder = parent, folder
        self.database = database or str(folder / "conversations.sqlite3")
        self.environment: Dict[str, str] = {"STRIA_CONVERSATIONS_DB": self.database, "STRIA_REDIS_URL": "", "STRIA_ACTIONS_URL": "", **environment}
        self.pids: Dict[int, int] = {}

    def begin(self, port: int, wait: bool = True, **faults: Any) -> None:
        """One more server, or one on the port of one that is gone; until it serves, or at once. Raises AssertionError when it does not come up."""
        self.pids.pop(port, None)
        self.pids[port] = self.parent.fork(port, {"environment": self.environment, "faults": faults})
        deadline = time.monotonic() + 20
        while wait and not _serves(port):
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.01)

    def alive(self, port: int) -> bool:
        try:
            return Path(f"/proc/{self.pids[port]}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def kill(self, port: int, number: int = signal.SIGKILL) -> None:
        if self.alive(port):
            os.kill(self.pids[port], number)

    def end(self) -> None:
        """Kill them all."""
        for port in self.pids:
            self.kill(port)


class Servers(Forks):
    """The same for tests that do other things meanwhile."""

    async def start(self, port: Optional[int] = None, wait: bool = True, **faults: Any) -> int:
        """The port of one more server, or of one that is gone and started again."""
        port = port or free_port()
        await asyncio.to_thread(self.begin, port, wait, **faults)
        return port

    async def gone(self, port: int, within: float = 20) -> bool:
        """Whether the server ends within so many seconds."""
        deadline = time.monotonic() + within
        while self.alive(port) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return not self.alive(port)


def _serves(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


class Site(Servers):
    """Servers, and the client that talks to them."""

    def __init__(self, parent: Parent, folder: Path, database: Optional[str] = None):
        super().__init__(parent, folder, database)
        self.effects = folder / "effects.sqlite3"
        with sqlite3.connect(self.effects) as book:
            book.execute("CREATE TABLE effects (key TEXT, sender TEXT, PRIMARY KEY (sender, key))")

    async def say(self, port: int, sender: Any, message: Any, message_id: Optional[str] = None, within: float = 30) -> List[Dict[str, Any]]:
        body = {"sender": sender, "message": message, **({"message_id": message_id} if message_id else {})}
        limit = aiohttp.ClientTimeout(total=within)
        address = f"http://127.0.0.1:{port}/webhooks/rest/webhook"
        async with aiohttp.ClientSession(timeout=limit) as session, session.post(address, json=body) as response:
            found = await response.json()
            return found if isinstance(found, list) else [{"status": response.status, **found}]

    async def raw(self, port: int, request: bytes, within: float = 10) -> int:
        """The HTTP status that these very bytes get; 0 when the server closes the connection without one. Raises TimeoutError."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            await writer.drain()
            line = await asyncio.wait_for(reader.readline(), within)
            return int(line.split()[1]) if line else 0
        except ConnectionError:
            return 0
        finally:
            writer.close()

    async def get(self, port: int, path: str, within: float = 10) -> Tuple[int, str]:
        limit = aiohttp.ClientTimeout(total=within)
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(f"http://127.0.0.1:{port}{path}") as response:
            return response.status, await response.text()

    async def post(self, port: int, path: str) -> Tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.post(f"http://127.0.0.1:{port}{path}") as response:
            return response.status, await response.text()

    def stored(self, sender: str) -> List[str]:
        """Message ids of the stored turns of a sender, in order."""
        engine = make_engine(self.database)
        query = sa.select(events.c.data).where(sa.and_(events.c.sender_id == f"rest:{sender}", events.c.type_name == "user")).order_by(events.c.id)
        with engine.connect() as connection:
            found = [json.loads(text)["message_id"] for text in connection.execute(query).scalars()]
        engine.dispose()
        return found

    def booked(self) -> List[str]:
        with sqlite3.connect(self.effects) as book:
            return [key for (key,) in book.execute("SELECT key FROM effects")]


def apology(replies: List[Dict[str, Any]]) -> bool:
    return len(replies) == 1 and "020 7946 0123" in replies[0]["text"]
