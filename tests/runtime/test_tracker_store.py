"""The conversations' store on SQLite and PostgreSQL: nothing lost, nothing twice, and a turn that costs the same after a thousand turns."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from rasa.core.actions.action import RemoteAction
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, BotUttered, SessionStarted, SlotSet, UserUttered
from rasa.utils.endpoints import EndpointConfig

from runtime import tracker_store
from runtime.tracker_store import CURRENT_TURN, ConversationChanged, ConversationStore, StoreUnavailable, Turn

DOMAIN = Domain.from_yaml("""
version: "3.1"
intents: [hello]
slots:
  memory: {type: any, mappings: [{type: custom}]}
forms:
  booking_form: {required_slots: []}
actions: [action_answer]
""")


@pytest.fixture(params=["sqlite", "postgres"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "c.sqlite3") if request.param == "sqlite" else str(request.getfixturevalue("database"))


@pytest.fixture
def store(where: str) -> Iterator[ConversationStore]:
    made = ConversationStore(DOMAIN, db=where)
    yield made
    made.close()


async def talk(store: ConversationStore, sender: str, turns: int, first: int = 0) -> Any:
    tracker = None
    for number in range(first, first + turns):
        tracker = await store.get_or_create_tracker(sender, append_action_listen=False)
        if not tracker.events:
            tracker.update_with_events([ActionExecuted("action_session_start"), SessionStarted(), ActionExecuted("action_listen")], DOMAIN)
        said = UserUttered(f"turn {number}", {"name": "hello"}, message_id=str(number))
        answer = [ActionExecuted("action_answer"), BotUttered(f"answer {number}"), SlotSet("memory", {"turns": number}), ActionExecuted("action_listen")]
        tracker.update_with_events([said, *answer], DOMAIN)
        await store.save(tracker)
    return tracker


def rows(store: ConversationStore, sender: str) -> int:
    with store.engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).where(tracker_store.events.c.sender_id == sender)).scalar())


async def test_a_long_conversation_keeps_every_event_and_a_short_window(store: ConversationStore) -> None:
    await talk(store, "a", 100)
    assert rows(store, "a") == 3 + 100 * 5
    fresh = ConversationStore(
        DOMAIN, db=store.engine.url.render_as_string(hide_password=False) if "postgresql" in str(store.engine.url) else store.engine.url.database
    )
    for reader in (store, fresh):
        tracker = await reader.retrieve("a")
        assert tracker is not None and len(tracker.events) <= tracker_store.WINDOW
        assert tracker.get_slot("memory") == {"turns": 99}
        texts = [e.text for e in tracker.events if isinstance(e, UserUttered)]
        assert texts == [f"turn {n}" for n in range(100 - len(texts), 100)] and len(texts) >= 6
    full = await store.retrieve_full_tracker("a")
    assert full is not None and len([e for e in full.events if isinstance(e, UserUttered)]) == 100
    fresh.close()


async def test_a_call_after_a_thousand_turns_is_as_small_as_after_ten(tmp_path: Path) -> None:
    """What an action server would be sent, at whatever point of the window the conversation stands."""
    store, remote = (
        ConversationStore(DOMAIN, db=str(tmp_path / "c.sqlite3")),
        RemoteAction("action_answer", EndpointConfig("http://a", enable_selective_domain=True)),
    )

    async def sent() -> int:
        tracker = await store.peek("a")
        assert tracker is not None
        return len(json.dumps(remote._action_call_format(tracker, DOMAIN)))

    await talk(store, "a", 10)
    after_ten = await sent()
    await talk(store, "a", 985, first=10)
    late = []
    for turn in range(995, 1015):
        await talk(store, "a", 1, first=turn)
        late.append(await sent())
    assert max(late) <= 1.3 * after_ten, (max(late), after_ten)
    store.close()


async def test_an_erased_conversation_does_not_come_back_from_the_memory_of_another_process(store: ConversationStore, where: str) -> None:
    """Both processes have it ready; one erases it and the person begins anew there: the other must not take the new one for the old one."""
    other = ConversationStore(DOMAIN, db=where)
    await talk(store, "a", 1)
    assert await other.peek("a") is not None
    await store.erase("a")
    await talk(store, "a", 1, first=7)
    tracker = await other.retrieve("a")
    assert tracker is not None and [e.text for e in tracker.events if isinstance(e, UserUttered)] == ["turn 7"]
    other.close()


async def test_ids_of_erased_events_are_not_given_again(store: ConversationStore) -> None:
    """Whoever copies events reads on from the last id it saw."""
    await talk(store, "a", 2)
    with store.engine.connect() as connection:
        last = connection.execute(sa.select(sa.func.max(tracker_store.events.c.id))).scalar()
    await store.erase("a")
    await talk(store, "b", 1)
    with store.engine.connect() as connection:
        assert connection.execute(sa.select(sa.func.min(tracker_store.events.c.id))).scalar() > last


async def test_an_open_form_survives_the_window(store: ConversationStore) -> None:
    tracker = await talk(store, "a", 1)
    tracker = await store.retrieve("a")
    assert tracker is not None
    tracker.update_with_events(
        [UserUttered("book", {"name": "hello"}), ActionExecuted("booking_form"), ActiveLoop("booking_form"), ActionExecuted("action_listen")], DOMAIN
    )
    await store.save(tracker)
    await talk(store, "a", 60, first=1)
    again = await store.retrieve("a")
    assert again is not None and again.active_loop_name == "booking_form" and again.get_slot("memory") == {"turns": 60}


async def test_a_second_writer_is_told_and_nothing_is_lost(store: ConversationStore, where: str) -> None:
    await talk(store, "a", 1)
    other = ConversationStore(DOMAIN, db=where)
    mine, theirs = await store.retrieve("a"), await other.retrieve("a")
    assert mine is not None and theirs is not None
    for tracker in (mine, theirs):
        tracker.update_with_events([UserUttered("again", {"name": "hello"}), ActionExecuted("action_listen")], DOMAIN)
    await other.save(theirs)
    before = rows(store, "a")
    with pytest.raises(ConversationChanged):
        await store.save(mine)
    assert rows(store, "a") == before
    reread = await store.retrieve("a")
    assert reread is not None and [e.text for e in reread.events if isinstance(e, UserUttered)] == ["turn 0", "again"]
    other.close()


async def test_two_beginnings_of_one_conversation_are_one(store: ConversationStore, where: str) -> None:
    other = ConversationStore(DOMAIN, db=where)
    results = await asyncio.gather(talk(store, "a", 1), talk(other, "a", 1), return_exceptions=True)
    assert sum(isinstance(r, ConversationChanged) for r in results) <= 1
    tracker = await store.retrieve("a")
    assert tracker is not None
    stored = sum(not isinstance(r, Exception) for r in results)
    assert len([e for e in tracker.events if isinstance(e, UserUttered)]) == stored
    other.close()


async def test_an_answered_message_is_known_and_its_turn_is_not_stored_twice(store: ConversationStore) -> None:
    assert await store.answer_of("a", "m1") is None
    token = CURRENT_TURN.set(Turn("m1", [{"text": "answer"}]))
    try:
        await talk(store, "a", 1)
        assert await store.answer_of("a", "m1") == [{"text": "answer"}]
        assert await store.answer_of("b", "m1") is None
        with pytest.raises(ConversationChanged):
            await talk(store, "a", 1, first=1)
    finally:
        CURRENT_TURN.reset(token)
    assert rows(store, "a") == 8


async def test_unreadable_rows_are_left_out(store: ConversationStore, where: str, caplog: pytest.LogCaptureFixture) -> None:
    await talk(store, "a", 3)
    with store.engine.begin() as connection:
        first = connection.execute(sa.select(sa.func.min(tracker_store.events.c.id)).where(tracker_store.events.c.type_name == "user")).scalar()
        connection.execute(tracker_store.events.update().where(tracker_store.events.c.id == first).values(data='{"event": "user", "text": Anna'))
        connection.execute(tracker_store.events.update().where(tracker_store.events.c.id == first + 2).values(data='{"event": "nonsense"}'))
    fresh = ConversationStore(DOMAIN, db=where)
    tracker = await fresh.retrieve("a")
    assert tracker is not None and [e.text for e in tracker.events if isinstance(e, UserUttered)] == ["turn 1", "turn 2"]
    assert "Anna" not in caplog.text and f"event {first}" in caplog.text
    await talk(fresh, "a", 1, first=3)
    fresh.close()


async def test_a_database_of_stock_rasa_is_read_on(store: ConversationStore) -> None:
    await talk(store, "a", 2)
    with store.engine.begin() as connection:
        connection.execute(tracker_store.windows.delete())
    store._ready.clear()
    await talk(store, "a", 1, first=2)
    tracker = await store.retrieve("a")
    assert tracker is not None and [e.text for e in tracker.events if isinstance(e, UserUttered)] == ["turn 0", "turn 1", "turn 2"]
    assert rows(store, "a") == 18


async def test_erasing_leaves_nothing_and_purging_leaves_the_young(store: ConversationStore) -> None:
    await talk(store, "a", 2)
    await talk(store, "b", 2)
    assert await store.erase("a") == 13 and rows(store, "a") == 0 and await store.retrieve("a") is None
    assert await store.purge(time.time() - 60, time.time() - 60) == 0
    assert await store.purge(time.time() + 1, time.time() + 1) == 13 and list(await store.keys()) == []


async def test_hostile_texts_are_stored_whole(store: ConversationStore) -> None:
    tracker = await store.get_or_create_tracker("a", append_action_listen=False)
    tracker.update_with_events([UserUttered("nul \x00 and \ud800 and 💥", {"name": "hello"}), ActionExecuted("action_listen")], DOMAIN)
    await store.save(tracker)
    store._ready.clear()
    again = await store.retrieve("a")
    assert again is not None and again.latest_message is not None and again.latest_message.text == "nul \x00 and \ud800 and 💥"


async def test_another_writer_of_the_file_is_waited_for(tmp_path: Path) -> None:
    store = ConversationStore(DOMAIN, db=str(tmp_path / "c.sqlite3"))
    await talk(store, "a", 1)
    blocker = sqlite3.connect(tmp_path / "c.sqlite3", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    saving = asyncio.ensure_future(talk(store, "a", 1, first=1))
    ticks = 0
    while ticks < 20:  # the loop goes on while the save waits
        await asyncio.sleep(0.02)
        ticks += 1
    assert not saving.done()
    blocker.execute("COMMIT")
    await saving
    assert rows(store, "a") == 13
    blocker.close()
    store.close()


async def test_a_full_disk_is_said_and_leaves_nothing_half(tmp_path: Path) -> None:
    store = ConversationStore(DOMAIN, db=str(tmp_path / "c.sqlite3"))
    await talk(store, "a", 1)

    def small(connection: Any, record: Any, proxy: Any) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    sa.event.listen(store.engine, "checkout", small)
    tracker = await store.retrieve("a")
    assert tracker is not None
    tracker.update_with_events([UserUttered("x" * 900, {"name": "hello"}), SlotSet("memory", "y" * 200_000)], DOMAIN)
    with pytest.raises(StoreUnavailable):
        await store.save(tracker)
    assert rows(store, "a") == 8
    sa.event.remove(store.engine, "checkout", small)
    with store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=1073741823")
    store.engine.dispose()
    await talk(store, "a", 1, first=1)
    assert rows(store, "a") == 13
    store.close()


async def test_postgres_may_be_down_at_the_start_restart_and_stop(postgres: Any) -> None:
    address = postgres.database()
    postgres.stop()
    store = ConversationStore(DOMAIN, db=address)
    with pytest.raises(StoreUnavailable):
        await store.retrieve("a")
    postgres.start()
    await talk(store, "a", 2)
    postgres.stop()
    with pytest.raises(StoreUnavailable):
        await talk(store, "a", 1, first=2)
    postgres.start()
    await talk(store, "a", 1, first=2)
    tracker = await store.retrieve("a")
    assert tracker is not None and [e.text for e in tracker.events if isinstance(e, UserUttered)] == ["turn 0", "turn 1", "turn 2"]
    assert rows(store, "a") == 18
    store.close()
