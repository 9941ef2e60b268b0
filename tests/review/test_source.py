"""The bot's events are read from PostgreSQL as from SQLite."""

import json
import time

from clinic.review.source import Source
from runtime import database as conversations


def test_events_are_read_from_postgres(database: str) -> None:
    engine = conversations.make_engine(database)
    assert Source(database).after(0, 10) == []  # before the bot has made its tables
    conversations.metadata.create_all(engine)
    now = time.time()
    with engine.begin() as connection:
        for text in ("one", "two", "three"):
            row = {"sender_id": "web:a", "type_name": "user", "timestamp": now - 60, "data": json.dumps({"text": text})}
            connection.execute(conversations.events.insert(), [row])
    source = Source(database)
    assert [(e.id, e.data["text"]) for e in source.after(0, 2)] == [(1, "one"), (2, "two")] and source.texts([2, 3]) == {2: "two", 3: "three"}
    with engine.begin() as connection:
        connection.execute(conversations.events.delete().where(conversations.events.c.id == 3))
    assert source.stamp(3) is None and abs((source.stamp(1) or 0) - now + 60) < 1 and source.highest() == 3
    engine.dispose()
