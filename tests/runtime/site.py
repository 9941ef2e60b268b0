"""A clinic's server under test: forked with faults, talked to, killed, and read behind its back."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
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
    """The process that has everything loaded and forks servers. `log`: where it and all of them write their log lines."""

    def __init__(self, log: Path) -> None:
        model = current_model()
        assert model is not None, "train first: make train"
        self.log = log
        command = [sys.executable, "-m", "tests.runtime.forked", str(model)]
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


class Site:
    """One or more servers on one database, and the client that talks to them."""

    def __init__(self, parent: Parent, folder: Path, database: Optional[str] = None):
        self.parent, self.folder = parent, folder
        self.database = database or str(folder / "conversations.sqlite3")
        self.effects = folder / "effects.sqlite3"
        with sqlite3.connect(self.effects) as book:
            book.execute("CREATE TABLE effects (key TEXT, sender TEXT, PRIMARY KEY (sender, key))")
        self.pids: Dict[int, int] = {}
        self.environment: Dict[str, str] = {"STRIA_CONVERSATIONS_DB": self.database, "STRIA_REDIS_URL": "", "STRIA_ACTIONS_URL": ""}

    async def start(self, port: Optional[int] = None, wait: bool = True, **faults: Any) -> int:
        port = port or free_port()
        self.pids[port] = self.parent.fork(port, {"environment": self.environment, "faults": faults})
        deadline = time.monotonic() + 20
        while wait:
            try:
                async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/healthz") as response:
                    if response.status == 200:
                        break
            except aiohttp.ClientError:
                assert time.monotonic() < deadline, "the server did not come up"
                await asyncio.sleep(0.01)
        return port

    def kill(self, port: int, number: int = signal.SIGKILL) -> None:
        os.kill(self.pids[port], number)

    def alive(self, port: int) -> bool:
        try:
            state = Path(f"/proc/{self.pids[port]}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        return state != "Z"

    async def gone(self, port: int, within: float = 20) -> bool:
        """Whether the server ends within so many seconds."""
        deadline = time.monotonic() + within
        while self.alive(port) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return not self.alive(port)

    def close(self) -> None:
        for port in self.pids:
            if self.alive(port):
                self.kill(port)

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
