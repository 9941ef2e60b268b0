"""Staff in a conversation: the bot is quiet, danger is still answered, what staff say arrives, and the bot comes back to where it was."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Dict, List

import pytest
import sqlalchemy as sa

from runtime import conversations, database
from runtime.conversations import Conversations, spoken
from runtime.tracker_store import ConversationStore, read_event
from runtime.turns import in_danger
from tests.runtime.site import MESSAGE, Parent, Site

PAUSE = [{"event": "pause"}, spoken("Anna from our team is here now.", "", "p")]
RESUME = [spoken("I am the computer program again.", "", "r"), {"event": "resume"}, {"event": "action", "name": "action_listen"}]


@pytest.fixture(params=["sqlite", "postgres"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Conversations]:
    made = Conversations(str(tmp_path / "c.sqlite3") if request.param == "sqlite" else request.getfixturevalue("database"))
    yield made
    made.close()


def stored(door: Conversations, conversation: str) -> List[Dict[str, Any]]:
    with door.engine.connect() as connection:
        query = sa.select(database.events.c.data).where(database.events.c.sender_id == conversation).order_by(database.events.c.id)
        return [json.loads(data) for data in connection.execute(query).scalars()]


class TestTheDoor:
    def test_adds_once_for_each_key(self, door: Conversations) -> None:
        assert door.add("web:1", PAUSE, "k") and not door.add("web:1", PAUSE, "k") and door.add("web:2", PAUSE, "k")
        assert [e["event"] for e in stored(door, "web:1")] == ["pause", "bot"]
        assert all(type(read_event(e)).__name__ for e in [*stored(door, "web:1"), *RESUME])

    def test_two_at_once_with_one_key_are_one(self, door: Conversations) -> None:
        from concurrent.futures import ThreadPoolExecutor

        door.add("web:1", PAUSE, "first")

        def add(number: int) -> bool:
            return door.add("web:1", [spoken(str(number), "Anna", f"k{number % 2}")], f"k{number % 2}")

        with ThreadPoolExecutor(6) as pool:
            assert sum(pool.map(add, range(12))) == 2

    def test_knows_the_form_that_waits(self, door: Conversations) -> None:
        assert door.open_form("web:1") == ""
        door.add("web:1", [{"event": "active_loop", "name": "booking_form"}], "a")
        assert door.open_form("web:1") == "booking_form"
        door.add("web:1", [{"event": "active_loop", "name": None}], "b")
        assert door.open_form("web:1") == ""

    def test_what_staff_said_is_found_from_a_place_on(self, door: Conversations) -> None:
        door.add("web:1", PAUSE, "p")
        with door.engine.connect() as connection:
            newest = conversations.newest(connection)
        door.add("web:2", [spoken("hello", "Anna", "s")], "s")
        with door.engine.connect() as connection:
            (row,) = conversations.told_since(connection, newest)
        assert row.sender_id == "web:2" and json.loads(row.data)["metadata"] == {"staff": "Anna", "key": "s"}

    async def test_a_tracker_that_is_cut_short_stays_paused(self, door: Conversations) -> None:
        from rasa.shared.core.domain import Domain
        from rasa.shared.core.events import ActionExecuted, UserUttered

        store = ConversationStore(Domain.empty(), db=str(door.engine.url.render_as_string(hide_password=False)).removeprefix("sqlite:///"))
        door.add("web:1", PAUSE, "p")
        for number in range(60):
            tracker = await store.retrieve("web:1")
            assert tracker is not None and tracker.is_paused(), number
            tracker.update_with_events([UserUttered(f"m{number}"), ActionExecuted("action_listen")], store.domain)
            await store.save(tracker)
        assert len(tracker.events) < 80
        door.add("web:1", RESUME, "r")
        tracker = await store.retrieve("web:1")
        assert tracker is not None and not tracker.is_paused() and tracker.latest_action_name == "action_listen"
        store.close()

    def test_an_erased_conversation_is_in_no_file(self, tmp_path: Path) -> None:
        door = Conversations(str(tmp_path / "c.sqlite3"))
        for number in range(40):
            door.add("web:1", [spoken(f"xyzzymarker {number}" * 20, "Anna", str(number))], f"xyzzymarker{number}")
        assert door.erase("web:1") == 40 and door.erase("web:1") == 0
        found = [path.name for path in tmp_path.rglob("*") if path.is_file() and b"xyzzymarker" in path.read_bytes()]
        door.close()
        assert found == []


@pytest.mark.parametrize(
    ("level", "silence", "speaks"),
    [("emergency", 0, True), ("crisis", 0, True), ("urgent", 0, False), ("urgent", 700, True), ("mild", 700, False), ("none", 0, False), (None, 0, False)],
)
def test_the_bot_speaks_up_in_danger(level: str, silence: float, speaks: bool) -> None:
    assert in_danger({"safety": {"level": level}}, silence) == speaks


def said(replies: List[Dict[str, Any]]) -> str:
    return "\n".join(str(r.get("text")) for r in replies)


@pytest.mark.model
async def test_staff_take_a_conversation_and_give_it_back(parent: Parent, tmp_path: Path) -> None:
    site = Site(parent, tmp_path)
    site.environment["STRIA_CLINIC_DB"] = str(tmp_path / "clinic.sqlite3")
    door = Conversations(site.database)
    try:
        port = await site.start()
        assert "£" in said(await site.say(port, "a", "how much does it cost", "m1"))
        opened = said(await site.say(port, "a", "can i book an appointment", "m2"))
        assert "day" in opened.lower()
        door.add("rest:a", PAUSE, "p")
        assert await site.say(port, "a", "hello anna, how much does it cost", "m3") == []
        assert await site.say(port, "a", "hello anna, how much does it cost", "m3") == []  # the platform repeats it
        assert site.stored("a") == ["m1", "m2", "m3"]
        danger = said(await site.say(port, "a", "my throat is closing up and i cant breathe", "m4"))
        assert "999" in danger
        assert await site.say(port, "a", "thank you", "m5") == []
        assert "£" in said(await site.say(port, "b", "how much does it cost", "m1"))  # others are answered
        assert door.open_form("rest:a") == "booking_form"
        door.add("rest:a", RESUME, "r")
        again = said(await site.say(port, "a", "go on", "m6"))
        assert "day" in again.lower() or "times" in again.lower(), again
        assert site.stored("a") == ["m1", "m2", "m3", "m4", "m5", "m6"]
        assert len(await site.say(port, "a", MESSAGE, "m7")) >= 1
    finally:
        site.end()
        door.close()


@pytest.mark.model
async def test_a_pause_in_the_middle_of_a_turn_holds(site: Site) -> None:
    """The turn that was under way is run again and finds the bot paused: nothing is said over staff."""
    port = await site.start(slow=0.4, effects=str(site.effects))
    door = Conversations(site.database)
    await site.say(port, "a", MESSAGE, "m1")
    waiting = asyncio.ensure_future(site.say(port, "a", MESSAGE, "m2"))
    await asyncio.sleep(0.5)
    door.add("rest:a", PAUSE, "p")
    assert await waiting == [] and site.stored("a") == ["m1", "m2"]
    door.close()


@pytest.mark.model
async def test_whoever_waits_for_silent_staff_is_told_once(site: Site) -> None:
    port = await site.start()
    door = Conversations(site.database)
    await site.say(port, "a", MESSAGE, "m1")
    import time

    door.add("rest:a", [{**event, "timestamp": time.time() - 900} for event in PAUSE], "p")
    assert "020 7946 0123" in said(await site.say(port, "a", "hello?", "m2"))
    assert await site.say(port, "a", "hello??", "m3") == []
    door.close()


def test_the_file_of_the_conversations_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "conversations.sqlite3"
    door = Conversations(str(file))
    door.add("web:1", [spoken("Hello", "anna", "k")], "k")
    assert {part.stat().st_mode & 0o077 for part in tmp_path.iterdir()} == {0}
    door.close()


def filled(table: sa.Table, conversation: str, key: str) -> Dict[str, Any]:
    """A row about `conversation`: wherever a text may name it, it does."""
    about: Dict[str, Any] = {}
    for column in table.columns:
        if column.name in ("sender_id", "conversation"):
            about[column.name] = conversation
        elif column.name == "name":
            about[column.name] = f"in:{conversation}"
        elif column.name == "id":  # counted by the database
            continue
        elif isinstance(column.type, sa.String):
            about[column.name] = "[]" if column.name in ("opening", "replies") else f"{key}{column.name}"[: column.type.length or 40]
        else:
            about[column.name] = 1
    if "content" in about:
        about["content"] = f"words of {conversation}"
    return about


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_no_table_keeps_what_was_erased(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A table that is added one day and that nobody erases from fails here."""
    door = Conversations(str(tmp_path / "conversations.sqlite3") if kind == "sqlite" else request.getfixturevalue("database"))
    tables = list(database.metadata.tables.values())
    with door.engine.begin() as connection:
        for table in tables:
            for conversation in ("sms:+447400123456", "sms:+447400999999"):
                connection.execute(table.insert().values(**filled(table, conversation, conversation[-3:])))
    assert door.erase("sms:+447400123456") == 1
    with door.engine.connect() as connection:
        left = {table.name: [str(tuple(row)) for row in connection.execute(sa.select(table))] for table in tables}
    assert {name for name, rows in left.items() if any("447400123456" in row for row in rows)} == set()
    assert {name for name, rows in left.items() if not any("447400999999" in row for row in rows)} == set()
    door.close()
