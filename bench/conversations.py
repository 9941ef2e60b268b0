"""Conversations as the bot's table of events holds them: for the tests of the review desk, and by the hundred thousand for its bench."""

import io
import itertools
import json
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, sender_id VARCHAR(255) NOT NULL, type_name VARCHAR(255) NOT NULL, timestamp FLOAT,
    intent_name VARCHAR(255), action_name VARCHAR(255), data TEXT);
CREATE INDEX IF NOT EXISTS ix_events_sender_id ON events (sender_id);
CREATE INDEX IF NOT EXISTS ix_events_timestamp ON events (timestamp);
"""
META = {"model_id": "f6e6a493961e4b67bcd1d27e23ddecfb", "assistant_id": "stria"}
CHANNELS = ("website", "website", "website", "whatsapp", "sms", "telegram")
ASKED = [
    ("does it hurt", "ask_pain", "Most people feel pressure and some stinging. We use a numbing cream first."),
    ("how many sessions would i need for my thighs", "ask_session_count", "Often 3 to 6 sessions, about 4 weeks apart."),
    ("whats the price for tummy and hips", "ask_price", "Our prices for microneedling for stretch marks start at £190 a session."),
    ("how long is the skin red afterwards", "ask_downtime", "Usually one to three days."),
    ("is it ok for brown skin", "ask_skin_tone", "It can be, and dark marks are something we look at closely."),
    ("when are you open on saturday", "ask_opening_hours", "We are open on Saturday from 10:00 to 14:00."),
    ("can i go swimming after", "ask_water", "Please stay out of pools for about three days."),
    ("where are you", "ask_location", "12 Willow Road, London."),
    ("will they be gone for good", "ask_results_permanence", "Marks usually become less visible; nobody can say by how much."),
    ("what should i put on it at home", "ask_aftercare", "A plain moisturiser and sun protection."),
]
ODD = ["can you fix my dishwasher", "asdf qwer", "the thing with the thing", "do you do eyebrows", "is my parcel there", "what about my cat"]


def user(text: str, intent: str, confidence: float, channel: str, **parse: Any) -> dict[str, Any]:
    """A message of the person, understood as `intent`."""
    rest = (1 - confidence) / 2
    ranking = [
        {"name": intent, "confidence": confidence},
        {"name": "ask_side_effects", "confidence": rest},
        {"name": "ask_suitability", "confidence": rest / 2},
    ]
    data: dict[str, Any] = {
        "intent": {"name": intent, "confidence": confidence},
        "entities": [],
        "text": text,
        "intent_ranking": ranking,
        "questions": [{"text": text, "intent": intent, "confidence": confidence}],
        "safety": {"level": "none", "fired": [], "table": {"version": "1"}},
        **parse,
    }
    return {"event": "user", "metadata": META, "text": text, "parse_data": data, "input_channel": channel, "message_id": f"{random.getrandbits(64):x}"}


def bot(text: str, buttons: list[str] | None = None, **metadata: Any) -> dict[str, Any]:
    rows = [{"title": title, "payload": "/x"} for title in buttons or []]
    return {"event": "bot", "metadata": {**META, **metadata}, "text": text, "data": {"buttons": rows or None, "custom": None}}


def action(name: str) -> dict[str, Any]:
    return {"event": "action", "metadata": META, "name": name, "policy": "ClinicRules", "confidence": 1.0}


def slot(name: str, value: Any) -> dict[str, Any]:
    return {"event": "slot", "metadata": META, "name": name, "value": value}


def turn(
    text: str, intent: str, reply: str, channel: str = "website", confidence: float = 0.93, by: str = "action_answer", **parse: Any
) -> list[dict[str, Any]]:
    """A message, what was done and what was answered."""
    return [user(text, intent, confidence, channel, **parse), action(by), bot(reply), action("action_listen")]


START = [action("action_session_start"), {"event": "session_started", "metadata": META}, action("action_listen")]


class Events:
    """The bot's database."""

    def __init__(self, path: Path):
        self.path = path
        self.connection = sqlite3.connect(path)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.executescript(TABLES)

    def add(self, sender: str, events: list[dict[str, Any]], at: float | None = None, every: float = 2.0) -> None:
        """Store events of a conversation, `every` seconds after each other."""
        self.rows(rows(sender, events, time.time() if at is None else at, every))

    def rows(self, given: Iterator[tuple[Any, ...]]) -> None:
        with self.connection:
            self.connection.executemany("INSERT INTO events (sender_id, type_name, timestamp, intent_name, action_name, data) VALUES (?, ?, ?, ?, ?, ?)", given)

    def close(self) -> None:
        self.connection.close()


class PostgresEvents(Events):
    """The same in PostgreSQL, in the tables the bot makes itself. `address`: of an empty database."""

    def __init__(self, address: str):
        import psycopg2

        from runtime import database

        engine = database.make_engine(address)
        database.metadata.create_all(engine)
        engine.dispose()
        self.connection = psycopg2.connect(address)

    def rows(self, given: Iterator[tuple[Any, ...]]) -> None:
        """By COPY, 20,000 rows at a time."""
        with self.connection, self.connection.cursor() as cursor:
            while some := list(itertools.islice(given, 20_000)):
                lines = "".join("\t".join("\\N" if value is None else _copied(value) for value in row) + "\n" for row in some)
                cursor.copy_expert("COPY events (sender_id, type_name, timestamp, intent_name, action_name, data) FROM STDIN", io.StringIO(lines))


def _copied(value: Any) -> str:
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def rows(sender: str, events: list[dict[str, Any]], at: float, every: float = 2.0) -> Iterator[tuple[Any, ...]]:
    for number, event in enumerate(events):
        stamped = {**event, "timestamp": at + number * every}
        intent = ((event.get("parse_data") or {}).get("intent") or {}).get("name")
        yield sender, event["event"], stamped["timestamp"], intent, event.get("name"), json.dumps(stamped)


def many(count: int, seed: int = 1, now: float | None = None, days: float = 30) -> Iterator[tuple[Any, ...]]:
    """`count` conversations of about ten events, spread over the last `days`: one in twelve not understood somewhere, one in a hundred with an alarm."""
    dice = random.Random(seed)
    end = time.time() if now is None else now
    for number in range(count):
        at = end - days * 86400 * (1 - (number + 1) / count)
        channel = dice.choice(CHANNELS)
        events = list(START)
        for _ in range(dice.choice((1, 1, 2, 2, 3))):
            text, intent, reply = dice.choice(ASKED)
            events += turn(text, intent, reply, channel, round(dice.uniform(0.55, 0.99), 4))
        if dice.random() < 1 / 12:
            events += turn(dice.choice(ODD), "nlu_fallback", "I am not sure I understood.", channel, 0.21, "action_clarify")
        if dice.random() < 1 / 100:
            safety = {"level": "urgent", "fired": [{"level": "urgent", "part": "signs", "why": "pus", "text_span": "pus"}]}
            events += turn(
                "there is pus coming out since yesterday", "report_urgent_symptom", "Please have this looked at today.", channel, 0.97, safety=safety
            )
        if dice.random() < 1 / 200:
            events += turn(f"the reference word is marker{number}", "inform", "Thank you.", channel, 0.7)
        yield from rows(f"{channel}:{number:08x}", events, at)
