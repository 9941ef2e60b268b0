"""A real server with all platforms open, between strict stand-ins of the platforms."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import aiohttp
import sqlalchemy as sa

from runtime import post
from runtime.database import events, make_engine
from tests.channels.fakes.base import Fake, Heard
from tests.channels.fakes.meta import Messenger, WhatsApp
from tests.channels.fakes.telegram import Telegram
from tests.channels.fakes.twilio import Twilio
from tests.runtime.site import Parent
from tests.servers import free_port

CHANNELS = ("whatsapp", "telegram", "messenger", "sms")


class House:
    """One or more servers on one database, all platforms around them."""

    def __init__(self, parent: Parent, folder: Path, database: Optional[str] = None, **environment: str):
        self.parent, self.folder = parent, folder
        self.database = database or str(folder / "conversations.sqlite3")
        self.whatsapp, self.telegram, self.messenger, self.sms = WhatsApp(), Telegram(), Messenger(), Twilio()
        self.environment: Dict[str, str] = {
            **{"STRIA_CONVERSATIONS_DB": self.database, "STRIA_REDIS_URL": "", "STRIA_ACTIONS_URL": "", "STRIA_CLINIC_DB": str(folder / "clinic.sqlite3")},
            **environment,
        }
        self.ports: List[int] = []
        self.pids: Dict[int, int] = {}
        self.people = 0
        self._engine: Any = None

    @property
    def fakes(self) -> Dict[str, Fake]:
        return {"whatsapp": self.whatsapp, "telegram": self.telegram, "messenger": self.messenger, "sms": self.sms}

    async def open(self, **faults: Any) -> "House":
        for fake in self.fakes.values():
            await fake.start()
            self.environment.update(fake.environment())  # type: ignore[attr-defined]
        await self.start(**faults)
        return self

    async def start(self, port: Optional[int] = None, **faults: Any) -> int:
        """One more server; the platforms send to the newest."""
        port = port or free_port()
        self.pids[port] = self.parent.fork(port, {"environment": self.environment, "faults": faults})
        deadline = time.monotonic() + 20
        while True:
            try:
                async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/healthz") as response:
                    if response.status == 200:
                        break
            except aiohttp.ClientError:
                assert time.monotonic() < deadline, "the server did not come up"
                await asyncio.sleep(0.02)
        for channel, fake in self.fakes.items():
            fake.webhook = f"http://127.0.0.1:{port}/webhooks/{'twilio' if channel == 'sms' else channel}/webhook"
        self.ports.append(port)
        return port

    def alive(self, port: Optional[int] = None) -> bool:
        try:
            return Path(f"/proc/{self.pids[port or self.ports[-1]]}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def kill(self, port: Optional[int] = None, number: int = signal.SIGKILL) -> None:
        if self.alive(port):
            os.kill(self.pids[port or self.ports[-1]], number)

    async def gone(self, port: Optional[int] = None) -> None:
        while self.alive(port):
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        for port in self.pids:
            self.kill(port)
        for fake in self.fakes.values():
            await fake.close()
        if self._engine is not None:
            self._engine.dispose()

    # ------------------------------------------------------------------ people

    def somebody(self, channel: str) -> str:
        """A person of the channel whom nobody knows yet."""
        self.people += 1
        number = f"44740{self.people:07d}"
        return f"+{number}" if channel == "sms" else number

    def conversation(self, channel: str, person: str) -> str:
        if person.startswith("whatsapp:"):
            return "twilio_" + person
        return f"{channel}:{person}"

    def query(self, statement: Any) -> List[Any]:
        if self._engine is None:
            self._engine = make_engine(self.database)
        with self._engine.connect() as connection:
            return list(connection.execute(statement).all())

    def waiting(self, conversation: Optional[str] = None) -> int:
        found = 0
        for table in (post.arrived, post.outgoing):
            condition = table.c.state == "waiting"
            if conversation:
                condition = sa.and_(condition, table.c.conversation == conversation)
            found += self.query(sa.select(sa.func.count()).select_from(table).where(condition))[0][0]
        return found

    async def settled(self, conversation: Optional[str] = None, within: float = 30) -> None:
        """Until nothing of a person, or of anybody, waits."""
        deadline = time.monotonic() + within
        while self.waiting(conversation):
            assert time.monotonic() < deadline, f"still waiting: {self.waiting(conversation)}"
            await asyncio.sleep(0.02)

    async def say(self, channel: str, person: str, text: str, **more: Any) -> List[Heard]:
        """What a person gets for a text; `pressed: True` presses the button of this title instead, `photo` sends one with the text as caption."""
        fake = self.fakes[channel]
        before = len(fake.to(person))
        if more.pop("pressed", False):
            status = await fake.press(person, text)
        elif more.pop("photo", False):
            status = await fake.photo(person, text)
        else:
            status = await fake.text(person, text, **more)
        assert status == 200, status
        await self.settled(self.conversation(channel, person))
        return fake.to(person)[before:]

    def turns(self, conversation: str) -> List[str]:
        """What was stored as said by a person, in order."""
        import json

        mine = sa.and_(events.c.sender_id == conversation, events.c.type_name == "user")
        return [json.loads(row[0])["text"] for row in self.query(sa.select(events.c.data).where(mine).order_by(events.c.id))]

    def all_turns(self) -> Dict[str, int]:
        query = sa.select(events.c.sender_id, sa.func.count()).where(events.c.type_name == "user").group_by(events.c.sender_id)
        return {row[0]: row[1] for row in self.query(query)}

    def failures(self, conversation: str) -> List[Tuple[str, str]]:
        mine = sa.and_(post.outgoing.c.conversation == conversation, post.outgoing.c.state == "failed")
        return [(row.state, row.error) for row in self.query(sa.select(post.outgoing).where(mine))]

    def broken_rules(self) -> List[str]:
        return [rule for fake in self.fakes.values() for rule in fake.violations]


def words(heard: List[Heard]) -> str:
    return "\n".join(h.text for h in heard)


def titles(heard: List[Heard]) -> List[str]:
    """Titles of the buttons in these messages, whether they are buttons or numbered lines."""
    found = []
    for message in heard:
        lines = [line.partition(". ") for line in message.text.splitlines()]
        numbered = [title for number, mark, title in lines if mark and number.isdigit()]
        found += numbered or [title for title, _ in message.buttons]
    return found
