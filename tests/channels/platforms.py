"""A real server with all platforms open, between strict stand-ins of the platforms."""

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import sqlalchemy as sa

from runtime import post
from runtime.conversations import Conversations
from runtime.database import events, make_engine
from tests.channels.fakes.base import Fake, Heard
from tests.channels.fakes.meta import Messenger, WhatsApp
from tests.channels.fakes.telegram import Telegram
from tests.channels.fakes.twilio import Twilio
from tests.runtime.site import Parent, Servers

CHANNELS = ("whatsapp", "telegram", "messenger", "sms")


class House(Servers):
    """Servers with all platforms around them."""

    def __init__(self, parent: Parent, folder: Path, database: Optional[str] = None, **environment: str):
        super().__init__(parent, folder, database, **{"STRIA_CLINIC_DB": str(shutil.copy(parent.records, folder / "clinic.sqlite3")), **environment})
        self.whatsapp, self.telegram, self.messenger, self.sms = WhatsApp(), Telegram(), Messenger(), Twilio()
        self.people = 0
        self._engine: Any = None

    @property
    def fakes(self) -> Dict[str, Fake]:
        return {"whatsapp": self.whatsapp, "telegram": self.telegram, "messenger": self.messenger, "sms": self.sms}

    @property
    def port(self) -> int:
        """Of the newest server, to which the platforms send."""
        return next(reversed(self.pids))

    async def open(self, **faults: Any) -> "House":
        for fake in self.fakes.values():
            await fake.start()
            self.environment.update(fake.environment())  # type: ignore[attr-defined]
        await self.start(**faults)
        return self

    async def start(self, port: Optional[int] = None, wait: bool = True, **faults: Any) -> int:
        port = await super().start(port, wait, **faults)
        for channel, fake in self.fakes.items():
            fake.webhook = f"http://127.0.0.1:{port}/webhooks/{'twilio' if channel == 'sms' else channel}/webhook"
        return port

    async def close(self) -> None:
        self.end()
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

    def spoken(self, conversation: str) -> List[Any]:
        """All that is stored of a conversation, as JSON."""
        return [row[0] for row in self.query(sa.select(events.c.data).where(events.c.sender_id == conversation))]

    def active_form(self, conversation: str) -> str:
        """The form that waits for an answer, or ""."""
        return Conversations(self.database).open_form(conversation)

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
